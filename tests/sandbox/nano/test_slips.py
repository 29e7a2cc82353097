"""Clicks that miss on purpose: they say the same, point elsewhere, and are few."""

import random
from collections import Counter
from collections.abc import Iterator

import pytest

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect, View, model_to_desktop
from qvl_agent.actions.planning.action import Action, Click, Scroll
from qvl_agent.sandbox.apps.protocol import Node, Offscreen, Tree
from qvl_agent.sandbox.nano.making.data.episodes import Slips
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

SCREEN = Rect(0, 0, 1280, 800)
WINDOW = Rect(200, 100, 600, 500)
MEANT = Node("b1", "button", "Send", Rect(400, 300, 80, 30))
OTHER = Node("b2", "button", "Clear", Rect(600, 500, 80, 30))
FIELD = Node("f", "text field", "Message", Rect(220, 560, 300, 30))
AREA = Node("a", "scroll area", "All", WINDOW, {"notch": 50})
TREE = Tree((AREA, MEANT, OTHER, FIELD), (Offscreen("far", "a", 400),))
RUNS = 400


def hand(tree: Tree = TREE) -> WidgetActions:
    return WidgetActions(View(1280, 800, SCREEN), tree)


def slips(pointing: WidgetActions, action: Action) -> Iterator[tuple[int, Action]]:
    """All slips of many runs of six such actions each, with the run's number."""
    for number in range(RUNS):
        run = Slips(random.Random(number))
        for _ in range(6):
            if found := run.instead(action, pointing):
                yield number, found


def spot(action: Action) -> DesktopPoint:
    assert isinstance(action, Click)
    return model_to_desktop(action.target.centre, View(1280, 800, SCREEN))


def test_a_slip_says_the_same_and_points_elsewhere() -> None:
    pointing = hand()
    action = pointing.click("b1", "Send it.")
    found = [slip for _, slip in slips(pointing, action)]
    assert len(found) > RUNS / 2
    for slip in found:
        assert slip.model_copy(update={"target": getattr(action, "target", None)}) == action
        assert spot(slip) in WINDOW
    beside = [slip for slip in found if spot(slip) not in OTHER.rect]
    assert 0.3 < len(beside) / len(found) < 0.7, "half of them hit another button"
    near = Rect(MEANT.rect.left - 160, MEANT.rect.top - 60, MEANT.rect.width + 320, MEANT.rect.height + 120)
    assert all(spot(slip) in near and spot(slip) not in MEANT.rect for slip in beside)


def test_some_runs_have_none_and_none_has_many() -> None:
    pointing = hand()
    counted = Counter(number for number, _ in slips(pointing, pointing.click("b1", "")))
    assert 0.3 < len(counted) / RUNS < 0.6
    assert set(counted.values()) == {1, 2}


@pytest.mark.parametrize("kind", ["scroll", "end", "beside the window"])
def test_what_cannot_miss_does_not(kind: str) -> None:
    pointing = hand()
    match kind:
        case "scroll":
            action = pointing.click("far", "")
            assert isinstance(action, Scroll)
        case "end":
            action = pointing.done("")
        case _:
            pointing = hand(Tree((MEANT,)))
            action = pointing.click("b1", "")
    assert list(slips(pointing, action)) == []


def test_a_field_that_is_typed_into_may_be_missed() -> None:
    pointing = hand()
    action = pointing.type("hello", "", into="f")
    found = [slip for _, slip in slips(pointing, action)]
    assert found
    assert all(slip.kind == "type" and getattr(slip, "text", "") == "hello" for slip in found)
