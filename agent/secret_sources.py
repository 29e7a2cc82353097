"""The sources of secret values: the environment, the system's keyring, or the person.

All of a task's secrets are collected before its run begins, so that no run stops half-way for one.
"""

import getpass
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, Final, Protocol

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.guard.policy import Binding
from qvl_agent.actions.planning.placeholders import SecretValue
from qvl_agent.actions.secrets.vault import Vault

__all__ = [
    "VARIABLE",
    "Keyring",
    "SystemKeyring",
    "collect",
    "rdp_password",
    "taken_from_environment",
    "variable",
    "vnc_password",
]

VARIABLE: Final = "QVL_AGENT_SECRET_"
"""The prefix of the environment variables that hold secrets."""
_VALUES, _APPLICATIONS, _LIST = "qvl-agent", "qvl-agent: application", "qvl-agent: names"
"""The keyring's services: values and applications, both by a secret's name, and the list of names."""
_taken: dict[str, str] = {}
"""What was taken out of the environment, for the next time that this program opens the server."""


def variable(name: str) -> str:
    """Return the name of the environment variable that holds a secret."""
    return VARIABLE + name.upper().replace("-", "_")


def _kept(service: str, name: str) -> str | None:
    """Return what the keyring has under a name; None if it has nothing, or there is none.

    Raises:
        SettingsError: the keyring is there and can't be read.
    """
    try:
        import keyring  # noqa: PLC0415 - an extra
        from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return keyring.get_password(service, name)
    except NoKeyringError:
        return None
    except KeyringError as error:
        raise SettingsError(f"the keyring can't be read: {error}; unlock it") from None


class Keyring(Protocol):
    """A store of secrets."""

    def get(self, name: str) -> SecretValue | None:
        """Return the secret of this name; None if there is none, or no keyring."""
        ...


def taken_from_environment(environment: MutableMapping[str, str] | None = None) -> dict[str, str]:
    """Remove the secrets from the environment and return them, so that no child process inherits them.

    Args:
        environment: `os.environ` by default.
    """
    place = os.environ if environment is None else environment
    return {name: place.pop(name) for name in list(place) if name.startswith(VARIABLE)}


def collect(
    names: Iterable[str],
    bindings: Mapping[str, Binding],
    environment: Mapping[str, str],
    keyring: Keyring,
    ask: Callable[[str], str] | None,
) -> Vault:
    """Find the values of secrets, and the application that each may be typed into.

    Args:
        names: the secrets that are needed.
        bindings: the applications that the settings name.
        environment: the variables that `taken_from_environment` returned.
        keyring: searched for what the environment lacks.
        ask: asks the person for a secret's value, given its name; None if nobody can answer.

    Raises:
        SettingsError: a secret has no value, no application, or two different applications.
    """
    found = {}
    for name in names:
        kept = None if variable(name) in environment else keyring.get(name)
        application = _application(name, bindings.get(name), kept)
        if variable(name) in environment:
            value = environment[variable(name)]
        elif kept is not None:
            value = kept.value
        elif ask is not None:
            value = ask(name)
        else:
            raise SettingsError(
                f"the task needs the secret '{name}' and there is nobody to ask: put it in {variable(name)}, "
                f"or into the keyring by `qvl-agent secret set {name} --app APP`"
            )
        found[name] = SecretValue(value, application)
    return Vault(found)


def vnc_password(server: str) -> str:
    """Find the password of a VNC server: in VNC_PASSWORD, in the keyring, or by asking the person.

    Args:
        server: its host and port, "localhost:5901".

    Raises:
        SettingsError: there is none, and nobody to ask; or the keyring can't be read.
    """
    return _password(server, "VNC")


def rdp_password(server: str) -> str:
    """Find the password of an RDP server, in RDP_PASSWORD and so on, as `vnc_password` does.

    Args:
        server: with the user, "me@office-pc:3389".

    Raises:
        SettingsError: as `vnc_password` raises it.
    """
    return _password(server, "RDP")


