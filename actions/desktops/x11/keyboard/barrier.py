"""Wait until the focused application has read all the keys it was sent.

A client looks a keycode up in the map of the moment when it *reads* the key press, so a keycode may
be given another meaning only after that. Ways to know, the best that works:

1. _NET_WM_PING (Tk, GTK, Qt and Chromium have it): the application answers in the order of its
   events. https://specifications.freedesktop.org/wm-spec/latest/ar01s06.html
2. The application runs on this machine (xterm, say), and its threads all sleep and were not woken
   while the server had its turn twice: so none has keys left to read, or waits for the server. One
   that was sent something is woken at once, however long it must then wait for a core.
3. A fixed pause.
"""

import select
import time
from pathlib import Path
from typing import Any, Final

from Xlib import X
from Xlib.protocol import event as xevent

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.desktops.x11.input import check_stop
from qvl_agent.actions.desktops.x11.windows.tree import focused_window, process_of, protocols, window_manager

__all__ = ["PING_S", "Barrier"]

PING_S: Final = 10.0
"""An application that doesn't answer for so long hangs; keys sent to it would be garbled."""
_PAUSE_S: Final = 0.03
_SLEEP_POLL_S: Final = 0.001
_SLEEP_LIMIT_S: Final = 0.3
"""An application that is never idle (it plays a video) gets this long to read its keys."""
_MANAGER_LIMIT_S: Final = 1.0
_PONG_MASK: Final = X.SubstructureNotifyMask | X.StructureNotifyMask
"""The first is what the specification asks the answer to be sent with; Qt uses the second."""


class Barrier:
    """Waits for one application after another, over one connection."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._ping = display.intern_atom("_NET_WM_PING")
        self._wm_protocols = display.intern_atom("WM_PROTOCOLS")
        self._serial = int(time.monotonic() * 1000) & 0x3FFFFFFF

    def wait(self, stop: StopCheck) -> None:
        """Return once the application with the focus has read all keys sent before this call.

        Raises:
            Stopped: `stop` said so.
            DesktopError: the application hangs.
        """
        self._display.sync()
        window = focused_window(self._display)
        if window is None:
            time.sleep(_PAUSE_S)
        elif self._ping in protocols(self._display, window):
            self._await_pong(window, stop)
        elif (process := process_of(self._display, window)) is not None:
            self._await_sleep(process, stop)
        else:
            time.sleep(_PAUSE_S)

    def wait_for_window_manager(self, stop: StopCheck) -> None:
        """Let the window manager take note of the keyboard map's changes: openbox needs 20 ms for each.

        Until then it is behind with everything else, such as giving a clicked window the focus.
        """
        window = window_manager(self._display)
        process = process_of(self._display, window) if window else None
        if process is not None:
            self._await_sleep(process, stop, _MANAGER_LIMIT_S)

    def _await_pong(self, window: Any, stop: StopCheck) -> None:
        root = self._display.screen().root
        self._serial += 1
        root.change_attributes(event_mask=_PONG_MASK)
        try:
            data = (32, [self._ping, self._serial, window.id, 0, 0])
            message = xevent.ClientMessage(window=window, client_type=self._wm_protocols, data=data)
            window.send_event(message, event_mask=0)
            self._display.flush()
            self._read_until_pong(stop)
        finally:
            root.change_attributes(event_mask=0)

    def _read_until_pong(self, stop: StopCheck) -> None:
        deadline = time.monotonic() + PING_S
        while time.monotonic() < deadline:
            while self._display.pending_events():
                if self._is_pong(self._display.next_event()):
                    return
            check_stop(stop)
            select.select([self._display.fileno()], [], [], 0.02)
        raise DesktopError(f"the application with the focus hasn't answered for {PING_S:g} s; not typing on")

    def _is_pong(self, event: Any) -> bool:
        if event.type & 0x7F != X.ClientMessage or event.client_type != self._wm_protocols:
            return False
        _, values = event.data
        return bool(values[0] == self._ping and values[1] == self._serial)

    def _await_sleep(self, process: int, stop: StopCheck, limit_s: float = _SLEEP_LIMIT_S) -> None:
        deadline = time.monotonic() + limit_s
        self._give_turns()
        before = _threads(process)
        while time.monotonic() < deadline:
            check_stop(stop)
            self._give_turns()
            time.sleep(_SLEEP_POLL_S)
            now = _threads(process)
            if now == before and all(state == "S" for state, _ in now):
                return
            before = now

    def _give_turns(self) -> None:
        """Let the server finish a round: it has then written what it had for every client.

        The first answer may overtake what goes to others; the second is of a round that began later.
        """
        self._display.sync()
        self._display.sync()


def _threads(process: int) -> list[tuple[str, str]]:
    """List each thread's state and how often it has gone to sleep, proc(5); empty if it is gone."""
    try:
        texts = [(task / "status").read_text() for task in sorted(Path(f"/proc/{process}/task").iterdir())]
    except OSError:
        return []
    return [(_field(text, "State")[:1], _field(text, "voluntary_ctxt_switches")) for text in texts]


def _field(text: str, name: str) -> str:
    return text.partition(f"\n{name}:")[2].partition("\n")[0].strip()
