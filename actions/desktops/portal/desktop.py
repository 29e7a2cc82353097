"""The desktop of a Wayland session that is shared by its portal: frames by PipeWire, input by D-Bus."""

import os
import time
from contextlib import ExitStack, suppress
from typing import Any, Final, Literal

import numpy as np

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError, TypingError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.desktops import Capabilities, StopCheck, WindowlessDesktop
from qvl_agent.actions.desktops.keysyms import of_character, of_key, refuse_misread
from qvl_agent.actions.desktops.portal.session import Session
from qvl_agent.actions.desktops.sending import SendingDesktop, check_stop, texts
from qvl_agent.actions.desktops.trial import Trial
from qvl_agent.actions.desktops.wayland.seat import SeatMap
from qvl_agent.actions.planning.action import Button
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, Plan

__all__ = ["PortalDesktop"]

_BUTTONS: Final[dict[Button, int]] = {"left": 0x110, "right": 0x111, "middle": 0x112}
_VERTICAL, _HORIZONTAL = 0, 1
_FIRST_S: Final = 10.0
"""Seconds for the first picture."""
_LOOK_S: Final = 0.005
_AWAKE_S: Final = 0.1
"""Seconds after a session's first key, which GNOME loses."""
_HELD_S: Final = 0.05
"""Seconds that a button is held down, as a program may look at it only once a frame."""
_CHUNK: Final = 20

_Part = tuple[Literal["key", "button"], int]


class PortalDesktop(WindowlessDesktop, SendingDesktop):
    """The monitor that the person has shared in the portal's dialog.

    Nobody tells where windows and the pointer are. Characters that the keyboard's layout lacks are refused,
    as the session would drop them.

    Args:
        display: the Wayland session's socket.

    Attributes:
        name: the desktop's name in the record.
        display: the session's socket.

    Raises:
        NoScreenError: there is no portal, the person declines, or no picture comes.
    """

    platform = "linux"
    capabilities = Capabilities(exact_text="any")

    def __init__(self, display: str) -> None:
        try:
            from pipewire_capture import CaptureStream  # noqa: PLC0415 - an extra
        except ImportError:
            raise NoScreenError(
                "the screen of this Wayland session comes by PipeWire, and that needs a package and "
                "libpipewire: pip install 'qvl-agent[wayland]'"
            ) from None
        self.display, self.name = display, f"local {display}"
        self._at = DesktopPoint(0, 0)
        self._down: list[_Part] = []
        self._awake = self._pointing = False
        with ExitStack() as stack:
            self._session = Session()
            stack.callback(self._session.close)
            self._place = self._session.stream.place
            try:
                fd = self._session.pipewire()
                stack.callback(os.close, fd)
                width, height = self._place.width, self._place.height
                self._capture = CaptureStream(fd, self._session.stream.node, width, height, 0.0)
                self._capture.start()
                stack.callback(self._capture.stop)
                self._first()
                self._map = SeatMap(display)
                stack.callback(self._map.close)
            except DesktopError as error:
                raise NoScreenError(str(error)) from None
            self._open = stack.pop_all()

    def _first(self) -> None:
        deadline = time.monotonic() + _FIRST_S
        while self._capture.get_frame() is None:
            if self._capture.error or time.monotonic() > deadline:
                why = self._capture.error or f"none came within {_FIRST_S:g} s"
                raise DesktopError(f"PipeWire gives no picture of the screen: {why}")
            time.sleep(_LOOK_S)

    def geometry(self) -> Geometry:
        return Geometry((self._place,))

    def grab(self, region: Rect | None = None) -> Frame:
        self._session.check()
        if self._capture.error:
            raise DesktopError(f"PipeWire gives no picture any more: {self._capture.error}")
        monitor, area = self._place, region or self._place
        last = DesktopPoint(area.left + area.width - 1, area.top + area.height - 1)
        if DesktopPoint(area.left, area.top) not in monitor or last not in monitor:
            raise DesktopError(f"{area} is not on the captured monitor {monitor}")
        pixels: Any = self._capture.get_frame()
        scale = pixels.shape[1] / monitor.width
        left, top = round((area.left - monitor.left) * scale), round((area.top - monitor.top) * scale)
        right = round((area.left - monitor.left + area.width) * scale)
        bottom = round((area.top - monitor.top + area.height) * scale)
        part = np.ascontiguousarray(pixels[top:bottom, left:right, 2::-1])
        return Frame(part, monitor, scale, FramePoint(left, top))

    def pointer(self) -> DesktopPoint:
        """Return where the pointer was put last; nobody tells where it is."""
        return self._at

    def trial(self) -> Trial:
        self._wake()
        return Trial("qvl_agent.actions.desktops.wayland.window", self.display)

    def _prepare(self, approved: Approved, plan: Plan) -> None:
        self._session.check()
        self._wake()
        known = self._map.keysyms()
        wanted = [of_key(event.key) for event in plan if isinstance(event, KeyEvent)]
        wanted_texts = texts(approved, plan)
        refuse_misread(wanted_texts)
        typed = set().union(*wanted_texts)
        if any(keysym not in known for keysym in wanted):
            raise DesktopError("the keyboard's layout lacks a key of this chord; nothing was sent")
        if lacking := [character for character in typed if of_character(character) not in known]:
            raise TypingError(
                f"the keyboard's layout lacks {len(lacking)} of the text's characters, and this session "
                "drops such; nothing was typed; add a layout that has them, or use an X11 session"
            )

    def _wake(self) -> None:
        """Press a key that does nothing: before it the session has no keyboard, and GNOME loses the first."""
        if not self._awake:
            self._stroke(of_key("shift"))
            time.sleep(_AWAKE_S)
            self._awake = True

    @property
    def _dragging(self) -> bool:
        return any(what == "button" for what, _ in self._down)

    def _motion(self, point: DesktopPoint) -> None:
        self._at = point
        x, y = point.x - self._place.left, point.y - self._place.top
        self._session.send("PointerMotionAbsolute", "udd", self._session.stream.node, x + 0.25, y + 0.25)
        if not self._pointing:  # programs hear now that there is a pointer
            time.sleep(_AWAKE_S)
            self._pointing = True

    def _button(self, button: Button, *, down: bool) -> None:
        if not down:
            time.sleep(_HELD_S)
        self._press(("button", _BUTTONS[button]), down=down)

    def _notch(self, dx: int, dy: int) -> None:
        axis, steps = (_VERTICAL, dy) if dy else (_HORIZONTAL, dx)
        self._session.send("PointerAxisDiscrete", "ui", axis, steps)

    def _key(self, name: str, *, down: bool) -> None:
        self._press(("key", of_key(name)), down=down)

    def _stroke(self, keysym: int) -> None:
        self._press(("key", keysym), down=True)
        self._press(("key", keysym), down=False)

    def _press(self, part: _Part, *, down: bool) -> None:
        what, number = part
        if down:
            self._down.append(part)
        method = "KeyboardKeysym" if what == "key" else "PointerButton"
        self._session.send(method, "iu", number, int(down))
        if not down and part in self._down:
            self._down.remove(part)

    def _type(self, text: str, stop: StopCheck) -> None:
        for at, character in enumerate(text):
            if at % _CHUNK == 0:
                check_stop(stop)
            self._stroke(of_character(character))

    def release(self) -> None:
        while self._down:
            self._press(self._down[-1], down=False)

    def close(self) -> None:
        with suppress(DesktopError):
            self.release()
        self._open.close()
