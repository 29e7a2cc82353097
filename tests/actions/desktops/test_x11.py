import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from event_window import EventWindow, held
from hypothesis import given
from hypothesis import strategies as st
from text_fields import wait_until
from Xlib import X

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import (
    ApprovalError,
    CoordinateError,
    DesktopError,
    KeyNameError,
    NoScreenError,
    Stopped,
)
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.windows import without
from qvl_agent.actions.desktops.x11.keyboard.keymap import key_keysym
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.actions.planning.keys import KEYS
from qvl_agent.sandbox.display import VirtualDisplay

LEFT_DOWN, LEFT_UP = ButtonEvent("left", down=True), ButtonEvent("left", down=False)
NOTHING_HELD = ([], 0)


def at(x: int, y: int) -> MoveEvent:
    return MoveEvent(DesktopPoint(x, y))


def approved(desktop: Desktop, *events: Event) -> Approved:
    return Approved(events, "frame", desktop.geometry())


def perform(desktop: Desktop, *events: Event) -> None:
    desktop.perform(approved(desktop, *events), lambda: False)


def xrandr(display: VirtualDisplay, *arguments: str) -> None:
    subprocess.run(["xrandr", *arguments], env=display.environment(), check=True)


@pytest.fixture
def window(display: VirtualDisplay) -> Iterator[EventWindow]:
    with EventWindow(display.name) as window:
        yield window


@pytest.fixture
def spare_display() -> Iterator[VirtualDisplay]:
    """A display of its own, for tests that change it or end it."""
    with VirtualDisplay((640, 480), window_manager=None) as display:
        yield display


class TestLooking:
    def test_a_frame_is_the_monitor_in_rgb(self, display: VirtualDisplay, desktop: Desktop) -> None:
        with EventWindow(display.name) as window:
            screen = window._display.screen()
            context = window._window.create_gc(foreground=0x00FF8001)
            window._window.fill_rectangle(context, 100, 50, 20, 10)
            window.events()
            frame = desktop.grab()
        assert frame.size == (screen.width_in_pixels, screen.height_in_pixels) == (1280, 800)
        assert frame.monitor == Rect(0, 0, 1280, 800)
        assert frame.scale == 1
        assert (frame.pixels[50:60, 100:120] == [0xFF, 0x80, 0x01]).all()
        assert (frame.pixels[49, 100] == 255).all()
        assert not frame.pixels.flags.writeable

    def test_a_region_is_the_same_pixels_with_its_own_origin(
        self, window: EventWindow, desktop: Desktop
    ) -> None:
        context = window._window.create_gc(foreground=0x00123456)
        window._window.fill_rectangle(context, 300, 200, 7, 9)
        window.events()
        region = desktop.grab(Rect(290, 195, 40, 30))
        assert region.origin == FramePoint(290, 195)
        assert region.monitor == Rect(0, 0, 1280, 800)
        assert np.array_equal(region.pixels, desktop.grab().pixels[195:225, 290:330])
        assert (region.pixels == [0x12, 0x34, 0x56]).all(axis=2).sum() == 63

    @pytest.mark.parametrize("region", [Rect(-1, 0, 5, 5), Rect(1270, 0, 11, 5), Rect(0, 799, 5, 2)])
    def test_a_region_off_the_monitor_is_refused(self, desktop: Desktop, region: Rect) -> None:
        with pytest.raises(DesktopError, match="not on the captured monitor"):
            desktop.grab(region)

    @pytest.mark.fault(31)
    def test_monitors_are_read_anew_each_time(self, spare_display: VirtualDisplay) -> None:
        with closing(open_local(spare_display.name)) as first:
            assert first.geometry() == Geometry((Rect(0, 0, 640, 480),))
            xrandr(spare_display, "--setmonitor", "left", "320/85x480/127+0+0", "screen")
            xrandr(spare_display, "--setmonitor", "right", "320/85x480/127+320+0", "none")
            assert first.geometry() == Geometry((Rect(0, 0, 320, 480), Rect(320, 0, 320, 480)))
            with closing(open_local(spare_display.name, monitor=2)) as second:
                frame = second.grab()
                assert (frame.monitor, frame.origin) == (Rect(320, 0, 320, 480), FramePoint(0, 0))
                region = second.grab(Rect(330, 10, 20, 20))
                assert region.origin == FramePoint(10, 10)
                xrandr(spare_display, "--delmonitor", "right")
                with pytest.raises(DesktopError, match="monitor 2 is gone"):
                    second.grab()
            with pytest.raises(NoScreenError, match=r"no monitor 2.* has 1"):
                open_local(spare_display.name, monitor=2)

    @pytest.mark.fault(30)
    def test_a_change_of_resolution_between_two_grabs(self, spare_display: VirtualDisplay) -> None:
        with closing(open_local(spare_display.name)) as desktop:
            approval = approved(desktop, at(5, 5))
            xrandr(spare_display, "--output", "screen", "--off", "--fb", "320x240")
            assert desktop.grab().size == (320, 240)
            with closing(open_local(spare_display.name)) as small:
                xrandr(spare_display, "--fb", "640x480")
                assert small.grab().size == (640, 480)
                assert small.geometry() == Geometry((Rect(0, 0, 640, 480),))
            xrandr(spare_display, "--fb", "320x240")
            with pytest.raises(ApprovalError, match="monitors changed"):
                desktop.perform(approval, lambda: False)

    def test_several_threads_may_look_at_once(self, desktop: Desktop) -> None:
        seen: list[tuple[int, int]] = []

        def look() -> None:
            for _ in range(50):
                desktop.pointer()
                seen.append(desktop.grab(Rect(0, 0, 10, 10)).size)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert seen == [(10, 10)] * 200


