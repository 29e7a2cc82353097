"""The watchdog on a real display: what it releases, what it stops, what it lets pass.

An X server without a mouse knows only XTEST, for us and for the "person" alike (`other_hands`): what
isn't announced isn't ours.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from event_window import EventWindow, held
from held_input import NOTHING_HELD, perform
from other_hands import OtherHands, other_hands
from project import SUPPORT
from scripted_models import Thinking
from text_fields import wait_until
from Xlib import X
from Xlib.display import Display

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError, NoScreenError, SettingsError, Stopped
from qvl_agent.actions.desktops.display_lock import hold_display, holders
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.execution.person import Nobody
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.agent import Agent, open_desktop
from qvl_agent.agent.settings import load_settings
from qvl_agent.sandbox.display import VirtualDisplay

DONE = '{"action": "done", "summary": "it is so"}'
ASK = '{"action": "ask", "question": "which one?"}'
KILLS = int(os.environ.get("QVL_TEST_KILLS", "6"))
MOST_KILLS = 8 * KILLS
"""On a busy machine many come between two actions."""
"""`QVL_TEST_KILLS=500 pytest tests/actions/desktops/test_watchdog.py -k killed` for a whole night."""
KILLED_AGENT = SUPPORT / "killed_agent.py"
PROGRAM = str(Path(sys.executable).parent / "qvl-agent")


class Patient(Thinking):
    expects_stop = False


@pytest.fixture(scope="module")
def screen() -> Iterator[VirtualDisplay]:
    """A display of its own: these tests kill and hold."""
    with VirtualDisplay((1024, 768)) as display:
        yield display


@pytest.fixture
def hands(screen: VirtualDisplay) -> Iterator[OtherHands]:
    with other_hands(screen.name) as other:
        other.move(200, 200)
        yield other


def lent_keys(name: str) -> list[int]:
    with closing(Display(name)) as display:
        return [code for code, each in xkb.read_symbols(display).items() if xkb.lent(each)]


def something_down(name: str) -> bool:
    """Wait a little until the agent holds something, which it may have let go of by the next moment."""
    deadline = time.monotonic() + 1.0
    while held(name) == NOTHING_HELD:
        if time.monotonic() > deadline:
            return False
    return True


@pytest.mark.fault(69)
def test_a_killed_agent_leaves_nothing_pressed_and_no_key_lent(screen: VirtualDisplay) -> None:
    chance = random.Random(69)
    caught = 0
    with EventWindow(screen.name):
        for seed in range(MOST_KILLS):
            if seed >= KILLS and caught >= KILLS // 4:
                break
            with subprocess.Popen(
                [sys.executable, str(KILLED_AGENT), screen.name, str(seed)], stdout=subprocess.PIPE
            ) as agent:
                assert agent.stdout is not None
                agent.stdout.readline()
                time.sleep(chance.uniform(0.02, 0.4))
                # No SIGSTOP to look first: it may have the server to itself, and we would wait for ever.
                caught += seed % 2 == 0 and something_down(screen.name)
                agent.send_signal(signal.SIGKILL)
            wait_until(
                lambda: held(screen.name) == NOTHING_HELD and not lent_keys(screen.name), "the release"
            )
            time.sleep(0.02)
            assert held(screen.name) == NOTHING_HELD, f"seed {seed}"
    assert caught >= KILLS // 4, "it was killed too often between two actions to show anything"


def test_capslock_comes_back_after_a_kill(screen: VirtualDisplay) -> None:
    program = f"""
import os, signal
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.planning.events import TextEvent
desktop = X11Desktop({screen.name!r})
desktop.watchdog = Watchdog({screen.name!r})
count = iter(range(9))
def stop():
    if next(count) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return False
