"""Send one plan to an X server (`Performance`)."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final, assert_never

from Xlib import X

from qvl_agent.actions.core.errors import DesktopError, FocusLostError, InputHeldByUserError
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.desktops.watchdog.channel import Kind, Note
from qvl_agent.actions.desktops.x11.applications import polls_input
from qvl_agent.actions.desktops.x11.input import PressedInputs, XInput, check_stop
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.desktops.x11.keyboard.typing import LOCK_KEYS, Keyboard
from qvl_agent.actions.desktops.x11.keyboard.xkb import KeyboardState
from qvl_agent.actions.desktops.x11.windows.focus import Focus
from qvl_agent.actions.desktops.x11.windows.tooltip import await_tooltip
from qvl_agent.actions.desktops.x11.windows.tree import (
    focused_window,
    wait_for_focus,
    window_under_pointer,
)
from qvl_agent.actions.planning.events import (
    ButtonEvent,
    Event,
    KeyEvent,
    MoveEvent,
    Plan,
    SecretEvent,
    TextEvent,
    WheelEvent,
)
from qvl_agent.actions.planning.keys import MODIFIERS

__all__ = ["Performance", "Typing"]

Typing = Callable[[SecretEvent], AbstractContextManager[str]]
"""Provides a secret's value for as long as it is typed."""

_MODIFIERS: Final = {"shift": X.ShiftMask, "ctrl": X.ControlMask, "alt": X.Mod1Mask, "meta": X.Mod4Mask}
_CLICK_PASSED_S: Final = 2.0
_LAYOUT_QUIET_S: Final = 0.1
"""Seconds without a change after which a layout is taken for the one that the clicked window has: desktops
that keep a layout for each window switch some milliseconds after the focus."""
_LAYOUT_LIMIT_S: Final = 0.5
_POLL_S: Final = 0.001
_BUTTONS: Final = X.Button1Mask | X.Button2Mask | X.Button3Mask


