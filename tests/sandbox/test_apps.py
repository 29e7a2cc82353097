"""The applications in their own processes: seeded, strict, honest about what a click hits, mortal."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from project import SUPPORT

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, MoveEvent
from qvl_agent.actions.screen.settle import settle
from qvl_agent.sandbox.apps import APPS
from qvl_agent.sandbox.apps.appearance import THEMES, Appearance, Theme, language_of
from qvl_agent.sandbox.apps.protocol import PASSIVE
from qvl_agent.sandbox.display import VirtualDisplay
from qvl_agent.sandbox.hosting.client import AppProcess
from qvl_agent.sandbox.session import Sandbox, open_sandbox
from qvl_agent.sandbox.tasks import TASKS, start_exercise

SEEDS = range(20)


@pytest.fixture
def chat(display: VirtualDisplay) -> Iterator[AppProcess]:
    with AppProcess("chat", display.environment()) as process:
        yield process


@pytest.fixture(scope="module")
def asked_chat(display: VirtualDisplay) -> Iterator[AppProcess]:
    """One for all the requests that make no sense: each must leave it as it was."""
    with AppProcess("chat", display.environment()) as process:
        yield process


def luminance(colour: str) -> float:
    """Relative luminance: https://www.w3.org/TR/WCAG21/#dfn-relative-luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_theme_can_be_read(theme: Theme) -> None:
    for ground in (theme.window, theme.panel, theme.field, theme.hover, theme.chosen):
        assert contrast(theme.text, ground) >= 7, ground
    for ground in (theme.window, theme.panel, theme.field):
        assert contrast(theme.muted, ground) >= 4.5, ground
        assert contrast(theme.danger, ground) >= 4, ground
    assert contrast(theme.on_accent, theme.accent) >= 4.5


@pytest.mark.parametrize("screen", [(1280, 800), (800, 600), (2560, 1440)])
def test_a_window_is_inside_the_screen_whatever_the_seed(screen: tuple[int, int]) -> None:
    for seed in range(200):
        for app in APPS:
            window = Appearance.from_seed(app, seed, screen).window
            assert window.left >= 0
            assert window.top >= 16, "no room for the title bar"
            assert window.left + window.width <= screen[0]
            assert window.top + window.height <= screen[1]


def test_seeds_vary_everything() -> None:
    looks = [Appearance.from_seed("chat", seed, (1280, 800)) for seed in SEEDS]
    assert {look.language for look in looks} == {"en", "zh"}
    assert len({look.theme.name for look in looks}) >= 5
    assert len({look.font_px for look in looks}) >= 4
    assert len({look.window for look in looks}) == len(looks)
    starts = {
        app: {start_exercise(app, None, seed).start.model_dump_json() for seed in SEEDS} for app in APPS
    }
    assert all(len(different) == len(SEEDS) for different in starts.values())


