"""The person at the machine, as far as the agent needs one: to approve, and to answer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.approval import LIFETIME_S

__all__ = ["QUESTION_S", "CallablePerson", "Consent", "Nobody", "Person", "Question", "Said"]

QUESTION_S: Final = LIFETIME_S
"""How long a question stands: a yes that comes later is to a screen of long ago, and doesn't count."""

Said = Literal["yes", "yes-for-run", "no", "stop", "late", "absent"]
"""yes: this once · yes-for-run: and whatever else the same rule asks about in this run, where it asks
only once · no: not this; the run may go another way · stop: end the run · late: nobody answered in time, so
the run is parked · absent: nobody is there to ask, so it is refused."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's answer to a question; only the two yeses let anything happen.

    Attributes:
        said: see `Said`.
        seconds: how long the question stood.
        remembered: it wasn't asked, as the person had refused the same before.
    """

    said: Said
    seconds: float = 0.0
    remembered: bool = False

    @property
    def yes(self) -> bool:
        return self.said in {"yes", "yes-for-run"}


@dataclass(frozen=True, slots=True)
class Question:
    """What a person needs to see to say yes or no.

    Attributes:
        action: what would be done.
        verdict: why it is asked, and at which level.
        frame: the whole screen that the model saw.
        goal: where the pointer would end, in logical pixels; None if it wouldn't move.
        boxes: the action's targets, in pixels of `frame`; a drag has two.
        window: where it goes: the window under the target, else the one with the focus; None if not known.
        limit_s: how long it stands; a later answer counts as none.
        stop: says whether the run was asked to stop meanwhile; who waits for an answer reads it often.
    """

    action: Action
    verdict: Verdict
    frame: Frame
    goal: DesktopPoint | None
    boxes: tuple[FrameBox, ...] = ()
    window: WindowInfo | None = None
    limit_s: float = QUESTION_S
    stop: StopCheck = field(default=lambda: False, compare=False, repr=False)


class Person(Protocol):
    """Somebody who can be asked. Never the model."""

    def approve(self, question: Question) -> Consent:
        """Say whether the action may be done; at `Level.NOTICE` silence means yes, else never."""
        ...

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        """Answer the model's question; None if nobody does in time, or `stop` says so meanwhile."""
        ...

    def pause(self, why: str, stop: StopCheck) -> bool:
        """Say why the run pauses, wait, and say whether it goes on; False at once if nobody is there.

        Args:
            why: a sentence for the person.
            stop: says whether the run was asked to end meanwhile; who waits reads it often.
        """
        ...


class Nobody:
    """Nobody is there: notices pass, questions are refused."""

    def approve(self, question: Question) -> Consent:
        return Consent("yes" if question.verdict.level <= Level.NOTICE else "absent")

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        del question, stop
        return None

    def pause(self, why: str, stop: StopCheck) -> bool:
        del why, stop
        return False


class CallablePerson:
    """A person behind a program's own functions: a dialog, a chat bot, a pager."""

    def __init__(
        self,
        approve: Callable[[Question], Consent | bool],
        answer: Callable[[str], str | None] = lambda _question: None,
        pause: Callable[[str, StopCheck], bool] = lambda _why, _stop: False,
    ) -> None:
        """Take who answers.

        Args:
            approve: True is a yes to this one action, False a no; a `Consent` says more. It isn't called
                for notices.
            answer: answers the model's own questions; None if nobody does.
            pause: waits where the run can't go on as it is, and says whether it does.
        """
        self._approve, self._answer, self._pause = approve, answer, pause

    def approve(self, question: Question) -> Consent:
        if question.verdict.level <= Level.NOTICE:
            return Consent("yes")
        said = self._approve(question)
        if isinstance(said, Consent):
            return said
        return Consent("yes" if said is True else "no")

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        del stop
        return self._answer(question)

    def pause(self, why: str, stop: StopCheck) -> bool:
        return self._pause(why, stop)
