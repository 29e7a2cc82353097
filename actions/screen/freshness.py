"""Check just before input that the screen is still what the model saw (`fresh`).

A model thinks for seconds, and in that time a dialog may open, a list move or a toast cover a button.
So the target's surroundings are captured once more and compared, exactly, with the frame that the
model saw. Expected motion is ignored: a blinking caret, a small change beside the target, and areas
that were already moving when the screen settled. Any other difference gets a moment to go away (a
hover effect, a block cursor); if it stays, the action is stale, and the model has to look again.

Three areas can be watched: a target and its surroundings; a whole dialog, in which every word may give
the button its meaning, so every change counts; or, if there is no target (typing into the focus), the
whole screen, on which only a change as large as a dialog counts. Pixels can't show whether the focus
itself has moved.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox, Rect, frame_box_to_rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.screen.changes import TILE, Mask, boxes, difference, groups, is_caret, tile_map
from qvl_agent.actions.screen.settle import grab_again

__all__ = ["LIMITS", "FreshLimits", "Freshness", "fresh"]


@dataclass(frozen=True, slots=True)
class FreshLimits:
    """Limits within which the screen counts as the same. Lengths are in frame pixels, times in seconds.

    Attributes:
        poll_s: the time between two captures.
        wait_s: how long a difference may take to go away; a caret's period is about a second, and the
            caret is shown for half of it.
        watch_s: areas that changed within this time before the end of the wait count as moving.
        patch: the least width and height of the area that is compared around a target.
        margin: the least width that is compared on every side of a target.
        least: a target smaller than this, like a point, counts as if it were this large.
        core: of a target larger than this both ways, only the middle, of this size, is compared exactly.
        margin_share: the share of the surroundings that may differ.
        screen_share: the share of the screen that may differ in one piece, if there is no target.
        screen_tiles: the number of tiles that may differ in one piece on any screen, however small.
    """

    poll_s: float = 0.03
    wait_s: float = 0.6
    watch_s: float = 0.25
    patch: int = 96
    margin: int = 16
    least: int = 24
    core: int = 256
    margin_share: float = 0.25
    screen_share: float = 0.015
    screen_tiles: int = 12


LIMITS: Final = FreshLimits()
_SPOT_SIDE: Final = 8
"""The side of the cells, in frame pixels, by which changed and moving areas are told apart."""

Judge = Callable[[Mask, Mask], str]
"""Takes the cells that differ from the picture and those that keep moving; returns the problem, or ""."""


class WatchedArea:
    """A part of the frame that the model saw, compared with later captures. Masks have a bool per cell."""

    def __init__(self, seen: Frame, part: FrameBox, cell: int, judge: Judge) -> None:
        self.part = part
        self._seen = seen.crop(part)
        self._live: Frame | None = None
        self._cell = cell
        self._judge = judge
        self._motion: list[tuple[float, Mask]] = []
        self._differs: Mask = np.zeros((0, 0), dtype=np.bool_)

    def see(self, live: Frame, now: float) -> bool:
        """Compare a capture with the picture and with the capture before it.

        Returns:
            False if the capture doesn't show this part of the screen.
        """
        cut = _cut(live, self._seen)
        if cut is None:
            return False
        self._differs = _cells(self._seen, cut, self._cell)
        if self._live is not None:
            self._motion.append((now, _cells(self._live, cut, self._cell)))
        self._live = cut
        return True

    def problem(self, moving: tuple[FrameBox, ...], restless: Mask | None = None) -> str:
        """Return what is wrong with the last capture, or "".

        Args:
            moving: areas of the picture, in its pixels, whose changes are ignored.
            restless: the cells that keep moving now.
        """
        differs = self._differs.copy()
        for box in moving:
            differs[self._slices(box)] = False
        return self._judge(differs, np.zeros_like(differs) if restless is None else restless)

    def restless(self, since: float) -> Mask:
        """Return the cells that changed from one capture to the next after `since`, on the clock of `see`."""
        recent = [mask for now, mask in self._motion if now >= since]
        return np.asarray(np.logical_or.reduce([np.zeros_like(self._differs), *recent]))

    def spots(self, cells: Mask) -> tuple[FrameBox, ...]:
        """Return boxes, in pixels of the picture, around cells."""
        left, top = self.part.left, self.part.top
        return tuple(
            FrameBox(box.left + left, box.top + top, box.right + left, box.bottom + top)
            for box in _spots(cells, self._cell, (self.part.width, self.part.height))
        )

    @property
    def differing(self) -> tuple[FrameBox, ...]:
        """Boxes where the last capture differs from the picture, in pixels of the picture."""
        return self.spots(self._differs)

    def _slices(self, box: FrameBox) -> tuple[slice, slice]:
        top, left = max(0, box.top - self.part.top), max(0, box.left - self.part.left)
        bottom, right = max(0, box.bottom - self.part.top), max(0, box.right - self.part.left)
        cell = self._cell
        return slice(top // cell, -(-bottom // cell)), slice(left // cell, -(-right // cell))


@dataclass(frozen=True, slots=True)
class Freshness:
    """The result of the check whether the screen is still what the model saw. Boxes are in its pixels.

    Attributes:
        ok: whether the input may be sent.
        reason: one sentence for the model if it may not.
        seconds: how long the check took.
        moving: areas that kept moving during the check; pass them to the next check to ignore them.
        differing: where the screen differs, if it isn't the same.
        excused: it isn't the same, and may only pass because areas are ignored that are known to move.
    """

    ok: bool
    reason: str
    seconds: float
    moving: tuple[FrameBox, ...] = ()
    differing: tuple[FrameBox, ...] = ()
    excused: bool = False


def fresh(
    seen: Frame,
    grab_region: Callable[[Rect], Frame],
    target: FrameBox | None,
    *,
    whole: bool = False,
    stop: Callable[[], bool],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    moving: tuple[FrameBox, ...] = (),
    limits: FreshLimits = LIMITS,
) -> Freshness:
    """Compare the screen with what the model saw; wait a moment for a difference to go away.

    Args:
        seen: the frame that the model's answer is about.
        grab_region: captures a rectangle of logical pixels, as it is now.
        target: the box that the input goes to, in pixels of `seen`; None if it goes to the focus.
        whole: the target is a dialog, of which every part counts.
        stop: returns True to end the wait at once.
        clock: returns monotonic seconds.
        sleep: waits for a number of seconds.
        moving: areas of `seen` whose changes are ignored.
        limits: the limits within which the screen counts as the same.

    Raises:
        CoordinateError: the target isn't inside the frame.
    """
    start = clock()
    if target is None:
        watch = watch_screen(seen, limits)
    else:
        watch = watch_dialog(seen, target) if whole else watch_target(seen, target, limits)
    region = frame_box_to_rect(watch.part, seen.view)
    while True:
        try:
            live = grab_again(lambda: grab_region(region), lambda: sleep(limits.poll_s))
        except DesktopError as error:
            return Freshness(False, f"the screen can't be captured: {error}", clock() - start)
        same_place = watch.see(live, clock())
        seconds = clock() - start
        if not same_place:
            return Freshness(False, "the monitors changed since the picture was taken; look again", seconds)
        if not watch.problem(moving):
            return Freshness(True, "", seconds, excused=bool(moving and watch.problem(())))
        if stop() or seconds >= limits.wait_s:
            restless = watch.restless(clock() - limits.watch_s)
            problem = watch.problem(moving, restless)
            differing = watch.differing if problem else ()
            return Freshness(
                not problem, problem, seconds, watch.spots(restless), differing, excused=whole and not problem
            )
        sleep(limits.poll_s)


def watch_target(seen: Frame, target: FrameBox, limits: FreshLimits) -> WatchedArea:
    """Watch a target, where any change but a caret counts, and its surroundings, where large ones count."""
    lacking = max(limits.patch - target.width, limits.patch - target.height, 0)
    part = target.grown(max(limits.margin, -(-lacking // 2)), seen.size)
    core = _core(target, seen, limits)
    inner = (
        slice(core.top - part.top, core.bottom - part.top),
        slice(core.left - part.left, core.right - part.left),
    )

    def judge(differs: Mask, restless: Mask) -> str:
        own = differs[inner]
        if own.any() and not is_caret(own, seen.scale):
            share = max(float(own.mean()), 0.01)
            return f"the screen changed where the action points ({share:.0%} of the target); look again"
        around = differs & ~restless
        around[inner] = False
        if around.sum() > limits.margin_share * (around.size - own.size):
            return "the screen changed around the place where the action points; look again"
        return ""

    return WatchedArea(seen, part, 1, judge)


def watch_dialog(seen: Frame, inside: FrameBox) -> WatchedArea:
    """Watch a whole dialog, in which any change counts but a caret and what keeps moving."""

    def judge(differs: Mask, restless: Mask) -> str:
        left = differs & ~restless
        for spot in _spots(left, 1, (inside.width, inside.height)):
            if not is_caret(left[spot.top : spot.bottom, spot.left : spot.right], seen.scale):
                return "the dialog where the action points says something else now; look again"
        return ""

    return WatchedArea(seen, inside, 1, judge)


def watch_screen(seen: Frame, limits: FreshLimits) -> WatchedArea:
    """Watch the whole screen for a change as large as a dialog."""

    def judge(differs: Mask, restless: Mask) -> str:
        largest = max((len(group) for group in groups(differs & ~restless)), default=0)
        if largest <= max(limits.screen_tiles, limits.screen_share * differs.size):
            return ""
        return (
            f"{largest / differs.size:.0%} of the screen changed in one piece, like a new window; look again"
        )

    return WatchedArea(seen, seen.box, TILE, judge)


def _spots(cells: Mask, cell: int, size: tuple[int, int]) -> tuple[FrameBox, ...]:
    """Return boxes in pixels around groups of cells, which are merged into squares of `_SPOT_SIDE` first."""
    side = max(cell, _SPOT_SIDE)
    rows, columns = (np.arange(0, length, side // cell) for length in cells.shape)
    coarse = np.logical_or.reduceat(np.logical_or.reduceat(cells, rows, axis=0), columns, axis=1)
    return boxes(coarse, size, side)


def _cells(before: Frame, after: Frame, cell: int) -> Mask:
    return difference(before, after) if cell == 1 else tile_map(before, after, cell)


def _cut(live: Frame, seen: Frame) -> Frame | None:
    """Cut the part that `seen` shows out of a capture; None if the capture doesn't show all of it."""
    left, top = seen.origin.x - live.origin.x, seen.origin.y - live.origin.y
    (width, height), (across, down) = seen.size, live.size
    inside = min(left, top) >= 0 and left + width <= across and top + height <= down
    if not inside or (live.monitor, live.scale) != (seen.monitor, seen.scale):
        return None
    return live.crop(FrameBox(left, top, left + width, top + height))


def _core(target: FrameBox, seen: Frame, limits: FreshLimits) -> FrameBox:
    """Return the part of a target that must be unchanged: enlarged if it is tiny, its middle if it is vast.

    Only a target that is large both ways is cut to its middle: a row may differ from another only at its
    far end, so a wide one stays whole.
    """
    if target.width > limits.core and target.height > limits.core:
        x, y = (target.left + target.right) // 2, (target.top + target.bottom) // 2
        return FrameBox(x, y, x, y).grown(limits.core // 2, seen.size)
    x, y = -(-(limits.least - target.width) // 2), -(-(limits.least - target.height) // 2)
    wide, high = target.grown(max(x, 0), seen.size), target.grown(max(y, 0), seen.size)
    return FrameBox(wide.left, high.top, wide.right, high.bottom)
