"""The reading of an OpenAI-compatible server's reply: limited bytes, server-sent events, and their sum.

Formats: https://platform.openai.com/docs/api-reference/chat-streaming and the server-sent events of
https://html.spec.whatwg.org/multipage/server-sent-events.html, of which only `data` matters here.
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.agent.models.chat import answer_in, split_server_text
from qvl_agent.agent.models.openai.quirks import REASONING_FIELDS, cached_tokens, whole

__all__ = ["MAX_BYTES", "Received", "bounded", "error_text", "events", "load_object", "one_line"]

MAX_BYTES: Final = 8 * 1024**2
"""The most bytes of a reply: a text of 32k tokens in single-token events stays far below."""
_DONE: Final = "[DONE]"


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


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Yield the data of each server-sent event; an event that doesn't end in an empty line is dropped."""
    rest, data = b"", list[str]()
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for raw in lines:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if line.startswith("data:"):
                data.append(line.removeprefix("data:").removeprefix(" "))
            elif not line and data:
                yield "\n".join(data)
                data.clear()


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


def one_line(text: str, most: int = 300) -> str:
    """Put a server's words on one line of at most `most` characters, for our own messages."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"


def error_text(body: dict[str, Any]) -> str:
    """Find the message in the body of a server's error; "" if it has none. Its place differs by server."""
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if isinstance(error, dict):
        for key in ("message", "detail", "error"):
            if isinstance(error.get(key), str):
                return str(error[key])
    return ""


@dataclass(slots=True)
class Received:
    """The parts of a reply that have been received so far.

    Attributes:
        say: called with each piece of content and reasoning.
        content, reasoning: the pieces.
        calls: the name and arguments of each tool call, by its index.
        finish: the reason for which the reply ended; None before that.
        usage, timings: the server's counts of tokens and, with llama.cpp, its timings.
        ended: whether the stream has ended.
    """

    say: Callable[[str], None]
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[int, list[str]] = field(default_factory=dict)
    finish: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    ended: bool = False

    def take(self, data: str) -> None:
        """Add one event of the stream.

        Raises:
            ModelError: the event is an error, or no chat completion.
        """
        if data.strip() == _DONE:
            self.ended = True
            return
        self.take_object(load_object(data), "delta")

    def take_object(self, body: dict[str, Any], part: str) -> None:
        """Add an event (`part` "delta"), or the whole reply of a server that can't stream ("message").

        Raises:
            ModelError: as `take` raises it.
        """
        if body.get("error"):
            raise ModelError(f"the server failed: {one_line(error_text(body) or str(body['error']))}")
        usage = body.get("usage")
        self.usage = usage if isinstance(usage, dict) else self.usage
        timings = body.get("timings")
        self.timings = timings if isinstance(timings, dict) else self.timings
        choices = body.get("choices")
        if not isinstance(choices, list):
            raise ModelError("expected a chat completion with 'choices' from the server; check its URL")
        for choice in choices[:1]:
            if isinstance(choice, dict):
                self._take_choice(choice, part)

    def _take_choice(self, choice: dict[str, Any], part: str) -> None:
        delta = choice.get(part)
        if isinstance(delta, dict):
            self._add(self.content, delta.get("content"))
            self._add(self.reasoning, next(filter(None, (delta.get(name) for name in REASONING_FIELDS)), ""))
            for call in delta.get("tool_calls") or ():
                self._take_call(call)
        if isinstance(choice.get("finish_reason"), str):
            self.finish = choice["finish_reason"]

    def _add(self, pieces: list[str], piece: object) -> None:
        if isinstance(piece, str) and piece:
            pieces.append(piece)
            self.say(piece)

    def _take_call(self, call: object) -> None:
        """Add a piece of a tool call that the server recognised; `reply` writes it as text again."""
        if not isinstance(call, dict) or not isinstance(function := call.get("function"), dict):
            return
        index = call.get("index")
        pieces = self.calls.setdefault(index if isinstance(index, int) else 0, ["", ""])
        for place, key in enumerate(("name", "arguments")):
            value = function.get(key)
            pieces[place] += value if isinstance(value, str) else json.dumps(value) if value else ""

    @property
    def empty(self) -> bool:
        return not (self.content or self.reasoning or self.calls)

    def reply(self, times: dict[str, float]) -> Reply:
        """Make the reply of all parts; `times` are seconds by part.

        Raises:
            ModelError: the stream was cut before its end.
        """
        if self.finish is None:
            came = sum(map(len, self.content)) + sum(map(len, self.reasoning))
            raise ModelError(f"the server's reply was cut off after {came} characters; see the server's log")
        within, text = split_server_text(_whole(self.content))
        reasoning = _whole(self.reasoning) or within
        text += "".join(
            f'<tool_call>\n{{"name": {json.dumps(name)}, "arguments": {arguments or "{}"}}}\n</tool_call>'
            for name, arguments in self.calls.values()
        )
        return Reply(
            text=text if text.strip() else answer_in(reasoning) if self.finish == "stop" else "",
            reasoning=reasoning,
            finish="stop" if self.finish == "tool_calls" else self.finish,
            prompt_tokens=whole(self.usage.get("prompt_tokens")),
            cached_tokens=cached_tokens(self.usage, self.timings),
            reply_tokens=whole(self.usage.get("completion_tokens")),
            times=times,
        )


def _whole(pieces: list[str]) -> str:
    """Join the pieces; the halves of a split surrogate pair are joined too, and lone halves replaced."""
    return "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
