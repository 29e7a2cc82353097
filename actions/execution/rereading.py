"""Read a target again that has changed since the model saw it: it may only count on (`Rereading`).

A button that says "Resend (59)" says "Resend (57)" by the time the model has answered, and something else
again when it is looked at once more. Pixels can't tell that from another button in its place, so this
takes a reader; without one such a target counts as changed. It may be pressed only if what was read last
is still on the screen, pixel for pixel, after the reading: reading takes a while.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, frame_box_to_rect
from qvl_agent.actions.core.errors import CoordinateError, DesktopError, ReadingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.reading.control import control_at
from qvl_agent.actions.reading.counting import Reading, counted, same_words
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.actions.screen.changes import Mask, difference, is_caret

__all__ = ["Rereading"]

_WAIT_S: Final = 2.5
"""How long it is read on until its number has counted often enough."""
_POLL_S: Final = 0.05
_TRIES: Final = 3
_LINE: Final = 3
"""Logical pixels around a line of text in which it may be drawn differently."""
_AROUND: Final = 12
"""Logical pixels around a target without edges that are read with it."""


@dataclass(slots=True)
class _Place:
    """What was read at one place so far.

    Attributes:
        box: the place, in pixels of the screen.
        readings: what was read there, the oldest first.
        lines: where the lines stood in the picture that the model saw.
    """

    box: FrameBox
    readings: list[Reading] = field(default_factory=list)
    lines: tuple[Read, ...] = ()


class Rereading:
    """Reads targets again, in one run; what was read when an action was stopped counts at the next try."""

    def __init__(
        self,
        desktop: Desktop,
        reader: Reader | None,
        *,
        stop: StopCheck,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._desktop = desktop
        self._reader = reader
        self._stop, self._clock, self._sleep = stop, clock, sleep
        self._last: _Place | None = None

    def counts_on(self, seen: Frame, box: FrameBox, *, whole: bool = False) -> bool:
        """Return whether a place that has changed says the same as before, but for a number that counts on.

        Args:
            seen: the screen that the model saw.
            box: the target in its pixels, or a dialog.
            whole: it is a dialog, of which everything counts.
        """
        if self._reader is None:
            return False
        try:
            place = self._place(self._reader, seen, box if whole else _area(seen, box))
            return self._counts_on(self._reader, seen, place, box)
        except (ReadingError, DesktopError, CoordinateError):
            return False

    def says_the_same(self, seen: Frame, box: FrameBox, *, whole: bool = False) -> bool:
        """Return whether a place that keeps moving has the same words as before; True without a reader.

        What moves is misread now and then, so it is read again before that counts as other words.
        """
        if self._reader is None:
            return True
        try:
            place = self._place(self._reader, seen, box if whole else _area(seen, box))
            region = frame_box_to_rect(place.box, seen.view)
            tries = (self._now(self._reader, self._desktop.grab(region))[0] for _ in range(_TRIES))
            return any(same_words([*place.readings, reading]) for reading in tries)
        except (ReadingError, DesktopError, CoordinateError):
            return False

    def _place(self, reader: Reader, seen: Frame, area: FrameBox) -> _Place:
        """Return what is known of a place, with what the model saw there as the last reading."""
        before = self._last
        lines = reader.read(seen, area)
        place = _Place(area, [], lines)
        if before is not None and _middle_in(before.box, area) and _middle_in(area, before.box):
            place.readings = [*before.readings]
        here = (seen.time, tuple(line.text for line in lines))
        if place.readings and not same_words([*place.readings, here]):
            place.readings = []
        place.readings.append(here)
        self._last = place
        return place

    def _counts_on(self, reader: Reader, seen: Frame, place: _Place, target: FrameBox) -> bool:
        """Read a place until its number has counted often enough, and what was read last is still there."""
        region, was = frame_box_to_rect(place.box, seen.view), seen.crop(place.box)
        until, read = self._clock() + _WAIT_S, was
        while not self._stop() and self._clock() < until:
            live = self._desktop.grab(region)
            if live.view != was.view:
                return False
            if difference(read, live).any():
                reading, lines = self._now(reader, live)
                if counted([*place.readings, reading]) == "no" or _elsewhere(was, live, place, lines, target):
                    return False
                place.readings.append(reading)
                read = live
            elif counted(place.readings) == "yes":
                return True
            else:
                self._sleep(_POLL_S)
        return False

    @staticmethod
    def _now(reader: Reader, live: Frame) -> tuple[Reading, tuple[Read, ...]]:
        lines = reader.read(live, live.box)
        return (live.time, tuple(line.text for line in lines)), lines


def _area(seen: Frame, box: FrameBox) -> FrameBox:
    """Return the whole control that a target is on, and the target."""
    middle = FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
    control = control_at(seen, middle).box
    whole = FrameBox(
        min(box.left, control.left),
        min(box.top, control.top),
        max(box.right, control.right),
        max(box.bottom, control.bottom),
    )
    return whole.grown(round(_AROUND * seen.scale), seen.size)


def _elsewhere(was: Frame, live: Frame, place: _Place, lines: tuple[Read, ...], target: FrameBox) -> bool:
    """Return whether pixels differ on the target away from the lines that were read on it: a check mark."""
    differs = difference(was, live)
    margin = round(_LINE * was.scale)
    left, top = place.box.left, place.box.top
    for line in place.lines:
        _clear(differs, FrameBox(line.box.left - left, line.box.top - top, 0, 0), line.box, margin)
    for line in lines:
        _clear(differs, line.box, line.box, margin)
    part = differs[
        max(0, target.top - top) : target.bottom - top, max(0, target.left - left) : target.right - left
    ]
    return bool(part.any()) and not is_caret(part, was.scale)


def _clear(differs: Mask, at: FrameBox, line: FrameBox, margin: int) -> None:
    top, left = max(0, at.top - margin), max(0, at.left - margin)
    differs[top : at.top + line.height + margin, left : at.left + line.width + margin] = False


def _middle_in(box: FrameBox, other: FrameBox) -> bool:
    x, y = (box.left + box.right) // 2, (box.top + box.bottom) // 2
    return other.left <= x < other.right and other.top <= y < other.bottom