class TestPointing:
    def test_a_click_is_on_the_pixel_and_read_back(self, window: EventWindow, desktop: Desktop) -> None:
        perform(desktop, at(321, 234), LEFT_DOWN, LEFT_UP)
        assert desktop.pointer() == DesktopPoint(321, 234)
        clicks = [event for event in window.events() if event.type in (X.ButtonPress, X.ButtonRelease)]
        assert [(event.root_x, event.root_y, event.detail) for event in clicks] == [(321, 234, 1)] * 2

    @pytest.mark.parametrize(("button", "number"), [("left", 1), ("middle", 2), ("right", 3)])
    def test_each_button(self, window: EventWindow, desktop: Desktop, button: str, number: int) -> None:
        perform(desktop, at(50, 50), ButtonEvent(button, down=True), ButtonEvent(button, down=False))
        assert window.inputs() == [("button down", number), ("button up", number)]

    def test_the_wheel_turns_notch_by_notch(self, window: EventWindow, desktop: Desktop) -> None:
        perform(desktop, at(60, 60), WheelEvent(dx=1, dy=3), WheelEvent(dx=-1, dy=-2))
        turned = [number for what, number in window.inputs() if what == "button down"]
        assert turned == [5, 5, 5, 7, 4, 4, 6]

    def test_a_drag_moves_in_steps_along_the_line(self, window: EventWindow, desktop: Desktop) -> None:
        perform(desktop, at(100, 100), LEFT_DOWN, at(400, 250), LEFT_UP)
        events = window.events()
        dragged = [event for event in events if event.type == X.MotionNotify and event.state & X.Button1Mask]
        assert len(dragged) >= 10
        assert (dragged[-1].root_x, dragged[-1].root_y) == (400, 250)
        assert all(abs((event.root_x - 100) / 2 - (event.root_y - 100)) <= 1 for event in dragged)
        assert events[-1].type == X.ButtonRelease

    @pytest.mark.parametrize("point", [(1280, 0), (0, 800), (-1, 5), (40_000, 5)])
    def test_a_point_off_every_monitor_is_refused_before_anything_is_sent(
        self, window: EventWindow, desktop: Desktop, point: tuple[int, int]
    ) -> None:
        with pytest.raises(CoordinateError, match="on none of the monitors"):
            perform(desktop, at(5, 5), LEFT_DOWN, LEFT_UP, at(*point))
        assert window.inputs(motions=True) == []


