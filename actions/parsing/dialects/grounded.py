"""The default format: one JSON object with `action`, `bbox_2d`, `label` and the action's own fields.

    {"action": "click", "bbox_2d": [412, 318, 468, 351], "label": "Save button"}

The readers also accept a place as `coordinate` or `point_2d`, for a reply that mixes the formats.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, Literal, assert_never

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.parsing.dialects.arguments import Arguments
from qvl_agent.actions.planning.action import (
    MAX_SCROLL,
    MAX_WAIT_S,
    Action,
    Answer,
    Ask,
    Button,
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

__all__ = ["DIRECTIONS", "READERS", "Reader", "corners", "plain_number", "write"]

Reader = Callable[[Arguments], Action]
Direction = Literal["up", "down", "left", "right"]

BUTTONS: Final[Mapping[str, Button]] = {"left": "left", "right": "right", "middle": "middle"}
DIRECTIONS: Final[Mapping[str, Direction]] = {"up": "up", "down": "down", "left": "left", "right": "right"}


def _click(args: Arguments) -> Action:
    return Click(
        target=args.target(),
        button=args.choice("button", BUTTONS, "left"),
        count=args.whole("count", 1, 3, 1),
        modifiers=args.held("modifiers"),
        label=args.label,
        intent=args.intent,
    )


def _move(args: Arguments) -> Action:
    return Move(target=args.target(), label=args.label, intent=args.intent)


def _drag(args: Arguments) -> Action:
    return Drag(
        target=args.target(),
        end=args.box("bbox_2d_end", "give where the drag starts as bbox_2d and where it ends as bbox_2d_end"),
        button=args.choice("button", BUTTONS, "left"),
        modifiers=args.held("modifiers"),
        label=args.label,
        intent=args.intent,
    )


def _scroll(args: Arguments) -> Action:
    notches = args.whole("amount", 1, MAX_SCROLL)
    direction = args.choice("direction", DIRECTIONS)
    sign = 1 if direction in ("down", "right") else -1
    across = direction in ("left", "right")
    return Scroll(
        target=args.optional_target(),
        dx=sign * notches if across else 0,
        dy=0 if across else sign * notches,
        modifiers=args.held("modifiers"),
        label=args.label,
        intent=args.intent,
    )


def _type(args: Arguments) -> Action:
    return Type(
        text=args.text("text"),
        target=args.optional_target(),
        clear=args.flag("clear"),
        enter=args.flag("enter"),
        label=args.label,
        intent=args.intent,
    )


def _press(args: Arguments) -> Action:
    keys = args.chord("keys" if args.has("keys") or not args.has("key") else "key")
    return Press(keys=keys, count=args.whole("count", 1, 20, 1), label=args.label, intent=args.intent)


def _wait(args: Arguments) -> Action:
    return Wait(seconds=args.number("seconds", 0, MAX_WAIT_S, 1), label=args.label, intent=args.intent)


def _zoom(args: Arguments) -> Action:
    return Zoom(target=args.target(), label=args.label, intent=args.intent)


def _ask(args: Arguments) -> Action:
    return Ask(question=args.text("question"), label=args.label, intent=args.intent)


def _answer(args: Arguments) -> Action:
    return Answer(text=args.text("text"), label=args.label, intent=args.intent)


def _done(args: Arguments) -> Action:
    return Done(summary=args.text("summary", ""), label=args.label, intent=args.intent)


def _fail(args: Arguments) -> Action:
    return Fail(reason=args.text("reason", ""), label=args.label, intent=args.intent)


READERS: Final[Mapping[str, Reader]] = {
    "click": _click,
    "move": _move,
    "drag": _drag,
    "scroll": _scroll,
    "type": _type,
    "press": _press,
    "wait": _wait,
    "zoom": _zoom,
    "ask": _ask,
    "answer": _answer,
    "done": _done,
    "fail": _fail,
}


def write(action: Action) -> str:
    """Write an action in this format.

    Raises:
        ValueError: the format can't express it: a scroll on both axes or on none, or a box that `corners`
            refuses.
    """
    fields: dict[str, object] = {"intent": action.intent} if action.intent else {}
    fields["action"] = action.kind
    target = getattr(action, "target", None)
    if isinstance(target, ModelBox):
        fields["bbox_2d"] = corners(target)
    if action.label:
        fields["label"] = action.label
    return json.dumps(fields | _rest(action), ensure_ascii=False)


def corners(box: ModelBox) -> list[float]:
    """Return a box as 4 numbers, whole ones as ints.

    Raises:
        ValueError: no number is above 1 and one isn't whole, so they would be read as fractions of the
            picture.
    """
    if max(box.x2, box.y2) <= 1 and any(side != int(side) for side in (box.x1, box.y1, box.x2, box.y2)):
        raise ValueError(f"{box} would be read as fractions; round it")
    return [plain_number(side) for side in (box.x1, box.y1, box.x2, box.y2)]


def plain_number(value: float) -> float:
    """Return a whole number as an int, so that it is written without a fraction, as the models do."""
    return int(value) if value == int(value) else value


def _rest(action: Action) -> dict[str, object]:
    """Return the fields that only this kind of action has, without those at their defaults."""
    match action:
        case Click():
            return _set(
                button=(action.button, "left"), count=(action.count, 1), modifiers=(action.modifiers, ())
            )
        case Drag():
            held = _set(button=(action.button, "left"), modifiers=(action.modifiers, ()))
            return {"bbox_2d_end": corners(action.end)} | held
        case Scroll():
            return _turn(action) | _set(modifiers=(action.modifiers, ()))
        case Type():
            return {"text": action.text} | _set(clear=(action.clear, False), enter=(action.enter, False))
        case Press():
            return {"keys": action.keys} | _set(count=(action.count, 1))
        case Wait():
            return {"seconds": plain_number(action.seconds)}
        case Ask():
            return {"question": action.question}
        case Answer():
            return {"text": action.text}
        case Done():
            return _set(summary=(action.summary, ""))
        case Fail():
            return _set(reason=(action.reason, ""))
        case Move() | Zoom():
            return {}
    assert_never(action)


def _set(**fields: tuple[object, object]) -> dict[str, object]:
    return {name: value for name, (value, default) in fields.items() if value != default}


def _turn(action: Scroll) -> dict[str, object]:
    if bool(action.dx) == bool(action.dy):
        raise ValueError(
            f"a scroll goes along one axis, not by ({action.dx}, {action.dy}); write two actions"
        )
    if action.dx:
        return {"direction": "right" if action.dx > 0 else "left", "amount": abs(action.dx)}
    return {"direction": "down" if action.dy > 0 else "up", "amount": abs(action.dy)}
