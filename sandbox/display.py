"""A virtual X display: Xvfb and a window manager that run only while it is in use.

Xvfb runs under a small shell that waits on a pipe of ours. When the pipe closes, because of `close`
or because this process died in whatever way (SIGKILL too), the shell ends Xvfb, and with it every
client. PR_SET_PDEATHSIG would fire when the *thread* that started Xvfb ends.
"""

import os
import select
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from importlib import resources
from types import TracebackType
from typing import IO, Final, Self

from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.desktops import wait_for_window_manager

__all__ = ["START_S", "VirtualDisplay"]

START_S: Final = 20.0
"""How long Xvfb and the window manager may each take to start, on a busy machine too."""
STOP_S: Final = 5.0

_OTHER_SCREENS: Final = frozenset({"WAYLAND_DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE", "SESSION_MANAGER"})
"""Variables that would lead a toolkit to the user's own session."""
# Xvfb writes its display number to the standard output, and the shell waits on its standard input.
# Neither may hold the other's end, or the end would never be seen. (dash knows descriptors 0-9 only.)
_KEEPER: Final = """
"$@" </dev/null &
child=$!
exec >/dev/null
read -r _
kill -TERM "$child"
wait "$child"
"""


class VirtualDisplay:
    """A separate X display: `with VirtualDisplay((1366, 768)) as display: run(display.name)`.

    Several may run at once, in one process or in many. The keyboard layout is the server's default ("us").

    Attributes:
        size: Width and height in px.
        name: ":N" while it runs.
    """

    def __init__(
        self, size: tuple[int, int] = (1280, 800), *, window_manager: str | None = "openbox", dpi: int = 96
    ) -> None:
        self.size = size
        self._window_manager = window_manager
        self._dpi = dpi
        self._name = ""
        self._stack: ExitStack | None = None

    @property
    def name(self) -> str:
        if not self._name:
            raise DesktopError("this virtual display isn't running; call start() first")
        return self._name

    def start(self) -> Self:
        """Start the server, then the window manager, and wait until both answer.

        Raises:
            NoScreenError: A program is missing or didn't start; nothing is left running.
            DesktopError: This display runs already.
        """
        if self._stack is not None:
            raise DesktopError(f"this virtual display runs already, as {self._name}")
        with ExitStack() as stack:
            stack.callback(self._forget)
            self._name = self._start_server(stack)
            if self._window_manager is not None:
                self._start_window_manager(stack, self._window_manager)
            self._stack = stack.pop_all()
        return self

    def close(self) -> None:
        """End the window manager and the server. May be called twice."""
        if self._stack is not None:
            self._stack.close()

    def environment(self) -> dict[str, str]:
        """Return this process's environment with DISPLAY set to this display, for programs that run on it."""
        environment = {key: value for key, value in os.environ.items() if key not in _OTHER_SCREENS}
        return environment | {"DISPLAY": self.name}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forget(self) -> None:
        self._name, self._stack = "", None

    def _start_server(self, stack: ExitStack) -> str:
        log = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
        keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "sh", *self._server_command()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl+C is ours to handle; the display must outlive it
        )
        stack.callback(_end_keeper, keeper)
        return f":{_display_number(keeper, log)}"

    def _server_command(self) -> list[str]:
        width, height = self.size
        return [
            _program("Xvfb", "xvfb"),
            *("-displayfd", "1"),
            *("-screen", "0", f"{width}x{height}x24"),
            *("-dpi", str(self._dpi)),
            *("-nolisten", "tcp"),
            "-noreset",  # without it the server starts afresh whenever its last client leaves
            *("-s", "0"),  # no screen saver
        ]

    def _start_window_manager(self, stack: ExitStack, name: str) -> None:
        config = stack.enter_context(resources.as_file(resources.files("qvl_agent.sandbox") / "openbox.xml"))
        options = ["--sm-disable", "--config-file", str(config)] if name == "openbox" else []
        manager = subprocess.Popen(
            [_program(name, name), *options],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        stack.callback(_end, manager)
        wait_for_window_manager(self.name, START_S)


def _program(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise NoScreenError(
            f"a virtual display needs {name}, which isn't installed: sudo apt install {package}"
        )
    return path


def _display_number(keeper: subprocess.Popen[bytes], log: IO[bytes]) -> int:
    """Read the number that Xvfb writes, with a newline, once it takes connections."""
    assert keeper.stdout is not None
    deadline = time.monotonic() + START_S
    said = b""
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([keeper.stdout], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise NoScreenError(f"Xvfb didn't start within {START_S:g} s; is the machine overloaded?")
        part = os.read(keeper.stdout.fileno(), 32)
        if not part:
            raise NoScreenError(f"Xvfb didn't start: {_complaint(log)}")
        said += part
    return int(said)


def _complaint(log: IO[bytes]) -> str:
    """Return the last non-empty line that Xvfb wrote."""
    log.seek(0)
    lines = [line.removeprefix("(EE)").strip() for line in log.read().decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it said nothing")


def _end_keeper(keeper: subprocess.Popen[bytes]) -> None:
    for pipe in (keeper.stdin, keeper.stdout):
        if pipe is not None:
            pipe.close()
    _wait_or_kill(keeper)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    _wait_or_kill(process)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
