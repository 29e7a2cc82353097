"""The words of a reply as its tokens come: whole characters only."""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

__all__ = ["Streamer"]

_MAX_PENDING: Final = 8
"""Tokens held back until they make whole characters; no character has more bytes than this."""


class Streamer:
    """Gives the text of tokens on, and knows when the first came.

    Args:
        tokenizer: of transformers.
        end_ids: the tokens that end a reply; they are no words.
        say: gets the text.
    """

    def __init__(self, tokenizer: Any, end_ids: Sequence[int], say: Callable[[str], None]) -> None:
        self._tokenizer = tokenizer
        self._end_ids = frozenset(end_ids)
        self._say = say
        self._pending: list[int] = []
        self.first: float | None = None

    def put(self, ids: Sequence[int]) -> None:
        """Take the next tokens."""
        if not ids:
            return
        self.first = self.first or time.perf_counter()
        self._pending += [number for number in ids if number not in self._end_ids]
        text = self._text()
        if not text.endswith("�") or len(self._pending) > _MAX_PENDING:
            self._flush(text)

    def end(self) -> None:
        """Give on what is left, whole or not."""
        self._flush(self._text())

    def _text(self) -> str:
        return str(self._tokenizer.decode(self._pending, skip_special_tokens=False))

    def _flush(self, text: str) -> None:
        self._pending.clear()
        if text:
            self._say(text)
