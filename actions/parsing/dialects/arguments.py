"""Read the arguments of one call, with exact types; missing, unknown and inexact ones are refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from qvl_agent.actions.core.coordinates import GRID, ModelBox
from qvl_agent.actions.core.errors import CoordinateError, KeyNameError, ParseError
from qvl_agent.actions.parsing.strict_json import DESCRIBING, Flaw, Value, read_all, shown
from qvl_agent.actions.planning import keys

__all__ = ["POINTED", "REMARKS", "Arguments", "Call", "box_of"]

POINTED: Final = ("bbox_2d", "coordinate", "point_2d", "bbox", "point")
"""The names that an argument for the target may have; a call may have one of them, never two."""

REMARKS: Final = (DESCRIBING - {"label", "prompt", "intent"}) | {
    "reason",
    "confidence",
    "step",
    "more_actions_needed_by_instruction",
}
"""Arguments that models like to add and that change nothing: ignored if the value is no list or object."""

Option = TypeVar("Option", bound=str)

_LIST_OPENS: Final = re.compile(r"\s*(?:keys\s*=\s*)?\[\s*(?=\S)")
_LIST_CLOSES: Final = re.compile(r"(?<=\S)\s*\]\s*$")
_KEY: Final = re.compile(r"'([^'\"]+)'|\"([^'\"]+)\"|([^\s,'\"\[\]]+)")
_LIST_OF_KEYS: Final = re.compile(rf"(?:{_KEY.pattern})(?:\s*,\s*(?:{_KEY.pattern}))*")
_NUMBERS: Final = re.compile(r"\s*\[[-+.,\d\seE]{1,80}\]\s*")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that a model wrote, unchecked.

    Attributes:
        tool: the name of the tool that is called, like "computer_use"; "" for a bare object.
        arguments: the arguments by name.
        end: the index where the call ends in the text; 0 if it was read from a JSON value.
    """

    tool: str
    arguments: dict[str, Value]
    end: int = 0


def box_of(name: str, value: Value, *, pixel_space: bool = False) -> ModelBox:
    """Read 4 numbers as a box, or 2 as a point, on the 0-1000 grid.

    Raises:
        ParseError: it is anything else, out of range, or in pixels of the picture.
    """
    if pixel_space:
        raise ParseError(
            f'Expected no coordinates, got "{name}": this model answers in pixels of its own picture, '
            f"which can't be told from the 0-{GRID} grid; use a Qwen3-VL checkpoint for pointing."
        )
    value = _numbers_in(value)
    if not isinstance(value, list) or len(value) not in (2, 4):
        came = f"{len(value)} values" if isinstance(value, list) else f"the {_kind(value)} {shown(value)}"
        raise ParseError(f'Expected "{name}" as [x1, y1, x2, y2] or [x, y], got {came}; give one of these.')
    numbers: list[float] = []
    for number in value:
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            raise ParseError(f'Expected numbers in "{name}", got {shown(number)}; write them plainly.')
        numbers.append(number)
    if max(numbers) <= 1 and any(number != int(number) for number in numbers):
        raise ParseError(
            f'Expected "{name}" on the 0-{GRID} grid, got fractions {shown(value)}; multiply them by {GRID}.'
        )
    try:
        return ModelBox.of(*numbers) if len(numbers) == 4 else ModelBox.at(*numbers)
    except CoordinateError as error:
        raise ParseError(f'Expected "{name}" on the 0-{GRID} grid: {error}.') from None


def _unwrapped(names: list[str]) -> list[str]:
    """Take the keys out of a list that came as text, whole or cut at its commas; a bracket alone is a key.

    Models and servers write "['ctrl', 'a']", "[ctrl, a]", "keys=['ctrl', 'a']" and ["['ctrl", "a']"] for
    ["ctrl", "a"]. Nothing is left out: what isn't a list from its beginning to its end stays as it is, and
    is refused as the name of a key.
    """
    opening = _LIST_OPENS.match(names[0]) if names else None
    if opening is None or not _LIST_CLOSES.search(names[-1]):
        return names
    inner = [names[0][opening.end() :], *names[1:]]
    inner[-1] = _LIST_CLOSES.sub("", inner[-1])
    if len(inner) > 1:
        return [name.strip().strip("'\"").strip() or name for name in inner]
    if not _LIST_OF_KEYS.fullmatch(inner[0]):
        return names
    return [single or double or bare for single, double, bare in _KEY.findall(inner[0])]


def _numbers_in(value: Value) -> Value:
    """Read a list of numbers that came as text, as servers send it that take calls apart: "[491, 91]"."""
    if not isinstance(value, str) or not _NUMBERS.fullmatch(value):
        return value
    found = read_all(value)
    return value if isinstance(found, Flaw) else found.value


def _kind(value: Value) -> str:
    return {str: "text", dict: "object", bool: "word"}.get(type(value), "number")


