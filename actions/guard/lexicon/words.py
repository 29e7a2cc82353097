"""Read the words and the names of programs from the TOML files beside this module, and check them.

Every file in the folder but programs.toml is a language. A file is read once, when it is first asked for. One
that breaks a rule is refused as a whole, with one line that names the file and the key.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StrictBool,
    ValidationError,
    model_validator,
)

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.guard.lexicon.normalise import undisguised

__all__ = [
    "CONSEQUENCES",
    "Consequence",
    "Language",
    "Pair",
    "Programs",
    "languages",
    "programs",
    "read_languages",
    "read_programs",
]

Consequence = Literal["pay", "grant", "account", "delete", "publish", "send", "install", "final"]
CONSEQUENCES: Final[tuple[Consequence, ...]] = get_args(Consequence)

_PROGRAMS: Final = "programs.toml"
_WHOLE: Final = "="
"""Stands before a phrase that counts only as the whole label."""


def _well_written(word: str) -> str:
    if not word:
        raise ValueError("a word is empty")
    if word.startswith(_WHOLE):
        raise ValueError(f"'{word}' begins with '=', which has a meaning only once, and in [phrases] alone")
    if word != " ".join(word.split()):
        raise ValueError(f"'{word}' has blanks at its ends, or two in a row")
    if word != word.lower():
        raise ValueError(f"'{word}' isn't in small letters")
    return word


def _word(word: str) -> str:
    return undisguised(_well_written(word))


def _phrase(phrase: str) -> str:
    bare = phrase.removeprefix(_WHOLE)
    return phrase[: len(phrase) - len(bare)] + _word(bare)


def _title(title: str) -> str:
    return _well_written(title).casefold()


def _name(name: str) -> str:
    if name.endswith(".exe"):
        raise ValueError(f"'{name}' must stand without '.exe'")
    return _title(name)


def _once(words: object) -> object:
    """Refuse a list that has a word twice, also if "=" stands before one of the two."""
    if isinstance(words, list):
        seen = set()
        for word in words:
            bare = word.removeprefix(_WHOLE) if isinstance(word, str) else ""
            if bare and bare in seen:
                raise ValueError(f"'{bare}' stands in the list twice")
            seen.add(bare)
    return words


def _every_kind(phrases: Mapping[Consequence, tuple[str, ...]]) -> Mapping[Consequence, tuple[str, ...]]:
    if missing := [kind for kind in CONSEQUENCES if not phrases.get(kind)]:
        raise ValueError(f"there are no phrases for {missing[0]}")
    return phrases


_T = TypeVar("_T")
_ByKind = Annotated[Mapping[Consequence, _T], AfterValidator(MappingProxyType)]
_Words = Annotated[tuple[Annotated[str, AfterValidator(_word)], ...], BeforeValidator(_once)]
"""In the plain form in which texts are searched."""
_Phrases = Annotated[tuple[Annotated[str, AfterValidator(_phrase)], ...], BeforeValidator(_once)]
_Titles = Annotated[frozenset[Annotated[str, AfterValidator(_title)]], BeforeValidator(_once)]
_Names = Annotated[frozenset[Annotated[str, AfterValidator(_name)]], BeforeValidator(_once)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Pair(_Table):
    """Any of the verbs, then any of the things: only the two together announce something."""

    verbs: _Words
    things: _Words

    @model_validator(mode="after")
    def _has_both(self) -> Self:
        if not (self.verbs and self.things):
            raise ValueError("a pair needs verbs and things")
        return self


class _Around(_Table):
    undoing: _Words
    noun_ends: _Words
    objects: _Words
    only_verbs: _Words


class _VerbEndings(_Table):
    added: _Words
    doubling: _Words
    replacing_e: _Words


class _Labels(_Table):
    widgets: _Words
    button: _Words
    submitting: _Words
    without_object: _Words
    agreeing: _Words
    going_on: _Words
    harmless: _Words
    refusing: _Words


class _Sentences(_Table):
    leads: _Words
    writing: _Words
    telling: _Words
    told_after: _Words
    speaker: _Words
    negating: _Words
    pressing: _Words
    before_pressing: _Words
    after_pressing: _Words
    reporting: _Words
    entering: _Words
    not_negating: _Words
    alternatives: _Words
    conditions: _Words


class _Power(_Table):
    always: _Words
    also_in_apps: _Words
    in_shells: _Words
    before: _Words
    after: _Words
    place: _Words
    undoing: _Words


class _Titled(_Table):
    session: _Titles
    system: _Titles


class Language(_Table):
    """The words of one language; the comments in the files tell what each list is for.

    Attributes:
        spaces: whether its words are set apart by spaces.
    """

    spaces: StrictBool
    phrases: Annotated[_ByKind[_Phrases], AfterValidator(_every_kind)]
    pairs: _ByKind[tuple[Pair, ...]]
    around: _Around
    verb_endings: _VerbEndings
    labels: _Labels
    sentences: _Sentences
    task_verbs: _ByKind[_Words]
    task_pairs: _ByKind[tuple[Pair, ...]]
    objects: _ByKind[_Words]
    power: _Power
    titles: _Titled

    @model_validator(mode="after")
    def _no_list_is_idle(self) -> Self:
        """Refuse words in a list that this kind of language isn't searched for."""
        idle = {"power.undoing": self.power.undoing}
        if not self.spaces:
            idle = {
                "around.objects": self.around.objects,
                "around.only_verbs": self.around.only_verbs,
                "verb_endings.added": self.verb_endings.added,
                "verb_endings.doubling": self.verb_endings.doubling,
                "verb_endings.replacing_e": self.verb_endings.replacing_e,
            }
        for key, words in idle.items():
            if words:
                raise ValueError(f"{key} must be empty where spaces = {str(self.spaces).lower()}")
        return self


