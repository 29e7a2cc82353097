"""Clicks and keys of one plan, where the window manager takes its time."""

import os
import signal
import threading
from contextlib import closing
from pathlib import Path

import pytest
from counting_app import CountingApp, counted
from text_fields import wait_until
from Xlib.display import Display

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.desktops.x11.windows.tree import process_of, window_manager
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, MoveEvent, TextEvent
from qvl_agent.sandbox.display import VirtualDisplay

CLICK = (ButtonEvent("left", down=True), ButtonEvent("left", down=False))


def manager_of(name: str) -> int:
    with closing(Display(name)) as display:
        process = process_of(display, window_manager(display))
    assert process is not None
    return process


def perform(desktop: X11Desktop, *events: Event) -> None:
    desktop.perform(Approved(events, "frame", desktop.geometry()), lambda: False)


def into(box: tuple[int, int, int, int]) -> MoveEvent:
    x, y, width, height = box
    return MoveEvent(DesktopPoint(x + width // 2, y + height // 2))


@pytest.mark.parametrize("held_s", [0.3, 4.0])
def test_no_key_overtakes_its_click(held_s: float, tmp_path: Path) -> None:
    """The window manager holds the click on the field; keys would go to the button that has the focus."""
    with (
        VirtualDisplay((800, 600)) as screen,
        CountingApp(screen.environment(), tmp_path / "log") as app,
        closing(X11Desktop(screen.name)) as desktop,
    ):
        perform(desktop, into(app.boxes[0]), *CLICK)
        wait_until(lambda: counted(app.log).presses[0] == 1, "the first click")
        manager = manager_of(screen.name)
        os.kill(manager, signal.SIGSTOP)
        going_on = threading.Timer(held_s, os.kill, (manager, signal.SIGCONT))
        going_on.start()
        try:
            if held_s < 2:
                perform(desktop, into(app.boxes[-1]), *CLICK, TextEvent("abc"))
            else:
                with pytest.raises(DesktopError, match="held the click back for 2 s; nothing was typed"):
                    perform(desktop, into(app.boxes[-1]), *CLICK, TextEvent("abc"))
        finally:
            going_on.join()
        if held_s < 2:
            wait_until(lambda: "".join(counted(app.log).keys) == "abc", "the text in the field")
        app.sync()
        assert "".join(counted(app.log).keys) == ("abc" if held_s < 2 else "")
