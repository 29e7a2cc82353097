"""The bytes to and from a VNC server, in plain text or by TLS."""

import ipaddress
import select
import socket
import ssl
import struct
import threading
from contextlib import suppress
from typing import Final

from qvl_agent.actions.core.errors import DesktopError, NoScreenError

__all__ = ["Stream"]

_CONNECT_S: Final = 10.0
_ANSWER_S: Final = 30.0
"""Seconds for each answer of the greeting: a server may ask the person who sits before it."""


class Stream:
    """Bytes to and from the server."""

    def __init__(self, host: str, port: int) -> None:
        """Connect.

        Raises:
            NoScreenError: nobody answers there.
        """
        self._where = f"{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout=_CONNECT_S)
        except OSError as error:
            raise NoScreenError(
                f"there is no VNC server at {self._where} ({error.strerror or error}); start it, or mend the "
                "address"
            ) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(_ANSWER_S)
        self._held = bytearray()
        # One thread reads and another writes, which OpenSSL doesn't allow at the same time.
        self._using = threading.Lock()

    @property
    def is_loopback(self) -> bool:
        """Return whether the other end is on this machine."""
        address = ipaddress.ip_address(self._socket.getpeername()[0].split("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return (mapped or address).is_loopback

    def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Begin TLS.

        Raises:
            NoScreenError: both sides find no common way, or the certificate isn't to be trusted.
        """
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
        except ssl.SSLCertVerificationError as error:
            raise NoScreenError(
                f"the certificate of the VNC server at {self._where} isn't trusted: {error.verify_message}; "
                "name the file of its own authority in SSL_CERT_FILE"
            ) from None
        except OSError as error:
            raise NoScreenError(f"TLS with the VNC server at {self._where} failed: {error}") from None

    def read(self, count: int) -> bytes:
        """Read exactly so many bytes.

        Raises:
            DesktopError: the connection ended.
        """
        while len(self._held) < count:
            if not self.is_waiting(_ANSWER_S, held=False):
                raise DesktopError(f"the VNC server at {self._where} fell silent for {_ANSWER_S:g} s")
            try:
                with self._using:
                    got = self._socket.recv(max(65536, count - len(self._held)))
            except OSError as error:
                raise DesktopError(
                    f"the connection to the VNC server at {self._where} broke: {error}"
                ) from None
            if not got:
                raise DesktopError(f"the VNC server at {self._where} ended the connection")
            self._held += got
        found = bytes(self._held[:count])
        del self._held[:count]
        return found

    def number(self, form: str) -> int:
        """Read one number in a form of `struct`, in the network's order."""
        return int(struct.unpack(f">{form}", self.read(struct.calcsize(f">{form}")))[0])

    def write(self, data: bytes) -> None:
        """Send bytes, all of them or none that another thread could cut in two.

        Raises:
            DesktopError: the connection ended.
        """
        try:
            with self._using:
                self._socket.sendall(data)
        except OSError as error:
            raise DesktopError(f"the connection to the VNC server at {self._where} broke: {error}") from None

    def is_waiting(self, seconds: float, *, held: bool = True) -> bool:
        """Return whether something can be read within so many seconds.

        Args:
            seconds: how long to wait for it.
            held: also what was received and not read yet counts.

        Raises:
            DesktopError: the connection was closed.
        """
        if held and self._held:
            return True
        try:
            if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
                return True
            return bool(select.select([self._socket], [], [], seconds)[0])
        except (OSError, ValueError) as error:
            raise DesktopError(f"the connection to the VNC server at {self._where} broke: {error}") from None

    def close(self) -> None:
        """Hang up; a thread that reads gets the connection's end. May be called twice."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
