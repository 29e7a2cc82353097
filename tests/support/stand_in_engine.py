"""A small program that behaves as an engine does when it is started: it loads, answers, and has workers.

It is put on the PATH under an engine's name. It writes down how it was called, says that it is loading
for a while, and serves a list of models; its worker would outlive it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WORKER = """
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
time.sleep(300)
"""
LOADING = 2
"""How many times it is asked for its health before it is well."""


class Answering(BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self) -> None:
        if self.path == "/health":
            Answering.asked += 1
            self._say(503 if Answering.asked <= LOADING else 200, {})
        else:
            key = os.environ.get("VLLM_API_KEY")
            allowed = not key or self.headers.get("Authorization") == f"Bearer {key}"
            self._say(200 if allowed else 401, {"data": [{"id": value_of("--served-model-name")}]})

    def _say(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the output clean."""


def value_of(flag: str) -> str:
    return sys.argv[sys.argv.index(flag) + 1]


def keep(written: dict[str, Any], notes: Path) -> None:
    """Replace the notes in one go: a test reads them at any moment."""
    fresh = notes.with_suffix(".new")
    fresh.write_text(json.dumps(written))
    fresh.replace(notes)


def main() -> None:
    notes = Path(os.environ["STAND_IN_NOTES"])
    worker = subprocess.Popen([sys.executable, "-c", WORKER])
    written: dict[str, Any] = {"arguments": sys.argv[1:], "worker": worker.pid, "signals": []}
    written["telemetry"] = os.environ.get("VLLM_NO_USAGE_STATS")
    keep(written, notes)
    if os.environ.get("STAND_IN_FAILS"):
        sys.exit(3)
    ended = threading.Event()

    def handle(number: int, _frame: object) -> None:
        written["signals"].append(signal.Signals(number).name)
        keep(written, notes)
        if not os.environ.get("STAND_IN_STUBBORN"):
            ended.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, handle)
    server = ThreadingHTTPServer((value_of("--host"), int(value_of("--port"))), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not ended.is_set():
        time.sleep(0.02)


if __name__ == "__main__":
    main()
