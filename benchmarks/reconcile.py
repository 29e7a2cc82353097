"""Events and approvals, one to one: random actions with random verdicts, against a client that logs all.

    .venv/bin/python benchmarks/reconcile.py [--actions 20000] [--seed 0]

Actions of every kind go through the real executor to a real X server, where another process logs every
input event (`event_log.py`). Some are allowed, some refused by the guard or the person; for some the screen
or the monitors change, the approval expires or was spent, after it was given. An approval that was carried
out must be exactly its plan's events, in order, or, where the run was stopped in the middle, a beginning of
them and the releases of what was down; anything else exactly none; and none before the record of
the intent. Exits 1 if it isn't so even once. The executor's clock runs 20 times as fast, as nothing here
needs long to settle.
"""

import argparse
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from event_log import EventLog
from random_actions import Dice
from reconciled import mismatch

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import ApprovalError
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.desktops import Desktop, DesktopWrapper, StopCheck, open_local
from qvl_agent.actions.execution.executor import Decision, ExecutionResult, Executor, Facts
from qvl_agent.actions.execution.person import Consent, Question
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.approval import LIFETIME_S, Approved
from qvl_agent.actions.planning.events import Plan
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

SIZE: Final = (640, 480)
LEFT: Final = Rect(0, 0, 480, 480)
"""The captured monitor; beside it is another that comes and goes."""
FORBIDDEN: Final = Rect(0, 0, 120, 120)
POLICY: Final = Policy(
    forbidden=(FORBIDDEN,), max_approvals=10**6, max_steps=100, actions_per_second=1e6, burst=1000
)
SPEED: Final = 20
RUN: Final = 50
"""Actions in one run of the executor; a person's yes for a run is asked anew in the next."""

SENT: Final = frozenset({"allowed", "asked, yes", "approval spent twice"})


class FastClock:
    """Seconds that pass `SPEED` times as fast, and can be made to jump."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        return time.monotonic() * SPEED + self._ahead

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)

    def jump(self, seconds: float) -> None:
        self._ahead += seconds


@dataclass(slots=True)
class Figures:
    """What came of it all."""

    actions: int = 0
    approvals: int = 0
    carried_out: int = 0
    events: int = 0
    came_to: Counter[tuple[str, str]] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    """Actions that came to something else than their case was to bring about; no mismatch, but odd."""


class Answers:
    """A person who answers as they were told to, and remembers being asked."""

    def __init__(self) -> None:
        self.yes = False
        self.turn = 0

    def approve(self, question: Question) -> Consent:
        if question.verdict.level <= Level.NOTICE:
            return Consent("yes")
        self.turn += 1
        return Consent(
            ("yes", "yes-for-run")[self.turn % 2] if self.yes else ("no", "late", "stop")[self.turn % 3]
        )

    def answer(self, question: str, *, stop: object) -> str | None:
        del question, stop
        return None


class Sender(DesktopWrapper):
    """The desktop, and the approvals that were carried out on it, in order.

    An action that empties a field is sent in parts, each by an approval of its own, with chords between them.
    """

    def __init__(self, desktop: Desktop) -> None:
        super().__init__(desktop)
        self.sent: list[Approved] = []

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        self.sent.append(approved)
        super().perform(approved, stop)

    def plan(self) -> Plan:
        return tuple(event for approved in self.sent for event in approved.plan)


def is_within(plan: Plan, sent: Plan) -> bool:
    """Return whether a plan's events are all among those that were sent, in their order."""
    rest = iter(sent)
    return all(event in rest for event in plan)


