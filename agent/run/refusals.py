"""What an action that wasn't let through means for the run: it ends, or the model is told and goes on."""

from typing import Final

from qvl_agent.actions.execution.executor import Decision
from qvl_agent.agent.recording.format import RunStatus

__all__ = ["ending_of", "told"]

_OUT_OF_BUDGET: Final = "budget"
_OUT_OF_QUESTIONS: Final = "budget-approvals"


def ending_of(decision: Decision, asked_most: str) -> tuple[RunStatus, str] | None:
    """Say how a refusal ends the run, and why; None if the model may go another way.

    Args:
        decision: what was refused, or waits for an answer.
        asked_most: what the person was asked most, and how to need fewer questions.
    """
    verdict, consent = decision.verdict, decision.consent
    if decision.refused_by == "nobody":
        return "parked", f"nobody said yes in time, so it wasn't done: {verdict.reason}"
    if verdict.rule.startswith(_OUT_OF_BUDGET):
        most = f": {asked_most}" if asked_most and verdict.rule == _OUT_OF_QUESTIONS else ""
        return "budget", f"{verdict.reason}{most}"
    if consent and consent.said == "stop":
        return "stopped", "stopped by the person at a question"
    if consent and consent.said == "absent":
        return "refused", f"{verdict.reason}, and nobody is there to ask"
    return None


def told(decision: Decision) -> str:
    """Say to the model who refused, and why."""
    reason = decision.verdict.reason
    return f"the person said no ({reason})" if decision.consent else reason
