"""Settling by what is drawn: on scripted screens that tell it, with a clock that only waiting moves."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from screens import Bytes, blank, frame, with_box
from told_screens import ToldScript

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.screen.changes import CELL
from qvl_agent.actions.screen.effect import Effect
from qvl_agent.actions.screen.motion import Motion
from qvl_agent.actions.screen.settle import Settled, settle
from qvl_agent.actions.screen.watch import TOLD_LIMITS

BASE = blank()
TARGET = FrameBox(100, 100, 180, 130)
BUTTON = FrameBox(110, 105, 170, 125)
CARET = FrameBox(140, 110, 141, 126)
CLOCK = FrameBox(1200, 4, 1270, 20)
VIDEO = FrameBox(900, 500, 1000, 560)
PAGE = FrameBox(300, 300, 700, 600)
REACTED = with_box(BASE, BUTTON)
LOADED = with_box(REACTED, PAGE)


def run(
    screen: Callable[[float], Bytes | None],
    drawn: Sequence[float],
    *,
    target: FrameBox | None = TARGET,
    told_before: int | None = 0,
    own: FrameBox | None = None,
    at_work: tuple[float, float] = (0.0, 0.0),
    gone_at: float = float("inf"),
) -> tuple[Settled, ToldScript]:
    script = ToldScript(screen, drawn, at_work=at_work, gone_at=gone_at)
    cells = np.zeros((-(-720 // CELL), 1280 // CELL), dtype=np.bool_)
    if own is not None:
        cells[own.top // CELL : -(-own.bottom // CELL), own.left // CELL : -(-own.right // CELL)] = True
    settled = settle(
        script.grab,
        frame(BASE),
        target=target,
        stop=lambda: False,
        clock=script.clock,
        sleep=script.sleep,
        limits=TOLD_LIMITS,
        own=cells,
        damage=script,
        told_before=told_before,
    )
    return settled, script


def every(period: float, until: float = 6.0, start: float = 0.0) -> list[float]:
    return [start + period * number for number in range(int((until - start) / period))]


def turns(box: FrameBox, base: Bytes, now: float, times: Sequence[float]) -> Bytes:
    """The base, with another content in a box after each of these times."""
    return with_box(base, box, sum(at <= now for at in times) % 250)


@pytest.mark.parametrize("told_before", [0, None])
@pytest.mark.parametrize("at", [0.001, 0.01, 0.05, 0.2, 0.34, 0.4, 0.44])
def test_a_reaction_is_seen_whole_and_hardly_waited_for(at: float, told_before: int | None) -> None:
    settled, script = run(lambda now: REACTED if now >= at else BASE, [at], told_before=told_before)
    assert settled.quiet
    assert settled.change.near_target is True
    assert at + 0.059 <= settled.seconds <= at + 0.075
    assert script.grabs <= 3
    assert script.missed_times == 0


def test_without_a_reaction_it_waits_longer_than_polls_do_and_looks_once() -> None:
    settled, script = run(lambda now: BASE, [])
    assert settled.quiet
    assert not settled.change
    assert 0.449 <= settled.seconds <= 0.46
    assert script.grabs == 1


def test_what_is_drawn_without_a_change_is_no_reaction() -> None:
    settled, _ = run(lambda now: REACTED if now >= 0.3 else BASE, [0.0, 0.02, 0.1, 0.3])
    assert settled.change
    assert 0.359 <= settled.seconds <= 0.38


def test_stages_that_follow_closely_are_awaited() -> None:
    stages = [0.01, 0.06, 0.11, 0.16]
    settled, _ = run(lambda now: turns(BUTTON, LOADED if now >= 0.16 else BASE, now, stages[:3]), stages)
    assert any(box.meets(PAGE) for box in settled.change.boxes)
    assert settled.seconds <= 0.24


@pytest.mark.parametrize("phase", [0.0, 0.03, 0.07])
def test_a_caret_neither_holds_up_nor_passes_for_a_reaction(phase: float) -> None:
    blinks = every(0.1, start=phase)
    settled, script = run(
        lambda now: turns(CARET, REACTED if now >= 0.3 else BASE, now, blinks), [*blinks, 0.3]
    )
    assert settled.change.near_target is True
    assert 0.359 <= settled.seconds <= 0.39
    assert not script.missed_times
    alone, _ = run(lambda now: turns(CARET, BASE, now, blinks), blinks)
    assert 0.449 <= alone.seconds <= 0.47


@pytest.mark.parametrize("at", [0.02, 0.1, 0.25])
def test_a_clock_away_from_the_target_is_no_reaction(at: float) -> None:
    def screen(now: float) -> Bytes:
        return turns(CLOCK, REACTED if now >= 0.38 else BASE, now, [at])

    settled, _ = run(screen, [at, 0.38])
    assert settled.change.near_target is True
    assert 0.439 <= settled.seconds <= 0.46


def test_a_small_change_is_a_reaction_where_the_input_has_no_place() -> None:
    settled, _ = run(lambda now: turns(CLOCK, BASE, now, [0.02]), [0.02], target=None)
    assert settled.change
    assert settled.seconds <= 0.1


def test_what_is_known_to_move_neither_holds_up_nor_passes_for_a_reaction() -> None:
    frames = every(0.033)

    def screen(now: float) -> Bytes:
        return turns(VIDEO, REACTED if now >= 0.3 else BASE, now, frames)

    settled, _ = run(screen, sorted([*frames, 0.3]), own=VIDEO)
    assert settled.quiet
    assert settled.change.near_target is True
    assert 0.359 <= settled.seconds <= 0.4
    unknown, _ = run(screen, sorted([*frames, 0.3]))
    assert 1.0 <= unknown.seconds <= 1.1
    assert unknown.moving


def test_a_page_that_keeps_loading_is_awaited_and_one_that_never_ends_is_not() -> None:
    parts = every(0.04, until=1.7)
    settled, _ = run(lambda now: turns(FrameBox(0, 0, 1280, 360), BASE, now, parts), parts)
    assert settled.quiet
    assert 1.7 <= settled.seconds <= 1.8
    endless = every(0.016)
    settled, script = run(lambda now: turns(FrameBox(0, 0, 1280, 360), BASE, now, endless), endless)
    assert not settled.quiet
    assert 5.0 <= settled.seconds <= 5.1
    assert script.grabs <= 5.1 / TOLD_LIMITS.poll_s


class TestAnApplicationAtWork:
    def test_it_is_waited_for_before_it_has_reacted(self) -> None:
        settled, script = run(lambda now: REACTED if now >= 0.81 else BASE, [0.81], at_work=(0.0, 0.8))
        assert settled.change.near_target is True
        assert 0.859 <= settled.seconds <= 0.9
        assert script.asked

    def test_it_is_waited_for_between_two_stages(self) -> None:
        def screen(now: float) -> Bytes:
            return BASE if now < 0.01 else REACTED if now < 0.3 else LOADED

        settled, _ = run(screen, [0.01, 0.3], at_work=(0.012, 0.295))
        assert any(box.meets(PAGE) for box in settled.change.boxes)
        assert 0.349 <= settled.seconds <= 0.38

    def test_one_that_draws_nothing_after_its_work_is_given_a_moment(self) -> None:
        settled, _ = run(lambda now: BASE, [], at_work=(0.0, 0.7))
        assert 0.749 <= settled.seconds <= 0.78

    def test_one_that_never_answers_ends_at_the_hard_limit(self) -> None:
        settled, _ = run(lambda now: BASE, [], at_work=(0.0, 99.0))
        assert not settled.quiet
        assert 5.0 <= settled.seconds <= 5.1

    def test_an_answer_at_once_costs_nothing(self) -> None:
        settled, _ = run(lambda now: BASE, [], at_work=(0.45, 0.453))
        assert settled.seconds <= 0.46


class TestADisplayThatDoesNotTellAll:
    def test_the_screen_is_polled_from_there(self) -> None:
        def screen(now: float) -> Bytes:
            return BASE if now < 0.2 else REACTED if now < 0.5 else LOADED

        settled, script = run(screen, [])
        assert script.missed_times == 1
        assert any(box.meets(PAGE) for box in settled.change.boxes), "it was polled when the page came"
        assert settled.quiet

    def test_a_change_is_not_held_against_it_that_may_be_older(self) -> None:
        settled, script = run(lambda now: REACTED, [], told_before=None)
        assert settled.change
        assert script.missed_times == 0

    def test_what_is_drawn_while_it_is_captured_is_told_afterwards(self) -> None:
        settled, script = run(lambda now: REACTED if now >= 0.449 else BASE, [0.4495])
        assert script.missed_times == 0
        assert settled.change
        assert settled.seconds >= 0.5

    def test_a_connection_that_breaks_is_polled_instead(self) -> None:
        settled, script = run(lambda now: REACTED if now >= 0.3 else BASE, [0.3], gone_at=0.1)
        assert settled.change.near_target is True
        assert script.missed_times == 0
        assert settled.seconds <= 0.4

    def test_a_screen_of_another_size_is_no_fault_of_it(self) -> None:
        small = blank(800, 600)
        settled, script = run(lambda now: BASE if now < 0.04 else small, [])
        assert settled.frame.size == (800, 600)
        assert script.missed_times == 0


def effect(script: ToldScript) -> Effect:
    return Effect(
        Motion(),
        script.grab,
        stop=lambda: False,
        clock=script.clock,
        sleep=script.sleep,
        damage=lambda: script,
    )


def test_what_came_while_the_model_thought_is_no_reaction() -> None:
    """A page that loaded late is in the settled picture, and yet the reaction to the input is waited for."""

    def screen(now: float) -> Bytes:
        late = with_box(BASE, PAGE)
        return late if now < 1.3 else with_box(late, BUTTON)

    script = ToldScript(screen, [0.5, 1.3])
    looked = effect(script)
    script.sleep(1.0)
    looked.sending()
    settled = looked.settled(frame(BASE), (TARGET,))
    assert any(box.meets(PAGE) for box in settled.change.boxes)
    assert settled.change.near_target is True
    assert 0.349 <= settled.seconds <= 0.38


def test_after_a_wait_the_changes_meanwhile_count() -> None:
    script = ToldScript(lambda now: LOADED if now >= 0.5 else BASE, [0.5])
    looked = effect(script)
    script.sleep(1.0)
    settled = looked.settled(frame(BASE), (), waited=True)
    assert settled.change
    assert settled.seconds <= 0.1
    assert script.missed_times == 0


class TestNewer:
    """What changed since the screen settled, before it goes to the model."""

    def settled(
        self, screen: Callable[[float], Bytes], drawn: Sequence[float]
    ) -> tuple[Effect, ToldScript, Settled]:
        script = ToldScript(screen, drawn)
        looked = effect(script)
        looked.sending()
        return looked, script, looked.settled(frame(BASE), (TARGET,))

    def test_a_page_that_came_after_the_button_lit_up_is_seen(self) -> None:
        def screen(now: float) -> Bytes:
            return BASE if now < 0.01 else REACTED if now < 0.095 else LOADED

        looked, script, settled = self.settled(screen, [0.01, 0.095])
        assert not any(box.meets(PAGE) for box in settled.change.boxes)
        script.sleep(0.03)
        newer = looked.newer(settled.frame)
        assert newer is not None
        assert np.array_equal(newer.pixels, frame(LOADED).pixels)
        assert looked.newer(newer) is None, "nothing was drawn since"

    @pytest.mark.parametrize("box", [CARET, CLOCK])
    def test_a_caret_and_a_clock_are_no_news(self, box: FrameBox) -> None:
        looked, script, settled = self.settled(
            lambda now: turns(box, REACTED if now >= 0.01 else BASE, now, [0.08]), [0.01, 0.08]
        )
        script.sleep(0.03)
        assert looked.newer(settled.frame) is None
        assert script.now - 100.0 <= settled.seconds + 0.04, "it costs a capture"

    def test_beside_what_keeps_moving_it_is_not_looked_again(self) -> None:
        frames = every(0.033)
        looked, script, settled = self.settled(
            lambda now: turns(VIDEO, REACTED if now >= 0.01 else BASE, now, frames), frames
        )
        assert settled.moving
        script.sleep(0.03)
        assert looked.newer(settled.frame) is None

    def test_where_nothing_is_told_nobody_knows(self) -> None:
        script = ToldScript(lambda now: BASE, [])
        looked = Effect(Motion(), script.grab, stop=lambda: False, clock=script.clock, sleep=script.sleep)
        looked.sending()
        settled = looked.settled(frame(BASE), (TARGET,))
        assert looked.newer(settled.frame) is None
