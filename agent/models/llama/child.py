"""The process in which llama.cpp serves: from the wheel xllamacpp, which has no command of its own.

Run it as `python -m qvl_agent.agent.models.llama.child`. It serves until SIGINT or SIGTERM; with
`--attached`, until its input ends, as it does when the process that started it is gone, however that ended.
It writes its address to its output as soon as it can be asked. An API key is read from the environment alone,
where no other person of this machine sees it.
"""

import argparse
import os
import signal
import sys
import threading
from typing import Any, Final

__all__ = ["KEY_VARIABLE", "main"]

KEY_VARIABLE: Final = "LLAMA_API_KEY"
_PARENT_S: Final = 1.0
"""Seconds between two looks whether the process that started this one is still there."""
_CACHE_TYPES: Final = ("f32", "f16", "q8_0")


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="qvl-agent serve --engine xllamacpp")
    for name in ("model", "mmproj", "alias", "host"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "context", "image-min-tokens"):
        parser.add_argument(f"--{name}", required=True, type=int)
    parser.add_argument("--threads", type=int, default=0, help="0 lets llama.cpp choose")
    parser.add_argument("--cache-type", choices=_CACHE_TYPES, default="f16", help="of keys and values")
    parser.add_argument("--no-flash", action="store_true", help="compute attention as transformers does")
    parser.add_argument("--attached", action="store_true", help="end with the input, or the parent")
    return parser


def main() -> None:
    """Read the command line and serve until a signal, or the end of what started this, ends it."""
    given = _arguments().parse_args()
    ended = threading.Event()
    if given.attached:
        # The person's Ctrl+C reaches all processes of a terminal; whoever started this one decides.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        threading.Thread(target=_end_with_input, daemon=True).start()
    for number in (signal.SIGTERM,) if given.attached else (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    server = _server(given)
    print(server.listening_address, flush=True)  # noqa: T201 - whoever started this reads it
    ended.wait()
    del server  # its thread ends with it


def _end_with_input() -> None:
    # Not sys.stdin: while a thread reads that, the interpreter can't end.
    while os.read(0, 4096):
        pass
    os._exit(0)  # in the midst of loading too, and without waiting for a reply that is being written


def _end_with_parent(parent: int) -> None:
    """End if another process than the one that started this one is the parent now.

    A process that a parent forks holds the other end of the pipe too, and may live longer.
    """
    pause = threading.Event()
    while not pause.wait(_PARENT_S):
        if os.getppid() != parent:
            os._exit(0)


def _server(given: argparse.Namespace) -> Any:
    import xllamacpp  # noqa: PLC0415 - heavy, and only for this engine

    params: Any = xllamacpp.CommonParams()
    params.model.path, params.mmproj.path = given.model, given.mmproj
    params.model_alias = [given.alias]
    params.hostnames, params.port = [given.host], given.port
    if key := os.environ.pop(KEY_VARIABLE, ""):
        params.api_keys = [key]
    params.ui = params.endpoint_slots = False
    params.n_ctx, params.n_parallel = given.context, 1
    params.image_min_tokens = given.image_min_tokens
    if given.threads:
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = given.threads
    params.cache_type_k = params.cache_type_v = getattr(
        xllamacpp.ggml_type, f"GGML_TYPE_{given.cache_type.upper()}"
    )
    if given.no_flash:
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    try:
        return xllamacpp.Server(params)
    except (RuntimeError, MemoryError) as error:  # llama.cpp has said why, on the error output
        sys.exit(f"llama.cpp can't serve: {error}")


if __name__ == "__main__":
    main()
