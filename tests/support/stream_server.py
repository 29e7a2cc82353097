"""A real HTTP server on loopback that speaks OpenAI's protocol, well or badly, as each test says."""

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SSE = "text/event-stream"


@dataclass
class Asked:
    """One request that came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class Answering(BaseHTTPRequestHandler):
    """The connection that a scripted answer writes to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each small answer on a kept connection waits for an acknowledgement
    server: "StreamServer"
    asked: Asked
    whole = False
    """Whether the answer was written to its end, so that the connection can be used again."""
    served = 0
    """The requests that came over this connection, this one included."""

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        read = self.rfile.read(length)
        if len(read) < length:  # the client has hung up
            self.close_connection = True
            return
        body = json.loads(read)
        asked = Asked(self.path, dict(self.headers), body)
        self.server.asked.append(asked)
        self._serve(asked, self.server.next_answer)

    def do_GET(self) -> None:
        asked = Asked(self.path, dict(self.headers), {})
        self.server.fetched.append(asked)
        self._serve(asked, lambda: self.server.page(self.path))

    def _serve(self, asked: Asked, find: "Callable[[], Answer]") -> None:
        self.asked, self.whole = asked, False
        self.served += 1
        try:
            find()(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()
        if not self.whole:
            self.close_connection = True

    def version_string(self) -> str:
        return self.server.header

    def head(self, status: int = 200, kind: str = SSE, **headers: str) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def event(self, value: object) -> None:
        text = value if isinstance(value, str) else json.dumps(value)
        self.chunk(f"data: {text}\n\n".encode())

    def end(self) -> None:
        self.chunk(b"")
        self.whole = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Keep the test output clean."""


Answer = Callable[[Answering], None]


class StreamServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    header = "uvicorn"

    def __init__(self, model_names: tuple[str, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.model_names = model_names
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []
        self.fetched: list[Asked] = []
        self.pages: dict[str, Answer] = {}
        self.connections = 0
        self.hung_up = threading.Event()
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"

    def get_request(self) -> tuple[socket.socket, Any]:
        taken: tuple[socket.socket, Any] = super().get_request()
        self.connections += 1
        return taken

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may hang up at any time, also between two requests; other errors are printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def page(self, path: str) -> Answer:
        """What is at a path: a page of its own, or the list of models."""
        if path in self.pages:
            return self.pages[path]
        if path.endswith("/models") and path.count("/") == 2:
            return whole({"data": [{"id": name} for name in self.model_names]})
        return whole("not here", 404, "text/plain")

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(*answers: Answer, models: tuple[str, ...] = ("qwen3-vl",)) -> Iterator[StreamServer]:
    """Serve the answers in their order, the last one for ever."""
    server = StreamServer(models)
    server.answers = list(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def delta(**fields: object) -> dict[str, Any]:
    return {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": fields, "finish_reason": None}],
    }


def ending(reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


USAGE = {
    "choices": [],
    "usage": {
        "prompt_tokens": 1300,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1268},
    },
}


def says(*pieces: str, finish: str = "stop", key: str = "content") -> Answer:
    """Stream the pieces as a good server does."""
    return streams(
        delta(role="assistant", content=""), *(delta(**{key: p}) for p in pieces), ending(finish), USAGE
    )


def streams(*values: object, done: bool = True) -> Answer:
    def answer(to: Answering) -> None:
        to.head()
        for value in values:
            to.event(value)
        if done:
            to.event("[DONE]")
        to.end()

    return answer


def whole(body: object, status: int = 200, kind: str = "application/json", **headers: str) -> Answer:
    """Answer in one piece, not streamed."""

    def answer(to: Answering) -> None:
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        data = text.encode() if isinstance(text, str) else text
        to.head(status, kind, Content_Length=str(len(data)), **headers)
        to.wfile.write(data)
        to.whole = True

    return answer


def raw(data: bytes | str, status: int = 200, kind: str = SSE, **headers: str) -> Answer:
    """Answer with exactly these bytes, in one chunk; `kind` "" leaves the Content-Type out."""

    def answer(to: Answering) -> None:
        to.head(status, kind, **headers)
        to.chunk(data.encode() if isinstance(data, str) else data)
        to.end()

    return answer


def framed(*values: object) -> str:
    """Write values as a stream of events; a text stands as it is."""
    return "".join(f"data: {v if isinstance(v, str) else json.dumps(v)}\n\n" for v in values)
