"""The words of all languages as regular expressions and sets, made once."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from qvl_agent.actions.guard.lexicon.words import CONSEQUENCES, Consequence, Language, Pair, languages

__all__ = ["QUOTE_MARK", "Lexicon", "Pressing", "is_chinese", "lexicon"]

_HAN: Final = "\u3400-\u9fff"
_GAP: Final = r"\s+(?:[\w'-]+\s+){0,2}?"
_GAP_WITHOUT_SPACES: Final = f"[{_HAN}a-z ]{{0,4}}?"
"""What may stand between a verb and its thing."""
_GAP_IN_TASKS: Final = f"[{_HAN}a-z0-9 ]{{1,8}}?"
"""The same in a task: "给李老师发", where a name stands between the two."""
_SUBMITTED: Final[Consequence] = "send"
"""What "submit" does where it isn't said what is submitted."""
QUOTE_MARK: Final = "\ue000"
"""Stands in a task for a part in quotes."""
_NEVER: Final = "(?!)"
"""Matches nothing; a choice between no words would match everywhere."""

_Pick = Callable[[Language], Iterable[str]]


def is_chinese(text: str) -> bool:
    """Return whether a text holds a Chinese character."""
    return re.search(f"[{_HAN}]", text) is not None


@cache
def lexicon() -> "Lexicon":
    """Return the lexicon of the shipped languages."""
    return Lexicon(languages())


