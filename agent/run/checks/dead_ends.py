"""The detection of dead ends: repeated steps on the same screen, and steps that change nothing.

It has no side effects. Two steps are the same if action, place and every pixel of the screen before them
are the same. So an action that is repeated because it works (pressing "+" ten times, scrolling on) never
counts as a loop: each time the screen is another one. And a loop of any length is found, A-A-A as well as
A-B-A-B, because it returns to an earlier screen. What is known to move by itself (a video, a clock) is left
out of both. `in_doubt` returns the places of which one would have to know that they do; so it can be looked
whether they do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.planning.action import FINAL, POINTING, Action, Ask, Wait, Zoom
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.changes import CELL, TILE, CellSums, Mask, difference, is_caret
from qvl_agent.agent.wording import action_words

__all__ = [
    "END_AT",
    "STILL_END_AT",
    "STILL_TELL_AT",
    "TELL_AT",
    "Attempt",
    "DeadEnd",
    "attempt",
    "dead_end",
    "had_effect",
    "in_doubt",
]

TELL_AT: Final = 3
"""The model is told when it has done the same on the same screen this many times."""
END_AT: Final = 5
"""The run ends when the same was done on the same screen this many times."""
STILL_TELL_AT: Final = 5
"""The model is told when this many inputs in a row changed nothing."""
STILL_END_AT: Final = 8
"""The run ends when this many inputs in a row changed nothing."""
_SHOWN: Final = 4
"""The most actions that a sentence names."""
_NEAR: Final = 4
"""Pixels by which the centres of one target may differ: models' answers vary that much."""
_CARET: Final = 96
"""The most pixels, both ways, that a caret's tiles span."""
_SMALL: Final = 0.05
"""The largest share of the screen that may be in doubt; what is larger is seldom without meaning."""
_NOTHING: Final[Mask] = np.zeros((0, 0), dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step that was done.

    Attributes:
        action: the step's action.
        places: its targets, in pixels of the whole screen.
        screen: the checksum of the whole screen's pixels before it.
        changed: whether it changed the screen; see `had_effect`.
        boxes: where it did, in frame pixels; empty if that isn't known.
        sums: the checksums of `changes.cell_sums` of the screen before it, in cells of `motion.CELL`; None if
            there are none.
        told: whether the model was told then that it repeats itself.
    """

    action: Action
    places: tuple[FrameBox, ...]
    screen: str
    changed: bool
    boxes: tuple[FrameBox, ...] = ()
    sums: CellSums | None = None
    told: bool = False


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A dead end that was found.

    Attributes:
        over: whether the run ends; else the model is told.
        sentence: what was tried, for the model or the person.
    """

    over: bool
    sentence: str


def dead_end(attempts: Sequence[Attempt], moving: Mask = _NOTHING) -> DeadEnd | None:
    """Find whether the last attempt completes a dead end; None if it doesn't.

    For one dead end the model is told once, before the run ends. Waiting and asking the person are never a
    dead end, as both wait for something that can't be seen yet.

    Args:
        attempts: all attempts, in their order.
        moving: the cells of `motion.CELL` that are left out, as they move by themselves.
    """
    last = attempts[-1] if attempts else None
    if last is None or isinstance(last.action, (Wait, Ask, *FINAL)):
        return None
    return _dead_end(attempts, last, _NOTHING) or (
        _dead_end(attempts, last, moving) if moving.any() else None
    )


def _dead_end(attempts: Sequence[Attempt], last: Attempt, moving: Mask) -> DeadEnd | None:
    alike = [earlier for earlier in attempts if _same(earlier, last, moving)]
    still = _without_effect(attempts, moving)
    hidden = bool(moving.any())  # it may have come to light late, so that the model wasn't told in time
    if len(alike) >= END_AT and (not hidden or any(each.told for each in alike)):
        said = f"the same was done {len(alike)} times on the very same screen{_but(moving)}: "
        return DeadEnd(True, said + _tried(attempts, moving))
    if len(still) >= STILL_END_AT and (not hidden or any(each.told for each in still)):
        return DeadEnd(True, f"{len(still)} inputs in a row changed nothing{_but(moving)}: {_words(still)}")
    late = hidden and len(alike) > TELL_AT and not any(each.told for each in alike)
    if len(alike) == TELL_AT or late:
        said = f"You have done this {len(alike)} times on the very same screen{_but(moving)}: "
        return DeadEnd(False, said + _tried(attempts, moving))
    late = hidden and len(still) > STILL_TELL_AT and not any(each.told for each in still)
    if (len(still) == STILL_TELL_AT or late) and not isinstance(last.action, Zoom):
        said = f"Your last {len(still)} inputs changed nothing{_but(moving)}: {_words(still)}"
        return DeadEnd(False, said)
    return None


def _but(moving: Mask) -> str:
    return ", but for what moves by itself" if moving.any() else ""


def in_doubt(attempts: Sequence[Attempt]) -> Mask | None:
    """Return the cells of `motion.CELL` that hide a dead end if they move by themselves; None if none do.

    They are few, and away from where the last input went.
    """
    last = attempts[-1] if attempts else None
    if last is None or last.sums is None or isinstance(last.action, (Wait, Ask, Zoom, *FINAL)):
        return None
    alike = [earlier for earlier in attempts if _same_step(earlier, last)][-TELL_AT:]
    found = _differing(alike, last.sums) if len(alike) == TELL_AT else None
    if found is None:
        inputs = [each for each in attempts if not isinstance(each.action, (Zoom, Wait))][-STILL_TELL_AT:]
        if len(inputs) == STILL_TELL_AT and not any(isinstance(each.action, Ask) for each in inputs):
            found = _cells([box for each in inputs for box in each.boxes], last.sums.shape)
    if found is None or not found.any() or found.mean() > _SMALL:
        return None
    return None if _cells(last.places, found.shape)[found].any() else found


def _differing(attempts: Sequence[Attempt], sums: CellSums) -> Mask | None:
    """Return the cells in which the screens of some attempts differ from another; None if many do."""
    found = np.zeros(sums.shape, dtype=np.bool_)
    for each in attempts:
        if each.sums is None or each.sums.shape != sums.shape:
            return None
        found |= each.sums != sums
    return None if found.mean() > _SMALL else found


def _cells(places: Sequence[FrameBox], shape: tuple[int, ...]) -> Mask:
    """Return the cells that some boxes touch."""
    found = np.zeros(shape, dtype=np.bool_)
    for box in places:
        found[box.top // CELL : -(-box.bottom // CELL), box.left // CELL : -(-box.right // CELL)] = True
    return found


def attempt(
    action: Action,
    observation: Observation,
    screen: str,
    after: Frame | None,
    change: Change | None,
) -> Attempt:
    """Make the attempt of a step that was done.

    Args:
        action: the action that was done.
        observation: the screen before it, and the picture that the model saw.
        screen: the checksum of `observation.screen`.
        after: the settled screen; None if nothing was captured.
        change: how it differs; None if that isn't known, which counts as a change.
    """
    changed = not isinstance(action, Zoom)
    if changed and after is not None and change is not None:
        changed = had_effect(action, observation.screen, after, change)
    boxes = change.boxes if change else ()
    return Attempt(action, observation.boxes(action), screen, changed, boxes)


def had_effect(action: Action, before: Frame, after: Frame, change: Change) -> bool:
    """Return whether an action had a visible effect; after pointing, a blinking caret doesn't count as one.

    Args:
        action: the action that was done.
        before: the screen before it.
        after: the settled screen.
        change: how they differ.
    """
    if len(change.boxes) != 1 or not isinstance(action, POINTING) or before.view != after.view:
        return bool(change)
    (box,) = change.boxes
    if max(box.width, box.height) > _CARET * before.scale:
        return True
    return not is_caret(difference(before.crop(box), after.crop(box)), after.scale)


def _same(one: Attempt, other: Attempt, moving: Mask) -> bool:
    return _same_screen(one, other, moving) and _same_step(one, other)


def _same_screen(one: Attempt, other: Attempt, moving: Mask) -> bool:
    if one.screen == other.screen or one.sums is None or other.sums is None:
        return one.screen == other.screen
    if not one.sums.shape == other.sums.shape == moving.shape:
        return False
    return not ((one.sums != other.sums) & ~moving).any()


def _same_step(one: Attempt, other: Attempt) -> bool:
    if len(one.places) != len(other.places):
        return False
    places = zip(one.places, other.places, strict=True)
    alike = _same_extent if isinstance(one.action, Zoom) else _same_place
    return _without_places(one.action) == _without_places(other.action) and all(
        alike(*pair) for pair in places
    )


def _without_places(action: Action) -> dict[str, object]:
    """Return an action's fields without the model's words, and without places, compared on the screen."""
    return action.model_dump(exclude={"label", "intent", "target", "end"})


def _same_place(one: FrameBox, other: FrameBox) -> bool:
    """Return whether each box holds the other's centre, or their centres are next to each other."""
    (x, y), (other_x, other_y) = _middle(one), _middle(other)
    if max(abs(x - other_x), abs(y - other_y)) <= _NEAR:
        return True
    return _holds(one, other_x, other_y) and _holds(other, x, y)


def _same_extent(one: FrameBox, other: FrameBox) -> bool:
    """Return whether two boxes show the same; a smaller box inside the other doesn't: it is a closer look."""
    slack = max(_NEAR, min(one.width, one.height) // 10)
    apart = (
        one.left - other.left,
        one.top - other.top,
        one.right - other.right,
        one.bottom - other.bottom,
    )
    return max(map(abs, apart)) <= slack


def _middle(box: FrameBox) -> tuple[int, int]:
    return (box.left + box.right) // 2, (box.top + box.bottom) // 2


def _holds(box: FrameBox, x: int, y: int) -> bool:
    return box.left <= x < box.right and box.top <= y < box.bottom


def _without_effect(attempts: Sequence[Attempt], moving: Mask) -> list[Attempt]:
    """Return the inputs since the screen last changed or the person was asked, without zooms and waits."""
    found: list[Attempt] = []
    for earlier in reversed(attempts):
        if _changed(earlier, moving) or isinstance(earlier.action, Ask):
            break
        if not isinstance(earlier.action, (Zoom, Wait)):
            found.insert(0, earlier)
    return found


def _changed(attempt: Attempt, moving: Mask) -> bool:
    """Return whether an attempt changed anything but what moves by itself away from where it went."""
    if not attempt.changed or not attempt.boxes or not moving.any():
        return attempt.changed
    if any(box.meets(place) for box in attempt.boxes for place in attempt.places):
        return True
    step = TILE // CELL  # the boxes are of whole tiles
    height, width = moving.shape
    padded = np.pad(moving, ((0, -height % step), (0, -width % step)))
    tiles = np.asarray(padded.reshape(len(padded) // step, step, -1, step).any(axis=(1, 3)))
    left_out = tiles.repeat(step, axis=0).repeat(step, axis=1)[:height, :width]
    return bool((_cells(attempt.boxes, moving.shape) & ~left_out).any())


def _tried(attempts: Sequence[Attempt], moving: Mask) -> str:
    """Describe the loop: the attempts from the last time the same was done to the one before this time."""
    last = attempts[-1]
    before = [at for at, each in enumerate(attempts[:-1]) if _same(each, last, moving)]
    return _words(attempts[before[-1] : -1])


def _words(attempts: Sequence[Attempt]) -> str:
    """Describe the different actions of some attempts, in their order."""
    names = list(dict.fromkeys(action_words(each.action) for each in attempts))
    more = len(names) - _SHOWN
    return ", then ".join(names[:_SHOWN]) + (f", and {more} more" if more > 0 else "")
