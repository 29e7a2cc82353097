"""How long after the kill switch the last event comes: real runs on a real X server, stopped at random.

    .venv/bin/python benchmarks/kill_switch.py [--trials 200] [--only drag,typing]

Each kind of action, and a model that thinks (a small checkpoint by transformers, a slow server), is stopped
as often by each of the four switches: Esc twice, the mouse held in a corner, `qvl-agent stop`, SIGINT. A
client of its own logs every event with the server's time (`event_log.py`). It counts from the second Esc's
event, from the end of the 150 ms in which the mouse was in the corner and the agent didn't move it away, from
the call of `stop`, and from the signal, to the last event that the agent caused, releases too; 0 where none
came after it. "Over" is when the run had ended. Exits 1 if a p99 is over the limit, a run wasn't stopped or
a key stayed down.
"""

import argparse
import os
import random
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

from event_log import EventLog, Seen
from other_hands import OtherHands
from stream_server import Answering, says, serving
from watched_agent import Child

from qvl_agent.actions.desktops.display_lock import stop_agents
from qvl_agent.sandbox.display import VirtualDisplay

SIZE: Final = (1024, 768)
CORNER: Final = (SIZE[0] - 1, SIZE[1] - 1)
HOLD_MS: Final = 150
LIMIT_MS: Final = 100.0
SPANS: Final = {
    "click": 0.7,
    "drag": 0.5,
    "scroll": 0.15,
    "typing": 1.2,
    "chord": 0.12,
    "wait": 0.5,
    "settle": 1.0,
    "transformers": 1.0,
    "server": 0.9,
}
"""Within how many seconds from the beginning of the action, or of the thinking, the switch comes."""
THINKING: Final = frozenset({"transformers", "server"})
SWITCHES: Final = ("Esc twice", "corner", "stop", "SIGINT")
CLICK: Final = '{"intent": "Go on", "action": "click", "bbox_2d": [500, 500, 540, 540], "label": "there"}'


@dataclass(slots=True)
class Trial:
    """One run that was stopped: milliseconds from the switch to the last event, and to the run's end."""

    last: float
    over: float
    fault: str = ""


@dataclass(slots=True)
class Measured:
    """All trials of one kind."""

    trials: dict[str, list[Trial]] = field(default_factory=lambda: {switch: [] for switch in SWITCHES})

    @property
    def all(self) -> list[Trial]:
        return [trial for each in self.trials.values() for trial in each]

    def faults(self, kind: str) -> list[str]:
        named = [(switch, trial.fault) for switch, each in self.trials.items() for trial in each]
        return [f"{kind}, {switch}: {fault}" for switch, fault in named if fault]


class Bench:
    """A display, a log of its events, and a person's hands."""

    def __init__(self, display: str, log: EventLog, hands: OtherHands) -> None:
        self.display, self.log, self._hands = display, log, hands
        self._escape = hands.keycode("Escape")
        self._pushes: list[float] = []

    def trial(self, child: Child, kind: str, switch: str, dice: random.Random, seed: int) -> Trial:
        """Stop one run; a random model may end its own before that, and then it is another one's turn."""
        while (trial := self._try(child, kind, switch, dice, seed)) is None:
            pass
        return trial

    def _try(self, child: Child, kind: str, switch: str, dice: random.Random, seed: int) -> Trial | None:
        self._hands.move(dice.randrange(100, 900), dice.randrange(100, 600))
        self._pushes.clear()
        self.log.batch()
        child.start(seed)
        if child.until("thinking" if kind in THINKING else "acting") is None:
            return Trial(0, 0, "it never began")
        self._meanwhile(kind, dice.uniform(0, SPANS[kind]), dice)
        if any(facts["now"] == "ended" for facts in child.heard(0)):
            return None
        pressed = self._press(switch, child.pid)
        push = self._push if switch == "corner" else lambda: None
        ended = child.until("ended", limit_s=15.0, meanwhile=push)
        if ended is None:
            return Trial(0, 0, "it wasn't stopped")
        if ended["status"] == "done":  # it was just about to say so
            return None
        time.sleep(0.05)
        batch = self.log.batch()
        theirs = [seen for seen in batch.core if not self._is_mine(seen)]
        if switch == "Esc twice":
            downs = [seen.time_ms for seen in batch.core if seen.code == self._escape and seen.down]
            pressed = downs[-1]
        elif switch == "corner":
            pressed = self._held_at(theirs)
        last = max((seen.time_ms for seen in theirs), default=0)
        fault = "" if ended["status"] == "stopped" else f"it ended as {ended['status']}: {ended['message']}"
        if batch.keys_down or batch.buttons_down:
            fault = f"held: {batch.keys_down} {batch.buttons_down:x}"
        return Trial(max(0.0, last - pressed), 1000 * ended["at"] - pressed, fault)

    def _meanwhile(self, kind: str, seconds: float, dice: random.Random) -> None:
        """Let so much time pass; where the agent is to be settling, on a screen that doesn't stand still."""
        end = time.monotonic() + seconds
        while kind == "settle" and time.monotonic() < end:
            self.log.paint(dice.randrange(500), dice.randrange(300), 500, 400)
            self.log.clear()
        time.sleep(max(0.0, end - time.monotonic()))

    def _press(self, switch: str, pid: int) -> float:
        """Do it; give the milliseconds at which it was done."""
        now = 1000 * time.monotonic()
        match switch:
            case "Esc twice":
                self._hands.tap("Escape")
                time.sleep(0.08)
                self._hands.tap("Escape")
            case "stop":
                threading.Thread(target=stop_agents, args=(self.display,), daemon=True).start()
            case "SIGINT":
                os.kill(pid, signal.SIGINT)
            case _:
                self._push()
        return now

    def _push(self) -> None:
        self._pushes.append(1000 * time.monotonic())
        self._hands.move(*CORNER)

    def _held_at(self, theirs: Sequence[Seen]) -> float:
        """When the mouse had been in the corner for long enough, without the agent's moving it away."""
        moved = [seen.time_ms for seen in theirs if seen.kind == "motion"]
        starts = [self._pushes[0]]
        starts += [next((push for push in self._pushes if push > each), 0.0) for each in moved]
        held = [each for each in starts if each and not any(each < move < each + HOLD_MS for move in moved)]
        return min(held, default=self._pushes[-1]) + HOLD_MS

    def _is_mine(self, seen: Seen) -> bool:
        if seen.kind == "motion":
            return (seen.x, seen.y) == CORNER
        return seen.kind == "key" and seen.code == self._escape

    def clocks_apart(self) -> float:
        """By how many milliseconds the server's clock differs from ours, which is its own on Linux."""
        apart = []
        for at in range(10):
            before = 1000 * time.monotonic()
            self._hands.move(300 + at, 300)
            after = 1000 * time.monotonic()
            (seen,) = [each for each in self.log.batch().core if each.kind == "motion"]
            apart.append(max(before - seen.time_ms - 1, seen.time_ms - after, 0.0))
        return max(apart)


