"""Flags over environment over file over defaults, and nothing unknown."""

import re
from pathlib import Path

import pytest
from project import ROOT

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.registry import model_kind
from qvl_agent.agent.settings import FILE_NAME, PROJECT_MAY_SET, Settings, load_settings, sources


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"QVL_AGENT_{name.upper()}", raising=False)


def project(text: str) -> None:
    """Write a file in the current folder, as a cloned repository may have one."""
    Path(FILE_NAME).write_text(text, encoding="utf-8")


def own(text: str) -> Path:
    """Write the person's own file."""
    path = Path("config") / "qvl-agent" / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_the_nearest_source_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({}).max_steps == 50
    own("max_steps = 40\nmodel = 'from-file'\ntemperature = 0.5")
    assert load_settings({}).max_steps == 40
    project("max_steps = 35")
    assert load_settings({}).max_steps == 35
    monkeypatch.setenv("QVL_AGENT_MAX_STEPS", "30")
    assert load_settings({}).max_steps == 30
    settings = load_settings({"max_steps": 20, "model": None})
    assert (settings.max_steps, settings.model, settings.temperature) == (20, "from-file", 0.5)


def test_a_named_file_is_the_persons_and_stands_in_for_their_own(tmp_path: Path) -> None:
    own("model = 'mine'")
    named = tmp_path / "other.toml"
    named.write_text("server = 'http://127.0.0.1:9/v1'")
    project("max_steps = 7")
    settings = load_settings({}, file=named)
    assert (settings.model, settings.server, settings.max_steps) == ("auto", "http://127.0.0.1:9/v1", 7)
    Path(FILE_NAME).write_text("server = 'http://127.0.0.1:9/v1'")
    assert load_settings({}, file=Path(FILE_NAME)).server, "the person says that it is theirs"


# A folder that somebody else wrote


VALUES = {
    "allow_remote": "true",
    "api_key": "'key'",
    "apps": "['gedit']",
    "attention": "'eager'",
    "constrain": "'never'",
    "dialect": "'computer_use'",
    "forbidden": "[{left = 0, top = 0, width = 9, height = 9}]",
    "forbidden_apps": "['mail']",
    "look_closer": "'never'",
    "max_approvals": "1",
    "max_picture_tokens": "64",
    "max_reply_tokens": "16",
    "max_seconds": "9",
    "max_steps": "9",
    "max_tokens": "9",
    "monitor": "2",
    "ocr": "'auto'",
    "profile": "'careful'",
    "quantize": "'4bit'",
    "secrets": "{bank-pin = {application = 'evil'}}",
    "takeover": "'stop'",
    "temperature": "1",
    "timeout": "1",
    "verify": "'never'",
    "watchdog": "true",
}
"""A valid value of each setting; of the others any text is."""


@pytest.mark.fault(64)
@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_one_that_a_project_may_tighten_or_is_refused(name: str) -> None:
    value = VALUES.get(name, "'x'")
    text = f"{name} = {value}"
    own(text)
    load_settings({})  # the person's own file may set it
    project(text)
    if name in PROJECT_MAY_SET:
        load_settings({})
        return
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    said = str(caught.value)
    assert f"{FILE_NAME}: '{name}' isn't a project's to set" in said
    assert f"QVL_AGENT_{name.upper()}" in said
    assert "--config" in said
    assert "\n" not in said


def test_what_a_project_may_set_is_a_list_in_the_docs() -> None:
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^A project's file may hold (.*?)\.$", page, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", row)) == PROJECT_MAY_SET


def test_an_empty_projects_file_drops_nothing_of_the_persons() -> None:
    own("forbidden_apps = ['bank']\nprofile = 'careful'\nmodel = 'mine'\nmax_steps = 20")
    project("")
    settings = load_settings({})
    assert (settings.forbidden_apps, settings.profile) == (("bank",), "careful")
    assert (settings.model, settings.max_steps) == ("mine", 20)


