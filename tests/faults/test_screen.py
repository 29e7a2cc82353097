"""What may happen to the screen, through the whole loop on real displays: what is sent and said then."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from event_window import EventWindow, held
from fault_rig import CLICK, CLICKED, DONE, FAIL, Rig, Scripted, rig_on
from text_fields import TextField, wait_until
from Xlib import X

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import CoordinateError, DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.execution.person import CallablePerson
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, MoveEvent
from qvl_agent.agent import Agent, open_desktop
from qvl_agent.agent.exit_codes import exit_code
from qvl_agent.sandbox.display import VirtualDisplay

BLACK, RED = 0x000000, 0xC02020
TYPE = '{"action": "type", "text": "hello"}'
PRESS = '{"action": "press", "keys": ["enter"]}'


@pytest.fixture
def rig(display: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> Iterator[Rig]:
    with rig_on(desktop, display.name, tmp_path / "runs") as running:
        running.window.fill(100, 100, 300, 60, RED)
        yield running


@contextmanager
def spare(
    size: tuple[int, int], runs: Path, *, monitor: int = 1, setup: tuple[str, ...] = ()
) -> Iterator[Any]:
    """A rig on a display of its own, which may be changed and ended: (display, rig).

    `setup` lists monitors as xrandr writes them, "320/85x480/127+0+0".
    """
    with ExitStack() as stack:
        display = stack.enter_context(VirtualDisplay(size, window_manager=None))
        for at, place in enumerate(setup):
            xrandr(display, "--setmonitor", f"m{at}", place, "screen" if at == 0 else "none")
        desktop = stack.enter_context(closing(open_local(display.name, monitor=monitor)))
        yield display, stack.enter_context(rig_on(desktop, display.name, runs))


def xrandr(display: VirtualDisplay, *arguments: str) -> None:
    subprocess.run(["xrandr", *arguments], env=display.environment(), check=True)


def at_call(number: int, do: Callable[[], object]) -> Callable[[int], None]:
    """Something that happens while the model thinks for the given time."""
    return lambda call: (call == number and do(), None)[1]


@pytest.mark.fault(29)
def test_a_screen_that_goes_black_ends_the_run(rig: Rig) -> None:
    with ExitStack() as stack:
        covers: list[EventWindow] = []

        def blank() -> None:
            covers.append(stack.enter_context(EventWindow(rig.display, focus=False, colour=BLACK)))

        wait = '{"action": "wait", "seconds": 0}'
        run = rig.run(Scripted(wait, CLICK, meanwhile=at_call(1, blank)))
        assert (run.status, rig.sent(), covers[0].inputs(motions=True)) == ("desktop-error", [], [])
    assert "went blank: all of it has been #000000" in run.result.message


@pytest.mark.fault(29)
@pytest.mark.parametrize(
    ("locker", "reply"), [("i3lock", TYPE), ("xscreensaver", PRESS), ("xsecurelock", CLICK)]
)
def test_a_lock_screen_with_a_picture_gets_nothing(rig: Rig, locker: str, reply: str) -> None:
    """It comes while the model thinks, covers all and grabs the keyboard; the focus stays where it was."""
    with ExitStack() as stack:
        locks: list[EventWindow] = []

        def lock() -> None:
            locks.append(window := stack.enter_context(EventWindow(rig.display, focus=False)))
            window._window.set_wm_class(locker, locker)
            window._window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
            window.fill(100, 100, 300, 60, RED)
            window.events()

        run = rig.run(Scripted(reply, DONE, meanwhile=at_call(1, lock)))
        assert (run.status, locks[0].inputs(motions=True), rig.sent()) == ("desktop-error", [], [])
    (step,) = run.recording().steps
    assert step.intent.verdict is not None
    assert step.intent.verdict.rule == "forbidden-window"
    assert f"the screen is locked ({locker})" in run.result.message


@pytest.mark.fault(30)
def test_another_resolution_before_the_click_is_looked_at_again(tmp_path: Path) -> None:
    with spare((640, 480), tmp_path) as (display, rig):
        shrink = at_call(1, lambda: xrandr(display, "--output", "screen", "--off", "--fb", "320x240"))
        model = Scripted(CLICK, FAIL, meanwhile=shrink)
        goes_on = CallablePerson(lambda _question: False, pause=lambda _why, _stop: True)
        run = rig.run(model, person=goes_on)
        assert (run.status, rig.clicks_and_keys()) == ("failed", [])
        step = run.recording().steps[0]
        assert step.outcome.outcome.status in ("stale", "refused")
        assert model.told[1][-1].pictures[0].size == (320, 240), "it is shown the screen as it is now"


@pytest.mark.fault(30, 31)
@pytest.mark.parametrize("reply", [CLICK, TYPE])
def test_a_monitor_that_is_gone_ends_the_run(tmp_path: Path, reply: str) -> None:
    halves = ("320/85x480/127+0+0", "320/85x480/127+320+0")
    with spare((640, 480), tmp_path, monitor=2, setup=halves) as (display, rig):
        gone = at_call(1, lambda: xrandr(display, "--delmonitor", "m1"))
        run = rig.run(Scripted(reply, DONE, meanwhile=gone))
        assert (run.status, rig.sent()) == ("desktop-error", [])
        assert "monitor 2 is gone" in run.result.message


@pytest.mark.fault(33)
def test_nothing_can_be_sent_into_a_hole_between_monitors(tmp_path: Path) -> None:
    """The right monitor is half as high; below it is nothing, though the X screen goes on there."""
    places = ("320/85x480/127+0+0", "320/85x240/64+320+0")
    hole = DesktopPoint(480, 400)
    with spare((640, 480), tmp_path, monitor=2, setup=places) as (_, rig):
        assert hole not in rig.desktop.geometry()
        way = (MoveEvent(hole), ButtonEvent("left", down=True), ButtonEvent("left", down=False))
        with pytest.raises(CoordinateError, match="on none of the monitors"):
            rig.desktop.perform(Approved(way, "frame", rig.desktop.geometry()), lambda: False)
        assert rig.sent() == []
        corner = '{"action": "click", "bbox_2d": [1000, 1000, 1000, 1000]}'
        assert rig.run(Scripted(corner, DONE)).status == "done"
        assert (rig.desktop.pointer(), rig.clicks_and_keys()) == (DesktopPoint(639, 239), CLICKED)


@pytest.mark.fault(33)
def test_a_monitor_that_shrank_leaves_a_hole_where_the_model_pointed(tmp_path: Path) -> None:
    tall = ("320/85x480/127+0+0", "320/85x480/127+320+0")
    with spare((640, 480), tmp_path, monitor=2, setup=tall) as (display, rig):

        def shrink() -> None:
            xrandr(display, "--delmonitor", "m1")
            xrandr(display, "--setmonitor", "m1", "320/85x240/64+320+0", "none")

        low = '{"action": "click", "bbox_2d": [500, 900, 500, 900]}'
        run = rig.run(Scripted(low, FAIL, meanwhile=at_call(1, shrink)))
        assert (run.status, rig.sent()) == ("desktop-error", [])
        assert run.result.message == "the screen is 320x240 now; it was 320x480"


class BadEyes:
    """A desktop whose whole captures fail at the given turns, counted from 1."""

    def __init__(self, desktop: Desktop, failing: range | tuple[int, ...]) -> None:
        self._desktop = desktop
        self._failing = failing
        self.grabs = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desktop, name)

    def grab(self, region: Rect | None = None) -> Frame:
        self.grabs += 1
        if self.grabs in self._failing:
            raise DesktopError("the capture failed: BadMatch")
        return self._desktop.grab(region)


@pytest.mark.fault(35)
@pytest.mark.parametrize("failing", [(1,), (2,), (3,), (4,), (1, 3, 5)])
def test_a_capture_that_fails_once_is_tried_again(rig: Rig, failing: tuple[int, ...]) -> None:
    rig.desktop = BadEyes(rig.desktop, failing)
    assert rig.run(Scripted(CLICK, DONE)).status == "done"
    assert rig.clicks_and_keys() == CLICKED


@pytest.mark.fault(35)
def test_captures_that_keep_failing_end_the_run_before_anything_is_sent(rig: Rig) -> None:
    for first in (1, 2):
        rig.desktop = eyes = BadEyes(rig.desktop, range(first, 99))
        run = rig.run(Scripted(CLICK, CLICK, CLICK, DONE))
        assert (run.status, rig.sent()) == ("desktop-error", [])
        assert "the capture failed" in run.result.message
        assert eyes.grabs <= first + 4


class Zoomed(BadEyes):
    """A desktop whose scale doubles at a turn, as when the person changes it or the window moves over."""

    def grab(self, region: Rect | None = None) -> Frame:
        self.grabs += 1
        frame = self._desktop.grab(region)
        if self.grabs not in self._failing:
            return frame
        double = frame.pixels.repeat(2, axis=0).repeat(2, axis=1)
        return Frame(double, frame.monitor, 2.0, FramePoint(2 * frame.origin.x, 2 * frame.origin.y))


@pytest.mark.fault(34)
@pytest.mark.parametrize("reply", [CLICK, TYPE])
def test_another_scale_before_the_input_is_looked_at_again(rig: Rig, reply: str) -> None:
    rig.desktop = Zoomed(rig.desktop, range(2, 10**6))
    model = Scripted(reply, FAIL)
    goes_on = CallablePerson(lambda _question: False, pause=lambda _why, _stop: True)
    run = rig.run(model, person=goes_on)
    assert (run.status, rig.sent()) == ("failed", [])
    assert run.recording().steps[0].outcome.outcome.status == "stale"
    assert model.told[1][-1].pictures[0].scale == 2.0, "it is shown the screen as it is now"


@pytest.mark.fault(36)
def test_three_monitors_of_8k_are_clicked_to_the_pixel(tmp_path: Path) -> None:
    places = tuple(f"7680/600x4320/340+{left}+0" for left in (0, 7680, 15360))
    size = (3 * 7680, 4320)
    with spare(size, tmp_path, monitor=3, setup=places) as (_, rig):
        assert len(rig.desktop.geometry().monitors) == 3
        frame = rig.desktop.grab()
        assert (frame.size, frame.monitor) == ((7680, 4320), Rect(15360, 0, 7680, 4320))
        last = '{"action": "click", "bbox_2d": [1000, 1000, 1000, 1000], "label": "the last pixel"}'
        run = rig.run(Scripted(last, DONE), look_closer="never")
        assert (run.status, rig.clicks_and_keys()) == ("done", CLICKED)
        assert rig.desktop.pointer() == DesktopPoint(23039, 4319)


@pytest.mark.fault(37)
@pytest.mark.parametrize("place", [(480, 300, 200, 120), (560, 350, 30, 30)])
def test_a_pop_up_over_the_target_is_not_clicked(rig: Rig, place: tuple[int, int, int, int]) -> None:
    with ExitStack() as stack:
        popups: list[EventWindow] = []

        def pop_up() -> None:
            popups.append(stack.enter_context(EventWindow(rig.display, place=place, colour=RED, focus=False)))

        model = Scripted(CLICK, FAIL, meanwhile=at_call(1, pop_up))
        run = rig.run(model)
        assert (run.status, rig.sent(), popups[0].inputs(motions=True)) == ("failed", [], [])
    assert run.recording().steps[0].outcome.outcome.status == "stale"
    assert "not done" in model.last_words
    assert len(model.told[1][-1].pictures) == 1, "it is shown the screen with the pop-up"


def program(display: VirtualDisplay, name: str, place: str) -> subprocess.Popen[bytes]:
    """A terminal under another name: a real window of another program, which takes the focus as it opens."""
    return subprocess.Popen(["xterm", "-class", name, "-geometry", place], env=display.environment())


def focused(desktop: Desktop) -> str:
    found = desktop.focused()
    return found.app if found else ""


@pytest.mark.fault(38)
@pytest.mark.parametrize("reply", [TYPE, PRESS])
def test_a_focus_that_was_stolen_while_the_model_thought_gets_no_key(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path, reply: str
) -> None:
    """Both windows were there before, so that hardly a pixel changes."""
    with ExitStack() as stack:
        thief = program(display, "Thief", "20x5+900+600")
        stack.callback(thief.wait)
        stack.callback(thief.terminate)
        wait_until(lambda: focused(desktop) == "Thief", "the thief")
        field = stack.enter_context(TextField("tk", display.environment(), tmp_path))
        wait_until(lambda: focused(desktop) == "Tk", "the field's focus")

        def steal() -> None:
            search = ["xdotool", "search", "--class", "Thief", "windowfocus", "--sync"]
            subprocess.run(search, env=display.environment(), check=True)
            wait_until(lambda: focused(desktop) == "Thief", "the theft")

        model = Scripted(reply, FAIL, meanwhile=at_call(1, steal))
        yes = CallablePerson(lambda _question: True)
        run = Agent(desktop, model, runs=tmp_path / "runs", person=yes).run("write hello")
        assert (run.status, field.text()) == ("failed", "")
    assert run.recording().steps[0].outcome.outcome.status == "stale"
    assert held(display.name) == ([], 0)


@pytest.mark.fault(38)
@pytest.mark.parametrize("kind", ["tk", "gtk"])
def test_a_focus_that_is_stolen_in_the_middle_of_a_text_gets_almost_nothing_of_it(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path, kind: str
) -> None:
    """The focus is looked at every 20 characters; the rest of the text isn't typed anywhere."""
    text = "".join(f"{number:04} " for number in range(900))
    with ExitStack() as stack:
        field = stack.enter_context(TextField(kind, display.environment(), tmp_path))
        thief = stack.enter_context(EventWindow(display.name, place=(1200, 700, 40, 40), focus=False))
        asked: list[bool] = []

        def stop() -> bool:
            """Asked between the pieces of the text, and before: the focus is stolen in the middle."""
            if len(field.text()) >= 200 and not asked:
                asked.append(True)
                thief._window.set_input_focus(X.RevertToParent, X.CurrentTime)
                thief._display.sync()
            return False

        drawn = '{"action": "wait", "seconds": 0.2}'
        model = Scripted(drawn, json.dumps({"action": "type", "text": text}), FAIL)
        run = Agent(desktop, model, runs=tmp_path / "runs", stop=stop).run("write numbers")
        typed = field.text()
        assert text.startswith(typed)
        assert 0 < len(typed) < len(text), "it was stolen in the middle"
        keys = [one for one in thief.inputs() if one[0] == "key down"]
        assert len(keys) <= 20, "what was on its way"
    assert run.status == "failed"
    outcome = run.recording().steps[1].outcome.outcome
    assert (outcome.status, "focus" in outcome.detail) == ("broken-off", True)
    assert held(display.name) == ([], 0)


