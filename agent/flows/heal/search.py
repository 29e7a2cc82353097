"""Search wider for a target that wasn't found for sure: where it may be now, and why.

A run never acts on what is found here by itself: it is a proposal, to be proved (`proof.py`) and accepted.
Three ways look independently, and where two of them name different places there is no proposal.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from rapidfuzz import fuzz

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.agent.flows.finding.describe import describe_evidence
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.looks import text_line
from qvl_agent.agent.flows.finding.recorded import Recorded, has_edges
from qvl_agent.agent.flows.finding.wanted import Finding, Place, Wanted
from qvl_agent.agent.flows.finding.words import normal, read_all
from qvl_agent.agent.flows.lock import Seen

__all__ = ["Pointer", "Suggestion", "search_wider"]

Pointer = Callable[[str, Place], FramePoint | None]
"""Asks a model where something is, by its words; returns a pixel of the screen, or None."""

_ALIKE: Final = 72.0
"""rapidfuzz's ratio (0-100) from which on another label may be the renamed one."""
_COLUMN: Final = 8
"""Pixels that a text without edges may lie beside its column."""
_LINE: Final = 1.2
"""How much higher or lower it may be than it was."""
_SIZE: Final = 1.5
"""The same of a button."""
_WIDTH: Final = 2.0
"""How much wider or narrower a button with the same words may be than it was."""
_APART: Final = 12.0
"""By how much it has to be more alike than the next one."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Where a target may be now.

    Attributes:
        box: the control, in pixels of the screen.
        text: what is read on it.
        why: what speaks for it, in a sentence.
        by: the ways that found it: "words", "label", "place", "model".
    """

    box: FrameBox
    text: str
    why: str
    by: tuple[str, ...]


def search_wider(
    wanted: Wanted,
    finding: Finding,
    place: Place,
    reader: Reader,
    *,
    taken: Sequence[str] = (),
    pointer: Pointer | None = None,
) -> Suggestion | None:
    """Return where a target may be now; None if nothing, or more than one thing, may be it.

    Args:
        wanted: the target that wasn't found.
        finding: the search that failed.
        place: the window.
        reader: reads the window's texts.
        taken: the words of the flow's other targets, which none of them can be renamed to.
        pointer: asks a model; None for none.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    del finding
    texts = read_all(place.frame, place.window, reader)
    others = {normal(each) for each in taken} | _stood_before(wanted)
    others -= {normal(each) for each in wanted.words}
    ways = {
        "words": _by_words(wanted, place, reader),
        "label": _by_label(wanted, place, texts, others),
        "place": _by_place(wanted, place, texts, others),
    }
    found = {name: suggestion for name, suggestion in ways.items() if suggestion is not None}
    if not found and pointer is not None and wanted.words:
        point = pointer(wanted.words[0], place)
        if (
            point is not None
            and (seen := _at(point, place, texts)) is not None
            and not _has_any(seen.text, others)
        ):
            found["model"] = replace(seen, why=f"the model points at “{seen.text}”")
    if not found:
        return None
    first = next(iter(found.values()))
    if any(not _one(first.box, each.box) for each in found.values()):
        return None
    if set(found) & {"words", "label"} and _may_be_another(wanted, place, first):
        return None
    return replace(first, why="; ".join(each.why for each in found.values()), by=tuple(found))


def _stood_before(wanted: Wanted) -> set[str]:
    """Return what else stood in the window when it was recorded: none of it is the target renamed."""
    if wanted.evidence is None:
        return set()
    return {normal(each.text) for each in wanted.evidence.texts} - {normal(wanted.evidence.text)}


def _in_a_column(wanted: Wanted) -> bool:
    """Return whether a target was one of several alike below each other, where a place is soon another's."""
    if wanted.evidence is None or wanted.picture is None:
        return False
    return bool(wanted.evidence.row) or Recorded(wanted, wanted.evidence, wanted.picture).pitch is not None


def _may_be_another(wanted: Wanted, place: Place, found: Suggestion) -> bool:
    """Return whether what has the target's words may be something else that names it.

    A heading, a typed text or a neighbour's button may say the same. So where its words stood twice when it
    was recorded, neither is it; a button stays one, of about its size; and a text without edges stays in its
    column and as high as it was.
    """
    if wanted.evidence is None or wanted.picture is None:
        return False
    recorded = Recorded(wanted, wanted.evidence, wanted.picture)
    if recorded.twins:
        return True
    pixels = place.frame.crop(place.window).pixels
    now, then = found.box.moved(-place.window.left, -place.window.top), recorded.box
    if recorded.edged:
        high, wide = now.height / then.height, now.width / then.width
        if not has_edges(pixels, now):
            return True
        same = normal(found.text) in {normal(each) for each in wanted.words}
        return not 1 / _SIZE <= high <= _SIZE or (same and not 1 / _WIDTH <= wide <= _WIDTH)
    # Faint edges of a button may not have been seen: its letters are compared, as a row's are.
    then = text_line(recorded.picture, recorded.on[0].box) if recorded.on else then
    now = text_line(pixels, now.grown(-4, place.frame.size) if has_edges(pixels, now) else now)
    high = now.height / then.height
    apart = (now.left - then.left, now.right - then.right, now.left + now.right - then.left - then.right)
    return min(map(abs, apart)) > _COLUMN or not 1 / _LINE <= high <= _LINE


