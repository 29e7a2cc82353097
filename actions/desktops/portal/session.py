"""A session of the portal's: the person agrees to it in a dialog, and may end it at any time.

Sources: https://flatpak.github.io/xdg-desktop-portal/docs/doc-org.freedesktop.portal.RemoteDesktop.html and
….ScreenCast.html.
"""

import os
import queue
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from platformdirs import user_state_path

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError, Stopped

__all__ = ["Session", "Stream"]

_NAME: Final = "org.freedesktop.portal.Desktop"
_PATH: Final = "/org/freedesktop/portal/desktop"
_REMOTE: Final = "org.freedesktop.portal.RemoteDesktop"
_CAST: Final = "org.freedesktop.portal.ScreenCast"
_KEYBOARD, _POINTER = 1, 2
_MONITOR: Final = 1
_HIDDEN, _APART = 1, 4
"""How the pointer comes with a picture: not at all, or beside it."""
_ANSWER_S: Final = 10.0
_CONSENT_S: Final = 120.0
"""Seconds for the person to answer the dialog."""
_KEPT: Final = 2
"""The consent holds until it is taken back."""
_TOKENS_FROM: Final = 2
"""The version of RemoteDesktop from which on a consent can be kept."""
_AGREED, _DECLINED = 0, 1


@dataclass(frozen=True, slots=True)
class Stream:
    """A monitor that the person shares.

    Attributes:
        node: its number in PipeWire.
        place: where it is, in logical pixels.
    """

    node: int
    place: Rect


