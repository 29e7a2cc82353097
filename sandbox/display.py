"""Virtual displays that run only while they are in use: Xvfb with a window manager, or sway.

The server runs under a small shell that waits on a pipe of ours. When the pipe closes, because of `close`
or because this process died in whatever way (SIGKILL too), the shell ends the server, and with it every
client. PR_SET_PDEATHSIG would fire when the *thread* that started it ends.
"""

import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from contextlib import ExitStack
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.desktops import wait_for_window_manager

__all__ = ["START_S", "VirtualDisplay", "WaylandDisplay"]

START_S: Final = 20.0
"""How long Xvfb and the window manager may each take to start, on a busy machine too."""
STOP_S: Final = 5.0
_POLL_S: Final = 0.02
_SWAY_SOCKET: Final = "sway.sock"
_CURSORS: Final = "no-pointer"
_NOBODY_ID: Final = 65534
_NOBODY: Final = (f"--reuid={_NOBODY_ID}", f"--regid={_NOBODY_ID}")
_SWAY_CONFIG: Final = """
output HEADLESS-1 mode {width}x{height}@60Hz position 0 0
for_window [app_id=".*"] floating enable
default_floating_border normal
focus_follows_mouse no
focus_on_window_activation focus
seat seat0 fallback true
seat seat0 xcursor_theme {theme} 24
xwayland disable
"""

_OTHER_SCREENS: Final = frozenset(
    {"WAYLAND_DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE", "SESSION_MANAGER", "SWAYSOCK", "I3SOCK"}
)
"""Variables that would lead a toolkit to the user's own session."""
# Xvfb writes its display number to the standard output, which ends when it ends, and the shell waits on its
# standard input.
# Neither may hold the other's end, or the end would never be seen. (dash knows descriptors 0-9 only.)
_KEEPER: Final = """
"$@" </dev/null &
child=$!
exec >/dev/null
read -r _
kill -TERM "$child"
wait "$child"
"""


class _Display:
    """What both kinds of display have in common."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        self._name = ""
        self._stack: ExitStack | None = None

    @property
    def name(self) -> str:
        if not self._name:
            raise DesktopError("this virtual display isn't running; call start() first")
        return self._name

    def start(self) -> Self:
        """Start it, and wait until it answers.

        Raises:
            NoScreenError: A program is missing or didn't start; nothing is left running.
            DesktopError: This display runs already.
        """
        if self._stack is not None:
            raise DesktopError(f"this virtual display runs already, as {self._name}")
        with ExitStack() as stack:
            stack.callback(self._forget)
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def _start(self, stack: ExitStack) -> None:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Return this process's environment, changed for programs that are to run on this display."""
        raise NotImplementedError

    def close(self) -> None:
        """End it. May be called twice."""
        if self._stack is not None:
            self._stack.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _forget(self) -> None:
        self._name, self._stack = "", None


class VirtualDisplay(_Display):
    """A separate X display: `with VirtualDisplay((1366, 768)) as display: run(display.name)`.

    Several may run at once, in one process or in many. The keyboard layout is the server's default ("us").

    Attributes:
        size: Width and height in px.
        name: ":N" while it runs.
    """

    def __init__(
        self, size: tuple[int, int] = (1280, 800), *, window_manager: str | None = "openbox", dpi: int = 96
    ) -> None:
        super().__init__(size)
        self._window_manager = window_manager
        self._dpi = dpi

    def environment(self) -> dict[str, str]:
        """Return this process's environment with DISPLAY set to this display, for programs that run on it."""
        return _bare_environment() | {"DISPLAY": self.name}

    def _start(self, stack: ExitStack) -> None:
        with tempfile.TemporaryFile() as log:
            keeper = _keep(stack, self._server_command(), log)
            self._name = f":{_display_number(keeper, log)}"
        if self._window_manager is not None:
            self._start_window_manager(stack, self._window_manager)

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


