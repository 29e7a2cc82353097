"""The agent's side of the watchdog, which holds the kill switch and releases our keys if this process dies.

The watchdog is a process of its own. It waits for a pipe from this process and for the X server. The pipe
ends when this process ends in any way, SIGKILL included. It watches X displays; Windows and macOS have no
watchdog yet.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Literal, Self

from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.desktops.watchdog.channel import (
    ARMED,
    FAILED,
    READY,
    TAKEOVER,
    Kind,
    Note,
    Pulse,
    pack,
    shared_memory,
)
from qvl_agent.actions.desktops.watchdog.takeover_rules import TAKEOVERS

__all__ = ["Takeover", "Watchdog"]

_log = logging.getLogger(__name__)

Takeover = Literal["pause", "stop", "ignore"]
"""What happens when the person moves the mouse or types during a run; the kill switch is always on."""

_START_S: Final = 20.0
_STUCK_S: Final = 5.0
_LATE_S: Final = 0.6
"""A watchdog without a sign of life for this long may be stuck: nothing is pressed until it shows one."""
_WAIT_S: Final = 3.0
"""Seconds to wait for that sign of life; on a busy machine a process may not run for a while."""
_END_S: Final = 2.0
_POLL_S: Final = 0.0005
_NAP_S: Final = 0.005
_STUCK: Final = "the watchdog is stuck, so keys could stay pressed if this program died"
_GONE: Final = "the watchdog ended, so keys could stay pressed if this program died"
_PROCESS: Final = "qvl_agent.actions.desktops.x11.watcher.process"


class Watchdog:
    """Starts the watchdog's process, sends it notes of our input, and reads its messages. A context manager.

    The process's start isn't waited for: notes stay in the pipe until it reads them. `watching` waits.

    Attributes:
        pid: the watchdog's process id; SIGUSR1 to it stops the run.
        reason: why the run is to stop; "" while it may go on.
        pauses: whether the run may go on after a pause: somebody took over, or the watchdog was lost.
        lost: whether the reason is that the watchdog itself ended or is stuck.
    """

    def __init__(
        self, display: str, *, takeover: Takeover = "pause", started: Callable[[int], None] | None = None
    ) -> None:
        """Start the watchdog's process.

        Args:
            display: the X display to watch.
            takeover: what the person's own input does.
            started: called with the process id, also when a lost watchdog is replaced.
        """
        self._display, self._takeover = display, takeover
        self._started = started or (lambda _pid: None)
        self._lock = threading.Lock()
        self._start()

    def _start(self) -> None:
        self.reason = ""
        self.lost = self._closed = False
        self._ready = self._armed = self._resting = False
        self._heard = b""
        self._late_since: float | None = None
        with shared_memory() as memory:
            self._pulse = Pulse(memory)
            self._pulse.beat()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROCESS, self._display, self._takeover, str(memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(memory,),
                start_new_session=True,  # Ctrl+C and a closed terminal are ours to handle; it must outlive us
                bufsize=0,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self.pid = self._process.pid
        self._started(self.pid)

    @property
    def _takes_reasons(self) -> bool:
        """Return whether another reason counts now: a takeover may be the beginning of the kill switch."""
        return not self.reason or self.reason in TAKEOVERS

    @property
    def pauses(self) -> bool:
        return self.lost or (self._takeover == "pause" and self.reason in TAKEOVERS)

    def before(self, note: Note) -> None:
        """Note for the watchdog what we are about to press or move.

        Raises:
            DesktopError: the watchdog is gone or stuck, so nothing may be pressed.
        """
        try:
            self._await_heartbeat()
            self._write(note)
        except OSError as error:
            self._read_messages()
            why = self.reason or f"the watchdog doesn't take notes ({error.strerror})"
            raise DesktopError(f"{why}; nothing more was pressed") from None

    def _await_heartbeat(self) -> None:
        """Wait for a late sign of life. The wait counts naps, because a suspension makes clocks jump."""
        for _ in range(round(_WAIT_S / _NAP_S)):
            if not self._ready or self._closed or self._pulse.age() < _LATE_S:
                return
            time.sleep(_NAP_S)
        self._mark_lost(_STUCK)
        raise TimeoutError(_STUCK)

    def after(self, *notes: Note) -> None:
        """Note for the watchdog what has been done; never raises, even if the watchdog is gone."""
        with suppress(OSError):
            self._write(*notes)

    def _write(self, *notes: Note) -> None:
        if not self._closed:  # the descriptor may be another file's by then
            os.write(self._to, pack(*notes))

    def stopped(self) -> bool:
        """Return whether the run is to stop: the person wants it, or the watchdog is gone. Takes 3 µs."""
        if self._takes_reasons and not self._closed:
            self._read_messages()
            self._check_heartbeat()
        return bool(self.reason)

    def _check_heartbeat(self) -> None:
        """Notice a stuck watchdog; one that only slept with the machine gets `_LATE_S` to wake up."""
        with self._lock:
            if not self._ready or self._pulse.age() < _WAIT_S:
                self._late_since = None
            elif self._late_since is None:
                _log.info("the watchdog's sign of life is late")
                self._late_since = time.monotonic()
            elif time.monotonic() - self._late_since > _LATE_S:
                self._mark_lost(_STUCK)

    def _mark_lost(self, why: str) -> None:
        if self._takes_reasons:
            self.reason, self.lost = why, True
            _log.error("%s", why)

    def _read_messages(self) -> None:
        with self._lock:
            try:
                data = os.read(self._from, 4096)
            except BlockingIOError:
                return
            if not data:
                self._mark_lost(_GONE)
            *lines, self._heard = (self._heard + data).split(b"\n")
            for line in lines:
                self._handle_message(line.decode(errors="replace"))

    def _handle_message(self, line: str) -> None:
        if line == READY:
            self._ready = True
        elif line == ARMED:
            self._armed = True
        elif line.startswith(TAKEOVER):
            if not self.reason and not self._resting:
                self.reason = line.removeprefix(TAKEOVER)
        elif self._takes_reasons:
            self.reason = line
            self.lost = line.startswith(FAILED)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take the person's own input as a takeover while the block runs, unless takeovers are ignored.

        Raises:
            NoScreenError: the watchdog didn't start; the message has its reason.
        """
        self._await_start()
        self._arm()
        try:
            yield
        finally:
            self.after(Note(Kind.DISARM))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let the person type and click while the block runs, as they are asked something."""
        self.after(Note(Kind.DISARM))
        try:
            yield
        finally:
            self._arm()

    def rest(self) -> None:
        """Begin a pause: only `qvl-agent stop` still stops the run, and the reason of the pause is cleared.

        The kill switch counts for one more second, because its first Esc or motion may have begun the pause.
        """
        self._resting = True
        if self.lost:
            self._process.kill()  # it may only be stuck
            self._process.wait()
            self._drop()
            self._closed = True
            self.reason, self.lost = "", False
        elif self.pauses:
            self.reason = ""
        self.after(Note(Kind.REST))

    def wake(self) -> None:
        """End a pause; a watchdog that was lost is replaced by a new one.

        Raises:
            NoScreenError: the new watchdog didn't start.
        """
        if self._closed:
            self._start()
            self._await_start()
        self._arm()
        self._resting = False

    def _drop(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._pulse.close()

    def _arm(self) -> None:
        """Make the watchdog take later input for the person's; wait until it has seen all earlier input."""
        self._armed = False
        self.after(Note(Kind.ARM))
        deadline = time.monotonic() + _STUCK_S
        while not self._armed and not self.stopped():
            if time.monotonic() > deadline:
                self._mark_lost(f"the watchdog hasn't answered for {_STUCK_S:g} s")
            time.sleep(_POLL_S)

    def _await_start(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._ready and not self.lost:
            self._read_messages()
            if time.monotonic() > deadline:
                raise NoScreenError(f"the watchdog didn't start within {_START_S:g} s; is it overloaded?")
            time.sleep(_POLL_S)
        if self.lost:
            why = self.reason.removeprefix(FAILED)
            raise NoScreenError(f"the watchdog can't watch ({why}); go without it by --no-watchdog")

    def close(self) -> None:
        """End the watchdog, which releases all that it knows to be down. May be called twice."""
        self.after(Note(Kind.END))
        self._closed = True
        if not self._pulse.closed:
            self._drop()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
