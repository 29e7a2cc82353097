"""The values of data and variables: what kinds there are, as text, and as JSON that loses nothing."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from math import isfinite
from typing import Any, Final, Self, TypeAlias

__all__ = ["Value", "Written", "as_text", "dumps", "loads", "plain", "read_number"]

Value: TypeAlias = str | int | float | bool | date | None
"""What stands in a cell or a variable; a datetime is a date too. None is an empty cell."""

_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_EXACT: Final = 2**53
"""Up to here a float holds every whole number, so that one without a fraction was a whole number."""


class Written(float):
    """A number that is compared as one, and typed and written as it stands in the file: 12500.50."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> Self:
        self = super().__new__(cls, written)
        self.written = written
        return self

    def __str__(self) -> str:
        return self.written

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.written,)


def read_number(text: str) -> str | int | float:
    """Return the number that a text is, or the text.

    Only plain decimals are numbers: no leading zero, plus sign, exponent, thousands separator or comma. They
    come back as they were written: 12.50 is typed as 12.50.
    """
    if not _NUMBER.fullmatch(text):
        return text
    if "." in text:
        return Written(text) if isfinite(float(text)) else text
    # int() takes 4300 digits at most, and nobody's number has 300
    return int(text) if text != "-0" and len(text) <= 300 else text


def plain(value: object) -> Value:
    """Turn what a spreadsheet has in a cell into a value: 4711.0 is 4711, an empty text None.

    Times of day and durations become texts as they are read: 10:30, 26:00:00.
    """
    match value:
        case None | "":
            return None
        case bool() | int() | str() | date() | Written():
            return value
        case float():
            whole = value.is_integer() and abs(value) <= _EXACT
            return int(value) if whole else value
        case time():
            return value.isoformat("minutes" if not value.second and not value.microsecond else "auto")
        case timedelta():
            minutes, seconds = divmod(round(value.total_seconds()), 60)
            return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    raise TypeError(f"expected a cell's value, got {type(value).__name__}")


def as_text(value: object) -> str:
    """Return what is typed for a value: an empty cell is "", yes is "true", a date 2024-01-31."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat(" ", "minutes" if not value.second and not value.microsecond else "auto")
        case date():
            return value.isoformat()
    return str(value)


def dumps(values: Mapping[str, Any], redact: Callable[[str], str] = str) -> str:
    """Return values as JSON; `loads` gives the same ones back, of the same kinds.

    Args:
        values: by name; lists and mappings of values too.
        redact: covers secrets in texts.

    Raises:
        TypeError: a value is none that a variable may have.
        ValueError: a number isn't finite.
    """
    packed = {name: _packed(value, redact) for name, value in values.items()}
    return json.dumps(packed, allow_nan=False)


def loads(text: str) -> dict[str, Any]:
    """Return the values that `dumps` packed."""
    return {name: _unpacked(value) for name, value in json.loads(text).items()}


def _packed(value: Any, redact: Callable[[str], str]) -> Any:
    match value:
        case str():
            return redact(value)
        case Written():
            return {"written": value.written}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case list() | tuple():
            return [_packed(each, redact) for each in value]
        case Mapping():
            return {"map": {str(name): _packed(each, redact) for name, each in value.items()}}
    return value


def _unpacked(value: Any) -> Any:
    match value:
        case {"written": str(text)}:
            return Written(text)
        case {"datetime": str(text)}:
            return datetime.fromisoformat(text)
        case {"date": str(text)}:
            return date.fromisoformat(text)
        case {"map": dict(named)}:
            return {name: _unpacked(each) for name, each in named.items()}
        case list():
            return [_unpacked(each) for each in value]
    return value
