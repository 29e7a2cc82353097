"""Wait for what an input changes, and tell it from what moves by itself (`Effect`)."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.screen.changes import CELL, NEAR, TILE, Mask, boxes, coarser, groups, tile_map, touches
from qvl_agent.actions.screen.damage import Damage
from qvl_agent.actions.screen.motion import Motion, box_of, cells_of, next_to
from qvl_agent.actions.screen.settle import Settled, grab_again, settle
from qvl_agent.actions.screen.watch import LIMITS, TOLD_LIMITS, SettleLimits, Watch

__all__ = ["Effect"]

_log = logging.getLogger(__name__)

_PACE_S: Final = 2.0
"""The longest pause of what is left out of a change, as the next move of it is waited for."""
_POLL_S: Final = 0.1
_AFTERWARDS: Final = SettleLimits(idle_s=LIMITS.react_s)
_LATE: Final = SettleLimits(react_s=TOLD_LIMITS.react_s, idle_s=TOLD_LIMITS.react_s, hard_s=1.0)


class Effect:
    """Waits for the changes after the inputs of one run, and takes what moves by itself out of them."""

    def __init__(
        self,
        motion: Motion,
        grab: Callable[[], Frame],
        *,
        stop: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        damage: Callable[[], Damage | None] = lambda: None,
    ) -> None:
        """Store what is known to move, and the functions that a longer look needs.

        Args:
            motion: what is known to move by itself; it forgets what another change came over.
            grab: captures the screen, as it is now.
            stop: returns True to end a wait at once.
            clock: returns monotonic seconds.
            sleep: waits for a number of seconds.
            damage: returns what tells when something is drawn; None if nothing does.
        """
        self._motion = motion
        self._grab = grab
        self._damage = damage
        self._stop, self._clock, self._sleep = stop, clock, sleep
        self._keys_go_to: tuple[FrameBox, ...] = ()
        self._base: Frame | None = None
        self._told_before: int | None = None
        self._waiting_for: tuple[FrameBox, ...] | None = None

    def sending(self) -> None:
        """Note that input is sent now. What was drawn before is no effect, so it is captured."""
        self._base, self._told_before = None, None
        with suppress(DesktopError):
            if (damage := self._damage()) is not None:
                if damage.wait(0.0):
                    self._base = self._grab()
                self._told_before = damage.told

    def sent(self, places: tuple[FrameBox, ...]) -> None:
        """Note that input was sent just now, to some places in frame pixels, or by keys alone."""
        self._motion.acted(self._clock())
        self._keys_go_to = places or self._keys_go_to

    def settled(self, before: Frame, places: tuple[FrameBox, ...], *, waited: bool = False) -> Settled:
        """Wait until the screen is quiet after the input, and take what moves by itself out of the change.

        Args:
            before: the screen before the input.
            places: where the input went, in pixels of `before`; () for keys.
            waited: there was no input.

        Raises:
            DesktopError: two captures in a row failed.
        """
        damage = self._damage()
        usual = LIMITS if damage is None else TOLD_LIMITS
        found = settle(
            self._grab,
            before,
            target=places[0] if places else None,
            stop=self._stop,
            clock=self._clock,
            sleep=self._sleep,
            limits=_AFTERWARDS if waited else usual,
            own=self._left_out(before, places, waited=waited),
            damage=damage,
            base=None if waited else self._base,
            told_before=None if waited else self._told_before,
        )
        self._base, self._waiting_for = None, None if found.moving else places
        if not found.quiet:
            _log.info("the screen hasn't settled after %.1f s", found.seconds)
        return self.of(found, before, places, waited=waited)

    def newer(self, frame: Frame) -> Frame | None:
        """Return the screen as it is now if it has changed since it settled; None if it isn't known to have.

        What the next step needs to be prepared takes as long as some reactions come after a button lit up.

        Args:
            frame: the settled screen.
        """
        damage, places = self._damage(), self._waiting_for
        if damage is None or places is None:
            return None
        try:
            if not damage.wait(0.0):
                return None
            own = self._left_out(frame, places, waited=True)
            watch = Watch(frame, places[0] if places else None, _LATE, own)
            now = self._grab()
            watch.see(now, 0.0)
            return self._settled(now, damage.told) if watch.reacted else None
        except DesktopError:
            return None

    def _left_out(self, before: Frame, places: tuple[FrameBox, ...], *, waited: bool) -> Mask:
        keys = not places and not waited
        places = self._keys_go_to if keys else places
        return self._motion.left_out(places, keys=keys, pace_s=_PACE_S, scale=before.scale)

    def of(
        self, settled: Settled, before: Frame, places: tuple[FrameBox, ...], *, waited: bool = False
    ) -> Settled:
        """Take what moves by itself out of a change; `change.by_itself` has it then.

        Where the input went nothing is left out. If nothing else changed, the screen is watched until what is
        left out has moved once more: what stopped is an effect. An answer that comes meanwhile counts too.

        Args:
            settled: the settled screen.
            before: the screen before the input.
            places: where the input went, in pixels of `before`; () for keys, which go where the last click
                was.
            waited: there was no input.

        Raises:
            DesktopError: two captures in a row failed.
        """
        mask = self._left_out(before, places, waited=waited)
        if settled.change and before.view == settled.frame.view and mask.any():
            real, own = _apart(before, settled.frame, mask)
            if not real.any():
                frame, real, own = self._watched(before, settled.frame, mask, own)
                settled = replace(settled, frame=frame)
            target = places[0] if places else None
            settled = replace(settled, change=_change(real, own, target, before.size))
        self._motion.came_around(settled.change.boxes)
        return settled

    def _watched(self, before: Frame, at_rest: Frame, mask: Mask, own: Mask) -> tuple[Frame, Mask, Mask]:
        """Watch until all that is left out has moved again, something else has changed, or time is over.

        Returns:
            The last capture, the cells that really changed, and those that moved by themselves.
        """
        waiting = [part for part in map(cells_of, groups(mask)) if own[part].any()]
        until, frame, real = self._clock() + _PACE_S + _POLL_S, at_rest, np.zeros_like(mask)
        while waiting and self._clock() < until and not self._stop():
            self._sleep(_POLL_S)
            frame = grab_again(self._grab, lambda: self._sleep(_POLL_S))
            real, own = _apart(before, frame, mask)
            if real.any():
                frame = self._settled(frame)
                return frame, *_apart(before, frame, mask)
            moved = tile_map(at_rest, frame, CELL)
            waiting = [part for part in waiting if not moved[part].any()]
        if not self._stop():
            for part in waiting:
                real[part], own[part] = own[part], False
        return frame, real, own

    def _settled(self, frame: Frame, told_before: int | None = None) -> Frame:
        return settle(
            self._grab,
            frame,
            target=None,
            stop=self._stop,
            clock=self._clock,
            sleep=self._sleep,
            limits=_AFTERWARDS if told_before is None else _LATE,
            damage=self._damage(),
            told_before=told_before,
        ).frame


def _apart(before: Frame, after: Frame, mask: Mask) -> tuple[Mask, Mask]:
    """Return the cells that changed: those that count, and those that are left out.

    What moves by itself counts where something else changed next to it or all around it.
    """
    changed = tile_map(before, after, CELL)
    if before.view != after.view:
        return changed, np.zeros_like(changed)
    real, own = changed & ~mask, changed & mask
    around = boxes(real, after.size, CELL)
    for part in map(cells_of, groups(mask)):
        if next_to(box_of(part), around):
            real[part], own[part] = changed[part], False
    return real, own


def _change(real: Mask, own: Mask, target: FrameBox | None, size: tuple[int, int]) -> Change:
    real, own = (coarser(cells, TILE // CELL) for cells in (real, own))
    near = None if target is None else touches(real, target.grown(NEAR, size))
    return Change(boxes(real, size), near, boxes(own, size))
