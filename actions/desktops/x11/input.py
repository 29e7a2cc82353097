"""Send mouse and key events by XTEST, and keep account of what is down."""

import math
import time
from typing import TYPE_CHECKING, Any, Final, Literal

from Xlib import X
from Xlib.ext import xtest

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError, NoScreenError, Stopped
from qvl_agent.actions.desktops.watchdog.channel import Kind, Ledger, Note
from qvl_agent.actions.desktops.x11.devices import button_sources

if TYPE_CHECKING:
    from qvl_agent.actions.desktops import StopCheck
    from qvl_agent.actions.planning.action import Button

__all__ = ["PressedInputs", "XInput", "check_stop"]

_Part = tuple[Literal["key", "button"], int]
"""A keycode, or a button's number."""

_NOTED_DOWN: Final = {"key": Kind.KEY, "button": Kind.BUTTON}
_NOTED_UP: Final = {"key": Kind.KEY_UP, "button": Kind.BUTTON_UP}

_BUTTONS: Final[dict["Button", int]] = {"left": 1, "middle": 2, "right": 3}
_UP, _DOWN, _LEFT, _RIGHT = 4, 5, 6, 7
"""The buttons whose clicks turn the wheel by a notch."""
_DRAG_STEP_PX: Final = 12
_DRAG_PAUSE_S: Final = 0.006
_DRAG_STEPS: Final = range(6, 41)
"""A drag has at least 6 motions, or toolkits take it for a click, and at most 40, or it takes long. Some
applications look at the time too, hence the pause."""

_CLICK_PAUSE_S: Final = 0.01
_HOLD_PAUSES: Final = 5
_CLICK_PAUSES: Final = 5
"""Under openbox, Qt never got the second press of an immediate pair in about a quarter of the tries; with
20 ms between them it got all of 120. The cause isn't known: openbox's grab of the press is suspected."""


def check_stop(stop: "StopCheck") -> None:
    """Call `stop`, and raise an exception if the run is to stop.

    Raises:
        Stopped: the run is to stop.
    """
    if stop():
        raise Stopped("stopped before the input was complete; what was pressed is released")


class PressedInputs:
    """The keys and buttons that we pressed and haven't released, in order; it is kept across connections.

    python-xlib buffers what it sends, so a release counts only once the server has answered a later
    request: until then it is `unsure`, and would be lost with the connection.

    Attributes:
        ledger: gets a note of every change, to release what is down if this process is killed; None if
            there is no watchdog.
        down: what is down.
        unsure: what was released without an answer yet.
    """

    ledger: Ledger | None = None

    def __init__(self) -> None:
        self.down: list[_Part] = []
        self.unsure: list[_Part] = []

    def __bool__(self) -> bool:
        return bool(self.down or self.unsure)

    @property
    def dragging(self) -> bool:
        return any(what == "button" for what, _ in self.down)

    def before(self, note: Note) -> None:
        """Note in the ledger what is about to be sent."""
        if self.ledger is not None:
            self.ledger.before(note)

    def after(self, *notes: Note) -> None:
        """Note in the ledger what the server has taken."""
        if self.ledger is not None:
            self.ledger.after(*notes)

    def press(self, part: _Part) -> None:
        """Count a key or button as down, here and in the ledger, before it is pressed."""
        what, number = part
        self.before(Note(_NOTED_DOWN[what], number))
        self.down.append(part)

    def taken(self) -> None:
        """Note that the server has taken everything that was sent, releases included."""
        self.after(*(Note(_NOTED_UP[what], number) for what, number in self.unsure), Note(Kind.TAKEN))
        self.unsure.clear()


