"""The person at the machine, as far as the agent needs one: to approve, and to answer."""

from dataclasses import dataclass
from typing import Protocol

from qvl_agent.actions.coordinates import DesktopPoint
from qvl_agent.actions.frame import Frame
from qvl_agent.actions.outcome import Level, Verdict
from qvl_agent.actions.schema import Action

__all__ = ["Nobody", "Person", "Question"]


@dataclass(frozen=True, slots=True)
class Question:
    """What a person needs to see to say yes or no.

    Attributes:
        action: what would be done.
        verdict: why it is asked.
        frame: the screen that the model saw.
        goal: where the pointer would end, in logical pixels; None if it wouldn't move.
    """

    action: Action
    verdict: Verdict
    frame: Frame
    goal: DesktopPoint | None


class Person(Protocol):
    """Somebody who can be asked. Never the model."""

    def approve(self, question: Question) -> bool:
        """Say whether the action may be done; at `Level.NOTICE` silence means yes, else no."""
        ...

    def answer(self, question: str) -> str | None:
        """Answer the model's question; None if nobody does."""
        ...


class Nobody:
    """Nobody is there: notices pass, questions are refused."""

    def approve(self, question: Question) -> bool:
        return question.verdict.level <= Level.NOTICE

    def answer(self, question: str) -> str | None:
        del question
        return None
