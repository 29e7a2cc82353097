"""The journal lines of a run's steps: the intent before anything is sent, the outcome afterwards."""

import time

from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.execution.executor import Decision
from qvl_agent.agent.recording.format import StepIntent, StepOutcome
from qvl_agent.agent.recording.recording import Recorder, turns
from qvl_agent.agent.run.events import Acted, Decided, EventStream
from qvl_agent.agent.run.history import History

__all__ = ["StepLog", "decided"]


class StepLog:
    """The writer of a run's steps; it publishes each line as an event once the line is written.

    Attributes:
        times: seconds by part of the step since the last line was written.
        open: whether an intent is written whose outcome isn't yet.
    """

    def __init__(self, recorder: Recorder, history: History, events: EventStream) -> None:
        self.times: dict[str, float] = {}
        self.open = False
        self._recorder, self._history, self._events = recorder, history, events

    def intent(self, intent: StepIntent) -> None:
        """Write an intent, with the messages since the one before, and add its reply to the history."""
        start = time.monotonic()
        record = self.times.pop("record", 0.0)
        said = turns(self._history.take_new(), self._recorder)
        self._history.heard(intent.reply)
        intent = intent.model_copy(update={"said": said, "times": {**self.times, **intent.times}})
        self._recorder.intent(intent)
        self.open = True
        self.times = {"record": record + time.monotonic() - start}
        self._events.publish(Decided(intent))

    def outcome(self, step: int, outcome: Outcome) -> None:
        """Write the outcome of a step."""
        outcome.times["record"] = self.times.pop("record", 0.0)
        closed = StepOutcome(step=step, outcome=outcome)
        self.open = False
        self._recorder.outcome(closed)
        self._events.publish(Acted(closed))


def decided(draft: StepIntent, decision: Decision) -> StepIntent:
    """Return an intent completed by what the executor decided."""
    return draft.model_copy(
        update={
            "action": decision.action,
            "scene": decision.scene,
            "plan": decision.plan,
            "verdict": decision.verdict,
            "consent": decision.consent,
            "approval": decision.approved.id if decision.approved else "",
            "times": decision.times,
        }
    )
