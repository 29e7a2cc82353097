"""Rules about budgets: the age of the picture, what a run may use up, and the rate of input."""

from typing import Final

from qvl_agent.actions.core.outcome import Verdict
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import FINAL

__all__ = ["MAX_RATE_DELAY_S", "STALE_FRAME", "fresh_enough", "rate", "rate_delay", "within_budget"]

STALE_FRAME: Final = "stale-frame"
"""The rule after whose verdict the model gets a new picture and is asked again."""
MAX_RATE_DELAY_S: Final = 5.0
"""A longer delay can't come from an executor that keeps to the rate, so something floods the desktop."""


def fresh_enough(case: Case) -> Verdict | None:
    """Refuse input that is planned on too old a picture."""
    limit = case.policy.max_frame_age_s
    if case.plan and not 0 <= case.scene.frame_age_s <= limit:
        reason = f"the picture is {case.scene.frame_age_s:.0f} s old, past {limit:g} s; look again"
        return deny(STALE_FRAME, reason)
    return None


def within_budget(case: Case) -> Verdict | None:
    """Refuse actions past the run's steps, seconds or tokens, except those that end the run."""
    if isinstance(case.action, FINAL):
        return None
    scene, policy = case.scene, case.policy
    for name, used, limit in (
        ("steps", scene.step, policy.max_steps),
        ("seconds", scene.elapsed_s, policy.max_seconds),
        ("tokens", scene.tokens, policy.max_tokens),
    ):
        if not used <= limit:
            return deny(f"budget-{name}", f"the run has used up its {limit:g} {name}")
    return None


def rate(case: Case) -> Verdict | None:
    """Refuse input far faster than the rate; the executor keeps to the rate by waiting for `rate_delay`."""
    if case.plan and rate_delay(case.scene, case.policy) > MAX_RATE_DELAY_S:
        reason = f"input comes far faster than {case.policy.actions_per_second:g} actions a second"
        return deny("rate", reason)
    return None


def rate_delay(scene: Scene, policy: Policy) -> float:
    """Return the seconds to wait before the next input, to keep to the rate.

    This is a token bucket: it holds `burst` tokens, fills at `actions_per_second`, and each input takes one.
    """
    tokens = float(policy.burst)
    before: float | None = None
    for ago in sorted(scene.inputs_s_ago, reverse=True):
        if before is not None:
            tokens = min(policy.burst, tokens + (before - ago) * policy.actions_per_second)
        tokens -= 1
        before = ago
    if before is None:
        return 0.0
    tokens = min(policy.burst, tokens + max(before, 0.0) * policy.actions_per_second)
    return max(0.0, (1 - tokens) / policy.actions_per_second)
