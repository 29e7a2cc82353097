"""The model behind an OpenAI-compatible server: vLLM, SGLang, llama.cpp, Ollama, LM Studio and others.

Every reply is one streamed request, over a connection that is kept from reply to reply; a stop or a deadline
ends it at once, even before the first byte.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import replace
from typing import Any, Final

import httpx2

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.chat import plain
from qvl_agent.agent.models.openai.connection import Connection
from qvl_agent.agent.models.openai.detect import About, identify
from qvl_agent.agent.models.openai.http import Server
from qvl_agent.agent.models.openai.quirks import Form, Quirks, schema_fields
from qvl_agent.agent.models.openai.received import Received
from qvl_agent.agent.models.openai.refused import Refused
from qvl_agent.agent.models.openai.stream import bounded, events
from qvl_agent.agent.models.pictures import TILE, Kept, data_url

__all__ = ["OpenAIModel"]

_log = logging.getLogger(__name__)

_MODELS_S: Final = 5.0
_PAUSES_S: Final = (0.5, 2.0)
"""Seconds before the second and the third try, if a server is busy or failed."""
_LONGEST_PAUSE_S: Final = 10.0
_WORTH_ANOTHER_TRY: Final = frozenset({429, 500, 502, 503, 504})
_AFTER_FINISH_S: Final = 5.0
"""Seconds for what follows the end of the reply: the usage, and the end of the stream."""
_AFTER_DONE_S: Final = 0.2
"""Seconds for the end of the answer after the end of the stream."""
_MAYBE_THE_WEBP: Final = frozenset({400, 415, 422, 500})
"""The statuses with which a server, or a proxy before it, refuses a picture that it can't read."""
_SAFE_TOKENS: Final = 1024
"""The image tokens of a second try after an empty reply: some engines answer nothing to larger pictures."""


