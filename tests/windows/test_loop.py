"""The program itself on Windows: a task through the whole loop in a real Notepad, and its record replayed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Notepad, running_notepad, until
from stream_server import says, serving

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.desktops import Desktop

TEXT = "Grüße, Привет 你好 €5 😀"


def program(*words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run qvl-agent with settings and records of its own."""
    start = "import sys; from qvl_agent.agent.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", start, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=100,
        check=False,
        cwd=home,
    )


def box(desktop: Desktop, point: DesktopPoint) -> list[int]:
    """A small box about a point, on the model's grid."""
    width, height = desktop.geometry().monitors[0].width, desktop.geometry().monitors[0].height
    x, y = point.x * 1000 / width, point.y * 1000 / height
    return [round(x - 4), round(y - 4), round(x + 4), round(y + 4)]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_a_task_is_done_saved_recorded_and_played_again(desktop: Desktop, tmp_path: Path, home: Path) -> None:
    with running_notepad(tmp_path / "notes.txt", "\ufeff", "utf-16-le") as notepad:
        play(desktop, notepad, home)


def play(desktop: Desktop, notepad: Notepad, home: Path) -> None:
    sheet = box(desktop, notepad.inside(120, 90))
    replies = [
        {"intent": "Go to the sheet.", "action": "click", "bbox_2d": sheet, "label": "sheet"},
        {"intent": "Write it.", "action": "type", "text": TEXT},
        {"intent": "Save.", "action": "key", "keys": ["ctrl", "s"]},
        {"action": "done", "summary": "It is written and saved."},
    ]
    runs = home / "runs"
    with serving(*(says(json.dumps(reply)) for reply in replies)) as server:
        at = ["--server", server.base_url, "--model", "qwen3-vl", "--runs", str(runs)]
        done = program(f"write {TEXT} and save", *at, "--no-verify", "--look-closer", "never", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    until(lambda: notepad.path.stat().st_size > 2, "the saved file")
    assert notepad.path.read_text("utf-16") == TEXT
    (run,) = runs.iterdir()
    again = program("replay", str(run), home=home)
    assert again.returncode == 0, again.stdout + again.stderr
    shown = program("show", str(run), home=home)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert (run / "report.html").stat().st_size > 10_000


def test_the_doctor_finds_the_screen_and_says_what_isnt_here(home: Path) -> None:
    done = program("doctor", "--no-pointing", home=home)
    assert "ok   input: open; the pointer is at" in done.stdout, done.stdout + done.stderr
    assert "watchdog: none here: Ctrl+C is the only way to stop a run" in done.stdout


def test_without_a_server_the_remedy_is_said(home: Path) -> None:
    done = program("do it", "--server", "http://127.0.0.1:9/v1", "--model", "qwen3-vl", home=home)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "can't connect to http://127.0.0.1:9/v1" in done.stdout
    assert re.search(r'qvl-agent resume "?C:\\[^\']*$', done.stdout.strip()), "a command that cmd.exe takes"
