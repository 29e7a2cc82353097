"""Find a window's application and owner, and find our own windows."""

import os
from typing import Any, Final

from Xlib import Xatom
from Xlib import error as xerror

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops.windows import ancestors, our_processes, program_of, readable, without
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

__all__ = ["own_regions", "stacking", "window_info"]

_TYPE: Final = "_NET_WM_WINDOW_TYPE"
_DIALOG: Final = "_NET_WM_WINDOW_TYPE_DIALOG"
_DESKTOP_PARTS: Final = ("_NET_WM_WINDOW_TYPE_DESKTOP", "_NET_WM_WINDOW_TYPE_DOCK")
"""The types of desktops and panels."""


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
    ours = our_processes({pid for pid, _ in facts.values() if pid is not None})
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
        program=program_of(pid),
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
    return readable(_bytes(long_title).decode(errors="replace") or _bytes(title).decode("latin-1"))


def _application(named: Any | None) -> str:
    """Read the class in WM_CLASS: the second of two strings that end with a zero."""
    _, _, after = _bytes(named).partition(b"\0")
    return readable(after.rstrip(b"\0").decode(errors="replace"))


def _bytes(value: Any | None) -> bytes:
    """Return a text property's bytes; b"" if the window has none, or something else under that name."""
    return value if isinstance(value, bytes) else b""


def _number(value: Any | None) -> int | None:
    return int(value[0]) if value is not None and len(value) else None


def _is_ours(display: Any, window: Any, pid: int | None, kind: str) -> bool:
    if str(window.id) == os.environ.get("WINDOWID", "") or pid == os.getpid():
        return True
    if pid is None or pid not in ancestors() or kind in _DESKTOP_PARTS:
        return False
    asked = [ask_process(display, each) for each in stacking(display)]
    return pid in our_processes({owner for owner in map(process_in, asked) if owner is not None})


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
