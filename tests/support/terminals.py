"""A program in a real terminal of its own: what it shows, and what somebody types there."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from project import SUPPORT

from qvl_agent.agent.terminal.question import UNREAD_S

END_S = 30.0


class Terminal:
    """The other end of a program's controlling terminal; it answers what a terminal is asked, if told how."""

    def __init__(self, program: "subprocess.Popen[bytes]", master: int, answers: Mapping[str, str]) -> None:
        self.program, self.shown = program, ""
        self._master, self._answers = master, dict(answers)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def wait_for(self, text: str, limit_s: float = END_S) -> None:
        deadline = time.monotonic() + limit_s
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} never came:\n{self.shown}"
            assert self._read(0.05), f"it ended without {text!r}:\n{self.shown}"

    def watch(self, seconds: float) -> None:
        """Let some time pass, and read what comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and self._read(left):
            pass

    def end(self) -> int:
        """Wait for the program's end, and give its exit code."""
        deadline = time.monotonic() + END_S
        while self.program.poll() is None:
            assert time.monotonic() < deadline, f"it didn't end:\n{self.shown}"
            self._read(0.05)
        while self._read(0.05) and select.select([self._master], [], [], 0)[0]:
            pass
        return self.program.returncode

    def _read(self, wait_s: float) -> bool:
        """Read what is there; False if the terminal was hung up."""
        if not select.select([self._master], [], [], wait_s)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.shown += data.decode(errors="replace")
        for asked, answer in list(self._answers.items()):
            if asked in self.shown:
                self._answers.pop(asked)
                self.type(answer)
        return bool(data)


@contextmanager
def in_terminal(
    *words: str,
    cwd: Path,
    answers: Mapping[str, str] | None = None,
    size: tuple[int, int] = (40, 100),
    stdin: int | None = None,
    **environment: str,
) -> Iterator[Terminal]:
    """Run a program in a terminal of `size` rows and columns; `stdin` takes its standard input's place."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", *size, size[1] * 8, size[0] * 16))

    def become_its_terminal() -> None:
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    program = subprocess.Popen(
        words,
        cwd=cwd,
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        env={**kept, "HOME": str(cwd), "TERM": "xterm-256color", **environment},
        preexec_fn=become_its_terminal,  # noqa: PLW1509 - nothing runs in threads here
    )
    os.close(slave)
    try:
        yield Terminal(program, master, answers or {})
    finally:
        if program.poll() is None:
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()
        os.close(master)


CHILD = str(SUPPORT / "asked_person.py")


READ_S = UNREAD_S + 0.3
