"""How long it takes from the command to the first request, and what a request's pictures weigh.

    .venv/bin/python benchmarks/first_request.py [--against PYTHON] [--rounds 15]

A server on loopback answers at once, and notes when the first request came, beginning with the start of the
process. Each round runs all of them, one after the other and in turns, so that a busy machine slows all:

- ours: `qvl-agent "TASK" --server URL` on a virtual display, with everything that guards a run;
- bare: a script that captures the screen with mss, writes it as Pillow does, and sends it with httpx2, and
  does nothing else; no program of this kind can begin sooner;
- other, if named: `qvl-agent` of another environment's Python, such as one with an earlier version.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/support"))

from stream_server import Answering, StreamServer, says, serving

from qvl_agent.sandbox.session import open_sandbox

SIZE = (1280, 800)
DONE = '{"action": "done", "answer": "nothing to do"}'
BARE = """
import base64, io, json, sys
import httpx2, mss
from PIL import Image
with mss.mss() as screen:
    shot = screen.grab(screen.monitors[1])
out = io.BytesIO()
Image.frombytes("RGB", shot.size, shot.rgb).save(out, "PNG")
url = "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What now?"}]
body = {"model": "qwen3-vl", "messages": [{"role": "user", "content": parts}], "stream": True}
httpx2.post(sys.argv[1] + "/chat/completions", json=body, trust_env=False)
"""


class Clock:
    """Notes when the first request after `start` came, and how large it was."""

    def __init__(self) -> None:
        self.first, self.weight = 0.0, 0
        self._answer = says(DONE)

    def __call__(self, connection: Answering) -> None:
        if not self.first:
            self.first = time.perf_counter()
            self.weight = int(connection.headers["Content-Length"])
        self._answer(connection)


def measured(command: list[str], display: str, clock: Clock, folder: Path) -> tuple[float, int]:
    """Return the seconds from the start of a process to its first request, and the request's bytes."""
    clock.first = 0.0
    environment = {**os.environ, "DISPLAY": display, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    start = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if not clock.first:
        raise SystemExit(f"no request came from {command[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return clock.first - start, clock.weight


def ours(python: str, server: StreamServer, runs: Path) -> list[str]:
    where = ["--server", server.base_url, "--server-model", "qwen3-vl", "--runs", str(runs)]
    command = "from qvl_agent.agent.cli.main import main; main()"
    return [python, "-c", command, "say that nothing is to be done", *where]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="PYTHON", help="another environment's Python")
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    clock = Clock()
    with (
        tempfile.TemporaryDirectory() as name,
        open_sandbox("chat", seed=1, size=SIZE) as sandbox,
        serving(clock) as server,
    ):
        ways: dict[str, Callable[[], list[str]]] = {
            "ours": lambda: ours(sys.executable, server, Path(name) / "runs"),
            "bare": lambda: [sys.executable, "-c", BARE, server.base_url],
        }
        if chosen.against:
            ways["other"] = lambda: ours(chosen.against, server, Path(name) / "runs")
        found: dict[str, list[tuple[float, int]]] = {way: [] for way in ways}
        for number in range(chosen.rounds + 1):
            for way, command in ways.items():
                one = measured(command(), sandbox.display.name, clock, Path(name))
                if number:  # the first round fills the disk's cache
                    found[way].append(one)
    report(found)


def report(found: dict[str, list[tuple[float, int]]]) -> None:
    print(f"{'from command to first request':<32}{'median s':>10}{'least s':>10}{'KB':>8}")
    for way, ones in found.items():
        seconds = [one for one, _ in ones]
        weight = statistics.median(weight for _, weight in ones) / 1000
        print(f"{way:<32}{statistics.median(seconds):>10.3f}{min(seconds):>10.3f}{weight:>8.0f}")
    for way in found.keys() - {"ours"}:
        pairs = zip(found["ours"], found[way], strict=True)
        ratio = statistics.median(other / mine for (mine, _), (other, _) in pairs)
        print(f"{way} / ours, the median of the pairs: {ratio:.2f}")


if __name__ == "__main__":
    main()
