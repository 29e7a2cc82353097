"""Locks that let only one agent use a display at a time, and the way to find and stop such agents.

Two agents would fight over one pointer. For each display there are two files in the user's runtime folder:
`display….lock`, which the agent holds locked, and `display….pid` with the agent's process id and its
watchdog's. `stop_agents` asks the agents that hold a lock to end, and waits until they have ended.
"""

import os
import re
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from filelock import FileLock, Timeout
from platformdirs import user_runtime_path

from qvl_agent.actions.core.errors import DesktopError, DisplayBusyError

__all__ = ["Hold", "Holder", "canonical_display", "hold_display", "holders", "stop_agents"]

_X_NAME: Final = re.compile(r"^(?:(?:tcp|unix)/)?(?P<host>[^:/]*):(?P<number>\d+)(?:\.\d+)?$")
_PREFIX: Final = "display"
_X_STEM: Final = re.compile(r"_(?=\d+$)")
"""What a file's name has for the colon of an X display."""
_LOCK_WAIT_S: Final = 0.2
"""Seconds that an agent waits for the lock: a process that looks whether it is held locks it for a moment."""
_LOCAL_HOSTS: Final = frozenset({"", "unix", "localhost", "127.0.0.1"})
"""Host names of this machine."""
_END_S: Final = 10.0
"""Seconds that a stopped agent gets to end."""
_POLL_S: Final = 0.02


def canonical_display(name: str) -> str:
    """Return the one name for all names of a display: ":1" for ":1.0", "unix:1" and "local :1"."""
    bare = name.removeprefix("local ").strip()
    found = _X_NAME.match(bare)
    if found is None:
        return bare
    host, number = found["host"].lower(), int(found["number"])
    return f":{number}" if host in _LOCAL_HOSTS else f"{host}:{number}"


class Holder(NamedTuple):
    """The process ids of the agent that holds a display, and of its watchdog if it has one."""

    display: str
    pid: int
    watchdog: int | None


class Hold:
    """A display that this process holds."""

    def __init__(self, owner: Path) -> None:
        self._owner = owner
        self._write(f"{os.getpid()}\n")

    def watched_by(self, pid: int) -> None:
        """Write down the watchdog's process id, so that others can signal it to stop the run at once."""
        self._write(f"{os.getpid()}\n{pid}\n")

    def _write(self, text: str) -> None:
        with os.fdopen(os.open(self._owner, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)


@contextmanager
def hold_display(name: str) -> Iterator[Hold]:
    """Hold a display while the block runs; if this process dies, the system releases the lock.

    Raises:
        DisplayBusyError: another agent of this user holds it; the message has its process id.
    """
    display = canonical_display(name)
    folder = _folder()
    stem = _PREFIX + re.sub(r"[^A-Za-z0-9.-]", "_", display)
    owner = folder / f"{stem}.pid"
    lock = FileLock(folder / f"{stem}.lock", mode=0o600)
    try:
        lock.acquire(timeout=_LOCK_WAIT_S, poll_interval=0.01)
    except Timeout:
        raise DisplayBusyError(
            f"display {display} is held by another agent (process {_read(owner)[0]}): "
            "wait for it, end it by `qvl-agent stop`, or use --desktop sandbox:chat"
        ) from None
    try:
        yield Hold(owner)
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def holders(name: str | None = None) -> list[Holder]:
    """List this user's agents that hold a display, or only the one that holds the display `name`."""
    only = None if name is None else _PREFIX + re.sub(r"[^A-Za-z0-9.-]", "_", canonical_display(name))
    return [
        holder
        for owner in sorted(_folder().glob(f"{_PREFIX}*.pid"))
        if only in (None, owner.stem) and (holder := _holder(owner)) is not None
    ]


def stop_agents(display: str | None = None) -> list[Holder]:
    """Stop every agent of this user, or the one on a display, and wait until it has ended.

    Returns:
        those that were stopped; none if none was running.

    Raises:
        DesktopError: an agent was told to stop, but its program hasn't ended.
    """
    found = holders(display)
    for holder in found:
        _ask(holder)
    deadline = time.monotonic() + _END_S
    while left := [holder for holder in found if holder in holders(display)]:
        if time.monotonic() > deadline:
            one = left[0]
            raise DesktopError(
                f"the agent on {one.display} was told to stop and has let go of mouse and keys, but hasn't "
                f"ended within {_END_S:g} s; kill -9 {one.pid} is safe"
            )
        time.sleep(_POLL_S)
    return found


def _holder(owner: Path) -> Holder | None:
    """Read who holds a display; None if the agent died and only its file is left."""
    try:
        with FileLock(owner.with_suffix(".lock"), timeout=0, mode=0o600):
            return None
    except Timeout:
        pid, *watchdog = _read(owner)
    if not pid.isdecimal():
        return None
    display = owner.stem.removeprefix(_PREFIX)
    return Holder(_X_STEM.sub(":", display), int(pid), int(watchdog[0]) if watchdog else None)


def _folder() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its use of /tmp without XDG_RUNTIME_DIR: it may
        folder = user_runtime_path("qvl-agent", appauthor=False)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _read(owner: Path) -> list[str]:
    try:
        return owner.read_text().split() or ["unknown"]
    except OSError:
        return ["unknown"]


def _ask(holder: Holder) -> None:
    """Signal an agent to stop: its watchdog, which releases all keys at once, or else the agent itself."""
    try:
        if holder.watchdog is not None:
            os.kill(holder.watchdog, signal.SIGUSR1)
            return
    except ProcessLookupError:
        pass
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
