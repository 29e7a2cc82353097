"""The public face: an agent runs tasks and hands back what came of them, with the evidence."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from qvl_agent.agent.loop import Episode
from qvl_agent.agent.places import runs_folder
from qvl_agent.agent.redacted import bound, with_secrets
from qvl_agent.agent.setup import Setup
from qvl_agent.agent.under_watch import under_watch
from qvl_agent.sandbox.record import Manifest, RunResult, RunStatus
from qvl_agent.sandbox.recording import Recorder, Recording

__all__ = ["Agent", "Run"]


@dataclass(frozen=True, slots=True)
class Run:
    """A task that was run, and its evidence.

    Attributes:
        result: the end of it: status, message, answer, verified, steps, seconds.
        folder: the recording.
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
        """Read the evidence back: steps, replies, frames, verdicts, outcomes."""
        return Recording.open(self.folder)


@dataclass(frozen=True, slots=True)
class Agent(Setup):
    """A `Setup` that runs tasks; each run becomes a recording below `runs`."""

    runs: Path | None = None

    def run(self, task: str) -> Run:
        """Run a task to its end and return what came of it; a failed task is a result, not an error.

        Raises:
            RecordingError: the record can't be written; nothing more was sent.
            KeyboardInterrupt: as it came; the record is closed first.
        """
        agent = bound(self)
        manifest = agent._manifest(task)  # noqa: SLF001 - its own
        redactor = self.secrets.redactor
        with Recorder.create(self.runs or runs_folder(), manifest, redactor) as recorder:
            self.watch.started(redactor.record(manifest), recorder.folder)
            with under_watch(agent) as setup:
                result = Episode(with_secrets(setup), task, recorder).play()
        result = redactor.record(result)
        self.watch.ended(result)
        return Run(result, recorder.folder)

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
            platform=sys.platform,
        )
