"""Find windows and their owners on Windows, by user32 through ctypes, and on macOS, by Quartz's window list.

Windows' part is tested in Wine; macOS' is written from the documentation and has not been run there. A window
that can't be found is None, which the guard treats as an unknown window.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Final, Protocol

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.windows import WindowInfo

__all__ = ["NoWindows", "WindowFinder", "find_windows", "from_quartz", "from_user32"]

_LONGEST: Final = 512
_ROOT_WINDOW: Final = 2
"""GA_ROOT of GetAncestor."""
_QUERY_LIMITED: Final = 0x1000
"""PROCESS_QUERY_LIMITED_INFORMATION: enough for the image's name, also of another user's process."""
_ON_SCREEN: Final = 1 | 16
"""kCGWindowListOptionOnScreenOnly and kCGWindowListExcludeDesktopElements."""


class WindowFinder(Protocol):
    """Looks windows up on one system."""

    def at(self, point: DesktopPoint) -> WindowInfo | None:
        """Find the window that a click at a point goes to."""
        ...

    def focused(self) -> WindowInfo | None:
        """Find the window that the keys go to."""
        ...


class NoWindows:
    """A finder that knows no window, for systems without a library for it."""

    def at(self, point: DesktopPoint) -> WindowInfo | None:
        del point
        return None

    def focused(self) -> WindowInfo | None:
        return None


def find_windows() -> WindowFinder:
    """Return the finder for this system, or `NoWindows` if there is none or its library is missing."""
    if sys.platform == "win32":
        return _Windows()
    if sys.platform == "darwin":
        try:
            return _Mac()
        except ImportError:
            return NoWindows()
    return NoWindows()


def from_user32(
    image: str, title: str, rect: tuple[int, int, int, int], *, focused: bool, ours: bool
) -> WindowInfo:
    """Build a window's facts from values of user32 and kernel32.

    Args:
        image: the full path of the owner's executable; "" if it isn't known.
        title: the title by GetWindowTextW.
        rect: left, top, right and bottom by GetWindowRect.
        focused: whether it is the window of GetForegroundWindow.
        ours: whether this process, its parent or its console owns it.
    """
    left, top, right, bottom = rect
    program = PureWindowsPath(image).name
    return WindowInfo(
        app=PureWindowsPath(program).stem,
        title=title,
        program=program,
        rect=Rect(left, top, right - left, bottom - top) if right > left and bottom > top else None,
        focused=focused,
        ours=ours,
    )


def from_quartz(
    listed: Iterable[Mapping[str, Any]], front: int, own: frozenset[int]
) -> tuple[WindowInfo, ...]:
    """Read the windows in the list of CGWindowListCopyWindowInfo, front to back.

    Args:
        listed: dictionaries with kCGWindowOwnerName, kCGWindowOwnerPID, kCGWindowName, kCGWindowBounds
            (X, Y, Width, Height in points from the top left), kCGWindowLayer and kCGWindowAlpha.
        front: the process id of NSWorkspace's frontmost application.
        own: process ids that are this agent's, or its terminal's.
    """
    found: list[WindowInfo] = []
    given = False
    for one in listed:
        bounds = one.get("kCGWindowBounds") or {}
        width, height = int(bounds.get("Width", 0)), int(bounds.get("Height", 0))
        if width <= 0 or height <= 0 or one.get("kCGWindowAlpha", 1) == 0:
            continue
        process, owner = int(one.get("kCGWindowOwnerPID", 0)), str(one.get("kCGWindowOwnerName", ""))
        focused = not given and process == front and one.get("kCGWindowLayer", 0) == 0
        given = given or focused
        found.append(
            WindowInfo(
                app=owner,
                title=str(one.get("kCGWindowName") or ""),
                program=PurePosixPath(owner).name,
                rect=Rect(int(bounds.get("X", 0)), int(bounds.get("Y", 0)), width, height),
                focused=focused,
                ours=process in own,
            )
        )
    return tuple(found)


def _own() -> frozenset[int]:
    return frozenset({os.getpid(), os.getppid()})


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _Windows:
        """Finds windows by user32: the one at a point is the root of the one that WindowFromPoint returns."""

        def __init__(self) -> None:
            self._user, self._kernel = ctypes.windll.user32, ctypes.windll.kernel32
            for call in (
                self._user.WindowFromPoint,
                self._user.GetAncestor,
                self._user.GetForegroundWindow,
                self._kernel.GetConsoleWindow,
            ):
                call.restype = wintypes.HWND
            self._user.WindowFromPoint.argtypes = [wintypes.POINT]
            self._user.GetAncestor.argtypes = [wintypes.HWND, wintypes.UINT]
            self._kernel.OpenProcess.restype = wintypes.HANDLE
            self._kernel.CloseHandle.argtypes = [wintypes.HANDLE]

        def at(self, point: DesktopPoint) -> WindowInfo | None:
            under = self._user.WindowFromPoint(wintypes.POINT(point.x, point.y))
            return self._about(self._user.GetAncestor(under, _ROOT_WINDOW)) if under else None

        def focused(self) -> WindowInfo | None:
            return self._about(self._user.GetForegroundWindow())

        def _about(self, window: int | None) -> WindowInfo | None:
            if not window:
                return None
            handle = wintypes.HWND(window)
            title = ctypes.create_unicode_buffer(_LONGEST)
            self._user.GetWindowTextW(handle, title, _LONGEST)
            rect, process = wintypes.RECT(), wintypes.DWORD()
            self._user.GetWindowRect(handle, ctypes.byref(rect))
            self._user.GetWindowThreadProcessId(handle, ctypes.byref(process))
            return from_user32(
                self._image(process.value),
                title.value,
                (rect.left, rect.top, rect.right, rect.bottom),
                focused=self._user.GetForegroundWindow() == window,
                ours=process.value in _own() or self._kernel.GetConsoleWindow() == window,
            )

        def _image(self, process: int) -> str:
            handle = self._kernel.OpenProcess(_QUERY_LIMITED, False, process)
            if not handle:
                return ""
            path, length = ctypes.create_unicode_buffer(_LONGEST), wintypes.DWORD(_LONGEST)
            told = self._kernel.QueryFullProcessImageNameW(
                wintypes.HANDLE(handle), 0, path, ctypes.byref(length)
            )
            self._kernel.CloseHandle(handle)
            return path.value if told else ""


if sys.platform == "darwin":

    class _Mac:
        """Finds windows by Quartz and AppKit (pyobjc), which are installed with pynput."""

        def __init__(self) -> None:
            import AppKit  # noqa: PLC0415 - part of pyobjc, on macOS alone
            import Quartz  # noqa: PLC0415 - likewise

            self._quartz, self._workspace = Quartz, AppKit.NSWorkspace.sharedWorkspace()

        def at(self, point: DesktopPoint) -> WindowInfo | None:
            return next((one for one in self._listed() if one.rect and point in one.rect), None)

        def focused(self) -> WindowInfo | None:
            return next((one for one in self._listed() if one.focused), None)

        def _listed(self) -> tuple[WindowInfo, ...]:
            listed = self._quartz.CGWindowListCopyWindowInfo(_ON_SCREEN, 0) or ()
            front = self._workspace.frontmostApplication()
            return from_quartz(listed, front.processIdentifier() if front else 0, _own())
