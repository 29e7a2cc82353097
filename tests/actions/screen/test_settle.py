"""Settling, on screens that are functions of time and a clock that only sleeping moves."""

from collections.abc import Callable

import pytest
from screens import MONITOR, Bytes, Script, blank, frame, with_box

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.screen.settle import Settled, settle

BASE = blank()
TARGET = FrameBox(100, 100, 180, 130)
BUTTON = FrameBox(110, 105, 170, 125)
CLOCK = FrameBox(1200, 4, 1270, 20)
VIDEO = FrameBox(900, 500, 1000, 560)
SPINNER = FrameBox(150, 108, 166, 124)
HALF = FrameBox(0, 0, 1280, 360)
REACTED = with_box(BASE, BUTTON)


def run(
    screen: Callable[[float], Bytes | None],
    *,
    target: FrameBox | None = TARGET,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Settled, Script]:
    script = Script(screen)
    settled = settle(
        script.grab, frame(BASE), target=target, stop=stop, clock=script.clock, sleep=script.sleep
    )
    return settled, script


def flicker(box: FrameBox, base: Bytes, now: float, period: float) -> Bytes:
    return with_box(base, box, 1 + int(now / period) % 100)


def test_a_screen_that_does_not_react_costs_the_reaction_window_and_little_more() -> None:
    settled, _ = run(lambda now: BASE)
    assert settled.quiet
    assert not settled.change
    assert settled.change.near_target is False
    assert 0.35 <= settled.seconds <= 0.37


@pytest.mark.parametrize("at", [0.0, 0.01, 0.03, 0.05, 0.07, 0.078, 0.2, 0.34])
def test_a_reaction_within_the_window_is_seen_whole(at: float) -> None:
    settled, _ = run(lambda now: REACTED if now >= at else BASE)
    assert settled.quiet
    assert settled.change.near_target is True
    assert at + 0.06 <= settled.seconds <= at + 0.15


def test_a_reaction_in_stages_is_awaited_while_the_stages_follow_closely() -> None:
    second = with_box(REACTED, FrameBox(300, 300, 700, 600))

    settled, _ = run(lambda now: BASE if now < 0.02 else REACTED if now < 0.09 else second)
    assert FrameBox(288, 288, 704, 608) in settled.change.boxes
    assert settled.seconds <= 0.2


def test_a_late_reaction_is_not_awaited_and_the_frame_is_honest() -> None:
    settled, _ = run(lambda now: REACTED if now >= 0.6 else BASE)
    assert settled.quiet
    assert not settled.change
    assert settled.seconds <= 0.4


def test_a_page_that_loads_is_awaited_to_its_end() -> None:
    settled, _ = run(lambda now: flicker(HALF, BASE, min(now, 1.7), 0.04))
    assert settled.quiet
    assert 1.74 <= settled.seconds <= 1.9


@pytest.mark.parametrize("phase", [0.0, 0.02, 0.05, 0.08])
def test_a_blinking_caret_does_not_delay(phase: float) -> None:
    caret = FrameBox(140, 110, 141, 126)
    settled, _ = run(lambda now: flicker(caret, BASE, now + phase, 0.1))
    assert settled.quiet
    assert settled.seconds <= 0.37


def test_a_caret_that_moves_is_a_reaction() -> None:
    caret, next_place = FrameBox(140, 110, 141, 126), FrameBox(150, 110, 151, 126)
    here, there = with_box(BASE, caret), with_box(BASE, next_place)
    settled, _ = run(lambda now: here if now < 0.065 else there)
    assert 0.12 <= settled.seconds <= 0.17


@pytest.mark.parametrize("phase", [0.0, 0.02, 0.05, 0.08])
def test_a_clock_hardly_delays(phase: float) -> None:
    settled, _ = run(lambda now: flicker(CLOCK, REACTED, now + phase, 1.0))
    assert settled.quiet
    assert settled.seconds <= 0.2


def test_a_small_video_elsewhere_is_let_be_after_the_soft_limit() -> None:
    settled, _ = run(lambda now: flicker(VIDEO, REACTED, now, 0.016))
    assert settled.quiet
    assert 1.0 <= settled.seconds <= 1.1
    assert settled.moving == (FrameBox(896, 480, 1024, 576),)
    assert settled.change.near_target is True


def test_a_spinner_near_the_target_is_given_longer() -> None:
    settled, _ = run(lambda now: flicker(SPINNER, BASE, now, 0.016))
    assert settled.quiet
    assert 2.0 <= settled.seconds <= 2.1
    ended, _ = run(lambda now: flicker(SPINNER, BASE, min(now, 1.4), 0.016))
    assert 1.45 <= ended.seconds <= 1.6
    assert ended.moving == ()


def test_a_video_does_not_hide_that_the_rest_is_still_busy() -> None:
    def screen(now: float) -> Bytes:
        return flicker(VIDEO, flicker(HALF, BASE, min(now, 1.5), 0.04), now, 0.016)

    settled, _ = run(screen)
    assert settled.quiet
    assert 1.75 <= settled.seconds <= 1.95
    assert settled.moving == (FrameBox(896, 480, 1024, 576),)


def test_a_screen_that_never_stops_ends_at_the_hard_limit_and_says_so() -> None:
    settled, _ = run(lambda now: flicker(HALF, BASE, now, 0.016))
    assert not settled.quiet
    assert 5.0 <= settled.seconds <= 5.1
    assert settled.moving == (FrameBox(0, 0, 1280, 384),)


@pytest.mark.fault(35)
def test_a_failed_capture_is_tried_again_once() -> None:
    failures = [True]
    settled, _ = run(lambda now: None if failures and failures.pop() else REACTED)
    assert settled.change.near_target is True
    with pytest.raises(DesktopError, match="the grab failed"):
        run(lambda now: None)


def test_a_resolution_change_is_a_change_of_everything() -> None:
    small = blank(800, 600)
    settled, _ = run(lambda now: BASE if now < 0.04 else small)
    assert settled.quiet
    assert settled.frame.size == (800, 600)
    assert settled.change.boxes == (settled.frame.box,)
    assert settled.frame.monitor != MONITOR


def test_a_stop_ends_it_with_the_screen_as_it_is() -> None:
    settled, script = run(lambda now: REACTED, stop=lambda: True)
    assert script.grabs == 1
    assert settled.seconds < 0.01
    assert settled.change
    assert not settled.quiet


def test_without_a_target_nothing_is_near() -> None:
    settled, _ = run(lambda now: flicker(SPINNER, BASE, now, 0.016), target=None)
    assert settled.change.near_target is None
    assert settled.seconds <= 1.1
