"""The check of a server's address: it must be on this machine, unless the person allows another one."""

from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from qvl_agent.actions.core.errors import SettingsError

__all__ = ["checked", "is_loopback"]


def checked(base_url: str, *, allow_remote: bool) -> str:
    """Check and complete a base URL: "http://127.0.0.1:8000" becomes "http://127.0.0.1:8000/v1".

    Raises:
        SettingsError: it isn't an http(s) URL, holds a user name or password, or leads to another machine and
            `allow_remote` is False.
    """
    try:
        parts = urlsplit(base_url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"}:
        raise SettingsError(f"expected a server URL such as http://127.0.0.1:8000/v1, got {base_url!r}")
    if parts.username is not None or parts.password is not None:
        raise SettingsError("a server URL must hold no user name or password; give the API key by itself")
    if not is_loopback(host) and not allow_remote:
        raise SettingsError(
            f"{host} isn't this machine, and pictures of your screen would leave it; "
            "use a server on 127.0.0.1, or allow it with allow_remote"
        )
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def is_loopback(host: str) -> bool:
    """Return whether a host's name alone means this machine: localhost, 127.0.0.0/8 or ::1.

    Other names are not looked up: their addresses can change between a check and the connection.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
