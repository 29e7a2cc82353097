"""What the look just before input catches, what it takes for a change that is none, and how long it takes.

    .venv/bin/python benchmarks/freshness.py [--changes 500] [--harmless 1000] [--seed 0]

Real windows in Tk, GTK and Qt. First: something comes over the target, or the focus goes elsewhere, at a
random moment between the model's look and the input (while it thinks, while the person is asked, while the
intent is recorded), and stands before the input would be sent: each must be caught. Then: actions beside a
caret, a clock, a video and buttons that light up: none may be stopped. What changes after the last look, in
the milliseconds until the first event, nothing can catch; how long that is, is printed too.
"""

import argparse
import random
import statistics
import sys
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from freshness_changes import CHANGES, Change, Scene
from freshness_harmless import HARMLESS
from living_window import TOOLKITS

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.desktops.watchdog.channel import Kind, Note
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.execution.executor import ExecutionResult, Executor, Facts
from qvl_agent.actions.execution.person import Consent, Question
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

SIZE = (1280, 800)
POLICY = Policy(max_approvals=10**6, max_steps=10**6)
MOMENTS = ("thinking", "asked", "recorded")
BATCH = 60
"""Changes or actions with one pair of windows."""


class Timed(X11Desktop):
    """A desktop that remembers when it last looked, and when it then sent its first event and press."""

    def __init__(self, display: str) -> None:
        super().__init__(display)
        self.looked = 0.0
        self.to_event: list[float] = []
        self.to_press: list[float] = []
        self._waiting = [self.to_event, self.to_press]
        self._held.ledger = self

    def grab(self, region: Rect | None = None) -> Frame:
        self.looked = time.monotonic()
        self._waiting = [self.to_event, self.to_press]
        return super().grab(region)

    def before(self, note: Note) -> None:
        """Hear of each event just before it is sent, as a watchdog does."""
        sent = time.monotonic() - self.looked
        if note.kind in {Kind.KEY, Kind.BUTTON}:
            lists, self._waiting = self._waiting, []
        else:
            lists, self._waiting = self._waiting[:-1], self._waiting[-1:]
        for each in lists:
            each.append(sent)

    def after(self, *notes: Note) -> None:
        pass


@dataclass(slots=True)
class Figures:
    """What came of it all. `checks` are seconds for those that passed at the end, and for all."""

    changes: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)
    unseen: Counter[str] = field(default_factory=Counter)
    """Changes that didn't come about on the screen, and don't count."""
    harmless: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    alarmed: list[str] = field(default_factory=list)
    passed_s: list[float] = field(default_factory=list)
    stopped_s: list[float] = field(default_factory=list)
    to_event: list[float] = field(default_factory=list)
    to_press: list[float] = field(default_factory=list)


class Trial:
    """The executor, with a change at a moment. It is a person, too, who says yes after it."""

    def __init__(self, desktop: Timed, figures: Figures, dice: random.Random) -> None:
        self._desktop, self._figures, self._dice = desktop, figures, dice
        self._executor = Executor(desktop, POLICY, person=self)
        self._when_asked = self._when_recorded = lambda: None
        self._layout: Layout | None = None

    def approve(self, question: Question) -> Consent:
        del question
        self._when_asked()
        return Consent("yes")

    def answer(self, question: str) -> str | None:
        del question
        return None

    def anew(self) -> None:
        """A new run, which knows of nothing that moves."""
        self._executor = Executor(self._desktop, POLICY, person=self)

    def change(self, change: Change, scene: Scene) -> None:
        """Look, let it change, and act: only a refusal to act is right."""
        change.prepare(scene)
        frame = self._look()
        moment = self._dice.choice(MOMENTS)
        label = "Send" if moment == "asked" else ""
        self.anew()
        came = []

        def happen() -> None:
            came.append(change.happen(scene, frame))

        self._when_asked = happen if moment == "asked" and change.part else lambda: None
        self._when_recorded = happen if moment == "recorded" else lambda: None
        time.sleep(self._dice.uniform(0.0, 0.2))
        if moment == "thinking" or (moment == "asked" and not change.part):
            happen()
        acted = self._act(_action(change.part, scene, frame, label), frame)
        change.undo(scene)
        if not came or not came[0]:
            self._figures.unseen[change.name] += 1
            return
        self._count_change(change, scene, moment, acted)

    def _count_change(self, change: Change, scene: Scene, moment: str, acted: ExecutionResult) -> None:
        figures, outcome = self._figures, acted.outcome
        figures.changes[change.name] += 1
        if outcome.status == "stale" or acted.decision.refused_by:
            figures.caught[change.name] += 1
            figures.stopped_s.append(outcome.times.get("freshness", 0.0))
        else:
            figures.misses.append(f"{change.name} in {scene.main.toolkit}, {moment}: {outcome.status}")

    def harmless(self, name: str, scene: Scene) -> None:
        part, text = HARMLESS[name]
        self._when_asked = self._when_recorded = lambda: None
        if not part:  # it goes where the focus is, so that has to be in the field
            frame = self._look()
            self._act(_action("entry", scene, frame, ""), frame)
        frame = self._look()
        time.sleep(self._dice.uniform(0.02, 0.4))
        action = _action(part, scene, frame, "") if text is None else _typing(part, text, scene, frame)
        outcome = self._act(action, frame).outcome
        self._figures.harmless[name] += 1
        if outcome.status == "done":
            self._figures.passed_s.append(outcome.times["freshness"])
        else:
            self._figures.alarms[name] += 1
            self._figures.alarmed.append(
                f"{name} in {scene.main.toolkit}: {outcome.status}: {outcome.detail}"
            )

    def _look(self) -> Frame:
        """What the model would see next, as the loop takes it."""
        frame = self._desktop.grab()
        self._layout = self._desktop.layout()
        return frame

    def _act(self, action: Action, frame: Frame) -> ExecutionResult:
        facts = Facts(step=1, elapsed_s=1.0)
        observation = Observation(frame, frame, self._layout)
        return self._executor.execute(action, observation, facts, lambda _: self._when_recorded())


