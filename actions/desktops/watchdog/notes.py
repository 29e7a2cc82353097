"""What the agent tells its watchdog, as it travels over the pipe: eight bytes a note.

A press or motion is noted *before* it is sent, so the watchdog never sees an event of ours that it
wasn't told of; a release is noted after the server has taken it, so what may be down is always known.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from qvl_agent.actions.core.coordinates import DesktopPoint

__all__ = ["ARMED", "FAILED", "READY", "TAKEOVER", "Kind", "Ledger", "Note", "NoteReader", "pack"]

_RECORD: Final = struct.Struct("=BxHhh")
"""Kind, code, x, y. X coordinates are signed 16-bit."""


READY: Final = "ready"
"""It watches."""

ARMED: Final = "armed"
"""It takes what happens from now on for the person's."""

TAKEOVER: Final = "takeover: "
"""What follows is how somebody took over."""

FAILED: Final = "failed: "
"""What follows is why it can't watch; it ends."""


class Kind(IntEnum):
    """What a note says; `code` is a keycode or a button's number where one is needed."""

    KEY = 1
    """A key is about to be pressed."""
    KEY_UP = 2
    """The server has taken a key's release."""
    BUTTON = 3
    BUTTON_UP = 4
    MOTION = 5
    """The pointer is about to be put at x, y."""
    TAKEN = 6
    """The server has taken all that was noted so far."""
    LOCKS = 7
    """CapsLock (code) and the layout group (x), as they were, are about to be put out of the way."""
    LOCKS_BACK = 8
    ARM = 9
    """From now on input that isn't ours is somebody taking over."""
    DISARM = 10
    END = 11
    """We are done, and hold nothing."""
    REST = 12
    """The run is paused until ARM: what somebody does means nothing."""


class Note(NamedTuple):
    """One thing that the watchdog is told."""

    kind: Kind
    code: int = 0
    x: int = 0
    y: int = 0

    @property
    def at(self) -> DesktopPoint:
        return DesktopPoint(self.x, self.y)


class Ledger(Protocol):
    """Where the input side writes what it is about to do, and what it has undone."""

    def before(self, note: Note) -> None:
        """Write down what comes next.

        Raises:
            DesktopError: it can't be written, so nothing may be sent.
        """
        ...

    def after(self, *notes: Note) -> None:
        """Write down what was done; never raises, as it is called on the way out too."""
        ...


def pack(*notes: Note) -> bytes:
    return b"".join(_RECORD.pack(*note) for note in notes)


class NoteReader:
    """Puts notes together from the pieces in which a pipe gives them."""

    def __init__(self) -> None:
        self._rest = b""

    def read(self, data: bytes) -> list[Note]:
        data = self._rest + data
        whole = len(data) - len(data) % _RECORD.size
        self._rest = data[whole:]
        return [Note(Kind(kind), *fields) for kind, *fields in _RECORD.iter_unpack(data[:whole])]
