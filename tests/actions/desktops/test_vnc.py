"""A desktop behind a VNC server: it shows what the server's X says, and what is sent is what arrives."""

import os
import random
import signal
import socket
import struct
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from event_window import EventWindow, held
from text_fields import TextField
from x_servers import free_port, tigervnc

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import (
    CoordinateError,
    DesktopError,
    KeyNameError,
    NoScreenError,
    SettingsError,
    Stopped,
    TypingError,
)
from qvl_agent.actions.desktops import Desktop, open_local, open_vnc, wait_for_window_manager
from qvl_agent.actions.desktops.keysyms import of_key
from qvl_agent.actions.desktops.vnc.desktop import parse_vnc_name
from qvl_agent.actions.desktops.vnc.framebuffer import Framebuffer
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.actions.planning.keys import KEYS
from qvl_agent.sandbox.display import VirtualDisplay

TEXT = 'Grüße, Привет 你好 Żółć €5 😀 "q" \\ ~ ABC'


def nobody(server: str) -> str:
    raise AssertionError(f"{server} asked for a password")


def perform(desktop: Desktop, *events: Event, stop: Callable[[], bool] = lambda: False) -> None:
    desktop.perform(Approved(events, "test", desktop.geometry()), stop)


def until(holds: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


@contextmanager
def opened(port: int, password: Callable[[str], str] = nobody, *, more: str = "") -> Iterator[Desktop]:
    with closing(open_vnc(f"vnc://localhost:{port}{more}", password)) as desktop:
        yield desktop


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, int]]:
    """TigerVNC: its X display, and its port."""
    port = free_port()
    with tigervnc(size="800x600", port=port) as name:
        manager = subprocess.Popen(["openbox"], env=os.environ | {"DISPLAY": name}, stderr=subprocess.DEVNULL)
        wait_for_window_manager(name, 20)
        yield name, port
        manager.terminate()
        manager.wait()


@pytest.fixture
def desktop(server: tuple[str, int]) -> Iterator[Desktop]:
    """With the pointer where it put it: TigerVNC draws one that others moved into the picture."""
    with opened(server[1]) as connected:
        perform(connected, MoveEvent(DesktopPoint(700, 5)))
        yield connected


def test_it_shows_exactly_what_x_shows(server: tuple[str, int], desktop: Desktop) -> None:
    dice = np.random.default_rng(4)
    with EventWindow(server[0], colour=0x3264C8) as window, closing(open_local(server[0])) as here:
        for _ in range(60):  # tiles of one colour, of a few, of many, and of noise
            left, top, width, height = (int(n) for n in dice.integers((0, 0, 1, 1), (780, 580, 300, 200)))
            window.fill(left, top, width, height, int(dice.integers(0, 2**24)))
        for row in range(0, 200, 2):
            window.fill(row % 97, row, 3, 1, int(dice.integers(0, 2**24)))
        wanted = here.grab().pixels
        until(lambda: np.array_equal(desktop.grab().pixels, wanted), "the same picture", 2)
        shown = desktop.grab()
        part = desktop.grab(Rect(100, 50, 200, 100))
        assert np.array_equal(part.pixels, wanted[50:150, 100:300])
        assert (shown.scale, shown.monitor) == (1.0, Rect(0, 0, 800, 600))


def test_what_is_drawn_is_seen_in_one_of_the_next_captures(server: tuple[str, int], desktop: Desktop) -> None:
    """A server sends what was drawn once a frame, so a capture may be a frame old."""
    with EventWindow(server[0]) as window:
        for number in range(50):
            colour = 0x10203 * (number + 1)
            window.fill(300, 200, 200, 100, colour)
            wanted = list(colour.to_bytes(3, "big"))
            until(lambda: desktop.grab().pixels[250, 400].tolist() == wanted, f"colour {number}", 2)  # noqa: B023


