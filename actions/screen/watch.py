"""Follow the changes of a screen from capture to capture, and say when it is quiet (`Watch`)."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.screen.changes import (
    CELL,
    CLOCK,
    NEAR,
    TILE,
    Mask,
    boxes,
    coarser,
    difference,
    is_caret,
    tile_map,
    touches,
)

__all__ = ["LIMITS", "TOLD_LIMITS", "SettleLimits", "Watch"]


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
TOLD_LIMITS: Final = SettleLimits(react_s=0.06, idle_s=0.45)
"""Where it is told what is drawn: that is known at once, and waiting for it costs nothing but time."""
_LEAST_PAUSE_S: Final = 0.002
_CARET_TILES: Final = 6
"""The most tiles that a caret lies on: two across and three down."""


class Watch:
    """The changes from capture to capture, and their times in seconds from the start.

    Attributes:
        polls: how many captures it has seen.
        reacted: whether something changed that may be a reaction to the input.
    """

    def __init__(
        self, before: Frame, target: FrameBox | None, limits: SettleLimits, own: Mask | None
    ) -> None:
        self.polls = 0
        self._last = before
        self._target = target
        self._limits = limits
        self._own = own if own is not None and own.any() else None
        self.reacted = False
        self._changed_at = 0.0
        self._recent: deque[tuple[float, Mask]] = deque()

    def see(self, frame: Frame, at: float) -> tuple[bool, bool]:
        """Compare a capture with the one before it.

        Args:
            frame: the capture.
            at: when what it shows was drawn.

        Returns:
            Whether any pixel of the same view has changed, and whether something changed that counts.
        """
        last, self._last = self._last, frame
        self.polls += 1
        tiles = tile_map(last, frame)
        any_pixel = bool(tiles.any()) and frame.view == last.view
        if frame.view != last.view:
            self._recent.clear()
        elif self._own is not None and any_pixel:
            tiles = coarser(tile_map(last, frame, CELL) & ~self._own, TILE // CELL)
        while self._recent and self._recent[0][0] < at - self._limits.rest_s:
            self._recent.popleft()
        counts = bool(tiles.any()) and not _caret_only(last, frame, tiles)
        if counts:
            self.changed(at)
            self._recent.append((at, tiles))
            self.reacted = self.reacted or not self._is_aside(tiles, frame)
        return any_pixel, counts

    def changed(self, at: float) -> None:
        """Let the screen be quiet no sooner than `quiet_s` after this."""
        self._changed_at = max(self._changed_at, at)

    def _is_aside(self, tiles: Mask, frame: Frame) -> bool:
        """Return whether a change is away from the target, and everywhere as small as a clock."""
        if self._target is None or self._near(tiles):
            return False
        width, height = (side * frame.scale + TILE for side in CLOCK)
        return all(box.width <= width and box.height <= height for box in boxes(tiles, frame.size))

    def due(self) -> float:
        """Return when the screen counts as quiet if nothing changes until then."""
        react_s = self._limits.react_s if self.reacted else max(self._limits.idle_s, self._limits.react_s)
        return max(react_s, self._changed_at + self._limits.quiet_s)

    def pause(self, elapsed: float) -> float:
        """Return the seconds to the next capture: less than a poll if the screen may be quiet before that."""
        return min(max(self.due() - elapsed, _LEAST_PAUSE_S), self._limits.poll_s)

    def still(self, elapsed: float) -> bool:
        """Return whether the time for a reaction is over, and nothing has changed for `quiet_s`."""
        return elapsed >= self.due()

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


def _caret_only(before: Frame, after: Frame, tiles: Mask) -> bool:
    """Return whether the only change is a caret that blinked; one that moved leaves two bars."""
    if not 0 < tiles.sum() <= _CARET_TILES or before.view != after.view:
        return False
    spots = boxes(tiles, after.size)
    return len(spots) == 1 and is_caret(difference(before.crop(spots[0]), after.crop(spots[0])), after.scale)