class XInput:
    """Sends single events over one connection, and keeps account of them in `held`.

    Raises:
        NoScreenError: when made on a server without XTEST.
    """

    def __init__(self, display: Any, held: PressedInputs) -> None:
        if not display.has_extension(xtest.extname):
            raise NoScreenError("this X server has no XTEST extension, so it takes no input from programs")
        self._display = display
        self._held = held
        self._sources: dict[int, int] | None = None

    @property
    def dragging(self) -> bool:
        return self._held.dragging

    def sync(self) -> None:
        """Wait until the server has taken everything that was sent."""
        self._display.sync()
        self._held.taken()

    def move(self, point: DesktopPoint, stop: "StopCheck") -> None:
        """Move the pointer to a point: at once, or, with a button down, along the line."""
        if not self._held.dragging:
            self._come_to_screen(point)
            self._motion(point.x, point.y)
            return
        at = self._display.screen().root.query_pointer()
        distance = math.hypot(point.x - at.root_x, point.y - at.root_y)
        steps = min(max(round(distance / _DRAG_STEP_PX), _DRAG_STEPS.start), _DRAG_STEPS.stop - 1)
        for step in range(1, steps + 1):
            check_stop(stop)
            part = step / steps
            self._motion(
                round(at.root_x + (point.x - at.root_x) * part),
                round(at.root_y + (point.y - at.root_y) * part),
            )
            self.sync()
            time.sleep(_DRAG_PAUSE_S)

    def _motion(self, x: int, y: int) -> None:
        self._held.before(Note(Kind.MOTION, x=x, y=y))
        self._display.xtest_fake_input(X.MotionNotify, detail=0, x=x, y=y)

    def _come_to_screen(self, point: DesktopPoint) -> None:
        """Bring the pointer to this connection's screen, as ":0.1" means the second screen of a server.

        XTEST's motions stay on the screen where the pointer is, whatever root window they name.
        """
        if self._display.screen_count() > 1:
            root = self._display.screen().root
            if not root.query_pointer().same_screen:
                root.warp_pointer(point.x, point.y)

    def button(self, button: "Button", *, down: bool) -> None:
        """Press or release a mouse button, as the application is to get it, whatever the person's map is.

        Raises:
            DesktopError: the person's map leaves this button out.
        """
        self._send(("button", self._source(_BUTTONS[button])), down=down)

    def _source(self, number: int) -> int:
        """Return the button to send so that an application gets `number`."""
        if self._sources is None:
            self._sources = button_sources(self._display)
        source = self._sources.get(number)
        if source is None:
            raise DesktopError(
                f"mouse button {number} is switched off by the pointer's map, so it can't be pressed: "
                "`xmodmap -e 'pointer = default'` resets it"
            )
        return source

    def between_clicks(self, stop: "StopCheck") -> None:
        """Wait 50 ms between the clicks of a double click, as long as a quick hand takes."""
        self._pause(_CLICK_PAUSES, stop)

    def hold(self, stop: "StopCheck") -> None:
        """Wait 50 ms before a release: three frames at 60 a second, and one or two at 30."""
        self._pause(_HOLD_PAUSES, stop)

    def _pause(self, times: int, stop: "StopCheck") -> None:
        self.sync()
        for _ in range(times):
            check_stop(stop)
            time.sleep(_CLICK_PAUSE_S)

    def wheel(self, dx: int, dy: int, stop: "StopCheck") -> None:
        """Turn the wheel notch by notch, downwards and to the right for positive numbers."""
        for number, notches in ((_DOWN if dy > 0 else _UP, abs(dy)), (_RIGHT if dx > 0 else _LEFT, abs(dx))):
            for _ in range(notches):
                check_stop(stop)
                self._send(("button", self._source(number)), down=True)
                self._send(("button", self._source(number)), down=False)
                self.sync()

    def key(self, keycode: int, *, down: bool) -> None:
        self._send(("key", keycode), down=down)

    @property
    def holds_keys(self) -> bool:
        """Whether a key of ours is down."""
        return any(what == "key" for what, _ in self._held.down)

    def holds(self, keycode: int) -> bool:
        return ("key", keycode) in self._held.down

    def _send(self, part: _Part, *, down: bool) -> None:
        if down:
            self._held.press(part)
        elif part in self._held.down:
            self._held.down.remove(part)
            self._held.unsure.append(part)
        else:
            raise DesktopError(f"{part[0]} {part[1]} was to be released, but isn't held by us")
        self._fake(part, down=down)

    def _fake(self, part: _Part, *, down: bool) -> None:
        what, number = part
        if what == "key":
            kind = X.KeyPress if down else X.KeyRelease
        else:
            kind = X.ButtonPress if down else X.ButtonRelease
        self._display.xtest_fake_input(kind, number)

    def release(self) -> None:
        """Release everything that we hold or may hold, the last pressed first."""
        for part in reversed([*self._held.unsure, *self._held.down]):
            self._fake(part, down=False)
        self._display.sync()
        self._held.unsure += self._held.down
        self._held.down.clear()
        self._held.taken()
