"""Which consequence words announce: on a button, in what the model says it does, in a task, in a title.

Words can be disguised (`normalise` takes off what is known), and a label that lies isn't found out here.
What is found can only make a verdict stricter. The words themselves are in the TOML files beside this module.
"""

import re
import threading
from functools import cache
from typing import Final

from qvl_agent.actions.guard.lexicon.normalise import undisguised
from qvl_agent.actions.guard.lexicon.patterns import QUOTE_MARK, is_chinese, lexicon
from qvl_agent.actions.guard.lexicon.pressing import CLAUSE, QUOTED, negates, told_buttons
from qvl_agent.actions.guard.lexicon.words import CONSEQUENCES, Consequence

__all__ = [
    "Found",
    "agrees_only",
    "goes_on_only",
    "in_button",
    "in_intent",
    "in_label",
    "in_title",
    "mentioned",
    "named_in",
    "names_in",
    "object_in",
    "says_no",
    "submits_only",
    "to_press",
    "warm_up",
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
_MONEY: Final = re.compile(
    r"(?<![a-z\d])(?:[$€£¥] ?\d[\d.,]*|(?:usd|eur|gbp|cny|rmb|chf|hkd|jpy) ?\d[\d.,]*"
    r"|\d[\d.,]* ?(?:[$€£¥]|(?:usd|eur|gbp|cny|rmb|chf|hkd|jpy|dollars|euros|pounds)(?![a-z])))"
)
"""An amount of money; "transfer £200" transfers money."""
_AMOUNT: Final = re.compile(r"(?<![a-z\d])[$€£¥]? ?\d[\d.,]* ?(?:[$€£¥元]|usd|eur|gbp|cny|rmb)?(?![a-z\d])")
_LONGEST: Final = 2_000
"""Characters that are read: a label is short, and the guard is quick whatever a model writes."""

_FORM_SENDS: Final[tuple[Consequence, ...]] = ("send", "publish", "final")
"""What a button that a task tells to press may do, whatever its name says: what a form does that is sent."""


def warm_up() -> None:
    """Begin to make the patterns that a run needs first, once, and return at once."""
    _warming()


@cache
def _warming() -> threading.Thread:
    # No daemon thread: a program that ends while a library's code runs in one is aborted.
    thread = threading.Thread(target=_first_search, name="lexicon")
    thread.start()
    return thread


def _first_search() -> None:
    for search in (_named_in, in_label, in_title, in_intent, in_button):
        if threading.main_thread().is_alive():
            search("an example")


def in_label(label: str, *, bare: bool = True) -> Found:
    """Find what a target's label announces; of a long one only its start and quoted parts count.

    Args:
        label: what the model calls the target, or what stands on it.
        bare: whether "Submit" counts where it isn't said what is submitted.
    """
    text = _plain(label)
    if _name(text) in lexicon().harmless:
        return {}
    found: Found = {}
    is_button = any(word in text for word in lexicon().button)
    whole = [text] if is_button or _short(text) else []
    for part in (*QUOTED.findall(text), *whole):
        found |= _search(part, bare=bare) | _search(_bare(part), exact=True, bare=bare)
    return found or _at_start(_bare(text), bare=bare)


def in_button(text: str, *, bounded: bool = True, bare: bool = True) -> Found:
    """Find what a text that was read from the pixels announces, where it is short enough for a button's.

    Args:
        text: one line, or all that stands on a button.
        bounded: whether it stands on something with edges; else the words must come first, because lists and
            pages speak of everything.
        bare: whether "Submit" counts where it isn't said what is submitted.
    """
    plain = _plain(text).strip(" .…!！。>»›:：")
    counted = _AMOUNT.sub(" ", plain)
    size = len("".join(counted.split())) if is_chinese(plain) else len(counted.split())
    anywhere, first = _BUTTON_CHINESE if is_chinese(plain) else _BUTTON_WORDS
    if size > first:
        return {}
    if size <= anywhere and (bounded or (is_chinese(plain) and size <= _LINE_CHINESE)):
        return in_label(plain, bare=bare)
    exact = {kind: plain for kind in CONSEQUENCES if plain in lexicon().whole(kind)}
    return exact | (_at_start(plain, bare=bare) if bounded or size <= anywhere else {})


def names_in(label: str) -> tuple[str, ...]:
    """Return what a label may name, in plain form: its quoted parts; itself without "the" and "button"."""
    text = _plain(label)
    return tuple(dict.fromkeys(_bare(part).strip(" .…!！。?？") for part in (*QUOTED.findall(text), text)))


def says_no(label: str) -> bool:
    """Return whether a label claims to leave things as they are: "Cancel", "the 'Close' button", "取消"."""
    return any(lexicon().refusing.match(name) for name in names_in(label))


def in_intent(intent: str, *, bare: bool = True) -> Found:
    """Find what the model says that it does now: "Send the message", not "open the chat to send one".

    Args:
        intent: the model's reason.
        bare: whether "submit" counts where it isn't said what is submitted.
    """
    found: Found = {}
    for clause in _clauses(QUOTED.sub(_as_word, _plain(intent))):
        found |= _at_start(clause, verbs=True, bare=bare)
    return found


def mentioned(text: str, *, bare: bool = True) -> Found:
    """Find every consequence that a text speaks of; "submit" by itself only if `bare`."""
    return _search(_plain(text), verbs=True, bare=bare)


def object_in(text: str) -> Found:
    """Find what a form is about that a button submits: an order, a message, an application."""
    plain = _plain(text)
    return {kind: match[0] for kind in CONSEQUENCES if (match := lexicon().objects[kind].search(plain))}


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
    """Return whether a label only agrees or submits: "OK", "Continue", "确定"."""
    return any(name in lexicon().agreeing for name in names_in(label)) or submits_only(label)


def goes_on_only(label: str) -> bool:
    """Return whether a label only goes on, or agrees: "Next", "Save", "下一步"."""
    return agrees_only(label) or any(name in lexicon().going_on for name in names_in(label))


def submits_only(label: str) -> bool:
    """Return whether a label submits without saying what: "Submit", "Submit form", "提交"."""
    return any(lexicon().submitting.match(name) for name in names_in(label))


def to_press(kind: Consequence, name: str) -> str:
    """Return how `named_in` writes that a task tells to press a button, for one kind of consequence."""
    return f"{kind}: {_name(_plain(name)).replace(' ', '')}"


def named_in(task: str) -> frozenset[str]:
    """Find the consequences that a person's own task asks for, and those of the buttons it tells to press.

    Quoted text, and what stands behind "write:" and the like, is something to write and asks for
    nothing. What is negated anywhere isn't asked for.

    Returns:
        kinds of consequence ("send"), and kinds that are asked for by one button alone, as `to_press` writes
        them ("pay: placeorder").
    """
    if _warming.cache_info().currsize:
        _warming().join()  # two threads that make the same patterns take longer than one
    return _named_in(task)


def _named_in(task: str) -> frozenset[str]:
    plain = _plain(task).replace(QUOTE_MARK, "")
    text = QUOTED.sub(f" {QUOTE_MARK} ", plain)
    head = _before_colon(text)
    if head != text and _writes(head):
        text = head
    asked: set[str] = set()
    refused: set[str] = set()
    for clause in _clauses(text):
        for kind, words in (_search(_deed(clause), verbs=True, undone=True) | _begins(clause)).items():
            rest = clause.replace(words, " ", 1)  # "cancel my booking" asks for that, and takes nothing back
            (refused if negates(rest) else asked).add(kind)
    buttons = {
        to_press(kind, button.name)
        for button in told_buttons(plain)
        for kind in {*_FORM_SENDS, *in_label(button.name)} - refused
        if not (button.conditional and kind not in _FORM_SENDS)
    }
    return frozenset((asked - refused) | buttons)


def _plain(text: str) -> str:
    return undisguised(text[:_LONGEST])


def _short(text: str) -> bool:
    return len(text) <= _SHORT_CHINESE if is_chinese(text) else len(text.split()) <= _SHORT_WORDS


def _as_word(quoted: re.Match[str]) -> str:
    """Keep a short quoted name in its sentence: click 'Send'."""
    inner = quoted[0][1:-1]
    return f" {inner} " if _short(inner) and not CLAUSE.search(inner) else " "


def _clauses(text: str) -> list[str]:
    return [clause.strip() for clause in CLAUSE.split(text) if clause.strip()]


def _before_colon(text: str) -> str:
    found = re.search(r":(?=\D|$)", text)
    return text[: found.start()] if found else text


def _deed(clause: str) -> str:
    """Leave out what is to be told: "tell Bob I will delete it" asks for no deletion.

    Where what is told stands in quotes, the rest isn't told: "write “hi” and send it".
    """
    rest = _after_leads(clause)
    if lexicon().telling.match(rest):
        _, _, rest = rest.partition(QUOTE_MARK)
    return lexicon().told_after.split(rest, maxsplit=1)[0]


def _after_leads(clause: str) -> str:
    rest = clause
    while (shorter := lexicon().leads.sub("", rest, count=1).lstrip()) != rest:
        rest = shorter
    return rest


def _begins(clause: str) -> Found:
    """Find what the verb asks for that a task begins with: "and then reply to her", not "tell me"."""
    rest = _after_leads(clause)
    pairs = lexicon().asking_pairs
    return {
        kind: match[0]
        for kind, verb in lexicon().asking.items()
        if (match := verb.match(rest) or pairs[kind].match(rest))
    }


def _writes(head: str) -> bool:
    return lexicon().writing.search(head) is not None


def _bare(text: str) -> str:
    """Leave out what names the widget, and quotes: 'the "Send" button' is "send"."""
    plain = re.sub(r"[\"“”「」『』《》‘]|(?<!\w)'|'(?!\w)", " ", text)
    return " ".join(lexicon().widgets.sub(" ", plain).split())


def _name(text: str) -> str:
    """Return what a label names: without what names the widget, quotes and marks at the end."""
    return _bare(text).strip(" .…!！。>»›:：?？")


def _search(
    text: str, *, exact: bool = False, verbs: bool = False, undone: bool = False, bare: bool = True
) -> Found:
    """Find phrases anywhere in a text; `exact` also finds those that must be all of it.

    Args:
        text: in plain form.
        exact: whether the whole text is a label.
        verbs: also find "sending" and "sends".
        undone: also find what is negated.
        bare: also find "submit" where it isn't said what is submitted.
    """
    found: Found = {}
    text = _MONEY.sub(" money ", text)
    for kind in CONSEQUENCES:
        for pattern in lexicon().announcing(kind, verbs=verbs, undone=undone, bare=bare):
            if match := pattern.search(text):
                found[kind] = match[0]
                break
        else:
            if exact and text.strip(" !.…") in lexicon().whole(kind):
                found[kind] = text
    return found


def _at_start(text: str, *, verbs: bool = False, bare: bool = True) -> Found:
    """Find a phrase that the text begins with, after words that lead to it."""
    rest = _MONEY.sub(" money ", text).strip()
    while (shorter := lexicon().leads.sub("", rest, count=1).lstrip()) != rest:
        if _starting(rest, verbs=verbs, bare=bare):
            break
        rest = shorter
    return _starting(rest, verbs=verbs, bare=bare)


def _starting(text: str, *, verbs: bool, bare: bool) -> Found:
    return {
        kind: match[0]
        for kind in CONSEQUENCES
        for pattern in lexicon().announcing(kind, verbs=verbs, undone=True, bare=bare)
        if (match := pattern.match(text))
    }
