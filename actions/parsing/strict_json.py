"""Read one JSON value out of a model's text: strict about values, tolerant of a few slips in spelling.

`json.loads` takes NaN, 1e999, the last of duplicate keys and lone surrogates, and fails with
ValueError or RecursionError on huge integers or deep nesting. Here all of those are refused.

Tolerated, because only one reading is possible: a trailing comma; a full-width colon or comma;
Python's spelling (single quotes, True, False, None); raw newlines in strings; a backslash before
an apostrophe; spaces around a key; an object that was opened with "["; and unescaped quotes in a
text that only describes (`DESCRIBING`), never in one that is acted on. A value that is cut off is
never completed.
"""

import math
import re
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.errors import ParseError

__all__ = ["DESCRIBING", "Flaw", "Json", "ScanBudget", "Value", "read", "read_all", "shown"]

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

DESCRIBING: Final = frozenset(
    {"label", "prompt", "intent", "thought", "thoughts", "thinking", "reasoning", "log", "explanation"}
    | {"rationale", "observation", "description", "note"}
)
"""Keys whose text changes nothing that is done, so that its end may be guessed from what follows."""

MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 32
"""The most characters of one number; Python refuses integers of over 4,300 digits with a ValueError."""

_SPACE: Final = re.compile(r"\s*+")
_STRINGS: Final = {
    '"': re.compile(
        r'"([^"\\\x00-\x08\x0b\x0c\x0e-\x1f]*+(?:\\.[^"\\\x00-\x08\x0b\x0c\x0e-\x1f]*+)*+)"', re.DOTALL
    ),
    "'": re.compile(r"'([^'\\\x00-\x1f]*+(?:\\.[^'\\\x00-\x1f]*+)*+)'"),
}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES: Final = {'"': '"', "'": "'", "\\": "\\", "/": "/"} | dict(zip("bfnrt", "\b\f\n\r\t", strict=True))
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(\.[0-9]++)?([eE][-+]?[0-9]++)?(?![\w.])", re.ASCII)
_WORD: Final = re.compile(r"-?\w++")
_WORDS: Final[dict[str, Value]] = {
    "true": True,
    "false": False,
    "null": None,
    "True": True,
    "False": False,
    "None": None,
}
_AFTER_TEXT: Final = re.compile(r"""\s*+(?:[}\]]|\Z|[,，]\s*+(?:["'][^"'\n]{0,64}["']\s*+[:：]|[}\]]|\Z))""")
"""Matches after the closing quote of a text in an object: the object's end, or the next key."""
_TAG: Final = re.compile(r"</?(?:think|tool_call|function|parameter)\b")
_AFTER_MEMBER: Final = '"," or "}" (write quotes in a text as \\")'
_MAX_REPAIR: Final = 500
"""Characters within which the end of a string with unescaped quotes is looked for."""


@dataclass(frozen=True, slots=True)
class Json:
    """A value that was read, and the index in the text where it ends."""

    value: Value
    end: int


@dataclass(frozen=True, slots=True)
class Flaw:
    """The reason that no value could be read.

    Attributes:
        reason: what was expected and what came.
        serious: whether it is a broken or cut-off object, not just a bracket in a sentence.
    """

    reason: str
    serious: bool


class ScanBudget:
    """A limit to the work on one reply, however many unclosed brackets it has."""

    __slots__ = ("_left",)

    def __init__(self, steps: int = 60_000) -> None:
        self._left = steps

    def spend(self, characters: int = 0) -> None:
        """Count one step, and one more for every 128 characters that were searched.

        Raises:
            ParseError: the budget is used up.
        """
        self._left -= 1 + characters // 128
        if self._left < 0:
            raise ParseError("The reply has too many unfinished brackets to be read; answer with one action.")


def read(text: str, start: int, budget: ScanBudget) -> Json | Flaw:
    """Read the value that begins at `start`, which is a bracket or a quote.

    Raises:
        ParseError: the budget is used up.
    """
    reader = _Reader(text, budget)
    try:
        value, end = reader.value(start, 0)
    except _Flawed as flawed:
        return Flaw(str(flawed), serious=flawed.truncated or any(reader.open))
    return Json(value, end)


def read_all(text: str) -> Json | Flaw:
    """Read a value that must be the whole text, apart from white space around it."""
    start = _skip(text, 0)
    found = read(text, start, ScanBudget())
    if isinstance(found, Json) and _skip(text, found.end) != len(text):
        return Flaw("there is more after the JSON value", serious=True)
    return found


