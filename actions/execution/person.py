"""The person at the machine, who approves actions and answers questions."""

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
"""Seconds for which a question is open: a later yes would be about an old screen, and doesn't count."""

Said = Literal["yes", "yes-for-run", "no", "stop", "late", "absent"]
"""yes: this action, once · yes-for-run: this action, and all others that the same rule asks about in this
run, if the rule asks only once · no: not this action; the run may try another way · stop: end the run · late:
nobody answered in time, so the run is parked · absent: nobody is there to ask, so the action is refused."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A person's answer to a question; only "yes" and "yes-for-run" allow anything.

    Attributes:
        said: the answer; see `Said`.
        seconds: how long the question was open.
        remembered: whether it wasn't asked, because the person had refused the same before.
    """

    said: Said
    seconds: float = 0.0
    remembered: bool = False

    @property
    def yes(self) -> bool:
        return self.said in {"yes", "yes-for-run"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a person whether an action may be done, with all that the person needs to see.

    Attributes:
        action: the action that would be done.
        verdict: the verdict that asks for consent, with its reason and level.
        frame: the whole screen that the model saw.
        goal: where the pointer would end, in logical pixels; None if it wouldn't move.
        boxes: the action's targets, in pixels of `frame`; a drag has two.
        window: the window under the target, else the one with the focus; None if it isn't known.
        limit_s: seconds for which the question is open; a later answer doesn't count.
        stop: returns whether the run was asked to stop; call it often while waiting for the answer.
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
    """A person who can be asked. Never the model."""

    def approve(self, question: Question) -> Consent:
        """Return whether the action may be done; no answer means yes at `Level.NOTICE`, otherwise no."""
        ...

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        """Answer the model's question; None if nobody answers in time, or `stop` returns True before."""
        ...

    def pause(self, why: str, stop: StopCheck) -> bool:
        """Show why the run pauses, wait, and return whether it goes on; False at once if nobody is there.

        Args:
            why: a sentence for the person.
            stop: returns whether the run was asked to end; call it often while waiting.
        """
        ...


class Nobody:
    """The person of a run that nobody watches: notices pass, questions are refused."""

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
        """Store the functions that answer.

        Args:
            approve: returns True to allow this one action, False to refuse it, or a `Consent`. It isn't
                called for notices.
            answer: answers the model's own questions; returns None if nobody answers.
            pause: waits while the run can't go on, and returns whether it goes on.
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