class Lexicon:
    """The words of some languages, to be searched for in texts in plain form.

    Attributes:
        agreeing: whole labels that only agree.
        button: what says that a label is of a button.
        submitting: matches a whole label that submits, and doesn't say what: "submit", "submit the form".
        going_on: whole labels that only go on to what the reason says.
        harmless: whole labels that only sound like a consequence.
        refusing: matches a label whose first words leave things as they are.
        widgets: finds what names the kind of a thing: "the", "button".
        leads: matches what stands before the verb of a sentence.
        writing: finds what says that text to be written follows a colon.
        telling: matches a clause whose first word says that the rest is to be told.
        told_after: finds where a part begins that is only told: "that".
        negating: finds what says that a clause asks for nothing.
        not_negating: finds what holds such words and asks for something: "don't forget".
        alternatives: matches a clause that only goes on with the one before it: "or".
        conditions: finds what says that a sentence holds only if something is so.
        reporting: finds what says that the rest is told to somebody else, or is about texts.
        entering: finds what says that something is typed, so that the rest isn't told.
        pressing: for each language, what tells to press a button.
        asking: for each consequence, matches the verb of a task that asks for it.
        asking_pairs: for each consequence, finds the two words of a task that ask for it.
        objects: for each consequence, finds what is submitted with it.
        power_always: names of buttons that mean the machine or its session, wherever they stand.
        power_inside: those of them that are looked for anywhere in a label, because it has no spaces.
        power_undoing: what turns such a name round that stands directly behind it.
        power_also_in_apps: names that may mean only the application in an application's window.
        power_in_shells: names that mean the machine only on a panel, a dock or a start menu.
        power_before: matches what is left out before such a name: "yes, please".
        power_after: finds what is left out after one: "now".
        power_place: finds where a name ends and its place begins: "in the menu".
        session_titles: titles of dialogs that end the session, in small letters.
        system_titles: titles of dialogs in which the system asks for passwords or rights, in small letters.
    """

    def __init__(self, of: Iterable[Language]) -> None:
        self._languages = tuple(of)
        self._announcing: dict[tuple[int, Consequence, bool, bool, bool], re.Pattern[str]] = {}
        self._whole = {
            kind: frozenset(
                phrase[1:] for each in self._languages for phrase in each.phrases[kind] if phrase[0] == "="
            )
            for kind in CONSEQUENCES
        }
        self.agreeing = frozenset(self._all(lambda each: each.labels.agreeing))
        self.going_on = frozenset(self._all(lambda each: each.labels.going_on))
        self.harmless = frozenset(self._all(lambda each: each.labels.harmless))
        self.submitting = re.compile("|".join(map(_submitting_alone, self._languages)))
        self.button = self._all(lambda each: each.labels.button)
        self.refusing = re.compile(
            rf"(?:{_any_of(self._all(lambda each: each.labels.refusing))})(?![a-z0-9])"
        )
        self.widgets = self._anywhere(lambda each: each.labels.widgets)
        self.leads = self._first(lambda each: each.sentences.leads)
        self.writing = self._anywhere(lambda each: each.sentences.writing)
        self.telling = re.compile(rf"(?:{_any_of(self._all(lambda each: each.sentences.telling))})(?![a-z])")
        self.told_after = self._anywhere(lambda each: each.sentences.told_after)
        self.negating = self._anywhere(lambda each: each.sentences.negating)
        self.not_negating = self._anywhere(lambda each: each.sentences.not_negating)
        self.alternatives = self._first(lambda each: each.sentences.alternatives)
        self.conditions = self._anywhere(lambda each: each.sentences.conditions)
        self.reporting = self._anywhere(lambda each: each.sentences.reporting)
        self.entering = self._anywhere(lambda each: each.sentences.entering)
        self.pressing = tuple(Pressing.of(each) for each in self._languages)
        self.asking = {kind: self._asking(kind) for kind in CONSEQUENCES}
        self.asking_pairs = {kind: self._asking_pairs(kind) for kind in CONSEQUENCES}
        self.objects = {kind: self._objects(kind) for kind in CONSEQUENCES}
        self.power_always = frozenset(self._all(lambda each: each.power.always))
        self.power_inside = self._all(lambda each: () if each.spaces else each.power.always)
        self.power_undoing = self._all(lambda each: each.power.undoing)
        self.power_also_in_apps = frozenset(self._all(lambda each: each.power.also_in_apps))
        self.power_in_shells = frozenset(self._all(lambda each: each.power.in_shells))
        spaced, joined = self._choices(lambda each: each.power.before)
        self.power_before = re.compile(rf"^(?:(?:{spaced})\b[ ,]*|(?:{joined})[，, ]*)+")
        spaced, joined = self._choices(lambda each: each.power.after)
        self.power_after = re.compile(rf"(?: (?:{spaced}))+$|(?:{joined})$")
        spaced, joined = self._choices(lambda each: each.power.place)
        self.power_place = re.compile(rf" (?:{spaced})\b|(?:{joined})")
        self.session_titles = frozenset(self._all(lambda each: each.titles.session))
        self.system_titles = frozenset(self._all(lambda each: each.titles.system))

    def whole(self, kind: Consequence) -> frozenset[str]:
        """Return what announces a consequence only as the whole label."""
        return self._whole[kind]

    def announcing(
        self, kind: Consequence, *, verbs: bool, undone: bool, bare: bool = True
    ) -> tuple[re.Pattern[str], ...]:
        """Return what finds a consequence's phrases and pairs, one pattern for each language.

        Args:
            kind: the consequence.
            verbs: also find "sending" and "sends".
            undone: also find what is negated.
            bare: also find "submit" where nothing says what is submitted.
        """
        bare = bare or kind != _SUBMITTED
        return tuple(
            self._of_language(at, kind, verbs=verbs and (each.spaces or not bare), undone=undone, bare=bare)
            for at, each in enumerate(self._languages)
        )

    def _of_language(
        self, at: int, kind: Consequence, *, verbs: bool, undone: bool, bare: bool
    ) -> re.Pattern[str]:
        key = (at, kind, verbs, undone, bare)
        if key not in self._announcing:
            language = self._languages[at]
            write = _with_spaces if language.spaces else _without_spaces
            self._announcing[key] = write(language, kind, verbs=verbs, undone=undone, bare=bare)
        return self._announcing[key]

    def _all(self, pick: _Pick) -> tuple[str, ...]:
        return tuple(word for each in self._languages for word in pick(each))

    def _choices(self, pick: _Pick) -> tuple[str, str]:
        """Write the choice between words of languages with spaces, and that between those of the others."""
        spaced = (word for each in self._languages if each.spaces for word in pick(each))
        joined = (word for each in self._languages if not each.spaces for word in pick(each))
        return _literally(spaced), _literally(joined)

    def _anywhere(self, pick: _Pick) -> re.Pattern[str]:
        spaced, joined = self._choices(pick)
        return re.compile(rf"\b(?:{spaced})\b|(?:{joined})")

    def _first(self, pick: _Pick) -> re.Pattern[str]:
        spaced, joined = self._choices(pick)
        return re.compile(rf"^(?:(?:{spaced})\b|(?:{joined}))")

    def _objects(self, kind: Consequence) -> re.Pattern[str]:
        return self._anywhere(lambda each: each.objects.get(kind, ()))

    def _asking(self, kind: Consequence) -> re.Pattern[str]:
        """Match a verb that asks for a consequence: "reply", but not "tell me"."""
        verbs = _any_of(self._all(lambda each: each.task_verbs.get(kind, ())))
        spaced, joined = self._choices(lambda each: each.sentences.speaker)
        return re.compile(rf"(?:{verbs})(?![a-z])(?!\s*(?:(?:{spaced})\b|(?:{joined})))")

    def _asking_pairs(self, kind: Consequence) -> re.Pattern[str]:
        return re.compile(
            "|".join(
                rf"(?:{_pairs(each.task_pairs, kind, _GAP)})\b"
                if each.spaces
                else _pairs(each.task_pairs, kind, _GAP_IN_TASKS)
                for each in self._languages
            ).replace("“", rf"\s*{QUOTE_MARK}")
        )


