"""From actions to events: what would be sent, exactly."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox, Rect, View
from qvl_agent.actions.planning.action import (
    Action,
    Answer,
    Ask,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.actions.planning.plan import plan, pointer_goal, select_all_on

VIEW = View(1000, 500, Rect(-1000, 0, 1000, 500))
BOX = ModelBox.of(100, 200, 300, 400)
CENTRE = MoveEvent(DesktopPoint(-800, 150))
DOWN, UP = ButtonEvent("left", down=True), ButtonEvent("left", down=False)


def test_a_click_moves_to_the_centre_and_presses_once() -> None:
    assert plan(Click(target=BOX), VIEW) == (CENTRE, DOWN, UP)


def test_modifiers_are_held_around_all_clicks_and_let_go_in_reverse() -> None:
    action = Click(target=BOX, button="right", count=2, modifiers=("ctrl", "shift"))
    right = (ButtonEvent("right", down=True), ButtonEvent("right", down=False))
    assert plan(action, VIEW) == (
        CENTRE,
        KeyEvent("ctrl", down=True),
        KeyEvent("shift", down=True),
        *right,
        *right,
        KeyEvent("shift", down=False),
        KeyEvent("ctrl", down=False),
    )


def test_a_drag_to_the_origin_is_a_drag() -> None:
    """A zero coordinate is a place like any other."""
    events = plan(Drag(target=BOX, end=ModelBox.at(0, 0)), VIEW)
    assert events == (CENTRE, DOWN, MoveEvent(DesktopPoint(-1000, 0)), UP)


def test_scrolling_turns_the_wheel_over_the_target() -> None:
    assert plan(Scroll(target=BOX, dx=1, dy=-3), VIEW) == (CENTRE, WheelEvent(1, -3))


def test_typing_alone_neither_clicks_nor_presses_enter() -> None:
    assert plan(Type(text="well done"), VIEW) == (TextEvent("well done"),)


def test_typing_into_a_target_clicks_clears_types_and_enters() -> None:
    ctrl_a = (KeyEvent("ctrl", down=True), KeyEvent("a", down=True), KeyEvent("a", down=False))
    assert plan(Type(text="x", target=BOX, clear=True, enter=True), VIEW) == (
        CENTRE,
        DOWN,
        UP,
        *ctrl_a,
        KeyEvent("ctrl", down=False),
        TextEvent("x"),
        KeyEvent("enter", down=True),
        KeyEvent("enter", down=False),
    )


def test_the_whole_text_is_selected_with_the_systems_chord() -> None:
    events = plan(Type(text="", clear=True), VIEW, select_all=select_all_on("darwin"))
    assert events[0] == KeyEvent("meta", down=True)


@given(st.text(st.sampled_from("ab \n\t\\n中"), max_size=20))
def test_newlines_and_tabs_become_keys_and_nothing_is_lost(text: str) -> None:
    events = plan(Type(text=text), VIEW)
    typed = ""
    for event in events:
        if isinstance(event, TextEvent):
            assert not set(event.text) & set("\n\t")
            typed += event.text
        elif isinstance(event, KeyEvent) and event.down:
            typed += {"enter": "\n", "tab": "\t"}[event.key]
    assert typed == text


def test_a_chord_is_pressed_in_order_and_released_in_reverse_each_time() -> None:
    once = (
        KeyEvent("ctrl", down=True),
        KeyEvent("c", down=True),
        KeyEvent("c", down=False),
        KeyEvent("ctrl", down=False),
    )
    assert plan(Press(keys=("ctrl", "c"), count=2), VIEW) == once * 2


@pytest.mark.parametrize(
    "action",
    [
        Wait(),
        Zoom(target=BOX),
        Ask(question="?"),
        Answer(text="42"),
        Done(),
        Fail(),
    ],
)
def test_the_rest_sends_nothing(action: Action) -> None:
    assert plan(action, VIEW) == ()
    assert pointer_goal(plan(action, VIEW)) is None


def test_every_action_of_the_union_was_shown_here() -> None:
    union = get_args(get_args(Action)[0])
    assert set(union) == {
        Click, Move, Drag, Scroll, Type, Press, Wait, Zoom, Ask, Answer, Done, Fail
    }  # fmt: skip


def test_the_pointers_goal_is_the_last_move() -> None:
    assert pointer_goal(plan(Drag(target=BOX, end=ModelBox.at(1000, 1000)), VIEW)) == DesktopPoint(-1, 499)
    assert pointer_goal(plan(Move(target=BOX), VIEW)) == CENTRE.point
