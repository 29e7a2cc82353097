"""Find a window's application and owner, find our own windows, and paint over them in captures.

Our own windows are those of this process and the terminal that it was started from. The terminal shows each
step and each question. A model that saw it would read its own words as if somebody else had written them, and
its changes would count as changes of the screen.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from Xlib import X, Xatom
from Xlib import error as xerror

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops.x11.windows.tree import (
    application_windows,
    focused_window,
    frame_rect,
    process_of,
)

__all__ = ["GREY", "OwnCover", "own_regions", "stacking", "window_info", "without"]

_LONGEST_TITLE: Final = 300
_DIALOG: Final = "_NET_WM_WINDOW_TYPE_DIALOG"
_DESKTOP_PARTS: Final = ("_NET_WM_WINDOW_TYPE_DESKTOP", "_NET_WM_WINDOW_TYPE_DOCK")
"""The types of desktops and panels."""
GREY: Final = 128
"""The value of each channel of the colour that our windows are painted over with."""
_SEEN_S: Final = 0.1
"""Seconds for which the places of our visible windows aren't asked for again."""
_NONE_S: Final = 0.5
"""The same if none of our windows is visible; to ask takes some milliseconds."""


class OwnCover:
    """Paints over our own windows in captures."""

    def __init__(self, find: Callable[[], tuple[Rect, ...]]) -> None:
        """Store the function that finds the visible parts of our windows, in pixels of the root window."""
        self._find = find
        self._regions: tuple[Rect, ...] = ()
        self._until = 0.0

    def paint(self, pixels: Pixels, area: Rect) -> None:
        """Paint over our windows in a capture.

        Args:
            pixels: the capture, RGB of shape (height, width, 3); it is changed in place.
            area: the captured rectangle, in pixels of the root window.
        """
        now = time.monotonic()
        if now >= self._until:
            self._regions = self._find()
            self._until = now + (_SEEN_S if self._regions else _NONE_S)
        for region in self._regions:
            left, top = max(region.left - area.left, 0), max(region.top - area.top, 0)
            right = min(region.left + region.width - area.left, area.width)
            bottom = min(region.top + region.height - area.top, area.height)
            if left < right and top < bottom:
                pixels[top:bottom, left:right] = GREY


def own_regions(display: Any) -> tuple[Rect, ...]:
    """Find the visible parts of our own windows, in pixels of the root window.

    The terminal is the nearest ancestor process that has a window, or the window that WINDOWID names (under
    tmux or screen the terminal is no ancestor). Panels and desktops aren't ours, although they are the
    ancestors of the programs that are started from them.
    """
    stack = stacking(display)
    owners = {window.id: process_of(display, window) for window in stack}
    ours = _our_processes({pid for pid in owners.values() if pid is not None})
    named = os.environ.get("WINDOWID", "")
    visible: list[Rect] = []
    above: list[Rect] = []
    for window in reversed(stack):
        rect = frame_rect(display, window)
        if rect is None or _type(display, window) in _DESKTOP_PARTS:
            continue
        if owners[window.id] in ours or str(window.id) == named:
            visible += without(rect, above)
        above.append(rect)
    return tuple(visible)


def window_info(display: Any, window: Any, *, focused: bool | None = None) -> WindowInfo | None:
    """Read the facts about a window; None if it is gone.

    A window is ours if it is no menu and belongs to our own process, or to the nearest ancestor that has a
    window.
    """
    try:
        menu = bool(window.get_attributes().override_redirect)
        app, title = _application(window), _title(display, window)
    except xerror.XError:
        return None
    pid = process_of(display, window) or _claimed_process(display, window)
    if focused is None:
        at = focused_window(display)
        focused = at is not None and at.id == window.id
    return WindowInfo(
        app=app,
        title=title,
        program=_program(pid),
        rect=frame_rect(display, window),
        focused=focused,
        ours=not menu and _is_ours(display, window, pid),
        dialog=_inside(display, window) if _is_dialog(display, window) else None,
        menu=menu,
    )


def stacking(display: Any) -> list[Any]:
    """List the applications' windows from the bottom up: by the window manager's list, or by the server's.

    Some window managers (twm, dwm) keep no such list, and there may be none.
    """
    value = display.screen().root.get_full_property(
        display.get_atom("_NET_CLIENT_LIST_STACKING"), Xatom.WINDOW
    )
    if value:
        return [display.create_resource_object("window", each) for each in value.value]
    return application_windows(display)


