"""The likely cause of a model not pointing where the targets are, and the remedy. Without side effects."""

from collections import Counter
from math import hypot
from typing import Final, NamedTuple

from qvl_agent.actions.core.messages import Reply
from qvl_agent.agent.doctor.environment import Finding
from qvl_agent.agent.doctor.pointing.fit import Axis, Fit
from qvl_agent.agent.doctor.pointing.measure import Measured, PointingAnswer
from qvl_agent.agent.doctor.pointing.summary import Summary
from qvl_agent.agent.models.openai.quirks import QUIRKS, ServerName

__all__ = ["GOOD", "SHRUNK", "cause"]

_LLAMA: Final = frozenset({"llama.cpp", "Docker Model Runner", "LM Studio", "Ollama", ""})
"""Servers that are llama.cpp, hold it inside, or might."""
_TEMPLATE: Final = ("<|im_", "<|vision", "<|endoftext", "[INST]", "<start_of_turn>", "<image>", "USER:")
"""Texts that only a wrong chat template lets into a reply."""
SHRUNK: Final = 0.85
"""A picture is shrunk if a smaller share than this of its image tokens arrives."""
GOOD: Final = 0.75
"""The share of targets that a model must hit to point well."""
_NOTHING: Final = 0.02
"""No picture arrived if a smaller share than this of its image tokens did."""
_BLIND: Final = 0.3
"""Below this scale on both axes the answers don't depend on where the targets are."""
_CLEAR: Final = 25.0
"""Grid units; answers that scatter farther around their line follow no rule."""
_SAME: Final = 0.004
"""Scales that differ by no more than this count as the same."""
_MOVED: Final = 4.0
"""Grid units in the middle of the screen from which answers count as shifted: 5 pixels of 1280, 8 of 1920."""
_TAKE_QWEN3: Final = "take a Qwen3-VL, which answers on a 0-1000 grid; pixels are refused, never scaled"


class _Cause(NamedTuple):
    fact: str
    remedy: str


def cause(measured: Measured, summary: Summary, server: ServerName) -> Finding | None:
    """Find the likely cause of what is wrong; None if nothing is, or too little is known to name one."""
    named = _unreadable(measured, summary) or _misplaced(summary, server)
    if named is None and summary.hits / summary.asked < GOOD:
        return _lost(summary)
    return named


# Replies without a place


def _unreadable(measured: Measured, summary: Summary) -> Finding | None:
    """Find the most common fault of the replies without a place, if at least half of all are such."""
    useless = [answer for answer in measured.answers if answer.said is None]
    if 2 * len(useless) < len(measured.answers):
        return None
    kinds = Counter(_kind(answer.reply, summary.arrived) for answer in useless)
    kind = kinds.most_common(1)[0][0]
    fact, remedy = _UNREADABLE[kind]
    first = next(answer for answer in useless if _kind(answer.reply, summary.arrived) == kind)
    return Finding(name=kind, state="bad", fact=fact + _shown(first), remedy=remedy)


def _kind(reply: Reply, arrived: float | None) -> str:
    if reply.finish == "length":
        if reply.text.strip():
            return "cut off"
        return "thinking takes it all" if reply.reasoning else "endless white space"
    if not reply.text.strip():
        return "answer lost in the reasoning" if reply.reasoning else "empty replies"
    if any(mark in reply.text for mark in _TEMPLATE):
        return "wrong chat template"
    return "no picture" if arrived is not None and arrived < _NOTHING else "prose"


_UNREADABLE: Final = {
    "cut off": _Cause(
        "replies end before they are whole",
        "raise max_reply_tokens, the server's own limit (llama-server -n, Ollama's num_predict), "
        "or its context",
    ),
    "endless white space": _Cause(
        "replies are white space without end",
        "a schema or grammar forces white space: update the server, or start it without a grammar",
    ),
    "thinking takes it all": _Cause(
        "the thoughts use up the reply's tokens",
        "set max_reply_tokens to 4096 or more, or take an Instruct model, which points better at small sizes",
    ),
    "answer lost in the reasoning": _Cause(
        "the server sorts the whole reply into the reasoning, and no action ends it",
        "start it without a reasoning parser (vLLM, SGLang: no --reasoning-parser; "
        "llama-server: --reasoning-format none), or take an Instruct model",
    ),
    "empty replies": _Cause(
        "replies are empty",
        "lower --max-picture-tokens to 1024; if that doesn't help, the model file is broken or its vision "
        "part (mmproj) belongs to another model",
    ),
    "wrong chat template": _Cause(
        "replies hold markers of a chat template",
        "serve the model with its own template: llama-server --jinja with a new GGUF; vLLM and SGLang "
        "without --chat-template; an Instruct or Thinking checkpoint, not a base model",
    ),
    "no picture": _Cause(
        "the picture doesn't reach the model, which answers in words",
        "start llama-server with --mmproj FILE; take a vision model (qwen3-vl, not qwen3)",
    ),
    "prose": _Cause(
        "replies are prose without an action",
        "take an Instruct checkpoint of Qwen3-VL with its own chat template; "
        "or let it answer in its trained format with --dialect computer_use",
    ),
}


