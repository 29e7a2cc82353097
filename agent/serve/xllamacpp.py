"""A program that runs llama.cpp's server from the wheel xllamacpp, which has no command of its own.

Run it as `python -m qvl_agent.agent.serve.xllamacpp`; it serves until SIGINT or SIGTERM.
"""

import argparse
import signal
import threading
from typing import Any

__all__ = ["main"]


def main() -> None:
    """Read the command line and serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="qvl-agent serve --engine xllamacpp")
    for name in ("model", "mmproj", "alias", "host"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "context", "image-min-tokens"):
        parser.add_argument(f"--{name}", required=True, type=int)
    given = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = _server(given)
    ended.wait()
    del server  # its thread ends with it


def _server(given: argparse.Namespace) -> Any:
    import xllamacpp  # noqa: PLC0415 - heavy, and only for this engine

    params: Any = xllamacpp.CommonParams()
    params.model.path, params.mmproj.path = given.model, given.mmproj
    params.model_alias = [given.alias]
    params.hostnames, params.port = [given.host], given.port
    params.n_ctx, params.n_parallel = given.context, 1
    params.image_min_tokens = given.image_min_tokens
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
