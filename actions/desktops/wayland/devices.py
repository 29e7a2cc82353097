"""A virtual mouse and keyboard, by the protocols wlr-virtual-pointer and virtual-keyboard."""

import os
import time
from collections.abc import Iterable
from typing import Any, Final, Literal

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops.keysyms import of_key
from qvl_agent.actions.desktops.wayland.keymap import Keymap
from qvl_agent.actions.desktops.wayland.seat import KEYBOARD, read_map
from qvl_agent.actions.desktops.wayland.wire import Connection
from qvl_agent.actions.planning.action import Button

__all__ = ["Hands"]

_BUTTONS: Final[dict[Button, int]] = {"left": 0x110, "right": 0x111, "middle": 0x112}
"""The kernel's numbers: linux/input-event-codes.h."""
_VERTICAL, _HORIZONTAL = 0, 1
_WHEEL: Final = 0
_NOTCH: Final = 15.0
"""How far a notch scrolls, as libinput has it for mice."""
_XKB_V1: Final = 1
_CHANGED_S: Final = 0.05
"""Seconds around a change of the keyboard's map: some toolkits read a key by the newest map, not by the one
that it was pressed on. Without a pause, Ctrl+A became another key in one of six tries in GTK 3."""
_PART: Final = 4
"""A point is told in quarters of a logical pixel, to be in the first quarter of its pixel: programs that cut
off the fraction and those that round find the same pixel."""

_Part = tuple[Literal["key", "button"], int]


class Hands:
    """The devices of one connection; they vanish with it, and then the compositor releases what they held.

    Args:
        connection: to the compositor.

    Raises:
        DesktopError: it takes no input from programs.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.down: list[_Part] = []
        self._last_key = 0.0
        with connection:
            able = 0

            def note(event: str, *values: Any) -> None:
                nonlocal able
                if event == "capabilities":
                    able = values[0]

            seat = connection.bind("wl_seat", note)
            pointers = connection.bind("zwlr_virtual_pointer_manager_v1")
            keyboards = connection.bind("zwp_virtual_keyboard_manager_v1")
            connection.roundtrip()
            self.keymap = Keymap(read_map(connection, seat) if able & KEYBOARD else "")
            self._pointer = pointers.make("create_virtual_pointer", "zwlr_virtual_pointer_v1", seat)
            self._keyboard = keyboards.make("create_virtual_keyboard", "zwp_virtual_keyboard_v1", seat)
            self._upload()
            connection.roundtrip()

    @property
    def dragging(self) -> bool:
        """Whether a button of ours is down."""
        return any(what == "button" for what, _ in self.down)

    def prepare(self, keysyms: Iterable[int]) -> None:
        """See to it that the keyboard has all these keys and characters, before the first is pressed.

        Raises:
            TypingError: it can't have them.
        """
        if not self.keymap.lend(keysyms):
            return
        time.sleep(max(0.0, self._last_key + _CHANGED_S - time.monotonic()))
        with self._connection as connection:
            self._upload()
            connection.roundtrip()
        time.sleep(_CHANGED_S)

    def _upload(self) -> None:
        text = self.keymap.text.encode() + b"\0"
        fd = os.memfd_create("qvl-agent keymap", os.MFD_CLOEXEC)
        try:
            os.write(fd, text)
            self._keyboard.send("keymap", _XKB_V1, fd, len(text))
        finally:
            os.close(fd)
        self._state = self.keymap.state()

    def move(self, point: DesktopPoint, bounds: Rect) -> None:
        """Put the pointer at a point.

        Args:
            point: in logical pixels.
            bounds: the rectangle around all monitors.
        """
        with self._connection as connection:
            self._pointer.send(
                "motion_absolute",
                _now(),
                (point.x - bounds.left) * _PART + 1,
                (point.y - bounds.top) * _PART + 1,
                bounds.width * _PART,
                bounds.height * _PART,
            )
            self._pointer.send("frame")
            connection.roundtrip()

    def button(self, button: Button, *, down: bool) -> None:
        """Press or release a mouse button."""
        self._send(("button", _BUTTONS[button]), down=down)

    def notch(self, dx: int, dy: int) -> None:
        """Turn the wheel by one notch."""
        axis, sign = (_VERTICAL, dy) if dy else (_HORIZONTAL, dx)
        with self._connection as connection:
            self._pointer.send("axis_source", _WHEEL)
            self._pointer.send("axis_discrete", _now(), axis, sign * _NOTCH, sign)
            self._pointer.send("frame")
            connection.roundtrip()

    def key(self, keysym: int, *, down: bool) -> None:
        """Press or release the key that has a keysym, with Shift where it needs that."""
        place = self.keymap.place(keysym)
        shift = self.keymap.place(of_key("shift")).key
        add = place.shift and ("key", shift) not in self.down
        with self._connection as connection:
            if add and down:
                self._send(("key", shift), down=True)
            self._send(("key", place.key), down=down)
            if add and down:
                self._send(("key", shift), down=False)
            connection.flush()

    def sync(self) -> None:
        """Wait until the compositor has taken everything that was sent."""
        with self._connection as connection:
            connection.roundtrip()

    def _send(self, part: _Part, *, down: bool) -> None:
        if down:
            self.down.append(part)
        elif part not in self.down:
            raise DesktopError(f"{part[0]} {part[1]} was to be released, but isn't held by us")
        what, number = part
        with self._connection as connection:
            if what == "button":
                self._pointer.send("button", _now(), number, int(down))
                self._pointer.send("frame")
                connection.roundtrip()
            else:
                self._keyboard.send("key", _now(), number, int(down))
                self._keyboard.send("modifiers", *self._state.update(number, down=down))
                connection.flush()
                self._last_key = time.monotonic()
        if not down:
            self.down.remove(part)

    def release(self) -> None:
        """Release everything that is down, the last pressed first."""
        while self.down:
            self._send(self.down[-1], down=False)
        self.sync()


def _now() -> int:
    return int(time.monotonic() * 1000)
