"""A button that counts down is pressed, one that says something else is not: real windows, real reading."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from event_window import EventWindow
from screens import settled
from ticking_window import Ticking

from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Click, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.rapidocr import RapidReader
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.actions.screen.motion import Motion
from qvl_agent.sandbox.display import VirtualDisplay

FACTS = Facts(step=1, elapsed_s=1.0)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return RapidReader()


def press(
    executor: Executor, desktop: Desktop, window: Ticking, meanwhile: Callable[[], object] = lambda: None
) -> Outcome:
    """Look, think for a while, and click the button that counts."""
    frame = desktop.grab()
    observation = Observation(frame, frame, desktop.layout())
    time.sleep(1.1)
    meanwhile()
    action = Click(target=window.target("count"), label="the button")
    return executor.execute(action, observation, FACTS, lambda _: None).outcome


@pytest.mark.parametrize("count", ["Continue ({})", "Skip ad {}"])
def test_a_button_that_counts_down_is_pressed_at_the_first_or_second_try(
    count: str, reader: Reader, desktop: Desktop, display: VirtualDisplay
) -> None:
    """It counts just before the check, so that nothing moves while a difference is given time to go away."""
    with Ticking(display.environment(), count_ms=1000, count=count) as window:
        executor = Executor(desktop, Policy(), reader=reader)
        came = []
        while len(came) < 2 and "done" not in came:
            came.append(press(executor, desktop, window, lambda: window.do("count")).status)
        assert came[-1] == "done"
        assert window.do("say")["clicks"] == 1


@pytest.mark.parametrize(
    ("count", "says"),
    [("Place 10", "Place 1000"), ("Keep 10", "Drop 9"), ("Save", "Delete"), ("Continue (9)", "Continue")],
)
def test_a_button_that_says_something_else_is_not_pressed(
    count: str, says: str, reader: Reader, desktop: Desktop, display: VirtualDisplay
) -> None:
    with Ticking(display.environment(), count=count) as window:
        settled(desktop)
        executor = Executor(desktop, Policy(), reader=reader)
        outcome = press(executor, desktop, window, lambda: window.do("rename", text=says))
        assert outcome.status == "stale"
        assert "look again" in outcome.detail
        assert window.do("say")["clicks"] == 0


def test_a_button_that_counts_and_then_says_something_else_is_not_pressed(
    reader: Reader, desktop: Desktop, display: VirtualDisplay
) -> None:
    """Also where it was seen to count before, and only its number's place changes."""
    with Ticking(display.environment(), count="Keep {}", start=40) as window:
        settled(desktop)
        executor = Executor(desktop, Policy(), reader=reader)
        numbers = iter((39, 90))
        for _ in range(2):
            number = next(numbers)
            outcome = press(
                executor, desktop, window, lambda number=number: window.do("rename", text=f"Keep {number}")
            )
            assert outcome.status == "stale"
        assert window.do("say")["clicks"] == 0


def test_without_a_reader_a_button_that_counts_has_changed(desktop: Desktop, display: VirtualDisplay) -> None:
    """Pixels can't tell a count from another button in its place."""
    with Ticking(display.environment(), count="Keep {}", start=40) as window:
        settled(desktop)
        outcome = press(
            Executor(desktop, Policy()), desktop, window, lambda: window.do("rename", text="Keep 39")
        )
        assert outcome.status == "stale"
        assert window.do("say")["clicks"] == 0


@pytest.mark.parametrize("known", [True, False])
def test_keys_beside_a_banner_that_is_known_to_change_are_sent(
    desktop: Desktop, display: VirtualDisplay, *, known: bool
) -> None:
    """It changes every few seconds, as slowly as a model thinks, and in one piece, like a new window."""
    motion = Motion()
    with (
        EventWindow(display.name) as field,
        EventWindow(display.name, place=(600, 300, 400, 300), focus=False) as banner,
    ):
        for number in range(6):
            banner.fill(0, 0, 400, 300, 0x303030 + 0x202020 * number)
            if known:
                motion.see(replace(desktop.grab(), time=100.0 + 4 * number))
        frame = desktop.grab()
        banner.fill(0, 0, 400, 300, 0x103050)
        executor = Executor(desktop, Policy(), motion=motion)
        outcome = executor.execute(Type(text="a"), Observation(frame, frame), FACTS, lambda _: None).outcome
        assert outcome.status == ("done" if known else "stale")
        assert bool(field.inputs()) == known
