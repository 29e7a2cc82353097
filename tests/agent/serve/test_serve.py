"""`qvl-agent serve`: each engine's command, and real processes started, watched and ended."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner
from project import SUPPORT
from tiny_checkpoint import FEW, checkpoint

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.models.choice.auto import ModelChooser, Served, look_around
from qvl_agent.agent.models.choice.found import LocalServer
from qvl_agent.agent.models.choice.memory import Memory
from qvl_agent.agent.models.choice.presets import find_preset
from qvl_agent.agent.models.llama.convert import convert
from qvl_agent.agent.opening import open_model
from qvl_agent.agent.run.history import KEEP_PICTURES, MAX_PICTURES
from qvl_agent.agent.serve import start as serve
from qvl_agent.agent.serve.engines import ENGINES, PICTURES, Command, Wanted

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")
GIB = 2**30


def command(engine: str, model: str, **wanted: object) -> Command:
    preset = find_preset(model)
    asked = Wanted(model=preset.hub_id if preset else model, preset=preset, **wanted)  # type: ignore[arg-type]
    return serve.plan(ENGINES[engine], asked)


def flags(made: Command) -> dict[str, str]:
    """Each flag's value, or "" for a switch."""
    words = [*made.arguments, "--"]
    return {flag: "" if value.startswith("-") else value for flag, value in pairwise(words) if flag[0] == "-"}


# The commands


def test_vllm_gets_what_an_agent_needs() -> None:
    made = command("vllm", "8b")
    given = flags(made)
    assert made.arguments[:3] == ("vllm", "serve", "Qwen/Qwen3-VL-8B-Instruct")
    assert (given["--host"], given["--port"], given["--max-model-len"]) == ("127.0.0.1", "8000", "32768")
    assert json.loads(given["--limit-mm-per-prompt"]) == {"image": PICTURES, "video": 0}
    assert json.loads(given["--mm-processor-kwargs"])["size"]["longest_edge"] == 4096 * 32 * 32
    assert json.loads(given["--structured-outputs-config"])["disable_any_whitespace"] is True
    assert "--enable-prefix-caching" in given
    assert "--reasoning-parser" not in given
    assert "--tensor-parallel-size" not in given
    assert made.environment["VLLM_NO_USAGE_STATS"] == "1"
    assert PICTURES >= MAX_PICTURES + 1 > KEEP_PICTURES


def test_a_thinking_model_gets_its_parser_and_a_longer_context() -> None:
    vllm, sglang = flags(command("vllm", "8b-thinking")), flags(command("sglang", "8b-thinking"))
    assert (vllm["--reasoning-parser"], vllm["--max-model-len"]) == ("deepseek_r1", "40960")
    assert (sglang["--reasoning-parser"], sglang["--context-length"]) == ("qwen3-thinking", "40960")


def test_a_team_splits_a_model_over_gpus_and_machines() -> None:
    made = command("vllm", "235b-a22b-fp8", tensor_parallel=8, pipeline_parallel=2, ray=True)
    given = flags(made)
    assert made.arguments[2] == "Qwen/Qwen3-VL-235B-A22B-Instruct-FP8"
    assert (given["--tensor-parallel-size"], given["--pipeline-parallel-size"]) == ("8", "2")
    assert (given["--mm-encoder-tp-mode"], given["--distributed-executor-backend"]) == ("data", "ray")
    assert flags(command("sglang", "32b", tensor_parallel=4))["--tp"] == "4"
    with pytest.raises(SettingsError, match="no tensor parallelism; take --engine vllm"):
        command("llama.cpp", "8b", tensor_parallel=2)
    with pytest.raises(SettingsError, match="Ray cluster"):
        command("sglang", "8b", ray=True)


