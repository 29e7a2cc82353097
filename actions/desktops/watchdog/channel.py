"""What the agent and its watchdog tell each other: notes, lines of text, and a heartbeat in shared memory.

The agent notes each press or motion *before* it sends it, so the watchdog never sees an event of ours that
it wasn't told of. It notes a release after the server has taken it, so the watchdog always knows what may be
down. A note has eight bytes. The watchdog answers with lines: `READY`, `ARMED`, `TAKEOVER` or `FAILED` with a
reason, or only the reason for which the run is to stop. Its heartbeat is a `Pulse`.
"""

import mmap
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from qvl_agent.actions.core.coordinates import DesktopPoint

__all__ = [
    "ARMED",
    "BEAT_S",
    "FAILED",
    "READY",
    "TAKEOVER",
    "Kind",
    "Ledger",
    "Note",
    "NoteReader",
    "Pulse",
    "pack",
    "shared_memory",
]

_RECORD: Final = struct.Struct("=BxHhh")
"""A note's fields: kind, code, x, y. X coordinates are signed 16-bit."""

READY: Final = "ready"
"""The watchdog watches."""
ARMED: Final = "armed"
"""The watchdog takes other input than ours for the person's from now on."""
TAKEOVER: Final = "takeover: "
"""The beginning of a line with the way in which somebody took over."""
FAILED: Final = "failed: "
"""The beginning of a line with the reason that the watchdog can't watch; it ends then."""

BEAT_S: Final = 0.2
"""Seconds between two signs of life."""

_TIME: Final = struct.Struct("=d")


class Pulse:
    """The time of the last sign of life, in the memory that `shared_memory` made. A context manager.

    The clock is the system's monotonic one, which both processes share.
    """

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, _TIME.size)

    def beat(self) -> None:
        _TIME.pack_into(self._memory, 0, time.monotonic())

    def age(self) -> float:
        """Return the seconds since the last beat; if there was none, those on the monotonic clock."""
        (last,) = _TIME.unpack_from(self._memory)
        return time.monotonic() - float(last)

    @property
    def closed(self) -> bool:
        return self._memory.closed

    def close(self) -> None:
        self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Kind(IntEnum):
    """The meaning of a note; its `code` is a keycode or a button's number if it needs one."""

    KEY = 1
    """A key is about to be pressed."""
    KEY_UP = 2
    """The server has taken a key's release."""
    BUTTON = 3
    BUTTON_UP = 4
    MOTION = 5
    """The pointer is about to be put at x, y."""
    TAKEN = 6
    """The server has taken everything that was noted so far."""
    LOCKS = 7
    """The locked modifiers (code), the layout group (x) and the filters of keys (y) had these values, and are
    about to be put aside."""
    LOCKS_BACK = 8
    """They have their values back."""
    ARM = 9
    """From now on input that isn't ours means that somebody takes over."""
    DISARM = 10
    """From now on it doesn't mean that any more."""
    END = 11
    """The agent is done, and holds nothing down."""
    REST = 12
    """The run is paused until ARM: other input means nothing."""


class Note(NamedTuple):
    """One message to the watchdog."""

    kind: Kind
    code: int = 0
    x: int = 0
    y: int = 0

    @property
    def at(self) -> DesktopPoint:
        return DesktopPoint(self.x, self.y)


class Ledger(Protocol):
    """The receiver of notes on input: before it is sent, and after it was taken."""

    def before(self, note: Note) -> None:
        """Note input that is about to be sent.

        Raises:
            DesktopError: it can't be noted, so the input may not be sent.
        """
        ...

    def after(self, *notes: Note) -> None:
        """Note what has been done; never raises, as it is called during recovery too."""
        ...


def pack(*notes: Note) -> bytes:
    return b"".join(_RECORD.pack(*note) for note in notes)


class NoteReader:
    """Reads notes from the pieces of data that come out of a pipe."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> list[Note]:
        data = self._rest + data
        whole = len(data) - len(data) % _RECORD.size
        self._rest = data[whole:]
        return [Note(Kind(kind), *fields) for kind, *fields in _RECORD.iter_unpack(data[:whole])]


@contextmanager
def shared_memory() -> Iterator[int]:
    """Make a file for a `Pulse` that a child process may inherit; its memory lasts while a process maps it.

    Raises:
        OSError: there is no memory for it.
    """
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("qvl-agent-pulse")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    try:
        # Bytes are written, as a process that touches a page without room on a full disk is killed.
        os.write(file, bytes(_TIME.size))
        yield file
    finally:
        os.close(file)
