"""Which consequence words announce: on a button, in what the model says it does, in a task, in a title.

Words can be disguised (`normalise` takes off what is known), and a label that lies isn't found out here.
What is found can only make a verdict stricter. The words themselves are in the TOML files beside this module.
"""

import re
from typing import Final

from qvl_agent.actions.guard.lexicon.normalise import undisguised
from qvl_agent.actions.guard.lexicon.patterns import is_chinese, lexicon
from qvl_agent.actions.guard.lexicon.words import CONSEQUENCES, Consequence

__all__ = [
    "Found",
    "agrees_only",
    "in_button",
    "in_intent",
    "in_label",
    "in_title",
    "mentioned",
    "named_in",
    "names_in",
    "says_no",
]

Found = dict[Consequence, str]
"""The kinds of consequence, each with the words that announce it."""

_SHORT_WORDS: Final = 6
_SHORT_CHINESE: Final = 12
_TITLE_WORDS: Final = 5
_BUTTON_WORDS: Final = (4, 6)
_BUTTON_CHINESE: Final = (9, 12)
"""How long a text on a button is for a consequence anywhere in it to count, and for one at its start; amounts
of money aren't counted."""
_LINE_CHINESE: Final = 6
"""How long a Chinese text without edges is for the same."""
_AMOUNT: Final = re.compile(r"(?<![a-z\d])[$€£¥]? ?\d[\d.,]* ?(?:[$€£¥元]|usd|eur|gbp|cny|rmb)?(?![a-z\d])")
_LONGEST: Final = 2_000
"""Characters that are read: a label is short, and the guard is quick whatever a model writes."""

_QUOTED: Final = re.compile(
    r"\"[^\"]*\"|[“„][^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)"
)
_CLAUSE: Final = re.compile(r"[,;.!?…()，；。！？、（）\n]+|\s[-–—]\s|:\s|：")


def in_label(label: str) -> Found:
    """Find what a target's label announces; of a long one only its start and quoted parts count."""
    text = _plain(label)
    found: Found = {}
    is_button = any(word in text for word in lexicon().button)
    whole = [text] if is_button or _short(text) else []
    for part in (*_QUOTED.findall(text), *whole):
        found |= _search(part) | _search(_bare(part), exact=True)
    return found or _at_start(_bare(text))


def in_button(text: str, *, bounded: bool = True) -> Found:
    """Find what a text that was read from the pixels announces, where it is short enough for a button's.

    Args:
        text: one line, or all that stands on a button.
        bounded: whether it stands on something with edges; else the words must come first, because lists and
            pages speak of everything.
    """
    plain = _plain(text).strip(" .…!！。>»›:：")
    counted = _AMOUNT.sub(" ", plain)
    size = len("".join(counted.split())) if is_chinese(plain) else len(counted.split())
    anywhere, first = _BUTTON_CHINESE if is_chinese(plain) else _BUTTON_WORDS
    if size > first:
        return {}
    if size <= anywhere and (bounded or (is_chinese(plain) and size <= _LINE_CHINESE)):
        return in_label(plain)
    exact = {kind: plain for kind in CONSEQUENCES if plain in lexicon().whole(kind)}
    return exact | (_at_start(plain) if bounded or size <= anywhere else {})


def names_in(label: str) -> tuple[str, ...]:
    """Return what a label may name, in plain form: its quoted parts; itself without "the" and "button"."""
    text = _plain(label)
    return tuple(dict.fromkeys(_bare(part).strip(" .…!！。?？") for part in (*_QUOTED.findall(text), text)))


def says_no(label: str) -> bool:
    """Return whether a label claims to leave things as they are: "Cancel", "the 'Close' button", "取消"."""
    return any(lexicon().refusing.match(name) for name in names_in(label))


def in_intent(intent: str) -> Found:
    """Find what the model says that it does now: "Send the message", not "open the chat to send one"."""
    found: Found = {}
    for clause in _clauses(_QUOTED.sub(_as_word, _plain(intent))):
        found |= _at_start(clause, verbs=True)
    return found


def mentioned(text: str) -> Found:
    """Find every consequence that a text speaks of."""
    return _search(_plain(text), verbs=True)


def in_title(title: str) -> Found:
    """Find what a dialog's title announces: "Delete file?". The title of a document or page doesn't count."""
    text = _plain(title).strip(" ?？!！.。")
    words = len(text.split())
    if (
        re.search(r"\s[-–—|·]\s", text)
        or words > _TITLE_WORDS
        or (is_chinese(text) and len(text) > _SHORT_CHINESE)
    ):
        return {}
    return _search(text, verbs=True)


