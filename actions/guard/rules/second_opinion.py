"""Compare the text read on the target with what the model calls the target.

The guard judges by both, and the worse counts. Recognisers misread, and lists are full of words, so a text
counts only if it was read with confidence, is as short as a button's and announces a consequence. If nothing
was read, the guard judges by the label alone.
"""

from collections.abc import Iterator
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.lexicon.search import Found, in_button, in_intent, in_label, says_no
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.planning.action import Click, Drag, Type
from qvl_agent.actions.reading.target_text import TargetText

__all__ = ["SURE", "all_on_target", "label_mismatch", "read_on_target", "shown", "texts_on_target"]

SURE: Final = 0.8
"""The recogniser's confidence (0-1) from which a line counts."""
_ONE_LINE: Final = (480, 96)
_SEVERAL: Final = (320, 72)
"""The largest button in logical pixels, width and height, with one line of text and with several; a larger
part with edges is a row or a panel."""
_FIELD_TEXT: Final = 12
"""The most characters of a text that counts where something is typed, as a field may hold any text."""
_SHOWN: Final = 40
_SAME_KINDS: Final = frozenset({"send", "publish"})
"""Kinds that count as the same: a model may well call a "Post" button "Submit"."""


def texts_on_target(case: Case) -> Iterator[tuple[str, bool]]:
    """List the texts read with confidence on the action's targets, each with whether it is on a button.

    A field may hold any text, so where something is typed only a button's short text counts.
    """
    if not isinstance(case.action, Click | Drag | Type):
        return
    for target in case.scene.texts:
        bounded = _like_a_button(target, case)
        for text in _texts(target):
            if not isinstance(case.action, Type) or (bounded and len(text) <= _FIELD_TEXT):
                yield text, bounded


def read_on_target(case: Case, *, bare: bool = True) -> Found:
    """Find the consequences that texts on the target announce, each with its text.

    Args:
        case: the action and the facts.
        bare: whether "Submit" counts where it isn't said what is submitted.
    """
    found: Found = {}
    for text, bounded in texts_on_target(case):
        for kind in in_button(text, bounded=bounded, bare=bare):
            found.setdefault(kind, text)
    return found


def all_on_target(case: Case) -> str:
    """Return all that was read on the target, also without confidence; "" if nothing was read."""
    return " ".join(line.text for target in case.scene.texts for line in target.lines).strip()


def label_mismatch(case: Case) -> Verdict | None:
    """Ask every time if the text on a target announces a consequence, and the model's label contradicts it.

    A label without a meaning ("the blue button") contradicts nothing. One that refuses ("Cancel"), or
    announces another consequence than the text, does, even if that kind was allowed for the run.
    """
    label = case.action.label
    said = in_label(label) | in_intent(case.action.intent)
    read = {kind: text for kind, text in read_on_target(case).items() if kind not in said}
    if not read or not (says_no(label) or in_label(label)):
        return None
    text = next(iter(read.values()))
    alike = bool(said) and read.keys() | said.keys() <= _SAME_KINDS
    if alike or says_no(text) or label.strip().casefold() in text.casefold():
        return None
    reason = f"“{shown(text)}” stands on the target, but the model calls it “{shown(label)}”"
    return Verdict(Level.ASK_EVERY, "label-mismatch", reason)


def shown(text: str) -> str:
    """Return a text on one line, shortened to 40 characters, to show it in a sentence."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def _texts(target: TargetText) -> Iterator[str]:
    """List the lines read with confidence; and all of them joined, as a button's text may be broken."""
    lines = tuple(line.text for line in target.lines if line.confidence >= SURE)
    yield from lines
    if len(lines) > 1 and target.bounded:
        yield " ".join(lines)


def _like_a_button(target: TargetText, case: Case) -> bool:
    """Return whether a target is as small as a button; a row of a list, with a second line, is larger."""
    width, height = _ONE_LINE if len(target.lines) <= 1 else _SEVERAL
    scale = case.scene.view.scale
    control = target.control
    return target.bounded and control.width <= width * scale and control.height <= height * scale
