"""What a step costs beside the model, at 1920x1080 in the sandbox.

The same tasks run in turn, in one go: as they are, where the display tells what is drawn; polling the screen;
and with a fixed wait of one second in their place, as other agents do it. Prints p50 and p95 of every part in
milliseconds.

A program answers in the model's place, at once; so it is made to wait first, for less time than any model
takes. Without that (`--think 0`), a step also waits for its picture to be stored, which else goes on while
the model thinks.

    python benchmarks/step_overhead.py [--rounds 5] [--think 0.1]
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.actions.screen.changes import compare
from qvl_agent.actions.screen.settle import Settled
from qvl_agent.agent import Agent, open_model
from qvl_agent.agent.models import Model
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.png import encode
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox

SIZE = (1920, 1080)
TASKS = (("chat", None), ("settings", None), ("form", None))
PARTS = ("capture", "prompt", "parse", "guard", "freshness", "input", "settle", "record")
FIXED_WAIT_S = 1.0


def fixed_wait(grab: Callable[[], Frame], before: Frame, **_: Any) -> Settled:
    """Wait a second, look once: what stands in the place of settling elsewhere."""
    start = time.monotonic()
    time.sleep(FIXED_WAIT_S)
    frame = grab()
    return Settled(frame, compare(before, frame), quiet=True, seconds=time.monotonic() - start, polls=1)


class Polled(SandboxDesktop):
    """The same desktop, but nothing tells when something is drawn."""

    def damage(self) -> None:
        return None


FIXED = "a fixed second"
WAYS = {"told what is drawn": SandboxDesktop, "polls": Polled, FIXED: Polled}


def steps_of(recording: Recording) -> list[dict[str, float]]:
    """Read the seconds by part of every step that sent input, and encode its screen once more.

    A run encodes on a thread of its own while the model thinks; what of it the step had to wait for
    is in "record".
    """
    return [
        {**step.intent.times, **step.outcome.outcome.times, "encode": encoding(recording, step.intent.frame)}
        for step in recording.steps
        if step.intent.plan and step.outcome.outcome.status == "done"
    ]


def encoding(recording: Recording, ref: FrameRef) -> float:
    pixels = recording.frame(ref).pixels
    start = time.monotonic()
    encode(pixels)
    return time.monotonic() - start


class Thinking:
    """A model that thinks for some seconds before it answers."""

    def __init__(self, model: Model, seconds: float) -> None:
        self._model, self._seconds = model, seconds

    def with_format(self, _: ReplyFormat) -> "Thinking":
        return self

    def reply(self, messages: Sequence[Message], **more: Any) -> Reply:
        time.sleep(self._seconds)
        return self._model.reply(messages, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def measure(runs: Path, rounds: int, think_s: float) -> dict[str, list[dict[str, float]]]:
    """Run the tasks on some seeds, all in 1920x1080, in each way in turn."""
    measured: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for app, task in TASKS:
        with open_sandbox(app, task=task, seed=0, size=SIZE) as sandbox:
            for seed in range(-1, rounds):  # the first one loads what a process loads once
                for way, kind in random.Random(f"{app} {seed}").sample(list(WAYS.items()), len(WAYS)):
                    sandbox.reset(sandbox.task.name, abs(seed))
                    desktop = kind(sandbox, f"sandbox:{app}")
                    fixed = patch("qvl_agent.actions.screen.effect.settle", fixed_wait)
                    with (
                        fixed if way == FIXED else nullcontext(),
                        open_model("oracle", desktop=desktop) as model,
                    ):
                        run = Agent(desktop, Thinking(model, think_s), runs=runs).run(sandbox.instruction)
                    assert run.verified, run.result
                    measured[way] += steps_of(run.recording()) if seed >= 0 else []
    return measured


def percentile(values: list[float], share: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1] * 1000


def table(title: str, steps: list[dict[str, float]]) -> float:
    print(f"\n{title}: {len(steps)} steps with input at {SIZE[0]}x{SIZE[1]}")
    print(f"{'ms':<12}{'p50':>10}{'p95':>10}")
    for part in (*PARTS, "encode"):
        values = [step.get(part, 0.0) for step in steps]
        print(f"{part:<12}{percentile(values, 50):>10.2f}{percentile(values, 95):>10.2f}")
    whole = [sum(step.get(part, 0.0) for part in PARTS) for step in steps]
    print(f"{'in all':<12}{percentile(whole, 50):>10.2f}{percentile(whole, 95):>10.2f}")
    return percentile(whole, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="seeds a task")
    parser.add_argument("--think", type=float, default=0.1, help="seconds that the model takes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), options.rounds, options.think)
    told, polled, fixed = (table(way, steps) for way, steps in measured.items())
    print(
        f"\nmedian of a step beside the model: {told:.0f} ms, {polled:.0f} ms with polls, and "
        f"{fixed:.0f} ms with a fixed second: {fixed / told:.1f} x"
    )


if __name__ == "__main__":
    main()
