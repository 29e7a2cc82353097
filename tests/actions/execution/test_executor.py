"""The executor on a real display: what the X server's clients get is what was approved, once."""

from pathlib import Path

import pytest
from event_window import EventWindow, held
from Xlib import X

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import Decision, Executor, Facts
from qvl_agent.actions.execution.person import Consent
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Drag, Press, Scroll, Type, Wait
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

BOX = ModelBox.of(400, 400, 500, 500)
OTHER = ModelBox.of(600, 600, 700, 700)
FACTS = Facts(step=1, elapsed_s=1.0)


def look(desktop: Desktop) -> Observation:
    frame = desktop.grab()
    return Observation(frame, frame)


def ignore(_: Decision) -> None: ...


@pytest.mark.parametrize(
    ("action", "events"),
    [
        (Click(target=BOX), [("button down", 1), ("button up", 1)]),
        (Click(target=BOX, button="right"), [("button down", 3), ("button up", 3)]),
        (Click(target=BOX, count=2), [("button down", 1), ("button up", 1)] * 2),
        (Drag(target=BOX, end=OTHER), [("button down", 1), ("button up", 1)]),
        (Scroll(target=BOX, dy=2), [("button down", 5), ("button up", 5)] * 2),
        (Scroll(target=BOX, dx=-1), [("button down", 6), ("button up", 6)]),
        (Wait(seconds=0), []),
    ],
)
def test_clients_get_what_was_approved(
    action: Action, events: list[tuple[str, int]], display: VirtualDisplay, desktop: Desktop
) -> None:
    decisions: list[Decision] = []
    with EventWindow(display.name) as window:
        acted = Executor(desktop, Policy()).execute(action, look(desktop), FACTS, decisions.append)
        assert acted.outcome.status == "done"
        assert window.inputs() == events
    assert [decision.approved is not None for decision in decisions] == [bool(decisions[0].plan)]
    assert held(display.name) == ([], 0)


def test_a_drag_moves_with_the_button_down(display: VirtualDisplay, desktop: Desktop) -> None:
    with EventWindow(display.name) as window:
        Executor(desktop, Policy()).execute(Drag(target=BOX, end=OTHER), look(desktop), FACTS, ignore)
        moved = [event for event in window.events() if event.type == X.MotionNotify]
    dragged = [(event.root_x, event.root_y) for event in moved if event.state & X.Button1Mask]
    assert len(dragged) > 3
    assert dragged[-1] == (832, 520)
    assert desktop.pointer() == DesktopPoint(832, 520)


def test_nothing_is_sent_before_the_intent_is_recorded(display: VirtualDisplay, desktop: Desktop) -> None:
    with EventWindow(display.name) as window:
        at_record: list[list[tuple[str, int]]] = []

        def record(_: Decision) -> None:
            at_record.append(window.inputs())

        Executor(desktop, Policy()).execute(Click(target=BOX), look(desktop), FACTS, record)
        assert at_record == [[]]
        assert len(window.inputs()) == 2


def test_a_record_that_fails_stops_the_action(display: VirtualDisplay, desktop: Desktop) -> None:
    def full(_: Decision) -> None:
        raise OSError(28, "no space left on device")

    with EventWindow(display.name) as window:
        with pytest.raises(OSError, match="no space"):
            Executor(desktop, Policy()).execute(Click(target=BOX), look(desktop), FACTS, full)
        assert window.inputs() == []


def test_a_refusal_sends_nothing(display: VirtualDisplay, desktop: Desktop) -> None:
    with EventWindow(display.name) as window:
        action = Press(keys=("ctrl", "alt", "delete"))
        acted = Executor(desktop, Policy()).execute(action, look(desktop), FACTS, ignore)
        assert (acted.outcome.status, acted.decision.refused_by) == ("refused", "guard")
        assert acted.decision.approved is None
        assert window.inputs() == []


def test_two_single_clicks_on_one_place_are_no_double_click(
    display: VirtualDisplay, desktop: Desktop
) -> None:
    """Toolkits go by the server's time between the presses: up to half a second counts as double."""
    executor = Executor(desktop, Policy())
    with EventWindow(display.name) as window:
        for _ in range(2):
            executor.execute(Click(target=BOX), look(desktop), FACTS, ignore)
        first, second = (event.time for event in window.events() if event.type == X.ButtonPress)
    assert second - first > 500


def test_a_stop_in_the_middle_of_typing_releases_everything(
    display: VirtualDisplay, desktop: Desktop
) -> None:
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6

    with EventWindow(display.name) as window:
        executor = Executor(desktop, Policy(), stop=stop)
        acted = executor.execute(Type(text="A long text. " * 380), look(desktop), FACTS, ignore)
        assert acted.outcome.status == "stopped"
        assert len(window.inputs()) < 13 * 380 * 2
    assert held(display.name) == ([], 0)


def test_an_old_picture_of_a_screen_that_is_still_the_same_may_be_acted_on(desktop: Desktop) -> None:
    """A model on a CPU thinks for longer than a picture lives."""
    executor = Executor(desktop, Policy(max_frame_age_s=1e-6))
    acted = executor.execute(Click(target=BOX), look(desktop), FACTS, ignore)
    assert acted.outcome.status == "done"
    assert acted.decision.scene.frame_age_s == 0


def test_an_old_picture_of_a_screen_that_changed_is_stale_not_refused(
    display: VirtualDisplay, desktop: Desktop
) -> None:
    observation = look(desktop)
    with EventWindow(display.name) as window:
        executor = Executor(desktop, Policy(max_frame_age_s=1e-6))
        acted = executor.execute(Click(target=BOX), observation, FACTS, ignore)
        assert acted.outcome.status == "stale"
        assert window.inputs() == []


def test_questions_are_counted_and_a_grant_is_remembered(desktop: Desktop) -> None:
    class Yes:
        asked = 0

        def approve(self, question: object) -> Consent:
            self.asked += 1
            return Consent("yes-for-run")

        def answer(self, question: str, *, stop: object) -> str | None:
            return None

    person = Yes()
    executor = Executor(desktop, Policy(), person=person)
    action = Press(keys=("ctrl", "w"))
    first = executor.execute(action, look(desktop), FACTS, ignore)
    second = executor.execute(action, look(desktop), FACTS, ignore)
    assert first.decision.verdict.level is Level.ASK_ONCE
    assert second.decision.verdict.level is Level.ALLOW
    assert (person.asked, second.decision.scene.approvals) == (1, 1)


def test_the_record_is_what_was_sent(tmp_path: Path, display: VirtualDisplay, desktop: Desktop) -> None:
    """One permit, one dispatch: the permit of a recorded decision can't be used again."""
    decisions: list[Decision] = []
    with EventWindow(display.name) as window:
        Executor(desktop, Policy()).execute(Click(target=BOX), look(desktop), FACTS, decisions.append)
        window.inputs()
        approved = decisions[0].approved
        assert approved is not None
        with pytest.raises(Exception, match="spent"):
            desktop.perform(approved, lambda: False)
        assert window.inputs() == []
