"""A Qwen3-VL checkpoint on this machine, with transformers: dense or mixture-of-experts.

Importing this module is cheap; torch and transformers are loaded when a model is opened.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from qvl_agent.actions.errors import ModelError, Stopped
from qvl_agent.actions.messages import Message, Reply
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.chat import THINK, split_thinking
from qvl_agent.agent.models.checkpoint import find
from qvl_agent.agent.models.transformers_cache import Conversation
from qvl_agent.agent.models.transformers_inputs import Encoder, Prompt
from qvl_agent.agent.models.transformers_load import in_words, load
from qvl_agent.agent.models.transformers_options import PLAIN, LoadOptions
from qvl_agent.agent.models.waiting import POLL_S, wait_for

__all__ = ["TransformersModel"]

_CLOSE_S: Final = 10.0
_MAX_PENDING: Final = 8
"""Tokens held back until they make whole characters; no character has more bytes than this."""


class _Dropped(Exception):  # noqa: N818 - ends a generation that nobody waits for any more
    """Raised inside the model, between two layers."""


class TransformersModel:
    """A checkpoint in this process. One generation at a time; a second waits for the first.

    Args:
        path_or_id: a checkpoint's folder, or a hub id such as "Qwen/Qwen3-VL-4B-Instruct".
        device: "auto" (CUDA, else MPS, else the CPU) or torch's name for one.
        dtype: "auto" (bfloat16 where it is fast, else float32) or torch's name for one.
        max_picture_tokens: each picture is resized to at most so many image tokens.
        max_new_tokens: of a reply; one that is cut there has the finish "length".
        temperature: 0 decodes greedily; above, with the released top_p 0.8 and top_k 20.
        local_files_only: never download.
        options: 4 bits, a LoRA adapter, attention, several devices.

    Raises:
        ModelError: it can't be found or loaded; the message names the remedy.
    """

    def __init__(
        self,
        path_or_id: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        max_picture_tokens: int = 2048,
        max_new_tokens: int = 1024,
        temperature: float = 0.0,
        local_files_only: bool = False,
        options: LoadOptions = PLAIN,
    ) -> None:
        folder = find(path_or_id, local_files_only=local_files_only)
        self.name = path_or_id
        self._loaded = load(
            folder, device=device, dtype=dtype, max_picture_tokens=max_picture_tokens, options=options
        )
        self._encoder = Encoder(self._loaded, max_picture_tokens)
        self._conversation = Conversation()
        self._sampling = _sampling(temperature, max_new_tokens)
        self._max_new_tokens = max_new_tokens
        self._busy = threading.Lock()
        self._dropped = threading.Event()
        self._closed = False
        for layer in _layers(self._loaded.model):
            layer.register_forward_pre_hook(self._check_dropped)

    def __repr__(self) -> str:
        return f"TransformersModel({self.name!r})"

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Generate; see `Model`. `on_text` gets a thinking model's thoughts too."""
        while not self._busy.acquire(timeout=POLL_S):
            if stop():
                raise Stopped("stopped while the model was at work")
        if self._closed:
            self._busy.release()
            raise ModelError(f"{self.name} is closed; open it again")
        self._dropped.clear()
        return wait_for(
            lambda say: self._work(messages, say), drop=self._dropped.set, stop=stop, on_text=on_text
        )

    def close(self) -> None:
        """Let go of the memory, after at most 10 s of waiting for a dropped generation to end."""
        self._dropped.set()
        if self._busy.acquire(timeout=_CLOSE_S):
            self._closed = True
            self.__dict__.pop("_loaded", None)
            self.__dict__.pop("_encoder", None)
            self._conversation.forget()
            self._busy.release()

    def _check_dropped(self, *_: object) -> None:
        if self._dropped.is_set():
            raise _Dropped

    def _work(self, messages: Sequence[Message], say: Callable[[str], None]) -> Reply:
        """Make the reply in the worker thread, and give the model free again."""
        try:
            return self._generate(messages, say)
        except (RuntimeError, ValueError) as error:
            raise ModelError(in_words(error, f"{self.name} failed")) from error
        finally:
            self._busy.release()

    def _generate(self, messages: Sequence[Message], say: Callable[[str], None]) -> Reply:
        start = time.perf_counter()
        prompt = self._encoder.prompt(messages)
        if len(prompt.ids) + self._max_new_tokens > self._loaded.context:
            raise ModelError(
                f"the conversation has {len(prompt.ids)} tokens and the model holds {self._loaded.context}; "
                "lower max_picture_tokens"
            )
        encoded = time.perf_counter() - start
        streamer = _Streamer(self._loaded.tokenizer, self._loaded.end_ids, say)
        ids, kept = self._decode(prompt, streamer)
        total = time.perf_counter() - start
        first = (streamer.first or time.perf_counter()) - start
        times = {"encode": encoded, "first_token": first, "decode": total - first, "total": total}
        return self._reply(prompt, kept, ids, times)

    def _decode(self, prompt: Prompt, streamer: "_Streamer") -> tuple[list[int], int]:
        """Generate; return the new tokens, and how many of the prompt's the cache held already."""
        import transformers  # noqa: PLC0415 - heavy

        model = self._loaded.model
        fresh = transformers.DynamicCache(config=model.config.get_text_config())
        past, kept = self._conversation.begin(prompt, fresh) if self._loaded.warm_cache else (fresh, 0)
        inputs = self._encoder.tensors(prompt, kept)
        out = model.generate(**inputs, **self._sampling, past_key_values=past, streamer=streamer)
        ids = out[0, len(prompt.ids) :].tolist()
        if self._loaded.warm_cache:
            self._conversation.end(prompt, ids, past)
        return ids, kept

    def _reply(self, prompt: Prompt, kept: int, ids: list[int], times: dict[str, float]) -> Reply:
        whole = bool(ids) and ids[-1] in self._loaded.end_ids
        text = self._loaded.tokenizer.decode(ids[:-1] if whole else ids, skip_special_tokens=False)
        thinking = prompt.thinking or text.lstrip().startswith(THINK)
        reasoning, answer = split_thinking(text.lstrip()) if thinking else ("", text)
        return Reply(
            text=answer,
            reasoning=reasoning,
            # A thought without its end is no answer, even if the model stopped by itself.
            finish="stop" if whole and (answer or not thinking) else "length",
            prompt_tokens=len(prompt.ids),
            cached_tokens=kept,
            reply_tokens=len(ids),
            times=times,
        )


