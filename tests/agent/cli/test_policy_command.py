"""`qvl-agent policy` prints what is in force, and where each line of it comes from."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from qvl_agent.actions.guard.catalogue import CATALOGUE
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.cli.policy import policy_lines, policy_text, rule_lines
from qvl_agent.agent.settings import FILE_NAME, Settings


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"QVL_AGENT_{name.upper()}", raising=False)


def invoke(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["policy", *words])
    return done.exit_code, done.output


def test_each_line_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(FILE_NAME).write_text("max_steps = 9\nmax_seconds = 60\nforbidden_apps = ['mail']")
    monkeypatch.setenv("QVL_AGENT_MAX_SECONDS", "30")
    lines = policy_lines({"profile": "careful", "max_tokens": None})
    found = {line.name: (line.value, line.source) for line in lines}
    assert found["max_steps"] == (9, FILE_NAME)
    assert found["max_seconds"] == (30.0, "QVL_AGENT_MAX_SECONDS")
    assert found["profile"] == ("careful", "flag")
    assert found["forbidden_apps"] == (["mail"], FILE_NAME)
    assert found["max_tokens"] == (200_000, "default")
    assert set(found) == set(Policy.model_fields)


def test_what_is_printed_is_a_policy_again() -> None:
    regions = [{"left": -5, "top": 0, "width": 10, "height": 20}]
    Path(FILE_NAME).write_text("forbidden = [{left = -5, top = 0, width = 10, height = 20}]")
    lines = policy_lines({"apps": ("a 'b'", "计算器")})
    assert [line.value for line in lines if line.name == "forbidden"] == [regions]
    written = tomllib.loads("\n".join(policy_text(lines)))
    given = {line.name: line.value for line in lines}
    assert Policy.model_validate_json(json.dumps(written)) == Policy.model_validate_json(json.dumps(given))


def test_the_command_line() -> None:
    code, said = invoke("--app", "org.gnome.Calculator", "--app", "gedit", "--max-steps", "7")
    assert code == 0
    assert 'apps = ["org.gnome.Calculator", "gedit"]  # flag' in said
    assert "max_steps = 7 " in said
    assert "# default" in said


def test_as_json() -> None:
    code, said = invoke("--json", "--profile", "unattended")
    assert code == 0
    lines = [json.loads(line) for line in said.splitlines()]
    found = {line["name"]: line for line in lines if "name" in line}
    assert found["profile"] == {"name": "profile", "value": "unattended", "source": "flag"}
    assert found["apps"]["source"] == "default"


def test_every_rule_is_printed_with_its_level_in_the_profile_in_force() -> None:
    code, said = invoke()
    assert code == 0
    assert tomllib.loads(said)["profile"] == "standard"
    rules = {line.rule: line.levels for line in rule_lines({})}
    assert set(rules) == {entry.name for entry in CATALOGUE} | {"ocr"}
    assert rules["consequence-send"] == ("ask once",)
    assert rules["power-button"] == ("ask every time", "deny")
    for rule in rules:
        assert f"\n# {rule} " in said
    careful = {line.rule: line.levels for line in rule_lines({"profile": "careful"})}
    assert (careful["consequence-send"], careful["consequence-pay"]) == (("ask every time",), ("deny",))


def test_reading_the_targets_is_said_and_a_file_cannot_stop_it() -> None:
    assert rule_lines({})[-1].levels == ("on",)
    off = rule_lines({"ocr": "never"})[-1]
    assert off.levels == ("off",)
    assert off.about.endswith("(flag)")
    Path(FILE_NAME).write_text("ocr = 'never'")
    code, said = invoke()
    assert code == 2
    assert "ocr" in said
    assert "tighten" in said


def test_a_file_that_loosens_is_an_error() -> None:
    Path(FILE_NAME).write_text("max_steps = 5000")
    code, said = invoke()
    assert code == 2
    assert "tighten" in said
