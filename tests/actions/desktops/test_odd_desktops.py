"""Desktops that differ from the usual one: no window manager, a left-handed mouse, odd X servers."""

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import numpy as np
import pytest
from event_window import EventWindow
from held_input import click, perform
from text_fields import TextField, wait_until
from x_servers import tigervnc, xvfb

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.windows import GREY
from qvl_agent.actions.desktops.x11.connection import Connection, connect, monitors
from qvl_agent.actions.planning.events import MoveEvent, TextEvent, WheelEvent
from qvl_agent.sandbox.display import VirtualDisplay

COLOURS = [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (64, 128, 192), (200, 120, 40)]
OWN_WINDOW = """
from tkinter import Tk
root = Tk(); root.geometry("300x200+40+30"); root.configure(bg="white"); root.title("own")
print("shown", flush=True) if root.update() is None else None
root.mainloop()
"""


@pytest.fixture
def bare() -> Iterator[VirtualDisplay]:
    """A display without a window manager, as in kiosks and containers."""
    with VirtualDisplay((800, 600), window_manager=None) as running:
        yield running


@pytest.fixture
def hands(bare: VirtualDisplay) -> Iterator[Desktop]:
    with closing(open_local(bare.name)) as desktop:
        yield desktop


def two_screens() -> AbstractContextManager[str]:
    """An X server with two screens, which are no monitors: a window can't move from one to the other."""
    return xvfb("320x240x24", "400x300x24")


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
                for module in ("windows", "x11.windows.ownership"):
                    where = f"qvl_agent.actions.desktops.{module}.ancestors"
                    monkeypatch.setattr(where, lambda: iter([own.pid]))
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


class TestOddServers:
    @pytest.mark.parametrize(("depth", "error"), [(24, 0), (30, 0), (16, 8), (15, 8), (8, 52)], ids=str)
    def test_a_screen_of_any_depth_is_captured(self, depth: int, error: int) -> None:
        """Within half a step of its fewest bits a channel; of a palette's, which has 3, 3 and 2 bits."""
        with (
            xvfb(f"320x240x{depth}") as name,
            closing(open_local(name)) as desktop,
            closing(connect(name)) as x,
        ):
            screen = x.screen()
            for at, colour in enumerate(COLOURS):
                cell = screen.default_colormap.alloc_color(*(257 * part for part in colour))
                context = screen.root.create_gc(foreground=cell.pixel)
                screen.root.fill_rectangle(context, 37 * at, 5, 37, 100)
            x.sync()
            seen = desktop.grab().pixels.astype(int)
            for at, colour in enumerate(COLOURS):
                assert np.abs(seen[5:105, 37 * at : 37 * at + 37] - colour).max() <= error, colour
            region = desktop.grab(Rect(36, 4, 3, 3)).pixels
            assert np.array_equal(region, seen[4:7, 36:39])
            with pytest.raises(DesktopError, match="not on the captured monitor"):
                desktop.grab(Rect(318, 0, 5, 5))

    def test_a_server_that_lists_its_depth_twice(self) -> None:
        """Debian 12's TigerVNC, the usual way to a desktop on another machine."""
        with tigervnc() as name, EventWindow(name, colour=0x3264C8) as window:
            with closing(open_local(name)) as desktop:
                assert (desktop.grab().pixels == (0x32, 0x64, 0xC8)).all()
                perform(desktop, *click(20, 30))
            assert window.inputs() == [("button down", 1), ("button up", 1)]

    @pytest.mark.parametrize(
        "extension", ["MIT-SHM", "RANDR", "X-Resource", "SHAPE", "XInputExtension", "RENDER"]
    )
    def test_without_an_extension_it_works_on(self, extension: str, tmp_path: Path) -> None:
        with xvfb("800x600x24", without=extension) as name, EventWindow(name, colour=0x3264C8) as window:
            with closing(open_local(name)) as desktop:
                assert desktop.geometry().monitors == (Rect(0, 0, 800, 600),)
                assert (desktop.grab().pixels == (0x32, 0x64, 0xC8)).all()
                perform(desktop, *click(20, 30), TextEvent("a中"))
                assert desktop.focused() is not None
            assert [what for what, _ in window.inputs()] == [
                *("button down", "button up"),
                *("key down", "key up") * 2,
            ]

    def test_monitors_of_an_older_randr_are_the_lit_areas(self, bare: VirtualDisplay) -> None:
        with closing(connect(bare.name)) as display:
            display.qvl_randr_version = (1, 3)
            assert monitors(display) == (Rect(0, 0, 800, 600),)

    def test_an_error_of_an_extension_is_one_of_the_server(
        self, bare: VirtualDisplay, hands: Desktop
    ) -> None:
        """x2go's server refuses a request of RandR; python-xlib couldn't handle its error."""
        connection = Connection(bare.name)
        with pytest.raises(DesktopError, match="failed: "), connection as display:
            display.xrandr_get_crtc_info(1, 0)
        connection.close()

    def test_what_a_library_prints_is_no_message_of_the_watchdog(
        self,
        bare: VirtualDisplay,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        """python-xlib prints a warning to the standard output if XAUTHORITY names an empty file."""
        empty = tmp_path / "Xauthority"
        empty.touch()
        monkeypatch.setenv("XAUTHORITY", str(empty))
        with Watchdog(bare.name) as watchdog, watchdog.watching():
            assert not watchdog.stopped()
            with closing(open_local(bare.name)) as desktop:
                desktop.watchdog = watchdog
                perform(desktop, *click(20, 30))
            assert not watchdog.stopped()
            assert watchdog.reason == ""
        assert capfd.readouterr().out == ""
