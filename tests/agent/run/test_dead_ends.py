"""Loops and dead ends are found, and what works is never taken for one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import blank, frame, with_box

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, model_box_to_frame
from qvl_agent.actions.planning.action import Action, Ask, Click, Drag, Press, Scroll, Type, Wait, Zoom
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.changes import compare
from qvl_agent.agent.run.checks.dead_ends import (
    END_AT,
    STILL_END_AT,
    STILL_TELL_AT,
    TELL_AT,
    Attempt,
    DeadEnd,
    attempt,
    dead_end,
    had_effect,
)

PLUS = Click(target=ModelBox.of(100, 100, 140, 140), label="+")
MENU = Click(target=ModelBox.of(10, 10, 60, 30), label="File")
CLOSE = Press(keys=("esc",))
SCREEN = frame(blank())


def done(action: Action, screen: str, *, changed: bool = False) -> Attempt:
    target = getattr(action, "target", None)
    places = () if target is None else (model_box_to_frame(target, SCREEN.view),)
    return Attempt(action, places, screen, changed)


def found(attempts: Sequence[Attempt]) -> list[tuple[int, bool]]:
    """What was said after each step: its number, and whether the run would have ended there."""
    each = ((number, dead_end(attempts[:number])) for number in range(1, len(attempts) + 1))
    return [(number, said.over) for number, said in each if said]


def test_the_same_on_the_same_screen_is_told_once_and_then_ends() -> None:
    assert found([done(PLUS, "a")] * END_AT) == [(TELL_AT, False), (END_AT, True)]
    said = dead_end([done(PLUS, "a")] * END_AT)
    assert said == DeadEnd(True, "the same was done 5 times on the very same screen: Click “+”")


def test_back_and_forth_is_a_loop_though_every_step_changes_the_screen() -> None:
    steps = [done(MENU, "closed", changed=True), done(CLOSE, "open", changed=True)] * 5
    assert found(steps)[0] == (5, False)
    assert (9, True) in found(steps)
    said = dead_end(steps[:9])
    assert said is not None
    assert "Click “File”, then Press esc" in said.sentence


def test_different_inputs_that_change_nothing_are_a_dead_end_too() -> None:
    steps = [done(Press(keys=(key,)), "a") for key in "abcdefgh"]
    assert found(steps) == [(STILL_TELL_AT, False), (STILL_END_AT, True)]
    said = dead_end(steps)
    assert said is not None
    assert said.sentence.endswith("Press a, then Press b, then Press c, then Press d, and 4 more")


def test_a_change_or_a_word_from_the_person_begins_the_count_anew() -> None:
    keys = [done(Press(keys=(key,)), "a") for key in "abcdefg"]
    for break_ in (done(Press(keys=("enter",)), "a", changed=True), done(Ask(question="?"), "a")):
        assert [each for each in found([*keys, break_, *keys]) if each[1]] == []


def test_waiting_and_asking_are_never_a_dead_end() -> None:
    for action in (Wait(seconds=5), Ask(question="And the code?")):
        assert found([done(action, "a")] * 20) == []


def test_looking_closer_again_and_again_is_one() -> None:
    zoom = Zoom(target=ModelBox.of(100, 100, 300, 300))
    assert found([done(zoom, "a")] * END_AT) == [(TELL_AT, False), (END_AT, True)]
    looks = [done(Zoom(target=ModelBox.of(0, 0, at, at)), "a") for at in range(100, 900, 100)]
    assert found(looks) == [], "close-ups of different places are no inputs that changed nothing"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Click(target=ModelBox.of(101, 99, 141, 140), label="plus"), True),
        (Click(target=ModelBox.of(90, 90, 150, 150)), True),
        (Click(target=ModelBox.of(145, 100, 185, 140), label="+"), False),
        (Click(target=ModelBox.of(100, 100, 900, 140), label="its row"), False),
        (Click(target=PLUS.target, count=2), False),
        (Click(target=PLUS.target, button="right"), False),
    ],
)
def test_a_wavering_box_is_the_same_and_a_neighbour_is_not(other: Action, *, same: bool) -> None:
    steps = [done(PLUS, "a"), done(PLUS, "a"), done(other, "a")]
    assert bool(found(steps)) == same


ACTIONS = st.sampled_from(
    [
        PLUS,
        MENU,
        CLOSE,
        Press(keys=("pagedown",)),
        Type(text="x"),
        Scroll(target=ModelBox.of(300, 300, 700, 700), dy=5),
        Drag(target=ModelBox.at(10, 10), end=ModelBox.at(20, 20)),
    ]
)


@given(ACTIONS, st.integers(1, 60))
def test_what_is_repeated_because_it_works_is_never_flagged(action: Action, times: int) -> None:
    """Pressing "+" ten times, scrolling on: each time the screen is a new one."""
    assert found([done(action, f"{number}", changed=True) for number in range(times)]) == []


@given(st.lists(ACTIONS, max_size=40), st.data())
def test_a_run_that_always_gets_somewhere_new_is_never_flagged(
    actions: list[Action], data: st.DataObject
) -> None:
    screens = data.draw(st.lists(st.integers(), min_size=len(actions), max_size=len(actions), unique=True))
    steps = [done(action, str(screen), changed=True) for action, screen in zip(actions, screens, strict=True)]
    assert found(steps) == []


@given(st.lists(ACTIONS, min_size=1, max_size=4))
def test_a_cycle_of_any_length_ends_in_its_fifth_round(cycle: list[Action]) -> None:
    steps = [done(action, str(place), changed=True) for place, action in enumerate(cycle)] * END_AT
    said = found(steps)
    assert next(number for number, over in said if over) == (END_AT - 1) * len(cycle) + 1
    assert next(number for number, over in said if not over) == (TELL_AT - 1) * len(cycle) + 1


def test_a_caret_that_blinks_is_no_effect_of_a_click_and_may_be_one_of_a_key() -> None:
    caret = with_box(blank(), FrameBox(400, 300, 402, 318), 90)
    before, after = frame(blank()), frame(caret)
    change = compare(before, after)
    assert change
    assert not had_effect(PLUS, before, after, change)
    assert had_effect(Press(keys=("right",)), before, after, change)
    check_mark = frame(with_box(blank(), FrameBox(400, 300, 412, 312), 90))
    assert had_effect(PLUS, before, check_mark, compare(before, check_mark))
    assert not had_effect(PLUS, before, before, compare(before, before))


def test_what_cannot_be_compared_counts_as_a_change() -> None:
    observation = Observation(SCREEN, SCREEN)
    assert attempt(PLUS, observation, "a", None, None).changed
    assert not attempt(PLUS, observation, "a", SCREEN, compare(SCREEN, SCREEN)).changed
    assert not attempt(Zoom(target=PLUS.target), observation, "a", None, None).changed
