"""The guard's rules: small functions that judge one thing each.

A rule gets a `Case` and returns a `Verdict`, or None if it doesn't apply. A verdict's reason is a clause
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
    """The input of a rule: the action, its plan, the facts of the moment, and the policy."""

    action: Action
    plan: Plan
    scene: Scene
    policy: Policy


Rule = Callable[[Case], Verdict | None]


def deny(rule: str, reason: str) -> Verdict:
    """Return a verdict that refuses the action."""
    return Verdict(Level.DENY, rule, reason)
