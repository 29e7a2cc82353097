"""Every command in the README does what it says.

`make demo` and `make test` are run by the check-in script itself. What stands for a model's server
is one on loopback, and for a checkpoint a small one of the real class: the commands are the README's
but for that address and that name.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from project import ROOT
from stream_server import StreamServer, says, serving
from tiny_checkpoint import checkpoint

from qvl_agent.agent.settings import Settings

README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent
DONE = '{"action": "done"}'
SECRET = "correct horse"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    lines = [line.split("  #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    asks = "qvl-agent ask "  # these need a model and files: see test_ask.py
    return [line for line in lines if line.startswith("qvl-agent ") and not line.startswith(asks)]


def model_rows() -> list[str]:
    """Complete each row of the table of models to a whole command."""
    rows = []
    for line in README.splitlines():
        for words in re.findall(r"`((?:qvl-agent|--server)[^`]*)`", line) if line.startswith("|") else []:
            options = re.search(r"--(?:server|model) .*", words)
            if options and "TASK" in f'"TASK" {words}':
                rows.append(options.group())
    return rows


def run(words: list[str], cwd: Path, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(cwd), "PYTHONPATH": ""}
    return subprocess.run(
        words, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True, check=False,
        input=said, timeout=240,
    )  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that holds what the commands name, as a clone does."""
    (tmp_path / "sandbox").mkdir()
    (tmp_path / "sandbox" / "examples").symlink_to(ROOT / "sandbox" / "examples")
    (tmp_path / "nano-gguf").mkdir()
    for name in ("nano.gguf", "mmproj-nano.gguf"):
        (tmp_path / "nano-gguf" / name).touch()
    cut_off(tmp_path / "RUN")
    return tmp_path


def cut_off(folder: Path) -> None:
    """Make a run that was killed after its first step."""
    shutil.copytree(ROOT / "sandbox" / "examples" / "uncheck-the-pinned-chat", folder)
    journal = folder / "journal.jsonl"
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    journal.write_text("".join(lines[:2]), encoding="utf-8")


@pytest.fixture
def server() -> Iterator[StreamServer]:
    with serving(says(DONE)) as running:
        yield running


@pytest.mark.parametrize("command", commands())
def test_the_commands_work(command: str, clone: Path) -> None:
    secrets = {"QVL_AGENT_SECRET_BANK_PIN": SECRET, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    done = run(shlex.split(command), clone, f"{SECRET}\n", **secrets)
    no_screen = command == "qvl-agent doctor" or "{{secret:" in command
    expected = 69 if no_screen else 0  # there is none here, and it says so
    assert SECRET not in done.stdout + done.stderr
    assert done.returncode == expected, done.stdout + done.stderr


@pytest.mark.parametrize("options", [row for row in model_rows() if "--server" in row])
def test_each_servers_line_reaches_a_server(options: str, server: StreamServer, tmp_path: Path) -> None:
    """The model says "done" at once, which the checker doesn't believe: exit 3 shows the whole way."""
    options = re.sub(r"http://127\.0\.0\.1:\d+", f"http://127.0.0.1:{server.server_port}", options)
    words = ["qvl-agent", "uncheck the pinned chat", "--desktop", "sandbox:chat", *shlex.split(options)]
    done = run(words, tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr


def test_the_checkpoints_line_loads_a_checkpoint(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "tiny", says=DONE)
    (options,) = (row for row in model_rows() if "--server" not in row)
    options = re.sub(r"--model \S+", f"--model {folder}", options)
    words = ["qvl-agent", "uncheck the pinned chat", "--desktop", "sandbox:chat", *shlex.split(options)]
    done = run(words, tmp_path, OMP_NUM_THREADS="1")
    assert done.returncode == 3, done.stdout + done.stderr


def test_the_script_runs_and_prints_the_evidence(tmp_path: Path) -> None:
    script, asking = blocks("python")
    done = run([sys.executable, "-c", asking], tmp_path)
    assert done.returncode == 0, done.stderr
    done = run([sys.executable, "-c", script], tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "done True"
    assert "kind='click'" in lines[1]


def test_the_settings_files_are_valid() -> None:
    assert blocks("toml")
    for block in blocks("toml"):
        Settings(**tomllib.loads(block))


def test_the_ci_snippet_replays_every_recording_and_fails_on_a_broken_one(tmp_path: Path) -> None:
    (snippet,) = blocks("yaml")
    (command,) = re.findall(r"- run: (for .*)", snippet)
    runs = tmp_path / "recordings"
    runs.mkdir()
    source = ROOT / "sandbox" / "examples" / "uncheck-the-pinned-chat"
    (runs / "one").symlink_to(source)
    shell = ["bash", "-e", "-o", "pipefail", "-c", command]  # as GitHub runs it
    good = run(shell, tmp_path)
    assert good.returncode == 0, good.stdout + good.stderr
    (runs / "a-broken-one").mkdir()
    assert run(shell, tmp_path).returncode != 0
    (runs / "a-broken-one").rename(runs / "the-last-is-broken")
    assert run(shell, tmp_path).returncode != 0


def test_pictures_and_pages_that_it_names_are_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).is_file(), name
