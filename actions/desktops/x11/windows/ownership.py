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

from Xlib import Xatom
from Xlib import error as xerror

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops.x11.windows.asking import (
    answer,
    ask_attributes,
    ask_place,
    ask_process,
    ask_property,
    process_in,
    value_of,
)
from qvl_agent.actions.desktops.x11.windows.tree import (
    application_windows,
    ask_above,
    asked_frame_rect,
    focused_window,
    frame_rect,
)

__all__ = ["GREY", "OwnCover", "own_regions", "stacking", "window_info", "without"]

_LONGEST_TITLE: Final = 300
_TYPE: Final = "_NET_WM_WINDOW_TYPE"
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
    kind = display.get_atom(_TYPE)
    asked = [(ask_process(display, each), ask_property(display, each, kind)) for each in stack]
    facts = {
        window.id: (process_in(process), _atom_name(display, value_of(kind)))
        for window, (process, kind) in zip(stack, asked, strict=True)
    }
    ours = _our_processes({pid for pid, _ in facts.values() if pid is not None})
    named = os.environ.get("WINDOWID", "")
    visible: list[Rect] = []
    above: list[Rect] = []
    for window in reversed(stack):
        rect = frame_rect(display, window)
        pid, kind = facts[window.id]
        if rect is None or kind in _DESKTOP_PARTS:
            continue
        if pid in ours or str(window.id) == named:
            visible += without(rect, above)
        above.append(rect)
    return tuple(visible)


def window_info(display: Any, window: Any, *, focused: bool | None = None) -> WindowInfo | None:
    """Read the facts about a window; None if it is gone.

    A window is ours if it is no menu and belongs to our own process, or to the nearest ancestor that has a
    window.
    """
    attributes = ask_attributes(display, window)
    name, long_title, title, claimed, kind, owner = (
        ask_property(display, window, atom)
        for atom in (
            Xatom.WM_CLASS,
            display.get_atom("_NET_WM_NAME"),
            Xatom.WM_NAME,
            display.get_atom("_NET_WM_PID"),
            display.get_atom(_TYPE),
            Xatom.WM_TRANSIENT_FOR,
        )
    )
    process, place = ask_process(display, window), ask_place(display, window)
    above = ask_above(display, window)
    there = answer(attributes)
    if there is None:
        return None
    menu = bool(there.override_redirect)
    pid = process_in(process) or _number(value_of(claimed))
    kind = _atom_name(display, value_of(kind))
    if focused is None:
        at = focused_window(display)
        focused = at is not None and at.id == window.id
    return WindowInfo(
        app=_application(value_of(name)),
        title=_title(value_of(long_title), value_of(title)),
        program=_program(pid),
        rect=asked_frame_rect(display, attributes, above),
        focused=focused,
        ours=not menu and _is_ours(display, window, pid, kind),
        dialog=_inside(answer(place), answer(above[1])) if _is_dialog(kind, value_of(owner)) else None,
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


def _is_dialog(kind: str, owner: Any | None) -> bool:
    """Return whether a window has a dialog's type, or is an ordinary window that belongs to another one."""
    if kind not in ("", "_NET_WM_WINDOW_TYPE_NORMAL"):
        return kind == _DIALOG
    return owner is not None


def _inside(place: Any | None, size: Any | None) -> Rect | None:
    """Return the rectangle of a window on the root window, without its frame; None if it is gone."""
    if place is None or size is None:
        return None
    return Rect(-place.x, -place.y, size.width, size.height)


def _title(long_title: Any | None, title: Any | None) -> str:
    return _readable(_bytes(long_title).decode(errors="replace") or _bytes(title).decode("latin-1"))


def _application(named: Any | None) -> str:
    """Read the class in WM_CLASS: the second of two strings that end with a zero."""
    _, _, after = _bytes(named).partition(b"\0")
    return _readable(after.rstrip(b"\0").decode(errors="replace"))


def _bytes(value: Any | None) -> bytes:
    """Return a text property's bytes; b"" if the window has none, or something else under that name."""
    return value if isinstance(value, bytes) else b""


def _number(value: Any | None) -> int | None:
    return int(value[0]) if value is not None and len(value) else None


def _readable(text: str) -> str:
    """Remove what controls a terminal: the title is shown to the person, and a page may have chosen it."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST_TITLE]


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


def _is_ours(display: Any, window: Any, pid: int | None, kind: str) -> bool:
    if str(window.id) == os.environ.get("WINDOWID", "") or pid == os.getpid():
        return True
    if pid is None or pid not in _ancestors() or kind in _DESKTOP_PARTS:
        return False
    asked = [ask_process(display, each) for each in stacking(display)]
    return pid in _our_processes({owner for owner in map(process_in, asked) if owner is not None})


def _atom_name(display: Any, value: Any | None) -> str:
    """Return the name of the first atom in a property's value; "" if there is none.

    A server keeps an atom's name as long as it runs.
    """
    atom = _number(value)
    if atom is None:
        return ""
    known: dict[int, str] = display.__dict__.setdefault("qvl_atom_names", {})
    try:
        return known.get(atom) or known.setdefault(atom, str(display.get_atom_name(atom)))
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
