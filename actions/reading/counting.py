"""Tell whether a text that was read several times says the same, but for a number that counts on.

"Resend (59)" and then "Resend (58)" is the same button; "Pay 10" and then "Pay 1000" is not, nor is "Save"
and then "Delete". A number counts on if it goes one way, and no faster than the seconds do. An amount of
money or a number with a point in it never does: there each value is another meaning.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal

__all__ = ["Reading", "Same", "counted", "same_words"]

Reading = tuple[float, tuple[str, ...]]
"""The moment of a capture, in seconds, and the lines that were read in it."""
Same = Literal["yes", "not yet", "no"]
"""yes: it counts on · not yet: it may, but wasn't read often enough · no: it says something else."""

_VALUES: Final = 3
"""The number of values that make a count: two may be anything."""
_SLACK: Final = 1.5
"""By how much more than the seconds in between a number may change, as captures fall between its turns."""
_NUMBER: Final = re.compile(r"\d{1,9}(?::\d\d)*")
_MONEY: Final = re.compile(
    r"\d[.,]\d|[$€£¥₹₩元円]|\b(?:usd|eur|gbp|jpy|cny|rmb|inr|chf|cad|aud|krw|btc|eth)\b", re.IGNORECASE
)
_NOISE: Final = re.compile(r"\W|_")
"""What recognisers add or lose from one time to the next: blanks, brackets and dots."""


def counted(readings: Sequence[Reading]) -> Same:
    """Return whether all readings say the same, but for one number a line that counts on."""
    if not same_words(readings):
        return "no"
    tracks = _changing(readings)
    if not tracks:
        return "no"
    return "yes" if all(len(set(track)) >= _VALUES for track in tracks) else "not yet"


def same_words(readings: Sequence[Reading]) -> bool:
    """Return whether all readings say the same, or nothing, but for numbers that may be counting on."""
    shapes = {tuple(_shape(line) for line in lines) for _, lines in readings}
    if len(shapes) != 1:
        return False
    times = [moment for moment, _ in readings]
    tracks = _changing(readings)
    money = any(_MONEY.search(line) for _, lines in readings for line in lines)
    return not (tracks and money) and all(_steady(times, track) for track in tracks)


def _shape(line: str) -> str:
    return _NOISE.sub("", _NUMBER.sub("0", line.casefold()))


def _changing(readings: Sequence[Reading]) -> list[tuple[int, ...]]:
    """Return the values of each number that isn't always the same, in the order of the readings."""
    numbers = [[_value(found) for line in lines for found in _NUMBER.findall(line)] for _, lines in readings]
    return [values for values in zip(*numbers, strict=True) if len(set(values)) > 1]


def _value(text: str) -> int:
    """Return a number; of a time like "1:05" its seconds."""
    value = 0
    for part in text.split(":"):
        value = value * 60 + int(part)
    return value


def _steady(times: Sequence[float], values: Sequence[int]) -> bool:
    """Return whether values go one way, and at most as fast as the seconds."""
    steps = [after - before for before, after in pairwise(values)]
    pauses = [after - before for before, after in pairwise(times)]
    one_way = all(step <= 0 for step in steps) or all(step >= 0 for step in steps)
    return one_way and all(abs(step) <= pause + _SLACK for step, pause in zip(steps, pauses, strict=True))
