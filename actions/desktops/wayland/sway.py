"""Windows, as sway tells of them over its own socket: https://man.archlinux.org/man/sway-ipc.7."""

import json
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops.windows import our_processes, polls, program_of, readable, without

__all__ = ["Sway"]

_MAGIC: Final = b"i3-ipc"
_HEADER: Final = struct.Struct("=6sII")
_GET_TREE, _GET_SEATS = 4, 101
_ANSWER_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Window:
    """A window that is shown."""

    number: int
    app: str
    title: str
    pid: int
    rect: Rect
    focused: bool


class Sway:
    """The windows of the sway that a socket belongs to.

    Raises:
        DesktopError: nobody answers there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._ask(_GET_TREE)

    @staticmethod
    def beside(display: Path) -> "Sway | None":
        """Find the sway that a Wayland display's socket belongs to; None if it isn't sway's."""
        named = os.environ.get("SWAYSOCK")
        owner = _peer(display)
        for path in [*([Path(named)] if named else []), *sorted(display.parent.glob("sway*.sock"))]:
            if owner is not None and _peer(path) == owner:
                return Sway(path)
        return None

    def at(self, point: DesktopPoint) -> WindowInfo | None:
        """Return the window at a point.

        None where none is, or nobody knows: sway doesn't tell of panels, notifications and launchers, and if
        one of them has the keyboard, it may be anywhere.
        """
        windows = self._windows()
        if not self._keys_known(windows):
            return None
        there = next((each for each in windows if point in each.rect), None)
        return None if there is None else self._info(there, windows)

    def polls_at(self, point: DesktopPoint) -> bool:
        """Return whether the program at a point may look at the mouse only once a frame; True if unknown."""
        there = next((each for each in self._windows() if point in each.rect), None)
        return there is None or polls(there.pid)

    def focused(self) -> WindowInfo | None:
        """Return the window that gets the keys; None if none of them does."""
        windows = self._windows()
        if not self._keys_known(windows):
            return None
        there = next((each for each in windows if each.focused), None)
        return None if there is None else self._info(there, windows)

    def layout(self) -> Layout:
        """Return how the windows lie."""
        windows = self._windows()
        known = self._keys_known(windows)
        return Layout(
            tuple((each.number, each.rect) for each in windows),
            frozenset(each.number for each in windows if each.focused and known),
        )

    def own_regions(self) -> tuple[Rect, ...]:
        """Return the visible parts of this program's own windows and terminal."""
        windows = self._windows()
        ours = our_processes({each.pid for each in windows})
        visible: list[Rect] = []
        above: list[Rect] = []
        for window in windows:
            if window.pid in ours:
                visible += without(window.rect, above)
            above.append(window.rect)
        return tuple(visible)

    def _keys_known(self, windows: list[_Window]) -> bool:
        """Return whether one of the windows, or nothing, has the keyboard; else something untold has it."""
        if not windows:
            return True
        return any(seat.get("focus") for seat in self._ask(_GET_SEATS))

    def _info(self, window: _Window, windows: list[_Window]) -> WindowInfo:
        return WindowInfo(
            app=readable(window.app),
            title=readable(window.title),
            program=program_of(window.pid),
            rect=window.rect,
            focused=window.focused,
            ours=window.pid in our_processes({each.pid for each in windows}),
        )

    def _windows(self) -> list[_Window]:
        """List the windows that are shown, the topmost first."""
        return list(_shown(self._ask(_GET_TREE), titled=False))[::-1]

    def _ask(self, kind: int) -> Any:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_ANSWER_S)
                connection.connect(str(self._path))
                connection.sendall(_HEADER.pack(_MAGIC, 0, kind))
                _, size, _ = _HEADER.unpack(_exactly(connection, _HEADER.size))
                return json.loads(_exactly(connection, size))
        except (OSError, ValueError, struct.error) as error:
            raise DesktopError(f"sway doesn't tell where windows are: {error}") from None


def _shown(node: dict[str, Any], *, titled: bool) -> Iterator[_Window]:
    """List the windows in a part of sway's tree, from the bottom up.

    Args:
        node: the part.
        titled: whether its title bar is its own; in tabs and stacks it is one of several.
    """
    if node.get("pid") and node.get("visible"):
        place, bar = node["rect"], node["deco_rect"]["height"] if titled else 0
        named = node.get("window_properties") or {}
        yield _Window(
            number=node["id"],
            app=node.get("app_id") or named.get("class") or "",
            title=node.get("name") or "",
            pid=node["pid"],
            rect=Rect(place["x"], place["y"] - bar, place["width"], place["height"] + bar),
            focused=node["focused"],
        )
    split = node["layout"] not in ("tabbed", "stacked")
    for inner in node["nodes"]:
        yield from _shown(inner, titled=split)
    for inner in node["floating_nodes"]:
        yield from _shown(inner, titled=True)


def _peer(path: Path) -> int | None:
    """Return the process that listens at a socket; None if nobody does."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWER_S)
            connection.connect(str(path))
            told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("=3i"))
    except OSError:
        return None
    return int(struct.unpack("=3i", told)[0])


def _exactly(connection: socket.socket, size: int) -> bytes:
    read = bytearray()
    while len(read) < size:
        part = connection.recv(size - len(read))
        if not part:
            raise OSError("it ended in the middle of an answer")
        read += part
    return bytes(read)
