"""A Qwen3-VL from GGUF files: an engine of its own, and the conversation with it."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, Final

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.llama.engine import Engine, EngineOptions
from qvl_agent.agent.models.llama.files import GgufFiles
from qvl_agent.agent.models.openai.quirks import QUIRKS
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.agent.models.pictures import TILE

__all__ = ["IMAGE_MIN_TOKENS", "REPLY_S", "LlamaModel", "context_for"]

IMAGE_MIN_TOKENS: Final = 1024
"""The released Qwen3-VL point badly in pictures of fewer; a model trained on smaller pictures needs fewer."""
REPLY_S: Final = 1800.0
"""Seconds for a reply: two old cores take minutes to read a picture, and nobody else's server hangs here."""
_PICTURES: Final = 12
"""The most pictures of a conversation: ten screenshots, a close-up and a fresh look."""
_DYING_S: Final = 0.5
"""Seconds from a connection's end to the end of an engine that died."""
_WORDS: Final = 8192
"""Tokens for the words of a conversation, without the reply."""


class LlamaModel(Model):
    """A GGUF model, served by llama.cpp in a process that is started at once and ends with `close`.

    Args:
        files: the model.
        name: its name in records and messages.
        max_picture_tokens: the most image tokens of a picture; larger pictures are shrunk.
        max_new_tokens: the most tokens of a reply; one that is cut there has the finish "length".
        temperature: 0 decodes greedily.
        timeout_s: seconds for a whole reply.
        options: how it is served; by default with room for a run's pictures.
        extra: further fields of a request.

    Attributes:
        timeout_s: seconds for a whole reply.

    Raises:
        ModelError: llama.cpp isn't installed, or the files hold no Qwen3-VL.
    """

    def __init__(
        self,
        files: GgufFiles,
        name: str,
        *,
        max_picture_tokens: int = limits.PICTURE_TOKENS,
        max_new_tokens: int = limits.REPLY_TOKENS,
        temperature: float = 0.0,
        timeout_s: float = REPLY_S,
        options: EngineOptions | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.timeout_s = timeout_s
        self._budget = max_picture_tokens
        least = min(IMAGE_MIN_TOKENS, max_picture_tokens)
        context = context_for(max_picture_tokens, max_new_tokens)
        engine = Engine(files, name, options or EngineOptions(context, least))
        self._serving = _Serving(
            engine,
            lambda url: OpenAIModel(
                url,
                name,
                api_key=engine.key,
                max_picture_tokens=max_picture_tokens,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                timeout_s=timeout_s,
                extra=extra,
            ),
        )
        self._format: ReplyFormat | None = None
        self._formed: OpenAIModel | None = None

    def __repr__(self) -> str:
        return f"LlamaModel({self.name!r})"

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Ask the engine for a reply, once it is ready; see `Model`."""
        if self._formed is None:
            asked = self._serving.ready(stop)
            self._formed = asked if self._format is None else asked.with_format(self._format)
        try:
            return self._formed.reply(messages, stop=stop, on_text=on_text)
        except ModelError as error:
            if self._serving.engine.has_ended(_DYING_S):
                raise ModelError(self._serving.engine.why_ended()) from error
            raise

    def with_format(self, form: ReplyFormat) -> "LlamaModel":
        """Return a model on the same engine that is asked for a format; see `OpenAIModel.with_format`."""
        other = copy(self)
        other.__dict__ |= {"_format": form, "_formed": None}
        return other

    def picture_tokens(self, size: tuple[int, int]) -> int:
        """Count the image tokens of a picture of (width, height) pixels as it is sent."""
        width, height = QUIRKS["llama.cpp"].picture_size(size, self._budget)
        return width * height // TILE**2

    @property
    def loading(self) -> float | None:
        return self._serving.loading

    @property
    def memory_bytes(self) -> int:
        return self._serving.engine.memory_bytes

    def close(self) -> None:
        """End the engine. May be called twice."""
        self._serving.close()


class _Serving:
    """An engine and the connection to it, for all models of the same weights."""

    def __init__(self, engine: Engine, connect: Callable[[str], OpenAIModel]) -> None:
        self.engine = engine
        self._connect = connect
        self._asked: OpenAIModel | None = None

    def ready(self, stop: Callable[[], bool]) -> OpenAIModel:
        """Wait for the engine; see `Engine.ready`."""
        if self._asked is None:
            self._asked = self._connect(self.engine.ready(stop))
        return self._asked

    @property
    def loading(self) -> float | None:
        return self.engine.loading if self._asked is None else None

    def close(self) -> None:
        if self._asked is not None:
            self._asked.close()
        self.engine.close()


def context_for(max_picture_tokens: int, max_new_tokens: int) -> int:
    """Return how many tokens a conversation may come to: its pictures, its words, and the reply."""
    return _PICTURES * max_picture_tokens + _WORDS + max_new_tokens
