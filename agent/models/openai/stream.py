"""The framing of a server's answer: limited bytes, cut into events, whatever its Content-Type says.

The events are those of https://html.spec.whatwg.org/multipage/server-sent-events.html. Servers and the
proxies before them also send an object without a frame, one object a line, no empty lines, or an `error`
field; so a line that is no field belongs to an event of its own, or to the one before it.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.agent.models.openai.refused import one_line

__all__ = ["DONE", "MAX_BYTES", "Event", "Framing", "bounded", "events", "load_object"]

MAX_BYTES: Final = 8 * 1024**2
"""The most bytes of a reply: a text of 32k tokens in single-token events stays far below."""
DONE: Final = "[DONE]"
_LONGEST_LITERAL: Final = 5  # false


class _Body(Protocol):
    @property
    def headers(self) -> Any: ...

    def aiter_raw(self) -> AsyncIterator[bytes]: ...


async def bounded(response: _Body) -> AsyncIterator[bytes]:
    """Yield the body's bytes, up to `MAX_BYTES`.

    Only an uncompressed body, as we ask for, is accepted: a few bytes of gzip can unpack to a gigabyte.

    Raises:
        ModelError: the body is compressed, or longer than `MAX_BYTES`.
    """
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise ModelError(f"expected an uncompressed reply, the server sent {coding!r}; check its URL")
    size = 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_BYTES:
            raise ModelError(f"the server's reply is larger than {MAX_BYTES // 1024**2} MiB; check its URL")
        yield chunk


@dataclass(frozen=True, slots=True)
class Event:
    """One event, or one object that came without a frame; `name` is "error" for what the server calls so."""

    data: str
    name: str = ""


async def events(chunks: AsyncIterator[bytes]) -> AsyncGenerator[Event, None]:
    """Yield the events of an answer; a last one that was cut in the middle of its JSON is dropped."""
    framing = Framing()
    async for chunk in chunks:
        for event in framing.feed(chunk):
            yield event
    for event in framing.end():
        yield event


class Framing:
    """The events of an answer's bytes, which may be cut into chunks anywhere."""

    def __init__(self) -> None:
        self._line: list[bytes] = []  # the pieces of a line that hasn't ended
        self._return = False  # whether the last byte was a carriage return
        self._first = True
        self._data: list[str] = []
        self._bare = False  # whether the event began with a line that is no field
        self._name = ""

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Yield the events that are whole with these bytes."""
        chunk = b"\r" + chunk if self._return else chunk
        self._return = chunk.endswith(b"\r")
        chunk = chunk[:-1] if self._return else chunk
        first, *others = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._line.append(first)
        for other in others:
            yield from self._take(self._whole_line())
            self._line = [other]

    def end(self) -> Iterator[Event]:
        """Yield what the end of the bytes makes whole."""
        last = self._whole_line()
        if last:
            yield from self._take(last)
        if self._data and (self._return or not last or not _is_cut("\n".join(self._data))):
            yield from self._flush()

    def _whole_line(self) -> str:
        line = b"".join(self._line).decode("utf-8", "replace")
        if self._first:
            line = line.removeprefix("\ufeff")
            self._first = False
        return line

    def _take(self, line: str) -> Iterator[Event]:
        field, colon, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if not self._bare or self._is_whole():
                yield from self._flush()
        elif field == "data" and colon:
            if self._bare or self._is_whole():
                yield from self._flush()
            while value.startswith("data:"):  # framed twice
                value = value.removeprefix("data:").removeprefix(" ")
            self._data.append(value)
        elif field == "error" and colon:
            yield from self._flush()
            yield Event(value, "error")
        elif field == "event" and colon:
            self._name = value.strip()
        elif field not in {"", "id", "retry", "data", "event"}:
            if self._is_whole():
                yield from self._flush()
            self._bare = self._bare or not self._data
            self._data.append(line)

    def _flush(self) -> Iterator[Event]:
        if self._data:
            yield Event("\n".join(self._data), self._name)
        self._data, self._name, self._bare = [], "", False

    def _is_whole(self) -> bool:
        """Return whether the event is whole after its one line, so that it needs no empty line."""
        return len(self._data) == 1 and (self._data[0].strip() == DONE or _is_json(self._data[0]))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _is_cut(text: str) -> bool:
    """Return whether a JSON text misses only its end."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        left = len(text.rstrip()) - error.pos
        return (
            left <= 0
            or error.msg.startswith("Unterminated string")
            or (error.msg == "Expecting value" and error.pos > 0 and left < _LONGEST_LITERAL)
        )
    except RecursionError:
        return False
    return False


def load_object(text: str | bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ModelError: the text is something else.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"expected JSON from the server, got {_start_of(text)}; check its URL") from error
    if not isinstance(value, dict):
        raise ModelError(f"expected a JSON object from the server, got {_start_of(text)}; check its URL")
    return value


def _start_of(text: str | bytes) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return repr(one_line(shown, 60))
