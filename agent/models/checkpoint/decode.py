"""The decoding of a reply token by token (`write`), and of its tokens into text (`Streamer`).

Each forward pass is only over new tokens. `generate` of transformers does this too, with one exception:
where a reply's format leaves no choice, the tokens are known, and here they go into the next pass together
instead of one pass each. So a pass takes the prompt's new part, or one chosen token and the forced ones
after it. `Track` knows which tokens are allowed and forced. Positions are given with every pass, so that
nothing depends on `rope_deltas`, which is state of the model and not of a conversation.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qvl_agent.agent.models.checkpoint.constrain import Walk
from qvl_agent.agent.models.checkpoint.inputs import Fresh
from qvl_agent.agent.models.checkpoint.load import Loaded

__all__ = ["Streamer", "Track", "Written", "write"]

_TOP_K: Final = 20
"""The number of the likeliest tokens among which one is drawn."""
_MAX_PENDING: Final = 8
"""Tokens held back until they make whole characters; no character has more bytes than this."""


class Streamer:
    """A decoder that passes the text of tokens on as they come.

    Args:
        tokenizer: a tokenizer of transformers.
        end_ids: the tokens that end a reply; they have no text.
        say: called with each piece of text.

    Attributes:
        first: when the first token came, by `time.perf_counter`; None before that.
    """

    def __init__(self, tokenizer: Any, end_ids: Sequence[int], say: Callable[[str], None]) -> None:
        self._tokenizer = tokenizer
        self._end_ids = frozenset(end_ids)
        self._say = say
        self._pending: list[int] = []
        self.first: float | None = None

    def put(self, ids: Sequence[int]) -> None:
        """Take the next tokens, and pass their text on once its characters are whole."""
        if not ids:
            return
        self.first = self.first or time.perf_counter()
        self._pending += [number for number in ids if number not in self._end_ids]
        text = self._text()
        if not text.endswith("�") or len(self._pending) > _MAX_PENDING:
            self._flush(text)

    def end(self) -> None:
        """Pass the rest of the text on, whole or not."""
        self._flush(self._text())

    def _text(self) -> str:
        return str(self._tokenizer.decode(self._pending, skip_special_tokens=False))

    def _flush(self, text: str) -> None:
        self._pending.clear()
        if text:
            self._say(text)


@dataclass(frozen=True, slots=True)
class Written:
    """The reply's tokens.

    Attributes:
        ids: all of them, with the one that ended the reply.
        passes: the number of forward passes; less than that of tokens where some were forced.
        whole: whether the reply ended by itself, or completed its format, before the limit.
    """

    ids: list[int]
    passes: int
    whole: bool


class Track:
    """The place that a reply has reached: in its reasoning, in its format, or at its end.

    Args:
        walk: the walk through the format that the answer is kept to; None for none.
        end_ids: the tokens that end a reply.
        opening: the tokens that are written between the reasoning and the answer.
        end_of_thinking: the token that ends the reasoning; None if the reply begins with the answer.

    Attributes:
        ended: whether the reply is at its end.
    """

    def __init__(
        self,
        walk: Walk | None,
        end_ids: Sequence[int],
        opening: Sequence[int] = (),
        end_of_thinking: int | None = None,
    ) -> None:
        self._walk = walk
        self._end_ids = frozenset(end_ids)
        self._opening = list(opening)
        self._end_of_thinking = end_of_thinking
        self.ended = False

    def start(self) -> list[int]:
        """Return the tokens with which the reply must begin."""
        return self._forced() if self._end_of_thinking is None else []

    def allowed(self) -> bytes | None:
        """Return the tokens that may come next, as `Walk.allowed` does; None for all."""
        return self._walk.allowed() if self._walk and self._end_of_thinking is None else None

    def take(self, token: int) -> list[int]:
        """Go on by a chosen token, and return the forced ones that follow."""
        if token in self._end_ids:
            self.ended = True
            return []
        if self._walk is None:
            return []
        if self._end_of_thinking is not None:
            if token != self._end_of_thinking:
                return []
            self._end_of_thinking = None
            return [*self._opening, *self._forced()]
        self._walk.take(token)
        return self._forced()

    def _forced(self) -> list[int]:
        if self._walk is None:
            return []
        forced = self._walk.forced()
        self.ended = self._walk.complete
        return forced


def write(
    loaded: Loaded,
    fresh: Fresh,
    past: Any,
    track: Track,
    *,
    most: int,
    temperature: float,
    top_p: float,
    say: Callable[[list[int]], None],
) -> Written:
    """Write a reply.

    Args:
        loaded: the checkpoint.
        fresh: the prompt's part that `past` doesn't hold.
        past: the cache; afterwards it holds the whole prompt and the reply without its last tokens.
        track: the place of the reply in its format.
        most: the most tokens of the reply.
        temperature: 0 takes the likeliest token; above 0, one of the likeliest 20 within `top_p` is drawn.
        top_p: the share of probability of the likeliest tokens among which one is drawn.
        say: called with the tokens as they come.
    """
    import torch  # noqa: PLC0415 - heavy

    with torch.inference_mode():
        written = track.start()
        cut = len(written) > most
        say(written := written[:most])
        ids, at, pictures = [*fresh.ids, *written], fresh.start, fresh.pictures
        passes = 0
        while not track.ended and len(written) < most:
            logits = _forward(loaded, ids, fresh.positions(at, len(ids)), past, pictures)
            at, pictures, passes = at + len(ids), {}, passes + 1
            # While the device computes the logits, the CPU works out which tokens are allowed.
            allowed = track.allowed()
            token = _choose(logits, allowed, temperature, top_p)
            ids = [token, *track.take(token)]
            cut = len(written) + len(ids) > most
            ids = ids[: most - len(written)]
            written += ids
            say(ids)
    return Written(written, passes, whole=track.ended and not cut)


def _forward(loaded: Loaded, ids: list[int], positions: Any, past: Any, pictures: dict[str, Any]) -> Any:
    """Return the logits after the last of the tokens, shape (vocabulary,)."""
    import torch  # noqa: PLC0415 - heavy

    given = torch.tensor([ids], device=loaded.model.device)
    out = loaded.model(
        input_ids=given,
        position_ids=positions,
        use_cache=True,
        logits_to_keep=1,
        **{loaded.cache_keyword: past},
        **pictures,
    )
    return out.logits[0, -1]


def _choose(logits: Any, allowed: bytes | None, temperature: float, top_p: float) -> int:
    """Choose a token among the allowed ones, by the logits of shape (vocabulary,)."""
    import torch  # noqa: PLC0415 - heavy

    if allowed is not None:
        bits = torch.frombuffer(bytearray(allowed), dtype=torch.uint8).to(logits.device)
        places = torch.arange(8, device=logits.device, dtype=torch.uint8)
        ruled_out = (bits[:, None] >> places & 1).flatten()[: logits.shape[0]] == 0
        logits = logits.masked_fill(ruled_out, float("-inf"))
    if temperature <= 0:
        return int(logits.argmax())
    likeliest, tokens = (logits.float() / temperature).topk(_TOP_K)
    shares = likeliest.softmax(-1)
    shares = shares.masked_fill(shares.cumsum(-1) - shares >= top_p, 0.0)
    return int(tokens[torch.multinomial(shares, 1)])
