"""Freshness: the same screen passes at once, what only moves passes, what was replaced doesn't."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from screens import HEIGHT, WIDTH, Bytes, Script, blank, frame, with_box

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect, View, frame_box_to_rect
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.screen.freshness import Freshness, fresh

BASE = blank()
BUTTON = FrameBox(600, 300, 680, 324)
FIELD = FrameBox(200, 200, 500, 230)
CARET = FrameBox(260, 206, 261, 224)
POINT = FrameBox(640, 312, 641, 313)
DIALOG = FrameBox(440, 260, 840, 460)


def check(
    screen: Callable[[float], Bytes | None],
    target: FrameBox | None = BUTTON,
    *,
    whole: bool = False,
    moving: tuple[FrameBox, ...] = (),
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Freshness, Script]:
    script = Script(screen, grab_s=0.0002)
    result = fresh(
        frame(BASE),
        script.grab_region,
        target,
        whole=whole,
        stop=stop,
        clock=script.clock,
        sleep=script.sleep,
        moving=moving,
    )
    return result, script


def flicker(box: FrameBox, now: float, period: float, base: Bytes = BASE) -> Bytes:
    return with_box(base, box, 1 + int(now / period) % 100)


@pytest.mark.parametrize(
    "target", [BUTTON, FIELD, POINT, FrameBox(0, 0, 5, 5), FrameBox(0, 0, WIDTH, HEIGHT), None]
)
def test_the_same_screen_passes_at_the_first_look(target: FrameBox | None) -> None:
    result, script = check(lambda now: BASE, target)
    assert (result.ok, result.reason, script.grabs) == (True, "", 1)
    assert result.seconds < 0.001


@pytest.mark.fault(37)
@pytest.mark.parametrize("target", [BUTTON, POINT, None])
def test_a_dialog_over_the_target_is_stale(target: FrameBox | None) -> None:
    result, _ = check(lambda now: with_box(BASE, DIALOG), target)
    assert not result.ok
    assert "look again" in result.reason
    assert 0.6 <= result.seconds <= 0.7


def test_the_reason_says_how_much_of_the_target_changed() -> None:
    half = FrameBox(BUTTON.left, BUTTON.top, 640, BUTTON.bottom)
    result, _ = check(lambda now: with_box(BASE, half))
    assert "where the action points (50% of the target)" in result.reason


@pytest.mark.parametrize("target", [BUTTON, POINT])
def test_a_changed_letter_on_the_target_is_stale(target: FrameBox) -> None:
    letter = FrameBox(634, 306, 642, 318)
    assert not check(lambda now: with_box(BASE, letter), target)[0].ok


def test_a_row_is_known_by_its_far_end_and_a_canvas_by_its_middle() -> None:
    row, canvas = FrameBox(0, 400, 1200, 440), FrameBox(0, 0, 1200, 700)
    name = FrameBox(10, 410, 60, 430)
    assert not check(lambda now: with_box(BASE, name), row)[0].ok
    assert check(lambda now: with_box(BASE, name), canvas)[0].ok
    assert not check(lambda now: with_box(BASE, FrameBox(590, 340, 600, 350)), canvas)[0].ok


@pytest.mark.fault(39)
def test_a_blinking_caret_in_the_target_passes_at_once() -> None:
    result, script = check(lambda now: with_box(BASE, CARET), FIELD)
    assert result.ok
    assert script.grabs == 1


def test_two_bars_or_a_thick_one_are_no_caret() -> None:
    second = FrameBox(300, 206, 301, 224)
    assert not check(lambda now: with_box(with_box(BASE, CARET), second), FIELD)[0].ok
    assert not check(lambda now: with_box(BASE, FrameBox(260, 206, 268, 224)), FIELD)[0].ok
    assert not check(lambda now: with_box(BASE, FrameBox(260, 206, 261, 209)), FIELD)[0].ok


def test_what_comes_back_is_awaited() -> None:
    result, _ = check(lambda now: with_box(BASE, BUTTON) if now < 0.45 else BASE)
    assert result.ok
    assert 0.45 <= result.seconds <= 0.5
    late, _ = check(lambda now: with_box(BASE, BUTTON) if now < 0.8 else BASE)
    assert not late.ok


def test_a_little_beside_the_target_is_let_be_and_a_lot_is_not() -> None:
    badge, toast = FrameBox(690, 290, 720, 300), FrameBox(560, 326, 760, 400)
    result, script = check(lambda now: with_box(BASE, badge))
    assert (result.ok, script.grabs) == (True, 1)
    result, _ = check(lambda now: with_box(BASE, toast))
    assert not result.ok
    assert "around" in result.reason


@pytest.mark.fault(39)
def test_a_video_beside_the_target_is_let_be_once_it_is_seen_to_move() -> None:
    result, _ = check(lambda now: flicker(FrameBox(560, 326, 760, 400), now, 0.016))
    assert result.ok
    assert result.seconds >= 0.6


def test_a_target_that_keeps_moving_is_stale_until_it_is_known_to_move() -> None:
    around = FrameBox(500, 200, 800, 400)
    first, _ = check(lambda now: flicker(around, now, 0.016))
    assert not first.ok
    assert first.moving
    second, _ = check(lambda now: flicker(around, now, 0.016), moving=first.moving)
    assert second.ok


def test_a_dialog_that_fades_in_is_stale_even_if_it_moved_at_first() -> None:
    result, _ = check(lambda now: with_box(BASE, DIALOG, 1 + int(min(now, 0.25) / 0.02)), None)
    assert not result.ok


def test_in_a_dialog_every_word_counts_but_a_caret_and_what_moves_do_not() -> None:
    word, spinner = FrameBox(460, 280, 500, 292), FrameBox(700, 400, 732, 432)
    changed, _ = check(lambda now: with_box(BASE, word), DIALOG, whole=True)
    assert not changed.ok
    assert "says something else" in changed.reason
    assert any(box.left <= word.left and box.right >= word.right for box in changed.differing)
    assert check(lambda now: BASE, DIALOG, whole=True)[0].ok
    assert check(lambda now: with_box(BASE, FrameBox(250, 280, 300, 292)), DIALOG, whole=True)[0].ok
    assert check(lambda now: with_box(BASE, FrameBox(560, 306, 561, 324)), DIALOG, whole=True)[0].ok
    assert check(lambda now: flicker(spinner, now, 0.016), DIALOG, whole=True)[0].ok
    assert check(lambda now: with_box(BASE, word), DIALOG, whole=True, moving=(word,))[0].ok


def test_without_a_target_small_changes_and_videos_pass() -> None:
    clock, video = FrameBox(1100, 2, 1270, 22), FrameBox(400, 200, 900, 500)
    assert check(lambda now: with_box(BASE, clock), None)[0].seconds < 0.01
    assert check(lambda now: with_box(BASE, clock), None)[0].ok
    assert check(lambda now: flicker(video, now, 0.016), None)[0].ok
    assert check(lambda now: flicker(video, now, 0.016), None, moving=(video,))[0].seconds < 0.01


@pytest.mark.fault(35)
def test_a_failed_capture_is_tried_again_and_then_stale() -> None:
    failures = [True]
    assert check(lambda now: None if failures and failures.pop() else BASE)[0].ok
    result, script = check(lambda now: None)
    assert not result.ok
    assert "can't be captured" in result.reason
    assert script.grabs == 2


@pytest.mark.fault(34)
def test_another_monitor_or_scale_is_stale_at_once() -> None:
    seen = frame(BASE)
    for other in (frame(BASE, Rect(5, 0, WIDTH, HEIGHT)), frame(BASE, scale=2.0), frame(blank(640, 100))):
        script = Script(lambda now: BASE)
        result = fresh(
            seen,
            lambda region, other=other: other,
            BUTTON,
            stop=bool,
            clock=script.clock,
            sleep=script.sleep,  # type: ignore[misc]
        )
        assert not result.ok
        assert "monitors changed" in result.reason


def test_a_stop_does_not_wait() -> None:
    result, script = check(lambda now: with_box(BASE, BUTTON), stop=lambda: True)
    assert (result.ok, script.grabs) == (False, 1)


@given(
    st.integers(-4000, 4000),
    st.integers(-4000, 4000),
    st.sampled_from([1.0, 1.25, 1.5, 2.0]),
    st.integers(0, 60),
    st.data(),
)
def test_a_box_maps_to_the_logical_pixels_that_cover_it(
    left: int, top: int, scale: float, offset: int, data: st.DataObject
) -> None:
    monitor = Rect(left, top, 400, 300)
    view = View(
        int(400 * scale) - offset, int(300 * scale) - offset, monitor, scale, FramePoint(offset, offset)
    )
    x, y = data.draw(st.integers(0, view.width - 1)), data.draw(st.integers(0, view.height - 1))
    box = FrameBox(
        x, y, data.draw(st.integers(x + 1, view.width)), data.draw(st.integers(y + 1, view.height))
    )
    rect = frame_box_to_rect(box, view)
    assert (rect.left - left) * scale <= offset + box.left < (rect.left - left + 1) * scale
    right, bottom = rect.left - left + rect.width, rect.top - top + rect.height
    assert (right - 1) * scale < offset + box.right <= right * scale
    assert bottom * scale >= offset + box.bottom
    if scale == 1:
        assert (rect.width, rect.height) == (box.width, box.height)


@pytest.mark.parametrize(
    "box", [FrameBox(5, 5, 5, 9), FrameBox(-1, 0, 5, 5), FrameBox(0, 0, 401, 5), FrameBox(9, 5, 5, 9)]
)
def test_a_box_that_is_not_in_the_frame_has_no_rectangle(box: FrameBox) -> None:
    with pytest.raises(CoordinateError):
        frame_box_to_rect(box, View(400, 300, Rect(0, 0, 400, 300)))