@contextmanager
def slow_server() -> Iterator[str]:
    """A server that takes a while for each click it wants."""

    def answer(to: Answering) -> None:
        time.sleep(0.4)
        says(CLICK)(to)

    with serving(answer) as server:
        yield server.base_url


def where(kind: str, stack: ExitStack, folder: Path) -> list[str]:
    """Where the child finds its model."""
    if kind == "server":
        return [stack.enter_context(slow_server())]
    if kind == "transformers":
        from tiny_checkpoint import FEW, checkpoint  # noqa: PLC0415 - torch

        return [str(checkpoint(folder / "tiny", words=FEW))]
    return []


def measure(bench: Bench, kind: str, trials: int, seed: int) -> Measured:
    measured = Measured()
    dice = random.Random(f"{seed} {kind}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        words = (bench.display, str(folder / "runs"), kind, *where(kind, stack, folder))
        child = stack.enter_context(closing(Child(*words)))
        if child.until("ready") is None:
            raise SystemExit(f"{kind}: the agent didn't start")
        for number in range(trials):
            switch = SWITCHES[number % len(SWITCHES)]
            measured.trials[switch].append(bench.trial(child, kind, switch, dice, seed + number))
    return measured


def percentile(values: Sequence[float], share: int) -> float:
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def row(name: str, trials: Sequence[Trial]) -> str:
    last, over = [each.last for each in trials], [each.over for each in trials]
    figures = (*(percentile(last, share) for share in (50, 95, 99)), max(last))
    shown = "".join(f"{figure:>9.1f}" for figure in (*figures, percentile(over, 50), percentile(over, 99)))
    return f"{name:<14}{len(trials):>7}{shown}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=200, help="a kind; a quarter by each switch")
    parser.add_argument("--only", default=",".join(SPANS), help="these kinds, with commas")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit-ms", type=float, default=LIMIT_MS)
    options = parser.parse_args()
    faults, slow, every = [], [], {switch: [] for switch in SWITCHES}
    with (
        tempfile.TemporaryDirectory() as own,
        VirtualDisplay(SIZE) as screen,
        EventLog(screen.name) as log,
        closing(OtherHands(screen.name)) as hands,
    ):
        os.environ["XDG_RUNTIME_DIR"] = own  # `stop` is to find no other agent than ours
        bench = Bench(screen.name, log, hands)
        print(f"milliseconds; the clocks differ by at most {bench.clocks_apart():.1f}")
        print(f"{'':<14}{'trials':>7}{'median':>9}{'p95':>9}{'p99':>9}{'max':>9}{'over p50':>9}{'p99':>9}")
        for kind in options.only.split(","):
            measured = measure(bench, kind, options.trials, options.seed)
            print(row(kind, measured.all), flush=True)
            faults += [
                f"{kind}, {switch}: {each.fault}"
                for switch in SWITCHES
                for each in measured.trials[switch]
                if each.fault
            ]
            slow += [kind] if percentile([each.last for each in measured.all], 99) > options.limit_ms else []
            for switch in SWITCHES:
                every[switch] += measured.trials[switch]
    for switch in SWITCHES:
        print(row(switch, every[switch]))
    print(row("all", [trial for each in every.values() for trial in each]))
    print("\n".join(faults) or "every run was stopped, and nothing stayed pressed")
    if slow:
        print(f"p99 over {options.limit_ms:g} ms: {', '.join(slow)}")
    sys.exit(bool(faults or slow))


if __name__ == "__main__":
    main()
