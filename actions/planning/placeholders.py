"""Placeholders for secrets: `{{secret:bank-pin}}` in a text to type stands for that secret's value.

The model, the plan, the guard, the person's question and the record hold the placeholder only. The value
goes to a desktop alone, while it types, from an approval that it has spent.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from qvl_agent.actions.core.errors import DesktopError, SettingsError

__all__ = [
    "MARK",
    "MAX_VALUE",
    "MIN_VALUE",
    "NO_SECRETS",
    "Secret",
    "SecretTypist",
    "SecretValue",
    "mark",
    "misplaced",
    "named_in_text",
    "placeholder",
    "split",
    "valid_name",
]

MIN_VALUE: Final = 4
"""The fewest characters of a secret: a shorter text is in every record by chance, and can't be kept out."""
MAX_VALUE: Final = 1_000
MARK: Final = "⟦secret "
"""The beginning of the mark that replaces a value, "⟦secret bank-pin⟧". A reply that holds it is refused."""

_NAME: Final = r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?"
_PLACEHOLDER: Final = re.compile(r"\{\{secret:(" + _NAME + r")\}\}")
_ALMOST: Final = re.compile(
    r"[{｛]\s*[{｛]\s*['\"]?\s*secret\s*['\"]?\s*[:：]|[{｛]\s*secret\s*[:：]\s*[\w-]+\s*[}｝]", re.IGNORECASE
)
"""Texts that look like a placeholder, but aren't exact. JSON with a key "secret" isn't one of them."""
_NESTED: Final = re.compile(r"\{\{|\}\}|[{}]\0|\0[{}]")
_UNTYPEABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Secret:
    """A place in a text where the value of the secret `name` goes."""

    name: str


@dataclass(frozen=True, slots=True, repr=False)
class SecretValue:
    """A secret's value, and the one application that may get it; with "" none may.

    Raises:
        SettingsError: the value is too short to be kept secret, too long, or holds a control character.
    """

    value: str
    application: str = ""

    def __post_init__(self) -> None:
        if not MIN_VALUE <= len(self.value) <= MAX_VALUE:
            raise SettingsError(f"a secret has {MIN_VALUE} to {MAX_VALUE} characters, not {len(self.value)}")
        if _UNTYPEABLE.search(self.value):
            raise SettingsError("a secret can't hold a line break, a tab or another control character")

    def __repr__(self) -> str:
        return f"SecretValue(application={self.application!r})"


@runtime_checkable
class SecretTypist(Protocol):
    """The owner of the secrets' values, who lends one to a desktop while it types."""

    def typing(self, name: str) -> AbstractContextManager[str]:
        """Provide a secret's value for as long as it is typed.

        Raises:
            FocusLostError: the keys would go to another application than the secret's.
            DesktopError: there is no such secret.
        """
        ...


class _NoSecrets:
    def typing(self, name: str) -> AbstractContextManager[str]:
        raise DesktopError(f"there is no secret '{name}' in this run; nothing was typed for it")


NO_SECRETS: Final[SecretTypist] = _NoSecrets()


def valid_name(name: str) -> bool:
    """Return whether a secret may have this name: 1 to 40 small letters, digits and inner hyphens."""
    return re.fullmatch(_NAME, name) is not None


def placeholder(name: str) -> str:
    """Return the placeholder that stands for a secret in a text to type."""
    return f"{{{{secret:{name}}}}}"


def mark(name: str) -> str:
    """Return the mark that is written in place of a secret's value."""
    return f"{MARK}{name}⟧"


def split(text: str) -> Iterator[str | Secret]:
    """Split a text into its plain pieces and the secrets between them, in their order."""
    at = 0
    for found in _PLACEHOLDER.finditer(text):
        if found.start() > at:
            yield text[at : found.start()]
        yield Secret(found[1])
        at = found.end()
    if at < len(text):
        yield text[at:]


def named_in_text(text: str) -> tuple[str, ...]:
    """List the secrets that a text names, each once."""
    return tuple(dict.fromkeys(found[1] for found in _PLACEHOLDER.finditer(text)))


def misplaced(fields: Mapping[str, object], *, typed: str = "") -> str:
    """Describe the first placeholder in an action's fields that is misplaced or inexact; "" if there is none.

    Args:
        fields: the fields by name; only texts and lists of texts are searched.
        typed: the field whose text is typed, the only one where exact placeholders may stand.
    """
    for name, value in fields.items():
        texts = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else []
        for text in texts:
            if not isinstance(text, str):
                continue
            if name != typed and _PLACEHOLDER.search(text):
                return f"a secret is named in the {name}, and may stand in text to type alone"
            left = _PLACEHOLDER.sub("\0", text)
            if _ALMOST.search(left) or ("\0" in left and _NESTED.search(left)):
                return f"the {name} holds what is almost a secret's name; it is written {placeholder('name')}"
    return ""
