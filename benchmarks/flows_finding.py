"""Measure how targets of flows are found without a model: right, stopped, or wrong, drift by drift.

    python benchmarks/flows_finding.py [--cases N] [--seeds calibration|held-out] [--first N] [--cache FILE]

A target is recorded on a window of the sandbox's applications and looked for after a drift: another theme,
another size, rows deleted, a pop-up over it. The truth is the application's widget tree. Thresholds are set
on the calibration seeds alone; the held-out ones are others by construction (they begin at 1,000,000) and
only say how good the result is. It exits with 1 if any target was found wrongly.
"""

import argparse
import hashlib
import pickle
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from finding_drifts import Drifts, Trial, alike, calculator_trials
from finding_scenes import Studio

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.reading.rapidocr import RapidReader
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.wanted import Finding

SEEDS: Final = {"calibration": 0, "held-out": 1_000_000}
APPS: Final = ("chat", "form", "settings")
ALWAYS_THERE: Final = ("unchanged", "moved", "typed elsewhere")
"""The drifts after which a target looks as it did."""


class DiskReader:
    """A reader that remembers on disk what it read, so that a second run takes a minute."""

    def __init__(self, path: Path | None) -> None:
        self._reader, self._path = RapidReader(), path
        self._kept: dict[bytes, tuple[Read, ...]] = {}
        if path is not None and path.exists():
            self._kept = pickle.loads(path.read_bytes())
        self.name = self._reader.name

    def warm_up(self) -> None:
        self._reader.warm_up()

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        pixels = frame.pixels[box.top : box.bottom, box.left : box.right]
        key = hashlib.sha256(f"{pixels.shape} {frame.scale}".encode() + pixels.tobytes()).digest()
        if key not in self._kept:
            moved = Frame(pixels.copy(), Rect(0, 0, box.width, box.height), frame.scale)
            self._kept[key] = self._reader.read(moved, moved.box)
        return tuple(
            replace(
                read,
                box=FrameBox(
                    read.box.left + box.left,
                    read.box.top + box.top,
                    read.box.right + box.left,
                    read.box.bottom + box.top,
                ),
            )
            for read in self._kept[key]
        )

    def save(self) -> None:
        if self._path is not None:
            self._path.write_bytes(pickle.dumps(self._kept))


# The table


def verdict(trial: Trial, finding: Finding) -> str:
    """Return right, stopped, "stopped (as it should)" or WRONG."""
    if finding.box is None:
        return "stopped" if trial.there else "rightly stopped"
    x = (finding.box.left + finding.box.right) // 2 - trial.origin[0]
    y = (finding.box.top + finding.box.bottom) // 2 - trial.origin[1]
    hit = trial.scene.node(trial.scene.hit(x, y))
    if trial.drift.startswith("words alone") and _says_at(trial, x, y):
        return "right"  # whoever names words alone means what says them, be it a heading
    right = hit is not None and alike(hit, trial.target.node) and trial.there is not False
    return "right" if right else "WRONG"


def _says_at(trial: Trial, x: int, y: int) -> bool:
    """Return whether a text with the words that are wanted is at a point."""
    return any(
        bool({node.label, trial.scene.painted.get(node.id)} & set(trial.target.wanted.words))
        and node.rect.left <= x < node.rect.left + node.rect.width
        and node.rect.top <= y < node.rect.top + node.rect.height
        for node in trial.scene.nodes
    )


def run(studio: Studio, options: argparse.Namespace) -> int:
    disk = DiskReader(options.cache)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds: list[float] = []
    reasons: dict[str, list[str]] = defaultdict(list)
    done, number = 0, options.first
    trials: Iterator[Trial]
    while done < options.cases:
        app, seed = APPS[number % len(APPS)], SEEDS[options.seeds] + number // len(APPS)
        number += 1
        if options.galculator and number == options.first + 1:
            trials = calculator_trials(disk)
        else:
            trials = Drifts(studio, app, seed, disk, most=8).trials()
        for trial in trials:
            began = time.process_time()
            finding = find(trial.target.wanted, trial.place, disk)
            what = verdict(trial, finding)
            counts[trial.drift][what] += 1
            done += 1
            if trial.drift.endswith("unchanged"):
                seconds.append(time.process_time() - began)
            if what in ("WRONG", "stopped"):
                place = f"{app} {seed} {trial.target.node.id} ({trial.target.how})"
                reasons[f"{what} {trial.drift}"].append(f"{place}: {finding.reason or finding.box}")
            if what == "WRONG":
                print(f"WRONG {trial.drift}: {app} {seed} {trial.target.node.id}: {finding.box}", flush=True)
        disk.save()
        print(f"{done} cases after {app} {seed}", flush=True)
    table(counts)
    seconds = seconds or [0.0]
    median, most = 1000 * statistics.median(seconds), 1000 * max(seconds)
    print(f"unchanged: median {median:.1f} ms of one core, most {most:.0f} ms")

    for what, said in sorted(reasons.items()):
        for line in said[: options.show if "WRONG" not in what else 1000]:
            print(f"  {what}: {line}")
    return 1 if sum(count["WRONG"] for count in counts.values()) else 0


def table(counts: dict[str, Counter[str]]) -> None:
    print(
        f"{'drift':24} {'cases':>6} {'right':>6} {'rightly stopped':>16} {'stopped':>8} {'WRONG':>6}  found"
    )
    total: Counter[str] = Counter()
    drifted: Counter[str] = Counter()
    for drift, count in counts.items():
        total += count
        if drift not in ALWAYS_THERE:
            drifted += count
        line(drift, count)
    line("all", total)
    line("all that drifted", drifted)


def line(name: str, count: Counter[str]) -> None:
    there = count["right"] + count["stopped"] + count["WRONG"]
    found = f"{100 * count['right'] / there:.1f} %" if there else ""
    print(
        f"{name:24} {sum(count.values()):6} {count['right']:6} {count['rightly stopped']:16}"
        f" {count['stopped']:8} {count['WRONG']:6}  {found}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how targets of flows are found without a model.")
    parser.add_argument("--cases", type=int, default=400)
    parser.add_argument("--seeds", choices=list(SEEDS), default="calibration")
    parser.add_argument("--first", type=int, default=0, help="the first window of the seeds")
    parser.add_argument("--cache", type=Path, help="a file of this machine's own, for what was read")
    parser.add_argument("--show", type=int, default=4, help="false stops that are shown, of each drift")
    parser.add_argument("--galculator", action="store_true", help="begin with galculator, in its looks")
    options = parser.parse_args()
    began = time.monotonic()
    status = run(Studio(), options)
    print(f"{time.monotonic() - began:.0f} s")
    return status


if __name__ == "__main__":
    sys.exit(main())
