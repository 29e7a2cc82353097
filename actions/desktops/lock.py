"""One agent per display: two would fight over one pointer."""

import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from platformdirs import user_runtime_path

from qvl_agent.actions.errors import DisplayBusyError

__all__ = ["canonical_display", "hold_display"]

_X_NAME: Final = re.compile(r"^(?:(?:tcp|unix)/)?(?P<host>[^:/]*):(?P<number>\d+)(?:\.\d+)?$")
_HERE: Final = frozenset({"", "unix", "localhost", "127.0.0.1"})


def canonical_display(name: str) -> str:
    """Give one name for all the names of a display: ":1", ":1.0", "unix:1" and "local :1" are one."""
    bare = name.removeprefix("local ").strip()
    found = _X_NAME.match(bare)
    if found is None:
        return bare
    host, number = found["host"].lower(), int(found["number"])
    return f":{number}" if host in _HERE else f"{host}:{number}"


@contextmanager
def hold_display(name: str) -> Iterator[None]:
    """Hold a display while the block runs; the system lets go of it if this process dies, however.

    Raises:
        DisplayBusyError: another agent of this user holds it; the message has its process id.
    """
    display = canonical_display(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without XDG_RUNTIME_DIR it says that it falls back to /tmp: it may
        folder = user_runtime_path("qvl-agent", appauthor=False, ensure_exists=True)
    stem = "display" + re.sub(r"[^A-Za-z0-9.-]", "_", display)
    owner = folder / f"{stem}.pid"
    lock = FileLock(folder / f"{stem}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DisplayBusyError(
            f"display {display} is held by another agent (process {_read(owner)}): "
            "wait for it, stop it, or use --desktop sandbox:chat"
        ) from None
    try:
        owner.write_text(f"{os.getpid()}\n")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _read(owner: Path) -> str:
    try:
        return owner.read_text().strip() or "unknown"
    except OSError:
        return "unknown"
