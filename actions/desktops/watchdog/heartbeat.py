"""A sign of life that one process shows another: the time, in eight bytes of memory that both see.

A pipe would do as well until it is full, and then its writer waits, or loses what must not be lost.
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
"""How often the living show it."""
_TIME: Final = struct.Struct("=d")


@contextmanager
def shared_memory() -> Iterator[int]:
    """Make a file to map that a child process may inherit; it lives as long as somebody maps it.

    Raises:
        OSError: there is no memory for it.
    """
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("qvl-agent-pulse")
    else:
        with tempfile.TemporaryFile() as temporary:
            file = os.dup(temporary.fileno())
    try:
        # Written, not only made longer: to touch a page that a full disk has no room for kills a process.
        os.write(file, bytes(_TIME.size))
        yield file
    finally:
        os.close(file)


class Pulse:
    """The memory that `shared_memory` made; a context manager.

    The clock is the system's monotonic one, which both processes share.
    """

    def __init__(self, file: int) -> None:
        self._memory = mmap.mmap(file, _TIME.size)

    def beat(self) -> None:
        _TIME.pack_into(self._memory, 0, time.monotonic())

    def age(self) -> float:
        """Say how many seconds ago it last beat; since the machine was started, if it never did."""
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