def _shown(answer: PointingAnswer) -> str:
    words = " ".join((answer.reply.text or answer.reply.reasoning).split())[:60]
    return f': "{words}"' if words else ""


# Places that aren't where the targets are


def _misplaced(summary: Summary, name: ServerName) -> Finding | None:
    """Find why the answered places aren't where the targets are."""
    if summary.space == "squared":
        return Finding(
            name="black bars",
            state="bad",
            fact="the server adds bars that make the picture a square, and the answers count them in",
            remedy="let it take pictures as they are: " + QUIRKS[name].show_more,
        )
    if summary.space != "grid":
        fact, remedy = _SPACES[summary.space]
        return Finding(name=_SPACE_NAMES[summary.space], state="bad", fact=fact, remedy=remedy)
    if summary.fit is None:
        return None
    across, down = summary.fit.x, summary.fit.y
    if max(abs(across.scale), abs(down.scale)) < _BLIND:
        return Finding(
            name="doesn't look",
            state="bad",
            fact="the answers don't depend on where the targets are",
            remedy="its vision part (mmproj) is another model's, or the file is broken: fetch both again"
            if (summary.arrived or 0) > _NOTHING
            else _UNREADABLE["no picture"].remedy,
        )
    if max(across.spread, down.spread) > _CLEAR:
        return None
    return _scaled(summary.fit, name) or _shifted(summary.fit, name)


_SPACE_NAMES: Final = {
    "pixels": "pixel space",
    "swapped": "swapped axes",
    "fractions": "fractions",
    "percent": "percent",
}
_SPACES: Final = {
    "pixels": _Cause(
        "it answers in pixels, as Qwen2.5-VL and other older models do",
        _TAKE_QWEN3,
    ),
    "swapped": _Cause(
        "it answers [y, x] where [x, y] was asked, as Gemini and PaliGemma do",
        "this is no Qwen3-VL, or a fine-tune in another order: take a released Qwen3-VL",
    ),
    "fractions": _Cause("it answers from 0 to 1", _TAKE_QWEN3),
    "percent": _Cause("it answers from 0 to 100", _TAKE_QWEN3),
}


def _scaled(line: Fit, name: ServerName) -> Finding | None:
    """Find the cause of a wrong scale: bars on two sides, scaling about the centre, or another one."""
    across, down = _stretched(line.x), _stretched(line.y)
    if not across and not down:
        return None
    off = f"scale {line.x.scale:.3f} across and {line.y.scale:.3f} down"
    centred = not _moved(line.x) and not _moved(line.y)
    alike = abs(line.x.scale - line.y.scale) <= max(_SAME, line.x.sure * hypot(line.x.doubt, line.y.doubt))
    shrunk = line.x.scale < 1 if across else line.y.scale < 1
    if centred and across != down and shrunk and not alike:
        sides = "left and right" if across else "above and below"
        return Finding(
            name="black bars",
            state="bad",
            fact=f"{off}, about the middle: the server adds bars {sides}",
            remedy="let it take pictures as they are: " + QUIRKS[name].show_more,
        )
    if centred and across and down and alike and name in _LLAMA:
        return Finding(
            name="scaled about the centre",
            state="bad",
            fact=f"{off}, about the middle, as llama.cpp before mid-2026 does with Qwen3-VL",
            remedy="update llama.cpp, or the server that holds it",
        )
    known = "; llama.cpp before mid-2026 has such a fault" if centred and name in _LLAMA else ""
    return Finding(
        name="wrong scale",
        state="bad",
        fact=f"{off}{', about the middle' if centred else ''}",
        remedy=f"update the server{known}; look for what resizes or pads pictures on the way to the model",
    )


def _stretched(axis: Axis) -> bool:
    return abs(axis.scale - 1) > max(_SAME, axis.sure * axis.doubt)


def _moved(axis: Axis) -> bool:
    return abs(axis.middle) > max(_MOVED, axis.middle_doubt)


def _shifted(line: Fit, name: ServerName) -> Finding | None:
    if not _moved(line.x) and not _moved(line.y):
        return None
    remedy = (
        "update vLLM: 0.11.1 to 0.12.0 are known for this"
        if name == "vLLM"
        else "the server pads or crops pictures on one side: " + QUIRKS[name].show_more
    )
    x, y = line.x.middle, line.y.middle
    return Finding(
        name="shifted",
        state="bad",
        fact=f"every answer is off by about ({x:+.0f}, {y:+.0f}) thousandths of the screen",
        remedy=remedy,
    )


def _lost(summary: Summary) -> Finding:
    """Return the finding that is left if the answers follow no rule."""
    if summary.arrived is not None and summary.arrived < SHRUNK:
        fact, remedy = "the answers are inexact, and the picture arrives shrunk", "see picture, below"
    else:
        fact = "the answers follow no rule that a server's fault would give"
        remedy = (
            "take a larger checkpoint or one quantised less; with llama.cpp, the mmproj file of this model"
        )
    return Finding(name="inexact", state="bad", fact=fact, remedy=remedy)
