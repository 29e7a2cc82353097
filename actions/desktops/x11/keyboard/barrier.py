"""Wait until the focused application has read all the keys that it was sent.

A client looks a keycode up in the keyboard map at the moment when it *reads* the key press, so a keycode may
be given another meaning only after that. There are three ways to know; the first that works is used:

1. _NET_WM_PING (Tk, GTK, Qt and Chromium have it): the application answers in the order of its
   events, see `ping`.
2. If the application runs on this machine (xterm, for example): all its threads sleep and weren't woken
   during two rounds of the server, so none of them has keys left to read or waits for the server. A
   thread that was sent something is woken at once, however long it has to wait for a core then.
3. A fixed pause.
"""

import select
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops.x11.input import check_stop
from qvl_agent.actions.desktops.x11.windows.ping import ANSWER_MASK, Ping
from qvl_agent.actions.desktops.x11.windows.tree import focused_window, process_of, window_manager

if TYPE_CHECKING:
    from qvl_agent.actions.desktops import StopCheck

__all__ = ["PING_S", "Barrier"]

PING_S: Final = 10.0
"""Seconds without an answer after which an application hangs; keys sent to it would be garbled."""
_PAUSE_S: Final = 0.03
_SLEEP_POLL_S: Final = 0.001
_SLEEP_LIMIT_S: Final = 0.3
"""Seconds that an application that is never idle (as it plays a video) gets to read its keys."""
_MANAGER_LIMIT_S: Final = 1.0


class Barrier:
    """Waits for one application after another, over one connection."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._ping = Ping(display)

    def wait(self, stop: "StopCheck") -> None:
        """Return once the application with the focus has read all keys sent before this call.

        Raises:
            Stopped: `stop` returned True.
            DesktopError: the application hangs.
        """
        self._display.sync()
        window = focused_window(self._display)
        if window is None:
            time.sleep(_PAUSE_S)
        elif self._ping.answered_by(window):
            self._await_pong(window, stop)
        elif (process := process_of(self._display, window)) is not None:
            self._await_sleep(process, stop)
        else:
            time.sleep(_PAUSE_S)

    def wait_for_window_manager(self, stop: "StopCheck") -> None:
        """Wait until the window manager has handled the keyboard map's changes: openbox needs 20 ms for each.

        Until then it delays everything else, such as giving a clicked window the focus.
        """
        window = window_manager(self._display)
        process = process_of(self._display, window) if window else None
        if process is not None:
            self._await_sleep(process, stop, _MANAGER_LIMIT_S)

    def _await_pong(self, window: Any, stop: "StopCheck") -> None:
        root = self._display.screen().root
        root.change_attributes(event_mask=ANSWER_MASK)
        try:
            self._read_until_pong(self._ping.send(window), stop)
        finally:
            root.change_attributes(event_mask=0)

    def _read_until_pong(self, number: int, stop: "StopCheck") -> None:
        deadline = time.monotonic() + PING_S
        while time.monotonic() < deadline:
            while self._display.pending_events():
                if self._ping.number(self._display.next_event()) == number:
                    return
            check_stop(stop)
            select.select([self._display.fileno()], [], [], 0.02)
        raise DesktopError(f"the application with the focus hasn't answered for {PING_S:g} s; not typing on")

    def _await_sleep(self, process: int, stop: "StopCheck", limit_s: float = _SLEEP_LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        self._await_server_rounds()
        before = _threads(process)
        while time.monotonic() < deadline:
            check_stop(stop)
            self._await_server_rounds()
            time.sleep(_SLEEP_POLL_S)
            now = _threads(process)
            if now == before and all(state == "S" for state, _ in now):
                return
            before = now

    def _await_server_rounds(self) -> None:
        """Wait until the server has finished a round, and so has written all that it had for its clients.

        The first answer may overtake what goes to other clients; the second belongs to a later round.
        """
        self._display.sync()
        self._display.sync()


def _threads(process: int) -> list[tuple[str, str]]:
    """List each thread's state and number of voluntary sleeps, by proc(5); [] if the process is gone."""
    try:
        texts = [(task / "status").read_text() for task in sorted(Path(f"/proc/{process}/task").iterdir())]
    except OSError:
        return []
    return [(_field(text, "State")[:1], _field(text, "voluntary_ctxt_switches")) for text in texts]


def _field(text: str, name: str) -> str:
    return text.partition(f"\n{name}:")[2].partition("\n")[0].strip()
