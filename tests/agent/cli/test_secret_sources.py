"""Where secrets come from: the environment, a keyring or the person; and the command that keeps them."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from click.testing import CliRunner
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked, PasswordDeleteError

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.guard.policy import Binding
from qvl_agent.actions.planning.placeholders import SecretValue
from qvl_agent.agent import secret_sources
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.secret_sources import (
    SystemKeyring,
    collect,
    taken_from_environment,
    variable,
    vnc_password,
)
from qvl_agent.agent.settings import load_settings

VALUE = "correct horse Batterie"
BOUND = {"pin": Binding(application="bank")}


class InMemory(KeyringBackend):
    """A keyring of the real library, kept in this process."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not found")
        del self.kept[service, username]


class Locked(InMemory):
    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("it is locked")


@pytest.fixture
def store() -> Iterator[InMemory]:
    before = keyring.get_keyring()
    store = InMemory()
    keyring.set_keyring(store)
    yield store
    keyring.set_keyring(before)


def test_the_environment_goes_over_the_keyring_and_the_keyring_over_the_person(store: InMemory) -> None:
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return "from the person"

    SystemKeyring().put("kept", SecretValue("from the keyring", "mail"))
    SystemKeyring().put("both", SecretValue("from the keyring", "mail"))
    bindings = {"said": Binding(application="bank"), "both": Binding(application="bank")}
    environment = {"QVL_AGENT_SECRET_BOTH": "from the environment"}
    vault = collect(["both", "kept", "said"], bindings, environment, SystemKeyring(), ask)
    assert [vault.get(name).value for name in ("both", "kept", "said")] == [
        "from the environment",
        "from the keyring",
        "from the person",
    ]
    assert asked == ["said"]
    assert vault.bindings["kept"].application == "mail"


def test_what_is_in_the_environment_is_taken_out_of_it() -> None:
    environment = {"QVL_AGENT_SECRET_BANK_PIN": VALUE, "QVL_AGENT_MODEL": "x"}
    assert taken_from_environment(environment) == {variable("bank-pin"): VALUE}
    assert environment == {"QVL_AGENT_MODEL": "x"}


def test_nobody_to_ask_says_what_to_do(store: InMemory) -> None:
    with pytest.raises(SettingsError, match="QVL_AGENT_SECRET_PIN"):
        collect(["pin"], BOUND, {}, SystemKeyring(), None)


def test_without_an_application_a_secret_is_of_no_use() -> None:
    with pytest.raises(SettingsError, match="--secret pin=APP"):
        collect(["pin"], {}, {variable("pin"): VALUE}, SystemKeyring(), None)


def test_a_file_can_not_send_a_kept_secret_elsewhere(store: InMemory) -> None:
    SystemKeyring().put("pin", SecretValue(VALUE, "bank"))
    with pytest.raises(SettingsError, match="bound to bank and to evil") as raised:
        collect(["pin"], {"pin": Binding(application="evil")}, {}, SystemKeyring(), None)
    assert VALUE not in str(raised.value)


@pytest.mark.parametrize("backend", [NoKeyring, Locked])
def test_a_keyring_that_is_missing_or_locked_is_said(backend: type[KeyringBackend], store: InMemory) -> None:
    keyring.set_keyring(backend())
    with pytest.raises(SettingsError, match="keyring"):
        SystemKeyring().put("pin", SecretValue(VALUE, "bank"))
    if backend is NoKeyring:
        assert SystemKeyring().get("pin") is None
    else:
        with pytest.raises(SettingsError, match="unlock"):
            SystemKeyring().get("pin")


def test_set_list_and_delete(store: InMemory) -> None:
    runner = CliRunner()
    kept = runner.invoke(main, ["secret", "set", "bank-pin", "--app", "firefox"], input=f"{VALUE}\n")
    assert kept.exit_code == 0, kept.output
    assert SystemKeyring().get("bank-pin").value == VALUE
    listed = runner.invoke(main, ["secret", "list"])
    assert listed.output == "bank-pin  for firefox\n"
    assert runner.invoke(main, ["secret", "delete", "bank-pin"]).output == "forgot bank-pin\n"
    assert store.kept == {}
    assert runner.invoke(main, ["secret", "list"]).output == "no secrets are kept\n"
    missing = runner.invoke(main, ["secret", "delete", "bank-pin"])
    assert missing.exit_code == 2
    assert "no secret 'bank-pin' is kept" in missing.output
    assert VALUE not in kept.output + listed.output + missing.output


