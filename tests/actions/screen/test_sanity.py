"""A screen that went blank ends a run with a remedy; an empty display, a flicker and a fade don't."""

from collections.abc import Callable

import numpy as np
import pytest
from screens import Bytes, Script, blank, frame

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.screen.sanity import WAIT_S, Sanity, one_colour


def plain(shade: int = 0, width: int = 1280, height: int = 720) -> Bytes:
    return np.full((height, width, 4), shade, dtype=np.uint8)


def follow(
    screen: Callable[[float], Bytes | None], *, stop: bool = False, may_be_blank: bool = False
) -> tuple[Sanity, Script]:
    script = Script(screen)
    sanity = Sanity(
        script.grab, stop=lambda: stop, clock=script.clock, sleep=script.sleep, may_be_blank=may_be_blank
    )
    return sanity, script


def test_one_pixel_is_enough_to_be_no_blank_screen() -> None:
    assert one_colour(frame(plain())) == "#000000"
    grey = plain(0x30)
    assert one_colour(frame(grey)) == "#303030"
    grey[719, 1277, 1] += 1
    assert one_colour(frame(grey)) == ""


def test_a_screen_that_goes_blank_ends_the_run_with_the_remedy() -> None:
    sanity, script = follow(lambda _: plain())
    assert sanity.check(frame(blank())).warning == ""
    before = script.now
    with pytest.raises(DesktopError, match=r"went blank: all of it has been #000000 for 2 s. .*unlock"):
        sanity.check(frame(plain()))
    assert WAIT_S <= script.now - before < WAIT_S + 0.5


def test_a_flicker_is_waited_for_and_the_picture_after_it_is_used() -> None:
    sanity, script = follow(lambda now: plain() if now < 1.0 else blank())
    sanity.check(frame(blank()))
    sound = sanity.check(frame(plain()))
    assert not one_colour(sound.frame)
    assert sound.warning == ""
    assert script.now - 100.0 < 1.5


def test_an_empty_display_is_warned_of_once_and_may_stay_empty() -> None:
    sanity, script = follow(lambda _: plain())
    first = sanity.check(frame(plain()))
    assert "the screen is empty: all of it is #000000" in first.warning
    assert sanity.check(frame(plain())).warning == ""
    assert sanity.check(frame(plain(9))).warning == ""
    assert script.now == 100.0, "nothing is waited for"


def test_a_display_that_nobody_locks_may_go_blank() -> None:
    sanity, _ = follow(lambda _: plain(), may_be_blank=True)
    for screen in (plain(), blank(), plain()):
        assert sanity.check(frame(screen)).warning == ""


def test_another_size_is_said_once_and_then_taken() -> None:
    sanity, _ = follow(lambda _: plain())
    small = frame(blank(640, 480), Rect(0, 0, 640, 480))
    assert sanity.check(frame(blank())).warning == ""
    with pytest.raises(DesktopError, match="the screen is 640x480 now; it was 1280x720"):
        sanity.check(small)
    assert sanity.check(small).warning == ""


def test_the_person_may_stop_the_wait() -> None:
    sanity, script = follow(lambda _: plain(), stop=True)
    sanity.check(frame(blank()))
    assert one_colour(sanity.check(frame(plain())).frame)
    assert script.now == 100.0
