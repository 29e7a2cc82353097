"""The doctor tries a desktop's input in a window of its own, and says what arrived."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError, Stopped
from qvl_agent.actions.desktops import Desktop, DesktopWrapper, StopCheck, open_local
from qvl_agent.actions.desktops.trial import Trial
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import MoveEvent
from qvl_agent.agent.cli.main import main
from qvl_agent.agent.doctor import hands
from qvl_agent.sandbox.display import VirtualDisplay, WaylandDisplay


@pytest.fixture(scope="module")
def session() -> Iterator[WaylandDisplay]:
    with WaylandDisplay((1280, 800), scale=1.25) as running:
        yield running


@pytest.fixture
def desktop(session: WaylandDisplay) -> Iterator[Desktop]:
    with closing(open_local(session.name)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "a compositor")
    return tmp_path / "cache"


class Counting(DesktopWrapper):
    """Counts the windows that are shown."""

    shown = 0

    def trial(self) -> Trial | None:
        self.shown += 1
        return super().trial()


class Dropping(Counting):
    """Says that all was sent, and sends nothing."""

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        del stop
        approved.spend(self.geometry())


class Shifting(Counting):
    """Puts the pointer elsewhere."""

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        plan = tuple(
            MoveEvent(DesktopPoint(event.point.x + 15, event.point.y))
            if isinstance(event, MoveEvent)
            else event
            for event in approved.spend(self.geometry())
        )
        self._desktop.perform(Approved(plan, "test", self.geometry()), stop)


def said(*command: str) -> tuple[int, dict[str, str]]:
    """The exit code, and the findings by their names, the last of each."""
    done = CliRunner().invoke(main, ["doctor", "--no-pointing", "--hands", *command])
    lines = [line.partition(": ") for line in done.output.splitlines()]
    return done.exit_code, {name.split()[-1]: f"{name.split()[0]} {fact}" for name, _, fact in lines if fact}


def test_on_sway_all_arrives(session: WaylandDisplay) -> None:
    code, found = said("--desktop", session.name)
    assert code == 0
    assert found["click"].startswith("ok a click arrived (")
    assert found["scroll"] == "ok 2 notches down arrived"
    assert found["typing"] == "ok “Aa1 (x_y) Grüße, Привет 你好 €” arrived exactly"


def test_where_no_window_can_be_shown_it_says_so(display: VirtualDisplay) -> None:
    code, found = said("--desktop", display.name)
    assert code == 0
    assert found["hands"] == f"note local {display.name} can't show a window of ours, so nothing was tried"


def test_before_the_first_run_it_is_tried_and_never_again(desktop: Desktop) -> None:
    counted = Counting(desktop)
    hands.try_once(counted)
    hands.try_once(counted)
    assert counted.shown == 1


def test_another_session_is_tried_by_itself(desktop: Desktop, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counting(desktop)
    hands.try_once(counted)
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "another")
    hands.try_once(counted)
    assert counted.shown == 2


@pytest.mark.parametrize(
    ("kind", "what"),
    [(Dropping, "a click was sent .* and none arrived"), (Shifting, r"a click arrived \(\+1[45]\.\d, ")],
)
def test_input_that_vanishes_or_lands_elsewhere_stops_every_run(
    desktop: Desktop, kind: type[Counting], what: str
) -> None:
    """Each time: what didn't work isn't taken for tried."""
    broken = kind(desktop)
    for _ in range(2):
        with pytest.raises(DesktopError, match=f"input doesn't arrive here as it is sent: .*{what}"):
            hands.try_once(broken)
    assert broken.shown == 2


def test_a_stop_ends_it(desktop: Desktop) -> None:
    with pytest.raises(Stopped):
        hands.try_once(desktop, stop=lambda: True)


def test_a_window_that_isnt_shown_is_said(desktop: Desktop) -> None:
    class Failing(DesktopWrapper):
        def trial(self) -> Trial:
            return Trial("qvl_agent.actions.desktops.wayland.window", "/nobody/here")

    failing = Failing(desktop)
    failing.capabilities = replace(failing.capabilities)
    with pytest.raises(DesktopError, match="isn't shown: no Wayland compositor answers at /nobody/here"):
        hands.try_once(failing)
