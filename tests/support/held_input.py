"""Sending events to an X desktop, and what it holds down afterwards."""

from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import Event

NOTHING_HELD = ([], 0)


def perform(desktop: X11Desktop, *events: Event) -> None:
    desktop.perform(Approved(events, "frame", desktop.geometry()), lambda: False)


def named(window: WindowInfo | None) -> str:
    return window.app if window else ""
