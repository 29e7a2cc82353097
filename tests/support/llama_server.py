"""llama.cpp's server from the wheel xllamacpp, in a process of its own, on loopback.

`python llama_server.py MODEL MMPROJ` prints its address and serves until its input ends.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qvl_agent.agent.models.llama.files import GgufFiles

MODEL = "tiny"
CONTEXT = 16384


@contextmanager
def running(files: GgufFiles, log: Path) -> Iterator[str]:
    """Start it; yields its base URL. What it says goes to `log`."""
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, __file__, str(files.model), str(files.mmproj)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        address = process.stdout.readline().strip() if process.stdout else ""
        if not address:
            process.wait(10)
            raise RuntimeError(f"llama.cpp didn't start: {log.read_text('utf-8', 'replace')[-2000:]}")
        yield f"{address}/v1"
    finally:
        try:
            process.communicate(timeout=10)  # the end of its input ends it
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def serve(model: str, mmproj: str) -> None:
    import xllamacpp as llama  # noqa: PLC0415 - the module's other half must import without it

    params: Any = llama.CommonParams()
    params.model.path, params.mmproj.path, params.model_alias = model, mmproj, [MODEL]
    params.n_ctx, params.n_parallel = CONTEXT, 1
    # As exact as it gets, so that answers can be compared with another engine's.
    params.cache_type_k = params.cache_type_v = llama.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = llama.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.fit_params = params.warmup = False
    server = llama.Server(params)
    print(server.listening_address, flush=True)  # noqa: T201 - the parent reads it
    sys.stdin.read()


if __name__ == "__main__":
    serve(*sys.argv[1:])
