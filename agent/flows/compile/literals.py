"""What was typed: each literal becomes a variable, wherever it stands; a secret stays a secret's name."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.planning.placeholders import Secret, placeholder, split
from qvl_agent.agent.flows.compile.stable import name_for, slug
from qvl_agent.agent.flows.finding.words import normal
from qvl_agent.agent.flows.script.flow import Variable

__all__ = ["AskName", "Literals"]

AskName: TypeAlias = Callable[[str, str], str | None]
"""Asks for a variable's name, by what was typed and the field's label; None keeps it as it is."""

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_PASSWORD: Final = re.compile(
    r"\b(?:password|passwort|kennwort|passcode|passphrase|pin|cvv|cvc|secret|token|mot de passe|contraseña)\b"
    r"|密码|口令|验证码",
    re.IGNORECASE,
)
_LEAST: Final = 3
"""Characters from which on a value is looked for inside other texts; a shorter one only as the whole text."""


@dataclass(slots=True)
class Literals:
    """The literals of one flow.

    Attributes:
        ask: asks the person for names; None names them after their fields.
        variables: by name, with the recorded value.
        secrets: the names of secrets.
        exposed: the labels of fields that a password was typed into as plain text.
    """

    ask: AskName | None = None
    variables: dict[str, Variable] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)
    exposed: list[str] = field(default_factory=list)
    _constant: set[str] = field(default_factory=set)
    _typed: dict[str, str] = field(default_factory=dict)

    def taken(self, text: str, label: str) -> str:
        """Return a typed text with `${…}` for its literals; they are variables from now on.

        Raises:
            FlowError: the person's name for one can't be a variable's.
        """
        if text not in self._typed:
            self._typed[text] = "".join(self._piece(piece, label) for piece in split(text))
        return self._typed[text]

    def _piece(self, piece: str | Secret, label: str) -> str:
        if isinstance(piece, Secret):
            return self._secret(piece.name)
        if _PASSWORD.search(label):
            self.exposed.append(label)
            return self._secret(slug(label, "-") or "password")
        if not any(letter.isalnum() for letter in piece) and "${" not in piece:
            return piece
        known = [name for name, variable in self.variables.items() if variable.default == piece]
        name = known[0] if known else self._asked(piece, label)
        if name is None:
            return piece
        about = label if slug(label, "_") != name and label else None
        self.variables.setdefault(name, Variable(default=piece, about=about))
        return f"${{{name}}}"

    def _secret(self, name: str) -> str:
        if name not in self.secrets:
            self.secrets.append(name)
        return placeholder(name)

    def _asked(self, piece: str, label: str) -> str | None:
        if piece in self._constant:
            return None
        suggested = name_for(label, self.variables)
        name = self.ask(piece, label) if self.ask else suggested
        if name is None and "${" in piece:
            return suggested  # a text that looks like a variable can only be the value of one
        if name is None:
            self._constant.add(piece)
        elif not _NAME.fullmatch(name):
            raise FlowError(
                f"expected a variable's name of letters, digits and _, got {name!r}; take {suggested}"
            )
        elif name in self.variables:
            raise FlowError(f"the variable {name!r} has another value already; take {suggested}")
        return name

    def values(self) -> dict[str, str]:
        """Return the recorded values by their variables' names."""
        return {name: str(variable.default) for name, variable in self.variables.items()}

    def put_in_typed(self, text: str) -> str:
        """Return a text as the flow types it; `taken` was called for it before."""
        return self._typed[text]

    def put_into(self, text: str) -> str:
        """Return a text that was read, with `${…}` where a variable's value stands as words of their own."""
        values = sorted(self.values().items(), key=lambda item: -len(item[1]))
        for name, value in values:
            if normal(text, exact=True) == normal(value, exact=True):
                return f"${{{name}}}"
        names = {value: name for name, value in values if _can_stand_inside(value)}
        if not names:
            return text
        either = "|".join(map(re.escape, names))
        whole = rf"(?<![A-Za-z0-9])(?:{either})(?![A-Za-z0-9])"
        return re.sub(whole, lambda found: f"${{{names[found[0]]}}}", text)

    def filled(self, text: str) -> str:
        """Return a text with the recorded values in place of its variables."""
        values = self.values()
        return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def _can_stand_inside(value: str) -> bool:
    ideographs = sum(letter > "\u2e80" for letter in value)
    return "\n" not in value and (len(value) >= _LEAST or ideographs >= 2)
