"""The cache of what the model has read already, so that a step reads only the new part of its prompt.

The keys and values of a conversation stay in memory with the tokens and pictures they stand for. The
next prompt is compared with those; from the first difference on, they are cut off and read again. So the
result is right for any conversation, and comes quickly for one that only grows. Two conversations are kept,
so that a question beside a run, such as a second look at a small target, doesn't displace the run's.
"""

from typing import Any, Final

from qvl_agent.agent.models.checkpoint.inputs import Prompt

__all__ = ["Conversations", "common_length"]

_ALIKE: Final = 4
"""The fewest tokens that two prompts share at the start if they belong to one conversation, or to two runs
with the same words: the newer then replaces the older."""


class Conversations:
    """The caches of the last two conversations. `begin` and `end` stand around each generation."""

    def __init__(self) -> None:
        self._kept: list[tuple[Prompt, Any]] = []

    def begin(self, prompt: Prompt, fresh: Any) -> tuple[Any, int]:
        """Return the cache to generate with, and how many of the prompt's tokens it holds already.

        The cache is kept again only by `end`: a generation that is broken off leaves some layers ahead of
        others.

        Args:
            prompt: the prompt that will be read.
            fresh: an empty cache, returned if no kept one fits.
        """
        shared = [common_length(known, prompt) for known, _ in self._kept]
        kept = max(shared, default=0)
        if kept >= _ALIKE:
            _, past = self._kept.pop(shared.index(kept))
            if surplus := past.get_seq_length() - kept:
                # Said as what goes, which every transformers understands; for 4.57, 0 is to keep nothing.
                past.crop(-surplus)
            if past.get_seq_length() == kept:
                return past, kept
        del self._kept[1:]  # room for this one
        return fresh, 0

    def end(self, prompt: Prompt, ids: list[int], past: Any) -> None:
        """Keep the cache `past` of the prompt and the reply's `ids`, whose last ones were never read."""
        read = (*prompt.ids, *ids)[: past.get_seq_length()]
        self._kept.insert(0, (Prompt(read, prompt.pictures, prompt.starts, prompt.thinking), past))

    def forget(self) -> None:
        """Free the memory."""
        self._kept.clear()


def common_length(known: Prompt, prompt: Prompt) -> int:
    """Count the equal tokens at the start of two prompts, pictures included; one at least is left to read."""
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
