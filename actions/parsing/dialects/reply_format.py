"""The JSON schema of a whole reply in each format, for servers that constrain a model while it writes.

`parse_action` reads every reply that the schema admits, and the schema admits every reply that
`format_action` writes, except fractions in numbers and texts past the limits. The schema is narrower
than the parser in two things: numbers are whole, and keys have their canonical names, as the prompts ask
for both. A schema can't require that a box's corners are in order; the parser sorts them.

Fields come in one order, that of the prompts' examples, because a constrained model has to keep to the
schema's order: once it has passed a field's place, it can't write that field any more.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any, Final

from qvl_agent.actions.core.coordinates import GRID
from qvl_agent.actions.parsing.dialects import computer_use, grounded
from qvl_agent.actions.planning import keys
from qvl_agent.actions.planning.action import MAX_SCROLL, MAX_WAIT_S, Click, Press

__all__ = ["MAX_REPLY_TEXT", "ReplyFormat", "reply_format", "reply_schema"]

Schema = dict[str, Any]
Field = tuple[str, Schema, bool]
"""A field's name, the schema of its value, and whether it is required."""

MAX_REPLY_TEXT: Final = 2000
"""The most characters of a text to act on; with it and its other fields a reply stays within 1,024 tokens."""
_MAX_REMARK: Final = 160
"""The most characters of a text that only describes."""
_MAX_REPORT: Final = 500
"""The most characters of the report at the end of a run."""
_ACTED_ON: Final = ("text", "question")
"""The fields with a text to act on."""

_POSITION: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": GRID}
_SECONDS: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": int(MAX_WAIT_S)}
_FLAG: Final[Schema] = {"type": "boolean"}
_MODIFIERS: Final = keys.modifiers(sorted(keys.MODIFIERS))
"""The modifiers, in a chord's order."""
_HELD: Final[Schema] = {
    "type": "array",
    "items": {"enum": list(_MODIFIERS)},
    "minItems": 1,
    "maxItems": len(_MODIFIERS),
}

_LINE: Final = r"Action: ([^\n\x00-\x1f\x7f<>{}\[\]=:：]|[0-9A-Za-z]:){1,%d}\n"
"""The line before a tool call, as a regular expression; it admits nothing that looks like part of a call."""


@dataclass(frozen=True, slots=True)
class ReplyFormat:
    """The form of a whole reply.

    Attributes:
        schema: the JSON schema of the reply's one object, its fields in their order.
        tag: the tag around the object, opened and closed on lines of its own; "" for a bare object.
        line: the text that may stand before the tag, as a regular expression; "" for none.
        max_text: the most characters of a text to act on; 0 for no limit.
    """

    schema: Mapping[str, Any]
    tag: str = ""
    line: str = ""
    max_text: int = 0

    def cuts(self, text: str) -> bool:
        """Return whether a reply in this format holds a text to act on that is exactly as long as the limit.

        A constrained model had to end such a text there, and may have had more to write. A longer text is
        complete: the model wasn't constrained.
        """
        return self.max_text > 0 and any(len(said) == self.max_text for said in _acted_on(text))


def reply_schema(dialect: str) -> Schema:
    """Return the JSON schema of the object in a reply.

    Raises:
        ValueError: there is no such dialect.
    """
    return dict(reply_format(dialect).schema)


@cache
def reply_format(dialect: str, *, max_text: int = MAX_REPLY_TEXT) -> ReplyFormat:
    """Return the form of a whole reply in a format.

    Args:
        dialect: "grounded" or "computer_use".
        max_text: the most characters of a text to act on; texts that describe have lower limits of their own.

    Raises:
        ValueError: there is no such dialect.
    """
    match dialect:
        case "grounded":
            return ReplyFormat(_grounded(_Texts(max_text)), max_text=max_text)
        case "computer_use":
            line = _LINE % min(max_text, _MAX_REMARK)
            return ReplyFormat(_computer_use(_Texts(max_text)), "tool_call", line, max_text)
        case _:
            raise ValueError(f"No dialect {dialect!r}; choose grounded or computer_use.")


class _Texts:
    """The schemas of a reply's texts, each with its limit of characters."""

    def __init__(self, longest: int) -> None:
        self.acted_on = _text(longest)
        self.remark = _text(min(longest, _MAX_REMARK))
        self.report = _text(min(longest, _MAX_REPORT))


def _text(longest: int) -> Schema:
    return {"type": "string", "maxLength": longest}


def _numbers(count: int) -> Schema:
    return {"type": "array", "items": _POSITION, "minItems": count, "maxItems": count}


def _limits(action: type[Click] | type[Press], name: str) -> Schema:
    """Return the limits that the action's class sets for a field, as a schema."""
    declared = action.model_json_schema()["properties"][name]
    return {key: value for key, value in declared.items() if key in ("type", "minimum", "maximum", "enum")}