@pytest.mark.parametrize(("name", "value"), [("Bank Pin", VALUE), ("pin", "abc"), ("pin", "two\tparts")])
def test_what_is_no_secret_is_not_kept(store: InMemory, name: str, value: str) -> None:
    done = CliRunner().invoke(main, ["secret", "set", name, "--app", "firefox"], input=f"{value}\n")
    assert done.exit_code == 2
    assert store.kept == {}


def test_settings_bind_secrets_and_flags_go_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "qvl-agent.toml"
    file.write_text('[secrets.bank-pin]\napplication = "firefox"\n[secrets.other]\napplication = "mail"\n')
    monkeypatch.setenv("QVL_AGENT_SECRET_BANK_PIN", VALUE)  # no setting of the name
    settings = load_settings({"secrets": {"bank-pin": {"application": "chromium"}}}, file=file)
    assert {name: bound.application for name, bound in settings.secrets.items()} == {
        "bank-pin": "chromium",
        "other": "mail",
    }
    file.write_text('[secrets.bank-pin]\nvalue = "never in a file"\n')
    with pytest.raises(SettingsError) as raised:
        load_settings({}, file=file)
    assert "never in a file" not in str(raised.value)


@pytest.mark.parametrize("given", ["bank-pin", "=app", "bank-pin="])
def test_a_flag_names_secret_and_application(given: str) -> None:
    done = CliRunner().invoke(main, ["run", "do it", "--secret", given])
    assert done.exit_code == 2
    assert "NAME=APP" in done.output


def test_a_task_whose_secret_has_no_value_ends_before_it_begins(store: InMemory) -> None:
    done = CliRunner().invoke(main, ["run", "type {{secret:bank-pin}}", "--secret", "bank-pin=bank"])
    assert done.exit_code == 2
    assert "needs the secret 'bank-pin'" in done.output


PROGRAM = f"""
import sys
from qvl_agent.actions.secrets.redactor import Redactor
from qvl_agent.agent.cli.secret_values import hide_in_output
hide_in_output(Redactor({{"pin": sys.stdin.readline().rstrip()}}))
value = {VALUE!r}
print("out", value)
sys.stdout.write(value[:5]); sys.stdout.write(value[5:]); print()
import click, logging, warnings
click.echo(value)
click.echo(value, err=True)
logging.getLogger("any").warning("logged %s", value)
warnings.warn(value)
from rich.console import Console
Console(stderr=True).print(f"[red]{{value}}[/]")
try:
    raise ValueError(value)
except ValueError as error:
    raise RuntimeError(f"about {{value!r}}") from error
"""


def test_nothing_that_is_printed_holds_a_value_tracebacks_and_logs_neither() -> None:
    program = PROGRAM.replace(repr(VALUE), "'correct ' + 'horse Batterie'")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONWARNINGS"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=VALUE,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 1
    assert VALUE not in done.stdout + done.stderr
    assert done.stdout.splitlines() == ["out ⟦secret pin⟧", "⟦secret pin⟧", "⟦secret pin⟧"]
    assert done.stderr.count("⟦secret pin⟧") >= 6
    assert "RuntimeError: about" in done.stderr


def test_a_vnc_servers_password_is_found_and_kept_from_children(
    store: InMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_sources, "_taken", {})
    monkeypatch.delenv("VNC_PASSWORD", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(SettingsError, match="nobody to ask: put it in VNC_PASSWORD"):
        vnc_password("localhost:5901")
    store.kept["qvl-agent: vnc", "localhost:5901"] = "kept"
    assert vnc_password("localhost:5901") == "kept"
    monkeypatch.setenv("VNC_PASSWORD", VALUE)
    assert [vnc_password("localhost:5901") for _ in range(2)] == [VALUE, VALUE], "opened twice"
    assert "VNC_PASSWORD" not in os.environ