def test_the_pointer_goes_exactly_there_and_buttons_and_the_wheel_are_right(
    server: tuple[str, int], desktop: Desktop
) -> None:
    with EventWindow(server[0]) as window, closing(open_local(server[0])) as here:
        for x, y in ((0, 0), (799, 0), (0, 599), (799, 599), (400, 300), (123, 457)):
            perform(desktop, MoveEvent(DesktopPoint(x, y)))
            assert here.pointer() == DesktopPoint(x, y)
        window.inputs()
        for button, number in (("left", 1), ("middle", 2), ("right", 3)):
            perform(desktop, ButtonEvent(button, down=True), ButtonEvent(button, down=False))  # type: ignore[arg-type]
            assert window.inputs() == [("button down", number), ("button up", number)]
        perform(desktop, WheelEvent(dx=0, dy=2), WheelEvent(dx=0, dy=-1), WheelEvent(dx=1, dy=0))
        assert [number for what, number in window.inputs() if what == "button down"] == [5, 5, 4, 7]


def test_a_drag_passes_the_points_between(server: tuple[str, int], desktop: Desktop) -> None:
    with EventWindow(server[0]) as window:
        perform(
            desktop,
            MoveEvent(DesktopPoint(100, 100)),
            ButtonEvent("left", down=True),
            MoveEvent(DesktopPoint(300, 200)),
            ButtonEvent("left", down=False),
        )
        seen = window.inputs(motions=True)
    pressed, let_go = (seen.index((what, 1)) for what in ("button down", "button up"))
    assert let_go - pressed > 10


