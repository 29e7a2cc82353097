"""GNOME by its portal: the person agrees, declines or ends it; what is sent is what arrives.

It needs GNOME Shell, which `make desktops` installs; elsewhere it is skipped.
"""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from gnome_session import GnomeSession, lacking
from text_fields import TextField
from whole_window import WholeWindow

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect, frame_to_desktop
from qvl_agent.actions.core.errors import CoordinateError, DesktopError, NoScreenError, Stopped, TypingError
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.agent.doctor import hands

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "it can run")


def perform(desktop: Desktop, *events: Event, stop: Callable[[], bool] = lambda: False) -> None:
    desktop.perform(Approved(events, "test", desktop.geometry()), stop)


@contextmanager
def answering(answer: Callable[[], None]) -> Iterator[None]:
    """The person answers the dialog meanwhile."""
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.fixture(scope="module")
def session() -> Iterator[GnomeSession]:
    with GnomeSession() as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        patch.delenv("DISPLAY", raising=False)
        yield running


@pytest.fixture(scope="module")
def desktop(session: GnomeSession) -> Iterator[Desktop]:
    with answering(session.person.agrees):
        opened = open_local()
    with closing(opened):
        yield opened


@pytest.fixture
def window(session: GnomeSession, desktop: Desktop) -> Iterator[WholeWindow]:
    perform(desktop, KeyEvent("shift", down=True), KeyEvent("shift", down=False))
    with WholeWindow(session.environment()) as shown:
        shown.fill(0, 0, 1280, 800, 0xFEFEFE)
        deadline = time.monotonic() + 10
        while drawn(desktop, 0xFEFEFE) != (0, 0, 1280, 800) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)  # GNOME moves windows into their place, and gives them no input meanwhile
        yield shown


def drawn(desktop: Desktop, colour: int) -> tuple[int, int, int, int]:
    wanted = np.frombuffer(colour.to_bytes(3, "big"), np.uint8)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        rows, columns = np.where((desktop.grab().pixels == wanted).all(axis=2))
        if len(rows):
            return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
        time.sleep(0.01)
    raise AssertionError(f"{colour:06x} was never shown")


def test_once_the_person_agrees_the_screen_is_seen(desktop: Desktop, window: WholeWindow) -> None:
    assert desktop.name == "local wayland-0"
    assert desktop.geometry().monitors == (Rect(0, 0, 1280, 800),)
    window.fill(100, 100, 300, 200, 0x336699)
    assert drawn(desktop, 0x336699) == (100, 100, 400, 300)
    part = desktop.grab(Rect(90, 90, 50, 40))
    assert (part.size, part.origin, part.scale) == ((50, 40), FramePoint(90, 90), 1.0)
    with pytest.raises(DesktopError, match="not on the captured monitor"):
        desktop.grab(Rect(1270, 0, 20, 10))


