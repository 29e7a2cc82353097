"""The focus and the order of windows, as they were before a person went to the terminal to answer."""

import time
from collections.abc import Callable
from typing import Any, Final

from Xlib import X
from Xlib import error as xerror
from Xlib.protocol import event

from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.windows.ownership import stacking, window_info
from qvl_agent.actions.desktops.x11.windows.tree import focused_window

__all__ = ["keep_focus"]

_WAIT_S: Final = 0.5
_POLL_S: Final = 0.005
_PAGER: Final = 2
"""A request on the person's behalf, which no window manager takes for a focus that is stolen."""
_BELOW: Final = 1


def keep_focus(connection: Connection) -> Callable[[], None]:
    """Remember the focus and the order of the windows; what is returned brings them back.

    It does so only if our own terminal has the focus by then, as whoever answered there left it. Where the
    person went elsewhere, that is left alone.

    Source: https://specifications.freedesktop.org/wm-spec/latest/ar01s03.html, _NET_ACTIVE_WINDOW and
    _NET_RESTACK_WINDOW.
    """
    with connection as display:
        was, order = focused_window(display), [window.id for window in stacking(display)]
    return lambda: _bring_back(connection, was, order)


def _bring_back(connection: Connection, was: Any, order: list[int]) -> None:
    with connection as display:
        now = focused_window(display)
        there = {window.id for window in stacking(display)}
        if was is None or now is None or now.id == was.id or was.id not in there:
            return
        info = window_info(display, now, focused=True)
        if info is None or not info.ours:
            return
        try:
            order = [window for window in order if window in there]
            if now.id in order and (above := order[order.index(now.id) + 1 :]):
                _ask(display, now.id, "_NET_RESTACK_WINDOW", (_PAGER, above[0], _BELOW))
            _ask(display, was.id, "_NET_ACTIVE_WINDOW", (_PAGER, X.CurrentTime, now.id))
            _await_focus(display, was.id)
        except xerror.XError:
            return  # a window is gone: what follows looks at the screen anew


def _ask(display: Any, window: int, message: str, data: tuple[int, ...]) -> None:
    """Ask the window manager, by a message to the root window."""
    root = display.screen().root
    words = [*data, *[0] * (5 - len(data))]
    said = event.ClientMessage(window=window, client_type=display.get_atom(message), data=(32, words))
    root.send_event(said, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
    display.sync()


def _await_focus(display: Any, window: int) -> None:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline:
        focused = focused_window(display)
        if focused is not None and focused.id == window:
            return
        time.sleep(_POLL_S)
