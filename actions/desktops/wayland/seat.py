"""The keyboard map that the person's keyboard has now."""

import os
from typing import Any, Final

from qvl_agent.actions.desktops.wayland.keymap import Keymap
from qvl_agent.actions.desktops.wayland.wire import Connection, Thing, socket_path

__all__ = ["KEYBOARD", "SeatMap", "read_map"]

KEYBOARD: Final = 2
"""The capability of a seat that has a keyboard."""
_XKB_V1: Final = 1


def read_map(connection: Connection, seat: Thing) -> str:
    """Read the keyboard map that the person's keyboard has."""
    told: list[tuple[int, int]] = []

    def note(event: str, *values: Any) -> None:
        if event == "keymap":
            form, fd, size = values
            if form == _XKB_V1 and not told:
                told.append((fd, size))
            else:
                os.close(fd)

    keyboard = seat.make("get_keyboard", "wl_keyboard", handler=note)
    connection.roundtrip()
    keyboard.send("release")
    connection.roundtrip()
    if not told:
        return ""
    fd, size = told[0]
    try:
        return os.pread(fd, size, 0).rstrip(b"\0").decode()
    finally:
        os.close(fd)


class SeatMap:
    """The characters and keys that a session's keyboard has, for desktops that send keys by their meaning.

    Nobody tells a program without the keys which of several layouts is in force, so a key counts only if all
    of them have it.

    Args:
        display: the session's socket.

    Raises:
        NoScreenError: nobody answers there.
    """

    def __init__(self, display: str) -> None:
        self._connection = Connection(socket_path(display))
        self._able = 0
        self._text: str | None = None
        self._known: frozenset[int] = frozenset()

        def note(event: str, *values: Any) -> None:
            if event == "capabilities":
                self._able = values[0]

        with self._connection as connection:
            self._seat = connection.bind("wl_seat", note)
            connection.roundtrip()

    def keysyms(self) -> frozenset[int]:
        """Return the keysyms that the keyboard has now, in each of its layouts.

        Raises:
            DesktopError: the session has ended.
        """
        with self._connection as connection:
            connection.roundtrip()
            text = read_map(connection, self._seat) if self._able & KEYBOARD else ""
        if text != self._text:
            self._text, self._known = text, Keymap(text).everywhere()
        return self._known

    def close(self) -> None:
        """End the connection."""
        self._connection.close()