@dataclass(frozen=True, slots=True)
class Pressing:
    """One language's patterns for a task that tells to press a button.

    Attributes:
        places: finds where a verb may stand: at the start, or behind "and".
        verb: matches the verb behind such a place, with what may lead to it: "then please click on".
        quoted: matches what stands between the verb and the name in quotes: "the green button".
        behind: matches what may follow a name in quotes: "button and", or nothing.
        cuts: finds where a name without quotes may end: "button", "after".
        most: the most characters of such a name.
    """

    places: re.Pattern[str]
    verb: re.Pattern[str]
    quoted: re.Pattern[str]
    behind: re.Pattern[str]
    cuts: re.Pattern[str]
    most: int

    @classmethod
    def of(cls, language: Language) -> "Pressing":
        """Return the patterns for a language."""
        said, widgets = language.sentences, _any_of(language.labels.widgets)
        verbs, before = _any_of(said.pressing), _any_of(said.before_pressing)
        after = _any_of(said.after_pressing)
        if language.spaces:
            return cls(
                places=re.compile(rf"^|\b(?:{before})\b"),
                verb=re.compile(rf"\s*(?:(?:{before})\b\s*)*(?:{verbs})\s+(?:(?:{widgets})\s+)*"),
                quoted=re.compile(rf"(?:(?:[\w-]+\s+){{0,2}}(?:{widgets})\s+)?(?:[a-z]+ed\s+)?"),
                behind=re.compile(rf"(?:\s+(?:{widgets})\b)?(?:\s*$|\s+(?:{after})\b)"),
                cuts=re.compile(rf"\s+(?:{widgets}|{after})\b|\s*$|\s*{QUOTE_MARK}"),
                most=40,
            )
        return cls(
            places=re.compile(rf"^|(?:{before})"),
            verb=re.compile(rf"\s*(?:(?:{before})\s*)*(?:{verbs})\s*(?:(?:{widgets})\s*)*"),
            quoted=re.compile(rf"(?:[{_HAN}]{{1,4}}的)?\s*(?:{widgets})?\s*"),
            behind=re.compile(rf"\s*(?:{widgets})?\s*(?:$|(?:{after}))"),
            cuts=re.compile(rf"\s*(?:{widgets}|{after}|$|{QUOTE_MARK})"),
            most=12,
        )


def _submitting_alone(language: Language) -> str:
    """Match a whole label that only says that something is submitted; widgets are left out already."""
    verbs, without = _any_of(language.labels.submitting), _any_of(language.labels.without_object)
    return rf"(?:{verbs})(?:\s+(?:{without}))*$" if language.spaces else rf"(?:{verbs})(?:{without})*$"


