"""A connection to a Wayland compositor: requests, events and file descriptors, as they go over its socket.

Source: https://wayland.freedesktop.org/docs/html/ch04.html#sect-Protocol-Wire-Format.
"""

import array
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.desktops.wayland.protocols import INTERFACES

__all__ = ["Connection", "Handler", "Thing", "socket_path"]

Handler = Callable[..., None]
"""Called with an event's name and its arguments."""

_HEADER: Final = struct.Struct("=IHH")
_WORD: Final = struct.Struct("=I")
_SIGNED: Final = struct.Struct("=i")
_FIXED: Final = 256
"""Fixed-point numbers count 256ths."""
_ANSWER_S: Final = 5.0
"""Seconds for the compositor to answer."""
_LARGEST: Final = 1 << 16
_MOST_FDS: Final = 28
"""File descriptors that libwayland sends with one message."""


def socket_path(name: str) -> Path:
    """Return the socket of a display: "wayland-1", in XDG_RUNTIME_DIR, or a path.

    Raises:
        NoScreenError: XDG_RUNTIME_DIR isn't set.
    """
    path = Path(name)
    if path.is_absolute():
        return path
    folder = os.environ.get("XDG_RUNTIME_DIR")
    if not folder:
        raise NoScreenError("XDG_RUNTIME_DIR isn't set, so the Wayland display can't be found: log in again")
    return Path(folder) / path


class Thing:
    """An object of the connection: it is sent requests, and its events go to its handler.

    Attributes:
        id: its number.
        kind: the name of its interface.
    """

    def __init__(self, connection: "Connection", number: int, kind: str, handler: Handler | None) -> None:
        self.id, self.kind = number, kind
        self._connection, self._handler = connection, handler

    def send(self, request: str, *arguments: Any) -> None:
        """Put a request into the queue; see `Connection.flush`.

        Args:
            request: its name.
            arguments: integers, fixed-point numbers as floats, strings, things, and file descriptors.
        """
        self._connection.queue(self, request, arguments)

    def make(self, request: str, kind: str, *arguments: Any, handler: Handler | None = None) -> "Thing":
        """Send a request that makes a new object, and return that.

        Args:
            request: its name.
            kind: the new object's interface.
            arguments: the request's, but for the new object's number.
            handler: gets the new object's events.
        """
        made = self._connection.new(kind, handler)
        _, letters = INTERFACES[self.kind].requests[request]
        place = letters.index("n")
        self.send(request, *arguments[:place], made, *arguments[place:])
        return made

    def handle(self, event: str, arguments: list[Any]) -> None:
        if self._handler is not None:
            self._handler(event, *arguments)


