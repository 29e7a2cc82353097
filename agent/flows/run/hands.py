"""The input of a flow's steps: each goes through the executor, and is recorded before it is sent."""

import re
import time
from collections.abc import Callable
from typing import Final

from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.execution.executor import Decision, ExecutionResult, Executor, Facts
from qvl_agent.actions.execution.person import Consent, Person, Question
from qvl_agent.actions.parsing.dialects import format_action
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.planning.placeholders import SecretTypist
from qvl_agent.agent.flows.trust import Trust
from qvl_agent.agent.recording.format import StepIntent, StepOutcome, Turn
from qvl_agent.agent.recording.recording import Recorder
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import Acted, AnnouncedPerson, Decided, EventStream
from qvl_agent.agent.run.step_log import decided

__all__ = ["DIALECT", "Hands", "TrustingPerson", "plain_path"]

DIALECT: Final = "grounded"
"""The format in which a flow's actions stand in the record, as a model's would."""
_ROUND: Final = re.compile(r"@\d+")


def plain_path(path: str) -> str:
    """Return a step's place in the flow without the rounds of the loops that it is in."""
    return _ROUND.sub("", path)


class TrustingPerson:
    """A person who was asked before: what they trusted a flow with, by step, isn't asked again.

    Attributes:
        path: the step that is being done; "" if nothing was agreed to about it.
    """

    def __init__(self, person: Person, trust: Trust) -> None:
        self.path = ""
        self._person, self._trust = person, trust
        self._for_run: set[str] = set()

    def approve(self, question: Question) -> Consent:
        rule = question.verdict.rule
        if self._trust.covers(plain_path(self.path), rule) or rule in self._for_run:
            return Consent("yes")
        consent = self._person.approve(question)
        if consent.said == "yes-for-run" and question.verdict.level is Level.ASK_ONCE:
            self._for_run.add(rule)
        return consent

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        return self._person.answer(question, stop=stop)

    def pause(self, why: str, stop: StopCheck) -> bool:
        return self._person.pause(why, stop)


class Hands:
    """Sends the actions of one flow run.

    Attributes:
        steps: how many actions stand in the journal.
    """

    def __init__(
        self,
        setup: Setup,
        recorder: Recorder,
        events: EventStream,
        *,
        typist: SecretTypist,
        trust: Trust,
    ) -> None:
        self.steps = 0
        self._setup, self._recorder, self._events, self._typist = setup, recorder, events, typist
        self._person = TrustingPerson(AnnouncedPerson(setup.person, events), trust)
        self.begin_item()

    @property
    def person(self) -> Person:
        return self._person

    def begin_item(self) -> None:
        """Count steps, seconds and questions from here: the policy's limits hold for each item."""
        self._began, self._first = time.monotonic(), self.steps
        setup = self._setup
        # No task: a file grants nothing by the words in it.
        self._executor = Executor(
            setup.desktop,
            setup.policy,
            person=self._person,
            reader=setup.reader,
            secrets=self._typist,
            stop=setup.stop,
        )

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
        """Judge an action, record it, and send it if it may be sent.

        Args:
            action: on the grid over the observation's picture.
            observation: the screen that its target was found on.
            path: the step's place in the flow.
            words: what the step does, for the record.
            approved: called once the input may be sent, after its intent is recorded and before it is sent.
            trusted: whether the person's trust counts: not where another target than theirs was found.
        """
        self.steps += 1
        self._person.path = path if trusted else ""
        step, start = self.steps, time.monotonic()
        seen = self._recorder.ref(observation.seen)
        # What is recorded is what is done: a replay reads the same action from the same words.
        reply = Reply(text=format_action(action, DIALECT))
        action = read_reply(reply)
        draft = StepIntent(
            step=step,
            frame=seen,
            said=(Turn(role="user", parts=(f"{path}: {words}", seen)),),
            reply=reply,
            action=None,
            times={"record": time.monotonic() - start},
        )
        facts = Facts(step - self._first, time.monotonic() - self._began)
        acted = self._executor.execute(
            action, observation, facts, lambda decision: self._intend(draft, decision, approved)
        )
        outcome = StepOutcome(step=step, outcome=acted.outcome)
        self._recorder.outcome(outcome)
        self._events.publish(Acted(outcome))
        return acted

    def _intend(self, draft: StepIntent, decision: Decision, approved: Callable[[], None] | None) -> None:
        intent = decided(draft, decision)
        self._recorder.intent(intent)
        self._events.publish(Decided(intent))
        if approved is not None and decision.approved is not None:
            approved()
