"""The wrapper for a run with a watchdog: it stops by the kill switch, or when the person takes over."""

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
    """Yield the setup to run with; if the desktop has a watchdog, its `stop` heeds the watchdog too.

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
    """A wrapper of the person: while they are asked, typing and clicking doesn't count as taking over."""

    def __init__(self, person: Person, watchdog: Watchdog) -> None:
        self._person, self._watchdog = person, watchdog

    def approve(self, question: Question) -> Consent:
        with self._watchdog.paused():
            return self._person.approve(question)

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        with self._watchdog.paused():
            return self._person.answer(question, stop=stop)

    def pause(self, why: str, stop: StopCheck) -> bool:
        """Wait for the person while the watchdog rests; then wake it, or start a new one if it was lost.

        Raises:
            NoScreenError: the new watchdog didn't start.
        """
        self._watchdog.rest()
        if not self._person.pause(why, stop) or stop():
            return False
        self._watchdog.wake()
        return True