def without(rect: Rect, covers: Sequence[Rect]) -> list[Rect]:
    """Return the parts of a rectangle that others don't cover, as rectangles that don't overlap."""
    left = [rect]
    for cover in covers:
        left = [part for piece in left for part in _cut(piece, cover)]
    return left


def _is_dialog(display: Any, window: Any) -> bool:
    """Return whether a window has a dialog's type, or is an ordinary window that belongs to another one."""
    said = _type(display, window)
    if said not in ("", "_NET_WM_WINDOW_TYPE_NORMAL"):
        return said == _DIALOG
    try:
        return window.get_full_property(Xatom.WM_TRANSIENT_FOR, X.AnyPropertyType) is not None
    except xerror.XError:
        return False


def _inside(display: Any, window: Any) -> Rect | None:
    """Return the rectangle of a window on the root window, without its frame; None if it is gone."""
    try:
        at, size = window.translate_coords(display.screen().root, 0, 0), window.get_geometry()
    except xerror.XError:
        return None
    return Rect(-at.x, -at.y, size.width, size.height)


def _title(display: Any, window: Any) -> str:
    named = _bytes(window, display.get_atom("_NET_WM_NAME"))
    return _readable(named.decode(errors="replace") or _bytes(window, Xatom.WM_NAME).decode("latin-1"))


def _application(window: Any) -> str:
    """Read the class in WM_CLASS: the second of two strings that end with a zero."""
    _, _, after = _bytes(window, Xatom.WM_CLASS).partition(b"\0")
    return _readable(after.rstrip(b"\0").decode(errors="replace"))


def _bytes(window: Any, atom: int) -> bytes:
    """Read a text property as bytes; b"" if the window has something else under that name."""
    value = window.get_full_property(atom, X.AnyPropertyType)
    return value.value if value is not None and isinstance(value.value, bytes) else b""


def _readable(text: str) -> str:
    """Remove what controls a terminal: the title is shown to the person, and a page may have chosen it."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST_TITLE]


def _claimed_process(display: Any, window: Any) -> int | None:
    """Read the process id that the window itself claims to have, for windows whose process isn't known."""
    try:
        value = window.get_full_property(display.get_atom("_NET_WM_PID"), Xatom.CARDINAL)
    except xerror.XError:
        return None
    return int(value.value[0]) if value and len(value.value) else None


def _program(pid: int | None) -> str:
    """Return the name of a process's executable, or its short name if it runs as another user; else ""."""
    if pid is None:
        return ""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _is_ours(display: Any, window: Any, pid: int | None) -> bool:
    if str(window.id) == os.environ.get("WINDOWID", "") or pid == os.getpid():
        return True
    if pid is None or pid not in _ancestors() or _type(display, window) in _DESKTOP_PARTS:
        return False
    owners = {process_of(display, each) for each in stacking(display)}
    return pid in _our_processes({owner for owner in owners if owner is not None})


def _type(display: Any, window: Any) -> str:
    try:
        value = window.get_full_property(display.get_atom("_NET_WM_WINDOW_TYPE"), X.AnyPropertyType)
        return str(display.get_atom_name(value.value[0])) if value and len(value.value) else ""
    except xerror.XError:
        return ""


def _our_processes(with_windows: set[int]) -> set[int]:
    ours = {os.getpid()}
    for parent in _ancestors():
        if parent in with_windows:
            ours.add(parent)
            break
    return ours


def _ancestors() -> Iterator[int]:
    """List our ancestors' process ids, nearest first, by the fourth field of /proc/PID/stat, proc(5)."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])


def _cut(rect: Rect, cover: Rect) -> Iterator[Rect]:
    right, bottom = rect.left + rect.width, rect.top + rect.height
    top_edge = min(max(cover.top, rect.top), bottom)
    bottom_edge = min(max(cover.top + cover.height, rect.top), bottom)
    left_edge = min(max(cover.left, rect.left), right)
    right_edge = min(max(cover.left + cover.width, rect.left), right)
    if left_edge >= right_edge or top_edge >= bottom_edge:
        yield rect
        return
    for x1, y1, x2, y2 in (
        (rect.left, rect.top, right, top_edge),
        (rect.left, bottom_edge, right, bottom),
        (rect.left, top_edge, left_edge, bottom_edge),
        (right_edge, top_edge, right, bottom_edge),
    ):
        if x1 < x2 and y1 < y2:
            yield Rect(x1, y1, x2 - x1, y2 - y1)
