"""The detection of dead ends: repeated steps on the same screen, and steps that change nothing.

It has no side effects. Two steps are the same if action, place and every pixel of the screen before them
are the same. So an action that is repeated because it works (pressing "+" ten times, scrolling on) never
counts as a loop: each time the screen is another one. And a loop of any length is found, A-A-A as well as
A-B-A-B, because it returns to an earlier screen. A part of the screen that moves by itself (a video, a clock
with seconds) hides a loop; the budget of steps ends such a run.
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


@dataclass(frozen=True, slots=True)
class Attempt:
    """A step that was done.

    Attributes:
        action: the step's action.
        places: its targets, in pixels of the whole screen.
        screen: the checksum of the whole screen's pixels before it.
        changed: whether it changed the screen; see `had_effect`.
    """

    action: Action
    places: tuple[FrameBox, ...]
    screen: str
    changed: bool


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A dead end that was found.

    Attributes:
        over: whether the run ends; else the model is told.
        sentence: what was tried, for the model or the person.
    """

    over: bool
    sentence: str


def dead_end(attempts: Sequence[Attempt]) -> DeadEnd | None:
    """Find whether the last attempt completes a dead end; None if it doesn't.

    For one dead end the model is told once, before the run ends. Waiting and asking the person are never a
    dead end, as both wait for something that can't be seen yet.
    """
    last = attempts[-1] if attempts else None
    if last is None or isinstance(last.action, (Wait, Ask, *FINAL)):
        return None
    times = sum(_same(earlier, last) for earlier in attempts)
    still = _without_effect(attempts)
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
    return Attempt(action, observation.boxes(action), screen, changed)


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


def _same(one: Attempt, other: Attempt) -> bool:
    if one.screen != other.screen or len(one.places) != len(other.places):
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


def _without_effect(attempts: Sequence[Attempt]) -> list[Attempt]:
    """Return the inputs since the screen last changed or the person was asked, without zooms and waits."""
    found: list[Attempt] = []
    for earlier in reversed(attempts):
        if earlier.changed or isinstance(earlier.action, Ask):
            break
        if not isinstance(earlier.action, (Zoom, Wait)):
            found.insert(0, earlier)
    return found


def _tried(attempts: Sequence[Attempt]) -> str:
    """Describe the loop: the attempts from the last time the same was done to the one before this time."""
    last = attempts[-1]
    before = [at for at, each in enumerate(attempts[:-1]) if _same(each, last)]
    return _words(attempts[before[-1] : -1])


def _words(attempts: Sequence[Attempt]) -> str:
    """Describe the different actions of some attempts, in their order."""
    names = list(dict.fromkeys(action_words(each.action) for each in attempts))
    more = len(names) - _SHOWN
    return ", then ".join(names[:_SHOWN]) + (f", and {more} more" if more > 0 else "")