class Connection:
    """A connection to the compositor at a socket. Use it in a `with` block, which one thread has at a time.

    Attributes:
        globals: the numbers and versions of what the compositor offers, by interface.
        lost: whether it has ended.

    Raises:
        NoScreenError: nobody answers there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lost = False
        self.globals: dict[str, dict[int, int]] = {}
        self._lock = threading.RLock()
        self._out, self._out_fds = bytearray(), list[int]()
        self._in, self._in_fds = bytearray(), list[int]()
        self._things: dict[int, Thing] = {}
        self._next, self._free = 1, list[int]()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(str(path))
            self._display = self.new("wl_display", self._of_display)
            self._registry = self._display.make("get_registry", "wl_registry", handler=self._of_registry)
            self.roundtrip()
        except (OSError, DesktopError) as error:
            self.close()
            why = error.strerror if isinstance(error, OSError) else error
            raise NoScreenError(
                f"no Wayland compositor answers at {path}: {why}; is that session running, and yours?"
            ) from None

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def fileno(self) -> int:
        """Return the socket's descriptor, to wait for events."""
        return self._socket.fileno()

    def new(self, kind: str, handler: Handler | None = None) -> Thing:
        """Take a number for a new object. The compositor wants them without a gap."""
        number = self._free.pop() if self._free else self._next
        self._next = max(self._next, number + 1)
        self._things[number] = thing = Thing(self, number, kind, handler)
        return thing

    def bind(self, kind: str, handler: Handler | None = None, *, at: int = 0) -> Thing:
        """Bind what the compositor offers under an interface's name.

        Args:
            kind: the interface.
            handler: gets its events.
            at: which one, if it offers several, in their order.

        Raises:
            DesktopError: it offers none.
        """
        offered = list(self.globals.get(kind, {}).items())
        if at >= len(offered):
            raise DesktopError(f"this compositor offers no {kind}")
        name, version = offered[at]
        bound = self.new(kind, handler)
        version = min(version, INTERFACES[kind].version)
        self._registry.send("bind", name, kind, version, bound)
        return bound

    def queue(self, thing: Thing, request: str, arguments: tuple[Any, ...]) -> None:
        number, letters = INTERFACES[thing.kind].requests[request]
        body = bytearray()
        for letter, value in zip(letters, arguments, strict=True):
            match letter:
                case "o" | "n":
                    body += _WORD.pack(value.id if value is not None else 0)
                case "u":
                    body += _WORD.pack(value & 0xFFFFFFFF)
                case "i":
                    body += _SIGNED.pack(value)
                case "f":
                    body += _SIGNED.pack(round(value * _FIXED))
                case "s":
                    text = value.encode() + b"\0"
                    body += _WORD.pack(len(text)) + text + bytes(-len(text) % 4)
                case _:
                    self._out_fds.append(os.dup(value))
        self._out += _HEADER.pack(thing.id, number, _HEADER.size + len(body)) + body
        if len(self._out_fds) >= _MOST_FDS or len(self._out) >= _LARGEST:
            self.flush()

    def flush(self) -> None:
        """Send what is queued.

        Raises:
            DesktopError: the connection has ended.
        """
        fds, self._out_fds = self._out_fds, []
        try:
            self._socket.settimeout(_ANSWER_S)
            if self._out:
                carried = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
                sent = self._socket.sendmsg([self._out], carried)
                self._socket.sendall(memoryview(self._out)[sent:])
        except OSError as error:
            raise self._ended(error) from None
        finally:
            self._out.clear()
            for fd in fds:
                os.close(fd)

    def roundtrip(self) -> None:
        """Wait until the compositor has handled all that was sent, and handle all that it sent.

        Raises:
            DesktopError: it doesn't, or a request was wrong.
        """
        answered = False

        def done(_event: str, _serial: int) -> None:
            nonlocal answered
            answered = True

        self._display.make("sync", "wl_callback", handler=done)
        self.wait(lambda: answered, "nothing")

    def wait(self, ready: Callable[[], bool], why: str, seconds: float = _ANSWER_S) -> None:
        """Send what is queued, and handle events until something is so.

        Args:
            ready: whether it is.
            why: what is said to have happened otherwise: "nothing".
            seconds: how long to wait.

        Raises:
            DesktopError: it isn't so in time, the connection ended, or a request was wrong.
        """
        self.flush()
        deadline = time.monotonic() + seconds
        while not ready():
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                raise DesktopError(f"the Wayland compositor answered {why} for {seconds:g} s")
            self._receive()
            self.flush()

    def drain(self) -> None:
        """Handle the events that have come, without waiting for any."""
        self.flush()
        while select.select([self._socket], [], [], 0)[0]:
            self._receive()
            self.flush()

    def _receive(self) -> None:
        fds = array.array("i")
        try:
            part, carried, _, _ = self._socket.recvmsg(
                _LARGEST, socket.CMSG_SPACE(_MOST_FDS * fds.itemsize), socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            raise self._ended(error) from None
        for level, kind, data in carried:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
        self._in_fds += fds.tolist()
        if not part:
            raise self._ended(None)
        self._in += part
        while len(self._in) >= _HEADER.size:
            number, event, size = _HEADER.unpack_from(self._in)
            if size < _HEADER.size:
                raise DesktopError(f"what answers at {self.path} speaks another language than Wayland's")
            if len(self._in) < size:
                break
            body = bytes(self._in[_HEADER.size : size])
            del self._in[:size]
            self._dispatch(number, event, body)

    def _dispatch(self, number: int, event: int, body: bytes) -> None:
        thing = self._things.get(number)
        if thing is None:
            return
        events = INTERFACES[thing.kind].events
        if event >= len(events):
            return  # of a newer version than was bound
        name, letters = events[event]
        thing.handle(name, self._arguments(letters, body))

    def _arguments(self, letters: str, body: bytes) -> list[Any]:
        """Read an event's arguments; objects are their numbers."""
        read: list[Any] = []
        at = 0
        for letter in letters:
            match letter:
                case "h":
                    read.append(self._in_fds.pop(0))
                    continue
                case "i":
                    read.append(_SIGNED.unpack_from(body, at)[0])
                case "f":
                    read.append(_SIGNED.unpack_from(body, at)[0] / _FIXED)
                case "s" | "a":
                    size = _WORD.unpack_from(body, at)[0]
                    data = body[at + 4 : at + 4 + size]
                    read.append(data if letter == "a" else data[:-1].decode(errors="replace"))
                    at += size + -size % 4
                case _:
                    read.append(_WORD.unpack_from(body, at)[0])
            at += 4
        return read

    def _of_display(self, event: str, *arguments: Any) -> None:
        if event == "delete_id":
            self._things.pop(arguments[0], None)
            self._free.append(arguments[0])
            return
        number, code, said = arguments
        thing = self._things.get(number)
        self.lost = True
        raise DesktopError(
            f"the Wayland compositor refused {thing.kind if thing else number}: {said} ({code})"
        )

    def _of_registry(self, event: str, *arguments: Any) -> None:
        if event == "global":
            number, kind, version = arguments
            self.globals.setdefault(kind, {})[number] = version
        else:
            for offered in self.globals.values():
                offered.pop(arguments[0], None)

    def _ended(self, error: OSError | None) -> DesktopError:
        self.lost = True
        why = f": {error.strerror or error}" if error else ""
        return DesktopError(f"the Wayland session at {self.path} has ended{why}")

    def close(self) -> None:
        """End the connection; the compositor takes away what it made. May be called twice."""
        self.lost = True
        self._socket.close()
        for fd in self._in_fds + self._out_fds:
            os.close(fd)
        self._in_fds, self._out_fds = [], []
