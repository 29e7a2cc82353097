"""A process beside the agent that holds the kill switch, and releases what we pressed whatever kills us.

It is blocked on a pipe from us and on the X server. The pipe ends when this process ends in whatever
way, SIGKILL too. It watches X displays; Windows and macOS have none yet.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Final, Literal, Protocol, Self, runtime_checkable

from qvl_agent.actions.desktops.notes import Kind, Note, pack
from qvl_agent.actions.errors import DesktopError, NoScreenError

__all__ = ["Takeover", "Watchable", "Watchdog"]

Takeover = Literal["stop", "ignore"]
"""What is done when the person moves the mouse or types during a run; the kill switch is always on."""

_START_S: Final = 20.0
_STUCK_S: Final = 5.0
_END_S: Final = 2.0
_POLL_S: Final = 0.0005
_READY: Final = "ready"
_ARMED: Final = "armed"
_FAILED: Final = "failed: "


class Watchdog:
    """Starts the process, tells it what we do, and hears from it. A context manager.

    Its start is not waited for: notes lie in the pipe until it reads them. `watching` waits.

    Attributes:
        pid: its process id; SIGUSR1 to it stops the run.
        reason: why the run is to stop; "" while it may go on.
        lost: the reason is that the watchdog itself ended.
    """

    def __init__(self, display: str, *, takeover: Takeover = "stop") -> None:
        self.reason = ""
        self.lost = False
        self._ready = self._armed = self._closed = False
        self._heard = b""
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, display, takeover],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl+C and a closed terminal are ours to handle; it must outlive us
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)
        self.pid = self._process.pid

    def before(self, note: Note) -> None:
        """Tell it what we are about to press or move.

        Raises:
            DesktopError: it is gone or stuck, so nothing may be pressed.
        """
        try:
            self._write(note)
        except OSError as error:
            self._hear()
            why = self.reason or f"the watchdog doesn't take notes ({error.strerror})"
            raise DesktopError(f"{why}; nothing more was pressed") from None

    def after(self, *notes: Note) -> None:
        """Tell it what is done. Where it is gone, nobody needs to know."""
        with suppress(OSError):
            self._write(*notes)

    def _write(self, *notes: Note) -> None:
        if not self._closed:  # the descriptor may be another file's by then
            os.write(self._to, pack(*notes))

    def stopped(self) -> bool:
        """Say whether the run is to stop: the person wants it, or the watchdog is gone. Costs 2 µs."""
        if not self.reason and not self._closed:
            self._hear()
        return bool(self.reason)

    def _hear(self) -> None:
        with self._lock:
            try:
                data = os.read(self._from, 4096)
            except BlockingIOError:
                return
            if not data:
                self._gone()
            *lines, self._heard = (self._heard + data).split(b"\n")
            for line in lines:
                self._take(line.decode(errors="replace"))

    def _take(self, line: str) -> None:
        if line == _READY:
            self._ready = True
        elif line == _ARMED:
            self._armed = True
        elif not self.reason:
            self.reason = line
            self.lost = line.startswith(_FAILED)

    def _gone(self) -> None:
        if not self.reason:
            self.reason = "the watchdog ended, so keys could stay pressed if this program died"
            self.lost = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """While the block runs, the person's own input means that they take over, if that stops runs.

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
        """While the block runs, the person is asked something, and may type and click."""
        self.after(Note(Kind.DISARM))
        try:
            yield
        finally:
            self._arm()

    def _arm(self) -> None:
        """Let it take what happens from now on for the person's; what was before, it has seen by then."""
        self._armed = False
        self.after(Note(Kind.ARM))
        deadline = time.monotonic() + _STUCK_S
        while not self._armed and not self.stopped():
            if time.monotonic() > deadline:
                self.reason = f"the watchdog hasn't answered for {_STUCK_S:g} s"
                self.lost = True
            time.sleep(_POLL_S)

    def _await_start(self) -> None:
        deadline = time.monotonic() + _START_S
        while not self._ready and not self.lost:
            self._hear()
            if time.monotonic() > deadline:
                raise NoScreenError(f"the watchdog didn't start within {_START_S:g} s; is it overloaded?")
            time.sleep(_POLL_S)
        if self.lost:
            why = self.reason.removeprefix(_FAILED)
            raise NoScreenError(f"the watchdog can't watch ({why}); go without it by --no-watchdog")

    def close(self) -> None:
        """End it; what it still knows to be down is released. May be called twice."""
        self.after(Note(Kind.END))
        self._closed = True
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
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


@runtime_checkable
class Watchable(Protocol):
    """A desktop that tells a watchdog what it does.

    Attributes:
        watchdog: the one it tells, if any.
    """

    @property
    def display(self) -> str:
        """The X display's name."""
        ...

    watchdog: Watchdog | None


def _main(display: str, takeover: str) -> None:
    """Be the watchdog; what goes wrong is said over the pipe, as nobody sees this process."""
    from qvl_agent.actions.desktops.x11_watch import watch  # noqa: PLC0415 - Xlib

    def say(line: str) -> None:
        with suppress(OSError):
            os.write(1, f"{line}\n".encode())

    try:
        watch(display, 0, say, takeover=takeover == "stop")
    except Exception as error:  # noqa: BLE001 - the process's edge
        say(f"{_FAILED}{error}")
        sys.exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
