"""`--model nano`: where it acts, and who says so. Its checkpoint is made here, in the shipped one's form."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from project import ROOT
from stream_server import says, serving
from tiny_nano import nano_like

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.cli.doctor import configured
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.cli.resume import resuming
from qvl_agent.agent.doctor import environment as doctor
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.checkpoint.model import TransformersModel
from qvl_agent.agent.models.choice import auto
from qvl_agent.agent.models.choice.auto import look_around
from qvl_agent.agent.models.choice.found import LocalServer
from qvl_agent.agent.models.llama.model import LlamaModel
from qvl_agent.agent.opening import open_model, open_model_for
from qvl_agent.agent.recording.manifest import read_manifest
from qvl_agent.agent.registry import model_kind
from qvl_agent.agent.registry import nano as named
from qvl_agent.agent.registry.models import with_stand_in
from qvl_agent.agent.settings import Settings, load_settings
from qvl_agent.sandbox import nano

DONE = '{"action": "done"}'
TASK = "uncheck the pinned chat"
WHO = "nano, a small Qwen3-VL of our own; it knows the sandbox alone"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nano_like(tmp_path_factory.mktemp("made") / "checkpoint", says=DONE)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No settings, models or servers of this machine."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "HF_HOME", "MODELSCOPE_CACHE", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.setattr(auto, "look_around", partial(look_around, places=()))
    return tmp_path


@pytest.fixture
def shipped(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(made.parent / "cache"))
    monkeypatch.setattr(nano, "CHECKPOINT", made)
    return made


def without_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "find_spec", lambda name: None)


def asked(kind: type[Model], **settings: object) -> Reply:
    """Ask it about a whole screen of the sandbox."""
    pixels = np.random.default_rng(1).integers(0, 256, (800, 1280, 3), np.uint8)
    screen = Frame(pixels, Rect(0, 0, 1280, 800))
    with open_model_for(load_settings({"model": "nano", **settings})) as model:
        assert isinstance(model, kind)
        assert model.name == "nano"
        return model.reply([Message("user", (screen, TASK))], stop=lambda: False)


def qvl(*words: str) -> Result:
    return CliRunner().invoke(main, words)


# What it is


BACKENDS = pytest.mark.parametrize(
    ("kind", "settings", "tiles"),
    [(LlamaModel, {}, 41 * 26), (TransformersModel, {"device": "cpu"}, 40 * 25)],
    ids=["llama", "torch"],
)
"""With the tokens of the whole screen; llama.cpp gets pictures of at least 1024 where there is room."""


@BACKENDS
@pytest.mark.usefixtures("shipped")
def test_the_ordinary_backends_open_it_with_the_pictures_that_it_was_taught_with(
    kind: type[Model], settings: dict[str, str], tiles: int
) -> None:
    small, whole = asked(kind, **settings), asked(kind, max_picture_tokens=2048, **settings)
    assert (small.text, whole.text) == (DONE, DONE)
    assert small.prompt_tokens is not None
    assert whole.prompt_tokens == small.prompt_tokens - 24 * 15 + tiles


def adapted(settings: Settings) -> Settings:
    return model_kind(settings).adapt(settings)


def test_it_is_told_to_do_what_it_can_unless_somebody_says_otherwise() -> None:
    own = adapted(load_settings({"model": "nano"}))
    assert (own.max_picture_tokens, own.max_reply_tokens) == (360, 256)
    assert (own.look_closer, own.verify) == ("never", "checker")
    assert (own.temperature, own.dtype, own.dialect) == (0, "auto", "grounded")
    said = load_settings(
        {
            "model": "nano",
            "max_picture_tokens": 500,
            "max_reply_tokens": 99,
            "look_closer": "always",
            "verify": "never",
        }
    )
    assert adapted(said) == said


@pytest.mark.parametrize("said", [{"model": "8b"}, {"server": "http://127.0.0.1:9/v1", "model": "nano"}])
def test_other_models_are_none_of_its_business(said: dict[str, object]) -> None:
    assert adapted(load_settings(said)) == load_settings(said)


def test_without_its_checkpoint_one_line_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nano, "CHECKPOINT", tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"lacks nano's checkpoint in .*nowhere; install qvl-agent again"):
        asked(LlamaModel)


@pytest.mark.usefixtures("shipped")
def test_without_anything_that_runs_it_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without_engines(monkeypatch)
    with pytest.raises(ModelError, match=r"pip install 'qvl-agent\[llama\]'"):
        asked(LlamaModel)


@pytest.mark.usefixtures("shipped")
def test_without_llama_cpp_transformers_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "_has_llama", lambda: False)
    asked(TransformersModel)


# Where it may be used


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((TASK, "--model", "nano"), "a real desktop needs a real Qwen3-VL"),
        ((TASK, "--model", "nano", "--desktop", ":1"), "a real desktop needs a real Qwen3-VL"),
        ((TASK, "--model", "nano", "--dry-run"), "a real desktop needs a real Qwen3-VL"),
        (("demo", "--model", "nano", "--dialect", "computer_use"), "in the dialect grounded alone"),
        (("ask", "What is it?", "--model", "nano"), "answers no questions"),
        (("serve", "--print", "--model", "nano", "--engine", "vllm"), "needs no server"),
    ],
)
@pytest.mark.usefixtures("shipped")
def test_elsewhere_it_is_refused_in_one_line(words: tuple[str, ...], said: str) -> None:
    done = qvl(*words)
    assert done.exit_code == 2, done.output
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("shipped")
def test_a_script_says_which_sandbox() -> None:
    with pytest.raises(SettingsError, match="nano is for the sandbox"), open_model("nano"):
        pass


@pytest.mark.usefixtures("shipped")
def test_a_recorded_screen_can_be_shown_to_it() -> None:
    done = qvl("replay", str(ROOT / "sandbox/examples/uncheck-the-pinned-chat"), "--model", "nano")
    assert done.exit_code == 1, done.output  # this one says "done" to every screen
    assert "2 steps, 1 of them differ" in done.output
    assert "action was click; now it is done" in done.output


# Runs


@pytest.mark.usefixtures("shipped")
def test_it_runs_in_a_sandbox_and_everything_says_what_it_is(home: Path) -> None:
    """This one claims to be done at once, which the checker doesn't believe."""
    done = qvl(TASK, "--desktop", "sandbox:chat", "--model", "nano", "--runs", "runs")
    assert done.exit_code == 3, done.output
    assert done.output.startswith(f"model: {WHO}, and a real desktop needs a real Qwen3-VL\n")
    assert "checker: not passed" in done.output
    (folder,) = (home / "runs").iterdir()
    assert read_manifest(folder)[1].model == "nano"
    assert qvl("show", str(folder)).exit_code == 0
    assert f"The model, {WHO.replace(', ', ': ', 1)}" in (folder / "report.html").read_text("utf-8")


