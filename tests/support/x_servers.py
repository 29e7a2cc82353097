"""X servers of other kinds than the sandbox's, for as long as they are needed."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def x_server(*command: str) -> Iterator[str]:
    """An X server's display, while it runs."""
    with subprocess.Popen(
        [*command, "-displayfd", "1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout is not None
            yield f":{int(server.stdout.readline())}"
        finally:
            server.terminate()


def xvfb(*screens: str, without: str = "") -> AbstractContextManager[str]:
    options = [word for number, each in enumerate(screens) for word in ("-screen", str(number), each)]
    if without:
        options += ["-extension", without]
    return x_server("Xvfb", *options, "-nolisten", "tcp", "-noreset")


def tigervnc(
    *options: str, size: str = "320x240", security: str = "None", port: int | None = None
) -> AbstractContextManager[str]:
    """TigerVNC on a port of loopback."""
    at = ["-localhost", "-interface", "127.0.0.1", "-rfbport", str(port or free_port())]
    return x_server("Xtigervnc", "-SecurityTypes", security, *at, "-geometry", size, "-depth", "24", *options)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])
