"""Ask an application by _NET_WM_PING whether it has handled its events so far.

An application (GTK, Qt and Chromium do) answers in the order of its events. So what it was sent before
the question is read by then, and its main thread isn't held up. Source:
https://specifications.freedesktop.org/wm-spec/latest/ar01s06.html
"""

import random
from typing import Any, Final

from Xlib import X
from Xlib.protocol import event as xevent

from qvl_agent.actions.desktops.x11.windows.tree import protocols

__all__ = ["ANSWER_MASK", "Ping"]

ANSWER_MASK: Final = X.SubstructureNotifyMask | X.StructureNotifyMask
"""The masks that answers come to the root with: by the specification the first one; Qt uses the second."""


class Ping:
    """Sends questions over one connection, and knows their answers.

    The connection gets answers only while it has selected `ANSWER_MASK` on the root window.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._ping = display.intern_atom("_NET_WM_PING")
        self._wm_protocols = display.intern_atom("WM_PROTOCOLS")
        self._serial = random.getrandbits(29)  # another connection's answers come too

    def answered_by(self, window: Any) -> bool:
        """Return whether a window says that it answers."""
        return self._ping in protocols(self._display, window)

    def send(self, window: Any) -> int:
        """Ask a window, and return the question's number."""
        self._serial += 1
        data = (32, [self._ping, self._serial, window.id, 0, 0])
        message = xevent.ClientMessage(window=window, client_type=self._wm_protocols, data=data)
        window.send_event(message, event_mask=0)
        self._display.flush()
        return self._serial

    def number(self, event: Any) -> int | None:
        """Return which question an event answers; None if it is no answer."""
        if event.type & 0x7F != X.ClientMessage or event.client_type != self._wm_protocols:
            return None
        _, values = event.data
        return int(values[1]) if values[0] == self._ping else None
