"""The figures of the answers: how many hit, how far off, how long, how much of the picture arrived."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import fmean, median
from typing import Any, Final

from qvl_agent.agent.doctor.pointing.fit import Fit, Pair, fit, nearest_space
from qvl_agent.agent.doctor.pointing.measure import Measured, PointingAnswer

__all__ = ["Summary", "plain", "summarise"]

_MARKERS: Final = 2
"""The tokens around a picture: <|vision_start|> and <|vision_end|>."""
_CACHED: Final = 0.5
"""The prefix cache works if at least this share of the prompt's tokens was cached."""
_FASTER: Final = 0.6
"""Without such counts it works if the first token comes within less than this share of an uncached time."""
_SURE: Final = 3.0
"""The most standard errors by which a scale may differ from that of a grid."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a measurement; None where the server doesn't say, or too little is known.

    Attributes:
        asked: how many questions were asked.
        hits: in how many of them a click would have worked.
        space: how the answers are meant: "grid", or another of `SPACES`.
        fit: the lines through the answers; only in the space "grid".
        offset: mean distance from the targets' centres in pixels of the screen, right and down positive.
        grid: 1000 or 999, where the answers are exact enough to tell.
        sent: image tokens of each picture as it was sent.
        arrived: image tokens that reached the model, for each that was sent; the smallest share.
        first_s, decode_s, total_s: medians in seconds: until the first token, after it, and both.
        read_per_s, tokens_per_s: the median speeds of reading new tokens, and of writing.
        cached: whether the prefix cache "works" or "doesn't work"; "" where it can't be told.
    """

    asked: int
    hits: int
    space: str
    fit: Fit | None
    offset: tuple[float, float] | None
    grid: int | None
    sent: tuple[int, ...]
    arrived: float | None
    first_s: float | None
    decode_s: float | None
    total_s: float | None
    read_per_s: float | None
    tokens_per_s: float | None
    cached: str


def summarise(measured: Measured) -> Summary:
    """Compute the figures of a measurement."""
    answers = measured.answers
    pairs = [answer.pair for answer in answers if answer.pair and answer.question.target.sharp]
    space = nearest_space(pairs)[0] if pairs else "grid"
    line = fit(pairs) if space == "grid" else None
    first = _median(answer.reply.times.get("first_token") for answer in answers)
    total = _median(answer.reply.times.get("total") for answer in answers)
    return Summary(
        asked=len(answers),
        hits=sum(answer.hit for answer in answers),
        space=space,
        fit=line,
        offset=_offset(pairs) if space == "grid" else None,
        grid=_grid(line),
        sent=tuple(answer.sent_tokens for answer in answers),
        arrived=_arrived(measured),
        first_s=first,
        decode_s=_median(_decode(answer) for answer in answers),
        total_s=total,
        read_per_s=_median(_reading(answer) for answer in answers if not answer.again),
        tokens_per_s=_median(_speed(answer) for answer in answers),
        cached=_cache(answers),
    )


def plain(measured: Measured, summary: Summary) -> dict[str, Any]:
    """Return the measurement and its figures as values for JSON, answer by answer."""
    answers = [
        {
            "task": answer.question.target.task,
            "screen": list(answer.question.screen.frame.size),
            "true": [round(number, 1) for number in answer.question.true],
            "said": answer.said,
            "hit": answer.hit,
            "error": answer.error,
            "reply": answer.reply.text,
            "finish": answer.reply.finish,
            "sent_tokens": answer.sent_tokens,
            "prompt_tokens": answer.reply.prompt_tokens,
            "cached_tokens": answer.reply.cached_tokens,
            "reply_tokens": answer.reply.reply_tokens,
            "times": answer.reply.times,
        }
        for answer in measured.answers
    ]
    about = asdict(measured.about) if measured.about else None
    return {"server": about, "schema": measured.schema, **asdict(summary), "answers": answers}


def _offset(pairs: list[Pair]) -> tuple[float, float] | None:
    errors = [pair.error for pair in pairs]
    return (fmean(x for x, _ in errors), fmean(y for _, y in errors)) if errors else None


def _grid(line: Fit | None) -> int | None:
    """Return 1000 or 999, if the answers are exact enough to show a difference of 0.1 %."""
    if line is None or max(line.x.doubt, line.y.doubt) > 0.0003:
        return None
    for grid in (1000, 999):
        wrong = max(abs(axis.scale - grid / 1000) / max(axis.doubt, 1e-4) for axis in (line.x, line.y))
        if wrong < _SURE:
            return grid
    return None


def _arrived(measured: Measured) -> float | None:
    """Return the smallest share of image tokens that arrived: the prompt's tokens less those of its words."""
    words = measured.words_tokens
    shares = [
        (answer.reply.prompt_tokens - words - _MARKERS) / answer.sent_tokens
        for answer in measured.answers
        if words is not None and answer.reply.prompt_tokens is not None
    ]
    return max(0.0, min(shares)) if shares else None


def _decode(answer: PointingAnswer) -> float | None:
    times = answer.reply.times
    return times["total"] - times["first_token"] if {"total", "first_token"} <= times.keys() else None


def _speed(answer: PointingAnswer) -> float | None:
    seconds, count = _decode(answer), answer.reply.reply_tokens
    return (count - 1) / seconds if seconds and count and count > 1 else None


def _reading(answer: PointingAnswer) -> float | None:
    reply = answer.reply
    if not reply.prompt_tokens or not reply.times.get("first_token"):
        return None
    return (reply.prompt_tokens - (reply.cached_tokens or 0)) / reply.times["first_token"]


def _cache(answers: tuple[PointingAnswer, ...]) -> str:
    """Return whether a second question about a screen was cheaper than the first: by count, else by time."""
    again = [answer for answer in answers if answer.again]
    counted = [
        answer.reply.cached_tokens / answer.reply.prompt_tokens
        for answer in again
        if answer.reply.cached_tokens is not None and answer.reply.prompt_tokens
    ]
    if counted:
        return "works" if median(counted) >= _CACHED else "doesn't work"
    fresh = _median(answer.reply.times.get("first_token") for answer in answers if not answer.again)
    kept = _median(answer.reply.times.get("first_token") for answer in again)
    return "works" if fresh and kept and kept < _FASTER * fresh else ""


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
