"""Look again just before input: is the screen still what the model saw?

A model thinks for seconds, and in that time a dialog opens, a list moves, a toast covers a button.
So the target's surroundings are captured once more and compared, exactly, with the frame that the
model saw. What is expected to move is let be: a blinking caret, a little change beside the target,
and areas that were already moving when the screen settled. Everything else gets a moment to come
back (a hover effect, a block cursor), and then the action is stale: look again, plan again.

Without a target (typing into the focus) the whole screen is compared, and only a change as large as
a dialog counts; whether the focus itself has moved is not for pixels to say. In a dialog every word may
give the button its meaning, so there all of it counts.
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
    """What counts as the same screen. Pixels are pixels of the frame.

    Attributes:
        poll_s: between two captures.
        wait_s: how long a difference may take to go away; a caret's period is about a second, half of
            it shown.
        watch_s: what changed within this time before the end counts as moving.
        patch: the least width and height of what is compared around a target, in pixels.
        margin: the least that is compared on every side of a target, in pixels.
        least: a target smaller than this, like a point, counts as if it were this large.
        core: a target larger than this both ways counts strictly only in its middle.
        margin_share: the share of the margin that may differ.
        screen_share: the share of the screen that may differ in one piece, where there is no target.
        screen_tiles: the tiles that may differ in one piece on any screen, however small.
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

_SPOT: Final = 8
"""How finely what keeps moving is told, in pixels."""

Judge = Callable[[Mask, Mask], str]
"""Takes what differs from the picture, and what keeps moving now; says what is wrong with that, or ""."""