def _box(part: str, scene: Scene, frame: Frame) -> ModelBox:
    left, top, width, height = scene.places[part]
    across, down = frame.size
    box = FrameBox(left, top, left + width, top + height)
    return ModelBox.of(
        box.left / across * 1000, box.top / down * 1000, box.right / across * 1000, box.bottom / down * 1000
    )


def _action(part: str, scene: Scene, frame: Frame, label: str) -> Action:
    if not part:
        return Type(text="hello")
    return Click(target=_box(part, scene, frame), label=label)


def _typing(part: str, text: str, scene: Scene, frame: Frame) -> Action:
    return Type(text=text, target=_box(part, scene, frame) if part else None, clear=True)


def measure(changes: int, harmless: int, seed: int) -> Figures:
    """Arrange so many of both, in every toolkit in turn."""
    figures, dice = Figures(), random.Random(seed)
    with VirtualDisplay(SIZE) as display, closing(Timed(display.name)) as desktop:
        trial = Trial(desktop, figures, dice)
        todo = {"changes": changes, "harmless": harmless}
        turn, kinds = 0, list[Change]()
        while any(todo.values()):
            what = "changes" if todo["changes"] else "harmless"
            main, other = TOOLKITS[turn % 3], dice.choice(TOOLKITS)
            with ExitStack() as stack:
                scene = stack.enter_context(Scene(display, desktop, main, other, dice))
                for number in range(min(BATCH, todo[what])):
                    if what == "changes":
                        kinds = kinds or dice.sample(list(CHANGES.values()), len(CHANGES))
                        trial.change(kinds.pop(), scene)
                    else:
                        scene.play(on=True)
                        if number % 12 == 0:
                            trial.anew()
                        trial.harmless(dice.choice(list(HARMLESS)), scene)
            todo[what] -= min(BATCH, todo[what])
            turn += 1
        figures.to_event, figures.to_press = desktop.to_event, desktop.to_press
    return figures


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole}" + (f" ({part / whole:.1%})" if whole else "")


def _quantiles(values: list[float]) -> str:
    if len(values) < 2:
        return "-"
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return f"median {cuts[49] * 1000:.1f} ms, p95 {cuts[94] * 1000:.1f} ms, most {max(values) * 1000:.1f} ms"


def show(figures: Figures) -> None:
    for name in CHANGES:
        if figures.changes[name]:
            print(f"  {name:<52} caught {_share(figures.caught[name], figures.changes[name])}")
    for each in figures.misses[:20]:
        print(f"  missed: {each}")
    if figures.unseen:
        print(f"  didn't come about, not counted: {dict(figures.unseen)}")
    for name in HARMLESS:
        if figures.harmless[name]:
            print(f"  {name:<52} stopped {_share(figures.alarms[name], figures.harmless[name])}")
    for each in figures.alarmed[:20]:
        print(f"  false alarm: {each}")
    print(f"changes caught: {_share(figures.caught.total(), figures.changes.total())}")
    print(f"false alarms: {_share(figures.alarms.total(), figures.harmless.total())}")
    print(f"the check, where it passed: {_quantiles(figures.passed_s)}")
    print(f"the check, where it stopped the action: {_quantiles(figures.stopped_s)}")
    print(f"from the last look to the first event: {_quantiles(figures.to_event)}")
    print(f"from the last look to the first press: {_quantiles(figures.to_press)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--changes", type=int, default=500)
    parser.add_argument("--harmless", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    figures = measure(options.changes, options.harmless, options.seed)
    show(figures)
    caught = figures.caught.total() >= 0.99 * figures.changes.total()
    quiet = figures.alarms.total() <= 0.01 * figures.harmless.total()
    sys.exit(not (caught and quiet))


if __name__ == "__main__":
    main()
