"""The doctor's longest examination: whether the configured model points where the targets are."""

from collections.abc import Callable
from dataclasses import dataclass

from qvl_agent.actions.core.errors import QvlError, Stopped
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.agent.doctor.environment import Finding
from qvl_agent.agent.doctor.pointing.findings import findings
from qvl_agent.agent.doctor.pointing.measure import Measured, Watching, measure, questions
from qvl_agent.agent.doctor.pointing.summary import Summary, summarise
from qvl_agent.agent.models import with_format
from qvl_agent.agent.opening import open_model_for
from qvl_agent.agent.settings import Settings

__all__ = ["Examined", "examine_pointing"]


@dataclass(frozen=True, slots=True)
class Examined:
    """What the doctor says, and by which figures; None if the model gave none."""

    findings: tuple[Finding, ...]
    measured: Measured | None = None
    summary: Summary | None = None


def examine_pointing(
    settings: Settings,
    *,
    quick: bool = False,
    watch: Watching = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Examined:
    """Open the model that the settings choose, and ask it for known targets. Sends no input.

    Raises:
        Stopped: `stop` said so. A model that can't be opened, or fails, is a finding.
    """
    try:
        with open_model_for(settings) as model:
            kept = settings.constrain == "auto"
            measured = measure(
                with_format(model, reply_format(settings.dialect)) if kept else model,
                questions(quick=quick),
                dialect=settings.dialect,
                max_picture_tokens=settings.max_picture_tokens,
                watch=watch,
                stop=stop,
            )
    except Stopped:
        raise
    except QvlError as error:
        failed = Finding(name="pointing", state="bad", fact=str(error), remedy="then run doctor again")
        return Examined((failed,))
    summary = summarise(measured)
    return Examined(findings(measured, summary), measured, summary)
