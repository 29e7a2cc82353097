"""Sending events to an X desktop, and what it holds down afterwards."""

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.action import Button
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, MoveEvent

NOTHING_HELD = ([], 0)


def perform(desktop: Desktop, *events: Event) -> None:
    desktop.perform(Approved(events, "frame", desktop.geometry()), lambda: False)


def named(window: WindowInfo | None) -> str:
    return window.app if window else ""


def click(x: int, y: int, button: Button = "left") -> tuple[Event, ...]:
    place = MoveEvent(DesktopPoint(x, y))
    return (place, ButtonEvent(button, down=True), ButtonEvent(button, down=False))
