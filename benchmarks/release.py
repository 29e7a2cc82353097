"""Nothing stays pressed, whatever ends the agent: INT, TERM, HUP, KILL at random moments of random actions.

    .venv/bin/python benchmarks/release.py [--trials 500]

Real runs click, drag, scroll, type (also with keycodes that are lent to other characters) and press chords
on a real X server, each in a process of its own with a watchdog of its own. Half of the signals come at a
random moment, half as soon as something is down. Then the server is asked: nothing may be down, every keycode
must mean what it did before, CapsLock and the layout must be as they were. "Ended" is when the process had
ended and all was as before. Exits 1 if it isn't so even once.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

from event_log import EventLog
from watched_agent import Child
from Xlib import X
from Xlib.display import Display

from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.sandbox.display import VirtualDisplay

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
SPAN_S: Final = 0.6
RELEASE_S: Final = 5.0
NOTHING: Final = ([], 0)
BUTTONS: Final = X.Button1Mask | X.Button2Mask | X.Button3Mask | X.Button4Mask | X.Button5Mask


@dataclass(slots=True)
class Figures:
    """What came of it all; seconds from the signal until everything was as before."""

    trials: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: {each.name: [] for each in SIGNALS})
    faults: list[str] = field(default_factory=list)


class Keyboard:
    """A display's keys, asked over a connection of its own."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        self.symbols = xkb.read_symbols(self._display)

    def lock(self, *, caps: bool, group: int) -> None:
        xkb.lock(self._display, X.LockMask * caps, group)
        self._display.sync()

    def held(self) -> tuple[list[int], int]:
        """What is down: keycodes, and a mask of buttons."""
        keys = self._display.query_keymap()
        down = [8 * at + bit for at, byte in enumerate(keys) for bit in range(8) if byte >> bit & 1]
        return down, self._display.screen().root.query_pointer().mask & BUTTONS

    def wrong(self, *, caps: bool, group: int) -> str:
        """Say what isn't as it should be; "" if all is."""
        down = self.held()
        if down != NOTHING:
            return f"down: keys {down[0]}, buttons {down[1]:#x}"
        now = xkb.read_symbols(self._display)
        if changed := [code for code, each in self.symbols.items() if now[code] != each]:
            return f"keycodes {changed} mean something else"
        state = xkb.state(self._display)
        if (state.caps, state.group) != (caps, group):
            return f"CapsLock is {state.caps} and the layout {state.group}, not {caps} and {group}"
        return ""

    def close(self) -> None:
        self._display.close()


class Bench:
    """A display, its keyboard, and the process that forks agents."""

    def __init__(self, keyboard: Keyboard, child: Child, seed: int) -> None:
        self._keyboard, self._child = keyboard, child
        self._dice = random.Random(seed)
        self.figures = Figures()

    def trial(self, number: int) -> None:
        kill = SIGNALS[number % len(SIGNALS)]
        locks = {"caps": self._dice.random() < 0.3, "group": self._dice.choice((0, 0, 1))}
        self._keyboard.lock(**locks)
        self._child.start(number)
        pid = self._child.until("forked")["pid"]
        self._child.until("acting")
        self._wait()
        self.figures.caught[kill.name] += self._keyboard.held() != NOTHING
        os.kill(pid, kill)
        start = time.monotonic()
        gone = self._child.until("gone", limit_s=30.0)
        while (wrong := self._keyboard.wrong(**locks)) and time.monotonic() - start < RELEASE_S:
            time.sleep(0.005)
        self.figures.trials[kill.name] += 1
        self.figures.seconds[kill.name].append(time.monotonic() - start)
        time.sleep(0.06)  # a late request of the dead one would show now
        wrong = wrong or self._keyboard.wrong(**locks) or _ended_wrongly(gone, kill)
        if wrong:
            self.figures.faults.append(f"trial {number}, {kill.name}: {wrong}")

    def _wait(self) -> None:
        """Until a random moment, or until something is down."""
        if self._dice.random() < 0.5:
            time.sleep(self._dice.uniform(0, SPAN_S))
            return
        end = time.monotonic() + SPAN_S
        while self._keyboard.held() == NOTHING and time.monotonic() < end:
            pass


def _ended_wrongly(gone: Any, kill: signal.Signals) -> str:
    if gone is None:
        return "it went on"
    wanted = -signal.SIGKILL if kill is signal.SIGKILL else 0
    return "" if gone["code"] == wanted else f"it ended with {gone['code']}"


def report(figures: Figures) -> None:
    print(f"{'':<10}{'trials':>8}{'down then':>11}{'ended p50':>11}{'max ms':>9}")
    for name, seconds in figures.seconds.items():
        if seconds:
            middle, most = 1000 * statistics.median(seconds), 1000 * max(seconds)
            print(f"{name:<10}{figures.trials[name]:>8}{figures.caught[name]:>11}{middle:>11.0f}{most:>9.0f}")
    for fault in figures.faults:
        print(fault)
    print(f"{len(figures.faults)} of {figures.trials.total()} left anything pressed or changed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with (
        VirtualDisplay((1024, 768)) as screen,
        EventLog(screen.name),
        tempfile.TemporaryDirectory() as folder,
    ):
        os.environ["XDG_RUNTIME_DIR"] = folder
        subprocess.run(["setxkbmap", "-layout", "us,de"], env=screen.environment(), check=True)
        with (
            closing(Keyboard(screen.name)) as keyboard,
            closing(Child(screen.name, folder, "any")) as child,
        ):
            child.until("ready")
            bench = Bench(keyboard, child, options.seed)
            for number in range(options.trials):
                bench.trial(options.seed + number)
    report(bench.figures)
    sys.exit(bool(bench.figures.faults))


if __name__ == "__main__":
    main()