class Arguments:
    """The arguments of one call: each method takes one out, and `finish` refuses those that are left.

    A method raises ParseError if its argument is missing or of another type.

    Attributes:
        action: the action's name, for messages.
        label: the model's name for the target.
        intent: the model's reason for the action, in one line.
    """

    def __init__(
        self, action: str, given: Mapping[str, Value], *, intent: str = "", pixel_space: bool = False
    ) -> None:
        self.action = action
        self._left = {name: value for name, value in given.items() if value is not None}
        self._pixel_space = pixel_space
        self.label = self._words("label")
        self.intent = self._words("intent") or intent

    def target(self) -> ModelBox:
        """Take the target's box; a missing one is refused, and never means where the pointer is."""
        box = self.optional_target()
        if box is None:
            raise ParseError(
                f'Expected "bbox_2d" or "coordinate" for {self.action}, got none; '
                f"say where on the 0-{GRID} grid, there is no default."
            )
        return box

    def optional_target(self) -> ModelBox | None:
        names = [name for name in POINTED if name in self._left]
        if len(names) > 1:
            self._refuse("one place", " and ".join(names), "give only one of them")
        return self.box(names[0]) if names else None

    def box(self, name: str, remedy: str = "") -> ModelBox:
        """Take a box by its name."""
        if name not in self._left:
            self._refuse(f'"{name}"', "none", remedy or "give it")
        return box_of(name, self._left.pop(name), pixel_space=self._pixel_space)

    def has(self, name: str) -> bool:
        return name in self._left

    def text(self, name: str, default: str | None = None) -> str:
        """Take a text to act on, unchanged."""
        value = self._take(name, default)
        if not isinstance(value, str):
            self._refuse(f'"{name}" as text', shown(value), "put it in double quotes")
        return value

    def choice(self, name: str, options: Mapping[str, Option], default: Option | None = None) -> Option:
        """Take a word, and return the option that it stands for."""
        value = self._take(name, default)
        option = options.get(value.strip().lower()) if isinstance(value, str) else None
        if option is None:
            self._refuse(f'"{name}" as one of {", ".join(options)}', shown(value), "choose one")
        return option

    def whole(self, name: str, lowest: int, highest: int, default: int | None = None) -> int:
        """Take a whole number within limits."""
        value = self.number(name, lowest, highest, default)
        if value != int(value):
            self._refuse(f'"{name}" as a whole number', shown(value), "round it")
        return int(value)

    def number(self, name: str, lowest: float, highest: float, default: float | None = None) -> float:
        """Take a number within limits; a bool or a string is refused."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not lowest <= value <= highest:
            expected = f'"{name}" as a number from {lowest} to {highest}'
            if isinstance(value, str):
                self._refuse(expected, f"the text {shown(value)}", "write the number without quotes")
            self._refuse(expected, shown(value), "stay within that")
        return value

    def flag(self, name: str) -> bool:
        """Take true or false, or 1 or 0, which some models write for them."""
        value = self._take(name, default=False)
        if not isinstance(value, bool) and value not in (0, 1):
            self._refuse(f'"{name}" as true or false', shown(value), "write one of them")
        return bool(value)

    def chord(self, name: str = "keys") -> tuple[str, ...]:
        """Take the keys to press together."""
        return self._keys(name, None)

    def held(self, name: str) -> tuple[str, ...]:
        """Take the modifier keys to hold during the action, perhaps none."""
        return self._keys(name, "") if name in self._left else ()

    def remark(self, name: str) -> None:
        """Drop an argument that changes nothing for this action."""
        self._left.pop(name, None)

    def finish(self) -> None:
        """Refuse the arguments that are left: an unknown one may mean anything."""
        for name, value in self._left.items():
            plain = not isinstance(value, (list, dict))
            if value is False or value in ("", []) or (name in REMARKS and plain):
                continue
            raise ParseError(f'Expected no "{shown(name)}" for {self.action}; leave it out.')

    def _keys(self, name: str, default: str | None) -> tuple[str, ...]:
        value = self._take(name, default)
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list):
            self._refuse(f'"{name}" as a list of keys', shown(value), 'write it as ["ctrl", "c"]')
        read: list[str] = []
        for key in names:
            if not isinstance(key, str):
                self._refuse(f'"{name}" as a list of key names', shown(key), 'write it as ["ctrl", "c"]')
            read.append(key)
        read = _unwrapped(read)
        try:
            return keys.chord(read) if default is None else keys.modifiers(read)
        except KeyNameError as error:
            raise ParseError(f'Expected keys in "{name}": {error}') from None

    def _words(self, name: str) -> str:
        value = self._left.pop(name, "")
        if not isinstance(value, str):
            self._refuse(f'"{name}" as text', shown(value), "put it in double quotes")
        return value

    def _take(self, name: str, default: Value) -> Value:
        value = self._left.pop(name, default)
        if value is None:
            self._refuse(f'"{name}"', "none", "give it")
        return value

    def _refuse(self, expected: str, got: str, remedy: str) -> NoReturn:
        raise ParseError(f"Expected {expected} for {self.action}, got {got}; {remedy}.")
