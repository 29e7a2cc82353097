"""The desktop of a Wayland compositor that has wlroots' protocols: sway, labwc, Hyprland, river."""

import os
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import DesktopError, FocusLostError, NoScreenError
from qvl_agent.actions.core.frame import Frame, Geometry, Pixels
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Capabilities, StopCheck
from qvl_agent.actions.desktops.keysyms import of_character, of_key, refuse_misread
from qvl_agent.actions.desktops.sending import SendingDesktop, check_stop, texts
from qvl_agent.actions.desktops.trial import Trial
from qvl_agent.actions.desktops.wayland.devices import Hands
from qvl_agent.actions.desktops.wayland.screen import Output, Screen
from qvl_agent.actions.desktops.wayland.sway import Sway
from qvl_agent.actions.desktops.wayland.wire import Connection, socket_path
from qvl_agent.actions.desktops.windows import OwnCover
from qvl_agent.actions.planning.action import Button
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, Plan

__all__ = ["WaylandDesktop", "can_be_driven"]

_CHUNK: Final = 20
"""Characters that are typed before the compositor has to say that it has passed them on."""
_CHUNK_S: Final = 0.005
"""Seconds between two chunks: a compositor ends programs that don't read what it sends them."""
_NEEDED: Final = (
    "zwlr_screencopy_manager_v1",
    "zwlr_virtual_pointer_manager_v1",
    "zwp_virtual_keyboard_manager_v1",
)
_HELD_S: Final = 0.05
"""Seconds that a button is held down where a program may look only once a frame: three at 60 a second."""