@pytest.mark.parametrize("boxes", [20, pytest.param(200, marks=pytest.mark.nightly)])
def test_the_middle_of_a_box_in_the_picture_is_the_middle_of_it(
    desktop: Desktop, window: WholeWindow, boxes: int
) -> None:
    dice = random.Random(3)
    for number in range(boxes):
        width, height = dice.randrange(8, 60), dice.randrange(8, 60)
        left, top = dice.randrange(1280 - width), dice.randrange(800 - height)
        window.fill(0, 0, 1280, 800, 0xFFFFFF)
        window.fill(left, top, width, height, 0x200000 + number)
        x1, y1, x2, y2 = drawn(desktop, 0x200000 + number)
        middle = frame_to_desktop(FramePoint((x1 + x2) // 2, (y1 + y2) // 2), desktop.grab().view)
        window.events()
        perform(desktop, MoveEvent(middle))
        x, y = window.until("motion")[-1][1]
        assert abs(x - (left + width / 2)) <= 1
        assert abs(y - (top + height / 2)) <= 1


def test_buttons_wheel_and_drags_arrive_as_sent(desktop: Desktop, window: WholeWindow) -> None:
    perform(desktop, MoveEvent(DesktopPoint(640, 400)))
    window.until("motion")
    for button in ("left", "middle", "right"):
        perform(desktop, ButtonEvent(button, down=True), ButtonEvent(button, down=False))  # type: ignore[arg-type]
        name = f"{button.capitalize()}Button"
        assert window.until("button up") == [("button down", name), ("button up", name)]
    for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        perform(desktop, WheelEvent(dx, dy))
        turned = [value for what, value in window.until("scroll") if what == "scroll"]
        assert np.sign(np.sum(turned, axis=0)).tolist() == [dx, dy]
    press, release = ButtonEvent("left", down=True), ButtonEvent("left", down=False)
    perform(desktop, MoveEvent(DesktopPoint(100, 100)))
    perform(desktop, press, MoveEvent(DesktopPoint(300, 200)), release)
    assert sum(what == "motion" for what, _ in window.until("button up")) > 10


@pytest.mark.parametrize("kind", ["gtk", "qt"])
@pytest.mark.parametrize("strings", [3, pytest.param(200, marks=pytest.mark.nightly)])
def test_what_the_layout_has_arrives_exactly_and_nothing_else_is_typed(
    session: GnomeSession, desktop: Desktop, kind: str, strings: int, tmp_path: Path
) -> None:
    dice, letters = random.Random(kind), "".join(map(chr, range(32, 127)))
    with TextField(kind, session.environment(), tmp_path) as field:
        for text in (letters, *("".join(dice.choices(letters, k=30)) for _ in range(strings))):
            field.clear()
            perform(desktop, TextEvent(text))
            assert field.settled(text) == text
        field.clear()
        with pytest.raises(TypingError, match=r"layout lacks 2 of the text's characters.*nothing was typed"):
            perform(desktop, KeyEvent("x", down=True), TextEvent("Grüße"))
        perform(desktop, TextEvent("ab"))
        chord = [KeyEvent("ctrl", down=True), KeyEvent("a", down=True)]
        perform(desktop, *chord, KeyEvent("a", down=False), KeyEvent("ctrl", down=False), TextEvent("new"))
        assert field.settled("new") == "new"


def test_what_was_pressed_is_released_however_it_ends(desktop: Desktop, window: WholeWindow) -> None:
    asked = iter([False, False, False, True])
    press = KeyEvent("shift", down=True), ButtonEvent("left", down=True)
    with pytest.raises(Stopped):
        perform(desktop, *press, MoveEvent(DesktopPoint(60, 60)), stop=lambda: next(asked))
    seen = dict(window.until("button up"))
    deadline = time.monotonic() + 5
    while "key up" not in seen and time.monotonic() < deadline:
        seen |= dict(window.events())
    assert (seen["key up"], seen["button up"]) == ("Shift", "LeftButton")
    with pytest.raises(CoordinateError):
        perform(desktop, KeyEvent("shift", down=True), MoveEvent(DesktopPoint(1280, 1)))


def test_a_killed_program_holds_nothing(session: GnomeSession, desktop: Desktop, window: WholeWindow) -> None:
    program = """
from qvl_agent.actions.desktops import open_local
import time
desktop = open_local()
desktop._wake()
desktop._press(("key", ord("a")), down=True)
desktop._press(("button", 0x110), down=True)
print("held", flush=True)
time.sleep(60)
"""
    with (
        answering(session.person.agrees),
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as killed,
    ):
        assert killed.stdout is not None
        assert killed.stdout.readline() == "held\n"
        killed.kill()
    seen = dict(window.until("key up"))
    deadline = time.monotonic() + 3
    while "button up" not in seen and time.monotonic() < deadline:
        seen |= dict(window.events())
    assert (seen["key up"], seen["button up"]) == ("A", "LeftButton")


def test_the_doctor_sees_what_it_sends_arrive(
    desktop: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    hands.try_once(desktop)
    assert (tmp_path / "qvl-agent" / "hands-tried").read_text().endswith("PortalDesktop GNOME\n")


def test_who_declines_or_shares_the_picture_alone_is_understood(session: GnomeSession) -> None:
    with answering(session.person.declines), pytest.raises(NoScreenError, match="was declined in the dialog"):
        open_local()
    with (
        answering(lambda: session.person.agrees(input_too=False)),
        pytest.raises(NoScreenError, match=r"mouse and keyboard weren't: .*“Allow Remote Interaction”"),
    ):
        open_local()


def test_the_person_ends_it_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sign at the top of the screen; it ends this test's own person's session too."""
    with GnomeSession() as session:
        for name, value in session.environment().items():
            monkeypatch.setenv(name, value)
        with answering(session.person.agrees):
            desktop = open_local()
        with closing(desktop):
            desktop.grab()
            session.person.ends_the_sharing()
            time.sleep(1)
            with pytest.raises(Stopped, match="sharing the screen was ended"):
                desktop.grab()
            with pytest.raises(Stopped, match="sharing the screen was ended"):
                perform(desktop, KeyEvent("a", down=True), KeyEvent("a", down=False))


def test_without_a_bus_or_a_portal_one_line_says_what_to_do(
    session: GnomeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={session.folder}/nobody")
    with pytest.raises(NoScreenError, match="there is no D-Bus session"):
        open_local()
    assert os.environ["WAYLAND_DISPLAY"] == "wayland-0"
