"""Reconciliation, small: a client that logs all finds exactly what was approved, and notices the rest."""

import pytest
from event_log import Batch, EventLog, Seen
from other_hands import other_hands
from random_actions import CASES
from reconcile import prove
from reconciled import mismatch

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, Plan, TextEvent, WheelEvent
from qvl_agent.sandbox.display import VirtualDisplay

HERE, THERE = DesktopPoint(10, 20), DesktopPoint(110, 20)
CLICK: Plan = (MoveEvent(HERE), ButtonEvent("left", down=True), ButtonEvent("left", down=False))
SHIFT = 0xFFE1


def batch(*events: Seen, keys: list[int] | None = None) -> Batch:
    return Batch(list(events), list(events), keys or [], 0)


def at(point: DesktopPoint) -> Seen:
    return Seen("motion", down=False, code=0, x=point.x, y=point.y)


def button(number: int, down: bool, point: DesktopPoint = HERE) -> Seen:
    return Seen("button", down, number, x=point.x, y=point.y)


def key(keysym: int, down: bool, plain: int = 0) -> Seen:
    return Seen("key", down, keysym & 0x7F, keysym, plain or keysym)


CLICKED = (at(HERE), button(1, True), button(1, False))
TYPED = (key(SHIFT, True), key(ord("A"), True), key(ord("A"), False), key(SHIFT, False))


@pytest.mark.parametrize(("actions", "least"), [(60, 25), pytest.param(200, 80, marks=pytest.mark.nightly)])
def test_random_actions_are_what_was_approved(actions: int, least: int) -> None:
    figures = prove(actions, seed=7)
    assert figures.mismatches == []
    assert figures.surprises == []
    assert {case for case, _ in figures.came_to} == set(CASES)
    assert figures.events > figures.carried_out > least
    assert figures.approvals > figures.carried_out


def test_what_somebody_else_sends_is_noticed(display: VirtualDisplay, desktop: Desktop) -> None:
    with EventLog(display.name) as log, other_hands(display.name) as hands:
        desktop.perform(Approved(CLICK, "frame", desktop.geometry()), lambda: False)
        assert mismatch(CLICK, log.batch(), THERE) == ""
        hands.tap("a")
        assert mismatch((), log.batch(), HERE)
        desktop.perform(Approved(CLICK, "frame", desktop.geometry()), lambda: False)
        hands.click(3)
        assert "more than was approved" in mismatch(CLICK, log.batch(), HERE)


@pytest.mark.parametrize(
    ("plan", "events"),
    [
        ((), ()),
        (CLICK, CLICKED),
        ((WheelEvent(1, -1),), (button(4, True), button(4, False), button(7, True), button(7, False))),
        ((TextEvent("A"),), TYPED),
        ((KeyEvent("a", down=True), KeyEvent("a", down=False)), (key(97, True), key(97, False))),
    ],
)
def test_exactly_the_plan_matches_and_nothing_near_it(plan: Plan, events: tuple[Seen, ...]) -> None:
    assert mismatch(plan, batch(*events), HERE) == ""
    assert mismatch(plan, batch(*events, keys=[38]), HERE)
    assert mismatch(plan, batch(*events, button(1, True)), HERE)
    assert mismatch(plan, Batch(list(events), [*events, button(1, True)], [], 0), HERE)
    for number in range(len(events)):
        if events[number].kind != "motion":  # where it is already, no motion may come
            assert mismatch(plan, batch(*events[:number], *events[number + 1 :]), HERE)
        if number:
            swapped = (*events[: number - 1], events[number], events[number - 1], *events[number + 1 :])
            assert mismatch(plan, batch(*swapped), HERE)


def test_a_drag_goes_along_its_line_to_its_end() -> None:
    drag: Plan = (ButtonEvent("left", down=True), MoveEvent(THERE), ButtonEvent("left", down=False))
    down, up = button(1, True), button(1, False, THERE)
    steps = [at(DesktopPoint(x, 20)) for x in (30, 60, 90)]
    assert mismatch(drag, batch(down, *steps, at(THERE), up), HERE) == ""
    assert mismatch(drag, batch(down, *steps, up), HERE)
    assert mismatch(drag, batch(down, *reversed(steps), at(THERE), up), HERE)
    assert mismatch(drag, batch(down, at(DesktopPoint(60, 50)), at(THERE), up), HERE)