class WaylandDesktop(SendingDesktop):
    """A monitor of a Wayland session, with a virtual mouse and keyboard.

    Nobody tells where the pointer is, and the person's own mouse and keys can't be noticed. Windows are known
    on sway alone. Only one thread may call `perform`; any thread may capture and ask.

    Args:
        display: the session's socket: "wayland-1", or a path.
        monitor: the monitor's number, from 1, in the compositor's order.

    Attributes:
        name: the desktop's name in the record.
        display: the session's socket.

    Raises:
        NoScreenError: nobody answers there, the compositor lets no program see or drive the screen, or there
            is no such monitor.
    """

    platform = "linux"
    capabilities = Capabilities(exact_text="any")

    def __init__(self, display: str, *, monitor: int = 1) -> None:
        path = socket_path(display)
        beside = path.parent == Path(os.environ.get("XDG_RUNTIME_DIR", "/"))
        self.display = path.name if beside else str(path)
        self.name = f"local {self.display}"
        self._path, self._number = str(path), monitor
        self._at = DesktopPoint(0, 0)
        with ExitStack() as stack:
            eyes = Connection(path)
            stack.callback(eyes.close)
            hands = Connection(path)
            stack.callback(hands.close)
            try:
                self._screen, self._hands = Screen(eyes), Hands(hands)
                self._windows = Sway.beside(path)
                count = len(self._screen.outputs())
            except NoScreenError:
                raise
            except DesktopError as error:
                raise NoScreenError(f"{self.name} can't be used: {error}") from None
            if not 1 <= monitor <= count:
                raise NoScreenError(f"there is no monitor {monitor}; {display} has {count}, counted from 1")
            self._connections = stack.pop_all()
        self._own = OwnCover(self.off_limits)
        if self._windows is not None:
            self.capabilities = replace(self.capabilities, windows=True)

    def geometry(self) -> Geometry:
        return Geometry(tuple(each.place for each in self._screen.outputs()))

    def _output(self) -> Output:
        there = self._screen.outputs()
        if self._number > len(there):
            raise DesktopError(f"monitor {self._number} is gone; {len(there)} left")
        return there[self._number - 1]

    def grab(self, region: Rect | None = None) -> Frame:
        output = self._output()
        monitor, area = output.place, region or output.place
        last = DesktopPoint(area.left + area.width - 1, area.top + area.height - 1)
        if DesktopPoint(area.left, area.top) not in monitor or last not in monitor:
            raise DesktopError(f"{area} is not on the captured monitor {monitor}")
        pixels = self._screen.capture(output)
        scale = pixels.shape[1] / monitor.width
        self._cover(pixels, monitor, scale)
        left, top = (round((area.left - monitor.left) * scale), round((area.top - monitor.top) * scale))
        right, bottom = (
            round((area.left - monitor.left + area.width) * scale),
            round((area.top - monitor.top + area.height) * scale),
        )
        return Frame(pixels[top:bottom, left:right], monitor, scale, FramePoint(left, top))

    def _cover(self, pixels: Pixels, monitor: Rect, scale: float) -> None:
        """Paint over our own windows in a capture of a monitor."""
        if self._windows is not None:
            self._own.paint(pixels, monitor, scale)

    def pointer(self) -> DesktopPoint:
        """Return where the pointer was put last; nobody tells where it is."""
        return self._at

    def off_limits(self) -> tuple[Rect, ...]:
        return () if self._windows is None else self._windows.own_regions()

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        return None if self._windows is None else self._windows.at(point)

    def focused(self) -> WindowInfo | None:
        return None if self._windows is None else self._windows.focused()

    def layout(self) -> Layout | None:
        return None if self._windows is None else self._windows.layout()

    def trial(self) -> Trial:
        return Trial("qvl_agent.actions.desktops.wayland.window", self._path)

    def _prepare(self, approved: Approved, plan: Plan) -> None:
        keys = [of_key(event.key) for event in plan if isinstance(event, KeyEvent)]
        typed = texts(approved, plan)
        refuse_misread(typed)
        self._hands.prepare([*keys, *(of_character(character) for text in typed for character in text)])

    @property
    def _dragging(self) -> bool:
        return self._hands.dragging

    def _motion(self, point: DesktopPoint) -> None:
        self._at = point
        self._hands.move(point, _around(self.geometry().monitors))

    def _button(self, button: Button, *, down: bool) -> None:
        if not down and (self._windows is None or self._windows.polls_at(self._at)):
            time.sleep(_HELD_S)
        self._hands.button(button, down=down)

    def _notch(self, dx: int, dy: int) -> None:
        self._hands.notch(dx, dy)

    def _key(self, name: str, *, down: bool) -> None:
        self._hands.key(of_key(name), down=down)
        self._hands.sync()

    def _type(self, text: str, stop: StopCheck) -> None:
        focus = self._focus()
        for start in range(0, len(text), _CHUNK):
            check_stop(stop)
            if start and self._focus() != focus:
                raise FocusLostError("another window got the focus, so the rest of the text wasn't typed")
            for character in text[start : start + _CHUNK]:
                self._hands.key(of_character(character), down=True)
                self._hands.key(of_character(character), down=False)
            self._hands.sync()
            time.sleep(_CHUNK_S)

    def _focus(self) -> frozenset[int]:
        """Return the window that gets the keys; nothing where nobody knows."""
        return frozenset() if self._windows is None else self._windows.layout().focus

    def release(self) -> None:
        if self._hands.down:
            self._hands.release()

    def close(self) -> None:
        with suppress(DesktopError):
            self.release()
        self._connections.close()


def can_be_driven(display: str) -> bool:
    """Return whether a Wayland session has the protocols by which a program sees and drives its screen.

    Raises:
        NoScreenError: nobody answers there.
    """
    with closing(Connection(socket_path(display))) as connection:
        return all(connection.globals.get(each) for each in _NEEDED)


def _around(monitors: tuple[Rect, ...]) -> Rect:
    """Return the rectangle around all monitors."""
    left, top = min(each.left for each in monitors), min(each.top for each in monitors)
    right = max(each.left + each.width for each in monitors)
    bottom = max(each.top + each.height for each in monitors)
    return Rect(left, top, right - left, bottom - top)