def _chords() -> Schema:
    """Return the schema of a chord: any modifiers, in their order, and at most one other key.

    It has an alternative of fixed length for each set of modifiers, as all engines read that alike.
    """
    others = {"enum": sorted(keys.KEYS - keys.MODIFIERS)}
    held = [list(some) for count in range(len(_MODIFIERS) + 1) for some in combinations(_MODIFIERS, count)]
    chords = [[*map(_constant, some), *last] for some in held for last in ([others], []) if some or last]
    return {"anyOf": [_tuple(chord) for chord in chords]}


def _constant(value: str) -> Schema:
    return {"const": value}


def _tuple(items: Sequence[Schema]) -> Schema:
    # maxItems closes it: llama.cpp refuses a whole schema for an `"items": false`.
    count = len(items)
    return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}


def _object(fields: Sequence[Field]) -> Schema:
    return {
        "type": "object",
        "properties": {name: schema for name, schema, _ in fields},
        "required": [name for name, _, needed in fields if needed],
        "additionalProperties": False,
    }


def _grounded(texts: _Texts) -> Schema:
    box: Field = ("bbox_2d", _numbers(4), True)
    label: Field = ("label", texts.remark, False)
    place = (box, label)
    text: Field = ("text", texts.acted_on, True)
    held: Field = ("modifiers", _HELD, False)
    button: Field = ("button", _limits(Click, "button"), False)
    ways: tuple[Field, ...] = (("clear", _FLAG, False), ("enter", _FLAG, False))
    amount: Schema = {"type": "integer", "minimum": 1, "maximum": MAX_SCROLL}
    direction: Field = ("direction", {"enum": list(grounded.DIRECTIONS)}, True)
    fields: list[tuple[str, tuple[Field, ...]]] = [
        ("click", (*place, button, ("count", _limits(Click, "count"), False), held)),
        ("type", (text, *place, *ways)),
        ("type", (("bbox_2d", _numbers(4), False), label, text, *ways)),
        ("press", (label, ("keys", _chords(), True), ("count", _limits(Press, "count"), False))),
        ("scroll", (*place, direction, ("amount", amount, True), held)),
        ("drag", (*place, ("bbox_2d_end", _numbers(4), True), button, held)),
        ("move", place),
        ("zoom", place),
        ("wait", (label, ("seconds", _SECONDS, True))),
        ("ask", (label, ("question", texts.acted_on, True))),
        ("answer", (label, text)),
        ("done", (label, ("summary", texts.report, False))),
        ("fail", (label, ("reason", texts.report, False))),
    ]  # fmt: skip
    intent: Field = ("intent", texts.remark, False)
    return {"anyOf": [_object((intent, ("action", _constant(name), True), *rest)) for name, rest in fields]}


def _computer_use(texts: _Texts) -> Schema:
    at: Field = ("coordinate", _numbers(2), True)
    held: Field = ("keys", _HELD, False)
    text: Field = ("text", texts.acted_on, True)
    most = MAX_SCROLL * computer_use.PIXELS_PER_NOTCH
    pixels: Schema = {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": most},
            {"type": "integer", "minimum": -most, "maximum": -1},
        ]
    }
    scroll: tuple[Field, ...] = (at, ("pixels", pixels, True), held)
    status: Field = ("status", {"enum": list(computer_use.STATUSES)}, True)
    fields: dict[str, tuple[Field, ...]] = {
        "key": (("keys", _chords(), True),),
        "type": (text, ("coordinate", _numbers(2), False), ("clear", _FLAG, False), ("enter", _FLAG, False)),
        "mouse_move": (at,),
        **dict.fromkeys(computer_use.CLICKS, (at, held)),
        "left_click_drag": (at, ("coordinate2", _numbers(2), True), held),
        "scroll": scroll,
        "hscroll": scroll,
        "wait": (("time", _SECONDS, True),),
        "zoom": (("bbox_2d", _numbers(4), True),),
        "interact": (text,),
        "answer": (text,),
        "terminate": (status, ("text", texts.report, False)),
    }
    words: tuple[Field, ...] = (("label", texts.remark, False), ("intent", texts.remark, False))
    calls = [_object((("action", _constant(name), True), *own, *words)) for name, own in fields.items()]
    named: Field = ("name", _constant("computer_use"), True)
    return _object((named, ("arguments", {"anyOf": calls}, True)))


def _acted_on(text: str) -> Iterator[str]:
    start, end = text.find("{"), text.rfind("}")
    try:
        value = json.loads(text[start : end + 1]) if start >= 0 else None
    except (ValueError, RecursionError):
        return
    fields = value.get("arguments", value) if isinstance(value, dict) else {}
    for name in _ACTED_ON:
        if isinstance(fields, dict) and isinstance(said := fields.get(name), str):
            yield said
