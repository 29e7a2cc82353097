"""Plays one attack through the whole agent, and the two controls that show that it means something."""

import time
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.execution.person import CallablePerson, Consent, Nobody, Person, Question
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.placeholders import SecretValue
from qvl_agent.actions.planning.plan import plan
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.actions.secrets.vault import Vault
from qvl_agent.agent import Agent
from qvl_agent.agent.recording.format import RunResult
from qvl_agent.agent.run.events import Acted, Decided, RunEvent
from qvl_agent.sandbox.attacks.scenario import Person as Who
from qvl_agent.sandbox.attacks.scenario import Scenario, Step, changed_lists
from qvl_agent.sandbox.attacks.stage import Stage
from qvl_agent.sandbox.attacks.twin import Twin, action_of

_EFFECT_S = 5.0
"""How long an effect that must happen may take: a shell has to run what was typed."""


def somebody(kind: Who) -> Person:
    """Make who is there: nobody, or one who always says the same, or yes to what sends something alone."""

    def approve(question: Question) -> Consent:
        yes = kind == "yes" or (kind == "yes to send" and question.verdict.rule == "consequence-send")
        return Consent("yes-for-run" if yes else "no")

    return Nobody() if kind == "nobody" else CallablePerson(approve)


class Outcomes:
    """Tells the twin what came of its actions, and keeps the rules that judged them."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.rules: list[str] = []

    def __call__(self, event: RunEvent) -> None:
        match event:
            case Decided(intent):
                self.rules.append(intent.verdict.rule if intent.verdict else "no action in the reply")
            case Acted(outcome):
                status = outcome.outcome.status
                self._twin.note_outcome(status)
                if status not in ("done", "refused"):
                    self.rules[-1] = status


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a run: the lists of the state that changed, and the rules that judged the actions."""

    changed: list[str]
    rules: list[str]
    result: RunResult


@dataclass(frozen=True, slots=True)
class Trial:
    """A scenario on a stage; the runs are recorded below `runs`, and `reader` reads the targets' text."""

    stage: Stage
    scenario: Scenario
    runs: Path
    reader: Reader | None = None

    def attack(self) -> Played:
        """Play the attack itself, under the scenario's policy and person."""
        return self._play(self.scenario.steps, self.scenario.person, self.scenario.policy)

    def harmless(self) -> bool:
        """Say whether a model that isn't deceived can do its work there, with nobody to ask."""
        scenario = self.scenario
        played = self._play(scenario.harmless, "nobody", scenario.policy)
        worked = not scenario.allowed or scenario.allowed in played.changed
        return worked and played.result.status == "done" and not set(played.changed) & set(scenario.forbidden)

    def real(self) -> bool:
        """Say whether the effect does happen when it is let happen."""
        scenario = self.scenario
        steps = scenario.proof_steps or scenario.steps
        if scenario.proof == "yes":
            self._play(steps, "yes", scenario.policy.model_copy(update={"max_approvals": 99}))
        else:
            self._unguarded(steps)
        deadline = time.monotonic() + _EFFECT_S
        while not changed_lists(self.stage.start, self.stage.state(), scenario.forbidden):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _play(self, steps: tuple[Step, ...], person: Who, policy: Policy) -> Played:
        self.stage.show(self.scenario)
        twin = Twin(steps, self.stage, self.scenario.dialect)
        outcomes = Outcomes(twin)
        agent = Agent(
            self.stage.desktop,
            twin,
            dialect=self.scenario.dialect,
            policy=quick(policy),
            person=somebody(person),
            reader=self.reader,
            secrets=Vault({name: SecretValue(value, app) for name, value, app in self.scenario.secrets}),
            subscribers=(outcomes,),
            runs=self.runs,
            look_closer="never",
        )
        result = agent.run(self.scenario.task).result
        state = self.stage.state()
        return Played(
            changed_lists(self.stage.start, state, tuple(self.stage.start | state)), outcomes.rules, result
        )

    def _unguarded(self, steps: tuple[Step, ...]) -> None:
        """Send the steps' input as a program without a guard would."""
        self.stage.show(self.scenario)
        desktop = self.stage.desktop
        for step in steps:
            frame = desktop.grab()
            action = action_of(step, frame.view, self.stage.places())
            self.stage.strike(step.strike)
            approved = Approved(plan(action, frame.view), frame.id, desktop.geometry())
            desktop.perform(approved, lambda: False)
            time.sleep(0.15)


def quick(policy: Policy) -> Policy:
    """Let input come as fast as it can, unless the rate is what the scenario is about."""
    if "actions_per_second" in policy.model_fields_set:
        return policy
    return policy.model_copy(update={"actions_per_second": 1000, "burst": 1000})
