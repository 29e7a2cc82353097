"""One run of a flow: its items, one after the other, each with an end of its own."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import (
    DesktopError,
    FlowError,
    ModelError,
    ReadingError,
    RecordingError,
    Stopped,
)
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.flows.heal.healer import Healer
from qvl_agent.agent.flows.queue import Output, Queue, Taken
from qvl_agent.agent.flows.reading import beside, load
from qvl_agent.agent.flows.run.acting import Actor
from qvl_agent.agent.flows.run.evidence import KnownTargets
from qvl_agent.agent.flows.run.hands import Hands
from qvl_agent.agent.flows.run.interpreter import Interpreter
from qvl_agent.agent.flows.run.record import FlowEnded, FlowLog, ItemBegan, ItemEnded, StepEnded
from qvl_agent.agent.flows.run.services import Services
from qvl_agent.agent.flows.run.trouble import FlowHalted, ItemOver, ItemStatus, StepTrouble
from qvl_agent.agent.flows.run.watching import Eyes
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import ForEach, Step
from qvl_agent.agent.flows.values import Scope
from qvl_agent.agent.recording.format import Manifest, RunResult, RunStatus
from qvl_agent.agent.recording.recording import Recorder
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.ending import RunEnded, halted
from qvl_agent.agent.run.episode import Episode
from qvl_agent.agent.run.events import Ended, EventStream, ItemFinished, ItemStarted, ScriptStep
from qvl_agent.agent.run.screens import Screens

__all__ = ["ItemResult", "Playing", "Records", "Work", "plain"]

_SAME_FAILURES: Final = 3
"""Items in a row that fail at the same step, after which the run ends: the application isn't what it was."""
_WORDS: Final = {
    "business-error": "with wrong data",
    "application-error": "failed",
    "parked": "parked",
}


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How one item ended.

    Attributes:
        key: its key in the data; "" for a flow without data.
        status: see `trouble.ItemStatus`.
        message: what went wrong, in a sentence; "" if nothing did.
        path: the step at which it failed; "" if none did.
        values: the variables at its end, with what was read.
        seconds: how long it took.
    """

    key: str
    status: ItemStatus
    message: str = ""
    path: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Records:
    """Where a run is written: its journal, the flow's lines, and the events for those who listen.

    `manifest` is the journal's own; what a model does has one like it.
    """

    journal: Recorder
    log: FlowLog
    events: EventStream
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Work:
    """What a run goes over: the items, the file of what came of them, and this worker's name."""

    queue: Queue | None = None
    output: Output | None = None
    worker: str = ""