class Proof:
    """One executor after another, one action after another, and the log of another client."""

    def __init__(self, display: VirtualDisplay, desktop: Desktop, log: EventLog, seed: int) -> None:
        self.figures = Figures()
        self._display, self._desktop, self._log = display, desktop, log
        self._dice = Dice(seed)
        self._clock = FastClock()
        self._person = Answers()
        self._until_stop: int | None = None
        self._sender = Sender(desktop)
        self._executor = self._new_executor()

    def _new_executor(self) -> Executor:
        clock = self._clock
        return Executor(
            self._sender, POLICY, person=self._person, stop=self._stop, clock=clock.now, sleep=clock.sleep
        )

    def _stop(self) -> bool:
        """The kill switch: asked between events, it says stop at some point once it is armed."""
        if self._until_stop is None:
            return False
        self._until_stop -= 1
        return self._until_stop <= 0

    def run(self, actions: int) -> None:
        for number in range(actions):
            case = self._dice.case()
            if number % RUN == 0 or case.startswith("asked"):  # an earlier answer may be for the whole run
                self._executor = self._new_executor()
            self._one(case, self._dice.action(case))

    def _one(self, case: str, action: Action) -> None:
        figures = self.figures
        figures.actions += 1
        self._person.yes = case != "asked, no"
        pointer = self._desktop.pointer()
        frame = replace(self._desktop.grab(), time=self._clock.now())
        self._sender.sent.clear()
        acted = self._executor.execute(
            action,
            Observation(frame, frame),
            Facts(step=1, elapsed_s=1.0),
            lambda each: self._record(case, each),
        )
        decision = acted.decision
        self._until_stop = None
        if case == "approval spent twice":
            self._spend_again(decision)
        stopped = acted.outcome.status == "stopped"
        done = acted.outcome.status in ("done", "stopped") and decision.approved is not None
        plan = self._sender.plan() if done else ()
        if done and not stopped and not is_within(decision.plan, plan):
            figures.mismatches.append(f"{action!r}: its plan isn't what was approved: {plan}")
        batch = self._log.batch()
        self._undo(case)
        figures.approvals += decision.approved is not None
        figures.carried_out += done
        figures.events += len(batch.core)
        figures.came_to[case, acted.outcome.status] += 1
        self._judge(case, acted, mismatch(plan, batch, pointer, stopped=stopped))

    def _record(self, case: str, decision: Decision) -> None:
        """The intent is written; nothing may have been sent yet. Then the world changes."""
        if not (batch := self._log.batch()).nothing:
            self.figures.mismatches.append(f"sent before the record of the intent: {batch}")
        if case == "screen changed":
            self._paint(decision)
        elif case == "approval expired":
            self._clock.jump(LIFETIME_S)
        elif case == "approval spent before" and decision.approved is not None:
            decision.approved.spend(self._desktop.geometry())
        elif case == "monitors changed":
            self._xrandr("--delmonitor", "right")
        elif case == "stopped":
            self._until_stop = self._dice.stop_after()

    def _paint(self, decision: Decision) -> None:
        """Cover the target, or, where there is none, as much as a dialog covers."""
        goal = next((event.point for event in decision.plan if event.kind == "move"), DesktopPoint(200, 200))
        self._log.paint(max(goal.x - 100, 0), max(goal.y - 80, 0), 200, 160)

    def _undo(self, case: str) -> None:
        if case == "screen changed":
            self._log.clear()
        elif case == "monitors changed":
            self._xrandr("--setmonitor", "right", "160/40x480/120+480+0", "none")

    def _spend_again(self, decision: Decision) -> None:
        try:
            if decision.approved is not None:
                self._desktop.perform(decision.approved, lambda: False)
                self.figures.mismatches.append("an approval was spent twice")
        except ApprovalError:
            pass

    def _xrandr(self, *arguments: str) -> None:
        subprocess.run(["xrandr", *arguments], env=self._display.environment(), check=True)

    def _judge(self, case: str, acted: ExecutionResult, wrong: str) -> None:
        said = f"{case}: {acted.decision.action!r}: {acted.outcome.status} {acted.outcome.detail}"
        if wrong:
            self.figures.mismatches.append(f"{said}: {wrong}")
        if case != "stopped" and (acted.outcome.status == "done") != (case in SENT):
            self.figures.surprises.append(said)


def prove(actions: int, seed: int) -> Figures:
    """Do so many random actions on a display of their own, and compare what came with what was approved."""
    with VirtualDisplay(SIZE, window_manager=None) as display:
        for each in (("left", "480/120x480/120+0+0", "screen"), ("right", "160/40x480/120+480+0", "none")):
            subprocess.run(
                ["xrandr", "--setmonitor", *each],
                env=display.environment(),
                stdout=subprocess.DEVNULL,
                check=True,
            )
        desktop = open_local(display.name)
        try:
            assert desktop.grab().monitor == LEFT
            with EventLog(display.name) as log:
                proof = Proof(display, desktop, log, seed)
                proof.run(actions)
                return proof.figures
        finally:
            desktop.close()


def show(figures: Figures, seconds: float) -> None:
    each_ms = seconds / figures.actions * 1000
    print(f"{figures.actions} random actions in {seconds:.0f} s ({each_ms:.0f} ms each)")
    for (case, status), count in sorted(figures.came_to.items()):
        print(f"  {case:<22} {status:<9} {count:>6}")
    print(f"approvals given: {figures.approvals}, carried out: {figures.carried_out}")
    print(f"events that the other client got: {figures.events}")
    for each in (*figures.surprises[:10], *figures.mismatches[:20]):
        print(f"  {each}")
    print(f"came to something else than was arranged: {len(figures.surprises)}")
    print(f"mismatches: {len(figures.mismatches)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.monotonic()
    figures = prove(options.actions, options.seed)
    show(figures, time.monotonic() - start)
    sys.exit(bool(figures.mismatches))


if __name__ == "__main__":
    main()
