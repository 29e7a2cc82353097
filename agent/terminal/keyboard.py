"""The terminal that the person sits at: its screen, and the keys that are pressed there.

It is the process's controlling terminal, opened by its own name and not as standard input: what comes
through a pipe was typed by no person. Inside `reading`, bytes come as they are typed, without echo.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, TextIO

from qvl_agent.actions.desktops import StopCheck

__all__ = ["TerminalKeys", "open_keyboard"]

_POLL_S: Final = 0.02
_WAIT_S: Final = 0.1
_LONGEST_LINE: Final = 4096
"""The most bytes that a terminal returns as one line: N_TTY's limit on Linux."""


class TerminalKeys(Protocol):
    """A terminal: its screen and its keys.

    Attributes:
        screen: the stream whose text is shown.
    """

    screen: TextIO

    @property
    def in_front(self) -> bool:
        """Return whether this program gets the keys now; a job in the background gets none."""
        ...

    def reading(self) -> AbstractContextManager[None]:
        """Read keys one by one inside the block; keys typed before, and keys left unread, are dropped."""
        ...

    def forget(self) -> None:
        """Drop keys that were typed and not read."""
        ...

    def read(self, wait_s: float) -> bytes:
        """Wait up to `wait_s` seconds for keys and return their bytes; b"" if none came."""
        ...

    def line(self, limit_s: float, stop: StopCheck) -> str | None:
        """Read a line with the terminal's own editing; None if none came in `limit_s` seconds, or `stop`."""
        ...

    def close(self) -> None: ...


if sys.platform == "win32":
    import msvcrt

    class _Terminal:
        """The console of Windows."""

        in_front = True

        def __init__(self) -> None:
            self.screen: TextIO = Path("CONOUT$").open("w", encoding="utf-8", errors="replace")  # noqa: SIM115

        @contextmanager
        def reading(self) -> Iterator[None]:
            self.forget()
            try:
                yield
            finally:
                self.forget()

        def forget(self) -> None:
            while msvcrt.kbhit():
                msvcrt.getwch()

        def read(self, wait_s: float) -> bytes:
            end = time.monotonic() + wait_s
            while not msvcrt.kbhit():
                if time.monotonic() > end:
                    return b""
                time.sleep(_POLL_S)
            return msvcrt.getwch().encode()

        def line(self, limit_s: float, stop: StopCheck) -> str | None:
            typed, end = "", time.monotonic() + limit_s
            while time.monotonic() < end and not stop():
                key = self.read(_WAIT_S).decode()
                if key in {"\r", "\n"}:
                    return typed
                typed = typed[:-1] if key == "\b" else typed + key
                self.screen.write("\b \b" if key == "\b" else key)
                self.screen.flush()
            return None

        def close(self) -> None:
            self.screen.close()

else:
    import select
    import termios

    class _Terminal:
        """A terminal as POSIX has it."""

        def __init__(self) -> None:
            self._fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
            self.screen: TextIO = open(  # noqa: SIM115 - closed by `close`
                self._fd, "w", encoding="utf-8", errors="replace", closefd=False
            )

        @property
        def in_front(self) -> bool:
            try:
                return os.tcgetpgrp(self._fd) == os.getpgrp()
            except OSError:
                return False

        @contextmanager
        def reading(self) -> Iterator[None]:
            before = termios.tcgetattr(self._fd)
            try:
                self._raw()
                self.forget()
                yield
            finally:
                if self.in_front:
                    with suppress(termios.error):
                        termios.tcsetattr(self._fd, termios.TCSAFLUSH, before)

        def _raw(self) -> None:
            """Turn off lines and echo; Ctrl+C and Ctrl+Z stay signals. In the background nothing is set."""
            if not self.in_front:
                return
            modes = termios.tcgetattr(self._fd)
            if modes[3] & (termios.ICANON | termios.ECHO):
                modes[3] &= ~(termios.ICANON | termios.ECHO)
                modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
                termios.tcsetattr(self._fd, termios.TCSADRAIN, modes)

        def forget(self) -> None:
            if self.in_front:
                termios.tcflush(self._fd, termios.TCIFLUSH)

        def read(self, wait_s: float) -> bytes:
            if not self.in_front:
                time.sleep(min(wait_s, _WAIT_S))
                return b""
            self._raw()  # a shell may have set it back while this was stopped
            ready, _, _ = select.select([self._fd], [], [], wait_s)
            return os.read(self._fd, 1024) if ready else b""

        def line(self, limit_s: float, stop: StopCheck) -> str | None:
            end = time.monotonic() + limit_s
            while time.monotonic() < end and not stop():
                if not self.in_front:
                    time.sleep(_WAIT_S)
                elif select.select([self._fd], [], [], _WAIT_S)[0]:
                    return os.read(self._fd, _LONGEST_LINE).decode(errors="replace").strip()
            return None

        def close(self) -> None:
            with suppress(OSError):
                self.screen.close()
            os.close(self._fd)


def open_keyboard() -> TerminalKeys | None:
    """Open the terminal that this process was started from; None if there is none."""
    try:
        return _Terminal()
    except OSError:
        return None
