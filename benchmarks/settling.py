"""How often a step looks at the screen before the application has reacted, and how long the look takes.

    .venv/bin/python benchmarks/settling.py [--steps 100] [--seed 0] [--cases plain clock]

A real window on a real X server is clicked, and reacts after a time drawn at random, or in two stages; beside
it there is a caret, a clock or a video. Every other step goes by polling, in the same run, over the same
times. What the settled picture shows is read from its pixels: each reaction paints a pane in another colour.
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reacting_window import BUTTONS, COLOURS, PANE

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import Desktop, DesktopWrapper, open_local
from qvl_agent.actions.execution.executor import Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Click
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.damage import Damage
from qvl_agent.sandbox.display import VirtualDisplay

SCREEN: Final = (1280, 800)
_LOOP_S: Final = 0.03
"""What the loop does between settling and the request to the model takes about so long."""
POLICY: Final = Policy(max_approvals=10**6, max_steps=10**6, actions_per_second=100, burst=100)


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of application.

    Attributes:
        beside: what moves beside the reaction: "", "caret", "clock" or "video".
        first_ms: the least and the most time to a highlight on the button; None if there is none.
        then_ms: the least and the most time from there, or from the click, to the reaction.
        blocks: whether it works all that time and handles no events.
    """

    beside: str = ""
    first_ms: tuple[int, int] | None = None
    then_ms: tuple[int, int] = (0, 400)
    blocks: bool = False


CASES: Final = {
    "plain": Case(),
    "caret": Case(beside="caret"),
    "clock": Case(beside="clock"),
    "video": Case(beside="video"),
    "at work": Case(then_ms=(0, 900), blocks=True),
    "two stages, at work": Case(first_ms=(0, 10), then_ms=(150, 300), blocks=True),
    "two stages, close": Case(first_ms=(0, 10), then_ms=(20, 100)),
    "two stages, timer": Case(first_ms=(0, 10), then_ms=(150, 300)),
    "none": Case(then_ms=(-1, -1)),
}


class Polled(DesktopWrapper):
    """The same desktop, but nothing tells when something is drawn."""

    def damage(self) -> Damage | None:
        return None


