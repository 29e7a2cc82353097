"""A session with a VNC server: the greeting, and the messages of both sides."""

import struct
import threading
from collections.abc import Callable
from typing import Final

from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.desktops.vnc.framebuffer import COPY_RECT, RAW, ZRLE, Framebuffer
from qvl_agent.actions.desktops.vnc.security import Login, let_in
from qvl_agent.actions.desktops.vnc.stream import Stream

__all__ = ["Connection"]

_VERSION: Final = b"RFB 003.008\n"
_FORMAT: Final = struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
"""SetPixelFormat: 32 bits a pixel, little-endian, true colour: the bytes blue, green, red, unused."""
_CURSOR, _DESKTOP_SIZE, _EXTENDED_SIZE = -239, -223, -308
_ENCODINGS: Final = (ZRLE, COPY_RECT, RAW, _CURSOR, _DESKTOP_SIZE, _EXTENDED_SIZE)
"""The first is liked best. A server that may send the cursor apart doesn't draw it into the picture."""
_LONGEST: Final = 2**24
"""The most bytes of a server's clipboard or name that are read."""


class Connection:
    """One session with a server, whose picture is kept as it comes.

    Attributes:
        name: the desktop's name, as the server says it.
        screen: its picture; hold `changing` while it is read.
        changing: held while the picture is drawn.
    """

    def __init__(self, host: str, port: int, user: str, password: Callable[[], str]) -> None:
        """Connect, be let in, and ask for the whole picture.

        Raises:
            NoScreenError: nobody answers, or nobody is let in; see `security.let_in`.
        """
        self._stream = stream = Stream(host, port)
        try:
            self._greet(host, port)
            let_in(stream, Login(host, port, user, password, stream.is_loopback))
            stream.write(b"\1")  # others may stay connected
            width, height = stream.number("H"), stream.number("H")
            stream.read(16)
            self.name = stream.read(min(stream.number("I"), _LONGEST)).decode("utf-8", "replace")
            self.screen = Framebuffer(width, height)
            stream.write(_FORMAT + struct.pack(">BxH", 2, len(_ENCODINGS)) + struct.pack(">6i", *_ENCODINGS))
        except NoScreenError:
            stream.close()
            raise
        except DesktopError as error:
            stream.close()
            raise NoScreenError(f"{error}; see the server's log") from None
        self.changing = threading.Lock()
        self.ask(whole=True)

    def _greet(self, host: str, port: int) -> None:
        version = self._stream.read(12)
        if not version.startswith(b"RFB "):
            raise NoScreenError(f"{host}:{port} is no VNC server: it says {version!r}")
        if version < _VERSION[:11]:
            raise NoScreenError(
                f"the VNC server at {host}:{port} speaks RFB {version[4:11].decode('ascii', 'replace')}, "
                "and 3.8 is needed; update it"
            )
        self._stream.write(_VERSION)

    def ask(self, *, whole: bool = False) -> None:
        """Ask for the picture: what changes from now on, or all of it."""
        height, width = self.screen.pixels.shape[:2]
        self._stream.write(struct.pack(">BBHHHH", 3, not whole, 0, 0, width, height))

    def ask_for_a_corner(self) -> None:
        """Ask for one pixel anew; its answer comes after all that the server had to tell before."""
        self._stream.write(struct.pack(">BBHHHH", 3, 0, 0, 0, 1, 1))

    def point(self, x: int, y: int, buttons: int) -> None:
        """Send where the pointer is, and which buttons are down, a bit each."""
        self._stream.write(struct.pack(">BBHH", 5, buttons, x, y))

    def key(self, keysym: int, *, down: bool) -> None:
        """Send a key's press or release, by its X keysym."""
        self._stream.write(struct.pack(">BBxxI", 4, down, keysym))

    def receive(self) -> int:
        """Read the next message of the server, and take it in.

        Returns:
            How many rectangles of the picture came; -1 for a message of another kind.

        Raises:
            DesktopError: the connection ended, or the server sends what nobody asked for.
        """
        kind = self._stream.number("B")
        match kind:
            case 0:
                self._stream.read(1)
                return self._update(self._stream.number("H"))
            case 2:  # a bell
                return -1
            case 3:  # the server's clipboard, which nobody here reads
                self._stream.read(3)
                length = self._stream.number("i")
                if abs(length) > _LONGEST:
                    raise DesktopError(f"the VNC server sends a clipboard of {abs(length)} bytes")
                self._stream.read(abs(length))
                return -1
            case _:
                raise DesktopError(f"the VNC server sends a message of the unknown kind {kind}")

    def _update(self, count: int) -> int:
        drawn, size = 0, self.screen.pixels.shape
        for _ in range(count):
            header = self._stream.read(12)
            *rect, encoding = struct.unpack(">HHHHi", header)
            left, top, width, height = rect
            with self.changing:
                if encoding == _CURSOR:
                    self._stream.read(width * height * 4 + (width + 7) // 8 * height)
                elif encoding == _DESKTOP_SIZE:
                    self.screen.resize(width, height)
                elif encoding == _EXTENDED_SIZE:
                    self._stream.read(3 + 16 * self._stream.number("B"))
                    if (height, width) != self.screen.pixels.shape[:2] and top == 0:
                        self.screen.resize(width, height)
                else:
                    self.screen.draw(encoding, (left, top, width, height), self._stream.read)
                    drawn += 1
        if self.screen.pixels.shape != size:
            self.ask(whole=True)
        return drawn

    def is_waiting(self, seconds: float) -> bool:
        """Return whether a message can be read within so many seconds."""
        return self._stream.is_waiting(seconds)

    def close(self) -> None:
        """Hang up. May be called twice."""
        self._stream.close()
