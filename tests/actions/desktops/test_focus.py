"""The focus is stolen before or while something is typed: the rest of it goes nowhere."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from event_window import EventWindow, held
from screens import settled
from text_fields import TextField
from Xlib import X

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.errors import FocusLostError
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.executor import ExecutionResult, Executor, Facts
from qvl_agent.actions.execution.person import CallablePerson
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Type
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, SecretEvent, TextEvent
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.planning.placeholders import SecretValue, placeholder
from qvl_agent.actions.secrets.covered_desktop import CoveredDesktop
from qvl_agent.actions.secrets.vault import Vault
from qvl_agent.sandbox.display import VirtualDisplay

VALUE = "a secret of 密码 and 32 characters"
APP = "text_fields.py"


class Thief(EventWindow):
    """A window over everything that takes the focus when it is told to."""

    def __init__(self, name: str) -> None:
        super().__init__(name, focus=False)

    def steal(self) -> None:
        self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    def keys(self) -> list[tuple[str, int]]:
        return [event for event in self.inputs() if event[0] == "key down"]


@pytest.fixture
def field(display: VirtualDisplay, desktop: Desktop, tmp_path: Path) -> Iterator[TextField]:
    with TextField("qt", display.environment(), tmp_path) as field:
        window = None
        while window is None or APP not in window.names:
            window = desktop.focused()
        yield field


@pytest.fixture
def thief(display: VirtualDisplay, field: TextField) -> Iterator[Thief]:
    with Thief(display.name) as thief:
        yield thief


class _Straight:
    """Gives the value at once, so that the number of looks is known."""

    def typing(self, name: str) -> AbstractContextManager[str]:
        return nullcontext(VALUE)


def vault(application: str = APP) -> Vault:
    return Vault({"pin": SecretValue(VALUE, application)})


def at(count: int, act: Callable[[], None]) -> Callable[[], bool]:
    """A check for a stop that never stops, and does something when it is asked for the n-th time."""
    asked = iter(range(1_000_000))

    def stop() -> bool:
        if next(asked) == count:
            act()
        return False

    return stop


def execute(
    desktop: Desktop, action: Action, stop: Callable[[], bool], secrets: Vault | None = None
) -> ExecutionResult:
    covered = CoveredDesktop(desktop, secrets or vault())
    policy = Policy(secrets=(secrets or vault()).bindings)
    yes = CallablePerson(lambda _question: True)
    executor = Executor(covered, policy, person=yes, secrets=covered, stop=stop)
    frame = covered.grab()
    return executor.execute(action, Observation(frame, frame), Facts(1, 1.0), lambda _decision: None)


@pytest.mark.fault(38)
@pytest.mark.parametrize("count", [3, 9])
def test_stolen_while_typing_the_rest_is_not_typed(
    desktop: Desktop, field: TextField, thief: Thief, display: VirtualDisplay, count: int
) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 8
    before = None

    def steal() -> None:
        nonlocal before
        thief.steal()
        before = thief.keys()

    approved = Approved((TextEvent(text),), "frame", desktop.geometry())
    with pytest.raises(FocusLostError, match="the rest wasn't typed"):
        desktop.perform(approved, at(count, steal))
    assert before == []
    assert thief.keys() == []
    typed = field.settled(text, limit_s=0.3)
    assert text.startswith(typed)
    assert len(typed) < len(text)
    assert held(display.name) == ([], 0)


@pytest.mark.fault(38)
@pytest.mark.parametrize("after", range(0, len(VALUE), 12))
def test_not_one_character_of_a_secret_goes_to_a_thief(
    desktop: Desktop, field: TextField, thief: Thief, display: VirtualDisplay, after: int
) -> None:
    approved = Approved((SecretEvent("pin"),), "frame", desktop.geometry(), secrets=_Straight())
    with pytest.raises(FocusLostError):
        desktop.perform(approved, at(2 + after, thief.steal))
    assert thief.keys() == []
    assert len(field.settled(VALUE, limit_s=0.3)) < len(VALUE)
    assert held(display.name) == ([], 0)


@pytest.mark.fault(38)
def test_the_model_is_told_and_the_run_goes_on(desktop: Desktop, field: TextField, thief: Thief) -> None:
    stolen = []

    def steal() -> None:
        thief.steal()
        stolen.append(True)

    acted = execute(desktop, Type(text="some words. " * 40), at(12, steal))
    assert stolen
    assert acted.outcome.status == "broken-off"
    assert "another window took the keyboard's focus" in acted.outcome.detail


@pytest.mark.fault(38)
def test_stolen_between_two_keys_the_next_is_not_pressed(
    desktop: Desktop, field: TextField, thief: Thief
) -> None:
    keys = (KeyEvent("enter", down=True), KeyEvent("enter", down=False))
    approved = Approved((TextEvent("rm"), *keys), "frame", desktop.geometry())
    with pytest.raises(FocusLostError):
        desktop.perform(approved, at(2, thief.steal))
    assert thief.keys() == []


def test_a_secret_goes_to_no_other_application_even_if_approved(
    desktop: Desktop, field: TextField, thief: Thief
) -> None:
    """The focus may have moved after the guard has judged: it is looked at again with the value at hand."""
    covered = CoveredDesktop(desktop, vault())
    approved = Approved((SecretEvent("pin"),), "frame", desktop.geometry(), secrets=covered)
    thief.steal()
    with pytest.raises(FocusLostError, match=r"is for text_fields\.py"):
        covered.perform(approved, lambda: False)
    assert thief.keys() == []
    assert field.text() == ""


def test_a_secret_for_another_application_is_refused_before(desktop: Desktop, field: TextField) -> None:
    acted = execute(desktop, Type(text=placeholder("pin")), lambda: False, vault("firefox"))
    assert (acted.outcome.status, acted.decision.verdict.rule) == ("refused", "secret-window")
    assert "is for firefox" in acted.outcome.detail
    assert field.text() == ""


def test_a_secret_is_typed_exactly_and_covered(desktop: Desktop, field: TextField) -> None:
    settled(desktop)
    acted = execute(desktop, Type(text=f"ann/{placeholder('pin')}/"), lambda: False)
    assert acted.outcome.status == "done"
    assert field.settled(f"ann/{VALUE}/") == f"ann/{VALUE}/"
    assert VALUE not in f"{acted.decision} {acted.outcome}"
    raw, shown = desktop.grab(), acted.frame
    assert shown is not None
    assert 0 < (raw.pixels != shown.pixels).any(axis=-1).mean() < 0.05


def test_where_its_window_is_moved_it_stays_covered(
    desktop: Desktop, field: TextField, display: VirtualDisplay
) -> None:
    covered = CoveredDesktop(desktop, vault())
    empty = settled(desktop).pixels
    approved = Approved((SecretEvent("pin"),), "frame", desktop.geometry(), secrets=covered)
    covered.perform(approved, lambda: False)
    ink = (desktop.grab().pixels != empty).any(axis=-1)
    assert seen(covered, desktop)[ink].mean() < 0.05  # the caret may have blinked
    before = desktop.focused().rect
    command = ["xdotool", "getactivewindow", "windowmove", str(before.left + 150), str(before.top + 120)]
    subprocess.run(command, env=display.environment(), check=True)
    while (after := desktop.focused().rect) == before:
        pass
    settled(desktop)
    moved = np.roll(ink, (after.top - before.top, after.left - before.left), axis=(0, 1))
    assert seen(covered, desktop)[moved].mean() < 0.05


def seen(covered: CoveredDesktop, desktop: Desktop) -> np.ndarray:
    """Which pixels are shown as they are."""
    return (covered.grab().pixels == desktop.grab().pixels).all(axis=-1)


def test_a_click_on_what_takes_no_focus_types_where_the_focus_was(
    desktop: Desktop, field: TextField, thief: Thief
) -> None:
    """A panel or an on-screen key never takes it."""
    acted = execute(desktop, Type(text="on", target=ModelBox.of(5, 5, 15, 15)), lambda: False)
    assert acted.outcome.status == "done"
    assert field.settled("on") == "on"
