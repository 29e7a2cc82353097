"""Loops and dead ends: the same again on the same screen, and steps that change nothing. Pure.

Two steps are the same if action, place and every pixel of the screen before them are. So an action
that is repeated because it works (pressing "+" ten times, scrolling on) is never taken for a loop: each
time the screen is another one. And a loop of any length is found, A-A-A as A-B-A-B, because it comes
back to a screen that it has been at. What moves by itself (a video, a clock with seconds) hides a loop; the
budget of steps ends those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.planning.action import FINAL, POINTING, Action, Ask, Wait, Zoom
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.changes import difference, is_caret
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
]

TELL_AT: Final = 3
"""Times the same was done on the same screen when the model is told."""
END_AT: Final = 5
"""And when the run ends."""
STILL_TELL_AT: Final = 5
"""Inputs in a row that changed nothing when the model is told."""
STILL_END_AT: Final = 8
_SHOWN: Final = 4
_NEAR: Final = 4
"""Pixels by which the middle of two targets may differ and be the same: models waver that much."""
_CARET: Final = 96
"""The most pixels, both ways, that a caret's tiles span."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step that was done.

    Attributes:
        places: where, in pixels of the whole screen.
        screen: names the pixels of the whole screen before it: a checksum.
        changed: whether the screen changed by it; see `had_effect`.
    """

    action: Action
    places: tuple[FrameBox, ...]
    screen: str
    changed: bool


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """What is going nowhere.

    Attributes:
        over: the run ends; else the model is told.
        sentence: what was tried, for the model or the person.
    """

    over: bool
    sentence: str


def dead_end(attempts: Sequence[Attempt]) -> DeadEnd | None:
    """Say whether the last attempt makes a dead end; the same one is told once and ended once.

    Waiting and asking the person are never a dead end: both are for what can't be seen yet.
    """
    last = attempts[-1] if attempts else None
    if last is None or isinstance(last.action, (Wait, Ask, *FINAL)):
        return None
    times = sum(_same(earlier, last) for earlier in attempts)
    still = _still(attempts)
    if times >= END_AT:
        return DeadEnd(True, f"the same was done {END_AT} times on the very same screen: {_tried(attempts)}")
    if len(still) >= STILL_END_AT:
        return DeadEnd(True, f"{STILL_END_AT} inputs in a row changed nothing: {_words(still)}")
    if times == TELL_AT:
        return DeadEnd(
            False, f"You have done this {TELL_AT} times on the very same screen: {_tried(attempts)}"
        )
    if len(still) == STILL_TELL_AT and not isinstance(last.action, Zoom):
        return DeadEnd(False, f"Your last {STILL_TELL_AT} inputs changed nothing: {_words(still)}")
    return None


def attempt(
    action: Action, observation: Observation, screen: str, after: Frame | None, change: Change | None
) -> Attempt:
    """Note a step that was done.

    Args:
        action: what was done.
        observation: what the model saw before.
        screen: the checksum of `observation.screen`.
        after: the settled screen; None if nothing was captured.
        change: how it differs; None if that isn't known, which then counts as a change.
    """
    changed = not isinstance(action, Zoom)
    if changed and after is not None and change is not None:
        changed = had_effect(action, observation.screen, after, change)
    return Attempt(action, observation.boxes(action), screen, changed)


def had_effect(action: Action, before: Frame, after: Frame, change: Change) -> bool:
    """Say whether an action did anything that can be seen; after pointing, a blinking caret isn't that.

    Args:
        action: what was done.
        before: the screen that the model saw.
        after: the settled screen.
        change: how they differ.
    """
    if len(change.boxes) != 1 or not isinstance(action, POINTING) or before.view != after.view:
        return bool(change)
    (box,) = change.boxes
    if max(box.width, box.height) > _CARET * before.scale:
        return True
    return not is_caret(difference(before.crop(box), after.crop(box)), after.scale)


def _same(one: Attempt, other: Attempt) -> bool:
    if one.screen != other.screen or len(one.places) != len(other.places):
        return False
    places = zip(one.places, other.places, strict=True)
    alike = _same_extent if isinstance(one.action, Zoom) else _same_place
    return _what(one.action) == _what(other.action) and all(alike(*pair) for pair in places)


def _what(action: Action) -> dict[str, object]:
    """An action without its places, which are compared on the screen, and the model's words on it."""
    return action.model_dump(exclude={"label", "intent", "target", "end"})


def _same_place(one: FrameBox, other: FrameBox) -> bool:
    """Whether each box holds the other's middle, or their middles are next to each other."""
    (x, y), (other_x, other_y) = _middle(one), _middle(other)
    if max(abs(x - other_x), abs(y - other_y)) <= _NEAR:
        return True
    return _holds(one, other_x, other_y) and _holds(other, x, y)


def _same_extent(one: FrameBox, other: FrameBox) -> bool:
    """Whether two boxes show the same: a smaller one in the middle is a closer look."""
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


def _still(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The inputs since the screen last changed or the person was asked; a close-up and a wait are none."""
    found: list[Attempt] = []
    for earlier in reversed(attempts):
        if earlier.changed or isinstance(earlier.action, Ask):
            break
        if not isinstance(earlier.action, (Zoom, Wait)):
            found.insert(0, earlier)
    return found


def _tried(attempts: Sequence[Attempt]) -> str:
    """The last attempt, and what led from it back to the same screen."""
    last = attempts[-1]
    before = [at for at, each in enumerate(attempts[:-1]) if _same(each, last)]
    return _words(attempts[before[-1] : -1])


def _words(attempts: Sequence[Attempt]) -> str:
    """Name the different things that were done, in their order."""
    names = list(dict.fromkeys(action_words(each.action) for each in attempts))
    more = len(names) - _SHOWN
    return ", then ".join(names[:_SHOWN]) + (f", and {more} more" if more > 0 else "")
