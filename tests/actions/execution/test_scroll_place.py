"""Scrolling without a place, as Qwen's own tool allows: over the pointer, else over the focused window."""

import subprocess

import pytest
from event_window import EventWindow
from text_fields import wait_until

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import Decision, Executor, Facts
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.actions.planning.action import Scroll
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import MoveEvent
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.sandbox.display import VirtualDisplay

SCROLL = '{"name": "computer_use", "arguments": {"action": "scroll", "pixels": -300}}'


def scroll(desktop: Desktop, policy: Policy | None = None) -> tuple[Outcome, Decision]:
    action = parse_action(SCROLL)
    assert action == Scroll(dy=3)
    decided: list[Decision] = []
    frame = desktop.grab()
    result = Executor(desktop, policy or Policy()).execute(
        action, Observation(frame, frame), Facts(1, 1.0), decided.append
    )
    return result.outcome, decided[0]


def put_pointer(desktop: Desktop, x: int, y: int) -> None:
    plan = (MoveEvent(DesktopPoint(x, y)),)
    desktop.perform(Approved(plan, "frame", desktop.geometry()), lambda: False)


def test_it_goes_over_the_window_under_the_pointer(screen: VirtualDisplay, hands: Desktop) -> None:
    with EventWindow(screen.name, place=(100, 100, 200, 150)) as window:
        put_pointer(hands, 150, 160)
        outcome, decision = scroll(hands)
        assert outcome.status == "done"
        assert outcome.pointer == decision.scene.scroll_at == DesktopPoint(150, 160)
        assert [button for what, button in window.inputs() if what == "button down"] == [5, 5, 5]


def test_over_the_bare_desktop_it_goes_to_the_window_with_the_focus(
    screen: VirtualDisplay, hands: Desktop
) -> None:
    with EventWindow(screen.name, place=(100, 100, 200, 150)) as window:
        put_pointer(hands, 700, 500)
        outcome, _ = scroll(hands)
        assert outcome.pointer == DesktopPoint(200, 175)
        assert [button for what, button in window.inputs() if what == "button down"] == [5, 5, 5]


def test_with_no_window_at_all_the_model_is_told(hands: Desktop) -> None:
    put_pointer(hands, 700, 500)
    with pytest.raises(CoordinateError, match="give the place to scroll at"):
        scroll(hands)


def test_it_is_judged_where_it_goes(screen: VirtualDisplay, hands: Desktop) -> None:
    command = ["xterm", "-geometry", "60x20+100+100", "-e", "sleep", "60"]
    with subprocess.Popen(command, env=screen.environment()) as terminal:
        try:
            wait_until(lambda: hands.focused() is not None, "xterm")
            outcome, decision = scroll(hands, Policy(forbidden_apps=("xterm",)))
            assert (outcome.status, decision.verdict.rule) == ("refused", "forbidden-app")
            _, decision = scroll(hands, Policy(apps=("gedit",)))
            assert decision.verdict.rule == "other-app"
        finally:
            terminal.terminate()
