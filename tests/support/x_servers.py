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


def tigervnc() -> AbstractContextManager[str]:
    """TigerVNC on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["-SecurityTypes", "None", "-localhost", "-interface", "127.0.0.1", "-rfbport", str(port)]
    return x_server("Xtigervnc", *options, "-geometry", "320x240", "-depth", "24")
