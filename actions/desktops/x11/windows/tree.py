"""Questions to the X server about windows: which one is at a point, has the focus, or is above another.

The window manager is asked whether it runs, and the server for a window's process.
"""

import time
from typing import TYPE_CHECKING, Any, Final

from Xlib import X, Xatom
from Xlib import error as xerror

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import NoScreenError
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.input import check_stop
from qvl_agent.actions.desktops.x11.windows.asking import (
    answer,
    ask_attributes,
    ask_child,
    ask_geometry,
    ask_input_shape,
    ask_process,
    ask_property,
    ask_tree,
    process_in,
    value_of,
)

if TYPE_CHECKING:
    from qvl_agent.actions.desktops import StopCheck

__all__ = [
    "application_windows",
    "ask_above",
    "asked_frame_rect",
    "covering_window",
    "focused_window",
    "frame_rect",
    "input_rects",
    "process_of",
    "protocols",
    "read_layout",
    "screen_area",
    "wait_for_focus",
    "wait_for_window_manager",
    "window_manager",
    "window_under",
    "window_under_pointer",
]

_POLL_S: Final = 0.005


def wait_for_window_manager(name: str, timeout_s: float = 20.0) -> None:
    """Wait until a window manager runs on a display, which is shown by _NET_SUPPORTING_WM_CHECK.

    Source: https://specifications.freedesktop.org/wm-spec/latest/ar01s03.html: the root's property
    names a window that has the same property, naming itself.

    Raises:
        NoScreenError: no window manager came up in time.
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


def window_manager(display: Any) -> Any | None:
    """Return the window that stands for the window manager, or None; it may be one that has ended."""
    named = _window_property(display.screen().root, display.get_atom("_NET_SUPPORTING_WM_CHECK"))
    return display.create_resource_object("window", named) if named else None


def focused_window(display: Any) -> Any | None:
    """Return the application's window that gets the keys, or None."""
    return _window_with(display, display.get_input_focus().focus)


def _window_with(display: Any, focus: Any) -> Any | None:
    """Return the application's window that gets the keys if this has the focus."""
    if focus == X.PointerRoot:
        return window_under_pointer(display)
    return _top_level(display, focus) if focus != X.NONE else None


def wait_for_focus(display: Any, stop: "StopCheck", limit_s: float = 0.5) -> None:
    """Wait, after a click, until the window under the pointer has the focus, for at most `limit_s` seconds.

    The window manager moves the focus some time after the click, and keys go to the old window until then.
    A panel or a menu never takes the focus, so after the limit the keys go where the focus is.

    Raises:
        Stopped: `stop` returned True.
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
    """Return the application's window under the pointer, or None over the bare desktop and over a menu.

    Where no window manager runs, it is the outermost window.
    """
    window = display.screen().root
    state = display.get_atom("WM_STATE")
    top = None
    try:
        while child := window.query_pointer().child:
            window = child
            top = top or window
            if window.get_full_property(state, X.AnyPropertyType):
                return window
        return None if top is None or top.get_attributes().override_redirect else top
    except xerror.BadWindow:
        return None


def window_under(display: Any, point: DesktopPoint) -> Any | None:
    """Return the window that a click at a point goes to: an application's, or a menu's own window.

    The server is asked, so that windows that have a shape or let input through are treated as for a click.
    None over the bare desktop.
    """
    state = display.get_atom("WM_STATE")
    first = answer(ask_child(display, display.screen().root, point))
    top = window = first and first.child
    while window and window != X.NONE:
        managed, inner = ask_property(display, window, state), ask_child(display, window, point)
        if value_of(managed):
            return window
        below = answer(inner)
        if below is None:
            return None
        window = below.child
    return _client_in(display, top, state) if top else None


def covering_window(display: Any, area: Rect) -> Any | None:
    """Return a window that covers a whole area and isn't managed by the window manager, or None.

    Lock screens are such windows. They also grab the keyboard, so the keys go to them in any case.
    """
    root = display.screen().root
    right, bottom = area.left + area.width - 1, area.top + area.height - 1
    corners = [DesktopPoint(x, y) for x in (area.left, right) for y in (area.top, bottom)]
    asked = [ask_child(display, root, corner) for corner in corners]
    tops = [found and found.child for found in map(answer, asked)]
    top = tops[0]
    if not top or any(other != top for other in tops):
        return None
    attributes = answer(ask_attributes(display, top))
    return top if attributes and attributes.override_redirect else None


def screen_area(display: Any) -> Rect:
    """Return the whole X screen, all monitors together."""
    whole = display.screen().root.get_geometry()
    return Rect(0, 0, whole.width, whole.height)


def application_windows(display: Any) -> list[Any]:
    """List the windows that are shown from the bottom up, without frames and menus, in the server's order."""
    state = display.get_atom("WM_STATE")
    found = []
    for top in display.screen().root.query_tree().children:
        try:
            attributes = top.get_attributes()
            if attributes.map_state != X.IsViewable:
                continue
            client = _client_in(display, top, state)
            if client is not None and (not attributes.override_redirect or client.id != top.id):
                found.append(client)
        except xerror.XError:
            continue  # gone in the meantime
    return found


