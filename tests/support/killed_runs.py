"""Runs that are killed by SIGKILL at random moments and resumed, again and again, until each is done.

The agent is a process of its own on a real display, with its watchdog; what it works at is a real application
that keeps a log of all it got. After each kill: what was acknowledged stands in the record. After
each run: every acknowledged action reached the application, and no action did twice.

    python tests/support/killed_runs.py --kills 200

prints one line of JSON with the counts, and exits 1 with the first thing that isn't as it should be.
"""

import argparse
import json
import os
import random
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from counting_app import BUTTONS, Box, CountingApp, counted
from event_window import held

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.execution.person import Consent, Nobody, Question
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent import Agent, open_desktop
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.recording.journal import read_journal
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.run.events import Acted, Decided, RunEvent
from qvl_agent.sandbox.display import VirtualDisplay

SIZE = (800, 600)
LETTERS = "abcdefg"
LENGTH = 6
SCRIPT: tuple[int | str, ...] = tuple(
    step
    for number in range(BUTTONS)
    for step in (
        (number, LETTERS[number // 4]) if number % 4 == 3 and number // 4 < len(LETTERS) else (number,)
    )
)
"""The numbers of buttons, and after every few a letter that is typed several times and nowhere else."""
START_S, WORK_S = 1.5, 1.0
"""The latest moment of a kill: after the process was made, or after its first step was."""
POLICY = Policy(max_steps=10_000, max_seconds=1e6, max_approvals=10_000, actions_per_second=50)


@dataclass
class Found:
    """What was counted."""

    kills: int = 0
    runs: int = 0
    steps: int = 0
    acknowledged: int = 0
    unknown: int = 0
    unknown_sent: int = 0
    asked: int = 0
    before_first_step: int = 0
    times_s: list[float] = field(default_factory=list)


class LookingModel(Model):
    """Knows the application's own log, and asks for the next thing that isn't done."""

    name = "looking"

    def __init__(self, log: Path, since: int, boxes: Sequence[Box]) -> None:
        self._log, self._since, self._boxes = log, since, boxes
        self._asked_for: Callable[[], bool] = lambda: True

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        del messages, on_text
        deadline = time.monotonic() + 5.0
        while not self._asked_for() and time.monotonic() < deadline and not stop():
            time.sleep(0.002)  # an application that is slow isn't asked twice
        return Reply(json.dumps(self._next()), prompt_tokens=100, reply_tokens=10)

    def _next(self) -> dict[str, object]:
        got = counted(self._log, self._since)
        for step in SCRIPT:
            match step:
                case str() if (left := LENGTH - got.keys[step]) > 0:
                    self._asked_for = partial(self._typed, step)
                    return self._call("type", self._boxes[-1], "field", text=step * left)
                case int() if got.presses[step] == 0:
                    self._asked_for = partial(self._pressed, step)
                    return self._call("click", self._boxes[step], f"number {step}")
        return {"action": "done", "summary": "all are pressed"}

    def _typed(self, letter: str) -> bool:
        return counted(self._log, self._since).keys[letter] == LENGTH

    def _pressed(self, button: int) -> bool:
        return counted(self._log, self._since).presses[button] > 0

    def _call(self, action: str, box: Box, label: str, **more: object) -> dict[str, object]:
        x, y, width, height = box
        corners = (x, y, x + width, y + height)
        grid = [round(1000 * at / SIZE[index % 2]) for index, at in enumerate(corners)]
        return {"action": action, "bbox_2d": grid, "label": label, **more}

    def close(self) -> None:
        pass


class Agreeing(Nobody):
    """Says yes: whether the same may be done again was looked up in the log."""

    def approve(self, question: Question) -> Consent:
        assert question.verdict.level <= Level.NOTICE or question.verdict.rule == "unknown-fate"
        return Consent("yes")


class Acknowledging:
    """Says on a pipe what is on the disk by now."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe

    def __call__(self, event: RunEvent) -> None:
        match event:
            case Decided(intent):
                os.write(self._pipe, f"intent {intent.step}\n".encode())
            case Acted(outcome):
                os.write(self._pipe, f"outcome {outcome.step}\n".encode())


def work(display: str, runs: Path, model: LookingModel, pipe: int) -> None:
    """Begin a run, or go on with the one that is there. The child's whole life."""
    with open_desktop(display, takeover="ignore") as desktop:
        agent = Agent(
            desktop, model, runs=runs, policy=POLICY, person=Agreeing(), subscribers=(Acknowledging(pipe),)
        )
        folders = folders_in(runs)
        run = agent.resume(folders[0]) if folders else agent.run("press every number")
    if run.status != "done":
        sys.stderr.write(f"{run.status}: {run.result.message}\n")
    os._exit(0 if run.status == "done" else 3)


def folders_in(runs: Path) -> list[Path]:
    return [folder for folder in runs.iterdir() if (folder / "manifest.json").exists()]


def one_life(
    make: Callable[[int], None], after_s: float | None, *, begun: bool
) -> tuple[int | None, list[str]]:
    """Let a child work and kill it some time after it was made or, if `begun`, after its first step was.

    Returns:
        its exit code, None if it was killed, and what it acknowledged.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            make(writer)
        except BaseException as error:  # noqa: BLE001 - a child's whole life
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        finally:
            os._exit(4)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as acknowledged:
        said = acknowledged.read(1) if begun else b""
        if after_s is not None:
            said += wait_for_end(acknowledged, after_s)
            os.kill(child, signal.SIGKILL)
        said += acknowledged.read()
    _, status = os.waitpid(child, 0)
    return (os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else None), said.decode().splitlines()


def wait_for_end(pipe: IO[bytes], limit_s: float) -> bytes:
    """Read until the pipe ends or the time is over."""
    said, deadline = b"", time.monotonic() + limit_s
    while (left := deadline - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            piece = pipe.read(4096)
            if not piece:
                break
            said += piece
    return said


def settle(display: str, app: CountingApp) -> None:
    """Wait until the watchdog has released what was down, and the application has taken all."""
    deadline = time.monotonic() + 20
    while held(display) != ([], 0):
        assert time.monotonic() < deadline, f"still down after a kill: {held(display)}"
        time.sleep(0.005)
    app.sync()


def check_record(folder: Path, said: Sequence[str]) -> bool:
    """Whatever the process was told to be on the disk is there. Says whether the run's end is, too."""
    journal = folder / "journal.jsonl"
    bodies, _ = read_journal(journal) if journal.exists() else ([], "")
    lines = [json.loads(body) for body in bodies]
    written = {f"{line['type']} {line['step']}" for line in lines if line["type"] in {"intent", "outcome"}}
    lost = [line for line in said if line not in written]
    assert not lost, f"acknowledged and lost: {lost}"
    return any(line["type"] == "result" for line in lines)


def check_run(folder: Path, app: CountingApp, since: int, found: Found) -> None:
    """Compare the record with what the application got."""
    recording = Recording.open(folder)
    got = counted(app.log, since)
    sent, done = Counter[str](), Counter[str]()
    for step in recording.steps:
        intent, status = step.intent, step.outcome.outcome.status
        found.steps += 1
        found.asked += intent.consent is not None
        if not intent.approval:
            continue
        name = intent.action.text[0] if intent.action.kind == "type" else intent.action.label
        sent[name] += len(intent.action.text) if intent.action.kind == "type" else 1
        if status == "done":
            done[name] += len(intent.action.text) if intent.action.kind == "type" else 1
        else:
            assert status in {"unknown", "stale"}, status
            found.unknown += status == "unknown"
    for number in range(BUTTONS):
        name, presses = f"number {number}", got.presses[number]
        assert done[name] <= presses <= sent[name], f"{name}: {done[name]}, {presses}, {sent[name]}"
        assert presses == 1, f"{name} was pressed {presses} times"
        assert got.releases[number] == 1, f"{name} was released {got.releases[number]} times"
        found.unknown_sent += presses - done[name]
    for letter in LETTERS:
        keys = got.keys[letter]
        assert done[letter] <= keys <= sent[letter], f"{letter}: {done[letter]}, {keys}, {sent[letter]}"
        assert keys == LENGTH, f"{letter} was typed {keys} times"
    assert replay(recording).agreed
    found.runs += 1


def kill_runs(kills: int, seed: int, folder: Path) -> Found:
    chance, found = random.Random(seed), Found()
    with (
        VirtualDisplay(SIZE) as display,
        CountingApp(display.environment(), folder / "log") as app,
    ):
        while found.kills < kills:
            runs = folder / f"runs-{found.runs}"
            runs.mkdir()
            since = app.log.stat().st_size
            model = LookingModel(app.log, since, app.boxes)
            code: int | None = None
            while code is None:
                begun = chance.random() < 0.75
                after = chance.uniform(0, WORK_S if begun else START_S) if found.kills < kills else None
                start = time.monotonic()
                code, said = one_life(partial(work, display.name, runs, model), after, begun=begun)
                assert code in {0, None}, f"a run ended with {code}"
                settle(display.name, app)
                found.times_s.append(round(time.monotonic() - start, 2))
                found.kills += code is None
                found.acknowledged += len(said)
                found.before_first_step += not said
                if folders := folders_in(runs):
                    over = check_record(folders[0], said)
                    code = 0 if over else code  # it was killed after its last line
                assert len(folders) <= 1, folders
            check_run(folders[0], app, since, found)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=69)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_RUNTIME_DIR"] = folder  # no agent of anybody else's is asked who holds the display
        found = asdict(kill_runs(options.kills, options.seed, Path(folder)))
    times = found.pop("times_s")
    print(json.dumps(found | {"seconds": round(sum(times), 1)}), flush=True)  # noqa: T201 - its answer


if __name__ == "__main__":
    main()
