"""Who really gets the keys: launchers, lockers and menus that grab the keyboard, whatever has the focus."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from event_window import EventWindow
from text_fields import TextField, wait_until
from Xlib import X
from Xlib.ext import shape

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox
from qvl_agent.actions.core.errors import FocusLostError
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.desktops.x11.connection import connect
from qvl_agent.actions.desktops.x11.windows.grabs import keyboard_grabbed
from qvl_agent.actions.execution.executor import Executor, Facts
from qvl_agent.actions.guard.policy import Binding, Policy
from qvl_agent.actions.planning.action import Action, Click, Press, Type
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import TextEvent
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

PROGRAM = Path("/proc/self/exe").readlink().name


@pytest.fixture
def field(screen: VirtualDisplay, hands: Desktop, tmp_path: Path) -> Iterator[TextField]:
    with TextField("gtk", screen.environment(), tmp_path) as field:
        wait_until(lambda: _app(hands.focused()) != "", "the field's focus")
        yield field


@contextmanager
def running(screen: VirtualDisplay, *command: str) -> Iterator[None]:
    """A program, once it has grabbed the keyboard; its children end with it."""
    with subprocess.Popen(
        command,
        env=screen.environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as program:
        try:
            with closing(connect(screen.name)) as display:
                wait_until(lambda: keyboard_grabbed(display), f"{command[0]}'s grab")
            yield
        finally:
            os.killpg(program.pid, signal.SIGTERM)


class Grabber(EventWindow):
    """A program of our own that grabs the keyboard; with or without a window that is seen."""

    def grab(self) -> None:
        assert self._window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime) == 0
        self._display.sync()

    def hide(self) -> None:
        self._window.configure(x=-2000, y=-2000, width=4, height=4)
        self._display.sync()

    def let_clicks_through(self) -> None:
        self._window.shape_rectangles(shape.SO.Set, shape.SK.Input, 0, 0, 0, [])
        self._display.sync()


def _app(window: WindowInfo | None) -> str:
    return window.app if window else ""


def _grabs(window: WindowInfo | None) -> tuple[str, str]:
    return (window.program, window.grabs) if window else ("", "")


def verdict(desktop: Desktop, action: Action, policy: Policy | None = None) -> Verdict:
    """What the guard says; nobody is there to allow anything, so nothing is sent."""
    said: list[Verdict] = []
    executor = Executor(desktop, policy or Policy(profile="unattended"))
    frame = desktop.grab()
    executor.execute(
        action, Observation(frame, frame), Facts(1, 1.0), lambda decision: said.append(decision.verdict)
    )
    return said[0]


def test_a_launchers_grab_is_seen_and_asked_about(
    screen: VirtualDisplay, hands: Desktop, field: TextField
) -> None:
    before = hands.focused()
    with running(screen, "dmenu_run"):
        wait_until(lambda: _grabs(hands.focused()) == ("dmenu", "this"), "dmenu's window")
        for action in (Type(text="touch /tmp/x", enter=True), Press(keys=("enter",))):
            assert verdict(hands, action).rule == "window-dialog"
    wait_until(lambda: hands.focused() == before, "the field's turn")
    assert field.text() == ""


def test_a_launcher_that_nobody_knows_is_asked_about_too(
    screen: VirtualDisplay, hands: Desktop, field: TextField
) -> None:
    with Grabber(screen.name, focus=False, place=(0, 0, 800, 20)) as grabber:
        assert verdict(hands, Press(keys=("enter",))).level is Level.ALLOW
        grabber.grab()
        assert verdict(hands, Press(keys=("enter",))) == Verdict(
            Level.ASK_ONCE,
            "keys-grabbed",
            f"{PROGRAM} has grabbed the keyboard, so the keys go there, whatever has the focus",
        )


def test_of_a_grab_without_a_window_it_cant_be_told_whose_it_is(
    screen: VirtualDisplay, hands: Desktop, field: TextField
) -> None:
    with Grabber(screen.name, focus=False) as grabber:
        grabber.hide()
        grabber.grab()
        found = verdict(hands, Type(text="hello"))
    assert (found.level, found.rule) == (Level.ASK_ONCE, "keys-grabbed")
    assert "it can't be told whether it is" in found.reason


def test_no_secret_goes_into_a_grab(screen: VirtualDisplay, hands: Desktop, field: TextField) -> None:
    focused = hands.focused()
    assert focused is not None
    policy = Policy(profile="unattended", secrets={"pin": Binding(application=focused.program)})
    action = Type(text="{{secret:pin}}")
    assert verdict(hands, action, policy).rule == "secret-pin"
    with Grabber(screen.name, focus=False) as grabber:
        grabber.hide()
        grabber.grab()
        found = verdict(hands, action, policy)
        assert (found.level, found.rule) == (Level.DENY, "secret-window")


def test_a_grab_in_the_middle_of_a_text_ends_it(
    screen: VirtualDisplay, hands: Desktop, field: TextField
) -> None:
    with Grabber(screen.name, focus=False, place=(0, 0, 800, 20)) as grabber:
        looks = iter(range(1000))

        def stop() -> bool:
            if next(looks) == 6:
                grabber.grab()
            return False

        text = "The quick brown fox jumps over the lazy dog. " * 8
        with pytest.raises(FocusLostError, match="took the keyboard"):
            hands.perform(Approved((TextEvent(text),), "frame", hands.geometry()), stop)
        assert [event for event in grabber.inputs() if event[0] == "key down"] == []
    assert 0 < len(field.settled(text, limit_s=0.3)) < len(text)


def test_an_applications_own_menu_is_no_foreign_grab(screen: VirtualDisplay, hands: Desktop) -> None:
    """A program with the focus and a menu over it, which has grabbed the keyboard."""
    with Grabber(screen.name, place=(100, 100, 300, 200)) as program:
        before = hands.focused()
        program.grab()
        assert before is not None
        assert hands.focused() == before
        assert before.grabs == ""


def test_the_transparent_locker_is_a_lock_screen(
    screen: VirtualDisplay, hands: Desktop, field: TextField, tmp_path: Path
) -> None:
    """xtrlock covers all with a window that isn't seen. Its user has a password in a file of our own."""
    shadow = tmp_path / "shadow"
    shadow.write_text(f"root:$6$saltsalt${'x' * 86}:19000:0:99999:7:::\n")
    inside = f"mount --bind {shadow} /etc/shadow"
    if subprocess.run(["unshare", "-m", "sh", "-c", inside], check=False, capture_output=True).returncode:
        pytest.skip("only root can give xtrlock a password")
    program = ["unshare", "-m", "sh", "-c", f"{inside}; exec xtrlock"]
    with running(screen, *program):
        for action in (Type(text="hello"), Press(keys=("enter",)), Click(target=ModelBox.of(1, 1, 9, 9))):
            found = verdict(hands, action)
            assert (found.level, found.rule) == (Level.DENY, "forbidden-window")
            assert "the lock screen (xtrlock)" in found.reason


def test_what_lets_clicks_through_hides_no_window_below(screen: VirtualDisplay, hands: Desktop) -> None:
    with Grabber(screen.name, focus=False) as overlay, Grabber(screen.name, focus=False) as below:
        overlay.let_clicks_through()
        overlay._window.configure(stack_mode=X.Above)
        overlay._display.sync()
        layout = hands.layout()
        assert layout is not None
        assert layout.at(DesktopPoint(400, 300)) == below._window.id


def test_asking_for_the_grab_disturbs_nobody(screen: VirtualDisplay, hands: Desktop) -> None:
    with Grabber(screen.name) as window, closing(connect(screen.name)) as display:
        window._window.change_attributes(event_mask=X.FocusChangeMask | X.KeyPressMask)
        window.events()
        assert not keyboard_grabbed(display)
        assert [event.type for event in window.events() if event.type in (X.FocusIn, X.FocusOut)] == []
        window.grab()
        assert keyboard_grabbed(display)