class Programs(_Table):
    """Names of programs by what the programs are; the comments in programs.toml tell what each set is for."""

    password_managers: _Names
    keyrings: _Names
    rights_questions: _Names
    lock_screens: _Names
    security_settings: _Names
    terminals: _Names
    run_dialogs: _Names
    installers: _Names
    shell_inside: _Names
    browsers: _Names
    messengers: _Names
    files_and_mail: _Names
    desktop_shells: _Names
    session_dialogs: _Names


@cache
def languages() -> tuple[Language, ...]:
    """Return the languages that are shipped."""
    return read_languages(files(__package__))


@cache
def programs() -> Programs:
    """Return the programs that are shipped."""
    return read_programs(files(__package__))


def read_languages(folder: Traversable) -> tuple[Language, ...]:
    """Read every language in a folder: those with spaces between words first, then by the files' names.

    Raises:
        SettingsError: there is none, or a file is broken.
    """
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".toml") and file.name != _PROGRAMS),
        key=lambda file: file.name,
    )
    if not found:
        raise SettingsError(f"no language in {folder}: a file like english.toml was expected")
    return tuple(sorted((_read(file, Language) for file in found), key=lambda language: not language.spaces))


def read_programs(folder: Traversable) -> Programs:
    """Read programs.toml in a folder.

    Raises:
        SettingsError: it is missing or broken.
    """
    return _read(folder / _PROGRAMS, Programs)


_M = TypeVar("_M", bound=_Table)


def _read(file: Traversable, table: type[_M]) -> _M:
    try:
        return table.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"can't read {file.name}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} isn't valid TOML: {error}") from error
    except ValidationError as error:
        raise SettingsError(f"{file.name}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """Say in one line where the first fault is, lists counted from 1, and what it is."""
    fault = first_error(error)
    parts = (str(part + 1) if isinstance(part, int) else part for part in fault.path if part != "[key]")
    where, what = ".".join(parts), fault.message.removeprefix("Value error, ")
    return " ".join((f"{where}: {what}" if where else what).splitlines())
