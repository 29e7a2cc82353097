"""By which limits a run goes on: a record tightens what holds now, and only the person loosens it."""

import shlex
from pathlib import Path

import pytest

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.policy import Policy, Profile
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.run.resume import (
    BUDGETS,
    PastRun,
    Spent,
    budget_of,
    budget_spent,
    command,
    policy_again,
    spent_words,
)

USED = PastRun(steps=30, seconds=100.0, spent=Spent(tokens=5000), asked=2)


def test_what_is_left_is_left_and_never_more_than_a_new_run_gets() -> None:
    left = policy_again(Policy(), Policy(max_steps=50, max_seconds=900, max_tokens=200_000), USED)
    assert (left.max_steps, left.max_seconds, left.max_tokens, left.max_approvals) == (50, 900, 200_000, 5)
    forged = Policy(max_steps=10**9, max_seconds=1e9, max_tokens=10**12, max_approvals=10**6)
    left = policy_again(Policy(), forged, USED)
    assert (left.max_steps, left.max_seconds, left.max_tokens, left.max_approvals) == (80, 1000, 205_000, 7)


def test_what_is_given_anew_counts_from_here() -> None:
    given = policy_again(Policy(max_steps=20), Policy(max_steps=30), USED, {"max_steps"})
    assert given.max_steps == 50
    assert given.max_seconds == 900
    assert budget_spent(given, USED) == ""


def test_a_used_up_budget_is_named_with_the_command_that_gives_more(tmp_path: Path) -> None:
    spent = policy_again(Policy(), Policy(max_steps=30), USED)
    assert budget_spent(spent, USED) == "max_steps"
    words = spent_words("max_steps", spent, Path("/my runs/one"))
    assert words == (
        "the run has used up its 30 steps; to give it more: qvl-agent resume '/my runs/one' --max-steps 50"
    )
    assert budget_spent(Policy(max_seconds=100), USED) == "max_seconds"
    assert budget_spent(Policy(max_tokens=5000), USED) == "max_tokens"


def test_every_budget_can_be_given_anew_by_the_flag_that_is_named() -> None:
    flags = {option for parameter in main.commands["resume"].params for option in parameter.opts}
    for budget in BUDGETS:
        assert shlex.split(command(Path("/r"), budget))[3] in flags


def test_only_a_budget_s_verdict_names_a_budget() -> None:
    assert budget_of(Verdict(Level.DENY, "budget-steps", "")) == "max_steps"
    assert budget_of(Verdict(Level.DENY, "budget-approvals", "")) == "max_approvals"
    assert budget_of(Verdict(Level.DENY, "rate", "")) == budget_of(None) == ""
    assert command(Path("/r")) == "qvl-agent resume /r"


@pytest.mark.parametrize(
    ("now", "then", "goes_on"),
    [
        ("standard", "careful", "careful"),
        ("careful", "standard", "careful"),
        ("unattended", "standard", "unattended"),
        ("standard", "unattended", "standard"),  # somebody may be there now; nobody there is still no yes
    ],
)
def test_a_profile(now: Profile, then: Profile, goes_on: Profile) -> None:
    assert policy_again(Policy(profile=now), Policy(profile=then), USED).profile == goes_on


def test_a_profile_that_is_said_now_counts() -> None:
    now, then = Policy(profile="standard"), Policy(profile="careful")
    assert policy_again(now, then, USED, {"profile"}).profile == "standard"


def test_what_is_forbidden_adds_up_and_what_is_listed_meets() -> None:
    one, two = Rect(0, 0, 10, 10), Rect(20, 20, 5, 5)
    now = Policy(forbidden=(one,), forbidden_apps=("a",), apps=("x", "y"))
    then = Policy(forbidden=(two,), forbidden_apps=("b",), apps=("y", "z"), actions_per_second=2, burst=99)
    both = policy_again(now, then, USED)
    assert (both.forbidden, both.forbidden_apps, both.apps) == ((one, two), ("a", "b"), ("y",))
    assert (both.actions_per_second, both.burst) == (2, 10)
    assert policy_again(Policy(), then, USED).apps == ("y", "z")
    assert policy_again(now, then, USED, {"apps"}).apps == ("x", "y")
    with pytest.raises(SettingsError, match=r"keeps to q, and the settings to x, y; say which by --app"):
        policy_again(now, Policy(apps=("q",)), USED)
