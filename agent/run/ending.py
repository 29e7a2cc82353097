"""The ends and pauses of a run: what caused one, how the run ends by it, and whether it only pauses.

A run pauses where the person can put right what went wrong, or was asked and stopped it; afterwards the
model is told. The end by a refused action is decided here too (`ending_of`).
"""

from typing import Final

from qvl_agent.actions.core.errors import DesktopError, NoScreenError, Stopped
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import Decision
from qvl_agent.agent.recording.format import RunStatus
from qvl_agent.agent.run.checks.verification import VerificationResult
from qvl_agent.agent.run.context import Halt

__all__ = ["RunEnded", "ending_of", "halted", "no_screen", "refusal_message", "resumed"]

_MENDABLE: Final[frozenset[RunStatus]] = frozenset({"stuck", "desktop-error"})
"""The ends whose cause a person can put right, so that the run may go on."""
_OUT_OF_BUDGET: Final = "budget"
"""The beginning of the names of the rules for used-up budgets."""
_OUT_OF_QUESTIONS: Final = "budget-approvals"


class RunEnded(Exception):  # noqa: N818 - the end of a run, not a failure
    """The end of a run, or its pause.

    Attributes:
        status: how the run ends.
        message: why, for the person.
        answer: the model's answer; None if the task was no question.
        verified: the result of checking the model's claim.
        message_to_model: the last action's outcome, for the model, if the run goes on.
        pauses: whether the run only pauses, if a person is there to let it go on.
    """

    def __init__(
        self,
        status: RunStatus,
        message: str = "",
        answer: str | None = None,
        verified: VerificationResult = VerificationResult(),  # noqa: B008 - frozen
        *,
        message_to_model: str = "",
        pauses: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.status: RunStatus = status
        self.message = message
        self.answer = answer
        self.verified = verified
        self.message_to_model = message_to_model
        self.pauses = status in _MENDABLE if pauses is None else pauses


def halted(trouble: RunEnded | Stopped | DesktopError, halt: Halt | None) -> RunEnded:
    """Return how a run ends or pauses.

    Args:
        trouble: the exception that was raised.
        halt: why the run was told to stop; None if it wasn't, or if that isn't known.
    """
    match trouble:
        case RunEnded():
            over = trouble
        case NoScreenError():
            over = RunEnded("desktop-error", str(trouble), pauses=False)
        case DesktopError():
            over = RunEnded("desktop-error", str(trouble))
        case _:
            over = RunEnded("stopped", str(trouble))
    if over.status == "stopped" and halt is not None:
        return RunEnded(halt.status, halt.message, message_to_model=over.message_to_model, pauses=halt.pauses)
    return over


def no_screen(desktop: Desktop) -> str:
    """Return why there is no screen any more, so that no pause would help; "" if there is a screen."""
    for _ in range(2):  # the first call finds the connection broken, the second that nobody answers
        try:
            desktop.geometry()
        except NoScreenError as error:
            return str(error)
        except DesktopError:
            continue
        break
    return ""


def resumed(why: str) -> str:
    """Return the sentence that tells the model of a pause and its reason."""
    return f"It was paused ({why}) until the person let it go on; they may have worked meanwhile."


def ending_of(decision: Decision, asked_most: str) -> tuple[RunStatus, str] | None:
    """Return how a refusal ends the run, and why; None if the model may try something else.

    Args:
        decision: the decision to refuse, or one that nobody answered in time.
        asked_most: what the person was asked most, and how to need fewer questions.
    """
    verdict, consent = decision.verdict, decision.consent
    if decision.refused_by == "nobody":
        return "parked", f"nobody said yes in time, so it wasn't done: {verdict.reason}"
    if verdict.rule.startswith(_OUT_OF_BUDGET):
        most = f": {asked_most}" if asked_most and verdict.rule == _OUT_OF_QUESTIONS else ""
        return "budget", f"{verdict.reason}{most}"
    if consent and consent.said == "stop":
        return "stopped", "stopped by the person at a question"
    if consent and consent.said == "absent":
        return "refused", f"{verdict.reason}, and nobody is there to ask"
    return None


def refusal_message(decision: Decision) -> str:
    """Return the message that tells the model who refused its action, and why."""
    reason = decision.verdict.reason
    return f"the person said no ({reason})" if decision.consent else reason
