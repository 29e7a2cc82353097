"""A Wayland desktop under sway: it shows what is drawn, and what is sent is what arrives."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import pytest
from text_fields import TextField
from typing_exact import alphabet, random_text
from whole_window import WholeWindow

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect, frame_to_desktop
from qvl_agent.actions.core.errors import (
    CoordinateError,
    DesktopError,
    FocusLostError,
    KeyNameError,
    NoScreenError,
    Stopped,
    TypingError,
)
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.keysyms import MISREAD, MISREAD_BY_GTK
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.actions.planning.keys import KEYS
from qvl_agent.sandbox.display import VirtualDisplay, WaylandDisplay

TEXT = 'Grüße, Привет 你好 Żółć €5 😀 "q" \\ ~ ABC'
KINDS = ("gtk", "qt", "foot")


def perform(desktop: Desktop, *events: Event, stop: Callable[[], bool] = lambda: False) -> None:
    desktop.perform(Approved(events, "test", desktop.geometry()), stop)


def chord(*keys: str) -> list[KeyEvent]:
    return [*(KeyEvent(key, down=True) for key in keys), *(KeyEvent(key, down=False) for key in keys[::-1])]


def tell_sway(session: WaylandDisplay, command: str) -> None:
    done = ["swaymsg", "--", *command.split(" ")]
    subprocess.run(done, env=session.environment(), check=True, capture_output=True)


def until(holds: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def session() -> Iterator[WaylandDisplay]:
    with WaylandDisplay((1280, 800)) as running:
        yield running


@pytest.fixture
def desktop(session: WaylandDisplay) -> Iterator[Desktop]:
    with closing(open_local(session.name)) as opened:
        yield opened


@pytest.fixture
def window(session: WaylandDisplay, desktop: Desktop) -> Iterator[WholeWindow]:
    """With the keys, which it gets once a desktop has brought a keyboard."""
    del desktop
    with WholeWindow(session.environment()) as shown:
        yield shown


def drawn(desktop: Desktop, colour: int) -> tuple[int, int, int, int]:
    """The left, top, right and bottom of a colour in the capture; waited for."""
    wanted = np.frombuffer(colour.to_bytes(3, "big"), np.uint8)

    def there() -> tuple[np.ndarray, np.ndarray]:
        rows, columns = np.where((desktop.grab().pixels == wanted).all(axis=2))
        return rows, columns

    until(lambda: bool(len(there()[0])), f"the colour {colour:06x}")
    rows, columns = there()
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_it_shows_exactly_what_is_drawn(desktop: Desktop, window: WholeWindow) -> None:
    dice = random.Random(4)
    wanted = np.full((800, 1280, 3), 255, np.uint8)
    for _ in range(60):
        left, top = dice.randrange(1200), dice.randrange(700)
        width, height, colour = dice.randrange(1, 80), dice.randrange(1, 100), dice.randrange(2**24)
        window.fill(left, top, width, height, colour)
        wanted[top : top + height, left : left + width] = list(colour.to_bytes(3, "big"))
    until(lambda: np.array_equal(desktop.grab().pixels, wanted), "the same picture", 3)
    part = desktop.grab(Rect(100, 50, 200, 120))
    assert np.array_equal(part.pixels, wanted[50:170, 100:300])
    assert (part.scale, part.monitor, part.origin) == (1.0, Rect(0, 0, 1280, 800), FramePoint(100, 50))
    with pytest.raises(DesktopError, match="not on the captured monitor"):
        desktop.grab(Rect(1270, 0, 20, 10))


def test_the_pointer_buttons_and_wheel_arrive_as_sent(desktop: Desktop, window: WholeWindow) -> None:
    for x, y in ((1279, 799), (0, 0), (1279, 0), (0, 799), (640, 400), (123, 457)):
        perform(desktop, MoveEvent(DesktopPoint(x, y)))
        assert [int(at) for at in window.until("motion")[-1][1]] == [x, y]
        assert desktop.pointer() == DesktopPoint(x, y)
    for button in ("left", "middle", "right"):
        perform(desktop, ButtonEvent(button, down=True), ButtonEvent(button, down=False))  # type: ignore[arg-type]
        name = f"{button.capitalize()}Button"
        assert window.until("button up") == [("button down", name), ("button up", name)]
    for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        perform(desktop, WheelEvent(dx, dy))
        assert window.until("scroll") == [("scroll", [dx, dy])]


def test_a_drag_passes_the_points_between(desktop: Desktop, window: WholeWindow) -> None:
    press, release = ButtonEvent("left", down=True), ButtonEvent("left", down=False)
    perform(desktop, MoveEvent(DesktopPoint(100, 100)))
    window.until("motion")
    perform(desktop, press, MoveEvent(DesktopPoint(300, 200)), release)
    seen = [what for what, _ in window.until("button up")]
    assert seen[0] == "button down"
    assert seen.count("motion") > 10
    assert seen[-1] == "button up"


@pytest.mark.parametrize("boxes", [20, pytest.param(200, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("scale", [1, 1.25, 1.5, 2])
def test_the_middle_of_a_box_in_the_picture_is_the_middle_of_it_on_the_screen(
    scale: float, boxes: int
) -> None:
    dice = random.Random(scale)
    with ExitStack() as stack:
        session = stack.enter_context(WaylandDisplay((1280, 800), scale=scale))
        desktop = stack.enter_context(closing(open_local(session.name)))
        window = stack.enter_context(WholeWindow(session.environment()))
        monitor = desktop.geometry().monitors[0]
        assert desktop.grab().size == (1280, 800)
        assert desktop.grab().scale == pytest.approx(scale, rel=0.002)
        for number in range(boxes):
            width, height = dice.randrange(8, 60), dice.randrange(8, 60)
            left = dice.randrange(monitor.width - width)
            top = dice.randrange(monitor.height - height)
            window.fill(0, 0, monitor.width, monitor.height, 0xFFFFFF)
            window.fill(left, top, width, height, 0x200000 + number)
            x1, y1, x2, y2 = drawn(desktop, 0x200000 + number)
            middle = frame_to_desktop(FramePoint((x1 + x2) // 2, (y1 + y2) // 2), desktop.grab().view)
            window.events()
            perform(desktop, MoveEvent(middle))
            x, y = window.until("motion")[-1][1]
            assert abs(x - (left + width / 2)) <= 1
            assert abs(y - (top + height / 2)) <= 1


@pytest.mark.parametrize("turn", ["90", "180", "270", "flipped", "flipped-90"])
def test_a_turned_monitor_is_captured_and_pointed_at_as_it_is_seen(turn: str) -> None:
    with ExitStack() as stack:
        config = f"output HEADLESS-1 transform {turn}\n"
        session = stack.enter_context(WaylandDisplay((640, 400), config=config))
        desktop = stack.enter_context(closing(open_local(session.name)))
        window = stack.enter_context(WholeWindow(session.environment()))
        size = (400, 640) if "90" in turn or "270" in turn else (640, 400)
        assert desktop.geometry().monitors == (Rect(0, 0, *size),)
        assert desktop.grab().size == size
        window.fill(50, 20, 30, 10, 0x336699)
        assert drawn(desktop, 0x336699) == (50, 20, 80, 30)
        perform(desktop, MoveEvent(DesktopPoint(350, 370)))
        assert [int(at) for at in window.until("motion")[-1][1]] == [350, 370]


def test_the_second_monitor_is_seen_and_pointed_at() -> None:
    """It is larger, has another scale, and lies left of the first: with negative coordinates."""
    with ExitStack() as stack:
        session = stack.enter_context(WaylandDisplay((640, 400)))
        tell_sway(session, "create_output")
        tell_sway(session, "output HEADLESS-2 mode 1200x900 position -800 0 scale 1.5")
        desktop = stack.enter_context(closing(open_local(session.name, monitor=2)))
        assert desktop.geometry().monitors == (Rect(0, 0, 640, 400), Rect(-800, 0, 800, 600))
        tell_sway(session, "focus output HEADLESS-2")
        window = stack.enter_context(WholeWindow(session.environment(), "HEADLESS-2"))
        window.fill(100, 60, 40, 20, 0x336699)
        assert drawn(desktop, 0x336699) == (150, 90, 210, 120)
        assert desktop.grab().size == (1200, 900)
        for x, y in ((-800, 0), (-1, 599), (-680, 70)):
            perform(desktop, MoveEvent(DesktopPoint(x, y)))
            assert [int(at) for at in window.until("motion")[-1][1]] == [x + 800, y]
        with pytest.raises(NoScreenError, match=r"no monitor 3; .* has 2"):
            open_local(session.name, monitor=3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("strings", [6, pytest.param(200, marks=pytest.mark.nightly)])
def test_any_text_arrives_exactly(
    session: WaylandDisplay, desktop: Desktop, kind: str, strings: int, tmp_path: Path
) -> None:
    """Or it is refused before the first key."""
    dice = random.Random(f"{kind} {strings}")
    letters = "".join(sorted(set(alphabet()) - MISREAD - MISREAD_BY_GTK))
    with TextField(kind, session.environment(), tmp_path) as field:
        for text in (TEXT, "0123456789 aA bB " * 30, *(random_text(dice, letters) for _ in range(strings))):
            field.clear()
            perform(desktop, TextEvent(text))
            assert field.settled(text) == text


@pytest.mark.parametrize("layout", ["de", "us,ru", pytest.param("gr,us", marks=pytest.mark.nightly)])
def test_any_text_arrives_exactly_on_other_layouts_and_after_caps_lock(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Caps Lock is a key that is pressed, and not a state that later texts are typed in."""
    monkeypatch.setenv("XKB_DEFAULT_LAYOUT", layout)
    every = "".join(map(chr, range(32, 127))) + "äöüßéñÄÖÜ€µ²°"
    with (
        WaylandDisplay((900, 400)) as session,
        closing(open_local(session.name)) as desktop,
        TextField("qt", session.environment(), tmp_path) as field,
    ):
        for text in (every, TEXT, every):
            field.clear()
            perform(desktop, TextEvent(text))
            assert field.settled(text) == text
            perform(desktop, *chord("capslock"))
        perform(desktop, *chord("ctrl", "a"), TextEvent("x"))
        until(lambda: field.text() == "x", "the old text to be replaced")
        with pytest.raises(TypingError, match=r"would take U\+FE83 for something else"):
            perform(desktop, TextEvent("y\ufe83"))
        assert field.text() == "x"


