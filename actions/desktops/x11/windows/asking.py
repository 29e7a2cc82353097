"""Questions to the X server about windows that are sent without waiting, so that many cost one round trip.

Each `ask_...` sends a request; `answer`, `value_of` and `process_in` wait for what came of it. Nothing is
kept: an answer is that of the moment of asking.
"""

from typing import Any, Final

from Xlib import X
from Xlib import error as xerror
from Xlib.ext import res, shape
from Xlib.protocol import request

from qvl_agent.actions.core.coordinates import DesktopPoint

__all__ = [
    "answer",
    "ask_attributes",
    "ask_child",
    "ask_geometry",
    "ask_input_shape",
    "ask_place",
    "ask_process",
    "ask_property",
    "ask_tree",
    "process_in",
    "value_of",
]

_GONE: Final = (xerror.BadWindow, xerror.BadDrawable)
_LONGEST: Final = 1024
"""How much of a property is read, in units of four bytes; more than any text that is shown."""


def answer(asked: Any) -> Any | None:
    """Wait for the answer to a request; None if the window is gone, or nothing was asked.

    Raises:
        XError: the server refused the request for another reason.
    """
    if asked is None:
        return None
    try:
        asked.reply()
    except _GONE:
        return None
    return asked


def ask_attributes(display: Any, window: Any) -> Any:
    return request.GetWindowAttributes(display.display, defer=True, window=window.id)


def ask_geometry(display: Any, window: Any) -> Any:
    """Ask for a window's place in its parent, and its size."""
    return request.GetGeometry(display.display, defer=True, drawable=window.id)


def ask_tree(display: Any, window: Any) -> Any:
    """Ask for a window's parent and children."""
    return request.QueryTree(display.display, defer=True, window=window.id)


def ask_property(display: Any, window: Any, atom: int) -> Any:
    return request.GetProperty(
        display.display,
        defer=True,
        delete=False,
        window=window.id,
        property=atom,
        type=X.AnyPropertyType,
        long_offset=0,
        long_length=_LONGEST,
    )


def value_of(asked: Any) -> Any | None:
    """Wait for a property's value, bytes or numbers; None if the window has none, or is gone."""
    found = answer(asked)
    return found.value[1] if found is not None and found.property_type else None


def ask_child(display: Any, window: Any, point: DesktopPoint) -> Any:
    """Ask which child of a window is at a point of the root window."""
    return _translated(display, display.screen().root, window, point)


def ask_place(display: Any, window: Any) -> Any:
    """Ask where the root window's corner is, seen from a window's."""
    return _translated(display, display.screen().root, window, DesktopPoint(0, 0))


def _translated(display: Any, source: Any, window: Any, point: DesktopPoint) -> Any:
    return request.TranslateCoords(
        display.display, defer=True, src_wid=source.id, dst_wid=window.id, src_x=point.x, src_y=point.y
    )


def ask_process(display: Any, window: Any) -> Any | None:
    """Ask for the process of a window's client; None if the server can't tell."""
    if not display.has_extension(res.extname):
        return None
    return res.QueryClientIds(
        display=display.display,
        defer=True,
        opcode=display.display.get_extension_major(res.extname),
        specs=[{"client": window.id, "mask": res.LocalClientPIDMask}],
    )


def process_in(asked: Any | None) -> int | None:
    """Wait for a process id; None if the client isn't on this machine, or isn't known.

    The server reads it from the client's socket, so the client can't choose it.
    """
    try:
        found = answer(asked)
    except xerror.XError:
        return None
    return next((int(each.value[0]) for each in found.ids if each.value), None) if found else None


def ask_input_shape(display: Any, window: Any) -> Any | None:
    """Ask for the rectangles of a window's input shape; None if the server has no shapes.

    Source: https://www.x.org/releases/X11R7.7/doc/xextproto/shape.html, ShapeGetRectangles.
    """
    if not display.has_extension(shape.extname):
        return None
    opcode = display.display.get_extension_major(shape.extname)
    return shape.GetRectangles(
        display=display.display, defer=True, opcode=opcode, window=window.id, source_kind=shape.SK.Input
    )