class OpenAIModel(Model):
    """A Qwen3-VL behind an OpenAI-compatible server.

    Args:
        base_url: the server's API, "http://127.0.0.1:8000/v1"; without a path, /v1 is added.
        model: the name that the server knows the model by.
        api_key: sent as a bearer token; it stands in no message, record or repr.
        max_picture_tokens: the most image tokens of a picture; larger pictures are shrunk.
        max_new_tokens: the most tokens of a reply; one that is cut there has the finish "length".
        temperature: 0 decodes greedily.
        timeout_s: seconds for a whole reply, retries included.
        allow_remote: accept a server that isn't on this machine; it gets the pictures.
        response_schema: a JSON schema that every reply is to fit. A server that refuses it is asked
            without it from then on: `schema_form` tells whether it was accepted. The reply must be checked
            in any case.
        extra: further fields of the request; they override ours.

    Raises:
        SettingsError: the URL isn't valid, or leads to another machine and `allow_remote` is False.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        max_picture_tokens: int = limits.PICTURE_TOKENS,
        max_new_tokens: int = limits.REPLY_TOKENS,
        temperature: float = 0.0,
        timeout_s: float = limits.REPLY_TIMEOUT_S,
        allow_remote: bool = False,
        response_schema: Mapping[str, Any] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = model
        self._server = Server(base_url, api_key or "", allow_remote=allow_remote)
        self._connection = Connection(self._server)
        self._max_picture_tokens = max_picture_tokens
        self._timeout_s = timeout_s
        self._about: About | None = None
        self._schema = response_schema
        self._form: Form | None = None
        self._format: ReplyFormat | None = None
        self._form_known = response_schema is None
        self._pictures: Kept[str] = Kept()
        self._png_only = False
        self._fields: dict[str, Any] = {
            "model": model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "max_tokens": max_new_tokens,
            "temperature": temperature,
            # Qwen recommends a presence penalty for chat; it hurts the digits of coordinates.
            "presence_penalty": 0.0,
            **(extra or {}),
        }

    def __repr__(self) -> str:
        return f"OpenAIModel({self._server.base_url!r}, {self.name!r})"

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Ask the server for a reply; see `Model`. `on_text` gets a thinking model's thoughts too."""
        reply = self._connection.run(lambda say: self._reply(messages, say), self._timeout_s, stop, on_text)
        if self._format and self._form and self._format.cuts(reply.text):
            return replace(reply, finish="length")
        return reply

    def models(self, *, stop: Callable[[], bool] = lambda: False) -> tuple[str, ...]:
        """Return the names of the server's models.

        Raises:
            ModelError: the server can't be asked, or has no such list.
        """
        return self._connection.run(lambda _: self._models(), _MODELS_S, stop, None)

    def about(self, *, stop: Callable[[], bool] = lambda: False) -> About:
        """Return the server's name, version and context, as far as it tells them."""
        return self._connection.run(lambda _: self._identified(), _MODELS_S, stop, None)

    def with_schema(self, schema: Mapping[str, Any]) -> "OpenAIModel":
        """Return a model at the same server whose replies are to fit a schema."""
        other = copy(self)
        other.__dict__ |= {"_schema": schema, "_form": None, "_form_known": False, "_pictures": Kept()}
        return other

    def with_format(self, form: ReplyFormat) -> "OpenAIModel":
        """Return a model at the same server that is asked for a format, if that is only a JSON object.

        No server is asked for a format with tags or a line around the object. A reply whose text to act on
        ends at the format's limit has the finish "length": the model may have had more to say.
        """
        if form.tag or form.line:
            return self
        other = self.with_schema(form.schema)
        other.__dict__["_format"] = form
        return other

    @property
    def schema_form(self) -> Form | None:
        """Return the form in which the server took the schema; None before a reply, or if it took none."""
        return self._form

    def picture_tokens(self, size: tuple[int, int]) -> int:
        """Count the image tokens of a picture of (width, height) pixels as it is sent here."""
        width, height = self._quirks.picture_size(size, self._max_picture_tokens)
        return width * height // TILE**2

    def close(self) -> None:
        """Forget the encoded pictures, and close the connection; the next reply would open another."""
        self._pictures.clear()
        self._connection.close()

    async def _models(self) -> tuple[str, ...]:
        try:
            return await self._server.models()
        except Refused as refused:
            raise await self._server.explain(refused, self.name) from refused

    @property
    def _quirks(self) -> Quirks:
        return (self._about or About()).quirks

    async def _identified(self) -> About:
        """Return what the server is; it is asked once.

        A server that drops what doesn't fit is asked each time until it tells the size of its context.
        """
        about = self._about
        if about is None or (about.quirks.drops and about.context is None):
            self._about = await identify(self._server, self.name) or about
        return self._about or About()

    async def _reply(self, messages: Sequence[Message], say: Callable[[str], None]) -> Reply:
        about = await self._identified()
        frames = [frame for message in messages for frame in message.pictures]
        seen = sum(self.picture_tokens(frame.size) for frame in frames)
        about.check_room(seen, sum(len(message.text) for message in messages))
        reply = await self._ask(messages, self._max_picture_tokens, say)
        if reply.text or reply.reasoning or reply.finish != "stop":
            return reply
        if any(self.picture_tokens(frame.size) > _SAFE_TOKENS for frame in frames):
            _log.warning("the server answered nothing; asking again with smaller pictures")
            reply = await self._ask(messages, _SAFE_TOKENS, say)
        return reply

    async def _ask(self, messages: Sequence[Message], budget: int, say: Callable[[str], None]) -> Reply:
        """Ask with the schema in the first form that the server takes, and without one if it takes none."""
        self._pictures.begin()
        turns = [self._turn(message, budget) for message in messages]
        for form in (self._form,) if self._form_known else (*self._quirks.schema, None):
            wish = schema_fields(form, self._schema, self._quirks) if form and self._schema else {}
            body = json.dumps({**self._fields, **wish, "messages": turns}).encode()
            on_trial = form is not None and not self._form_known
            try:
                reply = await self._with_retries(body, say, _PAUSES_S[:1] if on_trial else _PAUSES_S)
            except Refused as refused:
                if not (on_trial and refused.maybe_the_schema):
                    if self._may_be_the_webp(refused, body):
                        return await self._ask(messages, budget, say)
                    raise await self._server.explain(refused, self.name, self._quirks) from refused
                _log.info("the server refused the schema as %s (%s)", form, refused)
            else:
                self._form, self._form_known = form, True
                return reply
        raise AssertionError  # the last round returns or raises

    def _may_be_the_webp(self, refused: Refused, body: bytes) -> bool:
        """Return whether a request may be taken with PNG in the place of WebP, which is sent from now on."""
        if self._png_only or refused.status not in _MAYBE_THE_WEBP or b"data:image/webp" not in body:
            return False
        _log.info("the server refused the request (%d); sending PNG from now on", refused.status)
        self._png_only = True
        return True

    async def _with_retries(self, body: bytes, say: Callable[[str], None], pauses: Sequence[float]) -> Reply:
        for pause in (*pauses, None):
            try:
                return await self._stream(body, say)
            except Refused as refused:
                if pause is None or refused.lasts or refused.status not in _WORTH_ANOTHER_TRY:
                    raise
                wait_s = min(refused.retry_after or pause, _LONGEST_PAUSE_S)
                _log.warning("the server refused with %d; trying again in %.1f s", refused.status, wait_s)
                await asyncio.sleep(wait_s)
        raise AssertionError  # the last round returns or raises

    def _turn(self, message: Message, budget: int) -> dict[str, Any]:
        if not message.pictures:
            return {"role": message.role, "content": plain(message.text)}
        parts = [
            {"type": "text", "text": plain(part)}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": self._picture(part, budget)}}
            for part in message.parts
        ]
        return {"role": message.role, "content": parts}

    def _picture(self, frame: Frame, budget: int) -> str:
        size = self._quirks.picture_size(frame.size, budget)
        webp = self._quirks.webp and not self._png_only
        return self._pictures.get((frame.id, size, webp), lambda: data_url(frame, size, webp=webp))

    async def _stream(self, body: bytes, say: Callable[[str], None]) -> Reply:
        start = time.perf_counter()
        times: dict[str, float] = {}

        def heard(piece: str) -> None:
            times.setdefault("first_token", time.perf_counter() - start)
            say(piece)

        received = Received(heard)
        async with self._server.request("POST", "/chat/completions", body) as response:
            await _receive(response, received)
        times["total"] = time.perf_counter() - start
        return received.reply(times)


async def _receive(response: httpx2.Response, received: Received) -> None:
    """Take a whole answer in.

    It is read to its end, as only then the connection can be used again; but once why the reply ended has
    come, the rest isn't waited for, and may be missing.
    """
    try:
        async with asyncio.timeout(None) as rest, aclosing(events(bounded(response))) as stream:
            async for event in stream:
                if not received.ended:
                    received.take(event)
                    _hurry(rest, received)
    except TimeoutError:
        _log.info("the server keeps its answer open after the end of the reply")
    except httpx2.HTTPError:
        if received.finish is None:
            raise


def _hurry(rest: asyncio.Timeout, received: Received) -> None:
    """Limit the time for the rest of an answer, as soon as the reply has ended."""
    now = asyncio.get_running_loop().time()
    if received.ended:
        rest.reschedule(now + _AFTER_DONE_S)
    elif received.finish and rest.when() is None:
        rest.reschedule(now + _AFTER_FINISH_S)
