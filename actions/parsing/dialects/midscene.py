"""Midscene's format, with which Qwen3-VL is often prompted: an action's type and its param.

    {"action": {"type": "Tap", "param": {"locate": {"prompt": "Search", "bbox": [37, 312, 958, 367]}}}}
    <action-type>Tap</action-type><action-param-json>{"locate": …}</action-param-json>

Its older form, with `locate` beside `type`, is refused: it was used with Qwen2.5-VL, whose boxes are in
pixels.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects.arguments import Arguments, Call
from qvl_agent.actions.parsing.dialects.grounded import DIRECTIONS, Reader
from qvl_agent.actions.parsing.strict_json import Flaw, Json, ScanBudget, Value, read, shown
from qvl_agent.actions.planning.action import (
    MAX_SCROLL,
    MAX_WAIT_S,
    Action,
    Button,
    Click,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
)

__all__ = ["READERS", "TOOL", "flattened", "read_tagged"]

TOOL: Final = "<midscene>"
"""The tool of these calls; no reply can give this name."""
PIXELS_PER_NOTCH: Final = 100
_TAGGED: Final = re.compile(r"\s*+(\w{1,64})\s*+</action-type>\s*+(<action-param-json>\s*+)?")
_CLOSED: Final = re.compile(r"\s*+</action-param-json>")
_ONCE: Final[Mapping[str, Literal["once"]]] = {"singleaction": "once", "once": "once"}
_MODES: Final[Mapping[str, Literal["replace", "clear", "typeonly"]]] = {
    "replace": "replace",
    "clear": "clear",
    "typeonly": "typeonly",
}


def read_tagged(text: str, at: int, budget: ScanBudget) -> Call | Flaw:
    """Read the call whose `<action-type>` ends at index `at` of the text."""
    tag = _TAGGED.match(text, at)
    if not tag:
        return Flaw("expected a name and </action-type>", serious=True)
    if not tag[2]:
        return Call(TOOL, {"type": tag[1], "param": {}}, tag.end())
    found = read(text, tag.end(), budget)
    closed = _CLOSED.match(text, found.end) if isinstance(found, Json) else None
    if not isinstance(found, Json) or not isinstance(found.value, dict) or not closed:
        return Flaw("expected one JSON object in <action-param-json>", serious=True)
    return Call(TOOL, {"type": tag[1], "param": found.value}, closed.end())


def flattened(action: str, param: Mapping[str, Value]) -> dict[str, Value]:
    """Return the arguments with the box and the prompt in `locate` moved beside the others.

    Raises:
        ParseError: `locate` isn't an object with a box and a prompt.
    """
    flat: dict[str, Value] = {name: value for name, value in param.items() if name != "locate"}
    located = param.get("locate")
    if located is not None:
        if not isinstance(located, dict) or not located.keys() <= {"bbox", "bbox_2d", "prompt"}:
            raise ParseError(f'Expected "locate" with a prompt and a bbox, got {shown(located)}; give these.')
        flat |= {("label" if name == "prompt" else name): value for name, value in located.items()}
    return flat | {"action": action}


def _clicked(button: Button, count: int) -> Reader:
    def reader(args: Arguments) -> Action:
        return Click(target=args.target(), button=button, count=count, label=args.label, intent=args.intent)

    return reader


def _hover(args: Arguments) -> Action:
    return Move(target=args.target(), label=args.label, intent=args.intent)


def _input(args: Arguments) -> Action:
    """Read text to type: it replaces what the field holds, unless `mode` says otherwise."""
    mode = args.choice("mode", _MODES, "replace")
    if mode == "clear":
        return _clear(args)
    return Type(
        text=args.text("value"),
        target=args.target(),
        clear=mode == "replace",
        label=args.label,
        intent=args.intent,
    )


def _clear(args: Arguments) -> Action:
    return Type(text="", target=args.target(), clear=True, label=args.label, intent=args.intent)


def _press(args: Arguments) -> Action:
    return Press(keys=args.chord("keyName"), label=args.label, intent=args.intent)


def _scroll(args: Arguments) -> Action:
    args.choice("scrollType", _ONCE, "once")
    direction = args.choice("direction", DIRECTIONS)
    pixels = args.number("distance", 1, MAX_SCROLL * PIXELS_PER_NOTCH)
    notches = max(1, round(pixels / PIXELS_PER_NOTCH)) * (1 if direction in ("down", "right") else -1)
    across = direction in ("left", "right")
    return Scroll(
        target=args.optional_target(),
        dx=notches if across else 0,
        dy=0 if across else notches,
        label=args.label,
        intent=args.intent,
    )


def _sleep(args: Arguments) -> Action:
    milliseconds = args.number("timeMs", 0, MAX_WAIT_S * 1000)
    return Wait(seconds=milliseconds / 1000, label=args.label, intent=args.intent)


READERS: Final[Mapping[str, Reader]] = {
    "tap": _clicked("left", 1),
    "rightclick": _clicked("right", 1),
    "doubleclick": _clicked("left", 2),
    "hover": _hover,
    "input": _input,
    "clearinput": _clear,
    "keyboardpress": _press,
    "scroll": _scroll,
    "sleep": _sleep,
}
