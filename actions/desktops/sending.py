"""A desktop that is sent a plan event by event: what the backends for other systems than X11 share."""

import time
from abc import abstractmethod
from contextlib import suppress
from typing import Final, assert_never

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import CoordinateError, DesktopError, Stopped
from qvl_agent.actions.desktops.protocol import Desktop, StopCheck
from qvl_agent.actions.planning.action import Button
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

__all__ = ["SendingDesktop", "check_stop", "texts"]

_DRAG_STEPS: Final = 20
_DRAG_PAUSE_S: Final = 0.01
_Plain = MoveEvent | ButtonEvent | WheelEvent | KeyEvent | TextEvent
"""Every event but a secret."""


def check_stop(stop: StopCheck) -> None:
    """Call `stop`, and raise an exception if the run is to stop.

    Raises:
        Stopped: the run is to stop.
    """
    if stop():
        raise Stopped("stopped before the input was complete; what was pressed is released")


class SendingDesktop(Desktop):
    """Carries out plans by a method for each kind of event, which a subclass has."""

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        geometry = self.geometry()
        plan = approved.spend(geometry)
        for event in plan:
            if isinstance(event, MoveEvent) and event.point not in geometry:
                raise CoordinateError(f"{event.point} is on none of the monitors {geometry.monitors}")
        self._prepare(approved, plan)
        try:
            for event in plan:
                check_stop(stop)
                if isinstance(event, SecretEvent):
                    with approved.typing(event) as value:
                        self._type(value, stop)
                else:
                    self._send(event, stop)
        except BaseException:
            with suppress(DesktopError):  # what was raised says more
                self.release()
            raise
        self.release()

    def _send(self, event: _Plain, stop: StopCheck) -> None:
        match event:
            case MoveEvent(point):
                self._move(point, stop)
            case ButtonEvent(button, down):
                self._button(button, down=down)
            case WheelEvent(dx, dy):
                for notches, x, y in ((dy, 0, 1), (dx, 1, 0)):
                    sign = 1 if notches > 0 else -1
                    for _ in range(abs(notches)):
                        check_stop(stop)
                        self._notch(sign * x, sign * y)
            case KeyEvent(key, down):
                self._key(key, down=down)
            case TextEvent(text):
                self._type(text, stop)
            case _:
                assert_never(event)

    def _move(self, point: DesktopPoint, stop: StopCheck) -> None:
        """Put the pointer at a point: at once, or, with a button down, along the line."""
        if not self._dragging:
            self._motion(point)
            return
        start = self.pointer()
        for step in range(1, _DRAG_STEPS + 1):
            check_stop(stop)
            part = step / _DRAG_STEPS
            x = round(start.x + (point.x - start.x) * part)
            y = round(start.y + (point.y - start.y) * part)
            self._motion(DesktopPoint(x, y))
            time.sleep(_DRAG_PAUSE_S)

    @property
    @abstractmethod
    def _dragging(self) -> bool:
        """Return whether a button of ours is down."""

    @abstractmethod
    def _prepare(self, approved: Approved, plan: Plan) -> None:
        """Refuse what can't be sent completely, before anything is sent.

        Raises:
            DesktopError: it can't.
        """

    @abstractmethod
    def _motion(self, point: DesktopPoint) -> None:
        """Put the pointer at a point."""

    @abstractmethod
    def _button(self, button: Button, *, down: bool) -> None:
        """Press or release a mouse button."""

    @abstractmethod
    def _notch(self, dx: int, dy: int) -> None:
        """Turn the wheel by one notch, downwards or to the right for 1, the other way for -1."""

    @abstractmethod
    def _key(self, name: str, *, down: bool) -> None:
        """Press or release a key, by its canonical name."""

    @abstractmethod
    def _type(self, text: str, stop: StopCheck) -> None:
        """Type a text."""


def texts(approved: Approved, plan: Plan) -> list[str]:
    """Return what a plan types, secrets too: to be looked at for what a desktop can't type, never kept."""
    found = []
    for event in plan:
        if isinstance(event, SecretEvent):
            with approved.typing(event) as value:
                found.append(value)
        elif isinstance(event, TextEvent):
            found.append(event.text)
    return found
