"""A whole run in a real terminal: what becomes of it when a question is answered, stopped, or nobody's."""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from event_window import EventWindow
from stream_server import says, serving
from terminals import Terminal, in_terminal

from qvl_agent.agent.terminal.question import UNREAD_S
from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")
CLOSE = json.dumps({"action": "press", "keys": ["ctrl", "w"]})
DONE = json.dumps({"action": "done", "summary": "it is so"})
QUIT = json.dumps({"action": "press", "keys": ["ctrl", "q"]})


@contextmanager
def running(
    display: VirtualDisplay, folder: Path, *more: str, replies: tuple[str, ...]
) -> Iterator[Terminal]:
    with serving(*(says(reply) for reply in replies)) as server:
        words = ["close it", "--desktop", display.name, "--server", server.base_url, "--model", "qwen3-vl",
                 "--no-verify", "--ocr", "never", "--runs", "runs", *more]  # fmt: skip
        with in_terminal(PROGRAM, *words, cwd=folder, answers={"\x1b[c": "\x1b[?62;22c"}) as terminal:
            yield terminal


def test_what_is_typed_at_the_terminal_decides(display: VirtualDisplay, tmp_path: Path) -> None:
    """A no is told to the model and not asked again; a yes lets the keys through."""
    with (
        EventWindow(display.name) as window,
        running(display, tmp_path, replies=(CLOSE, CLOSE, QUIT, DONE)) as terminal,
    ):
        terminal.type("y\r" * 3)
        terminal.wait_for("left): ")
        terminal.watch(UNREAD_S + 0.3)
        assert window.inputs() == []
        terminal.type("n\r")
        terminal.wait_for("ctrl+q quits the application")
        terminal.watch(UNREAD_S + 0.3)
        assert terminal.shown.count("May the agent do this?") == 2, "the second ctrl+w isn't asked about"
        terminal.type("y\r")
        assert terminal.end() == 0, terminal.shown
        pressed = [what for what, _ in window.inputs()]
        assert pressed == ["key down", "key down", "key up", "key up"]


def test_ctrl_c_at_the_question_stops_the_run(display: VirtualDisplay, tmp_path: Path) -> None:
    with running(display, tmp_path, replies=(CLOSE, DONE)) as terminal:
        terminal.wait_for("left): ")
        terminal.program.send_signal(signal.SIGINT)
        assert terminal.end() == 130, terminal.shown


def test_unattended_parks_and_says_how_to_go_on(display: VirtualDisplay, tmp_path: Path) -> None:
    with running(display, tmp_path, "--profile", "unattended", replies=(CLOSE, DONE)) as terminal:
        assert terminal.end() == 7, terminal.shown
        assert "qvl-agent resume" in terminal.shown
        assert "May the agent do this?" not in terminal.shown
