"""What the model has read already, kept from step to step, so that a step reads only what is new.

The keys and values of a conversation stay in memory with the tokens and pictures they stand for. The
next prompt is compared with those; what differs is cut off and read again. So it is right for any
conversation, and quick for one that only grows.

transformers 5 takes a warm cache with new pictures only if the positions of all tokens are given, the
pixels of the new pictures alone, and `rope_deltas`, which is state of the model, is set to match.
"""

from typing import Any

from qvl_agent.agent.models.transformers_inputs import Prompt

__all__ = ["Conversation", "common_length"]


class Conversation:
    """The cache of the last conversation. `begin` and `end` stand around each generation."""

    def __init__(self) -> None:
        self._prompt: Prompt | None = None
        self._past: Any = None

    def begin(self, prompt: Prompt, fresh: Any) -> tuple[Any, int]:
        """Return the cache to generate with, and how many of the prompt's tokens it holds already.

        Until `end` it counts as lost: a generation that is broken off leaves some layers ahead of others.

        Args:
            prompt: what will be read.
            fresh: an empty cache, for when nothing fits.
        """
        known, past = self._prompt, self._past
        self.forget()
        kept = common_length(known, prompt) if known else 0
        if kept:
            past.crop(kept - past.get_seq_length())
            if past.get_seq_length() == kept:
                return past, kept
        return fresh, 0

    def end(self, prompt: Prompt, ids: list[int], past: Any) -> None:
        """Keep what was read: the prompt and the reply's `ids`, whose last one was never fed back."""
        read = (*prompt.ids, *ids)[: past.get_seq_length()]
        self._prompt = Prompt(read, prompt.pictures, prompt.starts, prompt.thinking)
        self._past = past

    def forget(self) -> None:
        """Let go of the memory."""
        self._prompt = self._past = None


def common_length(known: Prompt, prompt: Prompt) -> int:
    """Count the tokens at the start that are the same, pictures included; at least one stays to be read."""
    most = min(len(known.ids), len(prompt.ids) - 1)
    same = next((at for at in range(most) if known.ids[at] != prompt.ids[at]), most)
    mates = dict(zip(known.starts, known.pictures, strict=True))
    for start, picture in zip(prompt.starts, prompt.pictures, strict=True):
        if start >= same:
            break
        mate = mates.get(start)
        if mate is None or mate.frame_id != picture.frame_id or start + picture.tokens > same:
            return start
    return same
