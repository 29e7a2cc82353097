"""Who looks on while a task runs: the command line prints, a script may log, a test may count."""

from pathlib import Path

from qvl_agent.actions.execution.person import Question
from qvl_agent.agent.recording.format import Manifest, RunResult, RunResumed, StepIntent, StepOutcome

__all__ = ["Watch"]


class Watch:
    """Told of each thing as it happens; the base class looks away. Must not raise."""

    def started(self, manifest: Manifest, folder: Path) -> None:
        """A run began; its record grows in `folder`."""

    def resumed(self, resumed: RunResumed, folder: Path) -> None:
        """A run that had ended goes on; its record grows on in `folder`."""

    def thinking(self, step: int) -> None:
        """The model was asked."""

    def text(self, piece: str) -> None:
        """A piece of the model's reply came."""

    def decided(self, intent: StepIntent) -> None:
        """The reply was read and judged; nothing is sent yet."""

    def asking(self, question: Question) -> None:
        """A person is about to be asked, or told; nothing is sent before they answer."""

    def warned(self, sentence: str) -> None:
        """Something about the screen that the person should know."""

    def paused(self, why: str) -> None:
        """The run can't go on as it is; the person is told why, and says whether it does."""

    def verifying(self) -> None:
        """The model claims that it is done, and is asked about that over a fresh screen."""

    def acted(self, outcome: StepOutcome) -> None:
        """The action was done, or wasn't."""

    def ended(self, result: RunResult) -> None:
        """The run is over."""