class TestKeys:
    def test_a_chord_goes_down_and_up_in_order(self, window: EventWindow, desktop: Desktop) -> None:
        keys = ("ctrl", "shift", "t")
        down = [KeyEvent(key, down=True) for key in keys]
        up = [KeyEvent(key, down=False) for key in reversed(keys)]
        perform(desktop, *down, *up)
        assert window.inputs() == [
            ("key down", 37),
            ("key down", 50),
            ("key down", 28),
            ("key up", 28),
            ("key up", 50),
            ("key up", 37),
        ]

    def test_a_key_that_needs_shift_brings_it_along(self, window: EventWindow, desktop: Desktop) -> None:
        perform(desktop, KeyEvent("?", down=True), KeyEvent("?", down=False))
        assert window.inputs() == [("key down", 50), ("key down", 61), ("key up", 61), ("key up", 50)]

    def test_every_key_has_a_keysym(self) -> None:
        keysyms = {key: key_keysym(key) for key in KEYS}
        assert all(keysyms.values())
        assert len(set(keysyms.values())) == len(KEYS)

    def test_an_unknown_key_is_refused_before_anything_is_sent(
        self, window: EventWindow, desktop: Desktop
    ) -> None:
        with pytest.raises(KeyNameError, match="nosuchkey"):
            perform(desktop, KeyEvent("ctrl", down=True), KeyEvent("nosuchkey", down=True))
        assert window.inputs() == []

    def test_a_key_the_layout_lacks_is_lent_a_keycode_and_taken_back(
        self, display: VirtualDisplay, window: EventWindow, desktop: Desktop
    ) -> None:
        before = window._display.get_keyboard_mapping(8, 248)
        perform(desktop, KeyEvent("f21", down=True), KeyEvent("f21", down=False))
        pressed = [event for event in window.events() if event.type == X.KeyPress]
        assert len(pressed) == 1
        assert window._display.get_keyboard_mapping(8, 248) == before


class TestApprovals:
    def test_an_approval_is_good_once(self, window: EventWindow, desktop: Desktop) -> None:
        once = approved(desktop, at(9, 9), LEFT_DOWN, LEFT_UP)
        desktop.perform(once, lambda: False)
        window.events()
        with pytest.raises(ApprovalError, match="spent already"):
            desktop.perform(once, lambda: False)
        assert window.inputs(motions=True) == []

    def test_an_approval_for_other_monitors_is_refused(self, window: EventWindow, desktop: Desktop) -> None:
        other = Approved((at(9, 9), LEFT_DOWN, LEFT_UP), "frame", Geometry((Rect(0, 0, 640, 480),)))
        with pytest.raises(ApprovalError, match="monitors changed"):
            desktop.perform(other, lambda: False)
        assert window.inputs(motions=True) == []


class TestRelease:
    def test_stop_between_two_events_releases_what_was_pressed(
        self, display: VirtualDisplay, window: EventWindow, desktop: Desktop
    ) -> None:
        asked = iter([False, False, True])
        with pytest.raises(Stopped):
            desktop.perform(
                approved(desktop, KeyEvent("shift", down=True), LEFT_DOWN, KeyEvent("a", down=True)),
                lambda: next(asked),
            )
        assert window.inputs() == [("key down", 50), ("button down", 1), ("button up", 1), ("key up", 50)]
        assert held(display.name) == NOTHING_HELD

    def test_a_plan_that_forgets_to_release(self, display: VirtualDisplay, desktop: Desktop) -> None:
        perform(desktop, KeyEvent("ctrl", down=True), LEFT_DOWN)
        assert held(display.name) == NOTHING_HELD

    @pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.nightly)])
    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
    def test_an_exception_at_any_moment(
        self,
        display: VirtualDisplay,
        window: EventWindow,
        desktop: Desktop,
        error: type[BaseException],
        every: int,
    ) -> None:
        plan = (KeyEvent("shift", down=True), at(90, 90), LEFT_DOWN, at(200, 90), TextEvent("aé中"))
        raised = 0
        for moment in range(0, 40, every):
            asked = iter([False] * moment)

            def stop(left: Iterator[bool] = asked) -> bool:
                for answer in left:
                    return answer
                raise error

            with suppress(error):
                desktop.perform(approved(desktop, *plan), stop)
                break
            raised += 1
            assert held(display.name) == NOTHING_HELD
        assert raised > 3
        perform(desktop, at(5, 5))
        assert desktop.pointer() == DesktopPoint(5, 5)

    @pytest.mark.fault(74)
    def test_what_the_person_holds_stops_us_and_is_not_released(
        self, display: VirtualDisplay, window: EventWindow, desktop: Desktop
    ) -> None:
        person = window._display
        person.xtest_fake_input(X.KeyPress, 50)
        person.sync()
        window.events()
        with pytest.raises(DesktopError, match="shift is held down by someone else"):
            perform(desktop, at(5, 5), LEFT_DOWN, LEFT_UP)
        desktop.release()
        assert window.inputs() == []
        assert held(display.name) == ([50], 0)
        person.xtest_fake_input(X.KeyRelease, 50)
        person.sync()
        perform(desktop, at(5, 5), LEFT_DOWN, LEFT_UP)

    def test_closed_twice_it_is_closed(self, display: VirtualDisplay) -> None:
        desktop = open_local(display.name)
        desktop.close()
        desktop.close()
        with pytest.raises(DesktopError, match="was closed"):
            desktop.pointer()


