"""Flows in Python: what a script hands over is data, and what the record says at the end is true."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from staged_flows import SCREEN, Stage, StagedEyes, StagedHands

from qvl_agent.actions.core.errors import DesktopError, FlowError
from qvl_agent.agent.flows.lock import Lock
from qvl_agent.agent.flows.run import playing, runner
from qvl_agent.agent.flows.session import FlowFailed, Session, see, session
from qvl_agent.agent.recording.format import RunResult


class _Desktop:
    name, platform, watchdog = "stage", "linux", None
    capabilities = type("Can", (), {"checks_task": False, "windows": False})
    grab = staticmethod(lambda: SCREEN)

    def close(self) -> None:
        """Close nothing."""


def result_in(folder: Path) -> RunResult:
    last = json.loads((folder / "journal.jsonl").read_bytes().splitlines()[-1])
    return RunResult.model_validate(last["line"])


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage({"Save", "Number", "Saved"})
    monkeypatch.setattr(playing, "Eyes", lambda _setup, flow, path, *_, **__: StagedEyes(made, flow, path))
    monkeypatch.setattr(runner, "Hands", lambda *_, **__: StagedHands(made))
    monkeypatch.setattr("qvl_agent.agent.flows.session.open_reader", lambda: None)
    return made


@pytest.fixture
def script(stage: Stage, tmp_path: Path) -> Iterator[Session]:
    with session(_Desktop(), runs=tmp_path) as opened:  # type: ignore[arg-type]
        yield opened


def test_a_script_does_steps(script: Session, stage: Stage) -> None:
    script.type("Number", "4711", enter=False)
    script.click("Save", once=True, then=see("Saved", within=0))
    script.press("ctrl+s")
    script.wait(0)
    script.check("Saved")
    assert stage.did == ["type 4711", "click Save", "press ctrl+s"]


@pytest.mark.parametrize("text", ["${read_1}", "$${x}", "{% if x %}", "a ${b", "100 %", "{{ 7*7 }}"])
def test_a_text_stays_what_it_is(script: Session, stage: Stage, text: str) -> None:
    stage.seen |= {text}
    script.type(text, text)
    script.click(text, then=(see(text, within=0), text))
    assert stage.did == [f"type {text}", f"click {text}"]


@pytest.mark.parametrize("text", ["{{secret:pin}}", "x{{secret:pin}}"])
def test_data_names_no_secret(script: Session, stage: Stage, text: str) -> None:
    with pytest.raises(FlowError, match="secret"):
        script.type("Number", text)
    assert stage.did == []


@pytest.mark.parametrize("text", ["a\nb", "a\r"])
def test_data_presses_no_enter(script: Session, stage: Stage, text: str) -> None:
    with pytest.raises(FlowError, match="line break"):
        script.type("Number", text)
    assert stage.did == []


def test_a_call_that_fails_says_which_and_where(stage: Stage, tmp_path: Path) -> None:
    with (
        pytest.raises(FlowFailed, match="wasn't found") as caught,
        session(_Desktop(), runs=tmp_path) as opened,  # type: ignore[arg-type]
    ):
        opened.click("Gone", within=0)
    assert caught.value.path == "call[1]"
    result = result_in(caught.value.folder)
    assert (result.status, result.verified) == ("failed", None)


def test_a_script_that_goes_on_after_a_failure_does_not_claim_that_all_was_seen(
    stage: Stage, tmp_path: Path
) -> None:
    with session(_Desktop(), runs=tmp_path) as opened:  # type: ignore[arg-type]
        with pytest.raises(FlowFailed):
            opened.check(see("Gone", within=0))
        opened.click("Save")
    result = result_in(opened.folder)
    assert result.verified is None
    assert "went on after call[1]" in result.message


def test_a_screen_that_is_gone_ends_the_script_as_that(stage: Stage, tmp_path: Path) -> None:
    stage.breaks["click Save"] = DesktopError("the display is gone")
    with (
        pytest.raises(FlowFailed, match="desktop-error: the display is gone") as caught,
        session(_Desktop(), runs=tmp_path) as opened,  # type: ignore[arg-type]
    ):
        opened.click("Save", once=True)
    result = result_in(caught.value.folder)
    assert result.status == "desktop-error"


@pytest.mark.parametrize("name", ["erp", "erp.lock", "gone.lock"])
def test_a_lock_that_is_named_is_the_one_that_is_used(stage: Stage, tmp_path: Path, name: str) -> None:
    Lock().save(tmp_path / "erp.lock", {})
    (tmp_path / "erp").mkdir()
    if name == "erp.lock":
        with session(_Desktop(), lock=tmp_path / name, runs=tmp_path):  # type: ignore[arg-type]
            pass
        return
    with (
        pytest.raises(FlowError, match="there is no lock"),
        session(_Desktop(), lock=tmp_path / name, runs=tmp_path),  # type: ignore[arg-type]
    ):
        pass
