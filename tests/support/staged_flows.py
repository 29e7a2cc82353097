"""A stage for flows: words that are to be seen or not, and a record of what was done; no screen.

The interpreter, the actor, the queue and the record are the real ones. The eyes find a target by its words
among those on the stage, and the hands note each action and send nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change, Outcome, Status
from qvl_agent.actions.execution.executor import Decision, ExecutionResult
from qvl_agent.actions.execution.person import Nobody, Person
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Press, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.secrets.vault import EMPTY
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.flows.queue import Output, Queue, rows
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.run import playing as playing_module
from qvl_agent.agent.flows.run.evidence import KnownTargets
from qvl_agent.agent.flows.run.playing import ItemResult, Playing, Records, Work
from qvl_agent.agent.flows.run.record import FlowLine, FlowLog, StepEnded, read_lines
from qvl_agent.agent.flows.run.runner import needs_items
from qvl_agent.agent.flows.run.sight import Sight
from qvl_agent.agent.flows.run.watching import Eyes
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.flows.values import Scope, fill
from qvl_agent.agent.recording.format import Manifest, RunResult
from qvl_agent.agent.recording.recording import Recorder
from qvl_agent.agent.run.events import EventStream

BOX = FrameBox(10, 10, 60, 30)
SCREEN = Frame(np.full((100, 200, 3), 200, np.uint8), Rect(0, 0, 200, 100))


@dataclass
class Stage:
    """What is to be seen, and what was done.

    Attributes:
        seen: the words on the screen; a target is found if its words are among them.
        did: what was done, in order: "click Save", "type 4711", "press enter".
        after: what happens when something was done, by the words of `did`.
        sends: the outcome of what is done, by the words of `did`; "done" if it isn't there.
        breaks: what is raised instead of an outcome, once the step's input was approved.
        stopped: whether the person asked to stop.
    """

    seen: set[str] = field(default_factory=set)
    did: list[str] = field(default_factory=list)
    after: dict[str, Callable[[], object]] = field(default_factory=dict)
    sends: dict[str, list[Status]] = field(default_factory=dict)
    breaks: dict[str, BaseException] = field(default_factory=dict)
    person: Person = field(default_factory=Nobody)
    stopped: bool = False

    def times(self) -> Counter[str]:
        return Counter(self.did)


class StagedEyes(Eyes):
    """Eyes on a stage; waiting, conditions and pop-ups are the real ones."""

    def __init__(self, stage: Stage, flow: Any, path: Path) -> None:
        self._stage, self._flow, self.path = stage, flow, path
        self._known = KnownTargets(flow, path)
        self._setup = SimpleNamespace(desktop=SimpleNamespace(focused=lambda: None))  # type: ignore[assignment]
        self.sight, self.healer = None, None

    def look(
        self,
        frame: Frame | None = None,
        change: Change | None = None,
        *,
        step: int = 0,
        aimed: Mapping[Target, FrameBox] | None = None,
    ) -> Sight:
        del frame, step, aimed
        self.sight = Sight(Observation(SCREEN, SCREEN), None, change)
        return self.sight

    def find(self, target: Target, scope: Scope, sight: Sight, *, field: bool = False) -> Finding:
        words = fill(target.text or target.near or "", scope)
        return (
            Finding(BOX) if words in self._stage.seen else Finding(None, "it isn't on the stage", absent=True)
        )

    def rest(self) -> None:
        """Time passes by itself."""

    def seen(self, words: str, sight: Sight, *, by_looks: bool = False) -> bool | None:
        return words in self._stage.seen


class StagedHands:
    """Notes what would be sent."""

    def __init__(self, stage: Stage) -> None:
        self.steps, self._stage = 0, stage

    @property
    def person(self) -> Person:
        return self._stage.person

    def begin_item(self) -> None:
        """Count nothing."""

    def act(
        self,
        action: Action,
        observation: Observation,
        path: str,
        words: str,
        *,
        approved: Callable[[], None] | None = None,
        trusted: bool = True,
    ) -> ExecutionResult:
        self.steps += 1
        said = _words(action)
        planned = self._stage.sends.get(said)
        status: Status = planned.pop(0) if planned else "done"
        decision = Decision(action, None, (), None)  # type: ignore[arg-type]
        if status not in {"refused", "parked", "dry-run"} and approved is not None:
            approved()
        if (broken := self._stage.breaks.get(said)) is not None:
            raise broken
        if status == "done":
            self._stage.did.append(said)
            self._stage.after.get(said, lambda: None)()
        return ExecutionResult(decision, Outcome(status, status, change=Change((BOX,))), None)


def _words(action: Action) -> str:
    kind = type(action).__name__.lower()
    if isinstance(action, Type):
        return f"type {action.text}"
    if isinstance(action, Press):
        return f"press {'+'.join(action.keys)}"
    return f"{kind} {action.label}"


@dataclass
class Played:
    """A run of a flow on a stage."""

    result: RunResult
    items: list[ItemResult]
    lines: tuple[FlowLine, ...]

    @property
    def statuses(self) -> dict[str, str]:
        return {item.key: item.status for item in self.items}

    @property
    def steps(self) -> list[StepEnded]:
        return [line for line in self.lines if isinstance(line, StepEnded)]


class Theatre:
    """Plays flows on stages, in one folder; a queue stays there between two plays."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self._monkeypatch, self._plays = folder, monkeypatch, 0
        self.queue_file = folder / "queue.sqlite"

    def write(self, text: str, name: str = "x.flow.yaml", **files: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for other, content in files.items():
            (self.folder / other.replace("__", ".")).write_text(content, encoding="utf-8")
        return path

    def queue(self, data: str = "rows.csv", key: str | None = "number") -> Queue:
        """The queue as it was left, or a new one."""
        if self.queue_file.exists():
            return Queue.open(self.queue_file)
        items = rows(self.folder / data, key, "")
        return Queue.create(self.queue_file, items, flow_digest="f", data_digest="d")

    def play(
        self,
        flow: Path,
        stage: Stage,
        *,
        queue: Queue | None = None,
        output: Output | None = None,
        **variables: Any,
    ) -> Played:
        """Play a flow; raises what the run raises, after its record is closed."""
        loaded = load(flow)
        self._plays += 1
        runs = self.folder / f"runs-{self._plays}"
        eyes = StagedEyes(stage, loaded.flow, flow)
        self._monkeypatch.setattr(playing_module, "Eyes", lambda *_, **__: eyes)
        desktop = SimpleNamespace(
            grab=lambda: SCREEN, capabilities=SimpleNamespace(checks_task=False, windows=False)
        )
        setup = SimpleNamespace(
            desktop=desktop, stop=lambda: stage.stopped, why_stopped=lambda: None, secrets=EMPTY
        )
        defaults = {name: each.default for name, each in loaded.flow.variables.items()}
        self.last_folder = runs
        with (
            Recorder.create(runs, _manifest(flow)) as journal,
            FlowLog(journal.folder) as log,
            EventStream(()) as events,
        ):
            self.last_folder = journal.folder
            playing = Playing(
                setup,  # type: ignore[arg-type]
                loaded.flow,
                flow,
                known=KnownTargets(loaded.flow, flow),
                hands=StagedHands(stage),  # type: ignore[arg-type]
                records=Records(journal, log, events, _manifest(flow)),
                work=Work(queue, output, "stage"),
            )
            result = playing.play(Scope(variables={**defaults, **variables}))
        return Played(result, playing.items, read_lines(journal.folder))

    def over(self, flow: Path, stage: Stage, **variables: Any) -> Played:
        """Play a flow over its rows, with the queue as it was left."""
        assert needs_items(load(flow).flow)
        with self.queue() as queue:
            return self.play(flow, stage, queue=queue, **variables)


def _manifest(flow: Path) -> Manifest:
    return Manifest(
        program="0",
        created="2026-11-30T00:00:00+00:00",
        task="x",
        desktop="stage",
        model="none",
        dialect="grounded",
        policy=Policy(),
        flow=str(flow),
    )


__all__ = ["BOX", "Played", "Stage", "StagedEyes", "StagedHands", "Theatre"]
