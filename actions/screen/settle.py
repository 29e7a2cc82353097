"""Wait until the screen is quiet after input, and no longer.

Nobody can know whether an application is going to react at all. So there is a short time for the first
reaction, and then the screen counts as quiet once nothing has changed for two polls. A reaction that
comes later is not waited for: before the picture goes to the model, the screen is compared once more
(`changes.same`) and settles again if it differs, and the freshness check finds later changes before
input.

A screen that never becomes quiet must be usable too. Once everything else is quiet, a small area that
keeps moving (a spinner, a clock, a small video) is ignored after a soft limit; after a longer one if it
is near the target, where it more likely means "not ready". A blinking caret is no change at all.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.screen.changes import (
    NEAR,
    Mask,
    boxes,
    compare,
    difference,
    is_caret,
    tile_map,
    touches,
)

__all__ = ["LIMITS", "SettleLimits", "Settled", "grab_again", "settle"]


@dataclass(frozen=True, slots=True)
class SettleLimits:
    """The times of waiting, in seconds from the start unless said otherwise.

    Attributes:
        poll_s: the time between two captures.
        react_s: the least time that settling takes, so that a second reaction is seen too.
        idle_s: the wait for a first reaction while nothing has changed at all.
        quiet_s: the time without a change after which the screen counts as quiet.
        rest_s: the time for which everything but a small area must be still before that area is ignored.
        small: the largest share of the frame's tiles that counts as a small area.
        soft_s: when a small area away from the target is ignored.
        near_s: when a small area near the target is ignored.
        hard_s: when the wait ends in any case.
    """

    poll_s: float = 0.03
    react_s: float = 0.08
    idle_s: float = 0.35
    quiet_s: float = 0.06
    rest_s: float = 0.3
    small: float = 0.05
    soft_s: float = 1.0
    near_s: float = 2.0
    hard_s: float = 5.0


LIMITS: Final = SettleLimits()
_LEAST_PAUSE_S: Final = 0.002
_CARET_TILES: Final = 6
"""The most tiles that a caret lies on: two across and three down."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The screen after input.

    Attributes:
        frame: the last capture.
        change: how it differs from the screen before the input.
        quiet: False if the screen still changed at the hard limit, or the person stopped the run.
        seconds, polls: how long it took, and how many captures.
        moving: areas that were still moving, in frame pixels; the freshness check ignores them.
    """

    frame: Frame
    change: Change
    quiet: bool
    seconds: float
    polls: int
    moving: tuple[FrameBox, ...] = ()


def settle(
    grab: Callable[[], Frame],
    before: Frame,
    *,
    target: FrameBox | None,
    stop: Callable[[], bool],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    limits: SettleLimits = LIMITS,
) -> Settled:
    """Poll the screen until it is quiet.

    Args:
        grab: captures what `before` shows, as it is now.
        before: the screen before the input.
        target: where the input went, in pixels of `before`; None if nowhere in particular.
        stop: returns True to end the wait at once, with `quiet` False unless the screen is quiet by then.
        clock: returns monotonic seconds.
        sleep: waits for a number of seconds.
        limits: the times of waiting.

    Raises:
        DesktopError: two captures in a row failed.
    """
    start = clock()
    watch = _Watch(before, target, limits)
    while True:
        if not stop():
            sleep(watch.pause(clock() - start))
        frame = grab_again(grab, lambda: sleep(limits.poll_s))
        elapsed = clock() - start
        watch.see(frame, elapsed)
        still, bearable = watch.still(elapsed), watch.bearable(elapsed)
        if still or bearable or elapsed >= limits.hard_s or stop():
            change = compare(before, frame, target)
            moving = () if still else watch.moving()
            return Settled(frame, change, still or bearable, elapsed, watch.polls, moving)


def grab_again(grab: Callable[[], Frame], pause: Callable[[], None]) -> Frame:
    """Capture the screen, with a second try after a pause: during a change of its mode a capture fails.

    Raises:
        DesktopError: both tries failed.
    """
    try:
        return grab()
    except DesktopError:
        pause()
        return grab()


def _caret_only(before: Frame, after: Frame, tiles: Mask) -> bool:
    """Return whether the only change is a caret that blinked; one that moved leaves two bars."""
    if not 0 < tiles.sum() <= _CARET_TILES or before.view != after.view:
        return False
    spots = boxes(tiles, after.size)
    return len(spots) == 1 and is_caret(difference(before.crop(spots[0]), after.crop(spots[0])), after.scale)


class _Watch:
    """The changes from capture to capture, and their times in seconds from the start."""

    def __init__(self, before: Frame, target: FrameBox | None, limits: SettleLimits) -> None:
        self.polls = 0
        self._last = before
        self._target = target
        self._limits = limits
        self._changed_at = 0.0
        self._recent: deque[tuple[float, Mask]] = deque()

    def see(self, frame: Frame, elapsed: float) -> None:
        """Compare a capture with the one before it."""
        tiles = tile_map(self._last, frame)
        if frame.view != self._last.view:
            self._recent.clear()
        blinked = _caret_only(self._last, frame, tiles)
        self._last = frame
        self.polls += 1
        while self._recent and self._recent[0][0] < elapsed - self._limits.rest_s:
            self._recent.popleft()
        if tiles.any() and not blinked:
            self._changed_at = elapsed
            self._recent.append((elapsed, tiles))

    def pause(self, elapsed: float) -> float:
        """Return the seconds to the next capture: less than a poll if the screen may be quiet before that."""
        due = max(self._react_s, self._changed_at + self._limits.quiet_s) - elapsed
        return min(max(due, _LEAST_PAUSE_S), self._limits.poll_s)

    def still(self, elapsed: float) -> bool:
        """Return whether the time for a reaction is over, and nothing has changed for `quiet_s`."""
        return elapsed >= self._react_s and elapsed - self._changed_at >= self._limits.quiet_s

    @property
    def _react_s(self) -> float:
        return self._limits.react_s if self._changed_at else max(self._limits.idle_s, self._limits.react_s)

    def bearable(self, elapsed: float) -> bool:
        """Return whether only a small area has moved lately, for so long that it needn't be waited for."""
        if elapsed < self._limits.soft_s:
            return False
        moving = self._moving_tiles()
        if moving.mean() > self._limits.small:
            return False
        return elapsed >= self._limits.near_s or not self._near(moving)

    def moving(self) -> tuple[FrameBox, ...]:
        return boxes(self._moving_tiles(), self._last.size)

    def _near(self, tiles: Mask) -> bool:
        return self._target is not None and touches(tiles, self._target.grown(NEAR, self._last.size))

    def _moving_tiles(self) -> Mask:
        if not self._recent:
            return np.zeros((1, 1), dtype=np.bool_)
        return np.asarray(np.logical_or.reduce([tiles for _, tiles in self._recent]))
