"""What may have been done already is asked about before it is done again."""

from dataclasses import replace

import pytest

from qvl_agent.actions.core.coordinates import ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.policy import Policy, Profile
from qvl_agent.actions.guard.scene import UncertainInput
from qvl_agent.actions.planning.action import Action, Click, Done, Drag, Move, Press, Scroll, Type, Wait
from qvl_agent.actions.planning.plan import plan

MONITOR = Rect(0, 0, 1000, 1000)
BOX, NEAR, FAR = (
    ModelBox.of(400, 400, 500, 440),
    ModelBox.of(420, 420, 520, 470),
    ModelBox.of(100, 100, 200, 140),
)
SCENE = Scene(View(1000, 1000, MONITOR), Geometry((MONITOR,)), step=8)
SAVE = Click(target=BOX, label="Save")


def after(action: Action, again: Action, profile: Profile = "standard") -> Verdict:
    """Judge `again` where nobody knows whether `action` was done in step 7."""
    unsure = UncertainInput(7, plan(action, SCENE.view), action.label)
    return judge(again, plan(again, SCENE.view), replace(SCENE, unsure=unsure), Policy(profile=profile))


@pytest.mark.parametrize(
    ("before", "again"),
    [
        (SAVE, SAVE),
        (SAVE, Click(target=NEAR, label="the blue button")),
        (SAVE, Click(target=FAR, label="Save")),  # the window may have moved
        (Click(target=BOX, count=2), Click(target=BOX, count=2)),
        (Type(text="hello", target=BOX), Type(text="hello", target=NEAR)),
        (Type(text="hello"), Type(text="hello", intent="It isn't there.")),
        (Press(keys=("ctrl", "z")), Press(keys=("ctrl", "z"))),
        (Scroll(target=BOX, dy=5), Scroll(target=BOX, dy=5)),
        (Drag(target=BOX, end=FAR), Drag(target=BOX, end=FAR)),
    ],
)
def test_the_same_again_is_asked_every_time(before: Action, again: Action) -> None:
    verdict = after(before, again)
    assert (verdict.level, verdict.rule) == (Level.ASK_EVERY, "unknown-fate")
    assert verdict.reason == (
        "step 7 was about to do the same, and nobody knows whether it did; it may happen twice"
    )


@pytest.mark.parametrize(
    ("before", "again"),
    [
        (SAVE, Click(target=FAR, label="Cancel")),
        (SAVE, Click(target=FAR)),
        (SAVE, Click(target=BOX, label="Save", button="right")),
        (Type(text="hello"), Type(text="hell")),
        (Press(keys=("ctrl", "z")), Press(keys=("ctrl", "y"))),
        (Drag(target=BOX, end=FAR), Drag(target=BOX, end=NEAR)),
        (Move(target=BOX), Move(target=BOX)),  # twice is as good as once
        (SAVE, Wait(seconds=1)),
        (SAVE, Done()),
    ],
)
def test_other_things_are_not(before: Action, again: Action) -> None:
    assert after(before, again).level is Level.ALLOW


def test_without_doubt_there_is_no_question() -> None:
    assert judge(SAVE, plan(SAVE, SCENE.view), SCENE, Policy()).level is Level.ALLOW


def test_a_profile_makes_it_stricter() -> None:
    assert after(SAVE, SAVE, "careful").level is Level.DENY


def test_a_stricter_rule_still_wins() -> None:
    off = Rect(400, 400, 200, 200)
    unsure = UncertainInput(7, plan(SAVE, SCENE.view), "Save")
    verdict = judge(SAVE, plan(SAVE, SCENE.view), replace(SCENE, unsure=unsure, off_limits=(off,)), Policy())
    assert (verdict.level, verdict.rule) == (Level.DENY, "off-limits")