@contextmanager
def moving(rig: Rig, place: tuple[int, int, int, int], period_s: float) -> Iterator[None]:
    """Something beside the target that changes all the time, as a caret, a clock or a video does."""
    over = threading.Event()

    def paint() -> None:
        with EventWindow(rig.display, place=place, focus=False) as window:
            window._window.raise_window()
            colour = 0
            while not over.wait(period_s):
                colour = (colour + 0x345678) & 0xFFFFFF if place[2] > 2 else colour ^ 0xFFFFFF
                window.fill(0, 0, place[2], place[3], colour)

    thread = threading.Thread(target=paint)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.fault(39)
@pytest.mark.parametrize(
    ("place", "period_s", "inputs"),
    [((586, 350, 1, 18), 0.5, 6), ((600, 380, 90, 16), 0.25, 6), ((620, 330, 320, 180), 0.04, 1)],
    ids=["caret", "clock", "video"],
)
def test_what_moves_beside_the_target_blocks_nothing(
    rig: Rig, place: tuple[int, int, int, int], period_s: float, inputs: int
) -> None:
    button = '{"action": "click", "bbox_2d": [430, 435, 470, 465], "label": "Save"}'
    with moving(rig, place, period_s):
        run = rig.run(Scripted(*([button, TYPE] * 3)[:inputs], DONE), look_closer="never")
        statuses = [step.outcome.outcome.status for step in run.recording().steps]
        assert (run.status, set(statuses)) == ("done", {"done"})
    sent = rig.clicks_and_keys()
    assert sum(one == ("button down", 1) for one in sent) == (inputs + 1) // 2
    assert sum(name == "key down" for name, _ in sent) == inputs // 2 * len("hello")


