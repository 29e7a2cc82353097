"""The secrets of one run: their values, whose they are, and what takes them out of what is written."""

from collections.abc import Mapping
from typing import Final, Never

from qvl_agent.actions.core.errors import DesktopError, SettingsError
from qvl_agent.actions.guard.policy import Binding
from qvl_agent.actions.planning.placeholders import SecretValue, mark, placeholder, valid_name
from qvl_agent.actions.secrets.redactor import Redactor

__all__ = ["EMPTY", "Vault"]


class Vault:
    """Values by name, in this process's memory alone. It shows names, and is never written or copied out.

    Attributes:
        redactor: takes the values out of texts.
    """

    __slots__ = ("_values", "redactor")

    def __init__(self, values: Mapping[str, SecretValue]) -> None:
        """Keep some values.

        Raises:
            SettingsError: a name isn't valid, or a value is the same as what stands in its place.
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
        """Say which application each is for."""
        return {name: Binding(application=secret.application) for name, secret in self._values.items()}

    def get(self, name: str) -> SecretValue:
        """Give a secret.

        Raises:
            DesktopError: there is no such one.
        """
        if name not in self._values:
            raise DesktopError(f"there is no secret '{name}' in this run; nothing was typed for it")
        return self._values[name]


EMPTY: Final = Vault({})
