"""Wait until the screen is quiet after input, and no longer.

What can't be known is whether an application is going to react at all. So there is a short window
for the first reaction, and then the screen counts as quiet once nothing changed for two polls. A
reaction that comes later than that is not waited for: whoever sends the picture to the model
compares the screen once more just before (`changes.same`) and settles again if it differs, and
freshness catches the rest before input.

A screen that never stops still has to be acted on. Once all else is quiet, a small area that keeps
moving (a spinner, a clock, a little video) is let be after a soft limit, later if it is near the
target, where it more likely means "not ready". A caret that blinks is no change at all.
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
    """How long to wait for what.

    Attributes:
        poll_s: between two captures.
        react_s: the least that settling takes, so that a second reaction is seen too.
        idle_s: how long a first reaction may take, where nothing has changed at all.
        quiet_s: how long nothing may change before the screen counts as quiet.
        rest_s: how long everything but a small area must have been still, to let that area be.
        small: the share of the frame's tiles that is a small area.
        soft_s: when a small area away from the target is let be.
        near_s: when one near the target is.
        hard_s: when to give up on quiet.
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
"""The most tiles a caret lies on: two across and three down."""


@dataclass(frozen=True, slots=True)
class Settled:
    """The screen after input.

    Attributes:
        frame: the last capture.
        change: how it differs from the screen before the input.
        quiet: False if the screen still changed at the hard limit, or the person stopped the run.
        seconds, polls: what it took.
        moving: what was still moving; freshness needn't expect it to stand still.
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
        stop: ends the wait at once, with quiet False.
        clock: tells monotonic seconds.
        sleep: waits seconds.
        limits: how long to wait for what.

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
    """Capture, with one more try: a screen that is just changing its mode fails once.

    Raises:
        DesktopError: both failed.
    """
    try:
        return grab()
    except DesktopError:
        pause()
        return grab()


def _caret_only(before: Frame, after: Frame, tiles: Mask) -> bool:
    """Whether a caret blinked and nothing else happened; one that moved leaves two bars."""
    if not 0 < tiles.sum() <= _CARET_TILES or before.view != after.view:
        return False
    spots = boxes(tiles, after.size)
    return len(spots) == 1 and is_caret(difference(before.crop(spots[0]), after.crop(spots[0])), after.scale)


class _Watch:
    """What changed from capture to capture, and when."""

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
        """Say how long to wait for the next capture: less than a poll if the screen may be still then."""
        due = max(self._react_s, self._changed_at + self._limits.quiet_s) - elapsed
        return min(max(due, _LEAST_PAUSE_S), self._limits.poll_s)

    def still(self, elapsed: float) -> bool:
        """Whether a reaction had its time, and nothing has changed for a while."""
        return elapsed >= self._react_s and elapsed - self._changed_at >= self._limits.quiet_s

    @property
    def _react_s(self) -> float:
        return self._limits.react_s if self._changed_at else max(self._limits.idle_s, self._limits.react_s)

    def bearable(self, elapsed: float) -> bool:
        """Whether only a small area has moved of late, and for long enough to stop waiting for it."""
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
