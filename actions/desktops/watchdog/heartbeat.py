"""A sign of life from one process to another: the time, in eight bytes of memory that they share.

A pipe isn't used: once it is full, its writer has to wait, or to lose messages that must not be lost.
"""

import mmap
import os
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

__all__ = ["BEAT_S", "Pulse", "shared_memory"]

BEAT_S: Final = 0.2
"""Seconds between two signs of life."""
_TIME: Final = struct.Struct("=d")


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
