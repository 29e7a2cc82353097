"""The look just before input, on a real display: what pixels can't tell, and dialogs that change words."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from event_window import EventWindow
from living_window import DIALOG, Living
from Xlib import X
from Xlib.display import Display

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox, Rect
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Press, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

PLACE = Rect(300, 200, 300, 160)
"""Where the windows of these tests are, on a screen of 1280x800."""
BUTTON = ModelBox.of(400, 350, 440, 370)
"""In their lower right part."""
FACTS = Facts(step=1, elapsed_s=1.0)


class Windows:
    """Windows of one program, made without a toolkit."""

    def __init__(self, display: VirtualDisplay, desktop: Desktop) -> None:
        self.display = Display(display.name)
        self._desktop = desktop
        self._root = self.display.screen().root

    def open(
        self, rect: Rect = PLACE, *, unseen: bool = False, managed: bool = False, over: Any = None
    ) -> Any:
        paint = {} if unseen else {"background_pixel": 0xEEEEEE}
        window = self._root.create_window(
            *(rect.left, rect.top, rect.width, rect.height, 0, 0 if unseen else X.CopyFromParent),
            X.InputOnly if unseen else X.InputOutput,
            override_redirect=True,
            event_mask=0 if unseen else X.ExposureMask,
            **paint,
        )
        window.map()
        self.display.sync()
        return window

    def say(self, window: Any) -> None:
        """Paint what stands for words, away from the button."""
        window.fill_rectangle(window.create_gc(foreground=0x202020), 20, 20, 120, 12)
        self.display.sync()

    def still(self) -> None:
        last = self._desktop.grab()
        self.wait(lambda: False, limit_s=0.2)
        while (last.pixels != (now := self._desktop.grab()).pixels).any():
            last = now
            time.sleep(0.05)

    def wait(self, holds: Callable[[], bool], limit_s: float = 10.0) -> None:
        deadline = time.monotonic() + limit_s
        while not holds() and time.monotonic() < deadline:
            time.sleep(0.01)


@pytest.fixture
def windows(display: VirtualDisplay, desktop: Desktop) -> Iterator[Windows]:
    made = Windows(display, desktop)
    with closing(made.display):
        yield made


def look(desktop: Desktop) -> Observation:
    frame = desktop.grab()
    return Observation(frame, frame, desktop.layout())


def act(
    desktop: Desktop, action: Action, change: Callable[[], object], executor: Executor | None = None
) -> Outcome:
    """Let something change after the look, and act."""
    observation = look(desktop)
    change()
    executor = executor or Executor(desktop, Policy())
    return executor.execute(action, observation, FACTS, lambda _: None).outcome


def test_a_layout_knows_what_is_on_top() -> None:
    layout = Layout(((7, Rect(0, 0, 10, 10)), (8, Rect(5, 5, 10, 10))), focus=frozenset({8}))
    assert [layout.at(DesktopPoint(x, x)) for x in (0, 9, 10, 14, 15)] == [7, 7, 8, 8, 0]


def test_the_layout_of_a_display(windows: Windows, desktop: Desktop) -> None:
    below, ghost = windows.open(), windows.open(Rect(320, 220, 50, 50), unseen=True)
    hidden = windows.open(Rect(310, 210, 20, 20))
    hidden.unmap()
    windows.display.sync()
    layout = desktop.layout()
    assert layout is not None
    assert layout.at(DesktopPoint(330, 230)) == ghost.id
    assert layout.at(DesktopPoint(312, 212)) == below.id
    assert layout.at(DesktopPoint(1200, 700)) not in (below.id, ghost.id)


@pytest.mark.fault(37)
@pytest.mark.parametrize("unseen", [False, True])
def test_a_window_that_nobody_can_see_stops_a_click(unseen: bool, windows: Windows, desktop: Desktop) -> None:
    """In the colour of the one below, or in none at all; it is the same program's."""
    windows.open()
    windows.still()
    outcome = act(desktop, Click(target=BUTTON), lambda: windows.open(unseen=unseen))
    assert (outcome.status, outcome.detail) == (
        "stale",
        "another window came where the action points; look again",
    )
    assert act(desktop, Click(target=BUTTON), lambda: None).status == "done"


@pytest.mark.fault(38)
@pytest.mark.parametrize("action", [Type(text="secret"), Press(keys=("enter",))])
def test_the_focus_in_another_window_of_the_same_program_stops_keys(
    action: Action, windows: Windows, desktop: Desktop, display: VirtualDisplay
) -> None:
    with EventWindow(display.name) as log:
        thief = windows.open(Rect(1200, 760, 20, 20))

        def steal() -> None:
            thief.set_input_focus(X.RevertToParent, X.CurrentTime)
            windows.display.sync()

        outcome = act(desktop, action, steal)
        assert outcome.status == "stale"
        assert "keys would go to another window" in outcome.detail
        assert log.inputs() == []


@pytest.fixture(scope="module")
def program(display: VirtualDisplay) -> Iterator[Living]:
    """Another program: into dialogs of our own nothing is sent."""
    with Living("tk", display.environment()) as running:
        yield running


@pytest.fixture
def dialog(program: Living, windows: Windows, desktop: Desktop) -> Iterator[ModelBox]:
    """A dialog that asks something; its button."""
    program.do("dialog", at=[300, 300], text="Keep the file?")
    windows.wait(lambda: asks(desktop, program) is not None)
    windows.still()
    left, top, width, height = program.do("places")["ok"]
    yield ModelBox.of(left / 1.28, top / 0.8, (left + width) / 1.28, (top + height) / 0.8)
    program.do("gone")


def asks(desktop: Desktop, program: Living) -> Rect | None:
    left, top, _, _ = program.do("places")["ok"]
    found = desktop.window_at(DesktopPoint(left + 5, top + 5))
    return found.dialog if found else None


def reword(program: Living, windows: Windows, text: str) -> None:
    program.do("reword", text=text)
    windows.still()


def test_a_dialog_that_says_something_else_stops_a_click(
    dialog: ModelBox, program: Living, windows: Windows, desktop: Desktop
) -> None:
    outcome = act(desktop, Click(target=dialog), lambda: reword(program, windows, "Keep the tile?"))
    assert (outcome.status, "says something else" in outcome.detail) == ("stale", True)
    assert act(desktop, Click(target=dialog), lambda: None).status == "done"


def test_a_clock_in_a_dialog_stops_two_clicks_and_no_more(
    dialog: ModelBox, program: Living, windows: Windows, desktop: Desktop
) -> None:
    executor = Executor(desktop, Policy())
    came = [
        act(
            desktop,
            Click(target=dialog),
            lambda left=left: reword(program, windows, f"{left} s left"),
            executor,
        ).status
        for left in (9, 8, 7, 6, 5)
    ]
    assert came[-2:] == ["done", "done"]
    assert came.count("stale") in (2, 3)


def test_only_dialogs_are_dialogs(dialog: ModelBox, program: Living, desktop: Desktop) -> None:
    inside = asks(desktop, program)
    assert inside is not None
    assert (inside.width, inside.height) == DIALOG
    left, top, _, _ = program.do("places")["video"]
    beside = desktop.window_at(DesktopPoint(left + 5, top + 5))
    assert beside is not None
    assert (beside.title, beside.dialog) == ("Living", None)


def test_words_in_a_window_to_work_in_stop_nothing(windows: Windows, desktop: Desktop) -> None:
    window = windows.open()
    windows.still()
    assert act(desktop, Click(target=BUTTON), lambda: windows.say(window)).status == "done"