def _by_words(wanted: Wanted, place: Place, reader: Reader) -> Suggestion | None:
    """Find just its words, once in the window: it moved, and its looks changed."""
    if not wanted.words:
        return None
    found = find(replace(wanted, evidence=None, picture=None), replace(place, named=True), reader)
    if found.box is None:
        return None
    return Suggestion(found.box, wanted.words[0], f"only there stands “{wanted.words[0]}”", ("words",))


def _by_label(wanted: Wanted, place: Place, texts: Sequence[Read], others: set[str]) -> Suggestion | None:
    """Find the one label that is much like its words: it was renamed."""
    if not wanted.words or wanted.field:
        return None
    name = normal(wanted.words[0])
    ranked = sorted(
        ((_alike(name, normal(each.text)), each) for each in texts if not _has_any(each.text, others)),
        key=lambda pair: -pair[0],
    )
    if not ranked or ranked[0][0] < _ALIKE:
        return None
    if len(ranked) > 1 and ranked[0][0] - ranked[1][0] < _APART:
        return None
    read = ranked[0][1]
    seen = _at(_middle(read.box), place, texts)
    return seen and replace(seen, why=f"“{seen.text}” is the label most like “{wanted.words[0]}”")


def _has_any(text: str, others: set[str]) -> bool:
    """Return whether a label is another's, or has another's words in it: several were read as one line."""
    glued = normal(text)
    return glued in others or any(len(other) > 3 and other in glued for other in others)


def _alike(name: str, text: str) -> float:
    """Return how alike a name and another label are, of 100; a longer one with its words is much alike."""
    words = fuzz.token_set_ratio(name, text) - 10
    # Recognisers lose blanks: "Savechanges".
    glued, whole = name.replace(" ", ""), text.replace(" ", "")
    longer = len(glued) > 3 and glued != whole and (whole.startswith(glued) or whole.endswith(glued))
    return max(fuzz.ratio(name, text), words, 90.0 if longer else 0.0)


def _by_place(wanted: Wanted, place: Place, texts: Sequence[Read], others: set[str]) -> Suggestion | None:
    """Find the control that is where it was to its landmarks, of its size: its words changed."""
    evidence = wanted.evidence
    if evidence is None or not evidence.text or _in_a_column(wanted):
        return None
    known = {normal(each.text): each for each in evidence.texts if normal(each.text) != normal(evidence.text)}
    shifts = [
        (read.box.left - place.window.left - then.box.left, read.box.top - place.window.top - then.box.top)
        for read in texts
        if (then := known.get(normal(read.text))) is not None and _close(then.box, evidence.box)
    ]
    if len(shifts) < 2:
        return None
    x, y = (sorted(values)[len(values) // 2] for values in zip(*shifts, strict=True))
    if sum(abs(one - x) <= 4 and abs(other - y) <= 4 for one, other in shifts) < 2:
        return None
    middle = _middle(evidence.box)
    seen = _at(FramePoint(middle.x + x + place.window.left, middle.y + y + place.window.top), place, texts)
    if seen is None or not seen.text or _has_any(seen.text, others):
        return None
    alike = (
        0.5 <= seen.box.height / evidence.box.height <= 2
        and 0.4 <= seen.box.width / evidence.box.width <= 2.5
    )
    return replace(seen, why=f"“{seen.text}” stands where “{evidence.text}” was") if alike else None


def _at(point: FramePoint, place: Place, texts: Sequence[Read]) -> Suggestion | None:
    """Return the control at a pixel of the screen."""
    window = place.window
    if not (window.left <= point.x < window.right and window.top <= point.y < window.bottom):
        return None
    seen = [Seen(text=each.text, box=each.box.moved(-window.left, -window.top)) for each in texts]
    inside = FramePoint(point.x - window.left, point.y - window.top)
    described = describe_evidence(place.frame.crop(window).pixels, inside, seen, None, place.frame.scale)
    box = described.box.moved(window.left, window.top)
    return Suggestion(box, described.text or described.label, "", ())


def _close(one: FrameBox, other: FrameBox) -> bool:
    """Return whether a landmark is near enough to tell a place: within a third of a large window."""
    return abs(one.top - other.top) <= 250 and abs(one.left - other.left) <= 400


def _one(one: FrameBox, other: FrameBox) -> bool:
    """Return whether two boxes are the same control: each holds the other's middle."""
    a, b = _middle(one), _middle(other)
    return _holds(one, b) and _holds(other, a)


def _holds(box: FrameBox, point: FramePoint) -> bool:
    return box.left <= point.x < box.right and box.top <= point.y < box.bottom


def _middle(box: FrameBox) -> FramePoint:
    return FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
