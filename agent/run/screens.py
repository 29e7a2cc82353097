"""The screens of a run: captured (again, if that fails), checked, and recorded."""

import logging
import time
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.guard.lexicon.words import programs
from qvl_agent.actions.screen.sanity import Sanity
from qvl_agent.agent.recording.recording import Recorder
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import EventStream, Warned

__all__ = ["GRABS", "Screens"]

_log = logging.getLogger(__name__)

GRABS: Final = 3
"""The number of captures that are tried in a row."""
GRAB_PAUSE_S: Final = 0.3
"""Seconds between two of them."""


class Screens:
    """The screens of one run.

    Attributes:
        last: the last screen that was captured, whether it passed the check or not; None before the first.
    """

    def __init__(self, setup: Setup, recorder: Recorder, events: EventStream) -> None:
        self._setup = setup
        self._events = events
        self._recorder = recorder
        self.last: Frame | None = None
        self.start_anew()

    def start_anew(self) -> None:
        """Forget the screens so far, so that the next is checked without them: a person has seen to it."""
        self._sanity = Sanity(
            self._setup.desktop.grab,
            stop=self._setup.stop,
            clock=time.monotonic,
            sleep=time.sleep,
            may_be_blank=self._setup.desktop.capabilities.checks_task,
        )

    def look(self, frame: Frame | None = None) -> Frame:
        """Take the settled frame, or capture one; check it, record it and return it.

        Raises:
            DesktopError: the screen can't be captured, is locked, or fails the check.
        """
        self.last = frame or self._grab()
        self._recorder.keep(self.last)
        self._refuse_locked(self.last)
        sound = self._sanity.check(self.last)
        if sound.warning:
            self._events.publish(Warned(sound.warning))
        self.last = sound.frame
        self._recorder.keep(self.last)
        return self.last

    def _refuse_locked(self, frame: Frame) -> None:
        monitor = frame.view.monitor
        middle = DesktopPoint(monitor.left + monitor.width // 2, monitor.top + monitor.height // 2)
        window = self._setup.desktop.window_at(middle)
        if window is not None and window.names & programs().lock_screens:
            raise DesktopError(f"the screen is locked ({window.called}); unlock it")

    def _grab(self) -> Frame:
        for _ in range(GRABS - 1):
            try:
                return self._setup.desktop.grab()
            except NoScreenError:
                raise
            except DesktopError as error:
                _log.warning("the screen can't be captured, trying again: %s", error)
                time.sleep(GRAB_PAUSE_S)
        return self._setup.desktop.grab()