class Playing:
    """One run of a flow: its items, one after the other.

    Attributes:
        items: how each item ended that was begun.
        folder: the folder of the run's record.
    """

    def __init__(
        self,
        setup: Setup,
        flow: Flow,
        path: Path,
        *,
        known: KnownTargets,
        hands: Hands,
        records: Records,
        work: "Work",
    ) -> None:
        self.items: list[ItemResult] = []
        self.folder = records.journal.folder
        self._setup, self._flow = setup, flow
        self._hands, self._records, self._work = hands, records, work
        self._screens = Screens(setup, records.journal, records.events)
        self._eyes = Eyes(setup, flow, path, known, screens=self._screens, events=records.events)
        services = Services(
            person=hands.person,
            stop=setup.stop,
            write=self._write,
            items=self._go_over,
            do=self._do,
            load=lambda name, user: load(beside(user, name)),
            action=lambda: hands.steps,
        )
        self._steps = Interpreter(flow, self._eyes, Actor(self._eyes, hands), services)
        self._start = time.monotonic()
        self._same: tuple[str, int] = ("", 0)

    def play(self, scope: Scope) -> RunResult:
        """Do the flow, and write the journal's last line.

        Raises:
            RecordingError: the record can't be written, so it has no last line either.
            FlowError: the flow can't be done as it is; the record says so.
        """
        try:
            self._whole(scope)
        except RunEnded as over:
            return self._finish(over.status, over.message)
        except (Stopped, DesktopError) as trouble:
            halt = halted(trouble, self._setup.why_stopped())
            return self._finish(halt.status, halt.message)
        except ReadingError as error:
            return self._finish("desktop-error", str(error))
        except ModelError as error:
            return self._finish("model-error", str(error))
        except RecordingError:
            raise
        except FlowError as error:
            self._finish("failed", str(error))
            raise
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            self._finish("stopped" if stopped else "crashed", repr(error))
            raise
        return self._finish(*_end_of(self.items))

    @property
    def healer(self) -> Healer | None:
        """What heals this run; None if nothing does."""
        return self._eyes.healer

    @healer.setter
    def healer(self, healer: Healer | None) -> None:
        self._eyes.healer = healer

    def one(self, step: Step, number: int, scope: Scope) -> None:
        """Do one step of a script in Python; raises as `Interpreter.step` does."""
        self._steps.step(step, f"call[{number}]", scope)

    def end(self, status: RunStatus, message: str = "", *, verified: bool = True) -> RunResult:
        """Write the end of a script in Python; it isn't verified if it went on after a step that failed."""
        return self._finish(status, message, verified=verified)

    def _whole(self, scope: Scope) -> None:
        if self._work.queue is not None:
            self._steps.begin_item("", _NoRow())
            try:
                self._steps.steps(self._flow.steps, "steps", scope)
            except StepTrouble as trouble:
                status: RunStatus = "parked" if trouble.parks else "failed"
                raise FlowHalted(status, f"{trouble.path}: {trouble.message}") from trouble
            except ItemOver as over:
                raise FlowHalted("failed", over.message) from over
            if self._steps.soft:
                raise FlowHalted("failed", "; ".join(self._steps.soft))
            return
        self._item("", scope, lambda: self._steps.steps(self._flow.steps, "steps", scope))

    def _go_over(self, step: ForEach, path: str, scope: Scope) -> None:
        """Do a `for_each` over the data: take items from the queue until nothing waits.

        Raises:
            FlowHalted: the application couldn't be brought back after an item, or items keep failing alike.
        """
        queue, outer, soft = self._work.queue, self._steps.key, self._steps.soft
        if queue is None:
            raise FlowError(f"{path}: there is no data to go over")
        while (taken := queue.take(self._work.worker)) is not None:
            self._hands.begin_item()
            variables = {**scope.variables, **taken.values}
            inner = replace(scope, variables=variables, row=taken.data, row_name=step.for_each)
            first = self._hands.steps
            self._steps.begin_item(taken.key, _Keeper(queue, taken.key), taken.after)
            do = partial(self._steps.steps, step.steps, f"{path}.steps", inner)
            result = self._item(taken.key, inner, do, taken)
            queue.finish(taken.key, result.status, dict(inner.variables), result.message, result.path)
            if self._work.output is not None:
                self._work.output.update()
            if result.status not in {"done", "skipped"}:
                self._bring_back(step, path, inner, result, sent=self._hands.steps > first)
        if self._work.output is not None:
            self._work.output.close()
        self._steps.begin_item(outer, _NoRow())
        self._steps.soft = soft

    def _bring_back(self, step: ForEach, path: str, scope: Scope, result: ItemResult, *, sent: bool) -> None:
        """Do the steps after an item that failed, so that the next finds the application as it should be.

        It is so after an item whose soft checks alone failed, and, where there is no `on_error`, after one
        whose data was wrong before anything was `sent`.
        """
        if result.status == "application-error" and not result.path:
            return
        name, times = self._same
        self._same = (result.path, times + 1 if name == result.path else 1)
        if result.status == "application-error" and self._same[1] >= _SAME_FAILURES:
            raise FlowHalted(
                "failed", f"{_SAME_FAILURES} items in a row failed at {result.path}: {result.message}"
            )
        if not step.on_error:
            if result.status != "business-error" or (result.path and sent):
                raise FlowHalted(
                    "failed",
                    f"item {result.key}: {result.message}; the flow has no on_error steps to go on with",
                )
            return
        self._steps.begin_item(result.key, None)
        try:
            self._steps.steps(step.on_error, f"{path}.on_error", scope)
        except ItemOver:
            return
        except StepTrouble as trouble:
            raise FlowHalted(
                "failed",
                f"item {result.key}: {result.message}; then {trouble.path}: {trouble.message}, "
                "so the rest wasn't tried",
            ) from trouble

    def _item(self, key: str, scope: Scope, do: Callable[[], None], taken: Taken | None = None) -> ItemResult:
        """Do one item and record how it ended."""
        number = taken.number if taken else 0
        begun = ItemBegan(key=key, number=number, after=taken.after if taken else "")
        self._records.log.write(begun)
        self._records.events.publish(ItemStarted(key, number))
        start = time.monotonic()
        status, message, path = "done", "", ""
        result: ItemResult
        try:
            do()
            if self._steps.soft:
                status, message = "application-error", "; ".join(self._steps.soft)
        except ItemOver as over:
            status, message = over.status, over.message
        except StepTrouble as trouble:
            status = "parked" if trouble.parks else "application-error"
            message, path = trouble.message, trouble.path
        except FlowError as error:
            if not key:
                raise
            status, message, path = "business-error", str(error), self._steps.stuck_at
        values = dict(scope.variables)
        result = ItemResult(key, status, message, path, values, time.monotonic() - start)  # type: ignore[arg-type]
        self.items.append(result)
        self._records.log.write(
            ItemEnded(
                key=key,
                status=status,
                message=message,
                path=path,
                values=plain(values),
                seconds=result.seconds,
            )
        )
        self._records.events.publish(ItemFinished(key, status, message, path))
        return result

    def _do(self, task: str) -> None:
        """Hand a task to the model, in a record of its own beside this one.

        Raises:
            StepTrouble: it didn't claim that the task is done.
        """
        setup = self._setup
        manifest = self._records.manifest.model_copy(
            update={"task": task, "model": setup.model.name, "dialect": setup.dialect}
        )
        with Recorder.create(
            self._records.journal.folder.parent, manifest, setup.secrets.redactor
        ) as recorder:
            result = Episode(setup, task, recorder, self._records.events).play()
        if result.status != "done" or result.verified is False:
            raise StepTrouble(f"the model didn't do “{task}”: {result.status}: {result.message}")

    def _write(self, line: StepEnded, frame: Frame | None) -> None:
        if frame is not None:
            line = line.model_copy(update={"frame": self._records.journal.ref(frame)})
        self._records.log.write(line)
        self._records.events.publish(
            ScriptStep(line.path, line.words, line.status, line.message, line.seconds)
        )

    def _finish(self, status: RunStatus, message: str, *, verified: bool = True) -> RunResult:
        counts: dict[str, int] = {}
        for item in self.items:
            counts[item.status] = counts.get(item.status, 0) + 1
        seconds = time.monotonic() - self._start
        done = status == "done" and verified
        result = RunResult(
            status=status,
            message=message,
            verified=True if done else None,
            check=_checked(counts) if done else "",
            verified_by="checker" if done else "",
            steps=self._hands.steps,
            seconds=seconds,
            frame=self._records.journal.ref(self._screens.last) if self._screens.last else None,
        )
        self._records.log.write(FlowEnded(status=status, message=message, counts=counts, seconds=seconds))
        self._records.journal.result(result)
        self._records.events.publish(Ended(result))
        return result


