"""The buttons that a person's own sentence tells to press: "type “bob” into the field and press Submit".

Only a verb at the start of a clause, or behind a word like "and", tells to press. What stands in quotes is a
name if it stands right behind that verb; elsewhere it is text to be typed, looked for or read, and tells
nothing.
Wherever it can't be told who is to press, nothing is told: the person is asked once more, and that is all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from qvl_agent.actions.guard.lexicon.patterns import QUOTE_MARK, Pressing, lexicon

__all__ = ["CLAUSE", "QUOTED", "ToldButton", "negates", "told_buttons"]

QUOTED: Final = re.compile(
    r"\"[^\"]*\"|[“„][^“”]*[“”]|«[^»]*»|「[^」]*」|『[^』]*』|《[^》]*》"
    r"|(?<!\w)'(?:[^']|(?<=\w)'(?=\w))*'(?!\w)"
)
CLAUSE: Final = re.compile(r"[,;.!?…()，；。！？、（）\n]+|\s[-–—]\s|:\s|：")
_SENTENCE: Final = re.compile(r"[;!?…。！？；\n]+|\.(?=\s|$)")
_QUOTES: Final = re.compile(r"[\"“”„«»「」『』]")
_NUMBERED: Final = re.compile(rf"{QUOTE_MARK}(\d+)")
_MOST_WORDS: Final = 6
_MOST: Final = 50
"""Names that are taken from a task, and places in a clause that are looked at: nobody writes more."""


@dataclass(frozen=True, slots=True)
class ToldButton:
    """A button that a task tells to press.

    Attributes:
        name: what stands on it, in plain form.
        conditional: whether its sentence says "if": then nobody knows here whether it holds.
    """

    name: str
    conditional: bool


def told_buttons(task: str) -> tuple[ToldButton, ...]:
    """List the buttons that a task, in plain form, tells to press, but those that it forbids anywhere."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        names.append(found[0][1:-1])
        return f" {QUOTE_MARK}{len(names) - 1} "

    text = QUOTED.sub(number, task)
    if _QUOTES.search(text) or any(name != name.strip() for name in names):
        return ()  # a quote too many: what is said and what is only quoted can't be told apart
    told: list[ToldButton] = []
    refused: list[str] = []
    for sentence in _SENTENCE.split(text):
        conditional = lexicon().conditions.search(sentence) is not None
        for clause in _telling_nothing_else(sentence, refused):
            told += (ToldButton(name, conditional) for name in _buttons(clause, names))
    forbidden = " ".join(_NUMBERED.sub(lambda found: names[int(found[1])], clause) for clause in refused)
    return tuple(button for button in dict.fromkeys(told[:_MOST]) if not _stands_in(button.name, forbidden))


def negates(clause: str) -> bool:
    """Return whether a clause of a task, in plain form, says that it isn't wanted."""
    return lexicon().negating.search(lexicon().not_negating.sub(" ", clause)) is not None


def _telling_nothing_else(sentence: str, refused: list[str]) -> Iterator[str]:
    """Yield the clauses that say what to do, until one is told to somebody else; collect the negated."""
    negated = False
    for part in CLAUSE.split(sentence):
        clause = part.strip()
        if negates(clause) or (negated and lexicon().alternatives.match(clause)):
            negated = True
            refused.append(clause)
            continue
        told = lexicon().told_after.split(clause, maxsplit=1)[0]
        yield told
        if told != clause or _reports(clause):
            return


def _reports(text: str) -> bool:
    """Return whether a text tells something to somebody else, and doesn't put it in quotes."""
    found = list(lexicon().reporting.finditer(lexicon().entering.sub(" ", text)))
    return bool(found) and QUOTE_MARK not in text[text.rfind(found[-1][0]) :]


def _buttons(clause: str, names: list[str]) -> Iterator[str]:
    for pressing in lexicon().pressing:
        for place in islice(pressing.places.finditer(clause), _MOST):
            if verb := pressing.verb.match(clause, place.end()):
                if _reports(clause[: place.start()]):
                    break
                yield from _named(clause[verb.end() :], pressing, names)


def _named(rest: str, pressing: Pressing, names: list[str]) -> Iterator[str]:
    """Yield what a button may be called by what follows the verb: "the “Save” button", "Save and send"."""
    lead = pressing.quoted.match(rest)
    start = lead.end() if lead else 0
    if quoted := _NUMBERED.match(rest, start):
        if pressing.behind.match(rest, quoted.end()):
            yield names[int(quoted[1])].strip()
        return
    for cut in pressing.cuts.finditer(rest):
        name = rest[: cut.start()].strip()
        if QUOTE_MARK in name or len(name) > pressing.most or len(name.split()) > _MOST_WORDS:
            return
        if name:
            yield name


def _stands_in(name: str, text: str) -> bool:
    return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", text) is not None
