"""What any program may do to windows on X11: name its own as it likes, and take the focus for another."""

import ctypes
from functools import cache
from typing import Final

__all__ = ["focus", "name_application"]

_WM_CLASS: Final = 67
_STRING: Final = 31
"""Predefined atoms, of X11/Xatom.h."""
_BITS: Final = 8
_REPLACE: Final = 0
_REVERT_TO_PARENT: Final = 2


@cache
def _xlib() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL("libX11.so.6")
    library.XOpenDisplay.restype = ctypes.c_void_p
    library.XChangeProperty.argtypes = [
        ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_int, ctypes.c_int,
        ctypes.c_char_p, ctypes.c_int,
    ]  # fmt: skip
    library.XRaiseWindow.argtypes = [ctypes.c_void_p, ctypes.c_ulong]
    library.XSetInputFocus.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_ulong]
    library.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library, library.XOpenDisplay(None)


def name_application(window: int, app: str) -> None:
    """Set a window's WM_CLASS: the instance's name and the class, each with a zero after it."""
    library, display = _xlib()
    words = app.encode()
    value = words.lower() + b"\0" + words + b"\0"
    library.XChangeProperty(display, window, _WM_CLASS, _STRING, _BITS, _REPLACE, value, len(value))
    library.XSync(display, 0)


def focus(window: int) -> None:
    """Raise a window of anybody's and give it the keys; the window manager isn't asked."""
    library, display = _xlib()
    library.XRaiseWindow(display, window)
    library.XSetInputFocus(display, window, _REVERT_TO_PARENT, 0)
    library.XSync(display, 0)