@pytest.mark.usefixtures("shipped")
def test_the_demo_takes_it_where_it_is_the_demos_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nano, "DEMO_MODEL", "nano")
    done = qvl("demo", "--runs", "runs")
    assert done.exit_code == 3, done.output
    assert done.output.startswith(f"model: {WHO}")
    assert "report: runs" in done.output


@pytest.mark.usefixtures("shipped")
def test_without_an_engine_the_oracle_plays_the_demo_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nano, "DEMO_MODEL", "nano")
    without_engines(monkeypatch)
    done = qvl("demo", "--runs", "runs")
    assert done.exit_code == 0, done.output
    note, model, *_ = done.output.splitlines()
    assert note.startswith("note: the oracle answers, as nano needs llama.cpp; pip install")
    assert model.startswith("model: oracle, a stand-in")
    assert "checker: passed" in done.output


def test_a_run_goes_on_with_it(tmp_path: Path) -> None:
    """A record may name it, as it names the oracle: both are ours, and act in the sandbox alone."""
    folder = tmp_path / "run"
    shutil.copytree(ROOT / "sandbox/examples/uncheck-the-pinned-chat", folder)
    journal = folder / "journal.jsonl"
    journal.write_text("".join(journal.read_text("utf-8").splitlines(keepends=True)[:2]), "utf-8")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps({**manifest, "model": "nano"}), "utf-8")
    settings = resuming(folder, {}).settings
    assert (settings.model, settings.desktop.split(":")[0]) == ("nano", "sandbox")


