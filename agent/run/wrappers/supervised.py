"""A run under the watchdog of its desktop: the person's kill switch, and their taking over."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.execution.person import Consent, Person, Question
from qvl_agent.agent.recording.format import RunStatus
from qvl_agent.agent.run.context import Halt, Setup

__all__ = ["supervised"]

S = TypeVar("S", bound=Setup)


@contextmanager
def supervised(setup: S) -> Iterator[S]:
    """Give the setup to run with: where the desktop has a watchdog, it stops when that says so.

    Raises:
        NoScreenError: the watchdog didn't start.
    """
    watchdog = setup.desktop.watchdog
    if watchdog is None:
        yield setup
        return
    with watchdog.watching():
        yield replace(
            setup,
            stop=lambda: watchdog.stopped() or setup.stop(),
            why_stopped=lambda: _halt(watchdog) or setup.why_stopped(),
            person=_Asked(setup.person, watchdog),
        )


def _halt(watchdog: Watchdog) -> Halt | None:
    if not watchdog.reason:
        return None
    status: RunStatus = "desktop-error" if watchdog.lost else "stopped"
    return Halt(status, watchdog.reason, pauses=watchdog.pauses)


class _Asked:
    """The person, who may type and click while they are asked something: that is no taking over."""

    def __init__(self, person: Person, watchdog: Watchdog) -> None:
        self._person, self._watchdog = person, watchdog

    def approve(self, question: Question) -> Consent:
        with self._watchdog.paused():
            return self._person.approve(question)

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        with self._watchdog.paused():
            return self._person.answer(question, stop=stop)

    def pause(self, why: str, stop: StopCheck) -> bool:
        """Wait unwatched; a watchdog that was lost is another one afterwards.

        Raises:
            NoScreenError: there is none: it didn't start.
        """
        self._watchdog.rest()
        if not self._person.pause(why, stop) or stop():
            return False
        self._watchdog.wake()
        return True
