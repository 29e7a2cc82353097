"""A wider search names what surely is the target, in its new place or by its new name; else nothing."""

import pytest
from drawn_window import ROWS, Drawn, window
from recorded_flows import reader

from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.heal.search import Suggestion, search_wider

BASE = window()
WITHOUT = tuple(name for name in ROWS if name != "Budget plan")


def searched(now: Drawn, name: str, words: str, base: Drawn = BASE) -> Suggestion | None:
    wanted, place = base.wanted(name, reader(), words), now.place()
    finding = find(wanted, place, reader())
    assert finding.box is None, "it is found without a wider search"
    return search_wider(wanted, finding, place, reader())


@pytest.mark.parametrize(
    ("now", "name"),
    [
        (window(buttons=("Save", "Cancel"), size=(600, 330)), "Save"),
        (window(buttons=("Cancel", "Save now")), "Save now"),
        (window(buttons=("Cancel", "Save it"), dark=True), "Save it"),
    ],
    ids=["moved", "renamed", "renamed in other colours"],
)
def test_a_button_that_moved_or_was_renamed_is_named(now: Drawn, name: str) -> None:
    found = searched(now, "Save", "Save")
    assert found is not None
    box = now.boxes[name]
    assert box.left <= (found.box.left + found.box.right) // 2 < box.right
    assert box.top <= (found.box.top + found.box.bottom) // 2 < box.bottom


@pytest.mark.parametrize(
    "now",
    [
        window(buttons=("Cancel",), typed="Save"),
        window(buttons=("Cancel",), heading="Save"),
        window((*WITHOUT, "Save"), buttons=("Cancel",)),
    ],
    ids=["typed", "the heading", "a row"],
)
def test_what_says_the_same_is_no_button(now: Drawn) -> None:
    assert searched(now, "Save", "Save") is None


@pytest.mark.parametrize(
    "now",
    [
        window(WITHOUT, heading="Budget plan"),
        window(WITHOUT, typed="Budget plan"),
        window(WITHOUT, buttons=("Budget plan", "Save")),
    ],
    ids=["the heading", "typed", "a button"],
)
def test_what_says_the_same_as_a_row_that_is_gone_is_not_the_row(now: Drawn) -> None:
    assert searched(now, "row Budget plan", "Budget plan") is None


def test_where_two_said_the_same_neither_is_the_other() -> None:
    """The heading named the row when it was recorded: alone it isn't the row."""
    base = window(heading="Budget plan")
    assert searched(window(WITHOUT, heading="Budget plan"), "row Budget plan", "Budget plan", base) is None
