"""How a VNC server knows us, and what keeps others from reading along: passwords, and TLS by VeNCrypt."""

import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.errors import NoScreenError
from qvl_agent.actions.desktops.vnc.stream import Stream

__all__ = ["Login", "let_in"]

_NONE, _PASSWORD, _VENCRYPT = 1, 2, 19
_PLAIN, _TLS_NONE, _TLS_PASSWORD, _TLS_PLAIN = 256, 257, 258, 259
_X509_NONE, _X509_PASSWORD, _X509_PLAIN = 260, 261, 262
_VERIFIED: Final = (_X509_PASSWORD, _X509_PLAIN, _X509_NONE)
"""The ways that nobody between can read or change, the first one first."""
_ENCRYPTED: Final = (_TLS_PASSWORD, _TLS_PLAIN, _TLS_NONE)
"""Encrypted for a server that may be anybody."""
_WITH_USER: Final = frozenset({_PLAIN, _TLS_PLAIN, _X509_PLAIN})
_WITHOUT_PASSWORD: Final = frozenset({_NONE, _TLS_NONE, _X509_NONE})
_NAMES: Final = {
    _NONE: "none",
    _PASSWORD: "VNC password",
    _VENCRYPT: "VeNCrypt",
    5: "RA2",
    6: "RA2ne",
    16: "Tight",
    18: "TLS",
    20: "SASL",
    30: "Apple's",
    129: "RA256",
}
_LONGEST: Final = 8
"""VNC's own password has no more characters that count."""


@dataclass(frozen=True, slots=True)
class Login:
    """What is shown to the server.

    Attributes:
        host: the server's name, which its certificate must bear.
        port: its port, for messages.
        user: the user's name; "" for none.
        password: asks for the password; called once, and only if the server wants one.
        is_loopback: whether the server is on this machine.
    """

    host: str
    port: int
    user: str
    password: Callable[[], str]
    is_loopback: bool


def let_in(stream: Stream, login: Login) -> None:
    """Choose a way to be let in, and go it.

    On this machine any way will do. To another one the screen and what is typed would go in plain text by
    most of them: only TLS with a certificate that is verified is taken.

    Raises:
        NoScreenError: the server doesn't let us in, or only in a way that isn't safe.
    """
    offered = list(stream.read(stream.number("B")))
    if not offered:
        raise NoScreenError(f"{_where(login)} refuses the connection: {_reason(stream)}")
    if login.is_loopback:
        simple = [way for way in (_NONE, _PASSWORD) if way in offered]
        if simple:
            stream.write(bytes(simple[:1]))
            _prove(stream, login, simple[0])
            return
    if _VENCRYPT not in offered:
        if not login.is_loopback:
            raise NoScreenError(_in_plain_text(login))
        named = ", ".join(_NAMES.get(way, str(way)) for way in offered)
        raise NoScreenError(
            f"{_where(login)} lets nobody in by a way that is known here: it offers {named}; "
            "start it with SecurityTypes VncAuth, or with TLS (X509Vnc)"
        )
    stream.write(bytes([_VENCRYPT]))
    _prove(stream, login, _by_tls(stream, login))


def _by_tls(stream: Stream, login: Login) -> int:
    """Agree on a way of VeNCrypt, and begin TLS."""
    stream.read(2)
    stream.write(b"\0\2")
    if stream.number("B"):
        raise NoScreenError(f"{_where(login)} has a VeNCrypt older than 0.2; update the server")
    offered = [stream.number("I") for _ in range(stream.number("B"))]
    allowed = (*_VERIFIED, *_ENCRYPTED) if login.is_loopback else _VERIFIED
    able = [way for way in allowed if way in offered and (login.user or way not in _WITH_USER)]
    if not able:
        if not login.is_loopback and not set(_VERIFIED) & set(offered):
            raise NoScreenError(_in_plain_text(login))
        raise NoScreenError(
            f"{_where(login)} wants a user's name too: --desktop vnc://NAME@{login.host}:{login.port}"
        )
    stream.write(struct.pack(">I", able[0]))
    if stream.number("B") != 1:
        raise NoScreenError(f"{_where(login)} can't begin TLS; see its log")
    stream.encrypt(_context(login, verified=able[0] in _VERIFIED), login.host)
    return able[0]


def _context(login: Login, *, verified: bool) -> ssl.SSLContext:
    if verified and not login.is_loopback:
        return ssl.create_default_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if not verified:  # a server without a certificate, on this machine
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ADH:AECDH:@SECLEVEL=0")
    return context


def _prove(stream: Stream, login: Login, way: int) -> None:
    """Show the password, and hear whether it is right."""
    if way not in _WITHOUT_PASSWORD:
        password = login.password()
        if way in _WITH_USER:
            user, word = login.user.encode(), password.encode()
            stream.write(struct.pack(">II", len(user), len(word)) + user + word)
        else:
            stream.write(_answered(stream.read(16), password))
    if stream.number("I"):
        raise NoScreenError(f"{_where(login)} doesn't let us in: {_reason(stream)}")


def _answered(challenge: bytes, password: str) -> bytes:
    """Encrypt the server's challenge with the password, each byte of it with its bits in reverse."""
    try:
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415 - an extra
        from cryptography.hazmat.primitives.ciphers import Cipher, modes  # noqa: PLC0415 - likewise
    except ImportError:
        raise NoScreenError("a VNC password needs cryptography; pip install 'qvl-agent[vnc]'") from None
    shown = password.encode("latin-1", "replace")[:_LONGEST].ljust(_LONGEST, b"\0")
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in shown)
    # Three times the same key is DES; VNC's way of using each half alone is ECB.
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()  # noqa: S305 - the protocol's
    return encryptor.update(challenge) + encryptor.finalize()


def _reason(stream: Stream) -> str:
    said = stream.read(min(stream.number("I"), 4096)).decode("utf-8", "replace")
    return said.strip().rstrip(".") or "it gives no reason"


def _where(login: Login) -> str:
    return f"the VNC server at {login.host}:{login.port}"


def _in_plain_text(login: Login) -> str:
    return (
        f"{_where(login)} has no TLS with a certificate, so others could read the screen and what is typed; "
        f"make a tunnel, ssh -N -L {login.port}:localhost:{login.port} {login.host}, and take --desktop "
        f"vnc://localhost:{login.port}"
    )
