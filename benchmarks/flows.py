"""Measure what a flow costs: beside the model that it was made from, offline, and over many rows.

    python benchmarks/flows.py [--rounds 20] [--model nano] [--beside 20] [--rows 10000]

In one run: the demonstration's task is recorded once, compiled, and then done again and again by the flow
and, the first times, by the model, each time in the same freshly set-up window; the sandbox's checker is the
judge. How often a model was asked is counted at the backend. Then the flow's steps without a screen, and the
queue's time and memory over many rows. Prints medians and ratios; exits with 1 if a run did anything wrong.
"""

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.reading.rapidocr import RapidReader
from qvl_agent.agent import Agent, open_model
from qvl_agent.agent.flows.compile import compile_run, write
from qvl_agent.agent.flows.consequences import trust_in
from qvl_agent.agent.flows.offline import OfflineStep, Recorded, offline
from qvl_agent.agent.flows.queue import Item, Queue
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.run.record import StepEnded, read_lines
from qvl_agent.agent.flows.run.runner import FlowAgent, NoModel
from qvl_agent.sandbox.session import Sandbox, SandboxDesktop, open_sandbox

SEED = 1
TASK = "uncheck-pinned-chat"


class CountingModel(NoModel):
    """The model of a run that has none, and counts how often it is asked all the same."""

    def __init__(self) -> None:
        self.asked = 0

    def reply(self, messages: Sequence[Message], **options: Any) -> Reply:
        self.asked += 1
        return super().reply(messages, **options)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--model", default="nano", help="the model beside which the flow is measured")
    parser.add_argument("--beside", type=int, default=20, help="rounds in which the model does it too")
    parser.add_argument("--rows", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wrong = beside_the_model(Path(folder), options.rounds, options.model, options.beside)
        over_rows(Path(folder), options.rows)
    return 1 if wrong else 0


def beside_the_model(folder: Path, rounds: int, name: str, beside: int) -> int:
    with open_sandbox("chat", task=TASK, seed=SEED) as sandbox:
        desktop = SandboxDesktop(sandbox, "sandbox:chat")
        with open_model("oracle", desktop=desktop) as oracle:
            run = Agent(desktop, oracle, runs=folder / "runs").run(sandbox.instruction)
        start = time.monotonic()
        compiled = compile_run(run.folder, reader=RapidReader())
        print(f"compiled in {time.monotonic() - start:.1f} s; problems: {len(compiled.problems)}")
        path = folder / "demo.flow.yaml"
        write(compiled, path)
        loaded = load(path)
        model, reader = CountingModel(), RapidReader()
        agent = FlowAgent(desktop, model, reader=reader, runs=folder / "runs", trust=trust_in(loaded))
        times: dict[str, list[float]] = {"flow": [], name: []}
        steps: list[float] = []
        failed = 0
        with open_model(name, desktop=desktop) as other:
            for number in range(rounds):
                set_up(sandbox)
                start = time.monotonic()
                done = agent.run(loaded)
                times["flow"].append(time.monotonic() - start)
                right = done.status == "done" and sandbox.check().passed
                failed += not right
                if not right:
                    print(f"flow, round {number}: {done.status}: {done.result.message}", flush=True)
                steps += [line.seconds for line in read_lines(done.folder) if isinstance(line, StepEnded)]
                shutil.rmtree(done.folder)
                if number >= beside:
                    continue
                set_up(sandbox)
                start = time.monotonic()
                Agent(desktop, other, runs=folder / "runs").run(sandbox.instruction)
                times[name].append(time.monotonic() - start)
        flow, model_s = (statistics.median(times[each]) for each in ("flow", name))
        print(f"{rounds} rounds, right by the checker: {rounds - failed}")
        print(f"a run: flow {flow:.2f} s, {name} {model_s:.2f} s (medians); ratio {model_s / flow:.1f}")
        print(f"the first run of the program, which loads what reads: {times['flow'][0]:.2f} s")
        cuts = statistics.quantiles(steps, n=20) if len(steps) > 1 else steps * 19
        p50, p95 = statistics.median(steps), cuts[18]
        print(f"a step of the flow: p50 {p50:.3f} s, p95 {p95:.3f} s, {len(steps)} steps")
        print(f"model calls of the flow: {model.asked}")
        without_a_screen(path)
    return failed + model.asked


def set_up(sandbox: Sandbox) -> None:
    """Set the window up again, with the pointer aside: what it hovers over is drawn otherwise."""
    subprocess.run(["xdotool", "mousemove", "1270", "790"], env=sandbox.display.environment(), check=True)
    sandbox.reset(TASK, SEED)


def without_a_screen(path: Path) -> None:
    loaded = load(path)
    kept = Recorded(loaded)
    ways: dict[str, Callable[[], Iterator[OfflineStep]]] = {
        "its pictures read each time": lambda: offline(loaded),
        "each further row": kept.steps,
    }
    for name, steps in ways.items():
        count, start = 0, time.monotonic()
        while time.monotonic() - start < 3:
            count += sum(step.status == "passed" for step in steps())
        print(f"offline, {name}: {count / (time.monotonic() - start):.0f} steps/s")


def over_rows(folder: Path, rows: int) -> None:
    items = (
        Item(f"K{number}", number, {"name": f"name {number}", "amount": number}) for number in range(rows)
    )
    with Queue.create(folder / "rows.sqlite", items, flow_digest="f", data_digest="d") as queue:
        seconds: list[float] = []
        for _ in range(rows):
            start = time.monotonic()
            taken = queue.take("bench")
            if taken is None:
                break
            queue.begin_once(taken.key, "steps[0]")
            queue.end_once(taken.key, "steps[0]", {"id": taken.number})
            queue.finish(taken.key, "done", {"id": taken.number})
            seconds.append(time.monotonic() - start)
    first, last = statistics.median(seconds[: rows // 10]), statistics.median(seconds[-rows // 10 :])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"queue: {rows} rows, {1000 * first:.1f} ms a row at first and {1000 * last:.1f} ms at the end; "
        f"{memory:.0f} MB at most in this whole program, the reader and {rows} rows in it"
    )


if __name__ == "__main__":
    sys.exit(main())
