"""The sum of a server's answer: its text, thoughts and calls, streamed in pieces or whole.

Format: https://platform.openai.com/docs/api-reference/chat-streaming, as servers send it.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.agent.models.chat import answer_in, split_server_text
from qvl_agent.agent.models.openai.quirks import REASONING_FIELDS, cached_tokens, whole
from qvl_agent.agent.models.openai.refused import Refused, is_error, one_line, refused_in
from qvl_agent.agent.models.openai.stream import DONE, Event, load_object

__all__ = ["Received"]

_NO_END: Final = frozenset({"", "null", "none"})
"""Words in `finish_reason` that some servers send where others send null."""
_STOPS: Final = frozenset(
    {"stop", "eos", "eos_token", "stop_sequence", "end_turn", "complete"}
    | {"tool_calls", "tool_call", "tool_use", "function_call"}
)
"""The words for an answer that the model ended itself. A word that isn't known is a cut: an answer that may
lack its end mustn't look whole."""
_LIMITS: Final = frozenset({"length", "max_tokens", "model_length", "max_length", "max_output_tokens"})
_TEXT_KEYS: Final = ("text", "thinking", "reasoning", "content", "refusal", "value")
_DEEPEST: Final = 6
_MOST_CHECKED: Final = 65_536
"""Characters of a call's arguments; longer ones aren't tried as JSON after each piece."""


@dataclass(slots=True)
class _Call:
    """A tool call that the server recognised: its name and arguments so far."""

    name: str = ""
    arguments: str = ""

    def add(self, name: str, arguments: str) -> None:
        if name.startswith(self.name):  # the whole name again
            self.name = name or self.name
        elif name != self.name:
            self.name += name
        self.arguments += arguments

    @property
    def whole(self) -> bool:
        text = self.arguments.strip()
        return text[-1:] in ("}", '"') and len(text) < _MOST_CHECKED and _json(text) is not None

    def continues_with(self, name: str, arguments: str) -> bool:
        """Return whether a piece belongs to this call, and isn't the beginning of another one."""
        return not self.whole or not (arguments.strip() or (name and name != self.name))

    def repeats(self, name: str, arguments: str) -> bool:
        return name in ("", self.name) and self.whole and _json(arguments) == _json(self.arguments)

    def __str__(self) -> str:
        inner = _json(self.arguments)  # a text, if the arguments were encoded twice
        arguments = inner if isinstance(inner, str) else self.arguments.strip() or "{}"
        return f'<tool_call>\n{{"name": {json.dumps(self.name)}, "arguments": {arguments}}}\n</tool_call>'


