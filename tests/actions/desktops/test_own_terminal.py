"""The agent at work in a real terminal on the very desktop it drives: it can't answer its own questions."""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from held_input import named
from stream_server import Answer, Answering, says, serving
from text_fields import TextField, wait_until

from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.desktops.windows import GREY
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.terminal.question import UNREAD_S
from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = str(Path(sys.executable).parent / "qvl-agent")
IN_TERMINAL = {"bbox_2d": [100, 200, 120, 220], "label": "the terminal"}


class OwnTerminal:
    """An xterm in which the agent runs; `log` has what it shows."""

    def __init__(self, display: VirtualDisplay, log: Path) -> None:
        self._display, self._log = display, log

    @property
    def shown(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def wait_for(self, pattern: str, limit_s: float = 60.0) -> None:
        deadline = time.monotonic() + limit_s
        while not re.search(pattern, self.shown):
            assert time.monotonic() < deadline, f"{pattern!r} never came:\n{self.shown}"
            time.sleep(0.05)

    def type(self, *keys: str) -> None:
        """Go there and press keys, as a person does."""
        self._xdotool("search", "--class", "Own", "windowactivate", "--sync")
        self._xdotool("key", *keys)

    def _xdotool(self, *words: str) -> None:
        subprocess.run(["xdotool", *words], env=self._display.environment(), check=True)


@contextmanager
def at_work(display: VirtualDisplay, desktop: Desktop, folder: Path, server: str) -> Iterator[OwnTerminal]:
    words = [PROGRAM, "try it", "--desktop", display.name, "--server", server, "--model", "qwen3-vl",
             "--no-verify", "--ocr", "never", "--runs", "runs"]  # fmt: skip
    log = folder / "log"
    run = f"{shlex.join(words)}; echo ended with $?"
    command = ["xterm", "-class", "Own", "-geometry", "80x24+0+0", "-e", "script", "-qfc", run, str(log)]
    environment = display.environment() | {"HOME": str(folder), "SHELL": "/bin/sh", "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(command, cwd=folder, env=environment) as xterm:
        try:
            wait_until(lambda: named(desktop.focused()) == "Own", "the terminal")
            yield OwnTerminal(display, log)
        finally:
            xterm.terminate()


def obstinate(replies: Sequence[dict[str, object]]) -> Answer:
    """A model that says one thing after the other, and again what came too late on a busy machine."""
    at = -1

    def answer(to: Answering) -> None:
        nonlocal at
        at += "Look again" not in json.dumps(to.asked.body["messages"][-1])
        says(json.dumps(replies[at]))(to)

    return answer


def test_the_agent_cannot_answer_its_own_question(
    display: VirtualDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    """It clicks into its terminal, types "y" there, and types "y" elsewhere just before it has to ask."""
    with TextField("tk", display.environment(), tmp_path) as field:
        rect = getattr(desktop.focused(), "rect", None)
        assert rect
        x, y = (rect.left + 100) * 1000 // 1280, (rect.top + rect.height // 2) * 1000 // 800
        replies = (
            {"action": "click", **IN_TERMINAL},
            {"action": "type", "text": "y\n"},
            {"action": "click", "bbox_2d": [x, y, x + 5, y + 5], "label": "the field"},
            {"action": "type", "text": "y\n"},
            {"action": "press", "keys": ["ctrl", "w"], "label": "the field"},
            {"action": "done", "summary": "it is so"},
        )
        with (
            serving(obstinate(replies)) as server,
            at_work(display, desktop, tmp_path, server.base_url) as terminal,
        ):
            terminal.wait_for(r"left\): ")
            assert field.settled("y") == "y", "elsewhere it may type"
            before = field.text(), desktop.pointer(), named(desktop.focused()), len(server.asked)
            wait_until(lambda: len(set(re.findall(r"\d:\d\d left", terminal.shown))) > 2, "some seconds")
            assert "your answer: " not in re.sub(r"\x1b\[[\d;]*m", "", terminal.shown)
            now = field.text(), desktop.pointer(), named(desktop.focused()), len(server.asked)
            assert now == before, "while it asks, it does nothing else"
            terminal.type("y", "Return")
            terminal.wait_for(r"ended with \d")
            assert "ended with 0" in terminal.shown, terminal.shown
            assert named(desktop.focused()) == "Tk", "the focus went back"
    (folder,) = (tmp_path / "runs").iterdir()
    recording = Recording.open(folder)
    steps = [step for step in recording.steps if step.outcome.outcome.status != "stale"]
    first = recording.frame(steps[0].intent.frame).pixels
    assert (first[50:300, 20:400] == GREY).all(), "the model never sees what its own terminal shows"
    assert not (first[rect.top + 30 : rect.top + 60, rect.left + 30 : rect.left + 400] == GREY).all()
    assert [step.outcome.outcome.status for step in steps] == [
        "refused", "refused", "done", "done", "done", "done",
    ]  # fmt: skip
    for step in steps[:2]:
        assert step.intent.verdict
        assert step.intent.verdict.rule in {"off-limits", "own-window"}
    consent = steps[4].intent.consent
    assert consent
    assert consent.said == "yes"
    assert consent.seconds > UNREAD_S