def test_a_seed_means_the_same_in_every_process() -> None:
    script = (
        "from qvl_agent.sandbox.tasks import TASKS, start_exercise\n"
        "from qvl_agent.sandbox.apps.appearance import Appearance\n"
        "for app in TASKS:\n"
        "    for task in TASKS[app]:\n"
        "        for seed in range(4):\n"
        "            it = start_exercise(app, task, seed)\n"
        "            print(it.start, it.goal, it.instruction, Appearance.from_seed(app, seed, (1280, 800)))\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    }
    assert len(said) == 1
    assert len(said.pop()) > 10_000


@pytest.mark.parametrize(
    ("every", "least"), [("4", 2_500), pytest.param("1", 10_000, marks=pytest.mark.nightly)]
)
def test_nothing_is_cut_off_or_covered_at_any_font_size(every: str, least: int) -> None:
    """Of all tasks, languages and font sizes, every so many."""
    done = subprocess.run(
        [sys.executable, SUPPORT / "fitting.py", every], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
    assert int(done.stderr.rsplit("looked at ", 1)[1].split()[0]) > least


def settled(desktop: Desktop) -> Pixels:
    """The screen once it is quiet: the window manager draws the frame and title in its own time."""
    quiet = settle(
        desktop.grab, desktop.grab(), target=None, stop=lambda: False, clock=time.monotonic, sleep=time.sleep
    )
    assert quiet.quiet
    return quiet.frame.pixels.copy()


def test_the_same_seed_gives_the_same_pixels_and_another_seed_others() -> None:
    with open_sandbox("chat", seed=3) as sandbox:
        first = settled(sandbox.desktop)
        sandbox.reset(None, 4)
        second = settled(sandbox.desktop)
        sandbox.reset(None, 3)
        third = settled(sandbox.desktop)
        assert not np.array_equal(first, second)
        assert np.array_equal(first, third)


def click(desktop: Desktop, point: DesktopPoint) -> None:
    plan = (MoveEvent(point), ButtonEvent("left", down=True), ButtonEvent("left", down=False))
    desktop.perform(Approved(plan, "test", desktop.geometry()), lambda: False)


def presses(sandbox: Sandbox, number: int) -> list[str]:
    """Wait until the application has seen so many presses, and the last one's release: a list closes then."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        seen = sandbox.clicks()
        if len(seen) >= number and not seen[-1].held:
            return [press.id for press in seen]
        time.sleep(0.005)
    raise AssertionError(f"expected {number} presses and releases within 10 s, got {sandbox.clicks()}")


@pytest.mark.parametrize("seeds", [2, pytest.param(12, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize("wayland", [False, True], ids=["x11", "wayland"])
def test_a_click_in_the_middle_of_a_listed_widget_hits_that_widget(
    app: str, seeds: int, wayland: bool
) -> None:
    """Whatever opens on the way (lists, dialogs, calendars) is clicked through as well."""
    chance, roles = random.Random(f"clicks/{app}"), set()
    with open_sandbox(app, wayland=wayland) as sandbox:
        for seed in range(seeds):
            sandbox.reset(None, seed)
            settled(sandbox.desktop)  # nobody clicks on a window that the manager is still busy with
            wanted: list[str] = []
            for _ in range(14):
                node = chance.choice([node for node in sandbox.tree().nodes if node.role not in PASSIVE])
                wanted.append(node.id)
                roles.add(node.role)
                middle = DesktopPoint(
                    node.rect.left + node.rect.width // 2, node.rect.top + node.rect.height // 2
                )
                click(sandbox.desktop, middle)
                assert presses(sandbox, len(wanted)) == wanted, seed
    assert len(roles) >= 4


def test_a_click_beside_everything_hits_nothing() -> None:
    with open_sandbox("form", seed=0) as sandbox:
        title = sandbox.tree().get("title")
        assert title is not None
        click(sandbox.desktop, DesktopPoint(title.rect.left + 3, title.rect.top + 3))
        assert presses(sandbox, 1) == [""]


def test_a_dialog_and_a_menu_hide_what_is_behind_them() -> None:
    with open_sandbox("form", task="cancel-registration", seed=1) as sandbox:
        ids = {node.id for node in sandbox.tree().nodes}
        assert {"confirm/yes", "confirm/no"} <= ids
        assert not ids & {"name", "submit", "agreed"}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b'{"do": "eval"}',
        b'{"do": "tree", "more": 1}',
        b'{"do": "reset", "seed": "1"}',
        b"\xff",
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_next_one_answered(
    asked_chat: AppProcess, line: bytes
) -> None:
    stdin, stdout = asked_chat._process.stdin, asked_chat._process.stdout
    assert stdin is not None
    assert stdout is not None
    stdin.write(line + b"\n")
    stdin.flush()
    assert list(json.loads(stdout.readline())) == ["error"]
    assert asked_chat.ask("clicks") == []


def test_an_unknown_task_is_refused_by_the_application_too(asked_chat: AppProcess) -> None:
    with pytest.raises(DesktopError, match="no task in chat 'nosuch'; choose uncheck-pinned-chat"):
        asked_chat.ask("reset", task="nosuch", seed=0)
    asked_chat.ask("reset", task=next(iter(TASKS["chat"])), seed=0)


def test_a_crash_is_reported_with_its_cause(chat: AppProcess) -> None:
    os.kill(chat.pid, signal.SIGKILL)
    with pytest.raises(DesktopError, match="the sandbox's chat was killed by signal 9"):
        chat.ask("tree")


def test_an_application_without_a_display_says_why() -> None:
    environment = {
        key: value for key, value in os.environ.items() if key not in {"DISPLAY", "WAYLAND_DISPLAY"}
    }
    with pytest.raises(DesktopError, match=r"the sandbox's chat (was killed|ended)"):
        AppProcess("chat", environment)


def test_quit_and_close_end_the_process(display: VirtualDisplay) -> None:
    process = AppProcess("form", display.environment())
    process.ask("quit")
    process.close()
    process.close()
    assert process._process.returncode == 0
    with pytest.raises(DesktopError, match="was closed"):
        process.ask("tree")


def test_the_application_ends_when_its_parent_is_killed(display: VirtualDisplay) -> None:
    script = (
        "import os, time\n"
        "from qvl_agent.sandbox.hosting.client import AppProcess\n"
        "print(AppProcess('chat', dict(os.environ)).pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], env=display.environment(), stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert running(child)
        parent.kill()
    deadline = time.monotonic() + 20
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(child)


def running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def test_without_pyside6_the_remedy_is_named() -> None:
    script = (
        "import sys\n"
        "sys.modules['PySide6'] = None\n"
        "from qvl_agent.actions.core.errors import NoScreenError\n"
        "from qvl_agent.sandbox.session import open_sandbox\n"
        "try:\n"
        "    open_sandbox('chat')\n"
        "except NoScreenError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "the sandbox needs PySide6: pip install 'qvl-agent[sandbox]'\n"


def test_half_the_seeds_speak_english() -> None:
    assert [language_of(seed) for seed in range(5)] == ["en", "en", "zh", "zh", "en"]
