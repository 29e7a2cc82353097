"""What moves by itself is learned from drawn screens, and what an input did or what comes once is not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from screens import MONITOR, Bytes, Script, blank, frame, with_box

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.screen.changes import CELL, compare, same
from qvl_agent.actions.screen.effect import Effect
from qvl_agent.actions.screen.motion import Motion
from qvl_agent.actions.screen.settle import Settled

BASE = blank(640, 480)
CLOCK = FrameBox(560, 16, 576, 32)
TENS = FrameBox(544, 16, 560, 32)
VIDEO = FrameBox(320, 256, 576, 416)
BUTTON = FrameBox(64, 64, 160, 96)
FIELD = FrameBox(64, 320, 224, 344)
PAGE = FrameBox(0, 0, 640, 480)
Screen = Callable[[float], Bytes]


def shown(screen: Screen, at: float) -> Frame:
    """A capture at a moment."""
    return replace(frame(screen(at), Rect(0, 0, 640, 480)), time=100.0 + at)


def watched(
    screen: Screen, seconds: float = 6.0, *, start: float = 0.0, motion: Motion | None = None
) -> Motion:
    """What is learned from captures so many seconds long, as while a model thinks."""
    motion = motion or Motion()
    motion.look_away()
    for number in range(int(seconds / 0.4) + 1):
        motion.see(shown(screen, start + number * 0.4))
    return motion


def ticking(box: FrameBox, period: float, base: Bytes = BASE, *, since: float = 0.05) -> Screen:
    """Something that changes every so many seconds."""
    return lambda now: with_box(base, box, 1 + int((now + since) / period) % 200)


def knows(motion: Motion, box: FrameBox) -> bool:
    part = motion.known[box.top // CELL : -(-box.bottom // CELL), box.left // CELL : -(-box.right // CELL)]
    return bool(part.any())


@pytest.mark.parametrize(
    ("what", "period", "seconds"),
    [
        pytest.param(CLOCK, 1.0, 5.0, id="a clock with seconds, or a countdown"),
        pytest.param(CLOCK, 2.0, 8.0, id="a countdown every other second"),
        pytest.param(CLOCK, 0.1, 3.0, id="a spinner"),
        pytest.param(VIDEO, 0.04, 3.0, id="a video"),
        pytest.param(FrameBox(0, 448, 640, 480), 0.05, 3.0, id="a marquee"),
        pytest.param(FrameBox(0, 0, 640, 96), 4.0, 16.0, id="a banner that changes its picture"),
    ],
)
def test_what_changes_again_and_again_moves_by_itself(what: FrameBox, period: float, seconds: float) -> None:
    motion = watched(ticking(what, period), seconds)
    assert motion.boxes == (what,)


def test_a_clocks_slower_digits_belong_to_it() -> None:
    def screen(now: float) -> Bytes:
        seconds = 57 + int(now + 0.05)
        last = with_box(BASE, CLOCK, 1 + seconds % 10)
        tens = with_box(last, TENS, 1 + seconds // 10 % 6)
        return with_box(tens, FrameBox(528, 16, 544, 32), 1 + seconds // 60)

    assert watched(screen).boxes == (FrameBox(528, 16, 576, 32),)


def test_a_clock_without_seconds_is_learned_over_several_steps() -> None:
    motion, screen = Motion(), ticking(CLOCK, 47.0)
    for step in range(8):
        motion.acted(100.0 + 30 * step)
        watched(screen, 26.0, start=30 * step + 2, motion=motion)
    assert motion.boxes == (CLOCK,)


def test_a_caret_is_never_learned_as_text_appears_there() -> None:
    caret = FrameBox(100, 322, 101, 340)

    def screen(now: float) -> Bytes:
        return with_box(BASE, caret, 90) if int(now * 1.9) % 2 else BASE

    assert watched(screen, 12.0).boxes == ()


@pytest.mark.parametrize("fading", [0.1, 0.9])
def test_a_toast_comes_once_and_is_news(fading: float) -> None:
    toast = FrameBox(200, 400, 440, 448)

    def screen(now: float) -> Bytes:
        strength = min(now - 1.2, fading, 4.7 - now) / fading
        return with_box(BASE, toast, round(100 * strength)) if strength > 0 else BASE

    for until in np.arange(2.0, 9.0, 0.5):
        assert watched(screen, float(until)).boxes == ()


def test_an_answer_within_the_reaction_time_is_not_learned_from() -> None:
    motion = Motion()
    motion.acted(100.0)
    for number in range(9):
        motion.see(shown(ticking(CLOCK, 0.1), number / 10))
    assert motion.known.size == 0


def test_answers_that_come_late_each_time_are_no_motion() -> None:
    """A button whose number follows one and a half seconds later, pressed again and again."""
    motion = Motion()
    for press in range(12):
        motion.acted(100.0 + 10 * press)
        after = 10 * press + 1.5
        watched(
            lambda now, press=press, after=after: with_box(BASE, CLOCK, 1 + press + (now >= after)),  # type: ignore[misc]
            8.0,
            start=10 * press + 1,
            motion=motion,
        )
    assert motion.boxes == ()


def test_what_stops_is_forgotten_so_the_end_of_a_progress_bar_is_news() -> None:
    stripes = FrameBox(64, 208, 320, 224)
    busy = ticking(stripes, 0.1)
    assert watched(lambda now: busy(min(now, 6.0)), 6.0).boxes == (stripes,)
    assert watched(lambda now: busy(min(now, 6.0)), 12.0).boxes == ()


def test_a_bar_that_grows_from_place_to_place_is_never_left_out() -> None:
    def screen(now: float) -> Bytes:
        return with_box(BASE, FrameBox(64, 208, 64 + round(240 * min(now, 11.0) / 12.0), 224), 40)

    assert after(watched(screen, 9.0), screen).change


def test_it_is_forgotten_when_its_window_moves_or_another_comes() -> None:
    lying = Layout(((1, Rect(500, 0, 100, 100)), (2, Rect(0, 0, 640, 480))), frozenset())
    view = shown(lambda _: BASE, 0).view
    for other, kept in (
        (lying, True),
        (Layout((lying.windows[0], (2, Rect(9, 9, 631, 471))), frozenset()), True),
        (Layout(((1, Rect(480, 0, 100, 100)), lying.windows[1]), frozenset()), False),
        (Layout(((3, Rect(500, 0, 90, 90)), *lying.windows), frozenset()), False),
        (Layout(lying.windows[1:], frozenset()), False),
    ):
        motion = Motion()
        motion.lies(lying, view)
        watched(ticking(CLOCK, 1.0), motion=motion)
        motion.lies(other, view)
        assert knows(motion, CLOCK) == kept


def test_it_is_forgotten_when_the_page_around_it_changes_or_the_screens_size() -> None:
    scrolled = watched(ticking(CLOCK, 1.0))
    scrolled.came_around((FrameBox(0, 0, 640, 480),))
    assert not knows(scrolled, CLOCK)
    elsewhere = watched(ticking(CLOCK, 1.0))
    elsewhere.came_around((BUTTON,))
    assert knows(elsewhere, CLOCK)
    reloaded = watched(ticking(CLOCK, 1.0))
    reloaded.see(shown(ticking(CLOCK, 1.0, with_box(BASE, PAGE, 50)), 6.5))
    assert not knows(reloaded, CLOCK)
    smaller = watched(ticking(CLOCK, 1.0))
    smaller.see(replace(frame(blank(320, 240), Rect(0, 0, 320, 240)), time=110.0))
    assert not smaller.known.any()


def after(
    motion: Motion,
    screen: Screen,
    *,
    at: float = 10.0,
    places: tuple[FrameBox, ...] = (BUTTON,),
    waited: bool = False,
) -> Settled:
    """What is said to have changed by an input at a moment, seen half a second before and after it."""
    script = Script(screen, grab_s=0.0)
    script.now = 100.0 + at + 0.5

    def grab() -> Frame:
        return replace(frame(screen(script.now - 100.0), Rect(0, 0, 640, 480)), time=script.now)

    effect = Effect(motion, grab, stop=lambda: False, clock=script.clock, sleep=script.sleep)
    effect.sent(places)
    before, settled = shown(screen, at - 0.5), grab()
    change = compare(before, settled, places[0] if places else None)
    return effect.of(Settled(settled, change, True, 0.5, 5), before, places, waited=waited)


def test_a_click_that_did_nothing_beside_a_clock_changed_nothing() -> None:
    screen = ticking(CLOCK, 1.0)
    change = after(watched(screen), screen).change
    assert not change
    assert change.near_target is False
    assert len(change.by_itself) == 1
    assert not after(watched(screen), screen, places=()).change
    assert not after(watched(screen), screen, places=(), waited=True).change


def test_before_it_is_learned_a_clock_counts() -> None:
    screen = ticking(CLOCK, 1.0)
    assert after(Motion(), screen).change.boxes == compare(shown(screen, 9.5), shown(screen, 10.5)).boxes


@pytest.mark.parametrize(
    ("real", "apart"),
    [
        pytest.param(BUTTON, True, id="on the target"),
        pytest.param(FrameBox(200, 300, 201, 301), True, id="a single pixel far away"),
        pytest.param(FrameBox(500, 16, 501, 17), True, id="a single pixel two cells away"),
        pytest.param(FrameBox(530, 16, 531, 17), False, id="a single pixel beside the clock"),
        pytest.param(FrameBox(480, 0, 640, 64), False, id="over the clock"),
    ],
)
def test_a_real_change_beside_a_clock_counts(real: FrameBox, *, apart: bool) -> None:
    def screen(now: float) -> Bytes:
        ticked = ticking(CLOCK, 1.0)(now)
        return with_box(ticked, real, 7) if now > 10 else ticked

    change = after(watched(screen), screen).change
    assert any(box.meets(real) for box in change.boxes)
    assert bool(change.by_itself) == apart


def test_a_page_that_changes_takes_its_clock_with_it() -> None:
    def screen(now: float) -> Bytes:
        return ticking(CLOCK, 1.0, with_box(BASE, PAGE, 50) if now > 10 else BASE)(now)

    motion = watched(screen)
    change = after(motion, screen).change
    assert change.boxes == (PAGE,)
    assert change.by_itself == ()
    assert motion.boxes == ()


def test_a_video_that_a_click_stopped_is_an_effect() -> None:
    playing = ticking(VIDEO, 0.05)
    stopped = after(watched(playing), lambda now: playing(min(now, 10.0)))
    assert stopped.change.boxes == (VIDEO,)
    assert stopped.change.near_target is False
    assert not after(watched(playing), playing).change


def test_of_two_things_that_move_the_one_that_stopped_is_an_effect() -> None:
    def screen(now: float) -> Bytes:
        return ticking(CLOCK, 1.0, ticking(VIDEO, 0.05)(min(now, 10.0)))(now)

    change = after(watched(screen), screen).change
    assert change.boxes == (VIDEO,)
    assert change.by_itself == (FrameBox(544, 0, 576, 32),)


def test_an_answer_that_comes_while_the_clock_is_awaited_is_an_effect() -> None:
    def screen(now: float) -> Bytes:
        ticked = ticking(CLOCK, 1.0)(now)
        return with_box(ticked, FIELD, 7) if now > 10.8 else ticked

    settled = after(watched(screen), screen)
    assert settled.change.boxes
    assert all(box.meets(FIELD) for box in settled.change.boxes)
    assert same(settled.frame.crop(FIELD), shown(screen, 10.85).crop(FIELD))


def test_what_moves_where_the_input_went_counts_as_its_effect() -> None:
    """A log, a game or a counter: what the input did would stand in it."""
    screen = ticking(VIDEO, 0.05)
    inside = FrameBox(400, 300, 420, 320)
    assert after(watched(screen), screen, places=(inside,)).change
    assert after(watched(screen), screen, places=(BUTTON, inside)).change


def test_keys_that_may_go_into_something_large_that_moves_count_and_beside_a_clock_do_not() -> None:
    video, clock = ticking(VIDEO, 0.05), ticking(CLOCK, 1.0)
    assert after(watched(video), video, places=()).change
    assert not after(watched(clock), clock, places=()).change


def test_a_screen_that_moves_as_a_whole_is_left_alone() -> None:
    screen = ticking(PAGE, 0.05)
    assert after(watched(screen), screen).change


def test_where_something_moves_slowly_it_is_no_reason_to_wait() -> None:
    screen = ticking(FrameBox(0, 0, 640, 96), 4.0)
    settled = after(watched(screen, 16.0), screen, at=20.0, places=(FIELD,))
    assert settled.change, "whether it would have moved anyway can't be seen soon"
    assert settled.frame.time == pytest.approx(120.5)


def test_another_monitor_is_another_screen() -> None:
    motion = watched(ticking(CLOCK, 1.0))
    small = frame(blank(320, 240), MONITOR)
    before = shown(ticking(CLOCK, 1.0), 9.5)
    effect = Effect(motion, lambda: small, stop=lambda: False, clock=lambda: 110.0, sleep=lambda _: None)
    settled = Settled(small, compare(before, small), True, 0.5, 5)
    assert effect.of(settled, before, (BUTTON,)) == settled