def agrees_only(label: str) -> bool:
    """Return whether a label only agrees: "OK", "Continue", "确定"."""
    text = _plain(label)
    return any(_bare(part).strip(" !.。！") in lexicon().agreeing for part in (text, *_QUOTED.findall(text)))


def named_in(task: str) -> frozenset[str]:
    """Find the consequences that a person's own task asks for.

    Quoted text, and what stands behind "write:" and the like, is something to write and asks for
    nothing. What is negated anywhere isn't asked for.
    """
    text = _QUOTED.sub(" ", _plain(task))
    head = _before_colon(text)
    if head != text and _writes(head):
        text = head
    asked: set[str] = set()
    refused: set[str] = set()
    for clause in _clauses(text):
        kinds = {*_search(_deed(clause), verbs=True, undone=True), *_begins(clause)}
        (refused if _negated(clause) else asked).update(kinds)
    return frozenset(asked - refused)


def _plain(text: str) -> str:
    return undisguised(text[:_LONGEST])


def _short(text: str) -> bool:
    return len(text) <= _SHORT_CHINESE if is_chinese(text) else len(text.split()) <= _SHORT_WORDS


def _as_word(quoted: re.Match[str]) -> str:
    """Keep a short quoted name in its sentence: click 'Send'."""
    inner = quoted[0][1:-1]
    return f" {inner} " if _short(inner) and not _CLAUSE.search(inner) else " "


def _clauses(text: str) -> list[str]:
    return [clause.strip() for clause in _CLAUSE.split(text) if clause.strip()]


def _before_colon(text: str) -> str:
    found = re.search(r":(?=\D|$)", text)
    return text[: found.start()] if found else text


def _deed(clause: str) -> str:
    """Leave out what is to be told: "tell Bob I will delete it" asks for no deletion."""
    rest = _after_leads(clause)
    if lexicon().telling.match(rest):
        return ""
    return lexicon().told_after.split(rest, maxsplit=1)[0]


def _after_leads(clause: str) -> str:
    rest = clause
    while (shorter := lexicon().leads.sub("", rest, count=1).lstrip()) != rest:
        rest = shorter
    return rest


def _begins(clause: str) -> set[Consequence]:
    """Find what the verb asks for that a task begins with: "and then reply to her", not "tell me"."""
    rest = _after_leads(clause)
    return {kind for kind, verb in lexicon().asking.items() if verb.match(rest)}


def _writes(head: str) -> bool:
    return lexicon().writing.search(head) is not None


def _negated(clause: str) -> bool:
    return lexicon().negating.search(clause) is not None


def _bare(text: str) -> str:
    """Leave out what names the widget, and quotes: 'the "Send" button' is "send"."""
    plain = re.sub(r"[\"“”「」『』《》‘]|(?<!\w)'|'(?!\w)", " ", text)
    return " ".join(lexicon().widgets.sub(" ", plain).split())


def _search(text: str, *, exact: bool = False, verbs: bool = False, undone: bool = False) -> Found:
    """Find phrases anywhere in a text; `exact` also finds those that must be all of it.

    Args:
        text: in plain form.
        exact: whether the whole text is a label.
        verbs: also find "sending" and "sends".
        undone: also find what is negated.
    """
    found: Found = {}
    for kind in CONSEQUENCES:
        for pattern in lexicon().announcing(kind, verbs=verbs, undone=undone):
            if match := pattern.search(text):
                found[kind] = match[0]
                break
        else:
            if exact and text.strip(" !.…") in lexicon().whole(kind):
                found[kind] = text
    return found


def _at_start(text: str, *, verbs: bool = False) -> Found:
    """Find a phrase that the text begins with, after words that lead to it."""
    rest = text.strip()
    while (shorter := lexicon().leads.sub("", rest, count=1).lstrip()) != rest:
        if _starting(rest, verbs=verbs):
            break
        rest = shorter
    return _starting(rest, verbs=verbs)


def _starting(text: str, *, verbs: bool) -> Found:
    return {
        kind: match[0]
        for kind in CONSEQUENCES
        for pattern in lexicon().announcing(kind, verbs=verbs, undone=True)
        if (match := pattern.match(text))
    }
