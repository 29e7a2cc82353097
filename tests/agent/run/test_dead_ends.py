"""Loops and dead ends are found, and what works is never taken for one."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import HEIGHT, WIDTH, blank, frame, with_box

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, model_box_to_frame
from qvl_agent.actions.core.outcome import Change, Outcome
from qvl_agent.actions.planning.action import Action, Ask, Click, Drag, Press, Scroll, Type, Wait, Zoom
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.changes import CELL, Mask, compare
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
    in_doubt,
)
from qvl_agent.agent.run.history import describe

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


ONLY_A_CLOCK = "Nothing changed on the screen but what moves by itself, like a clock"
CELLS = (HEIGHT // CELL, WIDTH // CELL)
TICK = (2, 60)
"""The cell of a clock."""


def beside_a_clock(
    action: Action, ticks: int, *, screen: int = 0, at: tuple[int, int] = TICK, told: bool = False
) -> Attempt:
    """A step on a screen that is the same but for a clock, which moved during it as well."""
    sums = np.full(CELLS, screen, dtype=np.uint64)
    sums[at] = 100 + ticks
    clock = FrameBox(at[1] * CELL // 32 * 32, 32 * (at[0] * CELL // 32), (at[1] * CELL // 32 + 1) * 32, 64)
    return replace(done(action, f"{screen} {ticks}", changed=True), boxes=(clock,), sums=sums, told=told)


def moving(*cells: tuple[int, int]) -> Mask:
    found = np.zeros(CELLS, dtype=np.bool_)
    for cell in cells:
        found[cell] = True
    return found


def test_beside_a_clock_that_is_known_the_same_is_told_and_then_ends() -> None:
    steps = [beside_a_clock(PLUS, tick) for tick in range(END_AT)]
    assert found(steps) == [], "as long as nothing is known to move"
    told = dead_end(steps[:TELL_AT], moving(TICK))
    assert told == DeadEnd(
        False, "You have done this 3 times on the very same screen, but for what moves by itself: Click “+”"
    )
    steps[TELL_AT - 1] = replace(steps[TELL_AT - 1], told=True)
    over = dead_end(steps, moving(TICK))
    assert over is not None
    assert over.over
    assert dead_end(steps[: END_AT - 1], moving(TICK)) is None, "it is told once"


def test_a_clock_that_is_known_late_is_told_before_the_run_ends() -> None:
    steps = [beside_a_clock(PLUS, tick) for tick in range(END_AT + 2)]
    said = dead_end(steps, moving(TICK))
    assert said is not None
    assert not said.over
    steps[-1] = replace(steps[-1], told=True)
    said = dead_end([*steps, beside_a_clock(PLUS, 90)], moving(TICK))
    assert said is not None
    assert said.over


def test_different_inputs_that_change_only_a_clock_are_a_dead_end_too() -> None:
    steps = [beside_a_clock(Press(keys=(key,)), at) for at, key in enumerate("abcdefgh")]
    said = dead_end(steps[:STILL_TELL_AT], moving(TICK))
    assert said is not None
    assert said.sentence.startswith(
        "Your last 5 inputs changed nothing, but for what moves by itself: Press a"
    )
    steps[STILL_TELL_AT - 1] = replace(steps[STILL_TELL_AT - 1], told=True)
    said = dead_end(steps, moving(TICK))
    assert said is not None
    assert said.over


def test_what_gets_somewhere_new_beside_a_clock_is_never_flagged() -> None:
    steps = [beside_a_clock(PLUS, tick, screen=tick) for tick in range(20)]
    counter = FrameBox(320, 320, 352, 352)
    steps = [replace(step, boxes=(*step.boxes, counter)) for step in steps]
    assert all(dead_end(steps[:number], moving(TICK)) is None for number in range(1, 21))


def test_what_moves_on_the_target_itself_is_its_effect() -> None:
    """PLUS is at (128, 72) to (179, 100) on this screen."""
    steps = [replace(beside_a_clock(PLUS, tick), boxes=(FrameBox(128, 64, 160, 96),)) for tick in range(9)]
    steps = [
        replace(step, sums=step.sums + np.uint64(at))
        for at, step in enumerate(steps)
        if step.sums is not None
    ]
    assert all(dead_end(steps[:number], moving(TICK, (4, 8))) is None for number in range(1, 10))


def test_a_doubt_is_a_small_place_away_from_the_target_that_hides_a_dead_end() -> None:
    steps = [beside_a_clock(PLUS, tick) for tick in range(TELL_AT)]
    doubt = in_doubt(steps)
    assert doubt is not None
    assert (doubt == moving(TICK)).all()
    assert in_doubt(steps[:2]) is None
    assert in_doubt([beside_a_clock(PLUS, tick, at=(5, 9)) for tick in range(TELL_AT)]) is None
    assert in_doubt([beside_a_clock(PLUS, tick, screen=tick) for tick in range(TELL_AT)]) is None
    keys = [beside_a_clock(Press(keys=(key,)), at) for at, key in enumerate("abcde")]
    doubt = in_doubt(keys)
    assert doubt is not None
    assert doubt[TICK]
    assert in_doubt([*keys[:4], beside_a_clock(Wait(seconds=1), 9)]) is None


@pytest.mark.parametrize(
    ("action", "change", "said"),
    [
        (Type(text="x"), Change(), "Nothing changed on the screen: nothing of the typed text is to be seen."),
        (
            Type(text="x"),
            Change(by_itself=(FrameBox(0, 0, 32, 32),)),
            f"{ONLY_A_CLOCK}: nothing of the typed text is to be seen.",
        ),
        (
            Type(text="x", target=PLUS.target, clear=True),
            Change((), near_target=False),
            "Nothing changed on the screen: the text stood there before, or it went nowhere.",
        ),
        (Type(text="", clear=True), Change(), "Nothing changed on the screen."),
        (
            Type(text="x", target=PLUS.target),
            Change((FrameBox(0, 0, 32, 32),), near_target=False),
            "The screen changed, but not near the target: nothing of the typed text is to be seen there.",
        ),
        (
            Type(text="x", target=PLUS.target, enter=True),
            Change((FrameBox(0, 0, 32, 32),), near_target=False),
            "The screen changed, but not near the target.",
        ),
        (PLUS, Change((), near_target=False), "Nothing changed on the screen."),
        (
            PLUS,
            Change((), near_target=False, by_itself=(FrameBox(0, 0, 32, 32),)),
            f"{ONLY_A_CLOCK}.",
        ),
    ],
)
def test_the_model_is_told_what_was_seen_of_its_input(action: Action, change: Change, said: str) -> None:
    assert describe(action, Outcome("done", change=change)).endswith(f": done. {said}")
