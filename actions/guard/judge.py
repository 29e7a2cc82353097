"""The guard: a pure function from (action, plan, scene, policy) to a verdict.

The model is assumed to be controlled by an attacker, because any text on the screen can influence it. So
the rules judge what would be sent and where, and nothing that the model says about itself can make an
action pass. The strictest verdict wins, and the first among equals. If no rule applies, or a rule raises an
exception, the action is refused.
"""

from dataclasses import replace
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.policy import Policy, Profile
from qvl_agent.actions.guard.rules import Case, Rule
from qvl_agent.actions.guard.rules.budgets import fresh_enough, rate, rate_delay, within_budget
from qvl_agent.actions.guard.rules.chords import dangerous_chord
from qvl_agent.actions.guard.rules.consequence import consequence
from qvl_agent.actions.guard.rules.geometry import in_target, off_limits, on_monitor, points_first
from qvl_agent.actions.guard.rules.power import power_button, session_window
from qvl_agent.actions.guard.rules.second_opinion import label_mismatch
from qvl_agent.actions.guard.rules.text import (
    clean_text,
    clear_in_terminal,
    long_text,
    secret_bound,
    secret_in_place,
)
from qvl_agent.actions.guard.rules.uncertain_repeat import unknown_fate
from qvl_agent.actions.guard.rules.well_formed import (
    allowed,
    keys_known,
    nothing_left_down,
    plan_follows,
    well_formed,
)
from qvl_agent.actions.guard.rules.windows import (
    dangerous_command,
    forbidden_window,
    grabbed_keys,
    risky_window,
    unlisted_app,
)
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.events import Plan

__all__ = ["RULES", "Scene", "apply_profile", "judge", "rate_delay"]

RULES: Final[tuple[Rule, ...]] = (
    well_formed,
    keys_known,
    on_monitor,
    points_first,
    in_target,
    plan_follows,
    nothing_left_down,
    off_limits,
    forbidden_window,
    session_window,
    power_button,
    fresh_enough,
    within_budget,
    rate,
    clean_text,
    clear_in_terminal,
    secret_in_place,
    secret_bound,
    dangerous_chord,
    dangerous_command,
    risky_window,
    grabbed_keys,
    unknown_fate,
    consequence,
    label_mismatch,
    unlisted_app,
    long_text,
    allowed,
)


def judge(action: Action, plan: Plan, scene: Scene, policy: Policy) -> Verdict:
    """Return the verdict on an action: allowed, to be asked about, or refused. Never raises.

    Args:
        action: the action that the model asked for.
        plan: the exact events that would be sent for it.
        scene: the facts of the moment.
        policy: the limits in force.
    """
    case = Case(action, plan, scene, policy)
    strictest: Verdict | None = None
    for rule in RULES:
        verdict = _apply(rule, case)
        if verdict is not None and (strictest is None or verdict.level > strictest.level):
            strictest = verdict
        if strictest is not None and strictest.level is Level.DENY:
            return strictest
    if strictest is None:
        return Verdict(Level.DENY, "no-rule", "no rule allows this action, so it is refused")
    return _within_approvals(strictest, case)


def apply_profile(verdict: Verdict, profile: Profile) -> Verdict:
    """Return a verdict at the level that the profile requires; no profile lowers one.

    Careful moves every level one up, so an action that standard asks about every time is refused. Unattended
    and dry-run judge as standard does; the executor parks the run at a question, or sends nothing.
    """
    if profile == "careful" and verdict.level < Level.DENY:
        return replace(verdict, level=Level(verdict.level + 1))
    return verdict


def _apply(rule: Rule, case: Case) -> Verdict | None:
    """Apply one rule, then the profile, then the person's consent to this rule for the whole run."""
    try:
        verdict = rule(case)
    except Exception as error:  # noqa: BLE001 - a guard that fails must refuse, whatever failed
        name = getattr(rule, "__name__", "a rule")
        reason = f"the guard failed in {name} ({type(error).__name__}), so the action is refused"
        return Verdict(Level.DENY, "guard-error", reason)
    if verdict is None:
        return None
    if case.plan:
        verdict = apply_profile(verdict, case.policy.profile)
    if verdict.level is Level.ASK_ONCE and verdict.rule in case.scene.granted:
        return Verdict(Level.ALLOW, verdict.rule, f"{verdict.reason}; you allowed that for this run")
    return verdict


def _within_approvals(verdict: Verdict, case: Case) -> Verdict:
    asks = verdict.level in {Level.ASK_ONCE, Level.ASK_EVERY}
    if asks and case.scene.approvals >= case.policy.max_approvals:
        reason = f"this needs your yes, and the run has used its {case.policy.max_approvals} questions"
        return Verdict(Level.DENY, "budget-approvals", reason)
    return verdict
