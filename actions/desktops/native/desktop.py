"""The desktop of Windows and macOS: frames by mss, input by pyautogui, text and the wheel by pynput.

It is written from the libraries' documentation and kept small. It is tested by a Windows Python in Wine, and
on X11 as far as it works there; it has not been run on macOS.
"""

from contextlib import suppress
from typing import Any, Final

import mss
import numpy as np
from mss.exception import ScreenShotError

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Capabilities, StopCheck
from qvl_agent.actions.desktops.native.windows import find_windows
from qvl_agent.actions.desktops.sending import SendingDesktop, check_stop
from qvl_agent.actions.planning.action import Button
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import (
    KeyEvent,
    Plan,
)

__all__ = ["NativeDesktop"]

_KEYS: Final = {"meta": "win", "altgr": "altright", "menu": "apps"}
_MAC_KEYS: Final = {"meta": "command", "alt": "option", "altgr": "optionright"}
_CHUNK: Final = 20
"""Characters that are typed between two calls of `stop`."""


class NativeDesktop(SendingDesktop):
    """A monitor, with the mouse and the keyboard.

    Coordinates are those of pyautogui and mss: logical pixels of the virtual desktop.

    Attributes:
        name: the desktop's name in the record.
    """

    capabilities = Capabilities(windows=True, pointer=True)

    def __init__(self, *, monitor: int = 1, mac: bool = False, name: str = "local") -> None:
        """Import the libraries, and check that the monitor exists.

        Args:
            monitor: the monitor's number in mss's order, from 1.
            mac: whether keys have the names of macOS.
            name: the desktop's name in the record.

        Raises:
            NoScreenError: a package or a permission is missing, or there is no such monitor.
        """
        self.name = name
        self._number = monitor
        self._names = _KEYS | _MAC_KEYS if mac else _KEYS
        self._held: list[tuple[str, str]] = []
        self._gui, self._typist, self._wheel_turner = _libraries()
        self._windows = find_windows()
        self._mss = mss.MSS()
        count = len(self.geometry().monitors)
        if not 1 <= monitor <= count:
            raise NoScreenError(f"there is no monitor {monitor}; this machine has {count}, counted from 1")

    def geometry(self) -> Geometry:
        return Geometry(tuple(_rect(one) for one in self._fresh().monitors[1:]))

    def _fresh(self) -> mss.MSS:
        """Reopen mss and return it, because it reads the monitors only when it is opened."""
        self._mss.close()
        self._mss = mss.MSS()
        return self._mss

    def grab(self, region: Rect | None = None) -> Frame:
        monitors = self.geometry().monitors
        if self._number > len(monitors):
            raise DesktopError(f"monitor {self._number} is gone; {len(monitors)} left")
        monitor = monitors[self._number - 1]
        area = region or monitor
        last = DesktopPoint(area.left + area.width - 1, area.top + area.height - 1)
        if DesktopPoint(area.left, area.top) not in monitor or last not in monitor:
            raise DesktopError(f"{area} is not on the captured monitor {monitor}")
        try:
            shot = self._mss.grab(
                {"left": area.left, "top": area.top, "width": area.width, "height": area.height}
            )
        except ScreenShotError as error:
            raise DesktopError(f"the screen can't be captured: {error}") from None
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        scale = shot.width / area.width
        origin = FramePoint(
            round((area.left - monitor.left) * scale), round((area.top - monitor.top) * scale)
        )
        return Frame(bgra[..., 2::-1], monitor, scale, origin)

    def pointer(self) -> DesktopPoint:
        at = self._gui.position()
        return DesktopPoint(int(at.x), int(at.y))

    def off_limits(self) -> tuple[Rect, ...]:
        """Return no region: our own windows are known by their process, in `window_at`."""
        return ()

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        return self._windows.at(point)

    def focused(self) -> WindowInfo | None:
        return self._windows.focused()

    def layout(self) -> Layout | None:
        """Return None: the layout of all windows isn't looked up on these systems."""
        return None

    def _prepare(self, _approved: Approved, plan: Plan) -> None:
        for event in plan:
            if isinstance(event, KeyEvent) and not self._gui.isValidKey(self._named(event.key)):
                raise DesktopError(f"pyautogui has no key {event.key!r} on this system")

    def _named(self, name: str) -> str:
        return self._names.get(name, name)

    @property
    def _dragging(self) -> bool:
        return any(what == "button" for what, _ in self._held)

    def _motion(self, point: DesktopPoint) -> None:
        button = next((name for what, name in self._held if what == "button"), None)
        if button is None:
            self._gui.moveTo(point.x, point.y, _pause=False)
        else:
            self._gui.dragTo(point.x, point.y, button=button, mouseDownUp=False, _pause=False)

    def _button(self, button: Button, *, down: bool) -> None:
        if down:
            self._held.append(("button", button))
            self._gui.mouseDown(button=button, _pause=False)
        else:
            self._gui.mouseUp(button=button, _pause=False)
            self._held.remove(("button", button))

    def _key(self, name: str, *, down: bool) -> None:
        key = self._named(name)
        if down:
            self._held.append(("key", key))
            self._gui.keyDown(key, _pause=False)
        else:
            self._gui.keyUp(key, _pause=False)
            self._held.remove(("key", key))

    def _notch(self, dx: int, dy: int) -> None:
        """Turn the wheel by pynput, whose y is upwards.

        pyautogui's unit is a 120th of a notch on Windows, where its hscroll turns the vertical wheel.
        """
        self._wheel_turner.scroll(dx, -dy)

    def _type(self, text: str, stop: StopCheck) -> None:
        for start in range(0, len(text), _CHUNK):
            check_stop(stop)
            self._typist.type(text[start : start + _CHUNK])

    def release(self) -> None:
        while self._held:
            what, name = self._held[-1]
            if what == "button":
                self._gui.mouseUp(button=name, _pause=False)
            else:
                self._gui.keyUp(name, _pause=False)
            self._held.pop()

    def close(self) -> None:
        with suppress(DesktopError):
            self.release()
        self._mss.close()


def _libraries() -> tuple[Any, Any, Any]:
    """Import the libraries that connect to the screen, and turn off pyautogui's pauses and fail-safe corner.

    Returns:
        pyautogui, and pynput's controllers of the keyboard and the mouse.
    """
    try:
        import pyautogui  # noqa: PLC0415 - it connects to the screen when imported
        from pynput import keyboard, mouse  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise NoScreenError(f"{error.name or 'a package'} is missing: pip install pyautogui pynput") from None
    except (KeyError, OSError) as error:
        raise NoScreenError(f"the screen can't be driven: {error}; run in a desktop session") from None
    pyautogui.PAUSE = 0
    pyautogui.FAILSAFE = False  # the agent may click in a corner, and is stopped by `stop`
    return pyautogui, keyboard.Controller(), mouse.Controller()


def _rect(monitor: Any) -> Rect:
    return Rect(monitor["left"], monitor["top"], monitor["width"], monitor["height"])