@pytest.mark.parametrize("strings", [5, pytest.param(200, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("kind", ["gtk", "qt", "xterm"])
def test_ascii_arrives_exactly_and_no_other_text_is_typed(
    server: tuple[str, int], desktop: Desktop, kind: str, strings: int, tmp_path: Path
) -> None:
    """TigerVNC has keys for twenty other characters in its life, and mixes up the first of them."""
    dice, letters = random.Random(kind), "".join(map(chr, range(32, 127)))
    random_ones = ["".join(dice.choices(letters, k=dice.randint(1, 40))) for _ in range(strings)]
    with TextField(kind, os.environ | {"DISPLAY": server[0]}, tmp_path) as field:
        for text in (letters, "0123456789 aA bB " * 30, *random_ones):
            field.clear()
            perform(desktop, TextEvent(text))
            assert field.settled(text) == text
        field.clear()
        for text in (TEXT, "naïve", "\N{WAVING HAND SIGN}"):
            with pytest.raises(
                TypingError, match=r"nothing was typed; .* name it vnc://localhost:\d+\?text=any"
            ):
                perform(desktop, KeyEvent("x", down=True), TextEvent(text))
        assert field.text() == ""
    assert desktop.capabilities.exact_text == "ascii"


def test_chords_are_pressed_in_their_order(server: tuple[str, int], desktop: Desktop, tmp_path: Path) -> None:
    with TextField("gtk", os.environ | {"DISPLAY": server[0]}, tmp_path) as field:
        perform(desktop, TextEvent("old text"))
        assert field.settled("old text") == "old text"
        chord = [KeyEvent("ctrl", down=True), KeyEvent("a", down=True)]
        perform(desktop, *chord, KeyEvent("a", down=False), KeyEvent("ctrl", down=False), TextEvent("new"))
        until(lambda: field.text() == "new", "the old text to be replaced")


def test_every_key_has_a_keysym() -> None:
    assert len({of_key(key) for key in KEYS}) == len(KEYS)
    with pytest.raises(KeyNameError, match="no key 'nosuch'"):
        of_key("nosuch")


@pytest.mark.parametrize("how", ["stopped", "failed"])
def test_what_was_pressed_is_released_however_it_ends(
    server: tuple[str, int], desktop: Desktop, how: str
) -> None:
    asked = iter(range(9))

    def stop() -> bool:
        if next(asked) < 3:
            return False
        if how == "failed":
            raise RuntimeError("the listener failed")
        return True

    press = KeyEvent("shift", down=True), ButtonEvent("left", down=True)
    with EventWindow(server[0]), pytest.raises(Stopped if how == "stopped" else RuntimeError):
        perform(desktop, *press, MoveEvent(DesktopPoint(60, 60)), stop=stop)
    until(lambda: held(server[0]) == ([], 0), "a release")


def test_what_cant_be_sent_is_refused_before_anything_is(server: tuple[str, int], desktop: Desktop) -> None:
    with EventWindow(server[0]) as window:
        with pytest.raises(CoordinateError, match="on none of the monitors"):
            perform(desktop, KeyEvent("shift", down=True), MoveEvent(DesktopPoint(800, 10)))
        with pytest.raises(KeyNameError):
            perform(desktop, KeyEvent("shift", down=True), KeyEvent("nosuch", down=True))
        assert window.inputs() == []


def test_a_screen_of_another_size_is_seen(server: tuple[str, int], desktop: Desktop) -> None:
    subprocess.run(["xrandr", "-s", "1024x768"], env=os.environ | {"DISPLAY": server[0]}, check=True)
    try:
        until(lambda: desktop.grab().size == (1024, 768), "the new size")
        perform(desktop, MoveEvent(DesktopPoint(1000, 5)))
        assert desktop.geometry().monitors == (Rect(0, 0, 1024, 768),)
        with EventWindow(server[0]) as window:
            window.fill(0, 0, 1024, 768, 0x336699)
            until(lambda: bool((desktop.grab().pixels == (0x33, 0x66, 0x99)).all()), "the colour")
    finally:
        subprocess.run(["xrandr", "-s", "800x600"], env=os.environ | {"DISPLAY": server[0]}, check=True)


def test_a_connection_that_breaks_is_made_anew_and_nothing_is_sent_twice() -> None:
    port = free_port()
    with tigervnc(size="320x240", port=port) as first, opened(port) as desktop, EventWindow(first) as window:
        perform(desktop, MoveEvent(DesktopPoint(10, 10)), KeyEvent("a", down=True))
        assert [what for what, _ in window.inputs()] == ["key down", "key up"]
        desktop._connection.close()  # type: ignore[attr-defined]
        until(lambda: desktop._broken is not None, "the end")  # type: ignore[attr-defined]
        with pytest.raises(DesktopError, match="nothing was sent"):
            perform(desktop, KeyEvent("b", down=True), KeyEvent("b", down=False))
        assert desktop.grab().size == (320, 240)
        assert window.inputs() == []
        perform(desktop, KeyEvent("c", down=True), KeyEvent("c", down=False))
        assert [what for what, _ in window.inputs()] == ["key down", "key up"]


def test_a_server_that_is_gone_is_said(tmp_path: Path) -> None:
    port = free_port()
    with tigervnc(size="320x240", port=port), opened(port) as desktop:
        desktop.grab()
        subprocess.run(["pkill", "-f", f"rfbport {port}"], check=True)
        with pytest.raises(DesktopError, match=rf"there is no VNC server at localhost:{port}"):
            until(lambda: desktop.grab() is None, "an error", 15)


def test_a_server_that_hangs_is_said() -> None:
    port = free_port()
    with tigervnc(size="320x240", port=port) as _, opened(port) as desktop:
        found = subprocess.run(["pgrep", "-f", f"rfbport {port}"], capture_output=True, text=True, check=True)
        process = int(found.stdout.split()[0])
        os.kill(process, signal.SIGSTOP)
        try:
            with pytest.raises(DesktopError, match="showed nothing for 5 s"):
                desktop.grab()
        finally:
            os.kill(process, signal.SIGCONT)
        assert desktop.grab().size == (320, 240)


def password_file(folder: Path, password: str) -> str:
    path = folder / "passwd"
    done = subprocess.run(["vncpasswd", "-f"], input=password.encode(), capture_output=True, check=True)
    path.write_bytes(done.stdout)
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("security", ["VncAuth", "TLSVnc", "X509Vnc"])
def test_a_password_is_shown_in_every_way_that_is_known(security: str, tmp_path: Path) -> None:
    port, asked = free_port(), []
    options = ["-PasswordFile", password_file(tmp_path, "s3cret!!")]
    if security == "X509Vnc":
        options += certificate(tmp_path)

    def tell(server: str) -> str:
        asked.append(server)
        return "s3cret!!"

    with tigervnc(*options, security=security, port=port) as name:
        with opened(port, tell) as desktop, EventWindow(name) as window:
            assert desktop.grab().size == (320, 240)
            perform(desktop, TextEvent("ab"))
            assert len(window.inputs()) == 4
            window.fill(0, 0, 320, 240, 0xFF8000)
            until(lambda: bool((desktop.grab().pixels == (0xFF, 0x80, 0)).all()), "the colour")
        assert asked == [f"localhost:{port}"]
        with (
            pytest.raises(NoScreenError, match=r"doesn't let us in: .*(failed|failure)"),
            opened(port, lambda _: "wrong"),
        ):
            pass


def certificate(folder: Path) -> list[str]:
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    subprocess.run(
        ["openssl", *words.split(), "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True
    )
    return ["-X509Key", str(key), "-X509Cert", str(cert)]


def other_machine() -> str:
    """This machine's own address that isn't loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("security", ["None", "VncAuth", "TLSVnc"])
def test_another_machine_in_plain_text_is_refused_with_the_tunnel(security: str, tmp_path: Path) -> None:
    host, port = other_machine(), free_port()
    command = ["-rfbport", str(port), "-PasswordFile", password_file(tmp_path, "s3cret!!")]
    said = rf"ssh -N -L {port}:localhost:{port} {host}"
    with (
        tigervnc(*command, "-localhost=0", "-interface", "0.0.0.0", security=security, port=port),
        pytest.raises(NoScreenError, match=said),
    ):
        open_vnc(f"vnc://{host}:{port}", nobody)


def test_x11vnc_shows_and_takes_the_same(display: VirtualDisplay, tmp_path: Path) -> None:
    port = free_port()
    command = ["x11vnc", "-display", display.name, "-localhost", "-rfbport", str(port), "-forever", "-quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: answers(port), "x11vnc", 20)
            with (
                opened(port, more="?text=any") as desktop,
                TextField("gtk", display.environment(), tmp_path) as field,
                closing(open_local(display.name)) as here,
            ):
                perform(desktop, MoveEvent(DesktopPoint(77, 99)))
                assert here.pointer() == DesktopPoint(77, 99)
                perform(desktop, TextEvent(TEXT))
                assert field.settled(TEXT) == TEXT
                until(
                    lambda: np.array_equal(desktop.grab().pixels, here.grab().pixels), "the same picture", 20
                )
        finally:
            process.kill()  # asked to end, it may wait for itself


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("vnc://", "expected vnc://HOST"),
        ("vnc://host:port", "expected vnc://HOST"),
        ("vnc://host/desk", "expected vnc://HOST"),
        ("vnc://host:99999", "expected vnc://HOST"),
        ("vnc://me:secret@host", "can be read by everybody"),
        ("vnc://host:1", "vnc://host:5901"),
        ("vnc://host?text=some", r"only \?text=any may stand"),
    ],
)
def test_a_name_that_means_no_server_is_refused_with_the_right_one(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_vnc_name(name)


def test_a_name_has_a_port_and_a_user_or_neither() -> None:
    assert parse_vnc_name("vnc://host") == ("", "host", 5900, False)
    assert parse_vnc_name("vnc://me@[::1]:5901?text=any") == ("me", "::1", 5901, True)


@contextmanager
def fake_server(said: bytes) -> Iterator[int]:
    """Says something to everybody who connects, whatever they answer: what no real server would."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            taken, _ = listener.accept()
            with taken:
                taken.sendall(said)
                taken.settimeout(5)
                try:
                    while taken.recv(4096):
                        pass
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(6)


HELLO = b"RFB 003.008\n\x01\x01" + struct.pack(">I", 0)


def screen(width: int, height: int) -> bytes:
    return HELLO + struct.pack(">HH16xI", width, height, 4) + b"fake"


def rectangle(*place: int, encoding: int, data: bytes = b"") -> bytes:
    """An update of one rectangle: its left, top, width and height."""
    return struct.pack(">BxHHHHHi", 0, 1, *place, encoding) + data


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "is no VNC server"),
        (b"RFB 003.003\n", "speaks RFB 003.003, and 3.8 is needed"),
        (b"RFB 003.008\n\x00" + struct.pack(">I", 9) + b"too many.", "refuses the connection: too many"),
        (b"RFB 003.008\n\x01\x1e", "offers Apple's; start it with SecurityTypes VncAuth"),
        (screen(0, 100), "says that its screen has 0x100 pixels"),
        (screen(60000, 60000), "says that its screen has 60000x60000 pixels"),
        (screen(10, 10) + rectangle(5, 5, 10, 10, encoding=0, data=bytes(400)), "beside its screen of 10x10"),
        (screen(10, 10) + rectangle(0, 0, 10, 10, encoding=7), "an encoding that wasn't asked for: 7"),
        (
            screen(10, 10) + rectangle(0, 0, 10, 10, encoding=16, data=struct.pack(">I", 4) + b"junk"),
            "can't be decoded",
        ),
        (screen(10, 10) + b"\x63", "unknown kind 99"),
        (screen(10, 10) + struct.pack(">Bxxxi", 3, -(2**31)), "a clipboard of 2147483648 bytes"),
    ],
)
def test_a_server_that_makes_no_sense_is_said_in_a_line(said: bytes, error: str) -> None:
    with fake_server(said) as port, pytest.raises((NoScreenError, DesktopError), match=error):
        open_vnc(f"vnc://localhost:{port}", nobody).close()


def test_a_text_of_which_wayvnc_would_drop_characters_is_refused_whole() -> None:
    """A stand-in with wayvnc's name; wayvnc itself, tried by hand, dropped them and said nothing to us."""
    first = rectangle(0, 0, 1, 1, encoding=0, data=bytes(4))
    said = HELLO + struct.pack(">HH16xI", 1, 1, 6) + b"WayVNC" + first
    with fake_server(said) as port, opened(port) as desktop:
        with pytest.raises(TypingError, match=r"wayvnc, which .* is, drops characters that aren't ASCII"):
            perform(desktop, TextEvent("Grüße"))
        assert desktop._keys == []  # type: ignore[attr-defined]


def test_nobody_there_is_said() -> None:
    with pytest.raises(
        NoScreenError, match=r"no VNC server at localhost:\d+ .*start it, or mend the address"
    ):
        open_vnc(f"vnc://localhost:{free_port()}", nobody)


def zrle(*tiles: bytes) -> bytes:
    data = zlib.compress(b"".join(tiles))
    return struct.pack(">I", len(data)) + data


def reader(data: bytes) -> Callable[[int], bytes]:
    left = bytearray(data)

    def read(count: int) -> bytes:
        found = bytes(left[:count])
        del left[:count]
        return found

    return read


RED, BLUE = b"\x00\x00\xff", b"\xff\x00\x00"
"""As they are sent: blue, green, red."""


@pytest.mark.parametrize(
    ("tile", "wanted"),
    [
        (b"\x01" + RED, "rrrrrr"),
        (b"\x00" + (RED + BLUE) * 3, "rbrbrb"),
        (b"\x02" + RED + BLUE + b"\x40\xa0", "rbrbrb"),
        (b"\x80" + RED + b"\x03" + BLUE + b"\x01", "rrrrbb"),
        (b"\x82" + RED + BLUE + b"\x80\x02" + b"\x01" + b"\x81\x01", "rrrbbb"),
    ],
)
def test_each_kind_of_tile_is_drawn(tile: bytes, wanted: str) -> None:
    shown = Framebuffer(3, 2)
    shown.draw(16, (0, 0, 3, 2), reader(zrle(tile)))
    colours = {(0, 0, 255): "r", (255, 0, 0): "b"}
    assert (
        "".join(colours[tuple(map(int, pixel))] for pixel in shown.pixels[..., :3].reshape(-1, 3)) == wanted
    )


def test_a_copied_part_may_overlap_its_source() -> None:
    shown = Framebuffer(4, 1)
    shown.draw(0, (0, 0, 4, 1), reader(bytes([1, 1, 1, 0, 2, 2, 2, 0, 3, 3, 3, 0, 4, 4, 4, 0])))
    shown.draw(1, (1, 0, 3, 1), reader(struct.pack(">HH", 0, 0)))
    assert shown.pixels[0, :, 0].tolist() == [1, 1, 2, 3]