class WaylandDisplay(_Display):
    """A separate Wayland session by sway, without a monitor; its one output is in memory.

    Windows float, and have a title bar, as most desktops have it. No pointer is drawn.

    Attributes:
        size: Width and height in px, of the output.
        name: The session's socket while it runs.
    """

    def __init__(self, size: tuple[int, int] = (1280, 800), *, scale: float = 1.0, config: str = "") -> None:
        """Store what is wanted.

        Args:
            size: Width and height in px.
            scale: Pixels for one logical pixel.
            config: More lines for sway's configuration.
        """
        super().__init__(size)
        self._config = f"output HEADLESS-1 scale {scale:g}\n{config}"

    def environment(self) -> dict[str, str]:
        """Return this process's environment with this session's variables, for programs that run in it."""
        folder = Path(self.name).parent
        return _bare_environment() | {
            "WAYLAND_DISPLAY": self.name,
            "XDG_RUNTIME_DIR": str(folder),
            "SWAYSOCK": str(folder / _SWAY_SOCKET),
            "QT_QPA_PLATFORM": "wayland",
            "GDK_BACKEND": "wayland",
            **_no_pointer(folder),
        }

    def _start(self, stack: ExitStack) -> None:
        sway = [_program("sway", "sway")]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qvl-agent-")))
        folder.chmod(0o700)
        _draw_no_pointer(folder)
        width, height = self.size
        lines = _SWAY_CONFIG.format(width=width, height=height, theme=_CURSORS) + self._config
        config = folder / "config"
        config.write_text(lines, encoding="utf-8")
        if os.getuid() == 0:  # sway doesn't run for root
            sway = ["setpriv", *_NOBODY, "--clear-groups", "--inh-caps=-all", *sway]
            for path in (folder, *folder.rglob("*")):
                os.chown(path, _NOBODY_ID, _NOBODY_ID)
        environment = _bare_environment() | {
            "XDG_RUNTIME_DIR": str(folder),
            "HOME": str(folder),
            "SWAYSOCK": str(folder / _SWAY_SOCKET),
            "WLR_BACKENDS": "headless",
            "WLR_RENDERER": "pixman",  # pixels don't depend on a driver
            "WLR_LIBINPUT_NO_DEVICES": "1",
            **_no_pointer(folder),
        }
        environment.pop("DISPLAY", None)
        with tempfile.TemporaryFile() as log:
            keeper = _keep(stack, [*sway, "--config", str(config)], log, environment=environment)
            self._name = _socket_in(folder, keeper, log)


def _bare_environment() -> dict[str, str]:
    """Return this process's environment without what leads to the person's own session."""
    return {key: value for key, value in os.environ.items() if key not in _OTHER_SCREENS}


def _no_pointer(folder: Path) -> dict[str, str]:
    return {"XCURSOR_PATH": str(folder), "XCURSOR_THEME": _CURSORS, "XCURSOR_SIZE": "24"}


def _draw_no_pointer(folder: Path) -> None:
    """Write a theme of pointers whose only one is a pixel that can't be seen: sway draws it into the picture.

    Source of the format: https://man.archlinux.org/man/Xcursor.3#CURSOR_FILES.
    """
    cursors = folder / _CURSORS / "cursors"
    cursors.mkdir(parents=True)
    image = struct.pack("<9I", 36, 0xFFFD0002, 24, 1, 1, 1, 0, 0, 0) + bytes(4)
    whole = b"Xcur" + struct.pack("<3I", 16, 0x10000, 1) + struct.pack("<3I", 0xFFFD0002, 24, 28) + image
    for name in ("default", "left_ptr"):
        (cursors / name).write_bytes(whole)


def _keep(
    stack: ExitStack,
    command: list[str],
    log: IO[bytes],
    *,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server that ends when the stack closes, or when this process dies."""
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", _KEEPER, "sh", *command],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,  # Ctrl+C is ours to handle; the display must outlive it
    )
    stack.callback(_end_keeper, keeper)
    return keeper


def _socket_in(folder: Path, keeper: subprocess.Popen[bytes], log: IO[bytes]) -> str:
    """Wait until sway takes connections at its sockets, and return the Wayland one."""
    assert keeper.stdout is not None
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        displays = [path for path in folder.glob("wayland-*") if path.is_socket()]
        if displays and all(map(_listens, (displays[0], folder / _SWAY_SOCKET))):
            return str(displays[0])
        if select.select([keeper.stdout], [], [], 0)[0]:  # it ends when sway does
            raise NoScreenError(f"sway didn't start: {_complaint(log)}")
        time.sleep(_POLL_S)
    raise NoScreenError(f"sway didn't start within {START_S:g} s: {_complaint(log)}")


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


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