def shown(value: object) -> str:
    """Return a piece of a reply as a message shows it: at most 48 characters, all printable."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= 48 else f"{text[:48]}…"
    return "".join(character if character.isprintable() else "?" for character in short)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


class _Flawed(Exception):  # noqa: N818 - never leaves this module
    truncated = False


class _Reader:
    """One pass over one value; `open` holds for each unclosed container whether it has had a key."""

    def __init__(self, text: str, budget: ScanBudget) -> None:
        self.text = text
        self.budget = budget
        self.open: list[bool] = []

    def value(self, at: int, depth: int) -> tuple[Value, int]:
        self.budget.spend()
        match self.text[at : at + 1]:
            case "{":
                return self._object(at + 1, depth + 1, "}")
            case "[":
                return self._array(at + 1, depth + 1)
            case '"' | "'":
                return self._string(at)
            case "":
                raise self._flawed("a value", at)
            case _:
                return self._number_or_word(at)

    def _object(self, at: int, depth: int, closing: str) -> tuple[dict[str, Value], int]:
        self._enter(depth)
        found: dict[str, Value] = {}
        at = self._next(at)
        while not self._is(at, closing):
            if not self._is(at, "\"'"):
                raise self._flawed("a key in quotes", at)
            self.open[-1] = True
            name, at = self._string(at)
            key = name.strip()
            if key in found:
                raise self._flawed(f'the key "{shown(key)}" only once', at, got="it twice")
            at = self._next(at)
            if not self._is(at, ":："):
                raise self._flawed(f'":" after "{shown(key)}"', at)
            found[key], at = self._member(key, self._next(at + 1), depth)
            at = self._comma(at, closing)
        self.open.pop()
        return found, at + 1

    def _member(self, key: str, at: int, depth: int) -> tuple[Value, int]:
        """Read the value of a key; a text that only describes may hold unescaped quotes."""
        if key not in DESCRIBING or not self._is(at, '"'):
            return self.value(at, depth)
        text, end = self._string(at)
        if _AFTER_TEXT.match(self.text, end):
            return text, end
        return self._described(at, end)

    def _described(self, start: int, at: int) -> tuple[str, int]:
        """Read a text with unescaped quotes, up to a quote before the next key or the object's end.

        Only the same line is searched, and `_MAX_REPAIR` characters.
        """
        line_end = self.text.find("\n", at, start + _MAX_REPAIR)
        limit = start + _MAX_REPAIR if line_end < 0 else line_end
        quote = self.text.find('"', at, limit)
        while quote >= 0:
            self.budget.spend()
            inside = self.text[start + 1 : quote]
            if _AFTER_TEXT.match(self.text, quote + 1) and "\\" not in inside and not _TAG.search(inside):
                return inside, quote + 1
            quote = self.text.find('"', quote + 1, limit)
        raise self._flawed(_AFTER_MEMBER, self._next(at))

    def _array(self, at: int, depth: int) -> tuple[Value, int]:
        start = at
        self._enter(depth)
        found: list[Value] = []
        at = self._next(at)
        while not self._is(at, "]"):
            item, at = self.value(at, depth)
            if not found and isinstance(item, str) and self._is(self._next(at), ":："):
                self.open.pop()
                return self._object(start, depth, "}]")
            found.append(item)
            at = self._comma(at, "]")
        self.open.pop()
        return found, at + 1

    def _enter(self, depth: int) -> None:
        self.open.append(False)
        if depth > MAX_DEPTH:
            raise _Flawed(f"expected JSON nested at most {MAX_DEPTH} deep, got more")

    def _comma(self, at: int, closing: str) -> int:
        at = self._next(at)
        if self._is(at, ",，"):
            return self._next(at + 1)
        if not self._is(at, closing):
            raise self._flawed('"," or "]"' if closing == "]" else _AFTER_MEMBER, at)
        return at

    def _string(self, at: int) -> tuple[str, int]:
        match = _STRINGS[self.text[at]].match(self.text, at)
        if not match:
            self.budget.spend(len(self.text) - at)
            closed = self.text.find(self.text[at], at + 1) >= 0
            raise self._flawed(
                "a text without control characters" if closed else "the end of a text", len(self.text)
            )
        self.budget.spend(match.end() - at)
        inside = match[1]
        if self.text[at] == "'" and _TAG.search(inside):
            raise self._flawed("a text in double quotes", at)
        return self._unescaped(inside, at) if "\\" in inside else inside, match.end()

    def _unescaped(self, inside: str, at: int) -> str:
        def plain(match: re.Match[str]) -> str:
            code = match[1]
            if len(code) == 5:
                return chr(int(code[1:], 16))
            if code not in _ESCAPES:
                raise self._flawed("a text with JSON's escapes (a backslash is \\\\)", at, got=f"\\{code}")
            return _ESCAPES[code]

        text = _ESCAPE.sub(plain, inside)
        if not _SURROGATE.search(text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise self._flawed("whole characters", at, got="half of a surrogate pair") from None

    def _number_or_word(self, at: int) -> tuple[Value, int]:
        match = _NUMBER.match(self.text, at)
        if match and len(match[0]) <= MAX_DIGITS:
            number = float(match[0]) if match[1] or match[2] else int(match[0])
            if math.isfinite(number):
                return number, match.end()
        word = match or _WORD.match(self.text, at)
        if word and word[0] in _WORDS:
            return _WORDS[word[0]], word.end()
        raise self._flawed("a JSON value", at, got=word[0] if word else "")

    def _next(self, at: int) -> int:
        return _skip(self.text, at)

    def _is(self, at: int, characters: str) -> bool:
        return self.text[at : at + 1] != "" and self.text[at] in characters

    def _flawed(self, expected: str, at: int, got: str = "") -> _Flawed:
        came = got or self.text[at : at + 1] or "the end of the reply"
        flawed = _Flawed(f"expected {expected}, got {shown(came)}")
        flawed.truncated = at >= len(self.text)
        return flawed