# Who answers in the demo


@pytest.mark.parametrize("model", ["oracle", "nano"])
@pytest.mark.usefixtures("shipped")
def test_where_nothing_is_configured_the_demos_model_answers(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nano, "DEMO_MODEL", model)
    settings, note = with_stand_in(load_settings({}))
    assert (settings.model, note) == (model, "")


@pytest.mark.parametrize("model", ["oracle", "nano"])
@pytest.mark.usefixtures("shipped")
def test_a_qwen3_vl_that_is_here_comes_first(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nano, "DEMO_MODEL", model)
    for said in ({"model": "8b"}, {"model": "oracle"}, {"server": "http://127.0.0.1:9/v1"}):
        assert with_stand_in(load_settings(said)) == (load_settings(said), "")
    with serving(says("hello"), models=("qwen3-vl:8b",)) as server:
        places = [LocalServer("Ollama", server.base_url)]
        monkeypatch.setattr(auto, "look_around", partial(look_around, places=places))
        assert with_stand_in(load_settings({}))[0].model == "auto"


def test_where_nano_cant_the_oracle_does(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(nano, "DEMO_MODEL", "nano")
    other = with_stand_in(load_settings({"dialect": "computer_use"}))
    with monkeypatch.context() as patched:
        without_engines(patched)
        no_engine = with_stand_in(load_settings({}))
    monkeypatch.setattr(nano, "CHECKPOINT", tmp_path / "nowhere")
    missing = with_stand_in(load_settings({}))
    assert shipped.is_dir()
    assert [settings.model for settings, _ in (other, no_engine, missing)] == ["oracle"] * 3
    for (_, note), why in zip(
        (other, no_engine, missing), ("computer_use", "llama.cpp", "checkpoint"), strict=True
    ):
        assert note.startswith("the oracle answers, as ")
        assert why in note


@pytest.mark.parametrize(("model", "extras"), [("oracle", "sandbox"), ("nano", "sandbox,llama")])
def test_make_demo_installs_what_its_model_needs(model: str, extras: str, tmp_path: Path) -> None:
    for name in (".dev/setup", "sandbox/nano/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, tmp_path / name)
    front = tmp_path / "sandbox/nano/__init__.py"
    lines = front.read_text("utf-8").splitlines()
    (place,) = (index for index, line in enumerate(lines) if line.startswith("DEMO_MODEL"))
    before, _, _ = lines[place].rpartition(" = ")
    lines[place] = f'{before} = "{model}"'
    front.write_text("\n".join(lines), "utf-8")
    words = ["sh", tmp_path / ".dev/setup", "demo", "--extras"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout == f"{extras}\n"


# What the doctor says


@pytest.mark.usefixtures("shipped")
def test_the_doctor_knows_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load_settings({"model": "nano"})
    (here,), (model,) = doctor._nano(settings), doctor._model(settings)
    assert (here.state, model.state) == ("ok", "ok")
    assert "for the sandbox (2" in here.fact, "about 21 MB"
    assert "a real desktop needs a real Qwen3-VL" in model.fact
    assert not configured(settings), "the doctor's own screens are none of the sandbox's"
    without_engines(monkeypatch)
    (found,) = doctor._nano(load_settings({}))
    assert (found.state, found.remedy) == ("warn", "pip install 'qvl-agent[llama]'")
    monkeypatch.setattr(nano, "CHECKPOINT", tmp_path / "nowhere")
    (gone,), (bad,) = doctor._nano(settings), doctor._model(settings)
    assert (gone.state, gone.remedy, bad.state) == ("warn", "install qvl-agent again", "bad")
