"""A paused run in a real terminal: what lets it go on; and the whole program when a person takes over."""

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from event_window import held
from other_hands import other_hands
from stream_server import Answer, Answering, says, serving
from terminals import CHILD, READ_S, Terminal, in_terminal

from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")
PROMPT = "q ends the run: "
DONE = '{"action": "done", "summary": "it is so"}'


def test_enter_goes_on_and_q_ends(tmp_path: Path) -> None:
    keys = {"\r": "True", "q": "False", "Q": "False", "\x04": "False", "xy\x1b[Bz\r": "True"}
    facts = {"pauses": [f"reason {at}" for at, _ in enumerate(keys)]}
    with in_terminal(sys.executable, CHILD, json.dumps(facts), cwd=tmp_path) as terminal:
        for at, (typed, goes_on) in enumerate(keys.items()):
            terminal.wait_for(PROMPT)
            assert f"reason {at}\r\n" in terminal.shown
            terminal.watch(READ_S)
            terminal.type(typed)
            terminal.wait_for(f"goes on: {goes_on}\r")
            terminal.shown = terminal.shown.partition(f"goes on: {goes_on}\r")[2]
        assert terminal.end() == 0


def test_what_was_typed_for_something_else_is_no_answer(tmp_path: Path) -> None:
    facts = {"pauses": ["you typed"], "stop_s": 2.5}
    with in_terminal(sys.executable, CHILD, json.dumps(facts), cwd=tmp_path) as terminal:
        terminal.type("hello\r\r")
        terminal.wait_for(PROMPT)
        terminal.type("\r\r")
        terminal.wait_for("goes on: False")  # the run was stopped meanwhile


def test_a_reason_cannot_steer_the_terminal(tmp_path: Path) -> None:
    facts = {"pauses": ["\x1b[2J[green]all is well[/]\rEnter"], "stop_s": 0.5}
    with in_terminal(sys.executable, CHILD, json.dumps(facts), cwd=tmp_path) as terminal:
        terminal.wait_for("goes on")
        assert "\x1b[2J" not in terminal.shown
        assert "[green]all is well[/]" in terminal.shown


class Slow:
    """Answers the first time only when it is hung up on; after that, at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()

    def __call__(self, to: Answering) -> None:
        self.asked.set()
        to.server.hung_up.wait(30)


@contextmanager
def running(display: VirtualDisplay, tmp_path: Path, *answers: Answer) -> Iterator[Terminal]:
    with serving(*answers) as server:
        words = (PROGRAM, "run", "do it", "--server", server.base_url, "--no-verify", "--ocr", "never")
        words += ("--runs", "runs")
        environment = {**display.environment(), "XDG_RUNTIME_DIR": str(tmp_path)}
        environment = {name: environment[name] for name in ("DISPLAY", "XDG_RUNTIME_DIR")}
        with in_terminal(*words, cwd=tmp_path, **environment) as terminal:
            yield terminal


@pytest.mark.fault(73)
@pytest.mark.parametrize(("typed", "shown", "code"), [("\r", "it is so", 0), ("q", "stopped", 130)])
def test_taking_over_while_the_model_thinks(
    display: VirtualDisplay, tmp_path: Path, typed: str, shown: str, code: int
) -> None:
    slow = Slow()
    with running(display, tmp_path, slow, says(DONE)) as terminal, other_hands(display.name) as hands:
        terminal.wait_for("the model is looking")
        assert slow.asked.wait(20)
        hands.tap("a")
        terminal.wait_for(PROMPT)
        assert "somebody typed while the agent was at work" in terminal.shown
        hands.tap("a")
        hands.move(500, 500)
        terminal.watch(READ_S)
        terminal.type(typed)
        terminal.wait_for(shown)
        assert terminal.end() == code
    assert held(display.name) == ([], 0)


@pytest.mark.fault(68, 77)
@pytest.mark.parametrize("paused", [False, True])
def test_ctrl_c_in_our_own_terminal_ends_the_run(
    display: VirtualDisplay, tmp_path: Path, paused: bool
) -> None:
    slow = Slow()
    with running(display, tmp_path, slow) as terminal, other_hands(display.name) as hands:
        assert slow.asked.wait(20)
        if paused:
            hands.tap("a")
            terminal.wait_for(PROMPT)
        terminal.type("\x03")
        assert terminal.end() == 130
    assert "Traceback" not in terminal.shown
    assert "stopped" in terminal.shown


def test_what_was_ended_in_a_pause_can_be_gone_on_with(display: VirtualDisplay, tmp_path: Path) -> None:
    with running(display, tmp_path, Slow()) as terminal, other_hands(display.name) as hands:
        terminal.wait_for("the model is looking")
        hands.tap("a")
        terminal.wait_for(PROMPT)
        terminal.watch(READ_S)
        terminal.type("q")
        assert terminal.end() == 130
    assert "qvl-agent resume" in terminal.shown
    (folder,) = (tmp_path / "runs").iterdir()
    with serving(says(DONE)) as server:
        words = (PROGRAM, "resume", str(folder), "--server", server.base_url, "--no-verify", "--ocr", "never")
        own = {"DISPLAY": display.name, "XDG_RUNTIME_DIR": str(tmp_path)}
        with in_terminal(*words, cwd=tmp_path, **own) as terminal:
            assert terminal.end() == 0, terminal.shown
    assert "it is so" in terminal.shown
