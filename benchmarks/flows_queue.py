"""Whether workers that are killed at random lose an item of a flow's queue, or do one twice.

    .venv/bin/python benchmarks/flows_queue.py [--kills 500] [--items 40] [--workers 2] [--json]

Two workers at a time work on one queue and one output file, and are killed by SIGKILL at random moments; new
ones go on. The application that they enter items into is a file: each `once` step appends a line and waits
for the disk. When a queue is worked off, the parked items are settled by looking into that file, as a person
would, those with application errors are tried again, and a new queue begins. It counts from what the file
says, not from what the queue says. Exits 1 if a `once` step was done twice, an item was lost, or the output
isn't what the queue has.
"""

import argparse
import csv
import json
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from qvl_agent.agent.flows.queue import Item, Output, Queue, Taken

COLUMNS: Final = ("number", "id", "status")
ONCE: Final = ("2", "4")
"""The paths of the steps that are done once."""


@dataclass(slots=True)
class Found:
    kills: int = 0
    queues: int = 0
    items: int = 0
    once_steps: int = 0
    parked: int = 0
    twice: int = 0
    lost: int = 0
    wrong_lines: int = 0
    resumed_ms: list[float] = field(default_factory=list)

    def numbers(self) -> dict[str, float]:
        resumed = sorted(self.resumed_ms) or [0.0]
        return {
            "kills": self.kills,
            "queues": self.queues,
            "items": self.items,
            "once steps": self.once_steps,
            "parked": self.parked,
            "twice": self.twice,
            "lost": self.lost,
            "wrong lines": self.wrong_lines,
            "resume ms median": round(statistics.median(resumed), 1),
            "resume ms p99": round(resumed[int(len(resumed) * 0.99)], 1),
        }


def append(path: Path, line: str) -> None:
    """One line, on the disk when this returns; a kill leaves it out or leaves it whole."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, f"{line}\n".encode())
    os.fsync(file)
    os.close(file)


def nap() -> None:
    time.sleep(random.random() * 0.004)


def steps(queue: Queue, taken: Taken, app: Path) -> None:
    """A flow of four steps, as the runner does it."""
    values = dict(taken.values)
    for step in ("1", "2", "3", "4"):
        if step <= taken.after:
            continue
        nap()
        if step in ONCE:
            queue.begin_once(taken.key, step)
            nap()
            append(app, f"{taken.key} {step}")
            nap()
            values["id"] = f"id {taken.key}"
            queue.end_once(taken.key, step, values)
        else:
            values["seen"] = step
            queue.checkpoint(taken.key, values)
        if step == "3" and taken.number % 11 == 0 and taken.tries == 1:
            queue.finish(taken.key, "application-error", values, "the screen froze", step)
            return
    status = "business-error" if taken.number % 7 == 0 else "done"
    queue.finish(taken.key, status, values)


def work(folder: Path) -> None:
    began = time.perf_counter()
    with Queue.open(folder / "queue", flow_digest="flow", data_digest="data") as queue:
        output = Output(queue, folder / "done.csv", COLUMNS)
        taken = queue.take(f"worker {os.getpid()}")
        append(folder / "resumed", str((time.perf_counter() - began) * 1000))
        while taken is not None:
            steps(queue, taken, folder / "app")
            output.update()
            taken = queue.take(f"worker {os.getpid()}")
        output.close()


def start(folder: Path) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        random.seed()
        work(folder)
        status = 0
    finally:
        os._exit(status)


def work_off(folder: Path, kills: int, workers: int, found: Found) -> None:
    """Let workers work until nothing waits; kill them as they go."""
    alive = {start(folder) for _ in range(workers)}
    while alive:
        until = time.monotonic() + random.random() * 0.12
        while alive and time.monotonic() < until:
            for child in list(alive):
                gone, status = os.waitpid(child, os.WNOHANG)
                if gone:
                    alive.remove(child)
                    if status:
                        raise SystemExit(f"a worker failed by itself: {status}")
            time.sleep(0.001)
        if alive and found.kills < kills:
            child = random.choice(sorted(alive))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            found.kills += 1
            alive.remove(child)
            alive.add(start(folder))


def lines_of(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def settle(folder: Path, found: Found) -> bool:
    """Do what a person does with a queue that is worked off; say whether there is more to do."""
    done = set(lines_of(folder / "app"))
    with Queue.open(folder / "queue") as queue:
        queue.recover()
        for entry in list(queue.items("parked")):
            found.parked += 1
            queue.resolve(entry.key, "done" if f"{entry.key} {entry.where}" in done else "again")
        queue.again()
        return "waiting" in queue.counts()


def examine(folder: Path, count: int, found: Found) -> None:
    """Compare the queue and its output with what the application has."""
    times = Counter(lines_of(folder / "app"))
    found.twice += sum(number > 1 for number in times.values())
    found.once_steps += len(times)
    with Queue.open(folder / "queue") as queue:
        with Output(queue, folder / "done.csv", COLUMNS):
            pass
        entries = list(queue.items())
    found.items += len(entries)
    found.lost += count - len(entries)
    for entry in entries:
        # an item whose first step was unknown is done by the person's word, without the second
        wanted = ONCE[:1] if entry.message and entry.where == ONCE[0] else ONCE
        ended = entry.status in {"done", "business-error"}
        found.lost += not ended or any(f"{entry.key} {step}" not in times for step in wanted)
    with (folder / "done.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = [tuple(line) for line in csv.reader(file)]
    expected = [(str(entry.number), entry.values.get("id") or "", entry.status) for entry in entries]
    found.wrong_lines += sum(line != other for line, other in zip(lines[1:], expected, strict=False))
    found.wrong_lines += abs(len(lines) - 1 - len(expected))


def run(kills: int, count: int, workers: int) -> Found:
    found = Found()
    while found.kills < kills:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            items = (Item(f"K{number}", number, {"number": number}) for number in range(1, count + 1))
            Queue.create(folder / "queue", items, flow_digest="flow", data_digest="data").close()
            more = True
            while more:
                work_off(folder, kills, workers, found)
                more = settle(folder, found)
            found.queues += 1
            found.resumed_ms += map(float, lines_of(folder / "resumed"))
            examine(folder, count, found)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = run(options.kills, options.items, options.workers)
    if options.json:
        print(json.dumps(found.numbers()))
    else:
        for name, number in found.numbers().items():
            print(f"{name:18} {number}")
    return int(bool(found.twice or found.lost or found.wrong_lines))


if __name__ == "__main__":
    sys.exit(main())
