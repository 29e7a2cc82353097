# ruff: noqa: PLC0415 - the libraries are an extra, and the tests that need them are skipped without it
"""A GNOME session without a monitor, and a person at it who answers its dialogs.

GNOME Shell runs headless with PipeWire and the portals, on a D-Bus of its own. It would wait for logind, so
/run/systemd is hidden from it, in a mount namespace. The person has their own way in: Mutter's D-Bus
interface, not the portal that is tested.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

NEEDED = ("gnome-shell", "pipewire", "wireplumber", "dbus-run-session", "unshare")
PORTALS = Path("/usr/libexec/xdg-desktop-portal-gnome")
START_S = 60.0
REMOTE, CAST = "org.gnome.Mutter.RemoteDesktop", "org.gnome.Mutter.ScreenCast"
LEFT = 0x110
SHARE = (0x35, 0x84, 0xE4)
"""The colour of the dialog's main button."""
SCRIPT = """
mount -t tmpfs none /run/systemd && mkdir /run/systemd/users  # wireplumber looks there
export DBUS_SYSTEM_BUS_ADDRESS=$(dbus-daemon --session --fork --print-address=1 --print-pid=3 3>system.pid)
exec dbus-run-session -- sh -c '
    pipewire >pipewire.log 2>&1 &
    while [ ! -S pipewire-0 ]; do sleep 0.1; done; sleep 0.5
    (while ! wireplumber >wireplumber.log 2>&1; do sleep 0.2; done) &
    dbus-update-activation-environment WAYLAND_DISPLAY=wayland-0 XDG_CURRENT_DESKTOP=GNOME XDG_RUNTIME_DIR
    echo "$DBUS_SESSION_BUS_ADDRESS" >bus.new && mv bus.new bus
    exec gnome-shell --headless --wayland --no-x11 --virtual-monitor 1280x800 --wayland-display wayland-0'
"""


