"""Find out who gets the keys while a program has grabbed the keyboard, as launchers, menus and lockers do.

The focus doesn't tell it: X sends all keys to the client with the grab, and doesn't say which one that is.
But what grabs the keyboard shows itself, by a window over all others that no window manager manages. If that
window belongs to the program with the focus, it is one of its menus. If there is no such window, the program
with the focus may have grabbed the keyboard itself, as viewers of other machines do, or another one with a
window of a pixel, as the transparent locker xtrlock does.
"""

from typing import Any, Final

from Xlib import X
from Xlib import error as xerror

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.windows import Grab
from qvl_agent.actions.desktops.x11.windows.tree import (
    covering_window,
    focused_window,
    input_rects,
    process_of,
    window_manager,
)

__all__ = ["keyboard_grabbed", "keys_window"]

_SMALLEST: Final = 8
"""Windows with a side below so many pixels show nothing; toolkits use such windows for themselves."""


def keyboard_grabbed(display: Any) -> bool:
    """Return whether another client has grabbed the keyboard now. Nobody notices that it is asked.

    We ask for a grab that can't be had, with a window that isn't shown. The server looks first whether
    another client has a grab, and refuses with that as the reason.

    Source: the X protocol's GrabKeyboard, and GrabDevice in the X.Org server's dix/events.c.
    """
    if not hasattr(display, "qvl_unseen_window"):
        display.qvl_unseen_window = display.screen().root.create_window(
            -1, -1, 1, 1, 0, X.CopyFromParent, X.InputOnly, X.CopyFromParent, override_redirect=True
        )
    status = display.qvl_unseen_window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
    return bool(status == X.AlreadyGrabbed)


def keys_window(display: Any, area: Rect) -> tuple[Any | None, Grab]:
    """Return the application's window that gets the keys, and whether it gets them by a grab.

    Args:
        display: the connection.
        area: the monitor; a window that covers all of it gets the keys in any case, as a lock screen.

    Returns:
        The window, None if there is none; and the kind of grab, as in `WindowInfo.grabs`.
    """
    cover, focused = covering_window(display, area), focused_window(display)
    if not keyboard_grabbed(display):
        return cover or focused, ""
    if cover is not None:
        return cover, "this"
    ours = None if focused is None else process_of(display, focused)
    window = _topmost_menu(display, _SMALLEST)
    if window is None:
        return _topmost_menu(display, 1, besides=ours) or focused, "unknown"
    if ours is not None and process_of(display, window) == ours:
        return focused, ""
    return window, "this"


def _topmost_menu(display: Any, smallest: int, *, besides: int | None = None) -> Any | None:
    """Return the topmost window that no window manager manages and that takes input, or None.

    Args:
        display: the connection.
        smallest: the number of pixels that its sides have at least.
        besides: a process whose windows aren't meant; then the window manager's aren't either.
    """
    manager = window_manager(display)
    others = {besides, process_of(display, manager) if manager else None} if smallest == 1 else set()
    for window in reversed(display.screen().root.query_tree().children):
        if _takes_input(display, window, smallest) and process_of(display, window) not in others:
            return window
    return None


def _takes_input(display: Any, window: Any, smallest: int) -> bool:
    try:
        attributes = window.get_attributes()
        if attributes.map_state != X.IsViewable or not attributes.override_redirect:
            return False
        at = window.get_geometry()
        return min(at.width, at.height) >= smallest and bool(input_rects(display, window))
    except xerror.XError:
        return False