def test_llama_cpp_takes_the_released_gguf_files_or_ones_own(tmp_path: Path) -> None:
    assert flags(command("llama.cpp", "8b"))["-hf"] == "Qwen/Qwen3-VL-8B-Instruct-GGUF:Q4_K_M"
    assert flags(command("llama.cpp", "8b-fp8"))["-hf"] == "Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0"
    assert flags(command("llama.cpp", "unsloth/Qwen3-VL-4B-Instruct-GGUF"))["-hf"].startswith("unsloth/")
    model, eyes = tmp_path / "mine.gguf", tmp_path / "mmproj-F16.gguf"
    model.touch()
    with pytest.raises(SettingsError, match="name it with --mmproj"):
        command("llama.cpp", str(model))
    eyes.touch()
    given = flags(command("llama.cpp", str(model)))
    assert (given["-m"], given["--mmproj"], given["--alias"]) == (str(model), str(eyes), "qwen3-vl-mine.gguf")
    assert (given["--image-min-tokens"], given["-c"], given["--parallel"]) == ("1024", "32768", "1")
    assert flags(command("llama.cpp", str(model), mmproj="other.gguf"))["--mmproj"] == "other.gguf"
    for engine in ("llama.cpp", "xllamacpp"):  # which enlarge what is smaller than a model was trained on
        assert flags(command(engine, str(model), image_min_tokens=360))["--image-min-tokens"] == "360"
    with pytest.raises(SettingsError, match="needs GGUF files"):
        command("llama.cpp", str(tmp_path))


@pytest.mark.parametrize(
    ("model", "repository"),
    [
        ("unsloth/Qwen3-VL-8B-Instruct-GGUF:Q8_0", "unsloth/Qwen3-VL-8B-Instruct-GGUF:Q8_0"),
        ("unsloth/Qwen3-VL-8B-Instruct-GGUF:UD-Q4_K_XL", "unsloth/Qwen3-VL-8B-Instruct-GGUF:UD-Q4_K_XL"),
        ("unsloth/Qwen3-VL-8B-Instruct-GGUF:", "unsloth/Qwen3-VL-8B-Instruct-GGUF:Q4_K_M"),
        ("Qwen/Qwen3-VL-8B-Instruct-gguf", "Qwen/Qwen3-VL-8B-Instruct-gguf:Q4_K_M"),
        ("Qwen/Qwen3-VL-8B-Instruct-Gguf:q8_0", "Qwen/Qwen3-VL-8B-Instruct-Gguf:q8_0"),
        ("someone/Qwen3-VL-8B-GGUF-imatrix", "someone/Qwen3-VL-8B-GGUF-imatrix:Q4_K_M"),
        ("someone/gguf_Qwen3-VL-8B", "someone/gguf_Qwen3-VL-8B:Q4_K_M"),
        ("Qwen/Qwen3-VL-8B-Instruct:Q8_0", "Qwen/Qwen3-VL-8B-Instruct-GGUF:Q8_0"),
        ("Qwen/Qwen3-VL-8B-Instruct-FP8", "Qwen/Qwen3-VL-8B-Instruct-GGUF:Q4_K_M"),
        ("someone/fine-tune", "someone/fine-tune-GGUF:Q4_K_M"),
    ],
)
def test_llama_cpp_is_given_the_repository_and_quantisation_that_are_named(
    model: str, repository: str
) -> None:
    made = command("llama.cpp", model)
    assert (flags(made)["-hf"], made.served_name) == (repository, model)


