"""What the model has read already, kept from step to step, so that a step reads only what is new.

The keys and values of a conversation stay in memory with the tokens and pictures they stand for. The
next prompt is compared with those; what differs is cut off and read again. So it is right for any
conversation, and quick for one that only grows. Two are kept: a question beside a run, such as a second
look at a small target, leaves the run's own be.
"""

from typing import Any, Final

from qvl_agent.agent.models.checkpoint.inputs import Prompt

__all__ = ["Conversations", "common_length"]

_ALIKE: Final = 4
"""Tokens that two prompts share at the start if they are of one conversation, or of two runs by the same
words: then the newer takes the place of the older."""


class Conversations:
    """The caches of the last two conversations. `begin` and `end` stand around each generation."""

    def __init__(self) -> None:
        self._kept: list[tuple[Prompt, Any]] = []

    def begin(self, prompt: Prompt, fresh: Any) -> tuple[Any, int]:
        """Return the cache to generate with, and how many of the prompt's tokens it holds already.

        Until `end` it counts as lost: a generation that is broken off leaves some layers ahead of others.

        Args:
            prompt: what will be read.
            fresh: an empty cache, for when nothing fits.
        """
        shared = [common_length(known, prompt) for known, _ in self._kept]
        kept = max(shared, default=0)
        if kept >= _ALIKE:
            _, past = self._kept.pop(shared.index(kept))
            past.crop(kept - past.get_seq_length())
            if past.get_seq_length() == kept:
                return past, kept
        del self._kept[1:]  # room for this one
        return fresh, 0

    def end(self, prompt: Prompt, ids: list[int], past: Any) -> None:
        """Keep what was read: the prompt and the reply's `ids`, whose last ones were never fed back."""
        read = (*prompt.ids, *ids)[: past.get_seq_length()]
        self._kept.insert(0, (Prompt(read, prompt.pictures, prompt.starts, prompt.thinking), past))

    def forget(self) -> None:
        """Let go of the memory."""
        self._kept.clear()


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