PROGRAM = """
import os, signal, sys, time
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.desktops import open_local
from qvl_agent.agent.cli.signals import stop_on_signals
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent
desktop = open_local(sys.argv[1])
plan = (KeyEvent("shift", down=True), ButtonEvent("left", down=True)) + tuple(
    MoveEvent(DesktopPoint(100 + number % 2 * 500, 100)) for number in range(1000))
asked = 0
def stop():
    global asked
    asked += 1
    if asked == 20:
        print("held", flush=True)
    {more}
approval = Approved(plan, "frame", desktop.geometry())
"""
ENDINGS = {
    "exception": (
        "if asked == 30: raise RuntimeError('in the middle')",
        "desktop.perform(approval, stop)",
        None,
    ),
    "exit": ("if asked == 30: sys.exit(0)", "desktop.perform(approval, stop)", None),
    "SIGINT": (  # what a shell starts in the background ignores it, and so would this program
        "",
        "import signal as s; s.signal(s.SIGINT, s.default_int_handler); desktop.perform(approval, stop)",
        signal.SIGINT,
    ),
    "SIGINT, asked": (
        "return flag()",
        "with stop_on_signals() as flag: desktop.perform(approval, stop)",
        signal.SIGINT,
    ),
    "SIGTERM": (
        "return flag()",
        "with stop_on_signals() as flag: desktop.perform(approval, stop)",
        signal.SIGTERM,
    ),
    "SIGHUP": (
        "return flag()",
        "with stop_on_signals() as flag: desktop.perform(approval, stop)",
        signal.SIGHUP,
    ),
}


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(each, marks=pytest.mark.nightly if each in ("SIGINT, asked", "SIGHUP") else [])
        for each in ENDINGS
    ],
)
def test_nothing_is_held_after_the_process(display: VirtualDisplay, ending: str, tmp_path: Path) -> None:
    more, run, number = ENDINGS[ending]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.replace("{more}", more) + run + "\n")
    with subprocess.Popen(
        [sys.executable, str(program), display.name],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "held\n"
        if number is not None:
            assert held(display.name) == ([50], X.Button1Mask)
            process.send_signal(number)
        said = process.stderr.read()
    assert {"exit": "", "exception": "in the middle", "SIGINT": "KeyboardInterrupt"}.get(
        ending, "Stopped"
    ) in said
    assert held(display.name) == NOTHING_HELD


class TestNoServer:
    @pytest.mark.fault(41)
    def test_a_server_that_dies_is_an_error_not_the_end_of_the_process(self) -> None:
        with VirtualDisplay((320, 240), window_manager=None) as display:
            desktop = open_local(display.name)
            desktop.grab()
            geometry = desktop.geometry()
        for ask in (desktop.grab, desktop.pointer, desktop.geometry):
            with pytest.raises(DesktopError):
                ask()
        with pytest.raises(DesktopError):
            desktop.perform(Approved((at(5, 5),), "frame", geometry), lambda: False)
        desktop.release()
        desktop.close()

    @pytest.mark.fault(41)
    def test_a_server_that_dies_in_the_middle_of_a_plan(self) -> None:
        with (
            VirtualDisplay((320, 240), window_manager=None) as display,
            closing(open_local(display.name)) as desktop,
        ):
            asked = iter(range(100))

            def stop() -> bool:
                if next(asked) == 3:
                    display.close()
                return False

            with pytest.raises(DesktopError, match="X server"):
                desktop.perform(
                    approved(desktop, KeyEvent("shift", down=True), LEFT_DOWN, at(100, 100), at(9, 9)), stop
                )

    @pytest.mark.fault(42)
    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({}, "no screen .neither WAYLAND_DISPLAY nor DISPLAY is set"),
            ({"WAYLAND_DISPLAY": "wayland-0"}, "XDG_RUNTIME_DIR isn't set.*log in again"),
            ({"XDG_SESSION_TYPE": "wayland"}, "Wayland session, but WAYLAND_DISPLAY isn't set"),
            ({"DISPLAY": ":8765"}, "no X server answers at :8765"),
            ({"DISPLAY": "nonsense"}, "'nonsense' is not the name of an X display"),
        ],
    )
    def test_no_screen_is_said_in_one_line_with_a_remedy(
        self, environment: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "XDG_SESSION_TYPE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(NoScreenError, match=said) as caught:
            open_local()
        assert "\n" not in str(caught.value)

    @pytest.mark.fault(42)
    def test_xwayland_is_refused(self, spare_display: VirtualDisplay) -> None:
        xrandr(spare_display, "--setmonitor", "XWAYLAND0", "640/170x480/127+0+0", "screen")
        with pytest.raises(NoScreenError, match=r"is XWayland.*X11 session"):
            open_local(spare_display.name)

    @pytest.mark.fault(42)
    def test_a_server_that_wants_a_cookie_we_lack(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cookie = tmp_path / "cookie"
        # family 256 (local), host "", display "", MIT-MAGIC-COOKIE-1, 16 bytes: Xau(3)
        cookie.write_bytes(b"\x01\x00\x00\x00\x00\x00\x00\x12MIT-MAGIC-COOKIE-1\x00\x10" + bytes(range(16)))
        monkeypatch.setenv("XAUTHORITY", str(tmp_path / "none"))
        with subprocess.Popen(
            ["Xvfb", "-displayfd", "1", "-screen", "0", "64x64x24", "-nolisten", "tcp", "-auth", str(cookie)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            assert server.stdout is not None
            name = f":{server.stdout.readline().strip()}"
            with pytest.raises(NoScreenError, match="refused us"):
                open_local(name)
            server.terminate()


OWN = """
import json, sys
from pathlib import Path
from qvl_agent.actions.desktops import open_local
desktop = open_local(sys.argv[1])
found = [[rect.left, rect.top, rect.width, rect.height] for rect in desktop.off_limits()]
Path(sys.argv[2] + "-").write_text(json.dumps(found))
Path(sys.argv[2] + "-").rename(sys.argv[2])
input()
"""


class TestOwnWindows:
    def test_the_terminal_we_run_in_is_off_limits(
        self, display: VirtualDisplay, desktop: Desktop, tmp_path: Path
    ) -> None:
        program, found = tmp_path / "program.py", tmp_path / "found.json"
        program.write_text(OWN)
        environment = display.environment()
        environment.pop("WINDOWID", None)
        command = ["xterm", "-geometry", "40x10+200+100", "-e", sys.executable, str(program), display.name]
        with subprocess.Popen([*command, str(found)], env=environment) as terminal:
            wait_until(found.exists, "the program in the terminal")
            rects = [Rect(*numbers) for numbers in json.loads(found.read_text())]
            assert desktop.off_limits() == ()
            terminal.terminate()
        assert len(rects) == 1
        assert DesktopPoint(220, 130) in rects[0]
        assert 200 < rects[0].width < 500
        assert 100 < rects[0].height < 300

    @given(st.lists(st.builds(Rect, *[st.integers(0, 30)] * 2, *[st.integers(1, 30)] * 2), max_size=4))
    def test_what_shows_of_a_covered_window(self, covers: list[Rect]) -> None:
        rect = Rect(10, 10, 20, 15)
        parts = without(rect, covers)
        for x in range(45):
            for y in range(45):
                point = DesktopPoint(x, y)
                shows = point in rect and not any(point in cover for cover in covers)
                assert sum(point in part for part in parts) == shows