@pytest.mark.parametrize("engine", ["llama.cpp", "xllamacpp"])
@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("someone/Qwen3-VL-8B-Instruct-AWQ-4bit", "AWQ"),
        ("someone/Qwen3-VL-8B-Instruct-awq", "awq"),
        ("someone/Qwen3-VL-8B-GPTQ-Int4", "GPTQ"),
        ("RedHatAI/Qwen3-VL-8B-Instruct-FP8-dynamic", "FP8"),
        ("someone/Qwen3-VL-8B-Instruct-FP8", "FP8"),
        ("someone/Qwen3-VL-8B-Instruct-quantized.w4a16", "w4a16"),
        ("unsloth/Qwen3-VL-8B-Instruct-bnb-4bit", "bnb"),
        ("mlx-community/Qwen3-VL-8B-Instruct-4bit", "4bit"),
        ("someone/Qwen3-VL-8B-MLX", "MLX"),
        ("someone/Qwen3-VL-8B-NVFP4", "NVFP4"),
    ],
)
def test_llama_cpp_refuses_weights_that_it_cant_load(engine: str, model: str, weights: str) -> None:
    with pytest.raises(SettingsError) as raised:
        command(engine, model)
    said = (
        f"llama.cpp can't load {model} ({weights} weights); take --engine vllm, or a repository of GGUF files"
    )
    assert said in str(raised.value)


@pytest.mark.parametrize("model", ["8b:Q8_0", "Qwen3-VL-8B", "/nothing-here", "/nothing/here", "a/b/c"])
def test_what_is_no_name_of_a_model_is_said(model: str) -> None:
    with pytest.raises(SettingsError, match=r"expected a \.gguf file, a hub id .* or a short name") as raised:
        command("llama.cpp", model)
    assert model in str(raised.value)


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
@pytest.mark.parametrize(
    "model",
    [
        "unsloth/Qwen3-VL-8B-Instruct-GGUF",
        "unsloth/Qwen3-VL-8B-Instruct-gguf:Q8_0",
        "Qwen/Qwen3-VL-8B-Instruct:Q8_0",
        "x.GGUF",
    ],
)
def test_engines_of_checkpoints_refuse_gguf_in_any_spelling(engine: str, model: str) -> None:
    with pytest.raises(SettingsError, match=r"take --engine llama\.cpp"):
        command(engine, model)
    with pytest.raises(SettingsError, match=r"take --engine llama\.cpp"):  # before a download is offered
        serve.choose_model(model, ENGINES[engine], ModelChooser())


@pytest.mark.parametrize("name", ["x.GGUF", "x.gguf", "x.Gguf"])
@pytest.mark.parametrize("eyes", ["mmproj-F16.gguf", "x-MMPROJ.GGUF"])
def test_files_are_known_in_any_spelling(name: str, eyes: str, tmp_path: Path) -> None:
    for file in (name, eyes):
        (tmp_path / file).touch()
    given = flags(command("llama.cpp", str(tmp_path / name)))
    assert (given["-m"], given["--mmproj"]) == (str(tmp_path / name), str(tmp_path / eyes))
    assert given["--alias"] == f"qwen3-vl-{name}"


