"""The desktop behind a VNC server: its picture as it comes, and approved input as messages."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, Rect
from qvl_agent.actions.core.errors import (
    DesktopError,
    NoScreenError,
    SettingsError,
    TypingError,
)
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.desktops import Capabilities, StopCheck, WindowlessDesktop
from qvl_agent.actions.desktops.keysyms import of_character, of_key
from qvl_agent.actions.desktops.sending import SendingDesktop, check_stop, texts
from qvl_agent.actions.desktops.vnc.connection import Connection
from qvl_agent.actions.planning.action import Button
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import (
    KeyEvent,
    Plan,
)

__all__ = ["VncDesktop", "parse_vnc_name"]

_SCHEME: Final = "vnc://"
_ANY_TEXT: Final = "text=any"
_PORT: Final = 5900
_LEAST_PORT: Final = 100
"""A number below is the number of an X display, as VNC's own viewers take it."""
_WAYVNC: Final = "WayVNC"
"""How wayvnc names every desktop."""
_BUTTONS: Final = {"left": 1, "middle": 2, "right": 4}
_NOTCHES: Final = {(0, -1): 8, (0, 1): 16, (-1, 0): 32, (1, 0): 64}
"""The buttons that are the wheel's notches, by their direction."""
_FRESH_S: Final = 5.0
"""Seconds for the server to answer for one pixel."""
_FIRST_S: Final = 20.0
"""Seconds for its first whole picture."""
_AGAIN_S: Final = 10.0
"""Seconds for which a broken connection is made anew."""
_PAUSE_S: Final = 0.3
_LOOK_S: Final = 0.2
_CHUNK: Final = 20
"""Characters that are typed before the server has to say that it is still there."""


