"""The desktop of another machine by RDP: FreeRDP's client in a virtual display, which is seen and driven."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO, Final
from urllib.parse import urlsplit

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import (
    Capabilities,
    Desktop,
    DesktopWrapper,
    StopCheck,
    WindowlessDesktop,
    open_local,
)
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.agent.registry.kinds import DesktopKind
from qvl_agent.agent.secret_sources import rdp_password

__all__ = ["RDP", "RdpDesktop", "parse_rdp_name"]

_SCHEME: Final = "rdp://"
_PORT: Final = 3389
_SIZE: Final = (1280, 800)
_CONNECTED_S: Final = 40.0
"""Seconds for the server to show its desktop."""
_REACHED_S: Final = 10.0
_LOOK_S: Final = 0.1
_END_S: Final = 5.0
_CLIENTS: Final = ("xfreerdp3", "xfreerdp")
_ERRORS: Final = {
    "AUTHENTICATION": "the user or the password is wrong",
    "LOGON_FAILURE": "the user or the password is wrong",
    "CONNECT_TRANSPORT_FAILED": "what answers there speaks no RDP, or another one",
    "TLS_CONNECT_FAILED": "its certificate isn't taken; it may have changed: see ~/.config/freerdp",
}
"""What parts of FreeRDP's messages mean."""


class RdpDesktop(WindowlessDesktop, DesktopWrapper):
    """A display on which only the client shows its desktop, with the other machine's windows in one.

    Attributes:
        name: as it was given.
    """

    def __init__(self, desktop: Desktop, name: str, client: subprocess.Popen[bytes]) -> None:
        super().__init__(desktop)
        self.name, self.display = name, ""  # two agents at one machine would fight, whatever their displays
        self.capabilities = Capabilities(pointer=True, exact_text="ascii", damage=desktop.capabilities.damage)
        self._client = client

    def grab(self, region: Rect | None = None) -> Frame:
        self._check()
        return super().grab(region)

    def grab_to_compare(self) -> Frame:
        self._check()
        return super().grab_to_compare()

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        self._check()
        super().perform(approved, stop)

    def _check(self) -> None:
        if self._client.poll() is not None:
            raise DesktopError(f"the connection to {self.name} has ended")


def parse_rdp_name(name: str) -> tuple[str, str, int]:
    """Return the user, the host and the port of "rdp://[USER@]HOST[:PORT]".

    Raises:
        SettingsError: it is another kind of name, or has a password in it.
    """
    wanted = "expected rdp://USER@HOST[:PORT], as in rdp://me@office-pc"
    parts = urlsplit(name)
    try:
        host, port = parts.hostname or "", parts.port or _PORT
    except ValueError:
        raise SettingsError(f"{wanted}, got {name}") from None
    if parts.password is not None:
        raise SettingsError(
            "a password in an address can be read by everybody on this machine; leave it out: it is asked "
            "for, or taken from the keyring or from RDP_PASSWORD"
        )
    if not name.lower().startswith(_SCHEME) or not host or not parts.username:
        raise SettingsError(f"{wanted}, got {name}")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise SettingsError(f"{wanted}, got {name}")
    return parts.username, host, port


@contextmanager
def _open_rdp(name: str, _monitor: int) -> Iterator[Desktop]:
    from qvl_agent.sandbox.display import VirtualDisplay

    user, host, port = parse_rdp_name(name)
    client = next(filter(None, map(shutil.which, _CLIENTS)), None)
    if client is None:
        raise NoScreenError("a desktop by RDP needs FreeRDP's client: sudo apt install freerdp2-x11")
    _reach(name, host, port)
    password = rdp_password(f"{user}@{host}:{port}")
    with ExitStack() as stack:
        display = stack.enter_context(VirtualDisplay(_SIZE))
        log = stack.enter_context(tempfile.TemporaryFile())
        command = [
            client,
            *(f"/v:{host}:{port}", f"/u:{user}", "/from-stdin:force"),
            *("/f", f"/size:{_SIZE[0]}x{_SIZE[1]}", "/bpp:32", "-floatbar", "/cert:tofu"),
            *("/kbd:0x409", "-clipboard", "/audio-mode:2", "-wallpaper"),
        ]
        process = subprocess.Popen(
            command,
            env=display.environment(),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(_end, process)
        _say(process, password)
        desktop = open_local(display.name)
        stack.callback(desktop.close)
        _await(desktop, process, log, name)
        yield RdpDesktop(desktop, name, process)


def _reach(name: str, host: str, port: int) -> None:
    """See that somebody answers, before the person is asked for a password.

    Raises:
        NoScreenError: nobody does.
    """
    try:
        socket.create_connection((host, port), _REACHED_S).close()
    except OSError as error:
        why = error.strerror or error
        raise NoScreenError(f"{name} can't be opened: nobody answers at {host}:{port}: {why}") from None


def _say(process: subprocess.Popen[bytes], password: str) -> None:
    """Answer the client's questions, for the domain and the password; so no process list shows them."""
    questions = process.stdin
    if questions is None:
        return
    with suppress(OSError):  # one that has ended is seen later, and its words say why
        questions.write(f"\n{password}\n".encode())
        questions.close()


def _await(desktop: Desktop, process: subprocess.Popen[bytes], log: IO[bytes], name: str) -> None:
    """Wait until the client shows the other machine's desktop.

    Raises:
        NoScreenError: it doesn't.
    """
    deadline = time.monotonic() + _CONNECTED_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise NoScreenError(f"{name} can't be opened: {_why(log)}")
        layout = desktop.layout()
        if layout is not None and any((rect.width, rect.height) == _SIZE for _, rect in layout.windows):
            return
        time.sleep(_LOOK_S)
    raise NoScreenError(f"{name} showed no desktop for {_CONNECTED_S:g} s: {_why(log)}")


def _why(log: IO[bytes]) -> str:
    """Return what the client's words mean, or the last of them."""
    log.seek(0)
    said = log.read().decode(errors="replace")
    known = next((meaning for part, meaning in _ERRORS.items() if part in said), "")
    lines = [line.rpartition("] - ")[2].strip() for line in said.splitlines() if "ERROR" in line]
    return known or (lines[-1] if lines else "the client said nothing")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


RDP: Final = DesktopKind(
    name="rdp",
    usage="rdp://USER@HOST[:PORT]",
    claims=lambda name: name.lower().startswith(_SCHEME),
    open=_open_rdp,
    is_persons=False,
    reopen=lambda recorded: recorded if recorded.lower().startswith(_SCHEME) else None,
)
