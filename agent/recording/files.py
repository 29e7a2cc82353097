"""Functions for a record's files: writing waits for the disk, reading doesn't trust what it finds."""

import os
import stat
import sys
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import RecordingError

__all__ = [
    "create",
    "hold",
    "make_private",
    "read_whole",
    "reason",
    "reopen",
    "sync_folder",
    "write_all",
    "write_new",
]

_BINARY: Final = getattr(os, "O_BINARY", 0)  # Windows would turn \n into \r\n
_FAR: Final = 2**40
"""The offset of the locked byte on Windows, behind all data: a lock there keeps others from reading it."""
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def create(path: Path) -> int:
    """Make a file, which must not exist yet, and open it for appending; only its owner can read it."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)


def make_private(folder: Path) -> None:
    """Make a folder and the missing ones above it, for their owner alone; leave existing ones as they are."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def reopen(path: Path) -> int:
    """Open an existing plain file for appending; a link isn't followed."""
    return os.open(path, os.O_RDWR | os.O_APPEND | _BINARY | _NO_LINKS)


def hold(file: int) -> bool:
    """Lock an open file for this process; the system unlocks it when the process ends, even by a crash.

    Returns:
        False if another process holds the lock.

    Raises:
        OSError: the file system has no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows alone has it

            os.lseek(file, _FAR, os.SEEK_SET)
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl  # noqa: PLC0415 - Windows has none

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def write_all(file: int, data: bytes) -> None:
    """Write every byte; `os.write` alone may stop halfway."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def write_new(path: Path, data: bytes) -> None:
    """Write a new file, readable by its owner alone, and wait until it is on the disk.

    If that fails, no file is left. The folder's own entry needs `sync_folder`.

    Raises:
        OSError: the file exists, or can't be written.
    """
    file = create(path)
    try:
        try:
            write_all(file, data)
            os.fsync(file)
        finally:
            os.close(file)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def sync_folder(path: Path) -> None:
    """Wait until the folder's entries are on the disk. Windows has no such call, and needs none on NTFS."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def reason(error: Exception) -> str:
    """Return the reason of a file's error without its path, which the caller names."""
    return getattr(error, "strerror", None) or str(error)


def read_whole(path: Path, limit: int) -> bytes:
    """Read a plain file of at most `limit` bytes.

    Args:
        path: a resolved folder, and names below it, of which none may be a link.
        limit: the most bytes.

    Raises:
        RecordingError: the file is missing, a link, a device, a pipe, or too large.
    """
    try:
        if path.resolve(strict=True) != path:
            raise RecordingError(f"{path} is reached through a link; a recording holds plain files only")
        if not stat.S_ISREG(path.lstat().st_mode):
            raise RecordingError(f"{path} is not a plain file")
        with os.fdopen(os.open(path, os.O_RDONLY | _BINARY | _NO_LINKS), "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL; RuntimeError: links in a circle
        raise RecordingError(f"can't read {path}: {reason(error)}") from error
    if len(data) > limit:
        raise RecordingError(f"{path} is over {limit} bytes; a recording's file of this kind isn't")
    return data
