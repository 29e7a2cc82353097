"""A desktop by RDP: xrdp shows a TigerVNC's display; FreeRDP's client is driven in a display of its own."""

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from event_window import EventWindow
from x_servers import free_port, tigervnc

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import (
    DesktopError,
    DisplayBusyError,
    NoScreenError,
    SettingsError,
    TypingError,
)
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, MoveEvent, TextEvent, WheelEvent
from qvl_agent.agent import open_desktop
from qvl_agent.agent.registry.rdp import parse_rdp_name
from qvl_agent.sandbox.display import VirtualDisplay

needed = [name for name in ("xrdp", "xfreerdp") if shutil.which(name) is None]
with_rdp = pytest.mark.skipif(
    bool(needed), reason=f"needs {' and '.join(needed)}: `make desktops` installs them"
)

XRDP = """[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{port}
security_layer=negotiate
certificate={folder}/cert.pem
key_file={folder}/key.pem
autorun=vnc
allow_channels=true
max_bpp=32
[Logging]
LogFile={folder}/xrdp.log
EnableSyslog=false
[Channels]
cliprdr=true
[vnc]
name=vnc
lib=libvnc.so
ip=127.0.0.1
port={vnc}
username=na
password=na
"""


def perform(desktop: Desktop, *events: Event) -> None:
    desktop.perform(Approved(events, "test", desktop.geometry()), lambda: False)


def until(so: Callable[[], bool], what: str, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def xrdp(folder: Path, vnc: int) -> Iterator[int]:
    """Yield its port."""
    port = free_port()
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
    command = ["openssl", *words.split(), "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"]
    subprocess.run(command, check=True, capture_output=True)
    config = folder / "xrdp.ini"
    config.write_text(XRDP.format(port=port, folder=folder, vnc=vnc))
    with (folder / "out").open("wb") as out:
        server = subprocess.Popen(["xrdp", "--nodaemon", "--config", str(config)], stdout=out, stderr=out)
        try:
            until(lambda: answers(port), "xrdp")
            yield port
        finally:
            server.terminate()
            server.wait()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """The X display behind the server, and the server's port."""
    vnc = free_port()
    with tigervnc(size="1280x800", port=vnc) as name, xrdp(tmp_path_factory.mktemp("xrdp"), vnc) as port:
        yield name, port


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FreeRDP keeps certificates at home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("RDP_PASSWORD", "nobody asks")


@with_rdp
def test_what_the_other_machine_shows_is_seen_and_what_is_sent_arrives(served: tuple[str, int]) -> None:
    name, port = served
    with open_desktop(f"rdp://me@localhost:{port}") as desktop, EventWindow(name, colour=0x336699) as window:
        until(lambda: desktop.grab().pixels[400, 640].tolist() == [0x33, 0x66, 0x99], "the colour")
        assert desktop.grab().size == (1280, 800)
        for x, y in ((5, 7), (1279, 799), (123, 456)):
            perform(desktop, MoveEvent(DesktopPoint(x, y)))
            seen: list[tuple[int, int]] = []

            def there(seen: list[tuple[int, int]] = seen, at: tuple[int, int] = (x, y)) -> bool:
                seen += [(e.root_x, e.root_y) for e in window.events() if hasattr(e, "root_x")]
                return seen[-1:] == [at]

            until(there, f"the pointer at {(x, y)}")
        perform(desktop, ButtonEvent("left", down=True), ButtonEvent("left", down=False), WheelEvent(0, 1))
        got: list[tuple[str, int]] = []
        until(lambda: got.extend(window.inputs()) or len(got) == 4, "a click and a notch")  # type: ignore[func-returns-value]
        assert [number for what, number in got if what == "button down"] == [1, 5]
        perform(desktop, TextEvent("aB1"))
        keys: list[tuple[str, int]] = []
        until(lambda: keys.extend(window.inputs()) or len(keys) == 8, "the text")  # type: ignore[func-returns-value]
        assert [number for what, number in keys if what == "key down"] == [38, 50, 56, 10]
        with pytest.raises(TypingError, match="nothing was typed: xfreerdp sends the numbers of keys on"):
            perform(desktop, TextEvent("ü"))
        assert (desktop.focused(), desktop.layout(), desktop.window_at(DesktopPoint(5, 5))) == (
            None,
            None,
            None,
        )
        with pytest.raises(DisplayBusyError), open_desktop(f"rdp://me@localhost:{port}"):
            pass


@with_rdp
def test_a_connection_that_ends_is_said(tmp_path: Path) -> None:
    vnc = free_port()
    with tigervnc(size="1280x800", port=vnc), xrdp(tmp_path, vnc) as port:
        address = f"rdp://me@localhost:{port}"
        with open_desktop(address) as desktop:
            desktop.grab()
            desktop._client.kill()  # type: ignore[attr-defined]
            desktop._client.wait()  # type: ignore[attr-defined]
            with pytest.raises(DesktopError, match=f"the connection to {address} has ended"):
                desktop.grab()


@with_rdp
def test_where_nobody_answers_one_line_says_so() -> None:
    with (
        pytest.raises(
            NoScreenError, match=r"rdp://me@localhost:\d+ can't be opened: nobody answers at localhost:\d+: "
        ),
        open_desktop(f"rdp://me@localhost:{free_port()}"),
    ):
        pass


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoScreenError, match="sudo apt install freerdp2-x11"), open_desktop("rdp://me@host"):
        pass


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rdp://", "expected rdp://USER@HOST"),
        ("rdp://host", "expected rdp://USER@HOST"),
        ("rdp://me@host:port", "expected rdp://USER@HOST"),
        ("rdp://me@host/desk", "expected rdp://USER@HOST"),
        ("rdp://me:secret@host", "can be read by everybody"),
    ],
)
def test_a_name_that_means_no_server_is_refused(name: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_rdp_name(name)
    assert parse_rdp_name("rdp://me@[::1]:3390") == ("me", "::1", 3390)


def test_one_program_drives_two_servers_whose_extensions_have_other_numbers(display: VirtualDisplay) -> None:
    with tigervnc(size="640x480") as name:
        desktops = [open_local(name), open_local(display.name), open_local(name)]
        assert [desktop.grab().size for desktop in desktops] == [(640, 480), (1280, 800), (640, 480)]
        for desktop in desktops:
            perform(desktop, MoveEvent(DesktopPoint(20, 30)))
            assert desktop.pointer() == DesktopPoint(20, 30)
            desktop.close()
