"""What real X servers tell of drawing, and applications of their events; without it the screen is polled."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from held_input import click, perform
from reacting_window import BUTTONS
from screens import settled as at_rest
from settling import Reacting
from text_fields import wait_until
from x_servers import tigervnc, x_server, xvfb

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.x11.connection import connect
from qvl_agent.actions.desktops.x11.damage import X11Damage
from qvl_agent.actions.planning.events import MoveEvent
from qvl_agent.actions.screen.damage import Damage
from qvl_agent.actions.screen.effect import Effect
from qvl_agent.actions.screen.motion import Motion
from qvl_agent.actions.secrets.covered_desktop import CoveredDesktop
from qvl_agent.actions.secrets.vault import Vault
from qvl_agent.sandbox.display import VirtualDisplay


class Painter:
    """Another client, which paints squares on the root window."""

    def __init__(self, name: str) -> None:
        self._display = connect(name)
        self._root = self._display.screen().root

    def paint(self, colour: int = 0x3264C8, at: tuple[int, int] = (40, 40)) -> None:
        context = self._root.create_gc(foreground=colour)
        self._root.fill_rectangle(context, *at, 100, 100)
        self._display.sync()

    def close(self) -> None:
        self._display.close()


def tells(name: str) -> None:
    """Check on a server that each drawing is told at once, and nothing else."""
    with closing(open_local(name)) as desktop, closing(Painter(name)) as painter:
        assert desktop.capabilities.damage
        damage = told_by(desktop)
        damage.wait(0.0)
        assert not damage.wait(0.05), "nothing is drawn"
        for number in range(5):
            painter.paint(number * 0x111111)
            assert damage.wait(1.0), "the same place again"
            desktop.grab()
            assert not damage.wait(0.02), "a capture isn't drawing"
        told = damage.told
        painter.paint()
        painter.paint(0)
        assert damage.wait(0.0)
        assert not damage.wait(0.02), "both were told together"
        assert damage.told == told + 1


def told_by(desktop: Desktop) -> Damage:
    damage = desktop.damage()
    assert damage is not None
    return damage


@contextmanager
def nested(program: str, outer: str) -> Iterator[str]:
    """A server that shows its screen in a window of another server."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} isn't installed")
    if program == "Xephyr":
        with x_server("env", f"DISPLAY={outer}", "Xephyr", "-screen", "320x240") as name:
            yield name
        return
    name = next(f":{number}" for number in range(180, 250) if not Path(f"/tmp/.X{number}-lock").exists())
    with subprocess.Popen(
        [program, "-D", "-geometry", "320x240", name],
        env=os.environ | {"DISPLAY": outer},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_until(lambda: _answers(name), program)
            yield name
        finally:
            server.terminate()


def _answers(name: str) -> bool:
    try:
        connect(name).close()
    except DesktopError:
        return False
    return True


class TestServers:
    @pytest.mark.parametrize("depth", [24, 16, 8])
    def test_xvfb_tells_of_drawing(self, depth: int) -> None:
        with xvfb(f"320x240x{depth}") as name:
            tells(name)

    def test_tigervnc_tells_of_drawing(self) -> None:
        with tigervnc() as name:
            tells(name)

    @pytest.mark.parametrize("program", ["Xephyr", "nxagent"])
    def test_a_server_in_a_window_of_another_tells_of_drawing(self, program: str) -> None:
        with xvfb("800x600x24") as outer, nested(program, outer) as name:
            tells(name)

    @pytest.mark.skipif(shutil.which("xfwm4") is None, reason="xfwm4 isn't installed")
    def test_where_the_window_manager_composes_the_screen_it_is_told_too(self) -> None:
        with (
            VirtualDisplay((800, 600), window_manager="xfwm4") as display,
            closing(open_local(display.name)) as desktop,
            closing(Reacting(display.environment(), "")) as running,
        ):
            with closing(connect(display.name)) as x:
                assert x.get_selection_owner(x.intern_atom("_NET_WM_CM_S0")), "it composes"
            before, looked = at_rest(desktop), effect(desktop)
            running.prepare(3, -1, 50, blocks=False)
            looked.sending()
            left, top = running.at.x + BUTTONS[0][0], running.at.y + BUTTONS[0][1]
            perform(desktop, *click(left + 30, top + 15))
            settled = looked.settled(before, (FrameBox(left, top, left + 70, top + 30),))
            assert settled.change
            told = told_by(desktop)
            assert isinstance(told, X11Damage)
            assert told._missed == 0

    def test_without_the_extension_the_screen_is_polled(self) -> None:
        with (
            xvfb("320x240x24", without="DAMAGE") as name,
            closing(open_local(name)) as desktop,
            closing(Painter(name)) as painter,
        ):
            assert not desktop.capabilities.damage
            assert desktop.damage() is None
            looked, before = effect(desktop), desktop.grab()
            looked.sending()
            painter.paint()
            settled = looked.settled(before, (FrameBox(60, 60, 80, 80),))
            assert settled.change.near_target is True
            assert settled.polls >= 3
            assert looked.newer(settled.frame) is None


def effect(desktop: Desktop) -> Effect:
    return Effect(
        Motion(),
        desktop.grab,
        stop=lambda: False,
        clock=time.monotonic,
        sleep=time.sleep,
        damage=desktop.damage,
    )


class TestOneDisplay:
    def test_moving_the_pointer_is_no_drawing(self, hands: Desktop, screen: VirtualDisplay) -> None:
        at_rest(hands)
        damage = told_by(hands)
        damage.wait(0.0)
        with closing(connect(screen.name)) as display:
            for x in range(100, 200, 20):
                display.screen().root.warp_pointer(x, 100)
                display.sync()
        assert not damage.wait(0.05)

    def test_what_is_drawn_before_the_next_call_is_not_lost(
        self, hands: Desktop, screen: VirtualDisplay
    ) -> None:
        """An event that comes while a block of the connection ends is kept."""
        damage = told_by(hands)
        with closing(Painter(screen.name)) as painter:
            for _ in range(50):
                painter.paint()
                damage.busy()
                assert damage.wait(1.0)

    def test_a_connection_that_broke_is_opened_again(self, hands: Desktop, screen: VirtualDisplay) -> None:
        damage = told_by(hands)
        assert isinstance(damage, X11Damage)
        damage._connection.drop()
        assert damage.wait(0.0), "something may have been drawn meanwhile"
        with closing(Painter(screen.name)) as painter:
            painter.paint()
            assert damage.wait(1.0)

    def test_a_server_that_is_gone_is_an_error(self) -> None:
        with xvfb("320x240x24") as name:
            damage = X11Damage(name)
        with pytest.raises(DesktopError):
            damage.wait(0.1)
        damage.close()

    def test_one_that_misses_changes_is_not_trusted(self, hands: Desktop) -> None:
        damage = told_by(hands)
        damage.missed()
        assert hands.damage() is damage, "once may be an accident"
        damage.missed()
        assert hands.damage() is None

    def test_wrappers_hand_it_on(self, hands: Desktop) -> None:
        covered = CoveredDesktop(hands, Vault({}))
        assert covered.capabilities.damage
        assert covered.damage() is hands.damage() is not None


@pytest.fixture
def reacting(screen: VirtualDisplay) -> Iterator[Reacting]:
    with closing(Reacting(screen.environment(), "")) as running:
        yield running


class TestAnApplicationAtWork:
    def test_it_owes_an_answer_until_it_handles_events(
        self, hands: Desktop, reacting: Reacting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        damage = told_by(hands)
        point_at(hands, reacting)
        damage.ask()
        wait_until(lambda: not damage.busy(), "its answer")
        reacting.send(signal.SIGSTOP)
        damage.ask()
        damage.wait(0.1)
        assert damage.busy()
        reacting.send(signal.SIGCONT)
        wait_until(lambda: not damage.busy(), "its answer")
        reacting.send(signal.SIGSTOP)
        damage.ask()
        monkeypatch.setattr("qvl_agent.actions.desktops.x11.damage._HANGS_S", 0.0)
        assert not damage.busy(), "one that hangs isn't waited for"
        monkeypatch.undo()
        damage.ask()
        assert not damage.busy(), "nor the next time"
        reacting.send(signal.SIGCONT)
        wait_until(lambda: not owed(damage), "its late answer")

    def test_it_is_awaited_before_its_screen_is_looked_at(self, hands: Desktop, reacting: Reacting) -> None:
        point_at(hands, reacting)
        at_rest(hands)
        before, looked = hands.grab(), effect(hands)
        looked.sending()
        reacting.send(signal.SIGSTOP)
        later = threading.Timer(0.7, reacting.send, [signal.SIGCONT])
        later.start()
        seconds = looked.settled(before, ()).seconds
        later.join()
        assert seconds >= 0.69


def owed(damage: Damage) -> dict[int, Any]:
    assert isinstance(damage, X11Damage)
    damage.busy()
    return damage._owed


def point_at(desktop: Desktop, window: Reacting) -> None:
    perform(desktop, MoveEvent(DesktopPoint(window.at.x + 30, window.at.y + 80)))
