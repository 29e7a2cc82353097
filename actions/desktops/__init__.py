"""Desktops: the protocol, and the backends that implement it.

`open_local` opens the one of this machine, `open_vnc` one behind a VNC server.

Only this folder imports mss, Xlib, pyautogui or pynput, and only its backends send input. They are imported
when they are needed, never by importing this package.
"""

import os
import platform
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NoReturn

from qvl_agent.actions.core.errors import NoScreenError

if TYPE_CHECKING:
    from qvl_agent.actions.desktops.protocol import (
        Capabilities,
        Desktop,
        DesktopWrapper,
        ExactText,
        StopCheck,
        WindowlessDesktop,
    )

__all__ = [
    "Capabilities",
    "Desktop",
    "DesktopWrapper",
    "ExactText",
    "StopCheck",
    "WindowlessDesktop",
    "open_local",
    "open_vnc",
    "wait_for_window_manager",
]


def __getattr__(name: str) -> Any:
    """Import the protocol's names when they are first used: the watchdog's process starts without them."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from qvl_agent.actions.desktops import protocol  # noqa: PLC0415 - numpy and pydantic

    return getattr(protocol, name)


def open_local(display: str | None = None, *, monitor: int = 1) -> "Desktop":
    """Open the desktop of this machine.

    Args:
        display: an X display's name, as ":1", or a Wayland session's socket, as "wayland-1" or a path; if
            None, the environment's WAYLAND_DISPLAY, or else its DISPLAY.
        monitor: which monitor to capture, from 1.

    Raises:
        NoScreenError: there is no screen that can be read and driven; the message says what to do.
    """
    system = platform.system()
    if system in ("Windows", "Darwin"):
        from qvl_agent.actions.desktops.native.desktop import NativeDesktop  # noqa: PLC0415

        return NativeDesktop(monitor=monitor, mac=system == "Darwin")
    if display is not None:
        return _open_wayland(display, monitor) if _is_wayland(display) else _open_x11(display, monitor)
    session, here = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if not session:
        return _open_x11(here or _no_display(), monitor)
    try:
        return _open_wayland(session, monitor)
    except NoScreenError:
        if here:
            with suppress(NoScreenError):  # XWayland is one; an X server of its own is as good as ever
                return _open_x11(here, monitor)
        raise


def _is_wayland(display: str) -> bool:
    return display.startswith(("wayland-", "/"))


def _open_x11(display: str, monitor: int) -> "Desktop":
    from qvl_agent.actions.desktops.x11.desktop import X11Desktop  # noqa: PLC0415 - needs Xlib and mss

    return X11Desktop(display, monitor=monitor)


def _open_wayland(display: str, monitor: int) -> "Desktop":
    """Open a Wayland session: by wlroots' protocols where it has them, else by its portal."""
    from qvl_agent.actions.desktops.wayland.desktop import WaylandDesktop, can_be_driven  # noqa: PLC0415

    if can_be_driven(display):
        return WaylandDesktop(display, monitor=monitor)
    from qvl_agent.actions.desktops.portal.desktop import PortalDesktop  # noqa: PLC0415 - not everybody's

    return PortalDesktop(display)


def open_vnc(name: str, password: Callable[[str], str]) -> "Desktop":
    """Open the desktop behind a VNC server.

    Args:
        name: "vnc://[USER@]HOST[:PORT]".
        password: returns the password, given "HOST:PORT"; called once, if the server wants one.

    Raises:
        SettingsError: it is another kind of name, or has a password in it.
        NoScreenError: nobody answers there, we aren't let in, or only in plain text over the network.
    """
    from qvl_agent.actions.desktops.vnc.desktop import VncDesktop  # noqa: PLC0415 - not everybody's

    return VncDesktop(name, password)


def wait_for_window_manager(display: str, timeout_s: float = 20.0) -> None:
    """Wait until a window manager manages an X display that was just started, for so many seconds.

    Raises:
        NoScreenError: none answers in time.
    """
    from qvl_agent.actions.desktops.x11.windows import tree  # noqa: PLC0415 - needs Xlib

    tree.wait_for_window_manager(display, timeout_s)


def _no_display() -> NoReturn:
    if os.environ.get("XDG_SESSION_TYPE") == "wayland":
        raise NoScreenError(
            "this is a Wayland session, but WAYLAND_DISPLAY isn't set: run in a terminal of the session, "
            "or use --desktop sandbox:chat"
        )
    raise NoScreenError(
        "there is no screen (neither WAYLAND_DISPLAY nor DISPLAY is set): run in a desktop session, "
        "set DISPLAY=:0 to use the one that is logged in, or use --desktop sandbox:chat"
    )
