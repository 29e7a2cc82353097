"""An application that isn't ours: GTK 3's galculator, through the loop, by boxes read from AT-SPI."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from project import SUPPORT

from qvl_agent.actions.core.coordinates import FramePoint, View, frame_to_model
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent import Agent
from qvl_agent.agent.models import Model, OnText
from qvl_agent.sandbox.display import VirtualDisplay

SYSTEM_PYTHON = "/usr/bin/python3"
READER = SUPPORT / "atspi_tree.py"
PATIENCE_S = 30.0

pytestmark = pytest.mark.skipif(
    not shutil.which("galculator") or not shutil.which("dbus-daemon"),
    reason="needs galculator, dbus and AT-SPI: make test installs them",
)


class Calculator:
    """galculator on a display, with an accessibility bus of its own."""

    def __init__(self, display: str, home: Path) -> None:
        self._bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", "--print-address"], stdout=subprocess.PIPE, text=True
        )
        assert self._bus.stdout is not None
        self._environment = {
            **os.environ,
            "DISPLAY": display,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home),
            "XDG_RUNTIME_DIR": str(home),
            "DBUS_SESSION_BUS_ADDRESS": self._bus.stdout.readline().strip(),
            "LC_ALL": "C.UTF-8",
        }
        self._program = subprocess.Popen(
            ["galculator"], env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def widgets(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [SYSTEM_PYTHON, "-W", "ignore::DeprecationWarning", READER, "galculator"],
            env=self._environment, capture_output=True, text=True, check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        found: list[dict[str, Any]] = json.loads(done.stdout)
        return found

    def button(self, name: str) -> list[int]:
        boxes = [w["box"] for w in self.widgets() if w["role"].endswith("button") and w["name"] == name]
        assert len(boxes) == 1, f"{name}: {boxes}"
        box: list[int] = boxes[0]
        return box

    def shows(self) -> str:
        """Read the number in the calculator's display."""
        texts = [w["text"] for w in self.widgets() if w["role"] == "text" and w["box"][2] > 0]
        return str(texts[0]).strip()

    def wait(self) -> None:
        """Wait until it is drawn and on the bus."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if any(w["name"] == "=" and w["box"][2] > 0 for w in self.widgets()):
                return
            assert self._program.poll() is None, "galculator ended"
        pytest.fail("galculator didn't come up on the accessibility bus")

    def close(self) -> None:
        for process in (self._program, self._bus):
            process.terminate()
            process.wait(10)
        assert self._bus.stdout is not None
        self._bus.stdout.close()


@pytest.fixture
def calculator(display: VirtualDisplay, tmp_path: Path) -> Iterator[Calculator]:
    running = Calculator(display.name, tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.close()


class Presser(Model):
    """A model's stand-in: it knows which key comes next, and reads its box from AT-SPI."""

    def __init__(self, calculator: Calculator, keys: str) -> None:
        self.name = "at-spi"
        self._calculator = calculator
        self._keys = iter(keys)

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        key = next(self._keys, None)
        if key is None:
            return Reply('{"action": "done", "summary": "all keys are pressed"}')
        box = _on_grid(self._calculator.button(key), messages[-1].pictures[-1].view)
        return Reply(json.dumps({"action": "click", "bbox_2d": box, "label": key}))

    def close(self) -> None: ...


def _on_grid(box: list[int], view: View) -> list[float]:
    left, top, right, bottom = box
    first, last = (
        frame_to_model(FramePoint(left, top), view),
        frame_to_model(FramePoint(right - 1, bottom - 1), view),
    )
    return [first.x, first.y, last.x, last.y]


def test_seven_times_six_shows_42(calculator: Calculator, desktop: Desktop, tmp_path: Path) -> None:
    assert calculator.shows() == "0"
    run = Agent(desktop, Presser(calculator, "7*6="), runs=tmp_path / "runs").run("work out 7*6")
    assert run.status == "done"
    assert calculator.shows() == "42"
    for step in run.recording().steps[:-1]:
        assert step.outcome.outcome.status == "done"
        assert step.outcome.outcome.change, f"{step.intent.action} changed nothing"
