"""A real Notepad for the tests on Windows, and the words in which it is asked what reached it."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, KeyEvent, MoveEvent

collect_ignore_glob = [] if sys.platform == "win32" else ["test_*.py"]

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    USER = ctypes.windll.user32
    for call in (USER.FindWindowExW, USER.GetForegroundWindow, USER.FindWindowW):
        call.restype = wintypes.HWND
    USER.FindWindowExW.argtypes = [wintypes.HWND, wintypes.HWND, wintypes.LPCWSTR, wintypes.LPCWSTR]
    USER.SendMessageW.argtypes = [wintypes.HWND, wintypes.UINT, ctypes.c_size_t, ctypes.c_void_p]
    USER.SendMessageW.restype = ctypes.c_ssize_t
    USER.GetWindowThreadProcessId.argtypes = [wintypes.HWND, ctypes.POINTER(wintypes.DWORD)]
    USER.GetWindowRect.argtypes = [wintypes.HWND, ctypes.POINTER(wintypes.RECT)]
    USER.SetForegroundWindow.argtypes = [wintypes.HWND]

GET_TEXT, TEXT_LENGTH, GET_SELECTION, FIRST_LINE = 0x0D, 0x0E, 0xB0, 0xCE
"""WM_GETTEXT, WM_GETTEXTLENGTH, EM_GETSEL and EM_GETFIRSTVISIBLELINE."""


def until(holds: Callable[[], bool], what: str, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def title_of(window: int) -> str:
    said = ctypes.create_unicode_buffer(512)
    USER.GetWindowTextW(wintypes.HWND(window), said, 512)
    return said.value


@dataclass(frozen=True)
class Notepad:
    """A running Notepad, and its text field."""

    path: Path
    process: int
    window: int
    field: int

    @property
    def text(self) -> str:
        """What it holds, with "\\n" between the lines."""
        length = USER.SendMessageW(self.field, TEXT_LENGTH, 0, None)
        kept = ctypes.create_unicode_buffer(length + 1)
        USER.SendMessageW(self.field, GET_TEXT, length + 1, kept)
        return kept.value.replace("\r\n", "\n")

    @property
    def selection(self) -> tuple[int, int]:
        start, end = wintypes.DWORD(), wintypes.DWORD()
        USER.SendMessageW(self.field, GET_SELECTION, ctypes.addressof(start), ctypes.addressof(end))
        return start.value, end.value

    @property
    def first_line(self) -> int:
        """The number of the topmost visible line."""
        return int(USER.SendMessageW(self.field, FIRST_LINE, 0, None))

    def rect(self, of: int | None = None) -> Rect:
        found = wintypes.RECT()
        assert USER.GetWindowRect(of or self.window, ctypes.byref(found))
        return Rect(found.left, found.top, found.right - found.left, found.bottom - found.top)

    def inside(self, x: int, y: int) -> DesktopPoint:
        """A point of the text field, from its upper left corner."""
        field = self.rect(self.field)
        return DesktopPoint(field.left + x, field.top + y)


@dataclass
class Hands:
    """Sends events as the executor does: each plan approved, and spent once."""

    desktop: Desktop

    def __call__(self, *events: Event, stop: Callable[[], bool] = lambda: False) -> None:
        self.desktop.perform(Approved(events, "test", self.desktop.geometry()), stop)

    def click(self, point: DesktopPoint, *, times: int = 1, button: str = "left") -> None:
        down, up = (ButtonEvent(button, down=down) for down in (True, False))  # type: ignore[arg-type]
        self(MoveEvent(point), *(down, up) * times)

    def chord(self, *keys: str) -> None:
        pressed = [KeyEvent(key, down=True) for key in keys]
        self(*pressed, *(KeyEvent(key, down=False) for key in reversed(keys)))


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    with closing(open_local()) as opened:
        yield opened


@pytest.fixture
def hands(desktop: Desktop) -> Hands:
    return Hands(desktop)


@pytest.fixture
def notepad(tmp_path: Path) -> Iterator[Notepad]:
    """Notepad with an empty file, in front."""
    with running_notepad(tmp_path / "notes.txt", "") as running:
        yield running


class running_notepad:
    """Notepad with a file of such a content, in front; it is ended with the block."""

    def __init__(self, path: Path, content: str, encoding: str = "ascii") -> None:
        self._path = path
        path.write_text(content, encoding, newline="\r\n")

    def __enter__(self) -> Notepad:
        self._process = subprocess.Popen(["notepad.exe", str(self._path)])
        found: list[tuple[int, int]] = []

        def there() -> bool:
            window = None
            while window := USER.FindWindowExW(None, window, "Notepad", None):
                owner = wintypes.DWORD()
                USER.GetWindowThreadProcessId(window, ctypes.byref(owner))
                field = USER.FindWindowExW(window, None, "Edit", None)
                if owner.value == self._process.pid and field and USER.IsWindowVisible(wintypes.HWND(window)):
                    found.append((window, field))
                    return True
            return False

        until(there, "Notepad's window")
        window, field = found[0]
        until(lambda: self._path.name in title_of(window), "the file")
        USER.SetForegroundWindow(window)
        until(lambda: USER.GetForegroundWindow() == window, "Notepad in front")
        return Notepad(self._path, self._process.pid, window, field)

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
