"""A Qwen3-VL checkpoint on this machine, with transformers: dense or mixture-of-experts.

Importing this module is cheap; torch and transformers are loaded when a model is opened.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.errors import ModelError, Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.chat import END_OF_THINKING, THINK, split_thinking
from qvl_agent.agent.models.checkpoint.cache import Conversations
from qvl_agent.agent.models.checkpoint.constrain import Guide, Vocabulary, installed
from qvl_agent.agent.models.checkpoint.decode import Streamer, Track, Written, write
from qvl_agent.agent.models.checkpoint.files import find
from qvl_agent.agent.models.checkpoint.inputs import Encoder, Prompt
from qvl_agent.agent.models.checkpoint.load import in_words, load
from qvl_agent.agent.models.checkpoint.options import PLAIN, LoadOptions
from qvl_agent.agent.models.waiting import POLL_S, wait_for

__all__ = ["TransformersModel"]

_log = logging.getLogger(__name__)

_CLOSE_S: Final = 10.0


class _Dropped(Exception):  # noqa: N818 - ends a generation that nobody waits for any more
    """The end of a generation that was dropped; raised inside the model, between two layers."""


class TransformersModel(Model):
    """A checkpoint in this process. One generation at a time; a second waits for the first.

    Args:
        path_or_id: a checkpoint's folder, or a hub id such as "Qwen/Qwen3-VL-4B-Instruct".
        called: its name in records and messages; by default `path_or_id`.
        device: "auto" (CUDA, else MPS, else the CPU) or torch's name for one.
        dtype: "auto" (bfloat16 where it is fast, else float32) or torch's name for one.
        max_picture_tokens: the most image tokens of a picture; larger pictures are shrunk.
        max_new_tokens: the most tokens of a reply; one that is cut there has the finish "length".
        temperature: 0 decodes greedily; above 0 a reply is sampled with `top_p` and the released top_k of 20.
        top_p: the released values are 0.8 for Instruct and 0.95 for Thinking.
        local_files_only: never download.
        options: 4 bits, a LoRA adapter, attention, several devices.

    Raises:
        ModelError: the checkpoint can't be found or loaded; the message names the remedy.
    """

    def __init__(
        self,
        path_or_id: str,
        *,
        called: str = "",
        device: str = "auto",
        dtype: str = "auto",
        max_picture_tokens: int = limits.PICTURE_TOKENS,
        max_new_tokens: int = limits.REPLY_TOKENS,
        temperature: float = 0.0,
        top_p: float = 0.8,
        local_files_only: bool = False,
        options: LoadOptions = PLAIN,
    ) -> None:
        folder = find(path_or_id, local_files_only=local_files_only)
        self.name = called or path_or_id
        start = time.perf_counter()
        self._loaded = load(
            folder, device=device, dtype=dtype, max_picture_tokens=max_picture_tokens, options=options
        )
        _log.info("loaded %s in %.1f s", folder, time.perf_counter() - start)
        self._encoder = Encoder(self._loaded, max_picture_tokens)
        self._conversations = Conversations()
        self._vocabulary: Vocabulary | None = None
        self._made: Guide | None = None
        self._temperature, self._top_p = temperature, top_p
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
        """Generate a reply; see `Model`. `on_text` gets a thinking model's thoughts too."""
        return self._ask(messages, None, stop, on_text)

    def with_format(self, form: ReplyFormat) -> Model:
        """Return a model of the same checkpoint that is kept to a format; without llguidance, this model.

        Its replies end as soon as the format is complete. A reply whose text to act on reaches the format's
        limit has the finish "length", as the model may have had more to say.
        """
        return _Formed(self, form) if installed() else self

    def _ask(
        self,
        messages: Sequence[Message],
        form: ReplyFormat | None,
        stop: Callable[[], bool],
        on_text: OnText | None,
    ) -> Reply:
        while not self._busy.acquire(timeout=POLL_S):
            if stop():
                raise Stopped("stopped while the model was at work")
        if self._closed:
            self._busy.release()
            raise ModelError(f"{self.name} is closed; open it again")
        self._dropped.clear()
        return wait_for(
            lambda say: self._work(messages, form, say), drop=self._dropped.set, stop=stop, on_text=on_text
        )

    @property
    def memory_bytes(self) -> int | None:
        """Return the memory of its weights; a conversation and the work come on top."""
        return None if self._closed else int(self._loaded.model.get_memory_footprint())

    def close(self) -> None:
        """Free the memory, after waiting at most 10 s for a dropped generation to end."""
        self._dropped.set()
        if self._busy.acquire(timeout=_CLOSE_S):
            self._closed = True
            self.__dict__.pop("_loaded", None)
            self.__dict__.pop("_encoder", None)
            self._conversations.forget()
            self._busy.release()

    def _check_dropped(self, *_: object) -> None:
        if self._dropped.is_set():
            raise _Dropped

    def _work(
        self, messages: Sequence[Message], form: ReplyFormat | None, say: Callable[[str], None]
    ) -> Reply:
        """Make the reply in the worker thread, and unlock the model again."""
        try:
            return self._generate(messages, form, say)
        except (RuntimeError, ValueError) as error:
            raise ModelError(in_words(error, f"{self.name} failed")) from error
        finally:
            self._busy.release()

    def _generate(
        self, messages: Sequence[Message], form: ReplyFormat | None, say: Callable[[str], None]
    ) -> Reply:
        guide = self._guide(form)
        start = time.perf_counter()
        prompt = self._encoder.prompt(messages)
        if len(prompt.ids) + self._max_new_tokens > self._loaded.context:
            raise ModelError(
                f"the conversation has {len(prompt.ids)} tokens and the model holds {self._loaded.context}; "
                "lower max_picture_tokens"
            )
        encoded = time.perf_counter() - start
        streamer = Streamer(self._loaded.tokenizer, self._loaded.end_ids, say)
        written, kept = self._decode(prompt, streamer, guide)
        total = time.perf_counter() - start
        first = (streamer.first or time.perf_counter()) - start
        times = {"encode": encoded, "first_token": first, "decode": total - first, "total": total}
        return self._reply(prompt, kept, written, form, times)

    def _decode(self, prompt: Prompt, streamer: Streamer, guide: Guide | None) -> tuple[Written, int]:
        """Write the reply; return it, and how many of the prompt's tokens the cache held already."""
        import transformers  # noqa: PLC0415 - heavy

        model = self._loaded.model
        fresh = transformers.DynamicCache(config=model.config.get_text_config())
        past, kept = self._conversations.begin(prompt, fresh)
        written = write(
            self._loaded,
            self._encoder.fresh(prompt, kept),
            past,
            self._track(prompt, guide),
            most=self._max_new_tokens,
            temperature=self._temperature,
            top_p=self._top_p,
            say=streamer.put,
        )
        streamer.end()
        self._conversations.end(prompt, written.ids, past)
        return written, kept

    def _track(self, prompt: Prompt, guide: Guide | None) -> Track:
        end_ids, tokenizer = self._loaded.end_ids, self._loaded.tokenizer
        if guide is None:
            return Track(None, end_ids)
        if not prompt.thinking:
            return Track(guide.walk(), end_ids)
        opening = tokenizer.encode("\n\n", add_special_tokens=False)
        return Track(guide.walk(), end_ids, opening, tokenizer.convert_tokens_to_ids(END_OF_THINKING))

    def _guide(self, form: ReplyFormat | None) -> Guide | None:
        """Return the guide for a format, None for none; the last guide that was made is kept."""
        if form is None:
            return None
        if self._vocabulary is None:
            loaded = self._loaded
            size = loaded.model.config.get_text_config().vocab_size
            self._vocabulary = Vocabulary(loaded.tokenizer, size, loaded.end_ids)
        if self._made is None or self._made.form is not form:
            self._made = Guide(self._vocabulary, form)
        return self._made

    def _reply(
        self, prompt: Prompt, kept: int, written: Written, form: ReplyFormat | None, times: dict[str, float]
    ) -> Reply:
        ids = written.ids
        ended = ids[:-1] if ids and ids[-1] in self._loaded.end_ids else ids
        text = self._loaded.tokenizer.decode(ended, skip_special_tokens=False)
        thinking = prompt.thinking or text.lstrip().startswith(THINK)
        reasoning, answer = split_thinking(text.lstrip()) if thinking else ("", text)
        # A thought without its end is no answer, even if the model stopped by itself; and a text that
        # ends just where its limit is may have been meant to go on.
        whole = written.whole and bool(answer or not thinking) and not (form and form.cuts(answer))
        return Reply(
            text=answer,
            reasoning=reasoning,
            finish="stop" if whole else "length",
            prompt_tokens=len(prompt.ids),
            cached_tokens=kept,
            reply_tokens=len(ids),
            times=times,
        )


class _Formed(Model):
    """The same checkpoint, its replies kept to a format."""

    def __init__(self, model: TransformersModel, form: ReplyFormat) -> None:
        self.name = model.name
        self._model = model
        self._form = form

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        return self._model._ask(messages, self._form, stop, on_text)  # noqa: SLF001 - a part of the same class

    @property
    def memory_bytes(self) -> int | None:
        return self._model.memory_bytes

    def close(self) -> None:
        self._model.close()


def _layers(model: Any) -> list[Any]:
    """Return the vision blocks and the decoder's layers: between two of them a generation can be dropped."""
    return [*model.model.visual.blocks, *model.model.language_model.layers]
