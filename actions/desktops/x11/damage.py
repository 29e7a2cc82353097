"""Hear from an X server that something was drawn, and from applications that they have handled their events.

The extension DAMAGE tells of what is drawn within a tenth of a millisecond, whoever draws it, and moving the
pointer or capturing the screen isn't told. Only that something was drawn is asked for, not where: then the
server sends one event, and no other until it is told that the first was read.

Source: https://www.x.org/releases/X11R7.7/doc/damageproto/damageproto.txt, "DamageReportNonEmpty".
"""

import logging
import select
import time
from typing import Any, Final

from Xlib.ext import damage

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.windows.ping import ANSWER_MASK, Ping
from qvl_agent.actions.desktops.x11.windows.tree import focused_window, window_under_pointer

__all__ = ["X11Damage"]

_log = logging.getLogger(__name__)

_HANGS_S: Final = 2.0
"""Seconds without an answer after which a window isn't waited for any more, until it answers."""
_MOST_MISSED: Final = 2
"""After so many changes of which nothing was told, the server is taken to tell only some: old drivers do."""


class X11Damage:
    """What is drawn on one X display; a `screen.damage.Damage`. One thread at a time may ask.

    Attributes:
        told: how often `wait` has returned True.
        trusted: False once changes weren't told; then the screen has to be captured to see them.
    """

    def __init__(self, name: str) -> None:
        """Listen to a display.

        Raises:
            DesktopError: the server doesn't tell what is drawn, or is gone.
        """
        self.told = 0
        self.trusted = True
        self._missed = 0
        self._drawn = False
        self._display: Any = None
        self._owed: dict[int, tuple[int, float]] = {}
        self._hanging: set[int] = set()
        self._connection = Connection(name, on_event=self._hear)
        try:
            with self._connection as display:
                self._listen(display)
        except BaseException:
            self._connection.close()
            raise

    def _listen(self, display: Any) -> None:
        """Ask for the events, also on a connection that had to be opened again."""
        if display is self._display:
            return
        if not display.has_extension(damage.extname):
            raise DesktopError("the X server doesn't tell what is drawn: it has no extension DAMAGE")
        display.damage_query_version()
        root = display.screen().root
        root.change_attributes(event_mask=ANSWER_MASK)
        self._ping = Ping(display)
        self._owed.clear()
        self._drawn = False
        self._told_by = display.extension_event.DamageNotify
        self._damage = root.damage_create(damage.DamageReportNonEmpty)
        display.sync()
        self._read(display)
        if not self._drawn:  # what is on the screen already is the first that is told
            raise DesktopError(
                "the X server doesn't tell what is drawn, although it has the extension DAMAGE"
            )
        self._display = display

    def _read(self, display: Any) -> None:
        while display.pending_events():
            self._hear(display.next_event())

    def _hear(self, event: Any) -> None:
        if event.type & 0x7F == self._told_by:
            self._drawn = True
        elif (number := self._ping.number(event)) is not None and number in self._owed:
            window, _ = self._owed.pop(number)
            self._hanging.discard(window)

    def wait(self, seconds: float) -> bool:
        """Wait until something is drawn, at most for so many seconds; see `screen.damage.Damage.wait`.

        Raises:
            DesktopError: the server is gone.
        """
        end = time.monotonic() + seconds
        with self._connection as display:
            self._listen(display)
            self._read(display)
            owed = bool(self._owed)
            while not self._drawn:
                left = end - time.monotonic()
                if left <= 0 or (owed and not self._owed):
                    return False
                select.select([display.fileno()], [], [], left)
                self._read(display)
            self._drawn = False
            self.told += 1
            display.damage_subtract(self._damage)
            display.sync()  # so what a capture on another connection doesn't show will be told
        return True

    def ask(self) -> None:
        """Ask the windows that input goes to, under the pointer and with the focus, for an answer.

        Raises:
            DesktopError: the server is gone.
        """
        with self._connection as display:
            self._listen(display)
            self._read(display)
            waited_for = {window for window, _ in self._owed.values()}
            windows = filter(None, (focused_window(display), window_under_pointer(display)))
            for window in {int(each.id): each for each in windows}.values():
                if window.id not in waited_for and self._ping.answered_by(window):
                    self._owed[self._ping.send(window)] = int(window.id), time.monotonic()

    def busy(self) -> bool:
        """Return whether a window owes an answer that it can be expected to give.

        Raises:
            DesktopError: the server is gone.
        """
        with self._connection as display:
            self._listen(display)
            self._read(display)
        late = time.monotonic() - _HANGS_S
        self._hanging |= {window for window, asked in self._owed.values() if asked < late}
        return any(window not in self._hanging for window, _ in self._owed.values())

    def missed(self) -> None:
        """Note that the screen changed and nothing was told."""
        self._missed += 1
        if self._missed == _MOST_MISSED:
            self.trusted = False
            _log.warning("the X server doesn't tell all that is drawn, so the screen is polled")

    def close(self) -> None:
        self._connection.close()
