"""The parts that a run is made of: a desktop, a model, and the rules by which they work."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import NamedTuple

from qvl_agent.actions.core import limits
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.execution.person import Nobody, Person
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.actions.secrets.vault import EMPTY, Vault
from qvl_agent.agent.models import Model
from qvl_agent.agent.recording.format import RunStatus
from qvl_agent.agent.run.events import Subscriber
from qvl_agent.agent.run.modes import Constrain, LookCloser, Verify

__all__ = ["Halt", "Setup"]


class Halt(NamedTuple):
    """The reason for which a run was told to stop.

    Attributes:
        status: how the run ends by it.
        message: the reason, in a sentence.
        pauses: whether the run only pauses, if a person is there to let it go on.
    """

    status: RunStatus
    message: str
    pauses: bool = False


@dataclass(frozen=True, slots=True)
class Setup:
    """One desktop, one model, and the rules by which they work.

    Attributes:
        desktop: the desktop that is looked at and acted on.
        model: the model that decides.
        dialect: the format in which the model is asked to answer: "grounded" or "computer_use".
        pixel_space: whether the model answers in pixels; such coordinates are refused with that reason.
        policy: the guard's limits.
        secrets: the values that are typed unseen, each into its own application.
        person: answers questions; without a person every question is a refusal.
        reader: reads the text on a target from the pixels, as a second opinion to the model's label;
            without one the guard has only the label.
        subscribers: get the run's events; see `qvl_agent.agent.run.events`.
        stop: returns True once the run is to stop; called many times a second.
        why_stopped: after `stop` returned True, returns how the run ends or why it pauses, where that is
            known.
        rules: notes for the model that go with every task.
        verify: how a claim of "done" is checked; see `Verify`. The command line's default is "auto", which
            costs one more reply of the model for each run; a program's is "checker".
        look_closer: when the model points a second time, in a close-up: "auto", "never" or "always".
        constrain: keep the replies to the dialect's format while they are written, where the model can:
            "auto" or "never".
        picture_tokens: the most image tokens of a picture; the "auto" of `look_closer` computes from them how
            far the screen is shrunk, unless the model itself knows.
    """

    desktop: Desktop
    model: Model
    _: KW_ONLY
    dialect: str = "grounded"
    pixel_space: bool = False
    policy: Policy = Policy()
    secrets: Vault = EMPTY
    person: Person = Nobody()
    reader: Reader | None = None
    subscribers: tuple[Subscriber, ...] = ()
    stop: StopCheck = lambda: False
    why_stopped: Callable[[], Halt | None] = lambda: None
    rules: tuple[str, ...] = ()
    verify: Verify = "checker"
    look_closer: LookCloser = "auto"
    constrain: Constrain = "auto"
    picture_tokens: int = limits.PICTURE_TOKENS
