"""Flags over environment over file over defaults, and nothing unknown."""

from pathlib import Path

import pytest

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.registry import model_kind
from qvl_agent.agent.settings import FILE_NAME, Settings, load_settings


@pytest.fixture(autouse=True)
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in Settings.model_fields:
        monkeypatch.delenv(f"QVL_AGENT_{name.upper()}", raising=False)


def write(text: str) -> None:
    Path(FILE_NAME).write_text(text, encoding="utf-8")


def test_the_nearest_source_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings({}).max_steps == 50
    write("max_steps = 40\nmodel = 'from-file'\ntemperature = 0.5")
    assert load_settings({}).max_steps == 40
    monkeypatch.setenv("QVL_AGENT_MAX_STEPS", "30")
    assert load_settings({}).max_steps == 30
    settings = load_settings({"max_steps": 20, "model": None})
    assert (settings.max_steps, settings.model, settings.temperature) == (20, "from-file", 0.5)


def test_the_persons_own_file_is_read_where_the_folder_has_none(tmp_path: Path) -> None:
    own = tmp_path / "config" / "qvl-agent" / FILE_NAME
    own.parent.mkdir(parents=True)
    own.write_text("model = 'mine'")
    assert load_settings({}).model == "mine"
    write("max_steps = 3")
    assert load_settings({}).model == "auto"


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
    write(text)
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