@pytest.mark.parametrize(
    ("mine", "theirs", "name", "holds"),
    [
        ("max_steps = 20", "max_steps = 40", "max_steps", 20),
        ("max_steps = 20", "max_steps = 10", "max_steps", 10),
        ("", "max_approvals = 0", "max_approvals", 0),
        ("forbidden_apps = ['bank']", "forbidden_apps = ['mail']", "forbidden_apps", ("bank", "mail")),
        ("apps = ['gedit', 'gimp']", "apps = ['gimp', 'xterm']", "apps", ("gimp",)),
        ("", "apps = ['gimp']", "apps", ("gimp",)),
        ("apps = ['gimp']", "apps = []", "apps", ("gimp",)),
        ("profile = 'careful'", "profile = 'standard'", "profile", "careful"),
        ("", "profile = 'dry-run'", "profile", "dry-run"),
        ("profile = 'unattended'", "profile = 'dry-run'", "profile", "dry-run"),
        ("takeover = 'stop'", "takeover = 'pause'", "takeover", "stop"),
        ("takeover = 'pause'", "takeover = 'stop'", "takeover", "stop"),
        ("", "takeover = 'pause'", "takeover", "pause"),
    ],
)
def test_of_both_files_the_stricter_value_holds(mine: str, theirs: str, name: str, holds: object) -> None:
    own(mine)
    project(theirs)
    assert getattr(load_settings({}), name) == holds


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        ("profile = 'careful'", "profile = 'unattended'", "exclude each other"),
        ("apps = ['gedit']", "apps = ['gimp']", "leaves none"),
    ],
)
def test_where_none_is_the_stricter_it_is_said(mine: str, theirs: str, said: str) -> None:
    own(mine)
    project(theirs)
    with pytest.raises(SettingsError, match=said):
        load_settings({})


def test_where_each_comes_from_is_known() -> None:
    path = own("max_steps = 20\nforbidden_apps = ['bank']\nmax_seconds = 60\nmodel = 'mine'")
    project("max_steps = 10\nforbidden_apps = ['mail']\nmax_seconds = 600\nprofile = 'careful'")
    found = sources({"max_tokens": 9})
    assert found == {
        "max_steps": FILE_NAME,
        "forbidden_apps": f"{path.absolute()}, {FILE_NAME}",
        "max_seconds": str(path.absolute()),
        "model": str(path.absolute()),
        "profile": FILE_NAME,
        "max_tokens": "flag",
    }


def test_the_persons_own_folder_is_theirs_also_when_they_stand_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = own("server = 'http://127.0.0.1:9/v1'")
    monkeypatch.chdir(path.parent)
    assert load_settings({}).server == "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    "text", ["takeover = 'Stop'", "takeover = ''", "takeover = false", "ocr = 'sometimes'", "ocr = 1"]
)
def test_a_projects_value_that_is_none_is_refused_and_not_passed_over(text: str) -> None:
    """Of two values the stricter one holds; one that is neither would go unnoticed."""
    own("takeover = 'stop'\nocr = 'auto'")
    project(text)
    with pytest.raises(SettingsError, match=rf"{FILE_NAME}: {text.split(maxsplit=1)[0]}"):
        load_settings({})


@pytest.mark.fault(64)
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_step = 3", "did you mean 'max_steps'"),
        ("max_steps = 'many'", "max_steps"),
        ("max_steps = 0", "max_steps"),
        ("max_steps = 500", "tighten"),
        ("max_seconds = 1e9", "tighten"),
        ("max_steps =", "isn't valid TOML"),
        ("dialect = 'klingon'", "dialect"),
    ],
)
def test_a_bad_file_is_one_clear_line(text: str, said: str) -> None:
    own(text)
    with pytest.raises(SettingsError, match=said) as caught:
        load_settings({})
    assert "\n" not in str(caught.value)


def test_the_persons_own_flag_may_loosen() -> None:
    assert load_settings({"max_steps": 500}).policy.max_steps == 500


def test_an_unknown_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QVL_AGENT_MODLE", "x")
    with pytest.raises(SettingsError, match="did you mean 'model'"):
        load_settings({})


def test_a_named_file_that_is_missing_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml"):
        load_settings({}, file=Path("nowhere.toml"))


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QVL_AGENT_API_KEY", "hunter2")
    assert "hunter2" not in repr(load_settings({}))
    with pytest.raises(SettingsError) as caught:
        load_settings({"api_key": ["hunter2"]})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"model": "auto"}, ""),
        ({"server": "http://127.0.0.1:8000/v1"}, ""),
        ({"model": "http://localhost:8000/v1"}, ""),
        ({"server": "https://gpu-box/v1", "allow_remote": True}, "gpu-box"),
        ({"model": "https://gpu-box:8443/v1", "allow_remote": True}, "gpu-box"),
    ],
)
def test_it_is_known_when_screens_leave_this_machine(given: dict[str, object], place: str) -> None:
    settings = load_settings(given)
    assert model_kind(settings).sent_to(settings) == place