class Reacting:
    """The window's process: it is told when to react to the next click, and paints a colour then.

    Attributes:
        at: where its content is on the screen.
    """

    def __init__(self, environment: dict[str, str], beside: str) -> None:
        program = Path(__file__).with_name("reacting_window.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), beside],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        left, top = map(int, self._answer().split())
        self.at = DesktopPoint(left, top)

    def _answer(self) -> str:
        assert self._process.stdout
        if not (line := self._process.stdout.readline()):
            raise RuntimeError("the window's program has ended")
        return line

    def prepare(self, colour: int, first_ms: int, then_ms: int, *, blocks: bool) -> None:
        """Have it paint a colour so long after the next click; -1 for nothing."""
        assert self._process.stdin
        print(colour, first_ms, then_ms, int(blocks), file=self._process.stdin, flush=True)
        self._answer()

    def send(self, signal_number: int) -> None:
        """Send its process a signal, such as to stop or to go on."""
        self._process.send_signal(signal_number)

    def close(self) -> None:
        self._process.terminate()
        self._process.communicate()


@contextmanager
def window(display: VirtualDisplay, beside: str) -> Iterator[Reacting]:
    with closing(Reacting(display.environment(), beside)) as running:
        yield running


@dataclass(slots=True)
class Figures:
    """What came of the steps of one case, done in one way. Early steps looked before the reaction."""

    early: list[int] = field(default_factory=list)
    settle_s: list[float] = field(default_factory=list)
    after_s: list[float] = field(default_factory=list)
    """From the reaction's due time to the end of settling, for steps that saw it."""

    @property
    def steps(self) -> int:
        return len(self.settle_s)


class Trial:
    """Clicks on the window, by polling and by what is drawn in turn."""

    def __init__(self, desktop: Desktop, running: Reacting, case: Case, dice: random.Random) -> None:
        self._case, self._running, self._dice, self._desktop = case, running, dice, desktop
        self._executors = {
            "polls": Executor(Polled(desktop), POLICY),
            "damage": Executor(desktop, POLICY),
        }
        self._colour = 0
        self._button = 0

    def step(self, way: str, first_ms: int, then_ms: int, figures: Figures) -> None:
        """Click once, and note whether the settled screen shows the reaction."""
        self._colour = (self._colour + 1) % len(COLOURS)
        self._button = (self._button + 1) % len(BUTTONS)
        self._running.prepare(self._colour, first_ms, then_ms, blocks=self._case.blocks)
        before = self._calm()
        left, top, width, height = BUTTONS[self._button]
        box = Rect(self._running.at.x + left, self._running.at.y + top, width, height)
        across, down = before.size
        target = ModelBox.of(
            box.left / across * 1000,
            box.top / down * 1000,
            (box.left + box.width) / across * 1000,
            (box.top + box.height) / down * 1000,
        )
        observation = Observation(before, before, self._desktop.layout())
        start = time.monotonic()
        acted = self._executors[way].execute(
            Click(target=target), observation, Facts(step=1, elapsed_s=1.0), lambda _: None
        )
        if acted.outcome.status != "done" or acted.frame is None:
            raise RuntimeError(f"the click failed: {acted.outcome}")
        time.sleep(_LOOP_S)
        seen = self._executors[way].newer(acted.frame) or acted.frame
        settle_s = acted.outcome.times["settle"]
        figures.settle_s.append(settle_s)
        if then_ms < 0:
            return
        if self._shown(seen) == self._colour:
            due = (max(first_ms, 0) + then_ms) / 1000
            figures.after_s.append(time.monotonic() - start - due)
        else:
            figures.early.append(max(first_ms, 0) + then_ms)

    def _calm(self) -> Frame:
        """Return the screen once the last reaction is there, whether it was seen or not."""
        time.sleep(0.05 + self._dice.random() * 0.1)
        wanted = (self._colour - 1) % len(COLOURS)
        deadline = time.monotonic() + 2.0
        while True:
            frame = self._desktop.grab()
            if self._case.then_ms[0] < 0 or self._shown(frame) == wanted:
                return frame
            if time.monotonic() > deadline:
                raise RuntimeError("the window hasn't reacted to a click")
            time.sleep(0.02)

    def _shown(self, frame: Frame) -> int | None:
        """Return which colour the pane shows all over; None if none."""
        left, top = self._running.at.x + PANE[0], self._running.at.y + PANE[1]
        pane = frame.pixels[top : top + PANE[3], left : left + PANE[2]].reshape(-1, 3)
        colour = "#" + bytes(pane[0]).hex()
        return COLOURS.index(colour) if colour in COLOURS and (pane == pane[0]).all() else None


def measure(name: str, steps: int, seed: int) -> dict[str, Figures]:
    """Do so many steps of a case in both ways, with the same times."""
    case, dice = CASES[name], random.Random(f"{seed} {name}")
    figures = {"polls": Figures(), "damage": Figures()}
    with VirtualDisplay(SCREEN) as display, closing(open_local(display.name)) as desktop:
        if not desktop.capabilities.damage:
            raise RuntimeError("this X server doesn't tell what is drawn")
        with window(display, case.beside) as running:
            trial = Trial(desktop, running, case, dice)
            for _ in range(steps):
                first = -1 if case.first_ms is None else dice.randint(*case.first_ms)
                then = dice.randint(*case.then_ms)
                for way in dice.sample(sorted(figures), 2):
                    trial.step(way, first, then, figures[way])
        if desktop.damage() is None:
            raise RuntimeError("the display was found not to tell all that is drawn")
    return figures


def _ms(values: list[float], share: int) -> str:
    if len(values) < 2:
        return "-"
    return f"{statistics.quantiles(values, n=100, method='inclusive')[share - 1] * 1000:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=100, help="of each case and each way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    options = parser.parse_args()
    print(f"{'':<22}{'':<8}{'looked early':>14}{'settle p50':>12}{'p95 ms':>8}{'reaction to end p50':>21}")
    early = 0
    for name in options.cases:
        for way, found in measure(name, options.steps, options.seed).items():
            share = "-" if CASES[name].then_ms[0] < 0 else f"{len(found.early)} of {found.steps}"
            print(
                f"{name:<22}{way:<8}{share:>14}{_ms(found.settle_s, 50):>12}{_ms(found.settle_s, 95):>8}"
                f"{_ms(found.after_s, 50):>21}",
                flush=True,
            )
            if way == "damage" and not name.startswith("two stages"):
                early += len(found.early)
    sys.exit(bool(early))


if __name__ == "__main__":
    main()