class Performance:
    """Sends one plan. After an exception in `run` this object can't be used; the caller has to recover.

    Attributes:
        before: the keyboard's state that is to be restored after it; None if nothing was put aside.
    """

    def __init__(self, display: Any, held: PressedInputs, typing: Typing) -> None:
        self.before: KeyboardState | None = None
        self._display = display
        self._held = held
        self._hands = XInput(display, held)
        self._typing = typing
        self._focus = Focus(display)
        self._keyboard: Keyboard | None = None
        self._plain_keys = False
        self._polled: bool | None = None
        self._clicked = False

    def run(self, plan: Plan, stop: StopCheck) -> None:
        state = xkb.state(self._display)
        self._refuse_if_person_holds(state)
        self._plain_keys = _needs_plain_keys(plan)
        if self._plain_keys and not replace(state, group=0).plain:
            self._put_aside(state, group=state.group)
        for event in plan:
            check_stop(stop)
            self._send(event, stop)
            self._hands.sync()
        if self._keyboard is not None:
            self._keyboard.finish(stop)
        self._hands.release()
        if self.before is not None:
            xkb.restore(self._display, self.before)
            self._display.sync()
            self._held.after(Note(Kind.LOCKS_BACK))

    def _refuse_if_person_holds(self, state: KeyboardState) -> None:
        """Refuse to send input while the person holds a modifier or button that would change its meaning."""
        held = [name for name, mask in _MODIFIERS.items() if state.held & mask]
        if self._display.screen().root.query_pointer().mask & _BUTTONS:
            held.append("a mouse button")
        if held:
            raise InputHeldByUserError(f"{' and '.join(held)} is held down by someone else; nothing was sent")

    def _put_aside(self, state: KeyboardState, *, group: int = 0) -> None:
        """Give each key its plain meaning in a group until the plan is done."""
        self.before = before = state if self.before is None else replace(self.before, group=state.group)
        self._held.before(Note(Kind.LOCKS, before.locked, before.group, before.filters))
        xkb.set_plain(self._display, group)

    def _send(self, event: Event, stop: StopCheck) -> None:
        match event:
            case MoveEvent(point):
                self._hands.move(point, stop)
            case ButtonEvent(button, down):
                if down:
                    self._before_press(stop)
                else:
                    self._hold(stop)
                self._hands.button(button, down=down)
                self._clicked = True
            case WheelEvent(dx, dy):
                self._hands.wheel(dx, dy, stop)
            case KeyEvent(key, down):
                typist = self._typist(stop)
                if down:
                    self._focus.check()
                elif key not in MODIFIERS:
                    self._hold(stop)
                typist.key(key, stop, down=down)
            case TextEvent(text):
                self._typist(stop).type(text, stop)
            case SecretEvent():
                self._type_secret(event, stop)
            case _:
                assert_never(event)

    def _before_press(self, stop: StopCheck) -> None:
        if self._clicked:
            self._hands.between_clicks(stop)
        else:
            self._hands.sync()
            await_tooltip(self._display, stop)

    def _hold(self, stop: StopCheck) -> None:
        """Hold what is pressed for some frames, if the program may look at its input only once a frame."""
        if self._polled is None:
            window = window_under_pointer(self._display) if self._hands.dragging else None
            self._polled = polls_input(self._display, window or focused_window(self._display))
        if self._polled:
            self._hands.hold(stop)

    def _type_secret(self, event: SecretEvent, stop: StopCheck) -> None:
        """Type a secret's value; an error's message holds no part of it."""
        typist = self._typist(stop)
        with self._typing(event) as value:
            try:
                typist.type(value, stop, looks=1)
                typist.await_reading(stop)
            except FocusLostError:
                raise
            except DesktopError:
                raise DesktopError(f"the secret '{event.name}' couldn't be typed to its end") from None

    def _typist(self, stop: StopCheck) -> Keyboard:
        """Return the keyboard, once the focus is where this plan's clicks have put it."""
        if self._clicked and not self._hands.dragging:
            self._hands.sync()
            self._await_click(stop)
            wait_for_focus(self._display, stop)
            if self._focus.clicked() and self._keyboard is None:
                self._await_layout(stop)
            self._clicked = False
        if self._keyboard is None:
            # Here and not before the click, as the window that it chooses may have a layout of its own.
            state = xkb.state(self._display)
            if self._plain_keys and (state.group or xkb.group_count(self._display) > 1):
                self._put_aside(state)
            self._keyboard = Keyboard(self._display, self._hands, self._focus)
        return self._keyboard

    def _await_layout(self, stop: StopCheck) -> None:
        """Wait, after the focus moved, for the layout that the desktop keeps for the window.

        With one layout there is nothing to switch to.
        """
        begun = since = time.monotonic()
        group = xkb.state(self._display).group
        while xkb.group_count(self._display) > 1 and time.monotonic() - begun < _LAYOUT_LIMIT_S:
            check_stop(stop)
            time.sleep(_POLL_S)
            now = xkb.state(self._display).group
            if now != group:
                group, since = now, time.monotonic()
            if time.monotonic() - since > _LAYOUT_QUIET_S:
                return

    def _await_click(self, stop: StopCheck) -> None:
        """Wait until the window manager has passed the click on, as keys would overtake it.

        Window managers hold a press back by a synchronous grab until they have handled it, but let keys
        through. The server holds the release back for as long, so it reports the button as down until then.

        Raises:
            DesktopError: the click isn't passed on in time.
        """
        deadline = time.monotonic() + _CLICK_PASSED_S
        while self._display.screen().root.query_pointer().mask & _BUTTONS:
            check_stop(stop)
            if time.monotonic() > deadline:
                raise DesktopError(
                    f"the window manager has held the click back for {_CLICK_PASSED_S:g} s; nothing was typed"
                )
            time.sleep(_POLL_S)


def _needs_plain_keys(plan: Plan) -> bool:
    """Return whether locks, latches and the layout's group are to be put aside: for all but lock keys."""
    pressed = [event for event in plan if not isinstance(event, MoveEvent)]
    return bool(pressed) and not any(
        isinstance(event, KeyEvent) and event.key in LOCK_KEYS for event in pressed
    )
