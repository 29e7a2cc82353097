"""`qvl-agent resume` as a person uses it: the program is killed for real, and the printed command goes on."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from counting_app import CountingApp, counted
from made_runs import small_run
from stream_server import StreamServer, says, serving
from text_fields import wait_until

from qvl_agent.agent.cli.main import main
from qvl_agent.agent.recording.continuing import go_on_with
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")
TEXT = "abcde" * 300
DONE = '{"action": "done", "summary": "it is so"}'


@pytest.fixture(scope="module")
def screen() -> Iterator[VirtualDisplay]:
    with VirtualDisplay((800, 600)) as running:
        yield running


@pytest.fixture
def app(screen: VirtualDisplay, tmp_path: Path) -> Iterator[CountingApp]:
    with CountingApp(screen.environment(), tmp_path / "log") as running:
        yield running


def environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}


def qvl(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *words],
        cwd=cwd,
        env=environment(cwd),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def options(server: StreamServer, *more: str) -> list[str]:
    return ["--server", server.base_url, "--no-verify", "--takeover", "ignore", "--ocr", "never", *more]


@pytest.mark.fault(69)
def test_a_run_that_is_killed_while_it_types(
    screen: VirtualDisplay, app: CountingApp, tmp_path: Path
) -> None:
    typing = json.dumps({"action": "type", "text": TEXT})
    with serving(says(typing), says(DONE)) as server:
        words = ["type it", "--desktop", screen.name, "--runs", "runs", *options(server)]
        with subprocess.Popen(
            [PROGRAM, *words], cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL
        ) as killed:
            wait_until(lambda: counted(app.log).keys.total() > 20, "the first keys", 60)
            killed.send_signal(signal.SIGKILL)
        app.sync()
        before = counted(app.log).keys.total()
        assert before < len(TEXT)
        (folder,) = (tmp_path / "runs").iterdir()

        done = qvl("resume", str(folder), *options(server), cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "note: step 1 was about to do this: Type “abcde" in done.stdout
        assert "goes on after step 1 (cut off)" in done.stdout
        app.sync()
        assert counted(app.log).keys.total() == before, "not one key is typed again"
        first, second = (asked.body["messages"] for asked in server.asked)
    assert second[: len(first)] == first, "byte for byte, so that a server's cache still holds it"
    assert second[len(first)] == {"role": "assistant", "content": typing}
    assert len(second) == len(first) + 2
    assert "Whether it happened is not known" in json.dumps(second[-1])
    steps = Recording.open(folder).steps
    assert [step.outcome.outcome.status for step in steps] == ["unknown", "done"]
    assert replay(Recording.open(folder)).agreed


def test_the_printed_command_goes_on(screen: VirtualDisplay, app: CountingApp, tmp_path: Path) -> None:
    wait = '{"action": "wait", "seconds": 0}'
    with serving(says(wait), says(wait), says(DONE)) as server:
        words = ["do it", "--desktop", screen.name, "--max-steps", "1", "--runs", "my runs"]
        ended = qvl(*words, *options(server), cwd=tmp_path)
        assert ended.returncode == 6, ended.stdout + ended.stderr
        (line,) = (line for line in ended.stdout.splitlines() if line.startswith("it can go on: "))
        program, *words = shlex.split(line.removeprefix("it can go on: "))
        assert (program, words[0], words[2:]) == ("qvl-agent", "resume", ["--max-steps", "50"])
        bare = CliRunner().invoke(main, [words[0], str(tmp_path / words[1]), *options(server)])
        assert bare.exit_code == 2
        assert bare.stderr.startswith(
            "qvl-agent: the run has used up its 1 steps; to give it more: qvl-agent"
        )
        done = qvl(*words, *options(server), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "goes on after step 2 (budget)" in done.stdout


def test_what_cannot_go_on_is_said_in_a_line(tmp_path: Path) -> None:
    over = small_run(tmp_path / "over").folder
    done = CliRunner().invoke(main, ["resume", str(over)])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "it ended as 'done'; to do it again: qvl-agent 'uncheck the pinned chat'" in done.stderr

    held = small_run(tmp_path / "held", status="stopped").folder
    writer, _ = go_on_with(held)
    with writer:
        done = CliRunner().invoke(main, ["resume", str(held)])
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (75, "", 1)
    assert "another process" in done.stderr

    done = CliRunner().invoke(main, ["resume", "no-such-run", "--runs", str(tmp_path)])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "no-such-run" in done.stderr
