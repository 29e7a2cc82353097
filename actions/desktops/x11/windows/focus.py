"""Watch the keyboard's focus while a plan is sent (`Focus`), and restore it after a question (`keep_focus`).

A person goes to the agent's terminal to answer a question; the focus and the order of the windows are then
restored as they were before.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from Xlib import X
from Xlib import error as xerror
from Xlib.protocol import event

from qvl_agent.actions.core.errors import FocusLostError
from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.windows.grabs import keyboard_grabbed, keys_window
from qvl_agent.actions.desktops.x11.windows.ownership import stacking, window_info
from qvl_agent.actions.desktops.x11.windows.tree import (
    focused_window,
    process_of,
    screen_area,
    window_under_pointer,
)

__all__ = ["Focus", "keep_focus"]

_WAIT_S: Final = 0.5
"""The longest wait for a focus that was asked for."""
_POLL_S: Final = 0.005
_PAGER: Final = 2
"""The source of a request on the person's behalf, which no window manager refuses as a stolen focus."""
_BELOW: Final = 1
"""The stack mode Below, of ConfigureWindow."""


class Focus:
    """The window that a plan's keys are for: the one with the focus at first, later the clicked one.

    Keys go to the window that has the focus when they arrive at the server. A window that opens or is raised
    in the middle of a text would get the rest of it, so the focus is checked again and again while a text is
    typed. Another window of the same process (a list of completions) may have the focus too.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._window = focused_window(display)
        self._id = self._raw()
        self._grabbed = keyboard_grabbed(display)

    def clicked(self) -> bool:
        """Note that the plan has clicked, once the focus was waited for; return whether the focus moved.

        Raises:
            FocusLostError: neither the clicked window nor the one before has the focus.
        """
        if self._raw() == self._id:
            return False
        now, under = focused_window(self._display), window_under_pointer(self._display)
        if now is None or not any(self._same(now, each) for each in (under, self._window)):
            raise FocusLostError(
                "the window that was clicked didn't get the keyboard's focus, so nothing was typed"
            )
        self._window, self._id = now, self._raw()
        return True

    def check(self) -> None:
        """Check that the keys still go to the same window, or to another one of its process.

        Raises:
            FocusLostError: they would go elsewhere.
        """
        self._check_grab()
        if self._raw() == self._id:
            return
        now = focused_window(self._display)
        if not self._same(now, self._window):
            raise FocusLostError(
                "another window took the keyboard's focus in the middle, so the rest wasn't typed"
            )
        self._id = self._raw()

    def _check_grab(self) -> None:
        """Check that no other program has grabbed the keyboard since the plan began."""
        if self._grabbed or not keyboard_grabbed(self._display):
            return
        if keys_window(self._display, screen_area(self._display))[1] == "this":
            raise FocusLostError("another program took the keyboard in the middle, so the rest wasn't typed")

    def _raw(self) -> int:
        focus = self._display.get_input_focus().focus
        return int(focus) if isinstance(focus, int) else int(focus.id)

    def _same(self, one: Any | None, other: Any | None) -> bool:
        if one is None or other is None:
            return one is other
        if one.id == other.id:
            return True
        process = process_of(self._display, one)
        return process is not None and process == process_of(self._display, other)


def keep_focus(connection: Connection) -> Callable[[], None]:
    """Remember the focus and the order of the windows, and return a function that restores them.

    The function does so only if our own terminal has the focus by then, because the person answered there. If
    the person has gone to another window, nothing is changed.

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
            return  # a window is gone: the checks that follow look at the screen again


def _ask(display: Any, window: int, message: str, data: tuple[int, ...]) -> None:
    """Send a request to the window manager, as a message to the root window."""
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
