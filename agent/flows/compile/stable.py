"""What of a text that was read will be the same next time: names, not times, dates and numbers."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

__all__ = ["is_volatile", "name_for", "respelt", "slug", "stable_part"]

_LONGEST: Final = 80
"""Characters of a text that are taken; a longer one is cut at a word's end."""
_LETTERS, _IDEOGRAPHS = 4, 2
"""The fewest letters, or Chinese and Japanese characters, that are worth looking for."""
_CODE: Final = re.compile(r"[A-Za-z]{0,4}[-_/.:#№]*\d[\dA-Za-z\-_/.:,%]*")
"""A number, a time, a date, a code."""
_MOMENT: Final = re.compile(
    r"\b(?:today|yesterday|tomorrow|ago|just now|last seen|online|typing|loading|checking"
    r"|mon|tue|wed|thu|fri|sat|sun)\b|今天|昨天|明天|刚刚|分钟前|小时前|天前|月前|年前|在线|星期|正在",
    re.IGNORECASE,
)
"""Words of the moment, beside which nothing stays."""
_CUT_OFF: Final = re.compile(r"\s*\S*(?:…|\.\.\.)$")
_ALIKE: Final = str.maketrans("olqi|", "01011")
_EDGES: Final = " \t\"'“”‘’.,;:，。；：、!！?？()（）[]<>-–—·•|★☆"
_RESERVED: Final = frozenset({"row", "rows", "item", "true", "false", "none", "and", "or", "not", "in", "is"})


def is_volatile(text: str) -> bool:
    """Return whether a text is a time, a date, a number or the like, or speaks of the moment."""
    rest = "".join(letter for letter in _CODE.sub("", text) if letter.isalnum())
    return bool(_MOMENT.search(text)) or not _enough(rest)


def stable_part(text: str, known: Iterable[str] = ()) -> str:
    """Return the part of a text that a flow may expect again; "" if there is none.

    Args:
        text: as it was read.
        known: texts that the person gave or chose; a number that stands in one of them is expected.
    """
    whole = "".join(known)
    text = _CUT_OFF.sub("", text)
    if _MOMENT.search(text):
        return ""
    if all(found[0].strip(_EDGES) in whole for found in _CODE.finditer(text)):
        kept = text.strip(_EDGES) if not _CODE.search(text) else text.strip()
        return _shortened(kept) if _enough(kept) or _CODE.search(text) else ""
    parts = [part.strip(_EDGES) for part in _CODE.split(text)]
    best = max(parts, key=len, default="")
    return _shortened(best) if _enough(best) else ""


def _enough(text: str) -> bool:
    ideographs = sum(letter > "\u2e80" for letter in text)
    return ideographs >= _IDEOGRAPHS or sum(letter.isalpha() for letter in text) >= _LETTERS


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return text[:_LONGEST].rsplit(" ", 1)[0].strip(_EDGES)


def respelt(text: str, sources: Iterable[str]) -> str:
    """Return a text as it is spelt in one of some sources, if only letters that look alike differ.

    A recogniser takes "I" for "l" and loses blanks; the task, or the model, wrote the same words.
    """
    bare = _skeleton(text)[0]
    for source in sources:
        letters, places = _skeleton(source)
        at = letters.find(bare)
        if bare and at >= 0:
            return " ".join(source[places[at] : places[at + len(bare) - 1] + 1].split())
    return text


def _skeleton(text: str) -> tuple[str, list[int]]:
    """Return a text's characters without blanks and case, alike ones as one, and where each stands."""
    kept = [(letter.casefold()[:1].translate(_ALIKE), at) for at, letter in enumerate(text) if letter.strip()]
    return "".join(letter for letter, _ in kept), [at for _, at in kept]


def slug(text: str, joint: str) -> str:
    """Return a text's Latin letters and digits in small letters, with `joint` between the words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return joint.join(re.findall(r"[a-z0-9]+", plain.lower()))[:40].strip(joint)


def name_for(label: str, taken: Iterable[str]) -> str:
    """Return a variable's name after a field's label, in snake_case, that isn't taken yet."""
    base = slug(label, "_") or "text"
    if base[0].isdigit() or base in _RESERVED:
        base = f"value_{base}"
    used, number, name = set(taken), 2, base
    while name in used:
        name, number = f"{base}_{number}", number + 1
    return name
