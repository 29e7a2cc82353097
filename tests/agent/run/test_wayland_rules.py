"""The guard's rules about windows, and the last look before an input, in a real Wayland session."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from scripted_models import DONE, Listening
from text_fields import TextField

from qvl_agent.actions.core.coordinates import GRID, Rect
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent import Agent, Run
from qvl_agent.sandbox.display import WaylandDisplay


@pytest.fixture
def session() -> Iterator[WaylandDisplay]:
    with WaylandDisplay((1280, 800)) as running:
        yield running


@pytest.fixture
def desktop(session: WaylandDisplay) -> Iterator[Desktop]:
    with closing(open_local(session.name)) as opened:
        yield opened


def place(desktop: Desktop, title: str) -> Rect:
    """Where the window with the focus is; waited for."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        window = desktop.focused()
        if window is not None and title in (window.title, window.app) and window.rect is not None:
            return window.rect
        time.sleep(0.02)
    raise AssertionError(f"{title} never had the focus")


def click(rect: Rect) -> str:
    """A click on a window's middle."""
    x, y = rect.left + rect.width / 2, rect.top + rect.height / 2
    box = [round(each) for each in (x * GRID / 1280, y * GRID / 800) * 2]
    return f'{{"action": "click", "bbox_2d": {box}, "label": "middle"}}'


def run(desktop: Desktop, folder: Path, *replies: str, policy: Policy | None = None, **more: object) -> Run:
    model = Listening(*replies, DONE, **more)  # type: ignore[arg-type]
    return Agent(desktop, model, runs=folder, policy=policy or Policy(), look_closer="never").run("do it")


def outcomes(done: Run) -> list[tuple[str, str]]:
    return [
        (step.outcome.outcome.status, step.outcome.outcome.detail)
        for step in done.recording().steps
        if step.outcome is not None
    ]


def test_an_allowed_application_is_clicked_and_no_other(
    session: WaylandDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    with TextField("gtk", session.environment(), tmp_path):
        allowed = desktop.focused()
        assert allowed is not None
        assert allowed.rect is not None
        policy = Policy(apps=(allowed.app,))
        tries = (click(allowed.rect),) * 4  # a caret that blinks there makes one stale
        ends = outcomes(run(desktop, tmp_path / "a", *tries, policy=policy))
        assert "done" in dict(ends), ends
        assert "refused" not in dict(ends), ends
        with TextField("qt", session.environment(), tmp_path):
            other = desktop.focused()
            assert other is not None
            assert other.rect is not None
            assert other.app != allowed.app
            status, detail = outcomes(run(desktop, tmp_path / "b", click(other.rect), policy=policy))[0]
            assert status == "refused", detail


def test_a_command_in_a_terminal_is_asked_about(
    session: WaylandDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    with TextField("foot", session.environment(), tmp_path) as terminal:
        place(desktop, "foot")
        done = run(desktop, tmp_path / "runs", '{"action": "type", "text": "rm -rf ~\\n"}')
        assert outcomes(done)[0][0] == "refused"
        assert terminal.text() == ""


def test_a_window_that_moves_after_the_look_gets_no_click(
    session: WaylandDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    def move() -> None:
        command = ["swaymsg", "[title=.*field] move absolute position 20 60"]
        subprocess.run(command, env=session.environment(), check=True, capture_output=True)
        time.sleep(0.2)

    with TextField("gtk", session.environment(), tmp_path):
        rect = place(desktop, "gtk field")
        done = run(desktop, tmp_path / "runs", click(rect), meanwhile=move)
        assert outcomes(done)[0][0] == "stale"
