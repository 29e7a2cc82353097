"""A run that pauses: what makes it, what the person may do meanwhile, and how it goes on or ends."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from event_window import EventWindow, held
from held_input import NOTHING_HELD, perform
from other_hands import OtherHands, other_hands
from scripted_models import CLICK, DONE, Listening, Thinking, Warnings
from text_fields import wait_until

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.desktops.display_lock import holders
from qvl_agent.actions.desktops.watchdog import client as watchdogs
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.execution.person import Nobody
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, WheelEvent
from qvl_agent.agent import Agent, Run, open_desktop
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.sandbox.display import VirtualDisplay

DRAG = '{"action": "drag", "bbox_2d": [100, 100, 110, 110], "bbox_2d_end": [900, 900, 910, 910]}'
KEY = '{"action": "press", "keys": ["f9"]}'


class There(Nobody):
    """Somebody at the terminal: does something in each pause, and lets the run go on while they like."""

    def __init__(self, *meanwhile: Callable[[], object], pauses: int = 1) -> None:
        self._meanwhile = list(meanwhile)
        self._pauses = pauses
        self.told: list[str] = []

    def pause(self, why: str, stop: StopCheck) -> bool:
        self.told.append(why)
        for each in self._meanwhile:
            each()
        return len(self.told) <= self._pauses and not stop()


class Interrupted(Thinking):
    """Is disturbed while it thinks for the first time; then it has peace."""

    def reply(self, *asked: Any, **options: Any) -> Reply:
        try:
            return super().reply(*asked, **options)
        finally:
            self.expects_stop = False
            self._meanwhile = lambda: None


def in_turn(*does: Callable[[], object]) -> Callable[[], object]:
    """Something else each time it is called, and then nothing."""
    left = list(does)

    def do() -> None:
        if left:
            left.pop(0)()

    return do


@pytest.fixture(scope="module")
def screen() -> Iterator[VirtualDisplay]:
    with VirtualDisplay((1024, 768)) as display:
        yield display


@pytest.fixture
def hands(screen: VirtualDisplay) -> Iterator[OtherHands]:
    with other_hands(screen.name) as other:
        other.move(200, 200)
        yield other


def noted(run: Run) -> list[str]:
    """What the model was told in each step's own message."""
    steps = run.recording().steps
    return [str(part) for step in steps for turn in step.intent.said for part in turn.parts]


