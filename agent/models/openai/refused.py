"""What a server says instead of a reply: its own words, found wherever they stand, and what they are about.

FastAPI (vLLM, SGLang) says `detail`, OpenAI `error.message`, older vLLM `{"object": "error", "message": …}`;
proxies pass any of these on with the status 200, or put them into the stream.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Refused", "error_text", "is_error", "one_line", "refused_in"]

_WORDS: Final = ("message", "detail", "msg", "error", "errors", "reason", "type", "code")
"""The fields in which servers say what is wrong, the most telling first."""
_DEEPEST: Final = 6
_CODES: Final = ("code", "status_code", "status")
_CONTEXT: Final = re.compile(
    r"context|max_model_len|maximum model length|n_ctx|too long|too many tokens|input length", re.IGNORECASE
)
"""Words about the context, in a refusal that blames the request."""
_SURELY_CONTEXT: Final = re.compile(
    r"context[ _-](size|length|window|limit)|max_model_len|maximum model length|\bn_ctx", re.IGNORECASE
)
"""Words about the context that no other failure is told with ("CUDA context lost" is one)."""
_NO_EYES: Final = re.compile(
    r"mmproj|image input is not supported|not (?:a )?(?:multi-?modal|vision)"
    r"|(?:not|n't) support (?:image|vision|multi-?modal)|at most 0 images?",
    re.IGNORECASE,
)
_SCHEMA: Final = re.compile(
    r"grammar|schema|response_format|guided|structured|json.?object|sampler|outlines", re.IGNORECASE
)
_MAYBE_THE_SCHEMA: Final = frozenset({400, 422, 500, 501})
"""The statuses with which servers refuse a schema, or a way of asking for it, that they don't know."""
_BLAMES_THE_REQUEST: Final = frozenset({400, 413, 422})


class Refused(Exception):  # noqa: N818 - a status that may be worth another try; the caller makes the error
    """An error that the server answered with, as a status or where a reply should be.

    Attributes:
        status: HTTP's status code, or the one that an error with the status 200 names; 500 if it names none.
        message: the server's error message, or the start of its body; one line.
        retry_after: seconds that the server asks to wait; None if it doesn't.
        streamed: whether it came with the status 200.
        begun: whether a piece of a reply came before it.
    """

    def __init__(
        self,
        status: int,
        message: str,
        retry_after: float | None = None,
        *,
        streamed: bool = False,
        begun: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after
        self.streamed = streamed
        self.begun = begun

    def __str__(self) -> str:
        return self.message if self.streamed else f"{self.status}: {self.message}"

    @property
    def no_room(self) -> bool:
        """Return whether the conversation doesn't fit the model's context."""
        words = _CONTEXT if self.status in _BLAMES_THE_REQUEST else _SURELY_CONTEXT
        return bool(words.search(self.message))

    @property
    def no_eyes(self) -> bool:
        """Return whether the server takes no pictures."""
        return bool(_NO_EYES.search(self.message))

    @property
    def maybe_the_schema(self) -> bool:
        """Return whether a request without a schema may be answered where this one was refused."""
        if self.no_room or self.no_eyes or self.status not in _MAYBE_THE_SCHEMA:
            return False
        return not self.begun or self.names_the_schema

    @property
    def names_the_schema(self) -> bool:
        return bool(_SCHEMA.search(self.message))

    @property
    def lasts(self) -> bool:
        """Return whether the same request would be refused again, or can't be sent again."""
        return self.begun or self.no_room or self.no_eyes or self.names_the_schema


def is_error(body: Mapping[str, Any]) -> bool:
    """Return whether an object that came with the status 200 is an error."""
    if body.get("error") or body.get("errors"):
        return True
    if "error" in (body.get("object"), body.get("type"), body.get("status")):
        return True
    if isinstance(body.get("choices"), list):
        return False
    return bool(body.get("detail")) or (isinstance(body.get("message"), str) and _code(body) is not None)


def refused_in(body: Mapping[str, Any], *, begun: bool) -> Refused:
    """Make the refusal of an error that came with the status 200."""
    inner = body.get("error")
    code = _code(inner) if isinstance(inner, dict) else None
    status = code or _code(body) or 500
    return Refused(status, one_line(error_text(body) or str(dict(body))), streamed=True, begun=begun)


def _code(body: Mapping[str, Any]) -> int | None:
    """Return the status code that an error names; None if it names none."""
    for key in _CODES:
        code = body.get(key)
        if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) == 3:
            code = int(code)
        if isinstance(code, int) and 400 <= code < 600:
            return code
    return None


def error_text(body: Mapping[str, Any]) -> str:
    """Find the message in the body of a server's error; "" if it has none. Its place differs by server."""
    for key in ("error", "errors"):
        if isinstance(body.get(key), (dict, list)) and (found := _words(body[key], 1)):
            return found
    return _words(body, 0)


def _words(value: object, depth: int) -> str:
    if depth > _DEEPEST:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list):
        return next(filter(None, (_words(item, depth + 1) for item in value)), "")
    if not isinstance(value, dict):
        return ""
    found = next(filter(None, (_words(value.get(key), depth + 1) for key in _WORDS)), "")
    where = value.get("loc")
    return f"{'.'.join(map(str, where))}: {found}" if found and isinstance(where, list) and where else found


def one_line(text: str, most: int = 300) -> str:
    """Put a server's words on one line of at most `most` characters, for our own messages."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else line[: most - 1] + "…"
