"""The rules by which the person's own input stops a run: double Esc, a held corner, taking over.

They are pure: they neither read input nor send any.
"""

from collections.abc import Sequence
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect

__all__ = ["CORNER_S", "TAKEOVERS", "PersonRules", "corners"]

DOUBLE_ESC_S: Final = 0.5
CORNER_S: Final = 0.15
_CORNER_PX: Final = 2
_JITTER_PX: Final = 5
"""Pixels that somebody moves the mouse at least; a bump against the desk moves it by less."""
_JITTER_REST_S: Final = 1.0
"""Seconds without a motion after which the next one is measured from the pointer's place at that time."""

_ESC: Final = "Esc was pressed twice"
_CORNER: Final = "the mouse was held in a corner of the screen"
_TYPED: Final = "somebody typed while the agent was at work"
_CLICKED: Final = "somebody clicked or scrolled while the agent was at work"
_MOVED: Final = "somebody moved the mouse while the agent was at work"
TAKEOVERS: Final = frozenset({_TYPED, _CLICKED, _MOVED})
"""The reasons that mean a takeover; the others mean the kill switch."""


def corners(monitors: Sequence[Rect]) -> tuple[DesktopPoint, ...]:
    """Return the corners that stop a pointer: corners of monitors that no other monitor is beside."""
    found = []
    for monitor in monitors:
        right, bottom = monitor.left + monitor.width - 1, monitor.top + monitor.height - 1
        for x, outwards in ((monitor.left, -1), (right, 1)):
            for y, away in ((monitor.top, -1), (bottom, 1)):
                beside = (DesktopPoint(x + outwards, y), DesktopPoint(x, y + away))
                if not any(point in other for point in beside for other in monitors):
                    found.append(DesktopPoint(x, y))
    return tuple(found)


class PersonRules:
    """Judges the input that isn't ours; its methods return why the run is to stop, or "".

    It has to be told of our own moves too. Points are pixels of the screen, times seconds.

    Attributes:
        armed: whether other input than the kill switch counts, as a takeover.
        corner_since: when the person put the pointer into a corner, on the caller's clock; None if it
            isn't in one.
    """

    def __init__(self, at: DesktopPoint) -> None:
        self.armed = False
        self.corner_since: float | None = None
        self._at = self._anchor = at
        self._escaped: float | None = None
        self._stirred = 0.0

    def arm(self, at: DesktopPoint) -> None:
        """Take other input for a takeover from now on; the pointer is at `at`."""
        self.armed = True
        self.agent_moved(at)

    def agent_moved(self, at: DesktopPoint) -> None:
        self._at = self._anchor = at
        self.corner_since = None

    def key(self, *, escape: bool, time_s: float) -> str:
        """Judge the press of a key; `time_s` is the event's own time, on any clock."""
        before, self._escaped = self._escaped, time_s if escape else None
        if escape and before is not None and time_s - before <= DOUBLE_ESC_S:
            return _ESC
        return _TYPED if self.armed else ""

    def button(self) -> str:
        self._escaped = None
        return _CLICKED if self.armed else ""

    def moved(self, at: DesktopPoint, corner: Sequence[DesktopPoint], now: float) -> str:
        """Judge a motion of the pointer to `at`; `corner` are the screen's corners."""
        if now - self._stirred > _JITTER_REST_S:
            self._anchor = self._at
        self._stirred = now
        if not _near(at, corner, _CORNER_PX):
            self.corner_since = None
        elif self.corner_since is None and not _near(self._at, corner, _CORNER_PX):
            self.corner_since = now
        self._at = at
        if self.armed and not _near(at, (self._anchor,), _JITTER_PX - 1):
            return _MOVED
        return ""

    def held(self, at: DesktopPoint, corner: Sequence[DesktopPoint], now: float) -> str:
        """Judge the time that the pointer has been in a corner; it is at `at` now."""
        if self.corner_since is None:
            return ""
        if not _near(at, corner, _CORNER_PX):
            self.corner_since = None
            return ""
        return _CORNER if now - self.corner_since >= CORNER_S else ""


def _near(point: DesktopPoint, others: Sequence[DesktopPoint], limit: int) -> bool:
    return any(max(abs(point.x - other.x), abs(point.y - other.y)) <= limit for other in others)
