"""The comparison of a replayed step with the recorded one; differences are described in words.

With recorded replies everything must be identical except the wording of error messages: the same
replies went through the same functions without side effects. A live model may say the same thing in other
words, so there only what the person would notice counts: the kind of action, what it presses or types, its
target, and the guard's level.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.outcome import Verdict
from qvl_agent.actions.planning.action import (
    Action,
    Answer,
    Ask,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.actions.planning.events import KeyEvent, Plan
from qvl_agent.agent.recording.format import StepIntent

__all__ = ["MIN_OVERLAP", "NEAR", "Difference", "Redone", "compare", "same_place"]

MIN_OVERLAP: Final = 0.5
"""Intersection over union from which on two boxes are the same target, as in detection benchmarks."""
NEAR: Final = 10.0
"""Grid units that a replayed target may lie from a recorded point, which has no size: 1 % of the screen's
width or height, about half the height of a button."""
_MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Redone:
    """The result of a replayed reply: an action with its plan and verdict, or an error.

    Attributes:
        action: None if the reply can't be used.
        error: why it can't be used; "" if it can.
        verdict: None if there is no action, or no recorded scene to judge it by.
    """

    action: Action | None
    error: str = ""
    plan: Plan = ()
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference between the recorded and the replayed step.

    Attributes:
        field: "action", "error", "plan", "verdict", or an action's field: "action.target".
        recorded, replayed: both values, shortened for reading.
        sentence: for the person.
    """

    field: str
    recorded: str
    replayed: str
    sentence: str


def compare(
    recorded: StepIntent, redone: Redone, *, exact: bool, min_overlap: float = MIN_OVERLAP
) -> tuple[Difference, ...]:
    """Return every difference between the two; without any the steps agree.

    Args:
        recorded: the recorded step.
        redone: the replayed step.
        exact: whether the reply is the recorded one, so that everything must be identical.
        min_overlap: for live models, the least overlap of boxes; see `same_place`.
    """
    before, now = recorded.action, redone.action
    if before is None and now is None:
        return ()
    if before is None or now is None:
        return (_appeared(recorded, redone),)
    if before.kind != now.kind:
        return (_differ("action", before.kind, now.kind),)
    found = list(_exact_fields(before, now) if exact else _what_matters(before, now, min_overlap))
    if exact and not _same_plan(before, recorded.plan, redone.plan):
        found.append(_differ("plan", _events(recorded.plan), _events(redone.plan)))
    if _weight(recorded.verdict, exact) != _weight(redone.verdict, exact):
        found.append(_differ("verdict", _verdict(recorded.verdict), _verdict(redone.verdict)))
    return tuple(found)


def same_place(recorded: ModelBox, replayed: ModelBox, min_overlap: float = MIN_OVERLAP) -> str:
    """Return the name of the rule by which two boxes are the same target; "" if there is none.

    "overlap": intersection over union is at least `min_overlap`. "centre": the replayed centre is
    inside the recorded box. The second rule is there because the centre is what gets clicked, and
    models frame the same thing differently: the check box, or its whole row. "near": the recorded
    box is a point, and the replayed centre lies within `NEAR` of it on both axes.
    """
    if recorded.overlap(replayed) >= min_overlap:
        return "overlap"
    x, y = replayed.centre.x, replayed.centre.y
    if recorded.area == 0:
        near = recorded.x1 - NEAR <= x <= recorded.x2 + NEAR and recorded.y1 - NEAR <= y <= recorded.y2 + NEAR
        return "near" if near else ""
    return "centre" if recorded.x1 <= x <= recorded.x2 and recorded.y1 <= y <= recorded.y2 else ""


def _appeared(recorded: StepIntent, redone: Redone) -> Difference:
    if recorded.action is None:
        now = redone.action.kind if redone.action else ""
        sentence = f"The recorded reply held no action ({_short(recorded.error)}); now it is a {now}."
        return Difference("error", recorded.error, now, sentence)
    sentence = (
        f"The recorded reply was a {recorded.action.kind}; now it holds no action: {_short(redone.error)}"
    )
    return Difference("error", recorded.action.kind, redone.error, sentence)


