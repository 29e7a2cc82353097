"""Desktops that differ from the usual one: no window manager, mouse buttons exchanged, a second screen."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from event_window import EventWindow
from text_fields import TextField, wait_until

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.x11.windows.ownership import GREY
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, MoveEvent, TextEvent, WheelEvent
from qvl_agent.sandbox.display import VirtualDisplay

OWN_WINDOW = """
from tkinter import Tk
root = Tk(); root.geometry("300x200+40+30"); root.configure(bg="white"); root.title("own")
print("shown", flush=True) if root.update() is None else None
root.mainloop()
"""


def perform(desktop: Desktop, *events: Event) -> None:
    desktop.perform(Approved(events, "frame", desktop.geometry()), lambda: False)


def click(x: int, y: int, button: str = "left") -> tuple[Event, ...]:
    place = MoveEvent(DesktopPoint(x, y))
    return (place, ButtonEvent(button, down=True), ButtonEvent(button, down=False))


@pytest.fixture
def bare() -> Iterator[VirtualDisplay]:
    """A display without a window manager, as in kiosks and containers."""
    with VirtualDisplay((800, 600), window_manager=None) as running:
        yield running


@pytest.fixture
def hands(bare: VirtualDisplay) -> Iterator[Desktop]:
    with closing(open_local(bare.name)) as desktop:
        yield desktop


@contextmanager
def two_screens() -> Iterator[str]:
    """An X server with two screens, which are no monitors: a window can't move from one to the other."""
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "320x240x24", "-screen", "1", "400x300x24"]
    with subprocess.Popen(
        [*command, "-nolisten", "tcp", "-noreset"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout is not None
            yield f":{int(server.stdout.readline())}"
        finally:
            server.terminate()


class TestWithoutAWindowManager:
    @pytest.mark.parametrize("kind", ["tk", "gtk", "qt", "xterm"])
    def test_each_toolkit_is_typed_into(
        self, bare: VirtualDisplay, hands: Desktop, kind: str, tmp_path: Path
    ) -> None:
        field = TextField(kind, bare.environment(), tmp_path)  # it answers once it has the focus
        place = DesktopPoint(60, 30)
        wait_until(lambda: (found := hands.window_at(place)) is not None and found.app != "", kind)
        perform(hands, *click(place.x, place.y))
        with field:
            perform(hands, *click(place.x, place.y), TextEvent("żółw 42"))
            assert field.settled("żółw 42") == "żółw 42"

    def test_a_program_is_known_by_its_outermost_window(
        self, bare: VirtualDisplay, hands: Desktop, tmp_path: Path
    ) -> None:
        with TextField("xterm", bare.environment(), tmp_path):
            perform(hands, *click(50, 50))
            window = hands.window_at(DesktopPoint(50, 50))
            assert window is not None
            assert window.program == "xterm"
            wait_until(lambda: hands.focused() is not None, "a focus")
            assert hands.focused().program == "xterm"

    def test_our_own_window_is_painted_over_and_off_limits(
        self, bare: VirtualDisplay, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with subprocess.Popen(
            ["/usr/bin/python3", "-c", OWN_WINDOW], env=bare.environment(), stdout=subprocess.PIPE
        ) as own:
            try:
                assert own.stdout is not None
                assert own.stdout.readline() == b"shown\n"
                monkeypatch.setattr(
                    "qvl_agent.actions.desktops.x11.windows.ownership._ancestors", lambda: iter([own.pid])
                )
                with closing(open_local(bare.name)) as desktop:
                    assert desktop.off_limits() == (Rect(40, 30, 300, 200),)
                    window = desktop.window_at(DesktopPoint(100, 100))
                    assert window is not None
                    assert window.ours
                    pixels = desktop.grab().pixels
                    assert np.all(pixels[30:230, 40:340] == GREY)
            finally:
                own.terminate()


class TestTheMousesMap:
    @pytest.mark.parametrize(
        "commands",
        [
            [["xmodmap", "-e", "pointer = 3 2 1 5 4"]],
            [["xinput", "set-button-map", "Virtual core XTEST pointer", "3", "2", "1", "5", "4"]],
            [
                ["xinput", "set-button-map", "Virtual core XTEST pointer", "2", "3", "1", "5", "4"],
                ["xmodmap", "-e", "pointer = 3 2 1 4 5"],
            ],
            [["xinput", "set-button-map", "Xvfb mouse", "3", "2", "1"]],
        ],
        ids=["of all pointers", "of XTEST's", "of both", "of the person's mouse"],
    )
    def test_an_application_gets_the_button_that_was_meant(
        self, bare: VirtualDisplay, hands: Desktop, commands: list[list[str]]
    ) -> None:
        for command in commands:
            subprocess.run(command, env=bare.environment(), check=True, stderr=subprocess.DEVNULL)
        with EventWindow(bare.name) as window:
            perform(hands, *click(50, 50), *click(60, 60, "right"), *click(70, 70, "middle"))
            perform(hands, MoveEvent(DesktopPoint(50, 50)), WheelEvent(0, 1), WheelEvent(0, -1))
            pressed = [button for what, button in window.inputs() if what == "button down"]
        assert pressed == [1, 3, 2, 5, 4]

    def test_a_button_that_is_switched_off_is_said(self, bare: VirtualDisplay, hands: Desktop) -> None:
        command = ["xmodmap", "-e", "pointer = 1 2 0 4 5 6 7 8 9 10"]
        subprocess.run(command, env=bare.environment(), check=True)
        with EventWindow(bare.name) as window:
            with pytest.raises(DesktopError, match="mouse button 3 is switched off"):
                perform(hands, *click(50, 50, "right"))
            assert window.inputs() == []


class TestASecondScreen:
    def test_it_is_seen_and_its_windows_get_the_input(self) -> None:
        with (
            two_screens() as name,
            EventWindow(f"{name}.0", colour=0xFF0000) as first,
            EventWindow(f"{name}.1", colour=0x00FF00) as second,
            closing(open_local(f"{name}.1")) as desktop,
        ):
            assert desktop.geometry().monitors == (Rect(0, 0, 400, 300),)
            assert (desktop.grab().pixels == (0, 255, 0)).all()
            perform(desktop, *click(50, 60))
            assert second.inputs() == [("button down", 1), ("button up", 1)]
            assert first.inputs() == []
            assert desktop.pointer() == DesktopPoint(50, 60)

    def test_the_first_one_is_worked_on_where_the_pointer_is_on_the_second(self) -> None:
        with (
            two_screens() as name,
            EventWindow(f"{name}.0") as first,
            closing(open_local(f"{name}.1")) as other,
            closing(open_local(name)) as desktop,
        ):
            perform(other, MoveEvent(DesktopPoint(10, 10)))
            perform(desktop, *click(20, 30))
            assert first.inputs() == [("button down", 1), ("button up", 1)]
