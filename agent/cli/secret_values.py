"""The command line's handling of secrets: keep them, collect a task's, and hide them in all output.

The first three functions do the work of `qvl-agent secret`; `secrets_of` collects what a run needs, and
asks for missing values at the terminal. Only the command line uses this module.
"""

import sys
from collections.abc import Iterable
from typing import Any, Final, TextIO

import click

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.planning.placeholders import SecretValue, named_in_text, placeholder, valid_name
from qvl_agent.actions.secrets.redactor import Redactor
from qvl_agent.actions.secrets.vault import Vault
from qvl_agent.agent import logs
from qvl_agent.agent.secret_sources import SystemKeyring, collect, taken_from_environment, variable
from qvl_agent.agent.settings import Settings

__all__ = ["delete_secret", "hide_in_output", "list_secrets", "secrets_of", "set_secret"]

_STREAMS: Final = ("stdout", "stderr")


def set_secret(name: str, application: str) -> None:
    """Ask for a secret's value and keep it in the keyring; from a pipe its first line is taken as it is.

    Raises:
        SettingsError: the name isn't a secret's name, or the keyring can't keep it.
    """
    if not valid_name(name):
        raise SettingsError(f"a secret's name has small letters, digits and hyphens, not {name!r}")
    if sys.stdin.isatty():
        value = str(click.prompt("Value", hide_input=True, confirmation_prompt="Again", err=True))
    else:
        value = sys.stdin.readline().rstrip("\n")
    SystemKeyring().put(name, SecretValue(value, application))
    click.echo(f"kept; write {placeholder(name)} in a task to have it typed into {application}")


def list_secrets() -> None:
    """Print the names of the kept secrets with their applications, never a value.

    Raises:
        SettingsError: there is no keyring, or it refuses.
    """
    keyring = SystemKeyring()
    names = keyring.names()
    for name in names:
        click.echo(f"{name}  for {keyring.application(name) or 'no application'}")
    if not names:
        click.echo("no secrets are kept")


def delete_secret(name: str) -> None:
    """Delete a secret from the keyring.

    Raises:
        SettingsError: there is none of that name, or no keyring.
    """
    if not SystemKeyring().delete(name):
        raise SettingsError(f"no secret '{name}' is kept (a value in {variable(name)} is yours to unset)")
    click.echo(f"forgot {name}")


def secrets_of(task: str, settings: Settings, *, as_json: bool) -> Vault:
    """Collect the secrets that a task names, and hide their values in everything that is printed from now on.

    Args:
        task: the task's text.
        settings: they may bind secrets to applications.
        as_json: the output is for a program, so nobody is asked for a value.

    Raises:
        SettingsError: as `collect` raises it.
    """
    environment = taken_from_environment()
    someone = sys.stdin.isatty() and sys.stderr.isatty() and not as_json
    vault = collect(
        named_in_text(task), settings.secrets, environment, SystemKeyring(), _ask if someone else None
    )
    hide_in_output(vault.redactor)
    logs.hide(vault.redactor)
    if vault:
        _forbid_core_dumps()
    return vault


def hide_in_output(redactor: Redactor) -> None:
    """Hide secrets in all that this process writes to standard output and standard error from now on."""
    if not redactor:
        return
    for name in _STREAMS:
        setattr(sys, name, _Hiding(getattr(sys, name), redactor))


class _Hiding:
    """A text stream that writes to another one with the secrets hidden.

    An end that may be the beginning of a secret is held back until the next text, a line's end or a flush.
    """

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self._stream = stream
        self._redacted = redactor.stream()

    def write(self, text: str) -> int:
        self._stream.write(self._redacted.feed(text))
        if text.endswith("\n"):
            self._stream.write(self._redacted.end())
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        self._stream.write(self._redacted.end())
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _ask(name: str) -> str:
    return str(click.prompt(f"The value of {placeholder(name)}", hide_input=True, err=True))


def _forbid_core_dumps() -> None:
    """Forbid core dumps, so that no crash writes this process's memory to the disk; not on Windows.

    Windows writes such a dump only if it is told to.
    """
    try:
        import resource  # noqa: PLC0415 - POSIX alone
    except ImportError:
        return
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))
