r"""The journal: a file of JSON lines in which a torn end can be told from a damaged middle.

Each line is `{"crc32":"89abcdef","line":{...}}`. The checksum covers the bytes of the inner object
and, chained, every line before it, so a flipped bit, a lost line and two exchanged lines are all noticed.
A crash can only cut the end off; a line whose `append` has returned stays. One process writes the file at a
time: it holds a lock until it closes the file or ends.
"""

import os
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from qvl_agent.actions.core.errors import RecordingError, RunBusyError
from qvl_agent.agent.recording.files import create, hold, read_whole, reopen, write_all

__all__ = ["MAX_LINE", "Journal", "Lines", "read_journal"]

MAX_LINE: Final = 16 * 2**20
"""The most bytes of a line; a longer one is neither written nor read."""
_MAX_JOURNAL: Final = 512 * 2**20
_LINE: Final = re.compile(rb'\{"crc32":"([0-9a-f]{8})","line":(.*)\}', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lines:
    """A journal as it was read.

    Attributes:
        bodies: the JSON objects as bytes.
        torn: a sentence on a last line that a crash cut off; "" if there is none.
        end: the checksum and the size in bytes of all whole lines.
    """

    bodies: tuple[bytes, ...]
    torn: str
    end: tuple[int, int]


class Journal:
    """The writer of a journal. A line is on the disk when its `append` returns."""

    def __init__(self, path: Path, *, file: int | None = None, end: tuple[int, int] = (0, 0)) -> None:
        """Make a new journal, or go on with an open one after its whole lines; see `again`."""
        self._path = path
        self._file = create(path) if file is None else file
        self._end = end  # checksum and size of the whole lines; changed by one assignment
        if file is None:
            with suppress(OSError):  # without locks a run can be recorded, but not gone on with
                hold(self._file)

    @classmethod
    def again(cls, path: Path) -> tuple[Self, Lines]:
        """Open a journal whose writer has ended, to go on. The first append cuts off a torn last line.

        Raises:
            RunBusyError: another process is writing it.
            RecordingError: as `read_journal` raises it, or the file system has no locks.
        """
        try:
            file = reopen(path)
        except OSError as error:
            raise RecordingError(f"can't go on with {path}: {error}") from error
        try:
            _hold(file, path)
            lines = _read(path)
        except BaseException:
            os.close(file)
            raise
        return cls(path, file=file, end=lines.end), lines

    def append(self, body: bytes) -> None:
        """Write one JSON object, without line breaks, and wait until it is on the disk.

        Raises:
            RecordingError: it can't be written: the disk is full or failed, or the line is too long.
        """
        crc, size = self._end
        crc = zlib.crc32(body, crc)
        line = b'{"crc32":"%08x","line":%s}\n' % (crc, body)
        if len(line) > MAX_LINE:
            raise RecordingError(f"a journal line of {len(line)} bytes is too long; the limit is {MAX_LINE}")
        try:
            self._rewind()
            write_all(self._file, line)
            os.fsync(self._file)
        except OSError as error:
            with suppress(OSError):
                self._rewind()
            raise RecordingError(
                f"can't write {self._path}: {error}; free some space or record elsewhere"
            ) from error
        self._end = (crc, size + len(line))

    def _rewind(self) -> None:
        """Cut off the part of a line that a failed append, or one interrupted by a signal, has left."""
        if os.fstat(self._file).st_size != self._end[1]:
            os.ftruncate(self._file, self._end[1])

    def close(self) -> None:
        """Close the file; may be called twice."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _hold(file: int, path: Path) -> None:
    try:
        free = hold(file)
    except OSError as error:
        raise RecordingError(f"can't hold {path} for this process alone: {error}") from error
    if not free:
        raise RunBusyError(
            f"{path.parent} is being written by another process: wait until that run has ended, "
            "or end it by `qvl-agent stop`"
        )


def read_journal(path: Path) -> tuple[list[bytes], str]:
    """Read the JSON objects of a journal, and a sentence on a torn last line ("" if there is none).

    Raises:
        RecordingError: the file can't be read, or a line that was once whole is damaged.
    """
    lines = _read(path)
    return list(lines.bodies), lines.torn


def _read(path: Path) -> Lines:
    *lines, tail = read_whole(path, _MAX_JOURNAL).split(b"\n")
    bodies: list[bytes] = []
    crc = size = 0
    for number, line in enumerate(lines, start=1):
        body = _body(line, crc)
        if body is None:
            if number == len(lines) and not tail and b"\0\0" in line:
                # A power cut can leave a hole: the file's new length got to the disk, its blocks didn't.
                return Lines(tuple(bodies), _torn(number, line), (crc, size))
            raise RecordingError(
                f"{path}, line {number}: damaged; its checksum doesn't fit. Record the run again"
            )
        crc, size = zlib.crc32(body, crc), size + len(line) + 1
        bodies.append(body)
    if not tail:
        return Lines(tuple(bodies), "", (crc, size))
    if _body(tail[:-1], crc) is not None:
        raise RecordingError(f"{path}, line {len(lines) + 1}: damaged; a whole line ends in {tail[-1:]!r}")
    return Lines(tuple(bodies), _torn(len(lines) + 1, tail), (crc, size))


def _body(line: bytes, crc: int) -> bytes | None:
    """Return the inner object of an intact line; None if the line is damaged or cut off."""
    match = _LINE.fullmatch(line) if len(line) <= MAX_LINE else None
    if match is None or int(match[1], 16) != zlib.crc32(match[2], crc):
        return None
    return match[2]


def _torn(number: int, line: bytes) -> str:
    return f"line {number} was cut off after {len(line)} bytes, as a crash leaves it, and is left out"
