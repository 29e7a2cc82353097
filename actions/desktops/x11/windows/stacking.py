"""Which windows lie where on a display, from the top down, and which one the keys go to."""

from typing import Any, Final

from Xlib import X
from Xlib import error as xerror
from Xlib.protocol import request

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.desktops.x11.windows.tree import focused_window

__all__ = ["read_layout"]

_GONE: Final = (xerror.BadWindow, xerror.BadDrawable)


def read_layout(display: Any) -> Layout:
    """Read the layout, windows included that no window manager knows.

    A desktop has some hundred windows, most of them never shown; all are asked for before any answer is
    waited for.
    """
    to = display.display
    children = display.screen().root.query_tree().children
    asked = [
        (
            request.GetWindowAttributes(to, defer=True, window=each.id),
            request.GetGeometry(to, defer=True, drawable=each.id),
        )
        for each in children
    ]
    windows = []
    for window, both in zip(children, asked, strict=True):
        attributes, at = map(_answer, both)
        if attributes is not None and at is not None and attributes.map_state == X.IsViewable:
            border = 2 * at.border_width
            windows.append((int(window.id), Rect(at.x, at.y, at.width + border, at.height + border)))
    return Layout(tuple(reversed(windows)), _focus(display))


def _answer(asked: Any) -> Any:
    """Wait for the answer to a request that is on its way; None for a window that is gone."""
    try:
        asked.reply()
    except _GONE:
        return None
    return asked


def _focus(display: Any) -> frozenset[int]:
    """Find the window that has the focus, and the application's around it: either may be new, not both."""
    focus = display.get_input_focus().focus
    window = focused_window(display)
    return frozenset(int(getattr(each, "id", each)) for each in (focus, window) if each is not None)
