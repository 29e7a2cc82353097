"""Whoever looks on is told before a person is asked: a terminal has to end what it draws, a log waits."""

from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.execution.person import Consent, Person, Question
from qvl_agent.agent.run.listener import Watch

__all__ = ["Announced"]


class Announced:
    """A person, and who is told first."""

    def __init__(self, person: Person, watch: Watch) -> None:
        self._person, self._watch = person, watch

    def approve(self, question: Question) -> Consent:
        self._watch.asking(question)
        return self._person.approve(question)

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        return self._person.answer(question, stop=stop)

    def pause(self, why: str, stop: StopCheck) -> bool:
        self._watch.paused(why)
        return self._person.pause(why, stop)
