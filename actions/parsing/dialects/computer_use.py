"""Qwen's native tool call: `<tool_call>{"name": "computer_use", "arguments": {…}}</tool_call>`.

It is stricter than the model's own tool where that one would guess: a click or a scroll needs its
coordinate, and a drag both ends. It also adds to that tool: a `label` may name the target, `type` may
click its field first (`coordinate`), `clear` it and press `enter`, `text` may give the reason that a run
ends, and `zoom` looks closer at a `bbox_2d`.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, Literal, assert_never

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects import grounded
from qvl_agent.actions.parsing.dialects.arguments import Arguments
from qvl_agent.actions.parsing.dialects.grounded import Reader, corners, plain_number
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

__all__ = [
    "CLICKS",
    "PIXELS_PER_NOTCH",
    "READERS",
    "STATUSES",
    "as_points",
    "intent_in",
    "terminate",
    "write",
]

PIXELS_PER_NOTCH: Final = 100
"""The value of one wheel notch in `pixels`; browsers scroll by about as much."""

_NOTCHES: Final = 5
"""`pixels` up to this size are notches: agents say 5 for five of them, and nobody scrolls five pixels."""

CLICKS: Final[Mapping[str, tuple[Button, int]]] = {
    "left_click": ("left", 1),
    "right_click": ("right", 1),
    "middle_click": ("middle", 1),
    "double_click": ("left", 2),
    "triple_click": ("left", 3),
}
STATUSES: Final[Mapping[str, Literal["success", "failure"]]] = {"success": "success", "failure": "failure"}

_INTENT: Final = re.compile(r"^[ \t]*Action[:：][ \t]*([^\n]{1,300})$", re.MULTILINE)
_UNSAFE: Final = re.compile(r"[<>{}\[\]()\"'`=:：]")


def _click(args: Arguments) -> Action:
    button, count = CLICKS[args.action]
    return Click(
        target=args.target(),
        button=button,
        count=count,
        modifiers=args.held("keys"),
        label=args.label,
        intent=args.intent,
    )


def _drag(args: Arguments) -> Action:
    args.remark("duration")
    if not args.has("coordinate2"):
        raise ParseError(
            "Expected left_click_drag with both ends, got only one place; "
            "give the start as coordinate and the end as coordinate2."
        )
    return Drag(
        target=args.target(),
        end=args.box("coordinate2"),
        modifiers=args.held("keys"),
        label=args.label,
        intent=args.intent,
    )


def _move(args: Arguments) -> Action:
    args.remark("duration")
    return grounded.READERS["move"](args)


def _scroll(args: Arguments) -> Action:
    if args.action == "scroll" and not args.has("pixels"):
        return grounded.READERS["scroll"](args)
    notches = _notches(args.number("pixels", -MAX_SCROLL * PIXELS_PER_NOTCH, MAX_SCROLL * PIXELS_PER_NOTCH))
    across = args.action == "hscroll"
    return Scroll(
        target=args.optional_target(),
        dx=notches if across else 0,
        dy=0 if across else -notches,
        modifiers=args.held("keys"),
        label=args.label,
        intent=args.intent,
    )


def _notches(pixels: float) -> int:
    if not pixels:
        raise ParseError("Expected how far to scroll, got 0 pixels; give a number above or below 0.")
    size = abs(pixels)
    notches = max(1, round(size if size <= _NOTCHES else size / PIXELS_PER_NOTCH))
    return notches if pixels > 0 else -notches


def _key(args: Arguments) -> Action:
    return Press(keys=args.chord(), label=args.label, intent=args.intent)


def _wait(args: Arguments) -> Action:
    if not args.has("time"):
        return grounded.READERS["wait"](args)
    return Wait(seconds=args.number("time", 0, MAX_WAIT_S), label=args.label, intent=args.intent)


def _interact(args: Arguments) -> Action:
    return Ask(question=args.text("text"), label=args.label, intent=args.intent)


def terminate(args: Arguments) -> Action:
    """Read the action that ends a run: done or failed, with its text."""
    if args.choice("status", STATUSES) == "success":
        return Done(summary=args.text("text", ""), label=args.label, intent=args.intent)
    return Fail(reason=args.text("text", ""), label=args.label, intent=args.intent)


READERS: Final[Mapping[str, Reader]] = {
    "key": _key,
    "type": grounded.READERS["type"],
    "mouse_move": _move,
    **dict.fromkeys(CLICKS, _click),
    "left_click_drag": _drag,
    "scroll": _scroll,
    "hscroll": _scroll,
    "wait": _wait,
    "zoom": grounded.READERS["zoom"],
    "interact": _interact,
    "answer": grounded.READERS["answer"],
    "terminate": terminate,
}


def intent_in(prose: str) -> str:
    """Return the text of the last `Action: …` line before the call; "" if there is none."""
    lines = _INTENT.findall(prose)
    return lines[-1].strip() if lines else ""


def as_points(action: Action) -> Action:
    """Return the action with each box replaced by its middle, as this format points; a zoom keeps its box.

    A middle is rounded to whole numbers, as the models write them, unless they would lie outside the box.
    """
    if isinstance(action, Zoom):
        return action
    boxes = {name: getattr(action, name, None) for name in ("target", "end")}
    return action.model_copy(
        update={name: _middle(box) for name, box in boxes.items() if isinstance(box, ModelBox)}
    )


def _middle(box: ModelBox) -> ModelBox:
    x, y = box.centre.x, box.centre.y
    whole_x, whole_y = float(round(x)), float(round(y))
    return ModelBox.at(
        whole_x if box.x1 <= whole_x <= box.x2 else x, whole_y if box.y1 <= whole_y <= box.y2 else y
    )


def write(action: Action) -> str:
    """Write an action in this format.

    Raises:
        ValueError: the format can't express it. It has no box but zoom's (see `as_points`), no right or
            middle button but for single clicks, no repeated key, and no scroll on both axes or none.
    """
    line = action.intent if _fits_a_line(action.intent) else ""
    fields = _fields(action)
    if action.label:
        fields["label"] = action.label
    if action.intent and not line:
        fields["intent"] = action.intent
    call = json.dumps({"name": "computer_use", "arguments": fields}, ensure_ascii=False)
    before = f"Action: {line}\n" if line else ""
    return f"{before}<tool_call>\n{call}\n</tool_call>"


def _fits_a_line(intent: str) -> bool:
    plain = intent.isprintable() and not _UNSAFE.search(intent)
    return plain and intent == intent.strip() and len(intent) <= 300


def _fields(action: Action) -> dict[str, object]:
    match action:
        case Click():
            return _named_click(action) | _held(action.modifiers)
        case Move():
            return {"action": "mouse_move", "coordinate": _point(action.target)}
        case Drag():
            if action.button != "left":
                raise ValueError(f"computer_use drags with the left button, not the {action.button} one")
            ends = {"coordinate": _point(action.target), "coordinate2": _point(action.end)}
            return {"action": "left_click_drag"} | ends | _held(action.modifiers)
        case Scroll():
            return _turn(action) | _held(action.modifiers)
        case Type():
            return _typed(action)
        case Press():
            if action.count != 1:
                raise ValueError(
                    f"computer_use presses a key once, not {action.count} times; repeat the action"
                )
            return {"action": "key", "keys": action.keys}
        case Wait():
            return {"action": "wait", "time": plain_number(action.seconds)}
        case Zoom():
            return {"action": "zoom", "bbox_2d": corners(action.target)}
        case Ask():
            return {"action": "interact", "text": action.question}
        case Answer():
            return {"action": "answer", "text": action.text}
        case Done():
            return {"action": "terminate", "status": "success"} | _said(action.summary)
        case Fail():
            return {"action": "terminate", "status": "failure"} | _said(action.reason)
    assert_never(action)


def _typed(action: Type) -> dict[str, object]:
    fields: dict[str, object] = {"action": "type", "text": action.text}
    if action.target:
        fields["coordinate"] = _point(action.target)
    wanted = {"clear": action.clear, "enter": action.enter}
    return fields | {name: True for name, on in wanted.items() if on}


def _named_click(action: Click) -> dict[str, object]:
    for name, click in CLICKS.items():
        if click == (action.button, action.count):
            return {"action": name, "coordinate": _point(action.target)}
    raise ValueError(f"computer_use has no {action.button} click of {action.count}; click once each time")


def _turn(action: Scroll) -> dict[str, object]:
    if bool(action.dx) == bool(action.dy):
        raise ValueError(
            f"a scroll goes along one axis, not by ({action.dx}, {action.dy}); write two actions"
        )
    name, notches = ("hscroll", action.dx) if action.dx else ("scroll", -action.dy)
    place = {"coordinate": _point(action.target)} if action.target else {}
    return {"action": name, **place, "pixels": notches * PIXELS_PER_NOTCH}


def _point(box: ModelBox) -> list[float]:
    if (box.x1, box.y1) != (box.x2, box.y2):
        raise ValueError("computer_use points at one place, not a box; take as_points(action) first")
    return corners(box)[:2]


def _held(modifiers: tuple[str, ...]) -> dict[str, object]:
    return {"keys": modifiers} if modifiers else {}


def _said(text: str) -> dict[str, object]:
    return {"text": text} if text else {}
