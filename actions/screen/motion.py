"""Learn what moves by itself on the screen, so that it can be left out of "did anything change" (`Motion`).

A clock, a countdown, a spinner or a video changes without any input. So each step beside one looks as if it
had done something, and no screen is ever the same again. What moves by itself is learned only from captures
between which nothing was sent, and never within the reaction time after an input. One change is news (a
toast, a page that arrives); the same place has to change again and again in one such time, at about the
same pace. A place whose pace is slow, like a clock's without seconds, is learned over several such times,
from changes that come too late to be an answer to an input. A caret is never learned: text appears there.

What was learned only hides changes in its own cells, and only away from where the input went. It is
forgotten if its window or what is around it changes, and if it stops: the end of a progress bar is news.
"""

import math
from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, Rect, View, frame_box_to_rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.screen.changes import (
    CELL,
    CLOCK,
    Mask,
    boxes,
    difference,
    groups,
    is_caret,
    tile_map,
)

__all__ = ["REACTION_S", "STILL_S", "CellGroup", "Motion", "box_of", "cells_of", "next_to"]

REACTION_S: Final = 1.0
"""Seconds after an input in which a change may be an answer to it, and nothing is learned."""
STILL_S: Final = 2.1
"""Seconds without a change after which a place is known not to move at a pace that could hide anything."""
_AGAIN: Final = 3
"""The number of changes after which a place moves by itself."""
_SPAN_S: Final = 1.4
"""The least time between the first and the last of them: what fades in or slides in changes for a moment."""
_UNEVEN: Final = 2.5
"""How many times longer one pause may be than another: captures see 0.6 s as 0.4 or 0.8 s."""
_LATE_S: Final = 5.0
"""Seconds after an input from which a single change is no answer to it."""
_SMALL: Final = 0.05
"""The largest share of the screen that is left out after keys of which it isn't known where they go."""
_MOST: Final = 0.5
"""If more of the screen than this moves by itself, nothing is left out."""
_REMEMBERED: Final = 16
"""The number of captures whose changes are kept, for cells that move more seldom than those beside them."""
_CARET_CELLS: Final = 12
"""The most cells that a caret lies on: two across and six down."""

_Seconds = npt.NDArray[np.float64]
_Counts = npt.NDArray[np.int32]
CellGroup = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]
"""The rows and the columns of some cells."""