class VncDesktop(WindowlessDesktop, SendingDesktop):
    """A VNC server's screen, kept up to date by a thread of its own.

    A connection that breaks is made anew when the screen is captured next, and then all that may still be
    pressed is released; input is never sent twice. Nobody tells where windows and the pointer are.

    Args:
        name: "vnc://[USER@]HOST[:PORT]", and "?text=any" if the server types any character.
        password: asks for the password, given the server's "HOST:PORT"; called once, if the server wants one.

    Attributes:
        name: as it was given.

    Raises:
        SettingsError: the name is none of a VNC server.
        NoScreenError: nobody answers there, or we aren't let in.
    """

    capabilities = Capabilities(exact_text="ascii")

    def __init__(self, name: str, password: Callable[[str], str]) -> None:
        self.name = name
        self._user, self._host, self._port, self._any_text = parse_vnc_name(name)
        if self._any_text:
            self.capabilities = Capabilities()
        self._ask = password
        self._password: str | None = None
        self._at = DesktopPoint(0, 0)
        self._buttons = 0
        self._keys: list[int] = []
        self._closed = False
        self._news = threading.Condition()
        self._drawn = 0
        self._broken: DesktopError | None = None
        self._open()

    def _open(self) -> None:
        """Connect, and wait for the first whole picture."""
        connection = Connection(self._host, self._port, self._user, self._known_password)
        with self._news:  # from here on the thread that read the last one isn't listened to
            self._connection, self._drawn, self._broken = connection, 0, None
        self._reader = threading.Thread(
            target=self._read, args=(self._connection,), name="qvl-agent vnc", daemon=True
        )
        self._reader.start()
        try:
            self._wait_for_update(0, _FIRST_S)
        except DesktopError as error:
            self._connection.close()
            raise NoScreenError(f"{error}; is its screen locked, or off?") from None

    def _known_password(self) -> str:
        if self._password is None:
            self._password = self._ask(f"{self._host}:{self._port}")
        return self._password

    def _read(self, connection: Connection) -> None:
        """Take in what the server sends, until the connection ends, and always ask for what comes next."""
        try:
            while not self._closed:
                if not connection.is_waiting(_LOOK_S):
                    continue
                drawn = connection.receive()
                if drawn > 0:
                    with self._news:
                        self._drawn += 1
                        self._news.notify_all()
                if drawn >= 0:
                    connection.ask()
        except DesktopError as error:
            with self._news:
                if connection is self._connection:
                    self._broken = error
                self._news.notify_all()

    def _wait_for_update(self, since: int, seconds: float) -> None:
        with self._news:
            self._news.wait_for(lambda: self._drawn > since or self._broken is not None, seconds)
            if self._broken is not None:
                raise self._broken
            if self._drawn <= since:
                raise DesktopError(
                    f"the VNC server at {self._host}:{self._port} showed nothing for {seconds:g} s"
                )

    def _refresh(self) -> None:
        """Wait until all that the server had drawn before is here."""
        since = self._drawn
        self._connection.ask_for_a_corner()
        self._wait_for_update(since, _FRESH_S)

    def _ensure(self) -> None:
        """Connect again if the connection has ended, and release what may still be pressed there.

        Raises:
            DesktopError: it can't be done within ten seconds.
        """
        if self._closed:
            raise DesktopError(f"{self.name} is closed")
        if self._broken is None:
            return
        self._connection.close()
        deadline = time.monotonic() + _AGAIN_S
        while True:
            try:
                self._open()
                break
            except NoScreenError as error:
                if time.monotonic() > deadline:
                    raise DesktopError(f"the connection to {self.name} broke, and {error}") from None
                time.sleep(_PAUSE_S)
        self.release()

    def geometry(self) -> Geometry:
        height, width = self._connection.screen.pixels.shape[:2]
        return Geometry((Rect(0, 0, width, height),))

    def grab(self, region: Rect | None = None) -> Frame:
        self._ensure()
        try:
            self._refresh()
        except DesktopError:
            if self._broken is None:
                raise
            self._ensure()
        with self._steady():
            shown = self._connection.screen.pixels
            monitor = Rect(0, 0, shown.shape[1], shown.shape[0])
            area = region or monitor
            last = DesktopPoint(area.left + area.width - 1, area.top + area.height - 1)
            if DesktopPoint(area.left, area.top) not in monitor or last not in monitor:
                raise DesktopError(f"{area} is not on the screen {monitor}")
            part = shown[area.top : area.top + area.height, area.left : area.left + area.width, 2::-1]
            return Frame(part.copy(), monitor, 1.0, FramePoint(area.left, area.top))

    @contextmanager
    def _steady(self) -> Iterator[None]:
        """Keep the picture from being drawn in the block."""
        if not self._connection.changing.acquire(timeout=_FRESH_S):
            raise DesktopError(f"{self.name} stopped in the middle of a picture")
        try:
            yield
        finally:
            self._connection.changing.release()

    def pointer(self) -> DesktopPoint:
        """Return where the pointer was put last; the server doesn't tell where it is."""
        return self._at

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        if self._broken is not None:
            raise DesktopError(f"nothing was sent to {self.name}: {self._broken}")
        super().perform(approved, stop)
        self._refresh()

    def _prepare(self, approved: Approved, plan: Plan) -> None:
        """Refuse keys that VNC lacks, and a text that this server may drop or mix up characters of.

        A server has to give a character that its keyboard lacks a key of its own. TigerVNC has twenty for its
        whole life, drops what is more, and mixes up the first; wayvnc drops all
        (https://github.com/any1/wayvnc/issues/260). None says so.
        """
        for event in plan:
            if isinstance(event, KeyEvent):
                of_key(event.key)
        if all(map(str.isascii, texts(approved, plan))):
            return
        if self._connection.name.startswith(_WAYVNC):
            raise TypingError(f"wayvnc, which {self.name} is, drops characters that aren't ASCII")
        if not self._any_text:
            raise TypingError(
                "a VNC server may drop or mix up characters that aren't ASCII, and doesn't say so; nothing "
                f"was typed; if this one takes them all, name it {self.name}?{_ANY_TEXT}"
            )

    @property
    def _dragging(self) -> bool:
        return bool(self._buttons)

    def _motion(self, point: DesktopPoint) -> None:
        self._at = point
        self._press(self._buttons)

    def _button(self, button: Button, *, down: bool) -> None:
        bit = _BUTTONS[button]
        self._press(self._buttons | bit if down else self._buttons & ~bit)

    def _notch(self, dx: int, dy: int) -> None:
        notch = _NOTCHES[dx, dy]
        self._press(self._buttons | notch)
        self._press(self._buttons & ~notch)

    def _press(self, buttons: int) -> None:
        # What is pressed counts from before it is sent: a connection may break in between.
        self._buttons |= buttons
        self._connection.point(self._at.x, self._at.y, buttons)
        self._buttons = buttons

    def _key(self, name: str, *, down: bool) -> None:
        self._stroke(of_key(name), down=down)

    def _stroke(self, keysym: int, *, down: bool) -> None:
        if down:
            self._keys.append(keysym)
        self._connection.key(keysym, down=down)
        if not down and keysym in self._keys:
            self._keys.remove(keysym)

    def _type(self, text: str, stop: StopCheck) -> None:
        for at in range(0, len(text), _CHUNK):
            check_stop(stop)
            for character in text[at : at + _CHUNK]:
                self._stroke(of_character(character), down=True)
                self._stroke(of_character(character), down=False)
            self._refresh()

    def release(self) -> None:
        while self._keys:
            self._connection.key(self._keys[-1], down=False)
            self._keys.pop()
        if self._buttons:
            self._press(0)

    def close(self) -> None:
        if self._closed:
            return
        with suppress(DesktopError):
            self.release()
        self._closed = True
        self._connection.close()
        self._reader.join(_FRESH_S)


def parse_vnc_name(name: str) -> tuple[str, str, int, bool]:
    """Return the user, the host and the port of "vnc://[USER@]HOST[:PORT]", and if "?text=any" is behind it.

    Raises:
        SettingsError: it is another kind of name, or has a password in it.
    """
    wanted = "expected vnc://HOST[:PORT], as in vnc://localhost:5901"
    parts = urlsplit(name)
    try:
        host, port = parts.hostname or "", parts.port if parts.port is not None else _PORT
    except ValueError:
        raise SettingsError(f"{wanted}, got {name}") from None
    if parts.password is not None:
        raise SettingsError(
            "a password in an address can be read by everybody on this machine; leave it out: it is asked "
            "for, or taken from the keyring or from VNC_PASSWORD"
        )
    if parts.query not in ("", _ANY_TEXT):
        raise SettingsError(f"{wanted}; behind it only ?{_ANY_TEXT} may stand, got {name}")
    if not name.startswith(_SCHEME) or not host or parts.path.strip("/") or parts.fragment:
        raise SettingsError(f"{wanted}, got {name}")
    if port < _LEAST_PORT:
        raise SettingsError(
            f"{name} has the number of a display; give the port: {_SCHEME}{host}:{_PORT + port}"
        )
    return parts.username or "", host, port, bool(parts.query)
