"""The doctor's check of how well a model points: open it, measure it, and turn the figures into findings.

`examine_pointing` does all of that; `findings` only turns figures into findings, without side effects.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.errors import QvlError, Stopped
from qvl_agent.actions.parsing.dialects.reply_format import reply_format
from qvl_agent.agent.doctor.environment import Finding, State
from qvl_agent.agent.doctor.pointing.faults import GOOD, SHRUNK, cause
from qvl_agent.agent.doctor.pointing.measure import Measured, Watching, measure, questions
from qvl_agent.agent.doctor.pointing.summary import Summary, summarise
from qvl_agent.agent.models.openai.quirks import Quirks, ServerName
from qvl_agent.agent.opening import open_model_for
from qvl_agent.agent.run.history import MAX_PICTURES
from qvl_agent.agent.settings import Settings

__all__ = ["Examined", "examine_pointing", "findings"]

_GROWN: Final = 1.2
"""A picture is enlarged if more than this many times its image tokens arrive."""
_ROOM_FOR_WORDS: Final = 6000
"""Tokens that the words of a run take, beside its pictures."""


@dataclass(frozen=True, slots=True)
class Examined:
    """The doctor's findings, and the figures that they rest on; None where the model couldn't be measured."""

    findings: tuple[Finding, ...]
    measured: Measured | None = None
    summary: Summary | None = None


def examine_pointing(
    settings: Settings,
    *,
    quick: bool = False,
    watch: Watching = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
) -> Examined:
    """Open the model that the settings choose, and ask it for known targets. Sends no input.

    A model that can't be opened, or fails, is a finding.

    Args:
        settings: they choose the model, the dialect and the size of pictures.
        quick: ask for five targets, not twelve.
        watch: told of each question before it is asked.
        stop: asked often while the model works.

    Raises:
        Stopped: `stop` returned True.
    """
    began = time.monotonic()
    try:
        with open_model_for(settings) as model:
            kept = settings.constrain == "auto"
            measured = measure(
                model.with_format(reply_format(settings.dialect)) if kept else model,
                questions(quick=quick),
                dialect=settings.dialect,
                max_picture_tokens=settings.max_picture_tokens,
                opened_at=began,
                watch=watch,
                stop=stop,
            )
    except Stopped:
        raise
    except QvlError as error:
        failed = Finding(name="pointing", state="bad", fact=str(error), remedy="then run doctor again")
        return Examined((failed,))
    summary = summarise(measured)
    return Examined(findings(measured, summary), measured, summary)


def findings(measured: Measured, summary: Summary) -> tuple[Finding, ...]:
    """Turn the figures into findings; the likely cause of a fault follows the figure that shows it."""
    quirks = measured.about.quirks if measured.about else Quirks()
    name: ServerName = measured.about.name if measured.about else ""
    return (
        *_pointing(measured, summary, name),
        *_pictures(summary, quirks),
        *_memory(measured),
        *_speed(summary),
        *_schema(measured),
        *_cache(measured, summary, quirks),
        *_context(measured, summary, quirks),
    )


def _pointing(measured: Measured, summary: Summary, name: ServerName) -> Iterator[Finding]:
    rate = summary.hits / summary.asked
    named = cause(measured, summary, name)
    fact = f"hit {summary.hits} of {summary.asked} targets{_where(summary)}"
    yield Finding(name="pointing", state=_state(rate, named), fact=fact)
    if named:
        yield named


def _state(rate: float, named: Finding | None) -> State:
    if rate >= GOOD:
        return "warn" if named else "ok"
    return "bad"


def _where(summary: Summary) -> str:
    if summary.offset is None or summary.fit is None:
        return ""
    x, y = summary.offset
    grid = f", on a 0-{summary.grid} grid" if summary.grid else ""
    return (
        f"; off by ({x:+.1f}, {y:+.1f}) px in the mean; "
        f"scale {summary.fit.x.scale:.3f} across, {summary.fit.y.scale:.3f} down{grid}"
    )


def _pictures(summary: Summary, quirks: Quirks) -> Iterator[Finding]:
    sent = f"{min(summary.sent)} to {max(summary.sent)} image tokens are sent"
    if summary.arrived is None:
        yield Finding(name="picture", state="ok", fact=f"{sent}; the server doesn't count what arrives")
    elif summary.arrived < SHRUNK:
        yield Finding(
            name="picture",
            state="bad" if summary.arrived < SHRUNK / 2 else "warn",
            fact=f"{sent}, and as little as {summary.arrived:.0%} arrive: the server shrinks pictures",
            remedy=f"small targets are lost; {quirks.show_more}",
        )
    elif summary.arrived > _GROWN:
        yield Finding(
            name="picture",
            state="warn",
            fact=f"{sent}, and {summary.arrived:.2f} times as many arrive: "
            "the model's tiles aren't 32 pixels wide, or the server enlarges pictures",
            remedy="take a Qwen3-VL; Qwen2.5-VL has tiles of 28 pixels, 1.31 times as many",
        )
    else:
        yield Finding(name="picture", state="ok", fact=f"{sent}, and they arrive")


def _memory(measured: Measured) -> Iterator[Finding]:
    if measured.memory_bytes is None:
        return
    loaded = "" if measured.loaded_s is None else f", loaded in {measured.loaded_s:.1f} s"
    yield Finding(name="loaded", state="ok", fact=f"{measured.memory_bytes / 2**30:.1f} GiB{loaded}")


def _speed(summary: Summary) -> Iterator[Finding]:
    if summary.total_s is None:
        return
    parts = [f"{summary.total_s:.1f} s a step"]
    if summary.first_s is not None and summary.decode_s is not None:
        parts.append(f"{summary.first_s:.1f} s until the first token, {summary.decode_s:.1f} s after it")
    if summary.read_per_s:
        parts.append(f"{summary.read_per_s:.0f} tokens/s read")
    if summary.tokens_per_s:
        parts.append(f"{summary.tokens_per_s:.0f} tokens/s written")
    slow = summary.total_s > 30
    remedy = "take a smaller or a quantised checkpoint, or lower --max-picture-tokens" if slow else ""
    yield Finding(name="speed", state="warn" if slow else "ok", fact=", ".join(parts), remedy=remedy)


def _schema(measured: Measured) -> Iterator[Finding]:
    match measured.schema:
        case "obeyed":
            yield Finding(name="schema", state="ok", fact="the server holds replies to a JSON schema")
        case "ignored" | "refused" | "unfinished" as what:
            said = {
                "ignored": "the server takes a JSON schema and doesn't obey it",
                "refused": "the server refuses a JSON schema",
                "unfinished": "with a JSON schema the reply doesn't end",
            }[what]
            yield Finding(
                name="schema",
                state="warn",
                fact=f"{said}; replies are checked all the same",
                remedy="update the server if replies often can't be read",
            )
        case None:
            return


def _cache(measured: Measured, summary: Summary, quirks: Quirks) -> Iterator[Finding]:
    match summary.cached:
        case "works":
            yield Finding(name="prefix cache", state="ok", fact="works: what was seen isn't read again")
        case "":
            yield Finding(name="prefix cache", state="ok", fact="can't be told from what the server says")
        case _:
            caching = quirks.caching if measured.about else "update transformers"
            yield Finding(
                name="prefix cache",
                state="warn",
                fact="doesn't work: each step reads the whole conversation again",
                remedy=caching,
            )


def _context(measured: Measured, summary: Summary, quirks: Quirks) -> Iterator[Finding]:
    context = measured.about.context if measured.about else None
    if context is None:
        return
    largest = max(summary.sent)
    if context >= MAX_PICTURES * largest + _ROOM_FOR_WORDS:
        yield Finding(name="context", state="ok", fact=f"{context} tokens")
        return
    single = context < largest + _ROOM_FOR_WORDS / 2
    lacks = "a single step" if single else f"a run's {MAX_PICTURES} pictures"
    yield Finding(
        name="context",
        state="bad" if single else "warn",
        fact=f"{context} tokens, too little for {lacks}",
        remedy=quirks.more_context,
    )
