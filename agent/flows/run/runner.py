"""Run a flow: over its data, item by item, on a desktop, through the executor that every run uses."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from qvl_agent.actions.core.coordinates import FramePoint
from qvl_agent.actions.core.errors import FlowError, ModelError
from qvl_agent.agent.flows.finding.rolling import RollingReader
from qvl_agent.agent.flows.finding.wanted import Place, Wanted
from qvl_agent.agent.flows.heal.healer import Healer, HealMode
from qvl_agent.agent.flows.heal.store import ProposalStore
from qvl_agent.agent.flows.queue import Output, Queue
from qvl_agent.agent.flows.reading import Loaded, load, targets, walk
from qvl_agent.agent.flows.run.evidence import KnownTargets
from qvl_agent.agent.flows.run.hands import DIALECT, Hands
from qvl_agent.agent.flows.run.playing import ItemResult, Playing, Records, Work, plain
from qvl_agent.agent.flows.run.pointing import point_at
from qvl_agent.agent.flows.run.record import FlowBegan, FlowLog
from qvl_agent.agent.flows.run.variables import given
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import Do, ForEach
from qvl_agent.agent.flows.script.walking import once_outside
from qvl_agent.agent.flows.trust import NO_TRUST, Trust
from qvl_agent.agent.flows.values import Scope
from qvl_agent.agent.models import Model
from qvl_agent.agent.paths import runs_folder
from qvl_agent.agent.recording.format import Manifest, RunResult, RunStatus
from qvl_agent.agent.recording.recording import Recorder, Recording
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import EventStream, Started
from qvl_agent.agent.run.wrappers.redacted import bound, with_secrets
from qvl_agent.agent.run.wrappers.supervised import supervised

__all__ = ["FlowAgent", "FlowRun", "NoModel", "asks_model", "needs_items"]


class NoModel(Model):
    """The model of a run that has none: a flow finds its targets by itself."""

    name = "none"

    def reply(self, messages: Sequence[Any], *, stop: Any, on_text: Any = None) -> NoReturn:
        """Refuse.

        Raises:
            ModelError: always.
        """
        del messages, stop, on_text
        raise ModelError("this step of the flow asks a model, and the run has none; give --model")

    def with_format(self, form: Any) -> "NoModel":
        del form
        return self

    def picture_tokens(self, size: tuple[int, int]) -> int | None:
        del size
        return None

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class FlowRun:
    """A finished run of a flow.

    Attributes:
        result: the run's end, as every run has it.
        folder: the folder of its recording.
        items: each item that was done in this run, in order; one without a key for a flow without data.
    """

    result: RunResult
    folder: Path
    items: tuple[ItemResult, ...]

    @property
    def status(self) -> RunStatus:
        return self.result.status

    def recording(self) -> Recording:
        """Read the run's recording: steps, frames, verdicts, outcomes."""
        return Recording.open(self.folder)


