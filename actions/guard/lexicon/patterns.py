"""The lexicon's words as regular expressions, each made once."""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

from qvl_agent.actions.guard.lexicon.pairs import CHINESE_PAIRS, ENGLISH_PAIRS, Pair
from qvl_agent.actions.guard.lexicon.phrases import (
    CHINESE,
    CHINESE_NOUN_ENDS,
    CHINESE_UNDOING,
    ENGLISH,
    ENGLISH_NOUN_ENDS,
    ENGLISH_OBJECTS,
    ENGLISH_ONLY_VERBS,
    ENGLISH_UNDOING,
    LEADS,
    Consequence,
)

__all__ = ["HAN", "any_of", "beginning", "is_chinese", "lead", "patterns", "whole"]

_GAP: Final = r"\s+(?:[\w'-]+\s+){0,2}?"
HAN: Final = "\u3400-\u9fff"
_CHINESE_GAP: Final = f"[{HAN}a-z ]{{0,4}}?"


def is_chinese(text: str) -> bool:
    """Say whether a text holds a Chinese character."""
    return re.search(f"[{HAN}]", text) is not None


@cache
def beginning(phrases: frozenset[str]) -> re.Pattern[str]:
    return re.compile(rf"(?:{any_of(phrases)})(?![a-z0-9])")


@cache
def lead() -> re.Pattern[str]:
    english = "|".join(
        sorted((re.escape(word) for word in LEADS if not is_chinese(word)), key=len, reverse=True)
    )
    chinese = "|".join(sorted((word for word in LEADS if is_chinese(word)), key=len, reverse=True))
    return re.compile(rf"^(?:(?:{english})\b|(?:{chinese}))")


@cache
def whole(kind: Consequence) -> frozenset[str]:
    return frozenset(phrase[1:] for phrase in (*ENGLISH[kind], *CHINESE[kind]) if phrase.startswith("="))


@cache
def patterns(kind: Consequence, *, verbs: bool, undone: bool) -> tuple[re.Pattern[str], ...]:
    english = any_of(phrase for phrase in ENGLISH[kind] if not phrase.startswith("="))
    if verbs:
        english = any_of(
            form for phrase in ENGLISH[kind] if not phrase.startswith("=") for form in _forms(phrase)
        )
    chinese = any_of(phrase for phrase in CHINESE[kind] if not phrase.startswith("="))
    english_ends, chinese_ends = _ends(), any_of(CHINESE_NOUN_ENDS)
    before = "" if undone else "".join(rf"(?<!\b{re.escape(word)} )" for word in ENGLISH_UNDOING)
    before_chinese = "" if undone else "".join(f"(?<!{word})" for word in CHINESE_UNDOING)
    english_pairs, chinese_pairs = (
        _pairs(ENGLISH_PAIRS[kind], _GAP),
        _pairs(CHINESE_PAIRS[kind], _CHINESE_GAP),
    )
    return (
        re.compile(rf"{before}(?<![\w.'-])(?:{english}|{english_pairs})(?![\w'-]|\.\w|{english_ends})"),
        re.compile(rf"{before_chinese}(?:{chinese}|{chinese_pairs})(?!{chinese_ends})"),
    )


def _pairs(pairs: Iterable[Pair], gap: str) -> str:
    return "|".join(f"(?:{any_of(verbs)}){gap}(?:{any_of(things)})" for verbs, things in pairs)


def _ends() -> str:
    """Write what must not follow an English phrase; what is only a verb may have an object."""
    nouns = any_of(word for word in ENGLISH_NOUN_ENDS if word not in ENGLISH_OBJECTS)
    verbs = "".join(rf"(?<!\b{verb})" for verb in ENGLISH_ONLY_VERBS)
    return rf"\s+(?:{nouns})\b|{verbs}\s+(?:{any_of(ENGLISH_OBJECTS)})\b"


def any_of(phrases: Iterable[str]) -> str:
    return "|".join(
        re.escape(phrase).replace("\\ ", r"\s+") for phrase in sorted(phrases, key=len, reverse=True)
    )


def _forms(phrase: str) -> set[str]:
    """Give a phrase's verb its endings: send, sends, sending."""
    verb, space, rest = phrase.partition(" ")
    stems = {verb, f"{verb}s", f"{verb}es", f"{verb}ing", f"{verb}{verb[-1]}ing"}
    if verb.endswith("e"):
        stems.add(f"{verb[:-1]}ing")
    return {f"{stem}{space}{rest}" for stem in stems}