def test_a_text_stops_where_another_window_gets_the_focus(
    session: WaylandDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    asked = iter(range(99))
    opened = []

    def stop() -> bool:
        if next(asked) == 3:
            opened.append(TextField("qt", session.environment(), tmp_path))
            opened[0].__enter__()
        return False

    with TextField("gtk", session.environment(), tmp_path) as field:
        with pytest.raises(FocusLostError, match="the rest of the text wasn't typed"):
            perform(desktop, TextEvent("abcdefghij" * 20), stop=stop)
        assert opened[0].text() == ""
        opened[0].__exit__()
        assert 0 < len(field.text()) < 200


def test_chords_and_text_come_in_their_order(
    session: WaylandDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    """New characters need a new keyboard map, and GTK reads a key that waits by the newest one."""
    with TextField("gtk", session.environment(), tmp_path) as field:
        perform(desktop, TextEvent("old text"))
        assert field.settled("old text") == "old text"
        for number in range(30):
            text = "".join(map(chr, range(0x4E00 + 9 * number, 0x4E09 + 9 * number)))
            perform(desktop, *chord("ctrl", "a"), TextEvent(text))
            until(lambda: field.text() == text, "the old text to be replaced")  # noqa: B023


def test_every_key_can_be_pressed(desktop: Desktop, window: WholeWindow) -> None:
    letters = sorted(key for key in KEYS if len(key) == 1 and key.isalpha())
    for key in (*letters, "enter", "f5", "f13", "delete", "pageup", "volumeup"):
        perform(desktop, *chord(key))
        kinds = [what for what, _ in window.until("key up")]
        assert kinds == ["key down", "key up"], key
    perform(
        desktop,
        *(event for key in sorted(KEYS - {"capslock", "numlock", "scrolllock"}) for event in chord(key)),
    )


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_what_was_pressed_is_released_however_it_ends(
    desktop: Desktop, window: WholeWindow, how: str
) -> None:
    asked = iter(range(9))

    def stop() -> bool:
        if next(asked) < 3:
            return False
        if how == "failed":
            raise RuntimeError("the listener failed")
        return True

    press = KeyEvent("shift", down=True), ButtonEvent("left", down=True)
    with pytest.raises(Stopped if how == "stopped" else RuntimeError):
        perform(desktop, *press, MoveEvent(DesktopPoint(60, 60)), stop=stop)
    seen = {"key up": "", "button up": ""}
    until(lambda: seen.update(window.events()) or all(seen.values()), "both releases")  # type: ignore[func-returns-value]
    assert (seen["key down"], seen["button down"]) == ("Shift", "LeftButton")
    assert (seen["key up"], seen["button up"]) == ("Shift", "LeftButton")


def test_a_killed_program_holds_no_key_and_a_button_only_until_the_next_click(
    session: WaylandDisplay, desktop: Desktop, window: WholeWindow
) -> None:
    """The compositor releases the keys of a keyboard that is gone, but no button: docs/safety.md says so."""
    program = f"""
import time
from qvl_agent.actions.desktops import open_local
hands = open_local({session.name!r})._hands
hands.key(ord("a"), down=True)
hands.button("left", down=True)
hands.sync()
print("held", flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "held\n"
        assert {"key down", "button down"} <= {what for what, _ in window.until("button down")}
        killed.kill()
    assert window.until("key up")[-1] == ("key up", "A")
    time.sleep(0.2)
    assert window.events() == []
    perform(desktop, ButtonEvent("left", down=True), ButtonEvent("left", down=False))
    assert window.until("button up")[-1] == ("button up", "LeftButton")


def test_what_cant_be_sent_is_refused_before_anything_is(desktop: Desktop, window: WholeWindow) -> None:
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 700)))
    for last, error in (
        (MoveEvent(DesktopPoint(1280, 10)), CoordinateError),
        (KeyEvent("nosuch", down=True), KeyNameError),
        (TextEvent(many), TypingError),
    ):
        with pytest.raises(error):
            perform(desktop, KeyEvent("shift", down=True), last)
    time.sleep(0.1)
    assert [what for what, _ in window.events() if what != "motion"] == []
    perform(desktop, *chord("x"))
    assert window.until("key up")[-1] == ("key up", "X")


def test_windows_are_known_by_program_title_and_place(
    session: WaylandDisplay, desktop: Desktop, tmp_path: Path
) -> None:
    assert desktop.capabilities.windows
    assert desktop.focused() is None
    assert desktop.window_at(DesktopPoint(5, 5)) is None
    assert desktop.layout() == Layout((), frozenset())
    with TextField("gtk", session.environment(), tmp_path):
        below = desktop.focused()
        assert below is not None
        assert below.rect is not None
        assert (below.title, below.program[:7], below.focused, below.ours) == (
            "gtk field",
            "python3",
            True,
            False,
        )
        with TextField("foot", session.environment(), tmp_path):
            above = desktop.focused()
            assert above is not None
            assert above.rect is not None
            assert (above.app, above.program) == ("foot", "foot")
            there = desktop.window_at(DesktopPoint(above.rect.left + 9, above.rect.top + 9))
            assert there == above
            layout = desktop.layout()
            assert layout is not None
            assert [rect for _, rect in layout.windows] == [above.rect, below.rect]
            assert layout.focus == {layout.windows[0][0]}


def test_our_own_terminal_is_off_limits_and_painted_over(session: WaylandDisplay, tmp_path: Path) -> None:
    """The terminal that the program runs in, as sway has it."""
    program = f"""
import json, pathlib
from qvl_agent.actions.desktops import open_local
desktop = open_local({session.name!r})
[region] = desktop.off_limits()
frame = desktop.grab()
x, y = region.left + region.width // 2, region.top + region.height // 2
told = [desktop.focused().ours, frame.pixels[y, x].tolist(), region.width > 100]
pathlib.Path("told").write_text(json.dumps(told))
"""
    command = ["foot", "--", sys.executable, "-c", program]
    with closing(open_local(session.name)):
        subprocess.run(command, env=session.environment(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "told").read_text() == "[true, [128, 128, 128], true]"


def test_a_compositor_that_is_gone_is_said() -> None:
    with WaylandDisplay((320, 240)) as session:
        name = session.name
        desktop = open_local(name)
        desktop.grab()
    with pytest.raises(DesktopError, match="has ended"):
        desktop.grab()
    with pytest.raises(DesktopError, match="has ended"):
        perform(desktop, *chord("a"))
    desktop.close()
    with pytest.raises(NoScreenError, match=r"no Wayland compositor answers at .*: No such file"):
        open_local(name)


def tell_process(session: WaylandDisplay) -> int:
    """The process of a session's sway."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(session.name)
        return int.from_bytes(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 4), sys.byteorder)


def test_a_compositor_that_hangs_is_said() -> None:
    with WaylandDisplay((320, 240)) as session, closing(open_local(session.name)) as desktop:
        folder = str(Path(session.name).parent)
        found = subprocess.run(
            ["pgrep", "-f", f"sway --config {folder}"], capture_output=True, text=True, check=True
        )
        process = int(found.stdout.split()[-1])
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(DesktopError, match="answered nothing for 5 s"):
                desktop.grab()
        finally:
            os.kill(process, signal.SIGCONT)
        assert desktop.grab().size == (320, 240)


def listening(path: Path, answer: bytes) -> socket.socket:
    """Something that takes connections and says the same to all."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            connection.recv(4096)
            connection.sendall(answer)
            connection.close()

    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(8)])
def test_something_else_at_the_socket_is_said(answer: bytes, tmp_path: Path) -> None:
    with (
        closing(listening(tmp_path / "other", answer)),
        pytest.raises(NoScreenError, match="no Wayland compositor"),
    ):
        open_local(str(tmp_path / "other"))


def test_the_session_is_taken_before_an_x_server_and_the_x_server_where_it_cant_be(
    session: WaylandDisplay, display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setenv("WAYLAND_DISPLAY", session.name)
    with closing(open_local()) as desktop:
        assert desktop.name == f"local {session.name}"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(Path(session.name).parent))
    monkeypatch.setenv("WAYLAND_DISPLAY", Path(session.name).name)
    with closing(open_local()) as desktop:
        assert desktop.name == "local wayland-1"
    monkeypatch.setenv("WAYLAND_DISPLAY", str(tmp_path / "nobody"))
    with closing(open_local()) as desktop:
        assert desktop.name == f"local {display.name}"
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(NoScreenError, match="no Wayland compositor answers"):
        open_local()