@dataclass(slots=True)
class Received:
    """The parts of a reply that have been received so far.

    Attributes:
        say: called with each piece of content and reasoning.
        content, reasoning: the pieces.
        calls: the tool calls, in their order.
        finish: the server's word for why the reply ended; None before that.
        usage, timings: the server's counts of tokens and, with llama.cpp, its timings.
        ended: whether the stream has ended.
    """

    say: Callable[[str], None]
    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: list[_Call] = field(default_factory=list)
    finish: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    _open: dict[int, _Call] = field(default_factory=dict)
    _completion: bool = False
    _odd: str = ""

    @property
    def empty(self) -> bool:
        return not (self.content or self.reasoning or self.calls)

    def take(self, event: Event) -> None:
        """Add one event of a stream, or a whole reply.

        What carries nothing (a ping, null, usage alone) is passed over; what is odd is remembered, for the
        message if no reply comes.

        Raises:
            Refused: it is an error.
            ModelError: it is a broken object.
        """
        text = event.data.strip()
        if text == DONE:
            self.ended = True
        elif event.name == "error":
            value = _json(text)
            body = value if isinstance(value, dict) and is_error(value) else {"error": value or text}
            raise refused_in(body, begun=not self.empty)
        elif text.startswith("{"):
            self._take_object(load_object(text))
        elif text not in _NO_END and event.name in ("", "message"):
            self._odd = one_line(text, 60)

    def _take_object(self, body: dict[str, Any]) -> None:
        if is_error(body):
            raise refused_in(body, begun=not self.empty)
        usage, timings = body.get("usage"), body.get("timings")
        self.usage = usage if isinstance(usage, dict) else self.usage
        self.timings = timings if isinstance(timings, dict) else self.timings
        choices = body.get("choices")
        if isinstance(choices, list):
            self._completion = True
            for choice in choices[:1]:
                if isinstance(choice, dict):
                    self._take_choice(choice)
        else:
            self._odd = one_line(json.dumps(body), 60)

    def _take_choice(self, choice: dict[str, Any]) -> None:
        if choice.get("error"):
            raise refused_in(choice, begun=not self.empty)
        delta = choice.get("delta")
        if not delta and self.empty:  # a whole message counts only where no pieces came before it
            delta = choice.get("message")
        if isinstance(delta, dict):
            self._take_delta(delta)
        self.finish = _finish(choice.get("finish_reason")) or self.finish

    def _take_delta(self, delta: dict[str, Any]) -> None:
        thoughts = (list(_texts(delta.get(name))) for name in REASONING_FIELDS)
        for _, text in next(filter(None, thoughts), []):
            self._add(self.reasoning, text)
        for is_thought, text in _texts([delta.get("content"), delta.get("refusal")]):
            self._add(self.reasoning if is_thought else self.content, text)
        calls = delta.get("tool_calls")
        calls = calls if isinstance(calls, list) else [calls]
        if not any(calls):
            calls = [{"function": delta.get("function_call")}]
        for place, call in enumerate(calls):
            if isinstance(call, dict):
                self._take_call(call, place)

    def _add(self, pieces: list[str], piece: str) -> None:
        pieces.append(piece)
        self.say(piece)

    def _take_call(self, call: dict[str, Any], place: int) -> None:
        """Add a piece of a tool call that the server recognised; `reply` writes it as text again."""
        function = call.get("function", call)
        if not isinstance(function, dict):
            return
        name, arguments = function.get("name"), function.get("arguments")
        name = name if isinstance(name, str) else ""
        arguments = arguments if isinstance(arguments, str) else json.dumps(arguments) if arguments else ""
        if not (name or arguments):
            return
        index = _index(call.get("index"), place)
        current = self._open.get(index)
        if current is not None and current.repeats(name, arguments):
            return
        if current is None or not current.continues_with(name, arguments):
            current = self._open[index] = _Call(name or (current.name if current else ""))
            self.calls.append(current)
        current.add(name, arguments)

    def reply(self, times: dict[str, float]) -> Reply:
        """Make the reply of all parts; `times` are seconds by part.

        Raises:
            ModelError: the reply was cut before its end, or is no chat completion.
            Refused: the server ended the reply before anything came.
        """
        finish = self._checked_finish()
        within, text = split_server_text(_whole(self.content))
        reasoning = _whole(self.reasoning) or within
        text += "".join(map(str, self.calls))
        return Reply(
            text=text if text.strip() else answer_in(reasoning) if finish == "stop" else "",
            reasoning=reasoning,
            finish=finish,
            prompt_tokens=whole(self.usage.get("prompt_tokens")),
            cached_tokens=cached_tokens(self.usage, self.timings),
            reply_tokens=whole(self.usage.get("completion_tokens")),
            times=times,
        )

    def _checked_finish(self) -> str:
        """Return "stop" or "length"."""
        if not self._completion and self._odd:
            raise ModelError(
                f"expected a chat completion with 'choices' from the server, got {self._odd!r}; check its URL"
            )
        word = (self.finish or "").lower()
        if word in _STOPS or word in _LIMITS:
            return "stop" if word in _STOPS else "length"
        if self.finish and self.empty:
            raise Refused(500, f"it ended the reply with {self.finish!r}, and nothing came", streamed=True)
        came = sum(map(len, self.content)) + sum(map(len, self.reasoning))
        why = f": the server ended it with {self.finish!r}" if self.finish else ""
        odd = f" ({self._odd})" if self._odd else ""
        remedy = "look for its content filter" if "filter" in word else "see the server's log"
        raise ModelError(f"the server's reply was cut off after {came} characters{odd}{why}; {remedy}")


def _finish(value: object) -> str | None:
    """Return a server's word for the end, which SGLang's own API puts into an object; None if it is none."""
    word = value.get("type") if isinstance(value, dict) else value
    return word if isinstance(word, str) and word.strip().lower() not in _NO_END else None


def _texts(value: object, *, is_thought: bool = False, depth: int = 0) -> Iterator[tuple[bool, str]]:
    """Find the texts in a content, which may be a text or parts; each with whether it is a thought."""
    if isinstance(value, str) and value:
        yield is_thought, value
    elif isinstance(value, list) and depth < _DEEPEST:
        for part in value:
            yield from _texts(part, is_thought=is_thought, depth=depth + 1)
    elif isinstance(value, dict) and depth < _DEEPEST:
        kind = str(value.get("type", ""))
        key = next((key for key in _TEXT_KEYS if value.get(key)), "")
        thought = is_thought or "think" in kind or "reason" in kind
        yield from _texts(value.get(key), is_thought=thought, depth=depth + 1)


def _index(value: object, place: int) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 4:
        return int(value)
    return value if isinstance(value, int) else place


def _json(text: str) -> Any:
    """Read JSON; None if the text is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _whole(pieces: list[str]) -> str:
    """Join the pieces; the halves of a split surrogate pair are joined too, and lone halves replaced."""
    return "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
