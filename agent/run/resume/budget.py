"""How much a run may still use when it goes on, and by which policy.

What was recorded can only tighten what holds now: a record is a file, and may have come from elsewhere.
"""

import shlex
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.outcome import Verdict
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent.run.resume.past_run import Past

__all__ = ["BUDGETS", "budget_of", "budget_spent", "command", "policy_again", "spent_words"]

BUDGETS: Final = ("max_steps", "max_seconds", "max_tokens", "max_approvals")
"""What is used up over all parts of a run."""
_RATES: Final = ("max_frame_age_s", "actions_per_second", "burst")
_LISTS: Final = ("forbidden", "forbidden_apps")


def policy_again(now: Policy, then: Policy, past: Past, anew: AbstractSet[str] = frozenset()) -> Policy:
    """Put the policy together by which a run goes on.

    Args:
        now: what would hold for a new run.
        then: what held when this one ended.
        past: what it has used.
        anew: the names in `now` that the person gave for going on. A budget among them counts from here;
            any other one is what is left, and never more than a new run would get.

    Raises:
        SettingsError: the applications to keep to have nothing in common.
    """
    changes: dict[str, object] = {}
    for name, used in _used(past).items():
        fresh = used + getattr(now, name)
        changes[name] = fresh if name in anew else min(fresh, getattr(then, name))
    for name in _RATES:
        changes[name] = getattr(now, name) if name in anew else min(getattr(now, name), getattr(then, name))
    for name in _LISTS:
        changes[name] = tuple(dict.fromkeys((*getattr(now, name), *getattr(then, name))))
    if "apps" not in anew:
        changes["apps"] = _apps(now, then)
    if "profile" not in anew and then.profile == "careful":
        changes["profile"] = "careful" if now.profile != "dry-run" else now.profile
    return now.model_copy(update=changes)


def budget_spent(policy: Policy, past: Past) -> str:
    """Say which budget leaves nothing to go on with: "max_steps" and so on; "" if none does."""
    used = _used(past)
    if used["max_steps"] >= policy.max_steps:
        return "max_steps"
    return next((name for name in ("max_seconds", "max_tokens") if used[name] >= getattr(policy, name)), "")


def budget_of(verdict: Verdict | None) -> str:
    """Name the budget that a verdict says is used up; "" for any other verdict."""
    rule = verdict.rule if verdict else ""
    name = rule.replace("budget-", "max_", 1) if rule.startswith("budget-") else ""
    return name if name in BUDGETS else ""


def command(folder: Path, budget: str = "") -> str:
    """The command line that goes on with a run; a budget that is used up is given anew, with its default."""
    more = f" --{budget.replace('_', '-')} {getattr(Policy(), budget):g}" if budget else ""
    return f"qvl-agent resume {shlex.quote(str(folder))}{more}"


def spent_words(budget: str, policy: Policy, folder: Path) -> str:
    """Say that a budget is used up, and how to give more."""
    name, limit = budget.removeprefix("max_"), getattr(policy, budget)
    return f"the run has used up its {limit:g} {name}; to give it more: {command(folder, budget)}"


def _used(past: Past) -> dict[str, float]:
    return {
        "max_steps": past.steps,
        "max_seconds": past.seconds,
        "max_tokens": past.spent.tokens,
        "max_approvals": past.asked,
    }


def _apps(now: Policy, then: Policy) -> tuple[str, ...]:
    if not now.apps or not then.apps:
        return now.apps or then.apps
    both = tuple(app for app in now.apps if app in then.apps)
    if not both:
        raise SettingsError(
            f"the run keeps to {', '.join(then.apps)}, and the settings to {', '.join(now.apps)}; "
            "say which by --app"
        )
    return both
