"""Read texts from pixels, and tell whether a text says what is looked for.

`says` compares one text with some words, `shows` looks for them in all that a window shows. Both answer
True, False, or None where the pixels can't tell: words with a digit in them are identifiers and have to be
exact, and where only characters differ that look alike (O and 0, l, I and 1), nothing is said.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from rapidfuzz import fuzz

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.reading.target_text import Read, Reader

__all__ = ["Text", "is_identifier", "normal", "read_all", "said", "saying", "says", "shows"]

_ALIKE: Final = str.maketrans("OoQDIiLl|!", "0000111111")
_SHORT: Final = 3
"""Characters below which "O" isn't taken for "0", nor "l" for "I", as no word is around them."""
_LONG: Final = 8
"""Characters from which on a word may be misread by one and still be in question rather than another."""
_MISREAD: Final = 88.0
"""rapidfuzz's ratio (0-100) from which on a long text may be a misread one."""
_NORMALISED: Final = 2048
"""Texts of which the plain form is kept: a window's are compared again and again."""
_EDGES: Final = " \t.,:;*…·-–—_'\"“”‘’«»()[]{}<>›‹▸▾"
_BLANK: Final = re.compile(r"\s+")
_LETTER: Final = re.compile(r"[A-Za-z0-9\u00c0-\u024f\u0370-\u052f]")


class Text(Protocol):
    """What `Read` and `Seen` have in common."""

    @property
    def text(self) -> str: ...
    @property
    def box(self) -> FrameBox: ...


def read_all(frame: Frame, box: FrameBox, reader: Reader) -> tuple[Read, ...]:
    """Read every text in a part of a frame, from the top left; boxes are in pixels of the frame.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    if box.width < 2 or box.height < 2:
        return ()
    found = reader.read(frame, box)
    return tuple(sorted(found, key=lambda one: (one.box.top, one.box.left)))


def says(text: str, words: str) -> bool | None:
    """Return whether a text says just these words; None if its pixels may say so or not.

    Blanks, case, and marks at the ends ("Name:", "Open…") don't count. A word with a digit in it has to be
    exact, but for blanks; a difference between O and 0 or l, I and 1 can't be told.
    """
    exact = is_identifier(words) or is_identifier(text)
    wanted, found = (normal(one, exact=exact) for one in (words, text))
    if not wanted or not found:
        return False
    if wanted == found:
        return True
    if wanted.translate(_ALIKE) == found.translate(_ALIKE):
        return None if is_identifier(words) or len(wanted) < _SHORT else True
    if exact or min(len(wanted), len(found)) < _LONG:
        return False
    return None if fuzz.ratio(wanted, found) >= _MISREAD else False


def said(text: str, words: Iterable[str]) -> bool | None:
    """Return what `says` says of any of some words: True before None before False."""
    answers = [says(text, one) for one in words]
    return True if True in answers else None if None in answers else False


def saying(texts: Sequence[Read], words: Sequence[str]) -> list[Read]:
    """Return the texts that say one of some words, or may say it; else neighbours that do so together."""
    found = [one for one in texts if said(one.text, words) is not False]
    if not any(said(one.text, words) for one in found):
        found += [one for one in _joined(texts) if said(one.text, words)]
    return found


def shows(texts: Sequence[Read], words: str) -> bool | None:
    """Return whether words stand in what was read: in a line, or in neighbouring lines; None if maybe.

    They have to be whole words: "Save" isn't in "Saved". An identifier has to be exact, as in `says`.
    """
    answers = {_within(one.text, words) for one in texts}
    if True not in answers:
        answers |= {_within(one.text, words) for one in _joined(texts)}
    return True if True in answers else None if None in answers else False


def is_identifier(text: str) -> bool:
    """Return whether a text has a digit: a number, a code, a date, an amount."""
    return any(character.isdigit() for character in text)


@lru_cache(maxsize=_NORMALISED)
def normal(text: str, *, exact: bool = False) -> str:
    """Return a text without what doesn't count in a comparison: blanks, marks at its ends, case."""
    plain = unicodedata.normalize("NFKC", text)
    plain = plain.replace("’", "'").replace("‘", "'").replace("“", '"').replace("”", '"')
    if exact:
        bare = _BLANK.sub("", plain)
        return bare.strip(":*…·,;.") or bare
    return _BLANK.sub("", plain.strip(_EDGES) or plain).casefold()


def _within(text: str, words: str) -> bool | None:
    whole = says(text, words)
    if whole:
        return True
    exact = is_identifier(words)
    wanted, found = (_spaced(one, exact=exact) for one in (words, text))
    if not wanted:
        return False
    if _stands_in(wanted, found):
        return True
    if exact and _stands_in(wanted.translate(_ALIKE), found.translate(_ALIKE)):
        return None
    if not exact and _stands_in(wanted.translate(_ALIKE), found.translate(_ALIKE)):
        return True
    # A recogniser loses blanks: then the words' ends can't be told.
    bare, line = wanted.replace(" ", ""), found.replace(" ", "")
    if len(bare) >= _LONG and bare in line:
        return True if _stands_in(bare, line) else None
    return whole


@lru_cache(maxsize=_NORMALISED)
def _spaced(text: str, *, exact: bool) -> str:
    plain = _BLANK.sub(" ", unicodedata.normalize("NFKC", text)).strip()
    return plain if exact else plain.strip(_EDGES).casefold()


def _stands_in(wanted: str, found: str) -> bool:
    """Return whether a text stands in another with no letter or digit of a Latin kind at its ends."""
    at = found.find(wanted)
    while at >= 0:
        before, after = found[max(0, at - 1) : at], found[at + len(wanted) : at + len(wanted) + 1]
        if not (_LETTER.match(before) and _LETTER.match(wanted[0])) and not (
            _LETTER.match(after) and _LETTER.match(wanted[-1])
        ):
            return True
        at = found.find(wanted, at + 1)
    return False


def _joined(texts: Sequence[Read]) -> list[Read]:
    """Return up to three neighbours as one: side by side in a line, or one below the other."""
    ordered = sorted(texts, key=lambda one: (one.box.top, one.box.left))
    tops, tallest = [one.box.top for one in ordered], max((one.box.height for one in ordered), default=0)

    def following(box: FrameBox) -> list[Read]:
        near = slice(bisect_left(tops, box.top - tallest), bisect_right(tops, box.bottom + tallest))
        return [one for one in ordered[near] if _follows(box, one.box)]

    pairs = [_both(one, other) for one in ordered for other in following(one.box)]
    return pairs + [_both(pair, one) for pair in pairs for one in following(pair.box)]


def _both(one: Read, other: Read) -> Read:
    box = FrameBox(
        min(one.box.left, other.box.left),
        min(one.box.top, other.box.top),
        max(one.box.right, other.box.right),
        max(one.box.bottom, other.box.bottom),
    )
    return Read(f"{one.text} {other.text}", box, min(one.confidence, other.confidence))


def _follows(box: FrameBox, other: FrameBox) -> bool:
    return box != other and (_beside(box, other) or _below(box, other))


def _beside(box: FrameBox, other: FrameBox) -> bool:
    height = min(box.height, other.height)
    level = min(box.bottom, other.bottom) - max(box.top, other.top) > 0.6 * height
    return level and -0.5 * height <= other.left - box.right <= 1.5 * height


def _below(box: FrameBox, other: FrameBox) -> bool:
    height = min(box.height, other.height)
    return -0.5 * height <= other.top - box.bottom <= 0.6 * height and min(box.right, other.right) > max(
        box.left, other.left
    )