def _same_plan(action: Action, recorded: Plan, redone: Plan) -> bool:
    """Return whether two plans are the same; a field was once emptied by Delete instead of typing over it."""
    if recorded == redone or not isinstance(action, Type) or not action.clear:
        return recorded == redone

    def without(plan: Plan, key: str) -> Plan:
        return tuple(event for event in plan if not isinstance(event, KeyEvent) or event.key != key)

    return without(recorded, "delete") == without(redone, "backspace")


def _exact_fields(before: Action, now: Action) -> Iterator[Difference]:
    old, new = before.model_dump(), now.model_dump()
    for name in old:
        if old[name] != new[name]:
            yield _differ(f"action.{name}", old[name], new[name])


def _what_matters(before: Action, now: Action, min_overlap: float) -> Iterator[Difference]:
    for name in _weighty(before):
        old, new = getattr(before, name), getattr(now, name)  # the names are ours, never the model's
        if _plain(old) != _plain(new):
            yield _differ(f"action.{name}", old, new)
    if isinstance(before, Scroll) and isinstance(now, Scroll) and _way(before) != _way(now):
        yield _differ("action.scroll", (before.dx, before.dy), (now.dx, now.dy))
    for name in ("target", "end"):
        old, new = getattr(before, name, None), getattr(now, name, None)
        if isinstance(old, ModelBox) and isinstance(new, ModelBox):
            yield from _moved(name, old, new, min_overlap)
        elif old is not new:
            yield _differ(f"action.{name}", _box(old), _box(new))


def _weighty(action: Action) -> tuple[str, ...]:
    """Return the fields, apart from places, in which another value makes another action."""
    match action:
        case Click():
            return ("button", "count", "modifiers")
        case Drag():
            return ("button", "modifiers")
        case Scroll():
            return ("modifiers",)  # and its direction; the distance is left to the model
        case Type():
            return ("text", "clear", "enter")
        case Press():
            return ("keys", "count")
        case Answer():
            return ("text",)
        case Move() | Wait() | Zoom() | Ask() | Done() | Fail():
            return ()
        case _:
            assert_never(action)


def _plain(value: object) -> object:
    """Return a value for comparison: texts without white space at their ends, modifiers without order."""
    match value:
        case str():
            return value.strip()
        case tuple():
            return frozenset(value)
        case _:
            return value


def _way(scroll: Scroll) -> tuple[int, int]:
    return ((scroll.dx > 0) - (scroll.dx < 0), (scroll.dy > 0) - (scroll.dy < 0))


def _moved(name: str, old: ModelBox, new: ModelBox, min_overlap: float) -> Iterator[Difference]:
    if same_place(old, new, min_overlap):
        return
    centre = new.centre
    if old.area == 0:
        why = f"its centre ({centre.x:g}, {centre.y:g}) is over {NEAR:g} away from the recorded point"
    else:
        why = (
            f"the boxes overlap by {old.overlap(new):.2f}, under {min_overlap:g}, and its centre "
            f"({centre.x:g}, {centre.y:g}) is outside the recorded box"
        )
    yield Difference(f"action.{name}", _box(old), _box(new), f"Another {name}: {why}.")


def _weight(verdict: Verdict | None, exact: bool) -> object:
    if verdict is None:
        return None
    return (verdict.level, verdict.rule) if exact else verdict.level


def _differ(field: str, recorded: object, replayed: object) -> Difference:
    old, new = _short(recorded), _short(replayed)
    return Difference(field, old, new, f"{field} was {old}; now it is {new}.")


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _box(box: ModelBox | None) -> str:
    return "none" if box is None else f"[{box.x1:g}, {box.y1:g}, {box.x2:g}, {box.y2:g}]"


def _verdict(verdict: Verdict | None) -> str:
    return "none" if verdict is None else f"{verdict.level.name.lower()} by {verdict.rule}"


def _events(plan: Plan) -> str:
    return "; ".join(map(str, plan)) or "no events"
