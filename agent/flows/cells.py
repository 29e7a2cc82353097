"""The values of variables: numbers, true and false, lists, rows, and texts that may be numbers."""

import datetime as dt
import difflib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue.values import Written

__all__ = ["MAX_NUMBER", "Cell", "Row", "did_you_mean", "number", "plain", "short", "shown"]

MAX_NUMBER: Final = 10**18
_NUMBER: Final = re.compile(r"\s*[+-]?\d{1,18}(?:\.\d{1,18})?\s*", re.ASCII)


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return a remedy for an unknown word: the known one most like it, or another remedy if none is."""
    listed = list(known)
    folded = {each.casefold(): each for each in listed}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return f"did you mean {folded[close[0]]}?" if close else otherwise


class Cell(str):
    """A text from outside, which counts as a number where it is compared with one.

    CSV files, the screen and --set give texts alone: "12000" > 10000 has to hold, and "9" < "10".
    """

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        mine, theirs = _pair(self, other)
        return bool(mine < theirs)

    def __le__(self, other: object) -> bool:
        mine, theirs = _pair(self, other)
        return bool(mine <= theirs)

    def __gt__(self, other: object) -> bool:
        mine, theirs = _pair(self, other)
        return bool(mine > theirs)

    def __ge__(self, other: object) -> bool:
        mine, theirs = _pair(self, other)
        return bool(mine >= theirs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, bool):
            said = "true" if other else "false"
            raise FlowError(f"{short(self)} is a text, and neither true nor false; compare it with '{said}'")
        if _isnumber(other):
            return _NUMBER.fullmatch(self) is not None and number(self) == other
        return str.__eq__(self, other) is True

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def _isnumber(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pair(mine: str, other: object) -> tuple[Any, Any]:
    """Return two values to be ordered: as numbers if one is a number or both are written as one."""
    if _isnumber(other):
        return number(mine), other
    if not isinstance(other, str):
        raise FlowError(f"a text can't be compared with {short(other)}; compare it with a text or a number")
    both = _NUMBER.fullmatch(mine) and _NUMBER.fullmatch(other)
    return (number(mine), number(other)) if both else (str(mine), str(other))


def number(value: Any) -> int | float:
    """Return a number, or the one that a text is.

    Raises:
        FlowError: it is none.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    if value in ("", None):
        raise FlowError(
            "a value is empty where a number was expected; write default(0) behind it, as in x|default(0)"
        )
    remedy = "write it in digits with a point, or take out what isn't one: x|replace(',', '')"
    raise FlowError(f"{short(value)} is no number; {remedy}")


def short(value: Any) -> str:
    """Return a value for a message, cut off if it is long."""
    said = repr(str(value) if isinstance(value, str) else value)
    return said if len(said) <= 60 else f"{said[:60]}…"


class Row:
    """A row of the data: its columns by name."""

    __slots__ = ("cells",)

    def __init__(self, cells: Mapping[str, Any]) -> None:
        self.cells = cells

    def column(self, name: str) -> Any:
        """Return the value in a column.

        Raises:
            FlowError: there is no such column.
        """
        if name in self.cells:
            return plain(self.cells[name])
        remedy = did_you_mean(name, self.cells, f"the columns are {', '.join(self.cells)}")
        raise FlowError(f"there is no column {name!r}; {remedy}")


def plain(value: Any) -> Any:
    """Return a value as an expression sees it: a number, true or false, a text, a list or a row.

    A whole number is one, whether or not Excel stores it with a fraction; a date is the text
    2026-11-30; nothing is an empty text.

    Raises:
        FlowError: it is none of these.
    """
    match value:
        case None:
            return Cell("")
        case bool() | Row():
            return value
        case int() | Written():
            return value
        case float():
            if value != value or abs(value) > MAX_NUMBER:  # noqa: PLR0124 - not a number
                raise FlowError(f"{value} isn't a number that can be shown; mend the data")
            return int(value) if value.is_integer() else value
        case str():
            return Cell(value)
        case dt.datetime():
            midnight = value.time() == dt.time.min
            return Cell(value.date().isoformat() if midnight else value.isoformat(" ", "seconds"))
        case dt.date() | dt.time():
            return Cell(value.isoformat())
        case Mapping():
            return Row(value)
        case list() | tuple():
            return [plain(each) for each in value]
    raise FlowError(f"a value of the kind {type(value).__name__} can't be used; give a text or a number")


def shown(value: Any) -> str:
    """Return a value as it is typed: 4711.0 is 4711, a date 2026-11-30, true and false are words."""
    value = plain(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Written):
        return str(value)
    if isinstance(value, float):
        return _digits(value)
    if isinstance(value, list | Row):
        raise FlowError("a row or a list can't be typed as a whole; name one of its values")
    return str(value)


def _digits(value: float) -> str:
    """Write a number with the 15 digits that Excel has, and no exponent."""
    said = format(Decimal(f"{value:.15g}"), "f")
    return said.rstrip("0").rstrip(".") if "." in said else said
