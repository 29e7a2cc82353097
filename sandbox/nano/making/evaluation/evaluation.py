"""Ask a model to do the sandbox's tasks, through the whole loop and in real windows.

It is judged by the applications' own state. Nothing here knows which model it is.
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
from qvl_agent.agent.run.context import Constrain
from qvl_agent.sandbox.nano import DIALECT, PICTURE_TOKENS, SCREEN
from qvl_agent.sandbox.nano.making.evaluation.figures import Case, RunLine, StepsLine, facts
from qvl_agent.sandbox.nano.making.evaluation.single_steps import Beside
from qvl_agent.sandbox.session import Sandbox, SandboxDesktop, open_sandbox

__all__ = ["FIRST_SEED", "MAX_STEPS", "Answering", "Evaluation"]

FIRST_SEED: Final = 5_000_000
"""From here on no seed is trained on."""
MAX_STEPS: Final = 14
"""Of a run: room for a few mistakes, as most tasks take the oracle 2 to 8."""

Answering = Callable[[SandboxDesktop], Model]
"""Gives who answers on a desktop; the caller's to close."""


class Evaluation:
    """The applications' windows, one process each, and the model that is asked. Closes with its `with` block.

    Args:
        name: what the results call the model.
        answering: who answers.
        max_steps: a run that isn't over by then has failed.
        reader: what reads the text on a target for the guard.
        constrain: keep the replies to the format while they are written, where the model can.
        keep: a folder for the recordings of the runs that failed; without one none is kept.
    """

    def __init__(
        self,
        name: str,
        answering: Answering,
        *,
        max_steps: int = MAX_STEPS,
        reader: Reader | None = None,
        constrain: Constrain = "auto",
        keep: Path | None = None,
    ) -> None:
        self._name, self._answering, self._keep = name, answering, keep
        self._policy, self._reader, self._constrain = Policy(max_steps=max_steps), reader, constrain
        self._stack = ExitStack()
        self._runs = keep or Path(self._stack.enter_context(TemporaryDirectory()))
        self._desktops: dict[str, SandboxDesktop] = {}

    def run(self, case: Case) -> RunLine:
        """Let the model do a task to its end."""
        desktop, person = self._set_up(case), _Consenting()
        run = self._agent(desktop, self._answering(desktop), person).run(desktop.sandbox.instruction)
        line = self._judged(case, desktop.sandbox, run, person.asked)
        if line.solved or self._keep is None:
            shutil.rmtree(run.folder)
        return line

    def steps(self, case: Case) -> StepsLine:
        """Let the oracle do a task, and ask the model beside it at each step."""
        desktop = self._set_up(case)
        asked = self._answering(desktop)
        if self._constrain == "auto":
            asked = asked.with_format(reply_format(DIALECT))
        beside = Beside(asked, desktop.sandbox)
        run = self._agent(desktop, beside, _Consenting()).run(desktop.sandbox.instruction)
        shutil.rmtree(run.folder)
        return StepsLine.model_validate({**facts(self._name, case), "steps": beside.steps})

    def _set_up(self, case: Case) -> SandboxDesktop:
        """Show a case; an application's process is started for its first one."""
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

    def _judged(self, case: Case, sandbox: Sandbox, run: Run, questions: int) -> RunLine:
        check = sandbox.check(run.answer, failed=run.status == "failed")
        ended = run.status == ("done" if sandbox.task.possible else "failed")
        steps = run.recording().steps
        return RunLine.model_validate(
            {
                **facts(self._name, case),
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


class _Consenting(Nobody):
    """A person who asked for just this, so says yes to every question, and counts them."""

    def __init__(self) -> None:
        self.asked = 0

    def approve(self, question: Question) -> Consent:
        self.asked += question.verdict.level > Level.NOTICE
        return Consent("yes")
