"""Let a model do the sandbox's tasks, through the agent's whole loop and in real windows.

The result is judged by the applications' own state. Works with any model; `benchmarks/nano.py` uses it.
"""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Final, Self

from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.execution.person import Consent, Nobody, Question
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent import Agent, Run
from qvl_agent.agent.models import Model
from qvl_agent.agent.run.modes import Constrain
from qvl_agent.sandbox.nano import DIALECT, PICTURE_TOKENS, SCREEN
from qvl_agent.sandbox.nano.making.evaluation.figures import Case, RunLine, StepsLine, case_fields
from qvl_agent.sandbox.nano.making.evaluation.single_steps import ComparingOracle
from qvl_agent.sandbox.session import Sandbox, SandboxDesktop, open_sandbox

__all__ = ["FIRST_SEED", "MAX_STEPS", "Evaluation", "OpenModel"]

FIRST_SEED: Final = 5_000_000
"""Seeds from here on are never trained on."""
MAX_STEPS: Final = 14
"""Steps of a run: room for a few mistakes, as most tasks take the oracle 2 to 8."""

OpenModel = Callable[[SandboxDesktop], Model]
"""Returns the model that answers on a desktop; the caller closes it."""


class Evaluation:
    """Runs tasks with one model; each application has a process of its own. The `with` block closes them.

    Args:
        name: The model's name in the results.
        open_model: Returns the model for a desktop.
        max_steps: A run that isn't over by then has failed.
        reader: Reads the text on a target for the guard.
        constrain: Whether to keep replies to the format while they are generated, if the model can.
        keep: The folder for the recordings of failed runs; None keeps none.
    """

    def __init__(
        self,
        name: str,
        open_model: OpenModel,
        *,
        max_steps: int = MAX_STEPS,
        reader: Reader | None = None,
        constrain: Constrain = "auto",
        keep: Path | None = None,
    ) -> None:
        self._name, self._open_model, self._keep = name, open_model, keep
        self._policy, self._reader, self._constrain = Policy(max_steps=max_steps), reader, constrain
        self._stack = ExitStack()
        self._runs = keep or Path(self._stack.enter_context(TemporaryDirectory()))
        self._desktops: dict[str, SandboxDesktop] = {}

    def run(self, case: Case) -> RunLine:
        """Let the model do a task until the run ends."""
        desktop, person = self._set_up(case), _ConsentingPerson()
        run = self._agent(desktop, self._open_model(desktop), person).run(desktop.sandbox.instruction)
        line = self._run_line(case, desktop.sandbox, run, person.asked)
        if line.solved or self._keep is None:
            shutil.rmtree(run.folder)
        return line

    def steps(self, case: Case) -> StepsLine:
        """Let the oracle do a task, and ask the model for its reply at each step too."""
        desktop = self._set_up(case)
        model = self._open_model(desktop)
        if self._constrain == "auto":
            model = model.with_format(reply_format(DIALECT))
        comparing = ComparingOracle(model, desktop.sandbox)
        run = self._agent(desktop, comparing, _ConsentingPerson()).run(desktop.sandbox.instruction)
        shutil.rmtree(run.folder)
        return StepsLine.model_validate({**case_fields(self._name, case), "steps": comparing.steps})

    def _set_up(self, case: Case) -> SandboxDesktop:
        """Set up a case, and start the application's process if it isn't running yet."""
        if desktop := self._desktops.get(case.app):
            desktop.sandbox.reset(case.task, case.seed)
            return desktop
        opened = open_sandbox(case.app, task=case.task, seed=case.seed, size=SCREEN)
        sandbox = self._stack.enter_context(opened)
        return self._desktops.setdefault(case.app, SandboxDesktop(sandbox, f"sandbox:{case.app}"))

    def _agent(self, desktop: SandboxDesktop, model: Model, person: Nobody) -> Agent:
        return Agent(
            desktop,
            model,
            policy=self._policy,
            person=person,
            reader=self._reader,
            runs=self._runs,
            constrain=self._constrain,
            look_closer="never",  # the picture is always shrunk, and it learns to point in that
            picture_tokens=PICTURE_TOKENS,
        )

    def _run_line(self, case: Case, sandbox: Sandbox, run: Run, questions: int) -> RunLine:
        check = sandbox.check(run.answer, failed=run.status == "failed")
        ended = run.status == ("done" if sandbox.task.possible else "failed")
        steps = run.recording().steps
        return RunLine.model_validate(
            {
                **case_fields(self._name, case),
                "solved": check.passed and ended,
                "state_right": check.passed,
                "status": run.status,
                "reason": f"{check.reason}; {run.status}: {run.result.message}",
                "steps": run.result.steps,
                "questions": questions,
                "replies": [step.intent.reply.text for step in steps],
                "model_ms": [round(step.intent.times.get("model", 0.0) * 1000, 1) for step in steps],
            }
        )

    def close(self) -> None:
        """End the applications. May be called twice."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _ConsentingPerson(Nobody):
    """Says yes to every question of the guard, as the task was asked for, and counts the questions."""

    def __init__(self) -> None:
        self.asked = 0

    def approve(self, question: Question) -> Consent:
        self.asked += question.verdict.level > Level.NOTICE
        return Consent("yes")
