"""When somebody's own input stops a run, without a screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.desktops.watchdog.channel import Kind, Note, NoteReader, pack
from qvl_agent.actions.desktops.watchdog.takeover_rules import PersonRules, corners

SCREEN = corners([Rect(0, 0, 800, 600)])
MIDDLE, CORNER = DesktopPoint(400, 300), DesktopPoint(799, 0)


def armed(at: DesktopPoint = MIDDLE) -> PersonRules:
    rules = PersonRules(at)
    rules.arm(at)
    return rules


def test_the_corners_of_one_monitor() -> None:
    assert set(SCREEN) == {DesktopPoint(x, y) for x in (0, 799) for y in (0, 599)}


def test_where_two_monitors_meet_there_is_no_corner_to_rest_in() -> None:
    found = corners([Rect(0, 0, 800, 600), Rect(800, 0, 800, 400)])
    assert DesktopPoint(799, 0) not in found
    assert DesktopPoint(800, 0) not in found
    assert DesktopPoint(799, 599) in found, "the smaller monitor doesn't reach down there"
    assert DesktopPoint(1599, 399) in found


@pytest.mark.parametrize(("second", "stops"), [(10.4, True), (10.5, True), (10.6, False)])
def test_esc_twice_within_half_a_second(second: float, stops: bool) -> None:
    rules = PersonRules(MIDDLE)
    assert rules.key(escape=True, time_s=10.0) == ""
    assert bool(rules.key(escape=True, time_s=second)) == stops


def test_another_key_or_a_click_between_makes_it_no_double_esc() -> None:
    rules = PersonRules(MIDDLE)
    rules.key(escape=True, time_s=1.0)
    rules.key(escape=False, time_s=1.1)
    assert rules.key(escape=True, time_s=1.2) == ""
    rules.button()
    assert rules.key(escape=True, time_s=1.3) == ""
    assert rules.key(escape=True, time_s=1.4) == "Esc was pressed twice"


def test_a_corner_counts_once_it_is_held() -> None:
    rules = PersonRules(MIDDLE)
    assert rules.moved(CORNER, SCREEN, 1.0) == ""
    assert rules.held(CORNER, SCREEN, 1.14) == ""
    assert rules.held(CORNER, SCREEN, 1.16) == "the mouse was held in a corner of the screen"


def test_a_corner_that_is_left_again_does_not() -> None:
    rules = PersonRules(MIDDLE)
    rules.moved(CORNER, SCREEN, 1.0)
    rules.moved(MIDDLE, SCREEN, 1.1)
    assert rules.held(MIDDLE, SCREEN, 1.2) == ""
    rules.moved(CORNER, SCREEN, 2.0)
    rules.agent_moved(MIDDLE)
    assert rules.held(MIDDLE, SCREEN, 2.2) == ""


def test_the_agents_own_way_into_a_corner_does_not_count() -> None:
    rules = PersonRules(MIDDLE)
    rules.agent_moved(CORNER)
    rules.moved(DesktopPoint(798, 1), SCREEN, 1.0)
    assert rules.corner_since is None


def test_nothing_but_the_kill_switch_counts_before_it_is_armed() -> None:
    rules = PersonRules(MIDDLE)
    assert not rules.key(escape=False, time_s=1)
    assert not rules.button()
    assert not rules.moved(DesktopPoint(10, 10), SCREEN, 1)


@pytest.mark.parametrize(("to", "stops"), [((404, 296), False), ((405, 300), True), ((400, 295), True)])
def test_a_jitter_is_no_takeover(to: tuple[int, int], stops: bool) -> None:
    assert bool(armed().moved(DesktopPoint(*to), SCREEN, 5.0)) == stops


def test_a_slow_hand_is_one_and_a_bumped_desk_is_not() -> None:
    slow, bumped = armed(), armed()
    assert [bool(slow.moved(DesktopPoint(400 + 2 * n, 300), SCREEN, 5 + 0.1 * n)) for n in range(4)][-1]
    assert not any(bumped.moved(DesktopPoint(400 + 2 * n, 300), SCREEN, 5 + 2.0 * n) for n in range(9))


def test_a_nudge_is_measured_from_where_the_agent_put_the_pointer() -> None:
    rules = armed()
    rules.agent_moved(DesktopPoint(50, 50))
    assert rules.moved(DesktopPoint(53, 50), SCREEN, 5.0) == ""


NOTES = st.builds(
    Note,
    st.sampled_from(Kind),
    st.integers(0, 255),
    st.integers(-0x8000, 0x7FFF),
    st.integers(-0x8000, 0x7FFF),
)


@given(st.lists(NOTES), st.integers(1, 17))
def test_notes_are_read_back_from_whatever_pieces_come(notes: list[Note], size: int) -> None:
    data, reader = pack(*notes), NoteReader()
    got = [note for at in range(0, len(data), size) for note in reader.read(data[at : at + size])]
    assert got == notes