def _submits(language: Language, kind: Consequence, *, verbs: bool, bare: bool) -> tuple[str, ...]:
    """Write how "submit" is found: always, or on a label where it is said what; in sentences not at all."""
    words = language.labels.submitting if kind == _SUBMITTED else ()
    if not words:
        return ()
    if bare:
        forms = (form for word in words for form in _forms(word, language))
        return (_any_of(forms if verbs and language.spaces else words),)
    if verbs:
        return ()
    without = _any_of((*language.labels.without_object, *language.labels.widgets))
    if language.spaces:
        return (rf"(?:{_any_of(words)})(?=\s+(?!(?:{without})\b)\w)",)
    return (rf"(?:{_any_of(words)})(?!\s*(?:{without}))(?=\s*[{_HAN}a-z0-9])",)


def _with_spaces(
    language: Language, kind: Consequence, *, verbs: bool, undone: bool, bare: bool
) -> re.Pattern[str]:
    phrases: Iterable[str] = _anywhere_in_a_label(language, kind)
    if verbs:
        phrases = (form for phrase in phrases for form in _forms(phrase, language))
    pairs = "|".join((_pairs(language.pairs, kind, _GAP), *_submits(language, kind, verbs=verbs, bare=bare)))
    before = "" if undone else "".join(rf"(?<!\b{re.escape(word)} )" for word in language.around.undoing)
    not_before = "".join(rf"(?<!\b{re.escape(verb)})" for verb in language.around.only_verbs)
    nouns, objects = _any_of(language.around.noun_ends), _any_of(language.around.objects)
    ends = rf"\s+(?:{nouns})\b|{not_before}\s+(?:{objects})\b"
    return re.compile(rf"(?<![\w.'-])(?=\w){before}(?:{_any_of(phrases)}|{pairs})(?![\w'-]|\.\w|{ends})")


def _without_spaces(
    language: Language, kind: Consequence, *, verbs: bool, undone: bool, bare: bool
) -> re.Pattern[str]:
    phrases = _any_of(_anywhere_in_a_label(language, kind))
    pairs = _pairs(language.pairs, kind, _GAP_WITHOUT_SPACES)
    pairs = "|".join((pairs, *_submits(language, kind, verbs=verbs, bare=bare)))
    before = "" if undone else "".join(f"(?<!{re.escape(word)})" for word in language.around.undoing)
    return re.compile(rf"{before}(?:{phrases}|{pairs})(?!{_any_of(language.around.noun_ends)})")


def _anywhere_in_a_label(language: Language, kind: Consequence) -> tuple[str, ...]:
    return tuple(phrase for phrase in language.phrases[kind] if not phrase.startswith("="))


def _pairs(pairs: Mapping[Consequence, tuple[Pair, ...]], kind: Consequence, gap: str) -> str:
    written = (
        f"{_begins_like(pair.verbs)}(?:{_any_of(pair.verbs)}){gap}(?:{_any_of(pair.things)})"
        for pair in pairs.get(kind, ())
    )
    return "|".join(written) or _NEVER


def _begins_like(words: Iterable[str]) -> str:
    """Write what looks only at the first letter: most places in a text begin no verb."""
    return f"(?=[{re.escape(''.join(sorted({word[0] for word in words})))}])"


def _forms(phrase: str, language: Language) -> set[str]:
    """Give a phrase's verb its endings: send, sends, sending."""
    verb, space, rest = phrase.partition(" ")
    endings = language.verb_endings
    stems = {verb}
    stems |= {verb + ending for ending in endings.added}
    stems |= {verb + verb[-1] + ending for ending in endings.doubling}
    if verb.endswith("e"):
        stems |= {verb[:-1] + ending for ending in endings.replacing_e}
    return {f"{stem}{space}{rest}" for stem in stems}


def _any_of(words: Iterable[str]) -> str:
    """Write a choice between words, the longest first, with any blanks where one has a space."""
    return _literally(words).replace("\\ ", r"\s+")


def _literally(words: Iterable[str]) -> str:
    """Write a choice between words, the longest first, or what never matches where there are none."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) or _NEVER
