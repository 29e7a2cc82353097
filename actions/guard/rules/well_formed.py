"""Rules about form: the action is valid, its keys are known, and the plan is exactly the action's own.

Each kind of action that keeps to its form is allowed here; any other rule that applies is stricter.
"""

from typing import Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from qvl_agent.actions.core.errors import CoordinateError, KeyNameError
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.planning.action import (
    ACTION,
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
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, Plan
from qvl_agent.actions.planning.keys import KEYS, chord, modifiers
from qvl_agent.actions.planning.plan import plan, select_all_on

__all__ = ["allowed", "keys_known", "nothing_left_down", "plan_follows", "well_formed"]

_PLAN: Final[TypeAdapter[Plan]] = TypeAdapter(Plan)
_REASONS: Final[dict[type, str]] = {
    Click: "a click on a target inside the captured screen",
    Move: "moving the pointer inside the captured screen",
    Drag: "a drag inside the captured screen",
    Scroll: "scrolling inside the captured screen",
    Type: "typing text without control characters",
    Press: "a key or chord that does no harm by itself",
    Wait: "waiting sends nothing",
    Zoom: "looking closer sends nothing",
    Ask: "a question to you sends nothing",
    Answer: "an answer to you sends nothing",
    Done: "ending the run sends nothing",
    Fail: "ending the run sends nothing",
}


def well_formed(case: Case) -> Verdict | None:
    """Refuse an action or plan that doesn't pass its classes' checks, as if it was built without them."""
    try:
        action = ACTION.validate_json(ACTION.dump_json(case.action, warnings=False))
        events = _PLAN.validate_json(_PLAN.dump_json(case.plan, warnings=False))
    except (ValidationError, PydanticSerializationError) as error:
        return deny("schema", f"the action isn't valid: {_brief(error)}; answer in the format asked for")
    if (repr(action), repr(events)) != (repr(case.action), repr(case.plan)):  # for == True is 1
        return deny("schema", "the action isn't valid: a field isn't of its type")
    return None


def keys_known(case: Case) -> Verdict | None:
    """Refuse keys that aren't canonical names in a chord's order, and held keys that are no modifiers."""
    try:
        match case.action:
            case Press(keys=keys):
                known = chord(keys) == keys
            case Click(modifiers=held) | Drag(modifiers=held) | Scroll(modifiers=held):
                known = modifiers(held) == held
            case _:
                known = True
    except KeyNameError as error:
        return deny("keys", str(error))
    if not known or any(isinstance(event, KeyEvent) and event.key not in KEYS for event in case.plan):
        return deny("keys", "the keys aren't written by their canonical names in order, like ctrl+shift+t")
    return None


def plan_follows(case: Case) -> Verdict | None:
    """Refuse a plan whose events aren't exactly those of the action on this frame."""
    try:
        expected = plan(
            case.action,
            case.scene.view,
            select_all=select_all_on(case.scene.platform),
            scroll_at=case.scene.scroll_at,
        )
    except CoordinateError as error:
        return deny("geometry", f"the target can't be mapped to the desktop: {error}")
    if case.plan != expected:
        return deny("plan", f"the events aren't those that this {case.action.kind} comes to")
    return None


def nothing_left_down(case: Case) -> Verdict | None:
    """Refuse a plan that releases what it didn't press, presses something twice, or leaves it down."""
    down: set[str] = set()
    for event in case.plan:
        if not isinstance(event, ButtonEvent | KeyEvent):
            continue
        name = event.key if isinstance(event, KeyEvent) else f"the {event.button} button"
        if event.down is (name in down):
            return deny("held", f"{name} is pressed twice or released without a press")
        down ^= {name}
    if down:
        return deny("held", f"{', '.join(sorted(down))} would stay down")
    return None


def allowed(case: Case) -> Verdict | None:
    """Allow each known kind of action; any other rule that applies is stricter."""
    reason = _REASONS.get(type(case.action))
    return None if reason is None else Verdict(Level.ALLOW, f"allow-{case.action.kind}", reason)


def _brief(error: ValidationError | PydanticSerializationError) -> str:
    if isinstance(error, ValidationError):
        return str(first_error(error))
    return "a value can't be written down, like text with half a character"