desktop.perform(Approved((TextEvent("ab" * 200),), "frame", desktop.geometry()), stop)
"""
    with closing(Display(screen.name)) as display, EventWindow(screen.name) as window:
        xkb.lock(display, X.LockMask, 0)
        display.sync()
        done = subprocess.run([sys.executable, "-c", program], check=False)
        assert done.returncode == -signal.SIGKILL
        try:
            assert ("key down", display.keysym_to_keycode(ord("a"))) in window.inputs()
            wait_until(lambda: xkb.state(display).caps, "CapsLock")
        finally:
            xkb.lock(display, 0, 0)
            display.sync()


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda hands: hands.move(300, 300), "moved the mouse"),
        (lambda hands: hands.tap("a"), "typed"),
        (lambda hands: hands.click(), "clicked"),
        (lambda hands: hands.click(4), "scrolled"),
    ],
)
def test_the_person_takes_over_while_the_model_thinks(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path, does: Callable[[OtherHands], None], said: str
) -> None:
    with open_desktop(screen.name) as desktop:
        model = Thinking(lambda: does(hands))
        run = Agent(desktop, model, runs=tmp_path).run("go")
    assert run.status == "stopped"
    assert said in run.result.message
    assert model.waited < 0.5


@pytest.mark.parametrize(
    ("does", "said"),
    [
        (lambda hands: [hands.tap("Escape"), hands.tap("Escape")], "Esc was pressed twice"),
        (lambda hands: hands.move(1023, 767), "held in a corner"),
    ],
)
def test_the_kill_switch_works_where_other_input_is_ignored(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path, does: Callable[[OtherHands], None], said: str
) -> None:
    with open_desktop(screen.name, takeover="ignore") as desktop:
        run = Agent(desktop, Thinking(lambda: does(hands)), runs=tmp_path).run("go")
    assert run.status == "stopped"
    assert said in run.result.message


def test_what_is_ignored_stops_nothing(screen: VirtualDisplay, hands: OtherHands, tmp_path: Path) -> None:
    def company() -> None:
        hands.move(300, 300)
        hands.tap("Escape")

    with open_desktop(screen.name, takeover="ignore") as desktop:
        assert Agent(desktop, Patient(company), runs=tmp_path).run("go").status == "done"


def test_a_nudge_before_and_a_tremor_during_the_run_stop_nothing(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    with open_desktop(screen.name) as desktop:
        hands.move(500, 500)
        hands.tap("Return")
        run = Agent(desktop, Patient(lambda: hands.nudge(2, -2)), runs=tmp_path).run("go")
    assert run.status == "done"


def test_stop_from_another_terminal_while_the_model_thinks(screen: VirtualDisplay, tmp_path: Path) -> None:
    command = [PROGRAM, "stop", "--display", screen.name]
    asked: list[subprocess.Popen[str]] = []

    def ask() -> None:
        asked.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))

    with open_desktop(screen.name) as desktop:
        run = Agent(desktop, Thinking(ask), runs=tmp_path).run("go")
    assert (run.status, run.result.message) == ("stopped", "`qvl-agent stop` was called")
    with asked[0] as stopping:
        said, _ = stopping.communicate(timeout=30)
    assert (stopping.returncode, said) == (
        0,
        f"stopped the agent on {screen.name} (process {os.getpid()})\n",
    )
    nobody = subprocess.run(command, capture_output=True, text=True, check=True)
    assert nobody.stdout == f"no agent is running on {screen.name}\n"


def test_without_its_watchdog_a_run_ends(screen: VirtualDisplay, tmp_path: Path) -> None:
    with open_desktop(screen.name) as desktop:
        watchdog = desktop.watchdog
        model = Thinking(lambda: os.kill(watchdog.pid, signal.SIGKILL))
        run = Agent(desktop, model, runs=tmp_path).run("go")
    assert run.status == "desktop-error"
    assert "the watchdog ended" in run.result.message
    assert model.waited < 1.0


def test_without_its_watchdog_nothing_is_pressed(screen: VirtualDisplay) -> None:
    with closing(X11Desktop(screen.name)) as desktop, EventWindow(screen.name) as window:
        with Watchdog(screen.name) as watchdog:
            desktop.watchdog = watchdog
            os.kill(watchdog.pid, signal.SIGKILL)
            wait_until(watchdog.stopped, "the stop")
            with pytest.raises(DesktopError, match=r"watchdog ended.*nothing more was pressed"):
                perform(desktop, ButtonEvent("left", down=True), ButtonEvent("left", down=False))
        assert window.inputs() == []


def test_what_the_agent_does_itself_is_never_taken_for_the_person(
    screen: VirtualDisplay, hands: OtherHands
) -> None:
    escape = (KeyEvent("esc", down=True), KeyEvent("esc", down=False))
    click = (ButtonEvent("left", down=True), ButtonEvent("left", down=False))
    corner, middle = MoveEvent(DesktopPoint(0, 0)), MoveEvent(DesktopPoint(500, 400))
    with (
        open_desktop(screen.name) as desktop,
        EventWindow(screen.name),
    ):
        watchdog = desktop.watchdog
        with watchdog.watching():
            for _ in range(2):
                perform(desktop, *escape, *escape)
                perform(desktop, corner, middle, middle, *click, *click)
                perform(desktop, middle, click[0], corner, click[1])
                perform(desktop, TextEvent("Aa! 你好 ß"), WheelEvent(3, -4))
            time.sleep(0.3)  # longer than a corner must be held
            assert not watchdog.stopped(), watchdog.reason
            hands.move(300, 300)
            wait_until(watchdog.stopped, "the stop")


class Answering(Nobody):
    def __init__(self, hands: OtherHands) -> None:
        self._hands = hands

    def answer(self, question: str, *, stop: object) -> str | None:
        self._hands.move(400, 400)
        self._hands.tap("y")
        self._hands.tap("Return")
        return "the left one"


def test_who_is_asked_may_answer(screen: VirtualDisplay, hands: OtherHands, tmp_path: Path) -> None:
    with open_desktop(screen.name) as desktop:
        model = Patient(lambda: None, ASK, DONE)
        run = Agent(desktop, model, runs=tmp_path, person=Answering(hands)).run("go")
    assert (run.status, run.result.message) == ("done", "it is so")


def test_what_is_down_when_the_run_is_stopped_is_let_go_at_once(
    screen: VirtualDisplay, hands: OtherHands
) -> None:
    """Also if the agent itself hangs, and reads no flag."""
    with (
        Watchdog(screen.name, takeover="ignore") as watchdog,
        closing(X11Desktop(screen.name)) as desktop,
        EventWindow(screen.name),
    ):
        desktop.watchdog = watchdog
        down = []

        def hang() -> bool:
            if held(screen.name)[1]:
                down.append(True)
                hands.tap("Escape")
                hands.tap("Escape")
                wait_until(lambda: held(screen.name) == NOTHING_HELD, "the release")
                return True
            return False

        drag = (
            MoveEvent(DesktopPoint(100, 100)),
            ButtonEvent("left", down=True),
            MoveEvent(DesktopPoint(300, 300)),
        )
        with watchdog.watching(), pytest.raises(Stopped):
            desktop.perform(Approved(drag, "frame", desktop.geometry()), hang)
        assert down
        assert watchdog.stopped()
        assert watchdog.reason == "Esc was pressed twice"


def test_a_display_that_cannot_be_watched_is_refused(screen: VirtualDisplay) -> None:
    with (
        Watchdog(":9999") as watchdog,
        pytest.raises(NoScreenError, match=r"can't watch.*--no-watchdog"),
        watchdog.watching(),
    ):
        pass


def test_a_run_without_a_watchdog_is_the_persons_choice(screen: VirtualDisplay) -> None:
    with open_desktop(screen.name, watchdog=False) as desktop:
        assert desktop.watchdog is None
        assert [holder.watchdog for holder in holders(screen.name)] == [None]


@pytest.mark.parametrize("line", ["watchdog = false", "watchdog = 'no'", "takeover = 'ignore'"])
def test_a_file_cannot_switch_it_off(line: str, tmp_path: Path) -> None:
    path = tmp_path / "qvl-agent.toml"
    path.write_text(line)
    with pytest.raises(SettingsError, match="may only tighten"):
        load_settings({}, file=path)
    assert load_settings({"watchdog": False, "takeover": "ignore"}).watchdog is False


def test_who_holds_a_display_is_known_until_it_lets_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with hold_display(":75.0") as hold, hold_display("far.example:2"):
        hold.watched_by(4321)
        assert [(one.display, one.pid, one.watchdog) for one in holders()] == [
            (":75", os.getpid(), 4321),
            ("far.example:2", os.getpid(), None),
        ]
        assert [one.display for one in holders("unix:75")] == [":75"]
        assert holders(":76") == []
    assert holders() == []


STANDS_STILL = """
import os, signal, sys
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.core.errors import Stopped
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent
from qvl_agent.actions.core.coordinates import DesktopPoint
desktop = X11Desktop(sys.argv[1])
with Watchdog(sys.argv[1], takeover="ignore") as watchdog, watchdog.watching():
    desktop.watchdog = watchdog
    asked = iter(range(1000))
    def stop():
        if next(asked) == 10:
            print("held", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
        return watchdog.stopped()
    plan = (KeyEvent("shift", down=True), ButtonEvent("left", down=True), MoveEvent(DesktopPoint(700, 500)))
    try:
        desktop.perform(Approved(plan, "frame", desktop.geometry()), stop)
    except Stopped:
        print(watchdog.reason, flush=True)
"""


@pytest.mark.nightly
@pytest.mark.fault(70)
def test_an_agent_that_stands_still_in_the_middle_of_a_drag_is_let_go_of(screen: VirtualDisplay) -> None:
    with (
        EventWindow(screen.name),
        subprocess.Popen(
            [sys.executable, "-c", STANDS_STILL, screen.name], stdout=subprocess.PIPE, text=True
        ) as agent,
    ):
        assert agent.stdout is not None
        assert agent.stdout.readline() == "held\n"
        try:
            assert held(screen.name) != NOTHING_HELD
            wait_until(lambda: held(screen.name) == NOTHING_HELD, "the release", 60)
        finally:
            agent.send_signal(signal.SIGCONT)
        assert "stood still for 15 s" in agent.stdout.readline()
    assert held(screen.name) == NOTHING_HELD