class Session:
    """A session in which the screen is seen and driven, once the person has agreed.

    Attributes:
        stream: the monitor.

    Raises:
        NoScreenError: there is no portal, it offers no such session, or the person declines.
    """

    def __init__(self) -> None:
        try:
            from jeepney import DBusAddress  # noqa: PLC0415 - an extra
            from jeepney.io.threading import DBusRouter, open_dbus_connection  # noqa: PLC0415
        except ImportError:
            raise NoScreenError(
                "this Wayland session asks for consent by a portal, and that needs a package: "
                "pip install 'qvl-agent[wayland]', or log in to an X11 session"
            ) from None
        self._remote = DBusAddress(_PATH, bus_name=_NAME, interface=_REMOTE)
        self._cast = DBusAddress(_PATH, bus_name=_NAME, interface=_CAST)
        try:
            self._connection = open_dbus_connection("SESSION", enable_fds=True)
        except (OSError, KeyError, ValueError) as error:
            raise NoScreenError(
                f"there is no D-Bus session ({error}): run in a terminal of the session"
            ) from None
        self._bus = DBusRouter(self._connection)
        self._sender = self._connection.unique_name[1:].replace(".", "_")
        self._ended: queue.Queue[Any] = queue.Queue()
        try:
            self.stream = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> Stream:
        version = self._version()
        made = self._request(self._remote, "CreateSession", "a{sv}", session_handle_token=("s", _token()))
        self._handle = made["session_handle"][1]
        self._listen()
        chosen: dict[str, Any] = {"types": ("u", _KEYBOARD | _POINTER)}
        if version >= _TOKENS_FROM:
            chosen["persist_mode"] = ("u", _KEPT)
            if kept := _kept():
                chosen["restore_token"] = ("s", kept)
        self._request(self._remote, "SelectDevices", "oa{sv}", self._handle, **chosen)
        pointer = _APART if self._property(self._cast, "AvailableCursorModes") & _APART else _HIDDEN
        self._request(
            self._cast,
            "SelectSources",
            "oa{sv}",
            self._handle,
            types=("u", _MONITOR),
            multiple=("b", False),
            cursor_mode=("u", pointer),
        )
        granted = self._request(
            self._remote, "Start", "osa{sv}", self._handle, "", seconds=_CONSENT_S, asked=True
        )
        if granted.get("devices", ("u", 0))[1] & (_KEYBOARD | _POINTER) != _KEYBOARD | _POINTER:
            raise NoScreenError(
                "the screen was shared, but mouse and keyboard weren't: start again, and switch on "
                "“Allow Remote Interaction” in the dialog"
            )
        if "restore_token" in granted:
            _keep(granted["restore_token"][1])
        streams = granted.get("streams", ("", []))[1]
        if not streams:
            raise NoScreenError("no screen was shared in the dialog: start again, and choose one")
        node, facts = streams[0]
        if "size" not in facts:
            raise NoScreenError("the portal doesn't say how large the shared screen is")
        return Stream(node, Rect(*facts.get("position", ("", (0, 0)))[1], *facts["size"][1]))

    def _version(self) -> int:
        try:
            return int(self._property(self._remote, "version"))
        except DesktopError as error:
            raise NoScreenError(
                f"this Wayland session lets no program see and drive its screen ({error}): install its "
                "xdg-desktop-portal, or log in to an X11 session, or use --desktop sandbox:chat"
            ) from None

    def _property(self, address: Any, name: str) -> Any:
        from jeepney import DBusAddress  # noqa: PLC0415 - an extra

        owner = DBusAddress(_PATH, bus_name=_NAME, interface="org.freedesktop.DBus.Properties")
        return self._call(owner, "Get", "ss", address.interface, name)[0][1]

    def _listen(self) -> None:
        """Hear of the end that the person, or the compositor, gives the session."""
        from jeepney import MatchRule  # noqa: PLC0415 - an extra

        rule = MatchRule(
            type="signal", interface="org.freedesktop.portal.Session", member="Closed", path=self._handle
        )
        self._match(rule)
        self._bus.filter(rule, queue=self._ended).__enter__()

    def _match(self, rule: Any) -> None:
        from jeepney import message_bus  # noqa: PLC0415 - an extra
        from jeepney.io.threading import Proxy  # noqa: PLC0415

        Proxy(message_bus, self._bus).AddMatch(rule)

    def _request(
        self,
        address: Any,
        method: str,
        signature: str,
        *arguments: Any,
        seconds: float = _ANSWER_S,
        asked: bool = False,
        **options: Any,
    ) -> dict[str, Any]:
        """Make a request, and wait for its response, which is a signal.

        Raises:
            NoScreenError: it fails, or the person declines.
        """
        from jeepney import MatchRule  # noqa: PLC0415 - an extra

        token = _token()
        rule = MatchRule(
            type="signal",
            interface="org.freedesktop.portal.Request",
            member="Response",
            path=f"{_PATH}/request/{self._sender}/{token}",
        )
        self._match(rule)
        with self._bus.filter(rule) as responses:
            try:
                self._call(address, method, signature, *arguments, {**options, "handle_token": ("s", token)})
                code, results = responses.get(timeout=seconds).body
            except queue.Empty:
                who = "nobody answered the dialog that asks to share the screen" if asked else "no answer"
                raise NoScreenError(f"{who} for {seconds:g} s ({method})") from None
            except DesktopError as error:
                raise NoScreenError(f"this session can't be shared: {error}") from None
        if code == _DECLINED:
            raise NoScreenError("sharing the screen was declined in the dialog, so nothing can be done here")
        if code != _AGREED:
            raise NoScreenError(f"the session ended the request {method}; is its portal running?")
        return dict(results)

    def _call(self, address: Any, method: str, signature: str, *arguments: Any) -> Any:
        """Call a method, and return what it returns.

        Raises:
            DesktopError: it fails.
        """
        from jeepney import MessageType, new_method_call  # noqa: PLC0415 - an extra

        message = new_method_call(address, method, signature, arguments)
        try:
            reply = self._bus.send_and_get_reply(message, timeout=_ANSWER_S)
        except (OSError, TimeoutError, queue.Empty) as error:
            raise DesktopError(f"the session's D-Bus doesn't answer: {error}") from None
        if reply.header.message_type is MessageType.error:
            raise DesktopError(str(reply.body[0] if reply.body else method))
        return reply.body

    def pipewire(self) -> int:
        """Open a connection to PipeWire that sees this session's screen alone; return its file descriptor.

        Raises:
            DesktopError: it can't be opened.
        """
        (fd,) = self._call(self._cast, "OpenPipeWireRemote", "oa{sv}", self._handle, {})
        return int(fd.to_raw_fd())

    def send(self, what: str, signature: str, *arguments: Any) -> None:
        """Send an input event: "PointerButton" with its arguments.

        Raises:
            Stopped: the person has ended the session.
            DesktopError: it isn't taken.
        """
        self.check()
        self._call(self._remote, f"Notify{what}", f"oa{{sv}}{signature}", self._handle, {}, *arguments)

    def check(self) -> None:
        """Raise an exception if the session has ended.

        Raises:
            Stopped: it has.
        """
        if not self._ended.empty():
            raise Stopped("sharing the screen was ended, by the person or by the session")

    def close(self) -> None:
        """End the session. May be called twice."""
        from jeepney import DBusAddress  # noqa: PLC0415 - an extra

        if handle := getattr(self, "_handle", ""):
            with suppress(DesktopError):
                self._call(DBusAddress(handle, _NAME, "org.freedesktop.portal.Session"), "Close", "")
            self._handle = ""
        with suppress(OSError):
            self._bus.close()
        with suppress(OSError):
            self._connection.close()


def _token() -> str:
    return f"qvl_agent_{secrets.token_hex(8)}"


def _token_file() -> Path:
    return user_state_path("qvl-agent") / "portal-consent"


def _kept() -> str:
    """Return the token of a consent that was given earlier; "" if there is none."""
    try:
        return _token_file().read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _keep(token: str) -> None:
    """Keep a consent's token; it can be used once, and each use gives the next."""
    file = _token_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as out:
        out.write(token)
