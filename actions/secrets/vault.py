"""The secrets of one run (`Vault`): their values, their applications, and their redactor."""

from collections.abc import Mapping
from typing import Final, Never

from qvl_agent.actions.core.errors import DesktopError, SettingsError
from qvl_agent.actions.guard.policy import Binding
from qvl_agent.actions.planning.placeholders import SecretValue, mark, placeholder, valid_name
from qvl_agent.actions.secrets.redactor import Redactor

__all__ = ["EMPTY", "Vault"]


class Vault:
    """The secrets by name, in this process's memory only. It shows names only, and can't be pickled.

    Attributes:
        redactor: replaces the values in texts.
    """

    __slots__ = ("_values", "redactor")

    def __init__(self, values: Mapping[str, SecretValue]) -> None:
        """Store the secrets.

        Raises:
            SettingsError: a name isn't valid, or a value is part of a name's mark or placeholder.
        """
        self._values = dict(values)
        for name, secret in self._values.items():
            if not valid_name(name):
                raise SettingsError(
                    f"a secret's name has small letters, digits and hyphens, at most 40, not {name!r}"
                )
            if any(secret.value in mark(each) + placeholder(each) for each in values):
                raise SettingsError(f"the secret '{name}' is too like a name; give it another value")
        self.redactor = Redactor({name: secret.value for name, secret in self._values.items()})

    def __bool__(self) -> bool:
        return bool(self._values)

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._values)})"

    def __reduce__(self) -> Never:
        raise TypeError("secrets aren't pickled")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._values)

    @property
    def bindings(self) -> dict[str, Binding]:
        """The application that each secret is for."""
        return {name: Binding(application=secret.application) for name, secret in self._values.items()}

    def get(self, name: str) -> SecretValue:
        """Return the secret of this name.

        Raises:
            DesktopError: there is no such secret.
        """
        if name not in self._values:
            raise DesktopError(f"there is no secret '{name}' in this run; nothing was typed for it")
        return self._values[name]


EMPTY: Final = Vault({})
