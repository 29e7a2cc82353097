"""What is asked of the window manager and of windows: is it there, who has the focus, whose is it."""

import time
from typing import Any, Final

from Xlib import X, Xatom
from Xlib import error as xerror
from Xlib.ext import res
from Xlib.protocol import request

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import NoScreenError
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.input import check_stop

__all__ = [
    "covering_window",
    "focused_window",
    "frame_rect",
    "process_of",
    "protocols",
    "read_layout",
    "wait_for_focus",
    "wait_for_window_manager",
    "window_manager",
    "window_under",
    "window_under_pointer",
]

_POLL_S: Final = 0.005


_GONE: Final = (xerror.BadWindow, xerror.BadDrawable)


def wait_for_window_manager(name: str, timeout_s: float = 20.0) -> None:
    """Wait until a window manager answers as the specification asks, by _NET_SUPPORTING_WM_CHECK.

    Source: https://specifications.freedesktop.org/wm-spec/latest/ar01s03.html: the root's property
    names a window that carries the same property, naming itself.

    Raises:
        NoScreenError: none did in time.
    """
    deadline = time.monotonic() + timeout_s
    connection = Connection(name)
    try:
        while True:
            with connection as display:
                if _window_manager_answers(display):
                    return
            if time.monotonic() > deadline:
                raise NoScreenError(f"no window manager came up on {name} within {timeout_s:g} s")
            time.sleep(_POLL_S)
    finally:
        connection.close()


def _window_manager_answers(display: Any) -> bool:
    window = window_manager(display)
    check = display.get_atom("_NET_SUPPORTING_WM_CHECK")
    return window is not None and _window_property(window, check) == window.id


def window_manager(display: Any) -> Any | None:
    """Find the window that stands for the window manager, or None; it may be left of one that ended."""
    named = _window_property(display.screen().root, display.get_atom("_NET_SUPPORTING_WM_CHECK"))
    return display.create_resource_object("window", named) if named else None


def _window_property(window: Any, atom: int) -> int:
    try:
        value = window.get_full_property(atom, X.AnyPropertyType)
    except (xerror.BadWindow, xerror.BadAtom):
        return 0
    return int(value.value[0]) if value and len(value.value) else 0


def _top_level(display: Any, window: Any) -> Any | None:
    """Walk up to the application's window (the one the window manager gave WM_STATE), or None."""
    state = display.get_atom("WM_STATE")
    root = display.screen().root.id
    while window and window.id != root:
        try:
            if window.get_full_property(state, X.AnyPropertyType):
                return window
            window = window.query_tree().parent
        except xerror.BadWindow:
            return None
    return None


def focused_window(display: Any) -> Any | None:
    """Find the application's window that gets the keys, or None if none does."""
    focus = display.get_input_focus().focus
    if focus == X.PointerRoot:
        return window_under_pointer(display)
    return _top_level(display, focus) if focus != X.NONE else None


def wait_for_focus(display: Any, stop: StopCheck, limit_s: float = 0.5) -> None:
    """After a click: wait until the window under the pointer has the focus.

    The window manager moves it when it gets round to it, and keys go to the old window until then.
    A panel or a menu never takes it, so after the limit the keys go where the focus is.

    Raises:
        Stopped: `stop` said so.
    """
    deadline = time.monotonic() + limit_s
    while (target := window_under_pointer(display)) is not None:
        focused = focused_window(display)
        if (focused is not None and focused.id == target.id) or time.monotonic() > deadline:
            return
        check_stop(stop)
        time.sleep(_POLL_S)


def protocols(display: Any, window: Any) -> list[int]:
    """List the atoms in a window's WM_PROTOCOLS."""
    try:
        value = window.get_full_property(display.get_atom("WM_PROTOCOLS"), Xatom.ATOM)
    except xerror.BadWindow:
        return []
    return list(value.value) if value else []


def window_under_pointer(display: Any) -> Any | None:
    """Find the application's window under the pointer, or None over the bare desktop."""
    window = display.screen().root
    state = display.get_atom("WM_STATE")
    try:
        while child := window.query_pointer().child:
            window = child
            if window.get_full_property(state, X.AnyPropertyType):
                return window
    except xerror.BadWindow:
        return None
    return None


def window_under(display: Any, point: DesktopPoint) -> Any | None:
    """Find the window that a click at a point goes to: the application's, or a menu's of its own.

    The server is asked, so that what is shaped or lets input through counts as it does for a click.
    None over the bare desktop.
    """
    root = display.screen().root
    state = display.get_atom("WM_STATE")
    try:
        top = window = root.translate_coords(root, point.x, point.y).child
        while window and window != X.NONE:
            if window.get_full_property(state, X.AnyPropertyType):
                return window
            window = window.translate_coords(root, point.x, point.y).child
        return _client_in(top, state) if top else None
    except xerror.XError:
        return None


def _client_in(top: Any, state: int) -> Any:
    """Find the application's window in its frame; a window without one (a menu) stands for itself."""
    for child in top.query_tree().children:
        if child.get_full_property(state, X.AnyPropertyType):
            return child
    return top


def covering_window(display: Any, area: Rect) -> Any | None:
    """Find a window that covers an area without the window manager's leave, or None.

    So do lock screens, which grab the keyboard besides: the keys go to them, whatever has the focus.
    """
    root = display.screen().root
    right, bottom = area.left + area.width - 1, area.top + area.height - 1
    places = ((area.left, area.top), (right, area.top), (area.left, bottom), (right, bottom))
    try:
        tops = [root.translate_coords(root, *place).child for place in places]
        top = tops[0]
        if not top or any(other != top for other in tops) or not top.get_attributes().override_redirect:
            return None
    except xerror.XError:
        return None
    return top


def process_of(display: Any, window: Any) -> int | None:
    """Find the process id of a window's client if it runs on this machine: the server asked its socket."""
    if not display.has_extension(res.extname):
        return None
    try:
        specs = [{"client": window.id, "mask": res.LocalClientPIDMask}]
        ids = display.res_query_client_ids(specs).ids
    except xerror.XError:
        return None
    return next((int(found.value[0]) for found in ids if found.value), None)


def frame_rect(display: Any, window: Any) -> Rect | None:
    """Find where a window is on the root window, its frame included; None if it isn't shown."""
    root = display.screen().root
    try:
        if window.get_attributes().map_state != X.IsViewable:
            return None
        while (parent := window.query_tree().parent) and parent.id != root.id:
            window = parent
        at = window.get_geometry()
    except xerror.XError:
        return None
    border = 2 * at.border_width
    return Rect(at.x, at.y, at.width + border, at.height + border)


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
