"""What stands on the target in the pixels, against what the model calls it.

The guard goes by both, and the worse counts. Recognisers misread, and lists are full of words, so
only what was read surely, is as short as a button's text and announces a consequence counts; where
nothing was read the label is all there is.
"""

from collections.abc import Iterator
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.lexicon.search import Found, agrees_only, in_button, in_intent, in_label, says_no
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.planning.action import Click, Drag, Type
from qvl_agent.actions.reading.target_text import TargetText

__all__ = ["label_mismatch", "only_agrees", "read_on_target", "shown", "texts_on_target"]

SURE: Final = 0.8
"""The recogniser's confidence from which a line counts."""
_ONE_LINE: Final = (480, 96)
_SEVERAL: Final = (320, 72)
"""Logical pixels, width and height, past which a part with edges is a row or a panel, not a button."""
_FIELD_TEXT: Final = 12
"""Characters that a text may have to count where something is typed: what stands in a field is anything."""
_SHOWN: Final = 40
_TELLING: Final = frozenset({"send", "publish"})
"""Whoever calls "Post" the "Submit" button means the same."""


def texts_on_target(case: Case) -> Iterator[tuple[str, bool]]:
    """List what was read surely where the action presses a button, and whether on something like a button.

    What stands in a field is anything, so where something is typed only a button's short text counts.
    """
    if not isinstance(case.action, Click | Drag | Type):
        return
    for target in case.scene.texts:
        bounded = _like_a_button(target, case)
        for text in _texts(target):
            if not isinstance(case.action, Type) or (bounded and len(text) <= _FIELD_TEXT):
                yield text, bounded


def read_on_target(case: Case) -> Found:
    """Find the consequences that the pixels announce, each with the text that does."""
    found: Found = {}
    for text, bounded in texts_on_target(case):
        for kind in in_button(text, bounded=bounded):
            found.setdefault(kind, text)
    return found


def only_agrees(case: Case) -> bool:
    """Say whether what was read on a target only agrees: "OK", "Continue"."""
    return any(agrees_only(text) for text, _ in texts_on_target(case))


def label_mismatch(case: Case) -> Verdict | None:
    """Ask every time where the model's name for a target and the text on it are at odds, and that matters.

    A name that says nothing ("the blue button") is no lie. One that refuses ("Cancel"), or announces
    something else than what stands there, is: also where that kind was allowed for the run.
    """
    label = case.action.label
    said = in_label(label) | in_intent(case.action.intent)
    read = {kind: text for kind, text in read_on_target(case).items() if kind not in said}
    if not read or not (says_no(label) or in_label(label)):
        return None
    text = next(iter(read.values()))
    alike = bool(said) and read.keys() | said.keys() <= _TELLING
    if alike or says_no(text) or label.strip().casefold() in text.casefold():
        return None
    reason = f"“{shown(text)}” stands on the target, but the model calls it “{shown(label)}”"
    return Verdict(Level.ASK_EVERY, "label-mismatch", reason)


def shown(text: str) -> str:
    """Shorten a text for a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _texts(target: TargetText) -> Iterator[str]:
    """List the sure lines, and all of them as one text: a button's may be broken."""
    lines = tuple(line.text for line in target.lines if line.confidence >= SURE)
    yield from lines
    if len(lines) > 1 and target.bounded:
        yield " ".join(lines)


def _like_a_button(target: TargetText, case: Case) -> bool:
    """Say whether a part with edges is a button: a row of a list, with a line under its first, is larger."""
    width, height = _ONE_LINE if len(target.lines) <= 1 else _SEVERAL
    scale = case.scene.view.scale
    control = target.control
    return target.bounded and control.width <= width * scale and control.height <= height * scale
