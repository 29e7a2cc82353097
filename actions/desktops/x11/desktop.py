"""The desktop of an X server: frames by mss, input by XTEST."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any, Final, assert_never

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import CoordinateError, DesktopError, NoScreenError, Stopped
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Capabilities, Desktop, StopCheck
from qvl_agent.actions.desktops.watchdog.channel import Kind, Note
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.windows import OwnCover
from qvl_agent.actions.desktops.x11.capture import Capture
from qvl_agent.actions.desktops.x11.connection import Connection, monitors, randr_version
from qvl_agent.actions.desktops.x11.damage import X11Damage
from qvl_agent.actions.desktops.x11.input import PressedInputs, XInput
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.desktops.x11.keyboard.barrier import Barrier
from qvl_agent.actions.desktops.x11.keyboard.keymap import Keymap, character_keysym, key_keysym
from qvl_agent.actions.desktops.x11.keyboard.xkb import KeyboardState
from qvl_agent.actions.desktops.x11.perform import Performance
from qvl_agent.actions.desktops.x11.windows.focus import keep_focus
from qvl_agent.actions.desktops.x11.windows.grabs import keys_window
from qvl_agent.actions.desktops.x11.windows.ownership import own_regions, window_info
from qvl_agent.actions.desktops.x11.windows.tree import read_layout, window_under
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import (
    ButtonEvent,
    KeyEvent,
    MoveEvent,
    Plan,
    SecretEvent,
    TextEvent,
    WheelEvent,
)

__all__ = ["X11Desktop"]

_log = logging.getLogger(__name__)

_MAX_COORDINATE: Final = 0x7FFF
"""X coordinates are signed 16-bit."""


class X11Desktop(Desktop):
    """A monitor of an X display, and the display's mouse and keyboard.

    Logical pixels are pixels here, as X has no scale. Only one thread may call `perform`; any thread may
    capture and ask.

    Attributes:
        name: the desktop's name in the record.
        display: the X display's name.
    """

    platform = "linux"
    capabilities = Capabilities(windows=True, pointer=True, exact_text="any", keeps_focus=True, watchdog=True)

    def __init__(self, display: str, *, monitor: int = 1, name: str | None = None) -> None:
        """Connect to `display`; `monitor` counts from 1, in the order of RandR (and of mss).

        Raises:
            NoScreenError: no server answers, it lacks an extension that we need, or it has no such monitor.
        """
        self.display = display
        self.name = name or f"local {display}"
        self._number = monitor
        self._held = PressedInputs()
        self._watchdog: Watchdog | None = None
        self._own = OwnCover(self.off_limits)
        with ExitStack() as stack:
            self._eyes = Connection(display)
            stack.callback(self._eyes.close)
            self._hands = Connection(display)
            stack.callback(self._hands.close)
            with self._hands as connection:
                _refuse_xwayland(connection, display)
                XInput(connection, self._held)
            count = len(self.geometry().monitors)
            if not 1 <= monitor <= count:
                raise NoScreenError(f"there is no monitor {monitor}; {display} has {count}, counted from 1")
            self._capture = Capture(display)
            self._damage = self._open_damage()
            stack.pop_all()

    def _open_damage(self) -> X11Damage | None:
        try:
            found = X11Damage(self.display)
        except DesktopError as error:
            _log.info("the screen is polled after input: %s", error)
            return None
        self.capabilities = replace(self.capabilities, damage=True)
        return found

    @property
    def watchdog(self) -> Watchdog | None:
        """The watchdog that is told of each event and releases what is down if this process dies, if any."""
        return self._watchdog

    @watchdog.setter
    def watchdog(self, watchdog: Watchdog | None) -> None:
        self._watchdog = self._held.ledger = watchdog

    def geometry(self) -> Geometry:
        with self._eyes as display:
            return Geometry(monitors(display))

    def _monitor(self) -> Rect:
        there = self.geometry().monitors
        if self._number > len(there):
            raise DesktopError(f"monitor {self._number} is gone; {len(there)} left")
        return there[self._number - 1]

    def grab(self, region: Rect | None = None) -> Frame:
        monitor = self._monitor()
        area = region or monitor
        if not _inside(area, monitor):
            raise DesktopError(f"{area} is not on the captured monitor {monitor}")
        origin = FramePoint(area.left - monitor.left, area.top - monitor.top)
        pixels = self._capture.grab(area)
        self._own.paint(pixels, area)
        return Frame(pixels, monitor, origin=origin)

    def damage(self) -> X11Damage | None:
        return self._damage if self._damage is not None and self._damage.trusted else None

    def pointer(self) -> DesktopPoint:
        with self._eyes as display:
            at = display.screen().root.query_pointer()
            return DesktopPoint(at.root_x, at.root_y)

    def off_limits(self) -> tuple[Rect, ...]:
        with self._eyes as display:
            return own_regions(display)

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        with self._eyes as display:
            window = window_under(display, point)
            return None if window is None else window_info(display, window)

    def focused(self) -> WindowInfo | None:
        monitor = self._monitor()
        with self._eyes as display:
            window, grab = keys_window(display, monitor)
            info = None if window is None else window_info(display, window, focused=True)
            return replace(info or WindowInfo(focused=True), grabs=grab) if grab else info

    def keep_focus(self) -> Callable[[], None]:
        return keep_focus(self._eyes)

    def layout(self) -> Layout:
        with self._eyes as display:
            return read_layout(display)

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        geometry = self.geometry()
        plan = approved.spend(geometry)
        _check(plan, geometry)
        performance: Performance | None = None
        try:
            with self._hands as display:
                performance = Performance(display, self._held, approved.typing)
                performance.run(plan, stop)
        except BaseException:
            self._recover(performance.before if performance else None)
            raise

    def _recover(self, before: KeyboardState | None) -> None:
        """Release all keys and buttons and restore the keyboard, after any exception, by a new connection."""
        self._hands.drop()
        with suppress(DesktopError), self._hands as display:  # a server that is gone holds nothing
            XInput(display, self._held).release()
            if before is not None:
                xkb.restore(display, before)
            with suppress(Stopped):
                Barrier(display).wait(_soon())
            Keymap(display).restore()
            display.sync()
            self._held.after(Note(Kind.LOCKS_BACK))

    def release(self) -> None:
        if self._held:
            with self._hands as display:
                XInput(display, self._held).release()

    def close(self) -> None:
        with suppress(DesktopError):
            self.release()
        self._hands.close()
        self._eyes.close()
        self._capture.close()
        if self._damage is not None:
            self._damage.close()


def _refuse_xwayland(connection: Any, name: str) -> None:
    """Refuse XWayland: an X server in a Wayland session has only X programs' windows.

    Captures of it are black, and clicks go to the wrong place.
    """
    named = _monitor_names(connection)
    if connection.has_extension("XWAYLAND") or any(each.startswith("XWAYLAND") for each in named):
        raise NoScreenError(
            f"{name} is XWayland, inside a Wayland session, which lets no program see or drive the whole "
            "screen: log in to an X11 session, or use --desktop sandbox:chat"
        )


def _monitor_names(connection: Any) -> list[str]:
    if randr_version(connection) < (1, 5):
        return []
    there = connection.screen().root.xrandr_get_monitors().monitors
    return [str(connection.get_atom_name(each.name)) for each in there]


def _inside(area: Rect, monitor: Rect) -> bool:
    last = DesktopPoint(area.left + area.width - 1, area.top + area.height - 1)
    return DesktopPoint(area.left, area.top) in monitor and last in monitor


def _check(plan: Plan, geometry: Geometry) -> None:
    """Refuse a plan that can't be sent completely, before its first event."""
    for event in plan:
        match event:
            case MoveEvent(point):
                if point not in geometry or max(point.x, point.y) > _MAX_COORDINATE:
                    raise CoordinateError(f"{point} is on none of the monitors {geometry.monitors}")
            case KeyEvent(key):
                key_keysym(key)
            case TextEvent(text):
                for character in text:
                    character_keysym(character)
            case ButtonEvent() | WheelEvent() | SecretEvent():
                pass
            case _:
                assert_never(event)


def _soon(limit_s: float = 0.3) -> StopCheck:
    """Return a stop check that is True once `limit_s` seconds have passed."""
    deadline = time.monotonic() + limit_s
    return lambda: time.monotonic() > deadline
