"""The seam between the agent and a screen: grab a frame, take approved input.

Only this folder imports mss, Xlib, pyautogui or pynput, and only its backends send input.
Backends are imported by `open_local`, never by importing this package.
"""

import os
import platform
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.errors import NoScreenError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.planning.approval import Approved

__all__ = ["Desktop", "KeepsFocus", "StopCheck", "open_local"]

StopCheck = Callable[[], bool]
"""Says whether the run was asked to stop; asked between any two events."""


class Desktop(Protocol):
    """A screen, and its input.

    Attributes:
        name: what the record calls it: "local :0", "sandbox:chat", "replay".
    """

    name: str

    def geometry(self) -> Geometry:
        """Ask for the monitors as they are now."""
        ...

    def grab(self, region: Rect | None = None) -> Frame:
        """Capture the monitor, or a region of it in logical pixels.

        A region's frame has the monitor's rectangle and scale, and its own origin, so points in it
        map to the desktop like any other.

        Raises:
            DesktopError: the screen can't be read, or the region isn't on the monitor.
        """
        ...

    def pointer(self) -> DesktopPoint:
        """Ask where the pointer is."""
        ...

    def off_limits(self) -> tuple[Rect, ...]:
        """Find what can be seen of our own window and terminal, in logical pixels."""
        ...

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        """Ask which application's window is under a point; None if there is none, or nobody knows."""
        ...

    def focused(self) -> WindowInfo | None:
        """Ask which application's window the keys go to; None if there is none, or nobody knows."""
        ...

    def layout(self) -> Layout | None:
        """Ask how the windows lie over each other now; None if nobody knows."""
        ...

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        """Spend the approval and send its plan.

        Whatever was pressed is released before this returns or raises.

        Raises:
            ApprovalError: the approval isn't valid; nothing was sent.
            Stopped: `stop` said so between two events.
            DesktopError: the input side failed.
        """
        ...

    def release(self) -> None:
        """Release every key and button that this desktop still holds; only those."""
        ...

    def close(self) -> None:
        """Release, restore the keyboard map, and let go of the display. May be called twice."""
        ...


@runtime_checkable
class KeepsFocus(Protocol):
    """A desktop on which the person may be asked in a window of their own."""

    def keep_focus(self) -> Callable[[], None]:
        """Remember which window has the focus; call what is returned when they have answered there."""
        ...


def open_local(display: str | None = None, *, monitor: int = 1) -> Desktop:
    """Open the desktop of this machine.

    Args:
        display: on X11 the display's name; the environment's DISPLAY if None.
        monitor: which monitor to capture, from 1.

    Raises:
        NoScreenError: there is no screen that can be read and driven; the message says what to do.
    """
    system = platform.system()
    if system in ("Windows", "Darwin"):
        from qvl_agent.actions.desktops.native.desktop import OtherDesktop  # noqa: PLC0415 - only where it works

        return OtherDesktop(monitor=monitor, mac=system == "Darwin")
    from qvl_agent.actions.desktops.x11.desktop import X11Desktop  # noqa: PLC0415 - needs Xlib and mss

    return X11Desktop(display or _display_of_session(), monitor=monitor)


def _display_of_session() -> str:
    display = os.environ.get("DISPLAY")
    if display:
        return display
    if os.environ.get("WAYLAND_DISPLAY") or os.environ.get("XDG_SESSION_TYPE") == "wayland":
        raise NoScreenError(
            "this is a Wayland session, which lets no program see or drive the screen: "
            "log in to an X11 session, or use --desktop sandbox:chat"
        )
    raise NoScreenError(
        "there is no screen (DISPLAY is not set): run in a desktop session, "
        "set DISPLAY=:0 to use the one that is logged in, or use --desktop sandbox:chat"
    )
