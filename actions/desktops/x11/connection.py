"""Connections to an X server that can be used again after an exception, and the server's list of monitors.

A failure to connect is raised as an error with the reason and a remedy.
"""

# Xlib is safe across threads only if this import comes before any other of Xlib: without it four
# threads on one connection hang after the first request.
import logging
import threading
import traceback
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

import Xlib
import Xlib.threaded
from Xlib import error as xerror
from Xlib import protocol, xauth
from Xlib.display import Display
from Xlib.ext import randr

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError

__all__ = ["Connection", "connect", "monitors", "randr_version"]

_log = logging.getLogger(__name__)

_tables: Final = threading.Lock()
"""Held while a connection is opened with python-xlib's shared tables; see `_open`."""
# Xlib prints warnings about .Xauthority to the standard output, where events go as JSON.
xauth.print = lambda *words: _log.info("%s", " ".join(map(str, words)))
_FAILURES: Final = (xerror.ConnectionClosedError, xerror.DisplayError, xerror.XError, OSError)


def connect(name: str) -> Any:
    """Open a connection, a Display of python-xlib.

    Raises:
        NoScreenError: the wrong Xlib is installed, or no server takes the connection.
    """
    if Xlib.__version__ < (0, 33):
        version = ".".join(map(str, Xlib.__version__))
        raise NoScreenError(
            f"python-xlib 0.33 or newer is needed, but Xlib is {version} (python3-xlib installs over it): "
            "pip uninstall -y python3-xlib; pip install --force-reinstall python-xlib"
        )
    try:
        display = _open(name)
    except (xerror.DisplayNameError, OverflowError):
        raise NoScreenError(f"{name!r} is not the name of an X display; expected something like :0") from None
    except (xerror.DisplayError, xerror.ConnectionClosedError, OSError) as error:
        _close_sockets(error)
        raise NoScreenError(_refusal(name, error)) from None
    display.set_error_handler(_ignore)
    return display


def _discard(_event: object) -> None:
    """Take an event that nobody asked for."""


class Connection:
    """A connection that one thread at a time uses: `with connection as display: ...`.

    When an exception (a signal's, for example) interrupts a request, python-xlib's locks and flags are left
    in an invalid state, and the next request hangs forever. So a connection on which anything was raised is
    dropped, and the next block opens a new one. A failure of the server leaves the block as a DesktopError.

    Attributes:
        name: the X display's name.
    """

    def __init__(self, name: str, *, on_event: Callable[[Any], None] = _discard) -> None:
        """Open it; `on_event` gets the events that are left at a block's end.

        Raises:
            NoScreenError: see `connect`.
        """
        self.name = name
        self._on_event = on_event
        self._lock = threading.RLock()
        self._depth = 0
        self._display: Any = connect(name)
        self._closed = False

    def __enter__(self) -> Any:
        self._lock.acquire()
        try:
            self._ensure()
            self._depth += 1
        except BaseException:
            self._lock.release()
            raise
        return self._display

    def _ensure(self) -> None:
        if self._closed:
            raise DesktopError(f"the desktop on {self.name} was closed")
        if self._display is None:
            _log.info("connecting to %s again", self.name)
            self._display = connect(self.name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._depth -= 1
            if error is not None:
                self.drop()
            elif self._depth == 0:
                self._drain()
        finally:
            self._lock.release()
        if isinstance(error, _FAILURES):
            raise DesktopError(f"the X server at {self.name} failed: {_one_line(error)}") from error

    def drop(self) -> None:
        """Close the connection's socket without sending anything more."""
        display, self._display = self._display, None
        if display is not None:
            display.display.socket.close()

    def close(self) -> None:
        """Close it for good. May be called twice."""
        with self._lock:
            self._closed = True
            self.drop()

    def _drain(self) -> None:
        """Hand on what events came; every client gets MappingNotify, although nobody asked for it."""
        try:
            while self._display is not None and self._display.pending_events():
                self._on_event(self._display.next_event())
        except _FAILURES:
            self.drop()


def monitors(display: Any) -> tuple[Rect, ...]:
    """List the monitors' rectangles in RandR's order; without RandR the whole screen is one monitor."""
    root = display.screen().root
    found: tuple[Rect, ...] = ()
    if randr_version(display) >= (1, 5):
        there = root.xrandr_get_monitors().monitors
        found = tuple(Rect(one.x, one.y, one.width_in_pixels, one.height_in_pixels) for one in there)
    elif randr_version(display) >= (1, 2):
        found = _lit_areas(display)
    whole = root.get_geometry()
    return found or (Rect(0, 0, whole.width, whole.height),)


def randr_version(display: Any) -> tuple[int, int]:
    """Return the version of RandR that the server has; (0, 0) for none."""
    if not hasattr(display, "qvl_randr_version"):
        known = display.xrandr_query_version() if display.has_extension(randr.extname) else None
        display.qvl_randr_version = (known.major_version, known.minor_version) if known else (0, 0)
    version: tuple[int, int] = display.qvl_randr_version
    return version


def _lit_areas(display: Any) -> tuple[Rect, ...]:
    """List the areas that outputs show, for servers older than RandR's monitors; mirrored ones once."""
    resources = display.screen().root.xrandr_get_screen_resources()
    areas = []
    for crtc in resources.crtcs:
        info = display.xrandr_get_crtc_info(crtc, resources.config_timestamp)
        if info.outputs and info.width and info.height:
            areas.append(Rect(info.x, info.y, info.width, info.height))
    return tuple(dict.fromkeys(areas))


def _open(name: str) -> Any:
    """Open a connection with tables of its own for events, errors and extensions, each error an XError.

    In python-xlib 0.33 all connections share these tables, although each server numbers its extensions, and
    their events and errors, in its own way; and RandR's errors there are no XError, so that one of these
    numbers is an AttributeError.
    """
    with _tables:
        shared = protocol.display.Display
        shared.error_classes = errors = xerror.xerror_class.copy()
        shared.event_classes = events = protocol.event.event_class.copy()
        shared.extension_major_opcodes = numbers = dict[str, int]()
        display = Display(name)
    display.display.event_classes = events
    display.display.extension_major_opcodes = numbers
    display.display.error_classes = {
        code: kind if issubclass(kind, xerror.XError) else xerror.XError for code, kind in errors.items()
    }
    return display


def _ignore(_error: object, _request: object) -> None:
    """Ignore an error, so that python-xlib doesn't print it; callers check the requests that matter."""


def _close_sockets(error: BaseException | None) -> None:
    """Close the socket that python-xlib leaves open in the stack frames of a failed connection."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error = error.__context__


def _refusal(name: str, error: Exception) -> str:
    why = " ".join(str(getattr(error, "msg", error)).split()).rstrip("\x00. ")
    if "uthoriz" in why or "No protocol specified" in why:
        return f"the X display {name} refused us ({why}): run as the user who is logged in there"
    return f"no X server answers at {name} ({why}): check DISPLAY, or use --desktop sandbox:chat"


def _one_line(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
