"""Variables are data: what they hold is filled into a flow's texts, and is never read as anything else.

A text's `${expression}` is replaced by its value, once; `$${` stands for `${` itself. A value that holds
`${…}`, `{% … %}` or the like is typed as it is. One that holds a secret's placeholder, a line break or a
control character is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, Self

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.planning.placeholders import MARK, Secret, misplaced, split
from qvl_agent.agent.flows.cells import Row, shown
from qvl_agent.agent.flows.expressions import calculate, references

__all__ = ["Piece", "Scope", "evaluate", "fill", "fill_value", "holds", "pieces", "references", "shown"]

_CONTROL: Final = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""What isn't typed; the line feed is judged by itself."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The values that a step can use.

    Attributes:
        variables: those of the flow, given, read or asked.
        row: the row of the data that is worked on, its columns by their names; None outside of the loop.
        row_name: what the flow calls the row.
        loop: the variables of the loops around the step; an inner one hides an outer one.
    """

    variables: dict[str, Any] = field(default_factory=dict)
    row: Mapping[str, Any] | None = None
    row_name: str = "row"
    loop: Mapping[str, Any] = field(default_factory=dict)

    def names(self) -> dict[str, Any]:
        """Return every value by its name."""
        row = {} if self.row is None else {self.row_name: self.row}
        return {**self.variables, **row, **self.loop}

    def inside(self, name: str, value: Any) -> Self:
        """Return the scope inside of a loop over values."""
        return replace(self, loop={**self.loop, name: value})


class Piece(NamedTuple):
    """A part of a text: as it stands there, or an expression to be filled in.

    Attributes:
        text: the text, or the expression without `${` and `}`.
        is_expression: which of the two it is.
        start: where it begins in the text, in characters from 0.
    """

    text: str
    is_expression: bool
    start: int


def pieces(text: str) -> Iterator[Piece]:
    """Split a text into what stands there and the expressions between.

    Raises:
        FlowError: a `${` isn't closed.
    """
    said, begun, at = "", 0, 0
    while at < len(text):
        if text.startswith("$${", at):
            said, at = f"{said}${{", at + 3
        elif text.startswith("${", at):
            end = _end(text, at + 2)
            if said:
                yield Piece(said, is_expression=False, start=begun)
            yield Piece(text[at + 2 : end], is_expression=True, start=at)
            said, begun, at = "", end + 1, end + 1
        else:
            said, at = said + text[at], at + 1
    if said:
        yield Piece(said, is_expression=False, start=begun)


def _end(text: str, start: int) -> int:
    quote = ""
    for at in range(start, len(text)):
        letter = text[at]
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "}":
            return at
    raise FlowError(
        f"the ${{ in {text[:60]!r} isn't closed; add }}, or write $${{ for the characters themselves"
    )


def evaluate(expression: str, scope: Scope) -> Any:
    """Return what an expression comes to: a text, a number, true or false, a list, or a row.

    Raises:
        FlowError: it isn't one, uses a variable or column that isn't there, or can't be worked out.
    """
    found = calculate(expression, scope.names())
    return dict(found.cells) if isinstance(found, Row) else found


def holds(expression: str, scope: Scope) -> bool:
    """Return whether a condition holds.

    Raises:
        FlowError: as `evaluate`, or it comes to neither true nor false: "no" would be true, as a text.
    """
    found = evaluate(expression, scope)
    if isinstance(found, bool):
        return found
    remedy = "compare it with something, as in row.paid == 'yes' or row.note != ''"
    raise FlowError(f"{expression!r} is neither true nor false; {remedy}")


def fill(text: str, scope: Scope, *, lines: bool = False) -> str:
    """Return a text with its expressions replaced by their values, each once.

    Args:
        text: as the flow has it.
        scope: the values.
        lines: whether a value may have line breaks.

    Raises:
        FlowError: an expression can't be worked out; or a value holds a secret's placeholder, a control
            character or a line break that may not be typed; the message names the expression.
    """
    parts = list(pieces(text))
    filled = [_safe(part.text, scope, lines=lines) if part.is_expression else part.text for part in parts]
    whole = "".join(filled)
    named = sum(_secrets(part.text) for part in parts if not part.is_expression)
    if _secrets(whole) != named or misplaced({"text": whole}, typed="text"):
        first = next((part.text for part in parts if part.is_expression), None)
        if first is not None:
            raise FlowError(
                f"a secret's name is put together with ${{{first}}}; write it out: {{{{secret:name}}}}"
            )
    return whole


def fill_value(value: Any, scope: Scope) -> Any:
    """Fill in a value for a sub-flow; a text that is one expression keeps its kind, such as a number."""
    if not isinstance(value, str):
        return value
    parts = list(pieces(value))
    if len(parts) == 1 and parts[0].is_expression:
        return evaluate(parts[0].text, scope)
    return fill(value, scope, lines=True)


def _secrets(text: str) -> int:
    return sum(isinstance(part, Secret) for part in split(text))


def _safe(expression: str, scope: Scope, *, lines: bool) -> str:
    named = f"the value of ${{{expression}}}"
    found = evaluate(expression, scope)
    if isinstance(found, list | dict):
        raise FlowError(f"{named} is a whole row or list, which can't be typed; name one of its values")
    said = shown(found)
    if lines:
        said = said.replace("\r\n", "\n")
    if misplaced({"value": said}) or MARK in said:
        raise FlowError(
            f"{named} holds a secret's placeholder; only the flow itself may name a secret: mend the data"
        )
    if "\n" in said and not lines:
        raise FlowError(f"{named} has a line break; mend the data, or allow it in the step with lines: true")
    if found := _CONTROL.search(said):
        raise FlowError(f"{named} has a character that can't be typed (U+{ord(found[0]):04X}); mend the data")
    return said
