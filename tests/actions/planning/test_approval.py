"""The permit: once, in time, for the monitors it was made for; and what the desktop does with it."""

import threading

import pytest

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import ApprovalError
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.approval import LIFETIME_S, Approved
from qvl_agent.actions.planning.events import MoveEvent

PLAN = (MoveEvent(DesktopPoint(5, 6)),)
ONE = Geometry((Rect(0, 0, 100, 100),))
OTHER = Geometry((Rect(0, 0, 100, 101),))


def test_it_is_good_once() -> None:
    approved = Approved(PLAN, "frame", ONE)
    assert approved.spend(ONE) == PLAN
    with pytest.raises(ApprovalError, match="spent"):
        approved.spend(ONE)


def test_it_expires() -> None:
    now = [0.0]
    approved = Approved(PLAN, "frame", ONE, clock=lambda: now[0])
    now[0] = LIFETIME_S
    with pytest.raises(ApprovalError, match="look again"):
        approved.spend(ONE)


def test_other_monitors_void_it_for_good() -> None:
    approved = Approved(PLAN, "frame", ONE)
    with pytest.raises(ApprovalError, match="monitors changed"):
        approved.spend(OTHER)
    with pytest.raises(ApprovalError, match="spent"):
        approved.spend(ONE)


def test_of_many_threads_one_gets_it() -> None:
    approved = Approved(PLAN, "frame", ONE)
    results: list[bool] = []

    def spend() -> None:
        try:
            approved.spend(ONE)
        except ApprovalError:
            results.append(False)
        else:
            results.append(True)

    threads = [threading.Thread(target=spend) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(True) == 1


def test_a_real_desktop_takes_input_with_a_good_permit_alone(desktop: Desktop) -> None:
    geometry = desktop.geometry()
    approved = Approved((MoveEvent(DesktopPoint(33, 44)),), "frame", geometry)
    desktop.perform(approved, lambda: False)
    assert desktop.pointer() == DesktopPoint(33, 44)
    again = Approved((MoveEvent(DesktopPoint(99, 99)),), "frame", OTHER)
    for bad in (approved, again):
        with pytest.raises(ApprovalError):
            desktop.perform(bad, lambda: False)
    assert desktop.pointer() == DesktopPoint(33, 44)
