"""The public interface: an agent that runs tasks, and returns each one's result and recording."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from os import PathLike
from pathlib import Path

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.paths import runs_folder
from qvl_agent.agent.recording.continuing import go_on_with
from qvl_agent.agent.recording.format import Manifest, RunResult, RunResumed, RunStatus
from qvl_agent.agent.recording.recording import Recorder, Recording
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.episode import Episode
from qvl_agent.agent.run.events import EventStream, Resumed, Started
from qvl_agent.agent.run.resume import PastRun, budget_spent, past_of, policy_again, spent_words
from qvl_agent.agent.run.wrappers.redacted import bound, with_secrets
from qvl_agent.agent.run.wrappers.supervised import supervised

__all__ = ["Agent", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run of a task.

    Attributes:
        result: its end: status, message, answer, verified, steps, seconds.
        folder: the folder of its recording.
    """

    result: RunResult
    folder: Path

    @property
    def status(self) -> RunStatus:
        return self.result.status

    @property
    def answer(self) -> str | None:
        return self.result.answer

    @property
    def verified(self) -> bool | None:
        return self.result.verified

    def recording(self) -> Recording:
        """Read the run's recording: steps, replies, frames, verdicts, outcomes."""
        return Recording.open(self.folder)


@dataclass(frozen=True, slots=True)
class Agent(Setup):
    """A `Setup` that runs tasks; each run is recorded in a folder of its own.

    Attributes:
        runs: the folder for the recordings; None for the default, `paths.runs_folder`.
    """

    runs: Path | None = None

    def run(self, task: str) -> Run:
        """Run a task to its end and return the result; a failed task is a result, not an error.

        Raises:
            RecordingError: the record can't be written; nothing more was sent.
            KeyboardInterrupt: Ctrl+C was pressed; the record is closed first.
        """
        agent = bound(self)
        manifest = agent._manifest(task)  # noqa: SLF001 - its own
        redactor = self.secrets.redactor
        with (
            Recorder.create(self.runs or runs_folder(), manifest, redactor) as recorder,
            EventStream(self.subscribers, redactor) as events,
        ):
            events.publish(Started(manifest, recorder.folder))
            with supervised(agent) as setup:
                covered, typist = with_secrets(setup)
                result = Episode(covered, task, recorder, events, typist=typist).play()
        return Run(redactor.record(result), recorder.folder)

    def resume(self, run: Run | str | PathLike[str], *, explicit: AbstractSet[str] = frozenset()) -> Run:
        """Go on with a run that ended before its task was over, in its own record, after its last step.

        The conversation and all counts are taken from the record; then the screen is captured anew. An action
        of which it isn't known whether it was done isn't repeated; the person and the model are told.

        Args:
            run: the `Run` that `run` returned, or its folder.
            explicit: the names in `policy` that were set for going on: with "max_steps" among them, that many
                more steps are allowed.

        Raises:
            RunBusyError: another process is writing the run.
            RecordingError: the run's task is over, or its record is broken or can't be written.
            SettingsError: the run has used up a budget that isn't in `explicit`, or had another dialect.
            KeyboardInterrupt: Ctrl+C was pressed; the record is closed first.
        """
        agent = bound(self)
        redactor = self.secrets.redactor
        recorder, recording = go_on_with(run.folder if isinstance(run, Run) else run, redactor)
        with recorder:
            past = past_of(recording)
            agent, resumed = agent._again(recording, past, explicit)  # noqa: SLF001 - its own
            recorder.resumed(resumed)
            with EventStream(self.subscribers, redactor) as events:
                events.publish(Resumed(resumed, recorder.folder))
                with supervised(agent) as setup:
                    covered, typist = with_secrets(setup, recording)
                    task = resumed.manifest.task
                    result = Episode(covered, task, recorder, events, past, typist=typist).play()
        return Run(redactor.record(result), recorder.folder)

    def _again(
        self, recording: Recording, past: PastRun, explicit: AbstractSet[str]
    ) -> tuple["Agent", RunResumed]:
        """Return the agent with which the run goes on, and the line about that for the record.

        Raises:
            SettingsError: the dialect is another one, or a budget is used up.
        """
        then = recording.manifest_at(past.steps + 1)
        if then.dialect != self.dialect:
            raise SettingsError(
                f"the run was held in the dialect '{then.dialect}'; go on in it, not in '{self.dialect}'"
            )
        policy = policy_again(self.policy, then.policy, past, explicit)
        if spent := budget_spent(policy, past):
            raise SettingsError(spent_words(spent, policy, recording.folder))
        agent = replace(self, policy=policy, pixel_space=self.pixel_space or then.pixel_space)
        return agent, RunResumed(
            after=past.steps,
            ended=recording.result.status if recording.result else None,
            torn=recording.torn,
            note=past.note,
            manifest=agent._manifest(then.task),  # noqa: SLF001 - another one of this class
        )

    def _manifest(self, task: str) -> Manifest:
        return Manifest(
            program=version("qvl-agent"),
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            task=task,
            desktop=self.desktop.name,
            model=self.model.name,
            dialect=self.dialect,
            pixel_space=self.pixel_space,
            policy=self.policy,
            platform=self.desktop.platform,
        )