@dataclass(frozen=True, slots=True)
class FlowAgent(Setup):
    """A `Setup` that runs flows; each run is recorded in a folder of its own.

    Attributes:
        model: `NoModel`, unless the flow may ask a model.
        runs: the folder for the recordings; None for the default.
        trust: what the person agreed to beforehand.
        heal: what is done where a target isn't found; None to stop.
        proposed: take the open proposals that are proved as if they were accepted.
    """

    _: KW_ONLY
    runs: Path | None = None
    trust: Trust = NO_TRUST
    heal: HealMode | None = None
    proposed: bool = False

    def run(
        self,
        flow: Loaded | Path | str,
        *,
        variables: Mapping[str, Any] | None = None,
        queue: Queue | None = None,
        output: Output | None = None,
        worker: str = "",
    ) -> FlowRun:
        """Run a flow to its end and return how its items ended; a failed item is a result, not an error.

        Args:
            flow: the flow, or its file.
            variables: values for the flow's variables.
            queue: the items, for a flow with data.
            output: gets a line for each item that is over.
            worker: this worker's name in the queue.

        Raises:
            FlowError: the flow, its lock, its data or a variable can't be used.
            RecordingError: the record can't be written; nothing more was sent.
            KeyboardInterrupt: Ctrl+C was pressed; the record is closed first.
        """
        loaded = flow if isinstance(flow, Loaded) else load(Path(flow))
        scope = Scope(variables=given(loaded.flow, variables or {}, "--set {name}=VALUE"))
        if needs_items(loaded.flow) and queue is None:
            raise FlowError(f"{loaded.path.name} goes over rows of data; name the file with --data")
        for path in once_outside(loaded.flow):
            line, _ = loaded.where(path)
            raise FlowError(
                f"{loaded.path.name}, line {line}: a step that is done once is done again by each run and "
                "worker, as it belongs to no row; move it into the for_each, or into a flow of its own"
            )
        with self.opened(
            loaded.flow, loaded.path, loaded.digest, Work(queue, output, worker), scope
        ) as playing:
            result = playing.play(scope)
            healer = playing.healer
            if result.status == "done" and healer is not None and healer.healed:
                healer.store.mark(healer.healed)
        return FlowRun(self.secrets.redactor.record(result), playing.folder, tuple(playing.items))

    @contextmanager
    def opened(self, flow: Flow, path: Path, digest: str, work: Work, scope: Scope) -> Iterator[Playing]:
        """Open the record of a run, and yield what does its steps.

        Args:
            flow: what is done.
            path: its file, beside which its lock and its data are.
            digest: the file's checksum; "" for a script in Python.
            work: the items.
            scope: the variables at the start.
        """
        known = KnownTargets(flow, path)
        if self.proposed:
            _take_proposals(known, ProposalStore(path))
        agent = bound(self)
        manifest, redactor = agent._manifest(flow, path), self.secrets.redactor  # noqa: SLF001 - its own
        with (
            Recorder.create(self.runs or runs_folder(), manifest, redactor) as recorder,
            FlowLog(recorder.folder, redactor) as log,
            EventStream(self.subscribers, redactor) as events,
        ):
            events.publish(Started(manifest, recorder.folder))
            began = FlowBegan(
                flow=flow.flow,
                file=str(path),
                digest=digest,
                lock=known.lock.digest(),
                variables=plain(dict(scope.variables)),
            )
            log.write(began)
            with supervised(agent) as setup:
                covered, typist = with_secrets(setup)
                if covered.reader is not None:
                    covered = replace(covered, reader=RollingReader(covered.reader, known.readings))
                hands = Hands(covered, recorder, events, typist=typist, trust=self.trust)
                playing = Playing(
                    covered,
                    flow,
                    path,
                    known=known,
                    hands=hands,
                    records=Records(recorder, log, events, manifest),
                    work=work,
                )
                playing.healer = self._healer(flow, path, covered, hands)
                yield playing

    def _healer(self, flow: Flow, path: Path, setup: Setup, hands: Hands) -> Healer | None:
        """Return what heals this run.

        Raises:
            FlowError: nothing is installed that reads.
        """
        if self.heal is None:
            return None
        if setup.reader is None:
            raise FlowError("healing reads the screen; pip install 'qvl-agent[flows]', or take --ocr auto")
        words = tuple(target.text for _, _, target in targets(flow) if target.text)
        pointer = None if isinstance(self.model, NoModel) else partial(_pointed, setup)
        return Healer(ProposalStore(path), setup.reader, self.heal, hands.person, words, pointer)

    @classmethod
    def of(cls, setup: Setup, *, runs: Path | None = None, trust: Trust = NO_TRUST) -> "FlowAgent":
        """Make one of another setup, with its desktop, model and rules."""
        given = {each.name: getattr(setup, each.name) for each in fields(Setup)}
        return cls(**given, runs=runs or getattr(setup, "runs", None), trust=trust)

    def _manifest(self, flow: Flow, path: Path) -> Manifest:
        return Manifest(
            program=version("qvl-agent"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            task=flow.flow,
            desktop=self.desktop.name,
            model=self.model.name,
            dialect=DIALECT,
            policy=self.policy,
            platform=self.desktop.platform,
            flow=str(path),
        )


def needs_items(flow: Flow) -> bool:
    """Return whether a flow goes over rows of data."""
    return any(isinstance(step, ForEach) and step.in_ is None for _, step in walk(flow))


def asks_model(flow: Flow) -> bool:
    """Return whether a step of a flow needs a model."""
    described = any(target.describe is not None for _, _, target in targets(flow))
    return described or any(isinstance(step, Do) for _, step in walk(flow))


def _take_proposals(known: KnownTargets, store: ProposalStore) -> None:
    for proposal in filter(lambda each: each.proved, store.all()):
        words = (proposal.evidence.text,) if proposal.evidence.text else ()
        known.heal(
            proposal.key, Wanted(words=words, evidence=proposal.evidence, picture=store.picture(proposal))
        )


def _pointed(setup: Setup, words: str, place: Place) -> FramePoint | None:
    """Ask the model where something is; only a place in the window counts."""
    box = point_at(setup, words, place.frame)
    if box is None or not place.window.meets(box):
        return None
    return FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
