"""The parent's side of an application: start its process, send it requests, end it, report why it died."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, Final, Self

from qvl_agent.actions.core.errors import DesktopError, NoScreenError

__all__ = ["AppProcess"]

START_S: Final = 60.0
ANSWER_S: Final = 20.0
STOP_S: Final = 5.0


class AppProcess:
    """One application in its own process, which ends when this process does.

    Args:
        app: The application's name, passed to the program.
        environment: The process's environment; DISPLAY must be set.
        module: The Python module to run as the program.

    Raises:
        NoScreenError: PySide6 isn't installed.
        DesktopError: The application didn't start.
    """

    def __init__(
        self, app: str, environment: dict[str, str], *, module: str = "qvl_agent.sandbox.hosting"
    ) -> None:
        if find_spec("PySide6") is None:
            raise NoScreenError("the sandbox needs PySide6: pip install 'qvl-agent[sandbox]'")
        self._app = app
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._pending = bytearray()
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, app],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
            start_new_session=True,  # Ctrl+C is ours to handle
        )
        try:
            self._answer(START_S)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, **details: object) -> Any:
        """Send the request `do` and return the answer's value; `protocol` has the format.

        Raises:
            DesktopError: The application is gone, doesn't answer, or answers with an error.
        """
        stdin = self._process.stdin
        if stdin is None or stdin.closed:
            raise DesktopError(f"the sandbox's {self._app} was closed")
        try:
            stdin.write(json.dumps({"do": do, **details}).encode() + b"\n")
            stdin.flush()
        except OSError:
            raise self._gone() from None
        return self._answer(ANSWER_S)

    def _answer(self, timeout_s: float) -> Any:
        stdout = self._process.stdout
        if stdout is None:
            raise self._gone()
        deadline = time.monotonic() + timeout_s
        while b"\n" not in self._pending:
            ready, _, _ = select.select([stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise DesktopError(f"the sandbox's {self._app} didn't answer within {timeout_s:g} s")
            part = os.read(stdout.fileno(), 1 << 20)
            if not part:
                raise self._gone()
            self._pending += part
        line, _, rest = bytes(self._pending).partition(b"\n")
        self._pending = bytearray(rest)
        answer = json.loads(line)
        if "error" in answer:
            raise DesktopError(f"the sandbox's {self._app} refused: {answer['error']}")
        return answer["ok"]

    def _gone(self) -> DesktopError:
        try:
            status = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            return DesktopError(f"the sandbox's {self._app} closed its channel; start it again")
        self._log.seek(0)
        label_of = self._log.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        return DesktopError(f"the sandbox's {self._app} {how}: {label_of[-1]}")

    def close(self) -> None:
        """End the application. May be called twice."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