@pytest.mark.fault(40)
@pytest.mark.parametrize(
    "where", ['"bbox_2d": [0, 0, 0, 0]', '"coordinate": [0, 0]', '"bbox_2d": [0, 0, 1, 1]']
)
def test_the_first_pixel_can_be_clicked(display: VirtualDisplay, rig: Rig, where: str) -> None:
    """Where the pointer held by a person would be the kill switch; ours is announced to the watchdog."""
    assert isinstance(rig.desktop, X11Desktop)
    with Watchdog(display.name, takeover="stop") as watchdog:
        rig.desktop.watchdog = watchdog
        wait = '{"action": "wait", "seconds": 0.5}'
        run = rig.run(Scripted(f'{{"action": "click", {where}}}', wait, DONE), look_closer="never")
        assert (run.status, rig.clicks_and_keys()) == ("done", CLICKED)
        assert rig.desktop.pointer() == DesktopPoint(0, 0)


@pytest.mark.fault(41)
@pytest.mark.parametrize("reply", [CLICK, TYPE])
@pytest.mark.parametrize("watchdog", [False, True])
def test_a_server_that_dies_while_the_model_thinks_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reply: str, watchdog: bool
) -> None:
    """There is nothing to pause for, though somebody is at the terminal."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    paused: list[str] = []
    person = CallablePerson(lambda _question: True, pause=lambda why, _stop: (paused.append(why), True)[1])
    with (
        VirtualDisplay((320, 240), window_manager=None) as display,
        open_desktop(display.name, watchdog=watchdog) as desktop,
    ):
        model = Scripted(reply, DONE, meanwhile=at_call(1, display.close))
        run = Agent(desktop, model, runs=tmp_path, person=person).run("do it")
    assert (run.status, exit_code(run.result), paused) == ("desktop-error", 69, [])
    assert "no X server answers" in run.result.message
    assert "\n" not in run.result.message