@pytest.mark.fault(73)
def test_who_takes_over_may_work_and_let_the_run_go_on(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    def work() -> None:
        assert held(screen.name) == NOTHING_HELD
        hands.move(500, 500)
        hands.tap("a")
        hands.click()

    person = There(work)
    with open_desktop(screen.name) as desktop:
        model = Interrupted(lambda: hands.move(300, 300))
        run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
    assert run.status == "done"
    assert person.told == ["somebody moved the mouse while the agent was at work"]
    assert model.waited < 0.5
    assert replay(run.recording()).agreed
    (said,) = [text for text in noted(run) if "the person let it go on" in text]
    assert "The screen is" not in said
    assert "somebody moved the mouse" in said
    assert "may have changed" in said


@pytest.mark.fault(73)
def test_a_drag_is_let_go_of_when_somebody_takes_over_and_the_model_hears_of_it(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    down: list[bool] = []

    class Nudged(There):
        def pause(self, why: str, stop: StopCheck) -> bool:
            down.append(held(screen.name) != NOTHING_HELD)
            return super().pause(why, stop)

    class Dragging(X11Desktop):
        def perform(self, approved: object, stop: StopCheck) -> None:
            def after_the_press() -> bool:
                if held(screen.name)[1] and not down:
                    down.append(True)
                    hands.click(2)
                    wait_until(stop, "the stop")
                return stop()

            super().perform(approved, after_the_press)

    with (
        EventWindow(screen.name),
        closing(Dragging(screen.name)) as desktop,
        Watchdog(screen.name) as watchdog,
    ):
        desktop.watchdog = watchdog
        model = Listening(DRAG, DONE)
        run = Agent(desktop, model, runs=tmp_path, person=Nudged()).run("drag it")
    assert down == [True, False]
    assert (run.status, run.recording().steps[0].outcome.outcome.status) == ("done", "stopped")
    assert "drag: stopped." in model.last_words
    assert "somebody clicked" in model.last_words
    assert replay(run.recording()).agreed, "a run that was paused replays as any other"


@pytest.mark.parametrize("profile", ["standard", "unattended"])
def test_where_nobody_is_there_or_expected_it_ends_at_once(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path, profile: str
) -> None:
    person = Nobody() if profile == "standard" else There()
    with open_desktop(screen.name) as desktop:
        model = Thinking(lambda: hands.move(300, 300))
        run = Agent(desktop, model, runs=tmp_path, person=person, policy=Policy(profile=profile)).run("go")
    assert (run.status, run.result.message) == (
        "stopped",
        "somebody moved the mouse while the agent was at work",
    )


def test_takeover_may_stop_the_run_for_good(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    person = There()
    with open_desktop(screen.name, takeover="stop") as desktop:
        model = Thinking(lambda: hands.move(300, 300))
        run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
    assert (run.status, person.told) == ("stopped", [])


class Waiting(Nobody):
    """Waits at the terminal for ever, as far as they know."""

    def __init__(self, *meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile
        self.waited = 0.0

    def pause(self, why: str, stop: StopCheck) -> bool:
        start = time.monotonic()
        for each in self._meanwhile:
            each()
        while not stop() and time.monotonic() - start < 10.0:
            time.sleep(0.01)
        self.waited = time.monotonic() - start
        return True


def test_the_second_of_two_escs_ends_a_run_that_the_first_has_paused(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    person = Waiting(lambda: hands.tap("Escape"))
    with open_desktop(screen.name) as desktop:
        model = Thinking(lambda: hands.tap("Escape"))
        run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
    assert (run.status, run.result.message) == ("stopped", "Esc was pressed twice")
    assert person.waited < 5.0


def test_in_a_pause_nothing_is_watched_but_stop(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    with open_desktop(screen.name) as desktop:
        watchdog = desktop.watchdog
        still: list[str] = []

        def work() -> None:
            time.sleep(1.1)  # the kill switch counts for the first second: a pause begins by its first move
            hands.tap("Escape")
            hands.tap("Escape")
            hands.move(0, 0)
            time.sleep(0.4)
            watchdog.stopped()
            still.append(watchdog.reason)
            hands.move(300, 300)
            os.kill(watchdog.pid, signal.SIGUSR1)

        person = Waiting(work)
        run = Agent(desktop, Thinking(lambda: hands.move(300, 300)), runs=tmp_path, person=person).run("go")
    assert still == [""]
    assert (run.status, run.result.message) == ("stopped", "`qvl-agent stop` was called")


def test_what_is_stuck_pauses_and_its_counters_start_anew(screen: VirtualDisplay, tmp_path: Path) -> None:
    person = There()
    with EventWindow(screen.name), open_desktop(screen.name) as desktop:
        model = Listening(*[KEY] * 20)
        run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
    assert (run.status, run.result.steps, len(person.told)) == ("stuck", 10, 2)
    assert "the same was done 5 times on the very same screen: Press f9" in person.told[0]
    assert sum("You have done this 3 times" in text for text in noted(run)) == 2


@pytest.mark.fault(29)
def test_a_blank_screen_pauses_and_is_taken_as_it_is_afterwards(
    screen: VirtualDisplay, tmp_path: Path
) -> None:
    person, watch = There(), Warnings()
    with open_desktop(screen.name) as desktop:
        before = desktop.grab()
        window = subprocess.Popen(["xterm", "-geometry", "80x24+100+100"], env=screen.environment())

        def blank() -> None:
            window.terminate()
            window.wait()

        try:
            wait_until(lambda: not np.array_equal(desktop.grab().pixels, before.pixels), "the window")
            model = Listening('{"action": "wait", "seconds": 0}', DONE, meanwhile=blank)
            run = Agent(desktop, model, runs=tmp_path, person=person, subscribers=(watch,)).run("go")
        finally:
            window.kill()
            window.wait()
    assert ["went blank" in why for why in person.told] == [True]
    assert run.status == "done"
    assert ["the screen is empty" in warning for warning in watch.warnings] == [True]


@pytest.mark.fault(30)
def test_another_size_pauses_and_is_taken_afterwards(screen: VirtualDisplay, tmp_path: Path) -> None:
    def xrandr(*words: str) -> None:
        subprocess.run(["xrandr", *words], env=screen.environment(), check=True)

    person = There()
    try:
        with open_desktop(screen.name) as desktop:
            half = ("--setmonitor", "half", "512/135x768/203+0+0", "screen")
            model = Listening(CLICK, DONE, meanwhile=in_turn(lambda: xrandr(*half)))
            run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
    finally:
        xrandr("--delmonitor", "half")
    assert person.told == ["the screen is 512x768 now; it was 1024x768"]
    first = run.recording().steps[0].outcome.outcome
    assert (run.status, first.status, first.pointer) == ("done", "refused", None)


LOCKER = """
import sys, tkinter
root = tkinter.Tk(className="i3lock")
root.overrideredirect(True)
root.geometry("1024x768+0+0")
root.after(200, lambda: print("locked", flush=True))
root.mainloop()
"""


@pytest.mark.fault(29)
def test_a_locked_screen_is_never_acted_on(screen: VirtualDisplay, tmp_path: Path) -> None:
    with (
        open_desktop(screen.name) as desktop,
        subprocess.Popen(
            ["/usr/bin/python3", "-c", LOCKER],
            env=screen.environment(),
            stdout=subprocess.PIPE,
        ) as locker,
    ):
        assert locker.stdout is not None
        assert locker.stdout.readline() == b"locked\n"
        try:
            ended = Agent(desktop, Listening(CLICK), runs=tmp_path).run("go")
            person = There(locker.kill, locker.wait)
            run = Agent(desktop, Listening(DONE), runs=tmp_path, person=person).run("go")
        finally:
            locker.kill()
    assert (ended.status, ended.result.steps) == ("desktop-error", 0)
    assert "the screen is locked (I3lock); unlock it" in ended.result.message
    assert (run.status, len(person.told)) == ("done", 1)


class Flickering(X11Desktop):
    """A screen that can't be captured for a while."""

    failures = 0

    def grab(self, region: Rect | None = None) -> Frame:
        if self.failures:
            self.failures -= 1
            raise DesktopError("the screen can't be captured")
        return super().grab(region)


@pytest.mark.fault(35)
@pytest.mark.parametrize(("failures", "pauses"), [(1, 0), (2, 0), (3, 1)])
def test_a_failed_capture_is_tried_again_and_three_pause(
    screen: VirtualDisplay, tmp_path: Path, failures: int, pauses: int
) -> None:
    person = There(pauses=3)
    with closing(Flickering(screen.name)) as desktop:
        desktop.failures = failures
        run = Agent(desktop, Listening(DONE), runs=tmp_path, person=person).run("go")
    assert (run.status, person.told) == ("done", ["the screen can't be captured"] * pauses)


@pytest.mark.fault(70)
def test_a_lost_watchdog_pauses_the_run_and_another_one_goes_on(
    screen: VirtualDisplay, hands: OtherHands, tmp_path: Path
) -> None:
    with open_desktop(screen.name) as desktop:
        watchdog = desktop.watchdog
        first = watchdog.pid
        person = There(pauses=1)
        model = Thinking(in_turn(lambda: os.kill(first, signal.SIGKILL), lambda: hands.move(300, 300)))
        run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
        assert [each.watchdog for each in holders(screen.name)] == [watchdog.pid]
    assert watchdog.pid != first
    assert "the watchdog ended" in person.told[0]
    assert person.told[1] == run.result.message == "somebody moved the mouse while the agent was at work"
    assert run.status == "stopped"
    assert model.waited < 1.0


@pytest.mark.fault(70)
def test_without_another_watchdog_the_run_ends(
    screen: VirtualDisplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = There(lambda: monkeypatch.setattr(watchdogs, "_PROCESS", "qvl_agent.actions.planning.action"))
    with open_desktop(screen.name) as desktop:
        model = Thinking(lambda: os.kill(desktop.watchdog.pid, signal.SIGKILL))
        run = Agent(desktop, model, runs=tmp_path, person=person).run("go")
    assert (run.status, len(person.told)) == ("desktop-error", 1)
    assert "the watchdog can't watch" in run.result.message


@pytest.mark.fault(70)
def test_nothing_is_pressed_while_the_watchdog_is_stuck(
    screen: VirtualDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdogs, "_WAIT_S", 1.0)
    wheel = WheelEvent(0, 3)
    with (
        closing(X11Desktop(screen.name)) as desktop,
        EventWindow(screen.name) as window,
        Watchdog(screen.name) as watchdog,
        watchdog.watching(),
    ):
        desktop.watchdog = watchdog
        perform(desktop, wheel)
        assert window.inputs() != []
        os.kill(watchdog.pid, signal.SIGSTOP)
        time.sleep(0.7)
        with pytest.raises(DesktopError, match=r"watchdog is stuck.*nothing more was pressed"):
            perform(desktop, wheel)
        assert window.inputs() == []
        assert watchdog.stopped()
        assert watchdog.pauses
        watchdog.rest()
        watchdog.wake()
        perform(desktop, wheel)
        assert window.inputs() != []


@pytest.mark.fault(70)
def test_a_watchdog_that_is_only_slow_is_waited_for(screen: VirtualDisplay) -> None:
    tap = (KeyEvent("f9", down=True), KeyEvent("f9", down=False))
    with (
        closing(X11Desktop(screen.name)) as desktop,
        EventWindow(screen.name) as window,
        Watchdog(screen.name) as watchdog,
        watchdog.watching(),
    ):
        desktop.watchdog = watchdog
        os.kill(watchdog.pid, signal.SIGSTOP)
        time.sleep(0.7)
        start = time.monotonic()
        with subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -CONT {watchdog.pid}"]):
            perform(desktop, *tap, ButtonEvent("left", down=True), ButtonEvent("left", down=False))
        assert time.monotonic() - start > 0.3
        assert len(window.inputs()) == 4
        assert not watchdog.stopped()


def test_a_pause_takes_no_time_from_the_run(screen: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> None:
    person = There(lambda: time.sleep(1.5))
    with closing(Flickering(screen.name)) as flickering:
        flickering.failures = 3
        run = Agent(flickering, Listening(DONE), runs=tmp_path, person=person).run("go")
    assert run.status == "done"
    assert run.result.seconds < 1.5
    assert DesktopPoint(0, 0) in desktop.geometry()


@pytest.mark.fault(74)
def test_who_holds_shift_is_waited_for_and_it_stays_theirs(screen: VirtualDisplay, tmp_path: Path) -> None:
    shift = 50
    with (
        EventWindow(screen.name) as window,
        open_desktop(screen.name, takeover="ignore") as desktop,
        other_hands(screen.name) as hands,
    ):
        hands.press(shift)
        assert window.inputs() == [("key down", shift)]

        def let_go() -> None:
            assert held(screen.name) == ([shift], 0), "it is theirs"
            assert window.inputs() == [], "and nothing was sent"
            hands.release(shift)

        person = There(let_go)
        run = Agent(desktop, Listening(CLICK, CLICK, DONE), runs=tmp_path, person=person).run("click")
        assert run.status == "done", run.result.message
        assert window.inputs() == [("key up", shift), ("button down", 1), ("button up", 1)]
    assert person.told == ["shift is held down by someone else; nothing was sent"]
    assert [step.outcome.outcome.status for step in run.recording().steps] == ["failed", "done", "done"]
    assert any("click on" in text and "failed" in text for text in noted(run))


@pytest.mark.fault(74)
def test_who_presses_shift_while_we_type_ends_that_and_keeps_it(
    screen: VirtualDisplay, tmp_path: Path
) -> None:
    shift, letters = 50, "abcdefghij" * 300
    with (
        EventWindow(screen.name) as window,
        open_desktop(screen.name) as desktop,
        other_hands(screen.name) as hands,
    ):

        class Typing(Listening):
            def reply(self, *asked: Any, **options: Any) -> Reply:
                threading.Thread(target=press_when_it_types, daemon=True).start()
                return super().reply(*asked, **options)

        def press_when_it_types() -> None:
            seen = 0
            while seen < 200:
                seen += len(window.inputs())
            hands.press(shift)

        model = Typing(json.dumps({"action": "type", "text": letters}))
        try:
            run = Agent(desktop, model, runs=tmp_path).run("type")
            assert held(screen.name) == ([shift], 0)
            after = [each for each in window.inputs() if each[1] != shift]
        finally:
            hands.release(shift)
    assert (run.status, run.result.message) == ("stopped", "somebody typed while the agent was at work")
    assert len(after) < len(letters), "the rest isn't typed"