class _Streamer:
    """Gives the text of whole characters on as it comes; what `generate` takes as a streamer."""

    def __init__(self, tokenizer: Any, end_ids: Sequence[int], say: Callable[[str], None]) -> None:
        self._tokenizer = tokenizer
        self._end_ids = frozenset(end_ids)
        self._say = say
        self._pending: list[int] = []
        self._prompt_seen = False
        self.first: float | None = None

    def put(self, value: Any) -> None:
        if not self._prompt_seen:
            self._prompt_seen = True  # generate puts the prompt first
            return
        self.first = self.first or time.perf_counter()
        self._pending += [number for number in value.reshape(-1).tolist() if number not in self._end_ids]
        text = self._tokenizer.decode(self._pending, skip_special_tokens=False)
        if not text.endswith("�") or len(self._pending) > _MAX_PENDING:
            self._flush(text)

    def end(self) -> None:
        self._flush(self._tokenizer.decode(self._pending, skip_special_tokens=False))

    def _flush(self, text: str) -> None:
        self._pending.clear()
        if text:
            self._say(text)


def _sampling(temperature: float, max_new_tokens: int) -> dict[str, Any]:
    if temperature <= 0:
        return {"do_sample": False, "max_new_tokens": max_new_tokens}
    sampled = {"do_sample": True, "temperature": temperature, "top_p": 0.8, "top_k": 20}
    return {**sampled, "max_new_tokens": max_new_tokens}


def _layers(model: Any) -> list[Any]:
    """The vision blocks and the decoder's layers: between two of them a generation can be dropped."""
    return [*model.model.visual.blocks, *model.model.language_model.layers]