def lacking() -> str:
    """Why it can't run here; "" if it can."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or not PORTALS.exists():
        return f"needs {', '.join(missing) or PORTALS.name}: `make desktops` installs them"
    command = ["unshare", "--mount", "true"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return "needs a mount namespace, which only root may make here"
    return ""


class GnomeSession:
    """The session; a context manager."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="qvl-gnome-"))
        self._stack = ExitStack()

    def environment(self) -> dict[str, str]:
        """For programs that are to run in it."""
        bus = (self.folder / "bus").read_text().strip()
        return self._bare() | {
            "DBUS_SESSION_BUS_ADDRESS": bus,
            "WAYLAND_DISPLAY": "wayland-0",
            "QT_QPA_PLATFORM": "wayland",
            "GDK_BACKEND": "wayland",
        }

    def _bare(self) -> dict[str, str]:
        mine = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
        home = self.folder / "home"
        return mine | {
            "XDG_RUNTIME_DIR": str(self.folder),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_SESSION_TYPE": "wayland",
            "XDG_CURRENT_DESKTOP": "GNOME",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LC_ALL": "C.UTF-8",
        }

    def __enter__(self) -> Self:
        self.folder.chmod(0o700)
        (self.folder / "home").mkdir()
        log = self._stack.enter_context((self.folder / "shell.log").open("wb"))
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", SCRIPT],
            cwd=self.folder,
            env=self._bare(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._stack.callback(self._end)
        try:
            wait(
                lambda: (self.folder / "wayland-0").exists() and (self.folder / "bus").exists(),
                "GNOME",
                START_S,
            )
            wait(
                lambda: b"GNOME Shell started" in (self.folder / "shell.log").read_bytes(),
                "GNOME Shell",
                START_S,
            )
            self.person = self._stack.enter_context(Person(self))
            self.person.leave_the_overview()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        with suppress(OSError, ValueError):
            os.kill(int((self.folder / "system.pid").read_text()), signal.SIGTERM)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class Person:
    """Sees the screen and moves the mouse, by Mutter's own interface; a context manager."""

    def __init__(self, session: GnomeSession) -> None:
        self._session = session
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection
        from pipewire_capture import CaptureStream

        address = self._session.environment()["DBUS_SESSION_BUS_ADDRESS"]
        self._bus = self._stack.enter_context(open_dbus_connection(address))
        self._remote = self._call(REMOTE, "/org/gnome/Mutter/RemoteDesktop", REMOTE, "CreateSession")[0]
        properties = "org.freedesktop.DBus.Properties"
        known = self._call(REMOTE, self._remote, properties, "Get", "ss", f"{REMOTE}.Session", "SessionId")
        options = {"remote-desktop-session-id": known[0]}
        cast = self._call(CAST, "/org/gnome/Mutter/ScreenCast", CAST, "CreateSession", "a{sv}", options)[0]
        config = "org.gnome.Mutter.DisplayConfig"
        state = self._call(config, "/org/gnome/Mutter/DisplayConfig", config, "GetCurrentState")
        monitor = state[1][0][0][0]
        self._stream = self._call(CAST, cast, f"{CAST}.Session", "RecordMonitor", "sa{sv}", monitor, {})[0]
        rule = MatchRule(
            type="signal", interface=f"{CAST}.Stream", member="PipeWireStreamAdded", path=self._stream
        )
        Proxy(message_bus, self._bus).AddMatch(rule)
        with self._bus.filter(rule) as added:
            self._call(REMOTE, self._remote, f"{REMOTE}.Session", "Start")
            node = self._bus.recv_until_filtered(added, timeout=10).body[0]
        pipewire = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        pipewire.connect(str(self._session.folder / "pipewire-0"))
        self._capture = CaptureStream(pipewire.fileno(), node, 1280, 800, 0.0)
        self._capture.start()
        self._stack.callback(self._capture.stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _call(self, name: str, path: str, interface: str, method: str, form: str = "", *values: Any) -> Any:
        from jeepney import DBusAddress, MessageType, new_method_call

        message = new_method_call(DBusAddress(path, name, interface), method, form or None, values)
        reply = self._bus.send_and_get_reply(message, timeout=10)
        if reply.header.message_type is MessageType.error:
            raise RuntimeError(f"{method}: {reply.body}")
        return reply.body

    def _send(self, method: str, form: str, *values: Any) -> None:
        self._call(REMOTE, self._remote, f"{REMOTE}.Session", f"Notify{method}", form, *values)

    def click(self, x: float, y: float) -> None:
        self._send("PointerMotionAbsolute", "sdd", self._stream, float(x), float(y))
        time.sleep(0.2)
        for down in (True, False):
            self._send("PointerButton", "ib", LEFT, down)
            time.sleep(0.05)

    def sees(self) -> npt.NDArray[np.uint8]:
        """The screen, RGB."""
        frame: Any = None
        deadline = time.monotonic() + 10
        while frame is None and time.monotonic() < deadline:
            frame = self._capture.get_frame()
            time.sleep(0.02)
        assert frame is not None, "the person sees nothing"
        return np.ascontiguousarray(frame[..., 2::-1])

    def leave_the_overview(self) -> None:
        """GNOME starts in it."""
        self._send("PointerMotionAbsolute", "sdd", self._stream, 640.0, 400.0)
        time.sleep(1)
        self.click(640, 400)
        time.sleep(1)

    def finds_share(self, seconds: float = 20) -> tuple[float, float]:
        """The middle of the dialog's blue button, once it is still."""
        deadline, last = time.monotonic() + seconds, (0.0, 0.0)
        while time.monotonic() < deadline:
            rows, columns = np.where((np.abs(self.sees().astype(int) - SHARE) <= 2).all(axis=2))
            if len(rows) > 1000:
                now = (float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2)
                if now == last:
                    return now
                last = now
            time.sleep(0.3)
        raise TimeoutError("no dialog asked the person")

    def agrees(self, *, input_too: bool = True) -> None:
        x, y = self.finds_share()
        if input_too:
            self.click(x - 23, y + 199)
            time.sleep(0.5)
        self.click(x, y)

    def declines(self) -> None:
        x, y = self.finds_share()
        self.click(x - 423, y)

    def ends_the_sharing(self) -> None:
        """By the orange sign at the top, which ends this person's own session too."""
        picture = self.sees()[:32].astype(int)
        orange = (picture[..., 0] > 180) & (picture[..., 1] > 120) & (picture[..., 2] < 60)
        columns = np.flatnonzero(orange.any(axis=0))
        assert len(columns), "no sign says that the screen is shared"
        x = float(columns.max()) - 20
        self._send("PointerMotionAbsolute", "sdd", self._stream, x, 16.0)
        time.sleep(0.3)
        self._send("PointerButton", "ib", LEFT, True)
        with suppress(RuntimeError, OSError, TimeoutError):
            self._send("PointerButton", "ib", LEFT, False)


def wait(so: Callable[[], bool], what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.1)