class WatchedArea:
    """A part of the frame that the model saw, and what becomes of it. Masks have a bool for each cell."""

    def __init__(self, seen: Frame, part: FrameBox, cell: int, judge: Judge) -> None:
        self.part = part
        self._seen = seen.crop(part)
        self._live: Frame | None = None
        self._cell = cell
        self._judge = judge
        self._motion: list[tuple[float, Mask]] = []
        self._differs: Mask = np.zeros((0, 0), dtype=np.bool_)

    def see(self, live: Frame, now: float) -> bool:
        """Compare a capture with the picture and the capture before; False if it shows another place."""
        cut = _cut(live, self._seen)
        if cut is None:
            return False
        self._differs = _cells(self._seen, cut, self._cell)
        if self._live is not None:
            self._motion.append((now, _cells(self._live, cut, self._cell)))
        self._live = cut
        return True

    def problem(self, moving: tuple[FrameBox, ...], restless: Mask | None = None) -> str:
        """Say what is wrong, letting be what was moving before and what keeps moving now."""
        differs = self._differs.copy()
        for box in moving:
            differs[self._slices(box)] = False
        return self._judge(differs, np.zeros_like(differs) if restless is None else restless)

    def restless(self, since: float) -> Mask:
        """Say what changed from one capture to the next since then."""
        recent = [mask for now, mask in self._motion if now >= since]
        return np.asarray(np.logical_or.reduce([np.zeros_like(self._differs), *recent]))

    def spots(self, cells: Mask) -> tuple[FrameBox, ...]:
        """Put boxes, in pixels of the picture, around cells."""
        left, top = self.part.left, self.part.top
        return tuple(
            FrameBox(box.left + left, box.top + top, box.right + left, box.bottom + top)
            for box in _spots(cells, self._cell, (self.part.width, self.part.height))
        )

    @property
    def differing(self) -> tuple[FrameBox, ...]:
        """Where the last capture differs from the picture, in pixels of the picture."""
        return self.spots(self._differs)

    def _slices(self, box: FrameBox) -> tuple[slice, slice]:
        top, left = max(0, box.top - self.part.top), max(0, box.left - self.part.left)
        bottom, right = max(0, box.bottom - self.part.top), max(0, box.right - self.part.left)
        cell = self._cell
        return slice(top // cell, -(-bottom // cell)), slice(left // cell, -(-right // cell))


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the screen is still what the model saw.

    Attributes:
        ok: whether the input may be sent.
        reason: one sentence for the model if it may not.
        seconds: what it took.
        moving: what kept moving while it was watched; given to the next try, it is let be.
        differing: where it differs, if it isn't.
    """

    ok: bool
    reason: str
    seconds: float
    moving: tuple[FrameBox, ...] = ()
    differing: tuple[FrameBox, ...] = ()


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
    """Compare the screen with what the model saw.

    Args:
        seen: the frame that the model's answer is about.
        grab_region: captures a rectangle of logical pixels, as it is now.
        target: the box that the input goes to, in pixels of `seen`; None for the focus.
        whole: the target is a dialog, of which every part counts.
        stop: ends the wait for a difference to go away.
        clock: tells monotonic seconds.
        sleep: waits seconds.
        moving: areas of `seen` that aren't expected to stand still.
        limits: what counts as the same.

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
            return Freshness(True, "", seconds)
        if stop() or seconds >= limits.wait_s:
            restless = watch.restless(clock() - limits.watch_s)
            problem = watch.problem(moving, restless)
            differing = watch.differing if problem else ()
            return Freshness(not problem, problem, seconds, watch.spots(restless), differing)
        sleep(limits.poll_s)


def _spots(cells: Mask, cell: int, size: tuple[int, int]) -> tuple[FrameBox, ...]:
    """Put boxes around cells, in pixels, told apart as finely as `_SPOT`."""
    side = max(cell, _SPOT)
    rows, columns = (np.arange(0, length, side // cell) for length in cells.shape)
    coarse = np.logical_or.reduceat(np.logical_or.reduceat(cells, rows, axis=0), columns, axis=1)
    return boxes(coarse, size, side)


def _cells(before: Frame, after: Frame, cell: int) -> Mask:
    return difference(before, after) if cell == 1 else tile_map(before, after, cell)


def _cut(live: Frame, seen: Frame) -> Frame | None:
    """Cut out of a capture what `seen` shows; None if it isn't all there."""
    left, top = seen.origin.x - live.origin.x, seen.origin.y - live.origin.y
    (width, height), (across, down) = seen.size, live.size
    inside = min(left, top) >= 0 and left + width <= across and top + height <= down
    if not inside or (live.monitor, live.scale) != (seen.monitor, seen.scale):
        return None
    return live.crop(FrameBox(left, top, left + width, top + height))


def watch_target(seen: Frame, target: FrameBox, limits: FreshLimits) -> WatchedArea:
    """Watch a target exactly, bar a caret, and its surroundings roughly."""
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
    """Watch a whole dialog: whatever changes in it counts, bar a caret and what keeps moving."""

    def judge(differs: Mask, restless: Mask) -> str:
        left = differs & ~restless
        for spot in _spots(left, 1, (inside.width, inside.height)):
            if not is_caret(left[spot.top : spot.bottom, spot.left : spot.right], seen.scale):
                return "the dialog where the action points says something else now; look again"
        return ""

    return WatchedArea(seen, inside, 1, judge)


def watch_screen(seen: Frame, limits: FreshLimits) -> WatchedArea:
    """Watch the whole screen for something as large as a dialog."""

    def judge(differs: Mask, restless: Mask) -> str:
        largest = max((len(group) for group in groups(differs & ~restless)), default=0)
        if largest <= max(limits.screen_tiles, limits.screen_share * differs.size):
            return ""
        return (
            f"{largest / differs.size:.0%} of the screen changed in one piece, like a new window; look again"
        )

    return WatchedArea(seen, seen.box, TILE, judge)


def _core(target: FrameBox, seen: Frame, limits: FreshLimits) -> FrameBox:
    """Find what must be exactly as it was: the target, neither tiny nor vast.

    It stays whole unless it is large both ways: a row is known by its far end, a canvas isn't.
    """
    if target.width > limits.core and target.height > limits.core:
        x, y = (target.left + target.right) // 2, (target.top + target.bottom) // 2
        return FrameBox(x, y, x, y).grown(limits.core // 2, seen.size)
    x, y = -(-(limits.least - target.width) // 2), -(-(limits.least - target.height) // 2)
    wide, high = target.grown(max(x, 0), seen.size), target.grown(max(y, 0), seen.size)
    return FrameBox(wide.left, high.top, wide.right, high.bottom)
