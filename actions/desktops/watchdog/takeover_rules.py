"""When the person's own input stops a run: double Esc, a held corner, taking over. Pure."""

from collections.abc import Sequence
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect

__all__ = ["CORNER_S", "TAKEOVERS", "PersonRules", "corners"]

DOUBLE_ESC_S: Final = 0.5
CORNER_S: Final = 0.15
_CORNER_PX: Final = 2
_JITTER_PX: Final = 5
"""A desk that is bumped moves the pointer by less."""
_JITTER_REST_S: Final = 1.0
"""After so long without a motion the next is measured from where the pointer then is."""

_ESC: Final = "Esc was pressed twice"
_CORNER: Final = "the mouse was held in a corner of the screen"
_TYPED: Final = "somebody typed while the agent was at work"
_CLICKED: Final = "somebody clicked or scrolled while the agent was at work"
_MOVED: Final = "somebody moved the mouse while the agent was at work"
TAKEOVERS: Final = frozenset({_TYPED, _CLICKED, _MOVED})
"""Which reasons are somebody taking over; the others are the kill switch."""


def corners(monitors: Sequence[Rect]) -> tuple[DesktopPoint, ...]:
    """Find the corners where a pointer comes to rest: those of monitors with no other monitor beside them."""
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
    """Told of our moves and of the input that isn't ours; says why the run is to stop, or "".

    Attributes:
        armed: whether other input than the kill switch counts: somebody takes over.
        corner_since: since when the person has the pointer in a corner, in the caller's seconds.
    """

    def __init__(self, at: DesktopPoint) -> None:
        self.armed = False
        self.corner_since: float | None = None
        self._at = self._anchor = at
        self._escaped: float | None = None
        self._stirred = 0.0

    def arm(self, at: DesktopPoint) -> None:
        """From now on the person has handed over; the pointer is here."""
        self.armed = True
        self.agent_moved(at)

    def agent_moved(self, at: DesktopPoint) -> None:
        self._at = self._anchor = at
        self.corner_since = None

    def key(self, *, escape: bool, time_s: float) -> str:
        """A key was pressed; `time_s` is the event's own, on any clock."""
        before, self._escaped = self._escaped, time_s if escape else None
        if escape and before is not None and time_s - before <= DOUBLE_ESC_S:
            return _ESC
        return _TYPED if self.armed else ""

    def button(self) -> str:
        self._escaped = None
        return _CLICKED if self.armed else ""

    def moved(self, at: DesktopPoint, corner: Sequence[DesktopPoint], now: float) -> str:
        """The pointer was moved, and is here; `corner` are the screen's."""
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
        """Some time has passed, and the pointer is here."""
        if self.corner_since is None:
            return ""
        if not _near(at, corner, _CORNER_PX):
            self.corner_since = None
            return ""
        return _CORNER if now - self.corner_since >= CORNER_S else ""


def _near(point: DesktopPoint, others: Sequence[DesktopPoint], limit: int) -> bool:
    return any(max(abs(point.x - other.x), abs(point.y - other.y)) <= limit for other in others)