def _password(server: str, kind: str) -> str:
    variable, service = f"{kind}_PASSWORD", f"qvl-agent: {kind.lower()}"
    if variable in os.environ:
        _taken[variable] = os.environ.pop(variable)  # no child process inherits it
    if variable in _taken:
        return _taken[variable]
    if (kept := _kept(service, server)) is not None:
        return kept
    if not sys.stdin.isatty():
        raise SettingsError(
            f"the {kind} server at {server} wants a password and there is nobody to ask: put it in "
            f"{variable}, or into the keyring: keyring set '{service}' {server}"
        )
    return getpass.getpass(f"password of the {kind} server at {server}: ")


def _application(name: str, setting: Binding | None, kept: SecretValue | None) -> str:
    named = {each for each in (setting and setting.application, kept and kept.application) if each}
    if len(named) > 1:
        raise SettingsError(
            f"the secret '{name}' is bound to {' and to '.join(sorted(named))}; name one application"
        )
    if not named:
        raise SettingsError(
            f"the secret '{name}' isn't bound to an application, so it could be typed nowhere: "
            f"give --secret {name}=APP, as in --secret {name}=firefox"
        )
    return named.pop()


class SystemKeyring:
    """The system's keyring, accessed through the library `keyring`."""

    def get(self, name: str) -> SecretValue | None:
        """Return the secret of this name; None if there is none, or no keyring.

        Raises:
            SettingsError: the keyring is there and can't be read, or it holds something that is no secret.
        """
        value = _kept(_VALUES, name)
        return None if value is None else SecretValue(value, _kept(_APPLICATIONS, name) or "")

    def put(self, name: str, secret: SecretValue) -> None:
        """Store a secret; replace an older one of the same name.

        Raises:
            SettingsError: there is no keyring, or it refuses.
        """
        self._write({(_VALUES, name): secret.value, (_APPLICATIONS, name): secret.application})
        self._list({*self.names(), name})

    def delete(self, name: str) -> bool:
        """Delete a secret; return False if there was none. Raises the same errors as `put`."""
        known = name in self.names()
        if known:
            self._write({(_VALUES, name): None, (_APPLICATIONS, name): None})
            self._list({*self.names()} - {name})
        return known

    def names(self) -> tuple[str, ...]:
        """Return the names of the stored secrets, sorted. Raises the same errors as `put`."""
        listed = self._read(_LIST, "all") or ""
        return tuple(sorted(listed.split()))

    def application(self, name: str) -> str:
        """Return the application that a secret is bound to, or "". Raises the same errors as `put`."""
        return self._read(_APPLICATIONS, name) or ""

    def _list(self, names: set[str]) -> None:
        self._write({(_LIST, "all"): " ".join(sorted(names)) or None})

    def _read(self, service: str, name: str) -> str | None:
        with _opened() as keyring:
            found = keyring.get_password(service, name)
        return None if found is None else str(found)

    def _write(self, values: Mapping[tuple[str, str], str | None]) -> None:
        with _opened() as keyring:
            for (service, name), value in values.items():
                if value:
                    keyring.set_password(service, name, value)
                elif keyring.get_password(service, name) is not None:
                    keyring.delete_password(service, name)


@contextmanager
def _opened() -> Iterator[Any]:
    """Yield the library `keyring`, and turn its errors into ours.

    Raises:
        SettingsError: the library isn't installed, there is no keyring, or it refuses.
    """
    try:
        import keyring  # noqa: PLC0415 - an extra
        from keyring.errors import KeyringError, NoKeyringError  # noqa: PLC0415
    except ImportError:
        raise SettingsError("the keyring needs a package: pip install 'qvl-agent[keyring]'") from None
    try:
        yield keyring
    except NoKeyringError:
        raise SettingsError(
            "this system has no keyring that is known; give the secret in the environment, or when asked"
        ) from None
    except KeyringError as error:
        raise SettingsError(f"the keyring refuses: {error}; unlock it") from None
