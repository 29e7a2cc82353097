"""Replies that were damaged: by their bytes, by their pieces, and by the grammar of the JSON within them."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.parsing.dialects import as_points, format_action
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

__all__ = ["CORPUS", "WRITTEN", "Mutant", "mutant"]

REPLIES: Final = Path(__file__).parent.parent / "tests/data/replies.jsonl"

_BOX, _POINT = ModelBox.of(412, 318, 468, 351), ModelBox.at(440, 330)
_ACTIONS: Final[tuple[Action, ...]] = (
    Click(target=_BOX, label="Save"),
    Click(target=_POINT, button="right", modifiers=("ctrl", "shift")),
    Move(target=_BOX),
    Drag(target=_BOX, end=ModelBox.of(700, 710, 720, 730)),
    Scroll(target=_BOX, dy=5),
    Scroll(target=_POINT, dx=-3),
    Type(text='say "hi" </think> 中文\n', target=_BOX, clear=True, enter=True),
    Type(text="hello world"),
    Press(keys=("ctrl", "s")),
    Wait(seconds=2.5),
    Zoom(target=_BOX),
    Ask(question="Which of the two?"),
    Answer(text="42"),
    Done(summary="It is saved."),
    Fail(reason="There is none."),
)
WRITTEN: Final[tuple[str, ...]] = (
    *(format_action(action, "grounded") for action in _ACTIONS),
    *(format_action(as_points(action), "computer_use") for action in _ACTIONS),
)
"""Every kind of action as we ask for it, in both dialects."""
CORPUS: Final[tuple[str, ...]] = (
    *(json.loads(line)["text"] for line in REPLIES.read_text(encoding="utf-8").splitlines()),
    *WRITTEN,
    '[{"bbox_2d": [412, 318, 468, 351], "label": "Save"}]',
    '{"evidence": "The box before the chat is empty.", "done": true}',
)
"""What models really answered, `WRITTEN`, and what is answered where there is nothing to do."""

_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 1000, 1001, 40000, 0.5, 1e308, -0.0, 10**9, 2**63, 10**30),
    *(
        "",
        "0",
        "500",
        "/etc/passwd",
        "../x",
        "\0",
        "\ud800",
        "\x1b[31m",
        "\u202e",
        "\u200b",
        "\ufeff",
        "done",
    ),
    *("click", "type", "eval", "shell", "left_mouse_down", "ctrl", "</think>", "<tool_call>", "{", '"', "\\"),
    *([], {}, [[]], [500], [500, 500], [1, 2, 3], [1] * 9, [True, 1], ["5", "5"], {"x": 1, "y": 2}),
    *({"action": "click", "coordinate": [5, 5]}, [{"action": "press", "keys": ["enter"]}], "a" * 6000),
)
_KEYS: Final = (
    *("action", "name", "arguments", "bbox_2d", "coordinate", "coordinate2", "text", "keys", "count"),
    *("label", "intent", "enter", "clear", "seconds", "amount", "direction", "pixels", "approved", "thought"),
    *(
        "button",
        "modifiers",
        "bbox_2d_end",
        "param",
        "type",
        "locate",
        "status",
        "point_2d",
        "",
        "\u200baction",
    ),
)
_PIECES: Final = (
    *"{}[]\":,'\\<>`-.0 9\n：，\0\ud800\udc00\x1b😀\u202e\u200b\ufeff\u00a0\u2028",
    *('"}', "[[", "}}", '"]', "</think>", "<think>", "<tool_call>", "</tool_call>", "```json", "```", "\\u"),
    *("NaN", "-Infinity", "1e999", "9" * 400, "true", "null", "None", "0x10", "1_000", "٣", "１２"),
    *('"action": "click", ', '"bbox_2d": [1, 2, 3, 4], ', "\\ud83d", "\\u0000", "/*", "//", "<!--", "&quot;"),
    *("<function=", "<parameter=", "</parameter>", "</function>", "<action-type>", "<action-param-json>"),
    *(
        "Action:",
        "Thought:",
        "click(",
        "__import__('os').system('id')",
        "\ufffd",
        "\r\n",
        "\x85",
        "%00",
        "\\x41",
    ),
)
_LONG: Final = (
    *("[", "{", '{"a":', "[[1,", '"', "\\", "<think>", "<tool_call>", "```", "a", " ", "\n", "9", "：", "é"),
    *('{"action":', "<parameter=text>", "</think>", '"a":"b"c', "click ", "😀", "\u200b"),
)
_LONGEST: Final = 300_000
"""Characters of a flood; past what is read at all."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged reply.

    Attributes:
        text: as the model would have said it.
        of: what it was made of.
        how: which way it was damaged; "cut" is exactly a beginning of `of`, "two" holds two different
            whole actions, and the rest may be anything.
    """

    text: str
    of: str
    how: str


def mutant(dice: random.Random) -> Mutant:
    """Make one damaged reply."""
    how = dice.choices(tuple(_WAYS), weights=[weight for weight, _ in _WAYS.values()])[0]
    of = dice.choice(WRITTEN if how in ("two", "cut") or dice.random() < 0.4 else CORPUS)
    return Mutant(_WAYS[how][1](of, dice), of, how)


def _cut(text: str, dice: random.Random) -> str:
    return text[: dice.randrange(len(text))]


def _two(text: str, dice: random.Random) -> str:
    same = WRITTEN.index(text) % len(_ACTIONS)
    other = dice.choice([written for at, written in enumerate(WRITTEN) if at % len(_ACTIONS) != same])
    return text + dice.choice(("\n", " ", ", ", "\n\n", "")) + other


def _bytes(text: str, dice: random.Random) -> str:
    """Change bytes as a bad line would; what is no UTF-8 then comes as servers decode it."""
    raw = bytearray(text.encode("utf-8", "replace"))
    for _ in range(min(dice.randint(1, 6), dice.randint(1, 6))):
        at = dice.randrange(len(raw) + 1)
        match dice.randrange(4):
            case 0:
                raw[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                raw[at:at] = bytes(dice.randrange(256) for _ in range(dice.randint(1, 4)))
            case 2:
                del raw[at : at + dice.randint(1, 8)]
            case _:
                raw[at : at + 1] = bytes([raw[at] ^ 1 << dice.randrange(8)]) if at < len(raw) else b""
    return raw.decode("utf-8", dice.choice(("replace", "ignore", "surrogateescape")))


def _pieces(text: str, dice: random.Random) -> str:
    """Put in, take out, double, swap and splice."""
    for _ in range(min(dice.randint(1, 5), dice.randint(1, 5))):
        at, to = sorted((dice.randint(0, len(text)), dice.randint(0, len(text))))
        match dice.randrange(8):
            case 0:
                text = text[:at] + text[at + 1 :]
            case 1 | 2:
                text = text[:at] + dice.choice(_PIECES) + text[at:]
            case 3:
                text = text[:at] + dice.choice(_PIECES) + text[at + 1 :]
            case 4:
                text = text[:at]
            case 5:
                text = text[:at] + text[at:to] * 2 + text[to:]
            case 6:
                text = text[to:] + text[:at]
            case _:
                text = text[:at] + dice.choice(CORPUS) + text[at:]
    return text


def _json(text: str, dice: random.Random) -> str:
    """Change a value, a key or the shape of an object in the reply, and write it as JSON again."""
    start, end = text.find("{"), text.rfind("}") + 1
    try:
        value = json.loads(text[start:end])
    except (ValueError, RecursionError):
        return _pieces(text, dice)
    for _ in range(dice.choice((1, 1, 2, 3))):
        value = _changed(value, dice)
    said = json.dumps(value, ensure_ascii=dice.random() < 0.3, indent=dice.choice((None, None, 1)))
    if dice.random() < 0.15:
        said = _doubled_key(said, dice)
    return text[:start] + said + text[end:]


def _changed(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict) and value and dice.random() < 0.85:
        key = dice.choice(list(value))
        match dice.randrange(6):
            case 0:
                return {name: inner for name, inner in value.items() if name != key}
            case 1:
                return value | {dice.choice(_KEYS): dice.choice(_VALUES)}
            case 2:
                return {(dice.choice(_KEYS) if name == key else name): value[name] for name in value}
            case _:
                return value | {key: _changed(value[key], dice)}
    if isinstance(value, list) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        match dice.randrange(4):
            case 0:
                return value[:at] + value[at + 1 :]
            case 1:
                return [*value, *dice.choices(value, k=dice.randint(1, 6))]
            case _:
                return [*value[:at], _changed(value[at], dice), *value[at + 1 :]]
    if isinstance(value, int | float) and dice.random() < 0.6:
        return dice.choice((dice.randint(-50, 1100), dice.uniform(-1, 1001), -value, value * 10, value + 0.5))
    if isinstance(value, str) and dice.random() < 0.5:
        return _pieces(value, dice)
    return dice.choice((*_VALUES, [value], {"action": value}, str(value)))


def _doubled_key(said: str, dice: random.Random) -> str:
    pairs = re.findall(r'"[^"\\]{1,20}": ?(?:"[^"\\]*"|[\d.]+|true|false|\[[^\[\]{}]*\])', said)
    return said.replace("{", "{" + dice.choice(pairs) + ", ", 1) if pairs else said


def _flood(text: str, dice: random.Random) -> str:
    """Make it long: a piece over and over, before, within or after it."""
    piece = dice.choice((*_LONG, text))
    flood = piece * (int(10 ** dice.uniform(1, 5.5)) // len(piece) + 1)
    at = dice.choice((0, len(text), dice.randint(0, len(text))))
    return (text[:at] + flood + text[at:])[:_LONGEST]


def _mild(text: str, dice: random.Random) -> str:
    """Change what leaves most replies whole: a number, a letter, what is around the call."""
    for _ in range(dice.randint(1, 3)):
        match dice.randrange(5):
            case 0 | 1:
                new = str(dice.choice((dice.randint(0, 1000), dice.randint(-5, 1100), 0, 1000, 0.5)))
                numbers = list(re.finditer(r"\d+", text))
                if numbers:
                    one = dice.choice(numbers)
                    text = text[: one.start()] + new + text[one.end() :]
            case 2:
                at = dice.randrange(len(text) + 1)
                text = text[:at] + dice.choice((" ", "\n", "x", "é", "的", "😀", "Delete")) + text[at:]
            case 3:
                before, after = dice.choice(
                    (("```json\n", "\n```"), ("<think>hm</think>", ""), ("Here: ", "\n"), ("[", "]"))
                )
                text = before + text + after
            case _:
                text = text.replace(*dice.choice((("click", "type"), ("left", "right"), ("Save", "Pay now"))))
    return text


def _several(text: str, dice: random.Random) -> str:
    for _ in range(dice.randint(2, 4)):
        text = dice.choice((_bytes, _pieces, _json))(text, dice)
    return text


_WAYS: Final[dict[str, tuple[float, Callable[[str, random.Random], str]]]] = {
    "mild": (25, _mild),
    "cut": (8, _cut),
    "two": (6, _two),
    "bytes": (20, _bytes),
    "pieces": (28, _pieces),
    "json": (28, _json),
    "several": (9, _several),
    "flood": (1, _flood),
}
