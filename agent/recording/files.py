"""Files that are on the disk when we say so, and files of strangers, read with distrust."""

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
"""A byte that is never written: on Windows, a lock keeps others from reading what it covers."""
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def create(path: Path) -> int:
    """Open a file that must not exist yet for appending, readable by its owner alone."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone; one that is there is kept."""
    if not folder.is_dir():
        make_private(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def reopen(path: Path) -> int:
    """Open a plain file that is there, and no link to one, for appending."""
    return os.open(path, os.O_RDWR | os.O_APPEND | _BINARY | _NO_LINKS)


def hold(file: int) -> bool:
    """Hold an open file for this process alone; the system lets go of it when the process ends, however.

    Returns:
        False if another one holds it.

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
    """Write a file that must not exist yet, readable by its owner alone, and wait for the disk.

    Nothing is left behind if it fails. The folder's own entry needs `sync_folder`.
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
    """Say why a file can't be had, without its path: the caller names that."""
    return getattr(error, "strerror", None) or str(error)


def read_whole(path: Path, limit: int) -> bytes:
    """Read a plain file of at most `limit` bytes.

    Args:
        path: a resolved folder, and names below it: none of those may be a link.
        limit: bytes.

    Raises:
        RecordingError: it is missing, a link, a device, a pipe, or too large.
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