class Motion:
    """What moves by itself on one screen. Times are those of the frames, in monotonic seconds."""

    def __init__(self) -> None:
        self._acted = 0.0
        self._last: Frame | None = None
        self._layout: Layout | None = None
        self._watched_s = 0.0
        self._set_up((0, 0))

    def _set_up(self, shape: tuple[int, int]) -> None:
        self._known: Mask = np.zeros(shape, dtype=np.bool_)
        self._still: Mask = np.zeros(shape, dtype=np.bool_)
        self._pace: _Seconds = np.full(shape, np.inf)
        self._moved: _Seconds = np.full(shape, -np.inf)  # in `_watched_s`, as are all moments here
        self._late: _Counts = np.zeros(shape, dtype=np.int32)
        self._late_moved: _Seconds = np.full(shape, -np.inf)
        self._late_pace: _Seconds = np.zeros(shape)
        self._new_stretch()

    def _new_stretch(self) -> None:
        shape = self._known.shape
        self._began = self._watched_s
        self._seen = deque[Mask](maxlen=_REMEMBERED)
        self._times: _Counts = np.zeros(shape, dtype=np.int32)
        self._at: _Seconds = np.full(shape, self._watched_s)
        self._first: _Seconds = np.full(shape, self._watched_s)
        self._shortest: _Seconds = np.full(shape, np.inf)
        self._longest: _Seconds = np.zeros(shape)

    @property
    def known(self) -> Mask:
        """The cells that move by themselves, as bools of shape (rows, columns); empty before any capture."""
        return self._known

    def acted(self, now: float) -> None:
        """Note that input was sent, or that a person may have worked; what follows is an answer at first."""
        self._acted = now
        self.look_away()

    def look_away(self) -> None:
        """Note that what comes next isn't compared with what was seen before."""
        self._last = None
        self._new_stretch()

    @property
    def calm_from(self) -> float:
        """The moment from which on a capture is learned from."""
        return self._acted + REACTION_S

    def see(self, frame: Frame) -> None:
        """Learn from a capture of the whole screen, taken without any input since the capture before it.

        A capture within the reaction time after the last input is left out.
        """
        if frame.time < self.calm_from:
            return
        last, self._last = self._last, frame
        shape = -(-frame.size[1] // CELL), -(-frame.size[0] // CELL)
        if shape != self._known.shape or (last is not None and last.view != frame.view):
            self._set_up(shape)
            return
        if last is None:
            return
        self._watched_s += max(0.0, frame.time - last.time)
        changed = _without_carets(tile_map(last, frame, CELL), last, frame)
        self._make_way(changed, frame)
        self._count(changed)
        self._count_late(changed, frame)
        self._seen.append(changed)
        self._join(frame)
        self._still &= ~changed
        self._still |= self._watched_s - np.maximum(self._at, self._began) >= STILL_S
        self._still &= ~self._known
        self._forget_stopped()

    def _make_way(self, changed: Mask, frame: Frame) -> None:
        """Forget what something large came over, or next to, that isn't known to move."""
        width, height = (round(side * frame.scale) for side in CLOCK)
        new = boxes(changed & ~self._known, frame.size, CELL)
        self.came_around(tuple(box for box in new if box.width > width or box.height > height))

    def _count(self, changed: Mask) -> None:
        """Count a change of some cells in this stretch, and learn those that have changed often enough."""
        now = self._watched_s
        pause = now - self._at
        again = changed & (self._times > 0)
        shortest, longest = np.minimum(self._shortest, pause), np.maximum(self._longest, pause)
        even = again & (longest <= _UNEVEN * shortest)
        self._shortest = np.where(even, shortest, np.where(changed, np.inf, self._shortest))
        self._longest = np.where(even, longest, np.where(changed, 0.0, self._longest))
        self._times = np.where(even, self._times + 1, np.where(changed, 1, self._times)).astype(np.int32)
        self._first[changed & ~even] = now
        self._at[changed] = now
        self._moved[changed & self._known] = now
        learned = changed & (self._times >= _AGAIN) & (now - self._first >= _SPAN_S)
        self._pace[learned] = np.minimum(self._pace, self._longest)[learned]
        self._learn(learned)

    def _count_late(self, changed: Mask, frame: Frame) -> None:
        """Count a change that comes too late to be an answer, if it is small as a clock is."""
        if frame.time < self._acted + _LATE_S or not changed.any():
            return
        width, height = (round(side * frame.scale) for side in CLOCK)
        for box in boxes(changed, frame.size, CELL):
            if box.width <= width and box.height <= height:
                part = _slices(box)
                cells, now = changed[part], self._watched_s
                pause = now - self._late_moved[part]
                before = self._late[part] > 0
                self._late_pace[part][cells & before] = np.maximum(self._late_pace[part], pause)[
                    cells & before
                ]
                self._late_moved[part][cells] = now
                self._late[part][cells] += 1
        learned = changed & (self._late >= _AGAIN) & ~self._known
        self._pace[learned] = np.minimum(self._pace, self._late_pace)[learned]
        self._learn(learned)

    def _learn(self, cells: Mask) -> None:
        self._known |= cells
        self._moved[cells] = self._watched_s

    def _join(self, frame: Frame) -> None:
        """Add cells that once changed in one piece with known ones: a clock's minutes."""
        width, height = (round(side * frame.scale) for side in CLOCK)
        for changed in self._seen:
            if not (changed & self._known).any():
                continue
            for part in map(cells_of, groups(changed)):
                box, moving = box_of(part), self._known[part]
                if moving.any() and not moving.all() and box.width <= width and box.height <= height:
                    self._pace[part] = self._pace[part][moving].min()
                    self._known[part] = True
                    self._moved[part] = self._watched_s

    def _forget_stopped(self) -> None:
        for part in self._parts():
            if self._watched_s - self._moved[part].max() > 3 * self._pace[part].min() + 1.0:
                self._forget(part)

    def _parts(self) -> list[CellGroup]:
        """Return the groups of cells that move together."""
        return [cells_of(group) for group in groups(self._known)] if self._known.any() else []

    def _forget(self, part: CellGroup) -> None:
        self._known[part] = False
        self._pace[part] = np.inf
        self._times[part] = self._late[part] = 0
        self._shortest[part], self._longest[part], self._late_pace[part] = np.inf, 0.0, 0.0

    def came_around(self, real: tuple[FrameBox, ...]) -> None:
        """Forget what moved where something else changed, or next to that: it may be another thing now.

        Args:
            real: boxes of that change, in frame pixels.
        """
        for part in self._parts():
            if next_to(box_of(part), real):
                self._forget(part)

    def lies(self, layout: Layout | None, view: View) -> None:
        """Forget what is in a window that moved, came or went.

        Args:
            layout: how the windows lie now; None if nobody knows.
            view: of the frames.
        """
        before, self._layout = self._layout, layout
        if before is None or layout is None or before.windows == layout.windows:
            return
        for part in self._parts():
            rect = frame_box_to_rect(box_of(part, (view.width, view.height)), view)
            middle = DesktopPoint(rect.left + rect.width // 2, rect.top + rect.height // 2)
            if _window(before, middle) != _window(layout, middle):
                self._forget(part)
        self._still[:] = False

    def left_out(
        self, places: tuple[FrameBox, ...], *, keys: bool = False, pace_s: float = np.inf, scale: float = 1.0
    ) -> Mask:
        """Return the cells whose changes say nothing about an input, as bools of shape (rows, columns).

        The cells beside a moving one on its line are among them: a clock's tens move too, only seldom.

        Args:
            places: where the input went, in frame pixels. What moves there isn't left out: what the input
                did would stand in it.
            keys: the input was keys alone; if it isn't known either where they go, only what is small is
                left out.
            pace_s: only what moves at least this often is left out.
            scale: frame pixels for one logical pixel.
        """
        kept = np.zeros_like(self._known)
        if self._known.size and self._known.mean() > _MOST:
            return kept
        for part in self._parts():
            lost = keys and not places and part[0].size > _SMALL * kept.size
            if not lost and self._pace[part].min() <= pace_s and not _meets(box_of(part), places):
                kept[part] = True
        wide = kept.copy()
        for step in range(1, math.ceil(scale) + 1):
            wide[:, step:] |= kept[:, :-step]
            wide[:, :-step] |= kept[:, step:]
        return wide

    def answered(self, cells: Mask) -> bool:
        """Return whether it is known of each of some cells that it moves by itself, or that it doesn't."""
        return cells.shape == self._known.shape and not (cells & ~self._known & ~self._still).any()

    def settle_doubt(self, cells: Mask) -> None:
        """Take cells that were watched in vain for such that don't move by themselves."""
        if cells.shape == self._still.shape:
            self._still |= cells & ~self._known

    @property
    def boxes(self) -> tuple[FrameBox, ...]:
        """Boxes around what moves by itself, in frame pixels; they may exceed the frame by a cell."""
        return tuple(box_of(part) for part in self._parts())


def _without_carets(changed: Mask, before: Frame, after: Frame) -> Mask:
    """Take carets that blinked out of the cells that changed."""
    kept = changed.copy()
    for group in groups(changed):
        if len(group) <= _CARET_CELLS:
            part = cells_of(group)
            box = box_of(part, after.size)
            if is_caret(difference(before.crop(box), after.crop(box)), after.scale):
                kept[part] = False
    return kept


def cells_of(group: list[tuple[int, int]]) -> CellGroup:
    """Return the cells of a group of `changes.groups`."""
    rows, columns = np.array(group, dtype=np.intp).T
    return rows, columns


def box_of(part: CellGroup, size: tuple[int, int] = (1 << 30, 1 << 30)) -> FrameBox:
    """Return the box around some cells, in frame pixels, cut to a frame of this size."""
    (rows, columns), (width, height) = part, size
    right, bottom = (int(columns.max()) + 1) * CELL, (int(rows.max()) + 1) * CELL
    return FrameBox(int(columns.min()) * CELL, int(rows.min()) * CELL, min(right, width), min(bottom, height))


def _slices(box: FrameBox) -> tuple[slice, slice]:
    return (
        slice(max(0, box.top) // CELL, -(-box.bottom // CELL)),
        slice(max(0, box.left) // CELL, -(-box.right // CELL)),
    )


def next_to(box: FrameBox, others: tuple[FrameBox, ...]) -> bool:
    """Return whether a box lies in one of the others, or at most a cell beside it."""
    return _meets(FrameBox(box.left - CELL, box.top - CELL, box.right + CELL, box.bottom + CELL), others)


def _meets(box: FrameBox, others: tuple[FrameBox, ...]) -> bool:
    return any(box.meets(other) for other in others)


def _window(layout: Layout, point: DesktopPoint) -> tuple[int, Rect] | None:
    return next((window for window in layout.windows if point in window[1]), None)