@pytest.mark.parametrize("engine", list(ENGINES))
@pytest.mark.parametrize("name", ["mmproj-F16.gguf", "MMPROJ-F16.GGUF", "Qwen3-VL-8B-mmproj-f16.gguf"])
def test_the_vision_tower_alone_is_no_model(engine: str, name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(
        SettingsError, match=r"is the vision tower, not the model; give the model's \.gguf file"
    ):
        command(engine, str(tmp_path / name))


def test_a_model_that_is_named_as_its_own_vision_tower_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").touch()
    with pytest.raises(SettingsError, match="--mmproj is the model itself"):
        command("llama.cpp", str(tmp_path / "x.gguf"), mmproj=str(tmp_path / "x.gguf"))


def test_a_gguf_file_that_isnt_there_is_said(tmp_path: Path) -> None:
    for model in (tmp_path / "x.gguf", tmp_path / "no folder" / "x.gguf"):
        with pytest.raises(SettingsError, match=r"there is no .*x\.gguf"):
            command("llama.cpp", str(model))


def test_a_file_that_is_no_gguf_is_said(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(SettingsError, match=r"model\.safetensors is no \.gguf file"):
        command("llama.cpp", str(tmp_path / "model.safetensors"))


def test_a_tilde_is_ones_home_whatever_the_shell_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    for file in ("Qwen3VL-8B-Instruct-Q4_K_M.gguf", "mmproj-F16.gguf", "eyes.gguf"):
        (tmp_path / "models" / file).touch()
    model = "~/models/Qwen3VL-8B-Instruct-Q4_K_M.gguf"
    for mmproj, eyes in (("", "mmproj-F16.gguf"), ("~/models/eyes.gguf", "eyes.gguf")):
        given = flags(command("llama.cpp", model, mmproj=mmproj))
        assert given["-m"] == str(tmp_path / "models/Qwen3VL-8B-Instruct-Q4_K_M.gguf")
        assert given["--mmproj"] == str(tmp_path / "models" / eyes)
        assert given["--alias"] == "Qwen3VL-8B-Instruct-Q4_K_M.gguf"
    made = command("vllm", "~/models")
    assert (made.arguments[2], made.served_name) == (str(tmp_path / "models"), "qwen3-vl-models")
    assert command("vllm", "~nobody-here/models").arguments[2] == "~nobody-here/models"
    shown = CliRunner().invoke(main, ["serve", "--print", "--engine", "llama.cpp", "--model", model])
    assert f"-m {tmp_path}/models/Qwen3VL" in shown.output


def test_a_link_is_served_under_its_own_name(tmp_path: Path) -> None:
    """A hub's cache holds links to files that are named by their checksums."""
    (tmp_path / "0123abcd").touch()
    (tmp_path / "Qwen3-VL-8B-Q8_0.gguf").symlink_to(tmp_path / "0123abcd")
    (tmp_path / "mmproj-F16.gguf").touch()
    made = command("llama.cpp", str(tmp_path / "Qwen3-VL-8B-Q8_0.gguf"))
    assert made.served_name == "Qwen3-VL-8B-Q8_0.gguf"


def test_ollama_gets_its_context_and_says_what_to_pull() -> None:
    made = command("ollama", "8b", port=11500)
    assert made.arguments == ("ollama", "serve")
    assert made.environment["OLLAMA_CONTEXT_LENGTH"] == "32768"
    assert made.environment["OLLAMA_HOST"] == "127.0.0.1:11500"
    assert made.first == "OLLAMA_HOST=127.0.0.1:11500 ollama pull qwen3-vl:8b-instruct"
    tags = [command("ollama", name).served_name for name in ("30b-a3b-thinking", "4b-fp8")]
    assert tags == ["qwen3-vl:30b-a3b-thinking", "qwen3-vl:4b-instruct-q8_0"]
    with pytest.raises(SettingsError, match="give a short name"):
        command("ollama", "someone/fine-tune")


@pytest.mark.parametrize(
    ("engine", "model", "said"),
    [
        ("vllm", "8b-4bit", "8b-fp8, or --engine llama.cpp"),
        ("vllm", "tiny.gguf", "take --engine llama.cpp"),
        ("xllamacpp", "8b", "hf download Qwen/Qwen3-VL-8B-Instruct-GGUF"),
    ],
)
def test_what_an_engine_cant_load_is_said_with_what_can(engine: str, model: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        command(engine, model)


@pytest.mark.parametrize("engine", ["vllm", "llama.cpp"])
def test_other_machines_are_let_in_with_a_key_alone_and_the_key_is_never_shown(engine: str) -> None:
    with pytest.raises(SettingsError, match="set --api-key"):
        command(engine, "8b", host="0.0.0.0")
    made = command(engine, "8b", host="0.0.0.0", key=True)
    shown = serve.line(made, key=True)
    assert f'{made.key_variable}="$QVL_AGENT_API_KEY"' in shown
    assert "--api-key" not in shown


@pytest.mark.parametrize("engine", ["sglang", "ollama"])
def test_an_engine_that_takes_no_key_unseen_stays_on_this_machine(engine: str) -> None:
    with pytest.raises(SettingsError, match="take --engine vllm or"):
        command(engine, "8b", host="192.168.1.5", key=True)


def test_every_command_survives_the_shell() -> None:
    for name in ENGINES:
        model = "tiny.gguf" if name == "xllamacpp" else "8b"
        made = command(name, model, mmproj="an mmproj.gguf")
        words = shlex.split(serve.line(made))
        assert tuple(words[-len(made.arguments) :]) == made.arguments


# Which engine, which model


def test_print_shows_the_command_of_an_engine_that_isnt_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QVL_AGENT_API_KEY", raising=False)
    shown = CliRunner().invoke(
        main, ["serve", "--print", "--engine", "vllm", "--model", "32b", "--tensor-parallel", "4"]
    )
    assert shown.exit_code == 0, shown.output
    words = shlex.split(shown.output)
    assert words[:4] == ["VLLM_NO_USAGE_STATS=1", "vllm", "serve", "Qwen/Qwen3-VL-32B-Instruct"]
    ollama = CliRunner().invoke(main, ["serve", "--print", "--engine", "ollama", "--model", "2b"])
    assert ollama.output.startswith("# once the server runs: OLLAMA_HOST=127.0.0.1:11434 ollama pull")


def test_what_isnt_installed_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(ModelError, match="vllm isn't installed; get it with: pip install 'vllm"):
        serve.choose_engine("vllm", only_print=False)
    monkeypatch.setattr(serve, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match=r"no engine is installed.*ollama: https://ollama.com/download"):
        serve.choose_engine("", only_print=False)
    assert serve.choose_engine("", only_print=True).name == "llama.cpp"
    with pytest.raises(SettingsError, match=r"choose vllm, sglang, llama.cpp, ollama, xllamacpp"):
        serve.choose_engine("tgi", only_print=True)


@pytest.mark.parametrize(
    ("memory", "model"),
    [
        (Memory(gpu=0, ram=64 * GIB), "Qwen/Qwen3-VL-4B-Instruct"),
        (Memory(gpu=12 * GIB, ram=64 * GIB), "Qwen/Qwen3-VL-8B-Instruct"),
        (Memory(gpu=24 * GIB, ram=64 * GIB), "Qwen/Qwen3-VL-30B-A3B-Instruct"),
    ],
)
def test_without_a_name_the_largest_that_fits_in_four_bits_is_served(memory: Memory, model: str) -> None:
    chosen, preset = serve.choose_model("auto", ENGINES["llama.cpp"], ModelChooser(), lambda: memory)
    assert (chosen, preset.hub_id if preset else "") == (model, model)


def test_vllm_doesnt_download_what_nobody_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path))
    here = Memory(gpu=24 * GIB, ram=0, fp8=True)
    with pytest.raises(ModelError, match="hf download Qwen/Qwen3-VL-8B-Instruct"):
        serve.choose_model("auto", ENGINES["vllm"], ModelChooser(), lambda: here)
    with pytest.raises(ModelError, match="which needs 70 GiB of memory"):
        serve.choose_model("32b", ENGINES["vllm"], ModelChooser(), lambda: here)


# Real processes


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def started(arguments: list[str], log: Path, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """`qvl-agent serve` with its words in a file; killed if the test leaves it running."""
    with log.open("w") as said:
        process = subprocess.Popen(
            [PROGRAM, "serve", *arguments],
            env={**os.environ, **environment},
            text=True,
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.fixture
def stand_in(tmp_path: Path) -> dict[str, str]:
    """An environment whose PATH begins with a program called vllm."""
    program = tmp_path / "bin" / "vllm"
    program.parent.mkdir()
    source = SUPPORT / "stand_in_engine.py"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {source} "$@"\n')
    program.chmod(0o755)
    return {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "STAND_IN_NOTES": str(tmp_path / "notes.json"),
        "HF_HUB_OFFLINE": "1",
    }


def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "Qwen3-VL-mine"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_engine_is_started_watched_and_ended_with_its_workers(
    number: signal.Signals, stand_in: dict[str, str], tmp_path: Path
) -> None:
    log, port = tmp_path / "log", free_port()
    arguments = ["--engine", "vllm", "--model", str(model_folder(tmp_path)), "--port", str(port)]
    with started(arguments, log, **stand_in, QVL_AGENT_API_KEY="hunter2") as process:
        until(lambda: "ready:" in log.read_text(), f"not ready: {log.read_text()}")
        use = f'ready: qvl-agent "TASK" --model http://127.0.0.1:{port}/v1 --server-model Qwen3-VL-mine'
        assert use in log.read_text()
        notes = json.loads(Path(stand_in["STAND_IN_NOTES"]).read_text())
        assert alive(notes["worker"])
        process.send_signal(number)
        assert process.wait(30) == 130
    notes = json.loads(Path(stand_in["STAND_IN_NOTES"]).read_text())
    assert notes["signals"] == [number.name]
    assert notes["telemetry"] == "1"
    assert notes["arguments"][:2] == ["serve", str(tmp_path / "Qwen3-VL-mine")]
    assert "hunter2" not in log.read_text() + str(notes["arguments"])
    until(lambda: not alive(notes["worker"]), "the engine's worker lives on")


def test_an_engine_that_wont_end_is_killed_by_the_second_signal(
    stand_in: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    arguments = ["--engine", "vllm", "--model", str(model_folder(tmp_path)), "--port", str(free_port())]
    notes = Path(stand_in["STAND_IN_NOTES"])
    with started(arguments, log, **stand_in, STAND_IN_STUBBORN="1") as process:
        until(lambda: "ready:" in log.read_text(), f"not ready: {log.read_text()}")
        process.send_signal(signal.SIGINT)
        until(lambda: json.loads(notes.read_text())["signals"] == ["SIGINT"], "the signal didn't come")
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    worker = json.loads(notes.read_text())["worker"]
    until(lambda: not alive(worker), "the engine's worker lives on")


def test_an_engine_that_fails_to_start_is_an_error(stand_in: dict[str, str], tmp_path: Path) -> None:
    log = tmp_path / "log"
    arguments = ["--engine", "vllm", "--model", str(model_folder(tmp_path)), "--port", str(free_port())]
    with started(arguments, log, **stand_in, STAND_IN_FAILS="1") as process:
        assert process.wait(30) == 5
    assert "vllm ended with status 3 before it was ready" in log.read_text()


def test_a_port_that_is_taken_is_an_error_before_anything_starts(
    stand_in: dict[str, str], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        arguments = ["--engine", "vllm", "--model", str(model_folder(tmp_path)), "--port", str(port)]
        with started(arguments, tmp_path / "log", **stand_in) as process:
            assert process.wait(30) == 5
    assert "is a server there already?" in (tmp_path / "log").read_text()
    assert not Path(stand_in["STAND_IN_NOTES"]).exists()


def test_llama_cpp_serves_a_qwen3_vl_and_auto_finds_it(tmp_path: Path) -> None:
    """The real engine, from the wheel xllamacpp, with a tiny model of random weights."""
    files = convert(checkpoint(tmp_path / "checkpoint", words=FEW), tmp_path / "gguf", "tiny")
    log, port = tmp_path / "log", free_port()
    arguments = ["--engine", "xllamacpp", "--model", str(files.model), "--port", str(port)]
    with started(arguments, log) as process:
        until(lambda: "ready:" in log.read_text(), f"not ready: {log.read_text()[-2000:]}")
        found = look_around(places=[LocalServer("llama.cpp", f"http://127.0.0.1:{port}/v1")])
        assert isinstance(found, Served)
        assert found.model == "qwen3-vl-tiny.gguf"
        with open_model(found.url, max_reply_tokens=16) as model:
            reply = model.reply([Message("user", ("What now?",))], stop=lambda: False)
        assert reply.prompt_tokens is not None
        assert reply.prompt_tokens > 5
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
