"""Which windows lie where on a display, from the top down, and which one the keys go to. Two rounds to the server."""

from typing import Any, Final

from Xlib import X
from Xlib import error as xerror
from Xlib.protocol import request

from qvl_agent.actions.coordinates import Rect
from qvl_agent.actions.desktops.x11_windows import focused_window
from qvl_agent.actions.windows import Layout

__all__ = ["read_layout"]

_GONE: Final = (xerror.BadWindow, xerror.BadDrawable)


def read_layout(display: Any) -> Layout:
    """Read the layout: also windows that no window manager knows, and such as take input and can't be seen."""
    root = display.screen().root
    children = root.query_tree().children
    shown = _answers(
        [request.GetWindowAttributes(display=display.display, defer=True, window=each.id) for each in children]
    )
    placed = _answers(
        [request.GetGeometry(display=display.display, defer=True, drawable=each.id) for each in children]
    )
    windows = []
    for window, attributes, at in zip(children, shown, placed, strict=True):
        if attributes is not None and at is not None and attributes.map_state == X.IsViewable:
            border = 2 * at.border_width
            windows.append((int(window.id), Rect(at.x, at.y, at.width + border, at.height + border)))
    return Layout(tuple(reversed(windows)), _focus(display))


def _answers(asked: list[Any]) -> list[Any]:
    """Wait for answers to requests that are on their way; None for a window that is gone."""
    return [_answer(each) for each in asked]


def _answer(asked: Any) -> Any:
    try:
        asked.reply()
    except _GONE:
        return None
    return asked


def _focus(display: Any) -> int:
    window = focused_window(display)
    if window is not None:
        return int(window.id)
    focus = display.get_input_focus().focus
    return int(getattr(focus, "id", focus))