class _Keeper:
    """Keeps the `once` steps of one item of a queue."""

    def __init__(self, queue: Queue, key: str) -> None:
        self._queue, self._key = queue, key

    def begin_once(self, path: str) -> None:
        self._queue.begin_once(self._key, path)

    def withdraw_once(self, path: str) -> None:
        self._queue.withdraw_once(self._key, path)

    def end_once(self, path: str, values: dict[str, Any]) -> None:
        self._queue.end_once(self._key, path, values)


class _NoRow:
    """Refuses `once` steps around the rows, such as those of a flow that is used there: no row keeps them."""

    def begin_once(self, path: str) -> None:
        raise FlowError(
            f"{path}: a step that is done once is done again by each run and worker, as it belongs to no "
            "row; move it into the for_each, or into a flow of its own"
        )

    def withdraw_once(self, path: str) -> None:
        raise AssertionError(path)

    def end_once(self, path: str, values: dict[str, Any]) -> None:
        raise AssertionError(path, values)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as JSON has them; dates become text."""
    kinds = (str, int, float, bool, type(None), list, tuple)
    return {name: value if isinstance(value, kinds) else str(value) for name, value in values.items()}


def _checked(counts: Mapping[str, int]) -> str:
    """Return what a run that ended well has shown."""
    said = "every step was done, and all that had to follow was seen"
    early = counts.get("skipped", 0)
    return f"{said}; {early} skipped, which the flow ended early" if early else said


def _end_of(items: Sequence[ItemResult]) -> tuple[RunStatus, str]:
    """Return how a run ends by how its items ended."""
    counts: dict[str, int] = {}
    for item in items:
        counts[item.status] = counts.get(item.status, 0) + 1
    if len(items) == 1 and not items[0].key:
        only = items[0]
        status: RunStatus = {"done": "done", "skipped": "done", "parked": "parked"}.get(only.status, "failed")  # type: ignore[assignment]
        return status, f"{only.path}: {only.message}" if only.path else only.message
    said = ", ".join(f"{number} {_WORDS.get(status, status)}" for status, number in counts.items())
    bad = [item for item in items if item.status not in {"done", "skipped"}]
    if not bad:
        return "done", said or "no item waited"
    return "failed", said