def process_of(display: Any, window: Any) -> int | None:
    """Return the process id of a window's client; None if it isn't on this machine, or isn't known."""
    return process_in(ask_process(display, window))


def frame_rect(display: Any, window: Any) -> Rect | None:
    """Return the rectangle of a window on the root window, its frame included; None if it isn't shown."""
    return asked_frame_rect(display, ask_attributes(display, window), ask_above(display, window))


def asked_frame_rect(display: Any, shown: Any, above: tuple[Any, Any]) -> Rect | None:
    """Return `frame_rect` of a window whose attributes, and what is above it, were asked for already."""
    attributes = answer(shown)
    if attributes is None or attributes.map_state != X.IsViewable:
        return None
    root = display.screen().root.id
    while True:
        tree, at = map(answer, above)
        if tree is None or at is None:
            return None
        if not tree.parent or tree.parent.id == root:
            border = 2 * at.border_width
            return Rect(at.x, at.y, at.width + border, at.height + border)
        above = ask_above(display, tree.parent)


def ask_above(display: Any, window: Any) -> tuple[Any, Any]:
    """Ask for a window's parent, and for its place in that."""
    return ask_tree(display, window), ask_geometry(display, window)


def read_layout(display: Any) -> Layout:
    """Read the layout of all windows that are shown, those included that no window manager knows.

    A desktop has some hundred windows, most of them never shown; all requests are sent before the first
    answer is waited for.
    """
    children = display.screen().root.query_tree().children
    asked = [(ask_attributes(display, each), ask_geometry(display, each)) for each in children]
    shown = []
    for window, both in zip(children, asked, strict=True):
        attributes, at = map(answer, both)
        if attributes is not None and at is not None and attributes.map_state == X.IsViewable:
            shown.append((window, at, ask_input_shape(display, window)))
    windows = [
        (int(window.id), rect)
        for window, at, input_shape in reversed(shown)
        for rect in _where_clicks_land(at, answer(input_shape))
    ]
    return Layout(tuple(windows), _focus(display))


def input_rects(display: Any, window: Any) -> tuple[Rect, ...]:
    """Return where on the root window a child of it takes clicks; () if they all pass through it.

    Raises:
        XError: the window is gone.
    """
    asked = ask_input_shape(display, window)
    return tuple(_where_clicks_land(window.get_geometry(), answer(asked)))


def _where_clicks_land(at: Any, answered: Any | None) -> list[Rect]:
    """Return the parts of a window that take clicks: all of it with its border, or its input shape."""
    border = 2 * at.border_width
    whole = Rect(at.x, at.y, at.width + border, at.height + border)
    if answered is None:
        return [whole]
    inside = at.x + at.border_width, at.y + at.border_width
    found = [
        Rect(inside[0] + each.x, inside[1] + each.y, each.width, each.height) for each in answered.rectangles
    ]
    unshaped = len(found) == 1 and (found[0].width, found[0].height) in (
        (at.width, at.height),
        (whole.width, whole.height),
    )
    return [whole] if unshaped else found


def _window_manager_answers(display: Any) -> bool:
    window = window_manager(display)
    check = display.get_atom("_NET_SUPPORTING_WM_CHECK")
    return window is not None and _window_property(window, check) == window.id


def _window_property(window: Any, atom: int) -> int:
    try:
        value = window.get_full_property(atom, X.AnyPropertyType)
    except (xerror.BadWindow, xerror.BadAtom):
        return 0
    return int(value.value[0]) if value and len(value.value) else 0


def _top_level(display: Any, window: Any) -> Any | None:
    """Return the application's window around a window, or None if that is gone.

    It's the one to which the window manager gave WM_STATE; without a window manager, and for a window that
    none manages, it's the outermost one. A window of a pixel, which window managers give the focus to when
    nobody is to have it, is none.
    """
    state = display.get_atom("WM_STATE")
    root = display.screen().root.id
    outermost = None
    while window and window.id != root:
        outermost = window
        managed, above = ask_property(display, window, state), ask_tree(display, window)
        if value_of(managed):
            return window
        tree = answer(above)
        if tree is None:
            return None
        window = tree.parent
    return outermost if outermost is not None and _is_seen(outermost) else None


def _is_seen(window: Any) -> bool:
    try:
        at = window.get_geometry()
    except xerror.XError:
        return False
    return bool(min(at.width, at.height) > 1)


def _client_in(display: Any, top: Any, state: int) -> Any | None:
    """Return the application's window in a frame; a window that is no frame (a menu) is returned itself.

    None if it is gone.
    """
    tree = answer(ask_tree(display, top))
    if tree is None:
        return None
    asked = [(child, ask_property(display, child, state)) for child in tree.children]
    return next((child for child, managed in asked if value_of(managed)), top)


def _focus(display: Any) -> frozenset[int]:
    """Return the ids of the window that has the focus and of the application's window around it.

    Either of them may change while the keys go to the same application, but not both.
    """
    focus = display.get_input_focus().focus
    window = _window_with(display, focus)
    return frozenset(int(getattr(each, "id", each)) for each in (focus, window) if each is not None)
