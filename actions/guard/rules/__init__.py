"""The guard's rules: small functions, each with one thing to say, or nothing.

A rule gets a `Case` and returns a `Verdict`, or None where it doesn't apply. A reason is a clause
that the person and the model both understand: "alt+f4 closes the window".
"""

from collections.abc import Callable
from dataclasses import dataclass

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.events import Plan

__all__ = ["Case", "Rule", "deny"]


@dataclass(frozen=True, slots=True)
class Case:
    """What a rule judges: what was asked, what would be sent, and the facts around it."""

    action: Action
    plan: Plan
    scene: Scene
    policy: Policy


Rule = Callable[[Case], Verdict | None]


def deny(rule: str, reason: str) -> Verdict:
    """Make a refusal."""
    return Verdict(Level.DENY, rule, reason)
