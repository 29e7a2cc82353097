"""Find a target on the screen, by independent kinds of evidence: for sure, or not at all.

First by pixels, where nothing changed about the target (`unchanged`: some milliseconds); else the window's
texts are read and lead to it (`drifted`: about a second); without a recording by words alone (`plain`).

A candidate is accepted if two independent kinds of evidence name it, and none speaks against it. Its looks,
the words on it and those in its row say who it is, and are one kind in this, as a crisp copy elsewhere has
them all; the other kind is its place to the landmarks (for another item of a list, its column). A second
candidate that nothing speaks against makes it ambiguous: never the nearest, never the first. The target has
to be visible as a whole. Without a recording, words have to be read alike from two crops, and stand once.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.agent.flows.finding.drifted import Drifted
from qvl_agent.agent.flows.finding.plain import Plain
from qvl_agent.agent.flows.finding.recorded import Recorded
from qvl_agent.agent.flows.finding.unchanged import unchanged
from qvl_agent.agent.flows.finding.wanted import Candidate, Clue, Finding, Place, Wanted
from qvl_agent.agent.flows.finding.window import Window

__all__ = ["find"]

_MARGIN: Final = 0.25
"""By how much the place of the target has to be surer than that of another candidate."""
_UNNAMED: Final = 0.8
"""How sure the place has to be of what no words name: half of the landmarks may be another panel's."""
_SHOWN: Final = 5
"""Candidates that are kept for the person."""


def find(wanted: Wanted, place: Place, reader: Reader | None) -> Finding:
    """Return where a target is, if two independent kinds of evidence name one place and none speaks against.

    Args:
        wanted: the target.
        place: where to look.
        reader: reads text from the pixels; without one only pixels and places count.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    began = time.monotonic()
    finding = _whole_window(place) or _find(wanted, place, reader)
    return replace(finding, seconds=time.monotonic() - began)


def _whole_window(place: Place) -> Finding | None:
    width, height = place.frame.size
    box = place.window
    inside = 0 <= box.left < box.right <= width and 0 <= box.top < box.bottom <= height
    if not inside or min(box.width, box.height) < 2:
        return Finding(None, "the window isn't wholly on the screen", absent=True)
    return None


def _find(wanted: Wanted, place: Place, reader: Reader | None) -> Finding:
    if wanted.evidence is not None and wanted.picture is not None:
        return _recorded(Recorded(wanted, wanted.evidence, wanted.picture), place, reader)
    if wanted.region is not None and not (wanted.words or wanted.near):
        return _region(wanted.region, place)
    if reader is None:
        return Finding(None, "its words can't be read without a reader; install 'qvl-agent[ocr]'")
    plain = Plain(wanted, place.frame.crop(place.window), reader, place.named)
    return _decide(plain.candidates(), place, plain.texts, _named(wanted), plain=True)


def _recorded(recorded: Recorded, place: Place, reader: Reader | None) -> Finding:
    window = place.frame.crop(place.window)
    usual = place.frame.scale / recorded.evidence.picture.scale
    clues = unchanged(recorded, window.pixels) if usual == 1.0 else None
    if clues is not None:
        found = Candidate(recorded.box, clues)
        return _decide((found,), place, (), _named(recorded.wanted))
    if reader is None:
        return Finding(None, "the window changed, and its words can't be read without a reader")
    now = Window(recorded, window, usual, reader)
    if now.scale is None and not now.doubled:
        why = "nothing that is read in the window is as it was recorded"
        return Finding(None, why, absent=True, texts=_on_screen(now.texts, place))
    name = _named(recorded.wanted)
    twins = bool(recorded.twins) or (not recorded.words and bool(recorded.alike))
    candidates = Drifted(now).candidates()
    fewer = len(candidates) <= len(recorded.twins)
    finding = _decide(candidates, place, now.texts, name, twins=twins, fewer=fewer)
    if now.doubled and candidates:
        why = f"two windows alike are there, and nothing says in which {name} is meant"
        return replace(finding, box=None, reason=why, ambiguous=True, absent=False)
    return _compared(finding, recorded, now, place)


def _compared(finding: Finding, recorded: Recorded, now: Window, place: Place) -> Finding:
    """Say where it is compared with the recording."""
    scale = now.scale or 1.0
    if finding.box is None:
        return replace(finding, scale=scale)
    old, new = recorded.box, finding.box
    x, y = new.left - place.window.left - old.left, new.top - place.window.top - old.top
    moved = f"{x:+d}, {y:+d} pixels from where it was" if abs(x) > 2 or abs(y) > 2 else "looks otherwise"
    if scale != now.usual:
        moved += f", drawn {scale:.2f} times as large"
    return replace(finding, scale=scale, moved=moved)


def _region(region: tuple[int, int, int, int], place: Place) -> Finding:
    """Return a region of a window that is known; its looks aren't: its window speaks for it."""
    if place.window == place.frame.box:
        return Finding(None, "a region is counted from its window, and no window is known")
    left, top, right, bottom = (round(value * place.frame.scale) for value in region)
    box = FrameBox(left, top, right, bottom)
    inside = 0 <= left < right <= place.window.width and 0 <= top < bottom <= place.window.height
    if not inside:
        return Finding(None, f"the region {region} isn't wholly in the window", absent=True)
    clues = (Clue("window", True, 1.0, "its window"), Clue("place", True, 1.0, "its region"))
    return _decide((Candidate(box, clues),), place, (), "the region")


def _named(wanted: Wanted) -> str:
    """Return what a target is called in a reason: by its words, else by those beside it."""
    evidence = wanted.evidence
    if wanted.words:
        return f"“{wanted.words[0]}”"
    if evidence is not None and evidence.text and not evidence.text_varies:
        return f"“{evidence.text}”"
    beside = wanted.near or wanted.row or (evidence.row if evidence else "")
    return f"what is beside “{beside}”" if beside else "the target"


# The decision


def _decide(
    candidates: Sequence[Candidate],
    place: Place,
    texts: Sequence[Read],
    name: str,
    *,
    twins: bool = False,
    fewer: bool = False,
    plain: bool = False,
) -> Finding:
    """Accept the one candidate that is sure, unless another may be it as well.

    Where `fewer` say its words than did then, the one that is left may be another: its place has to be sure.
    """
    ordered = sorted(_distinct(candidates), key=lambda one: -one.score)
    shown = tuple(_shifted(one, place) for one in ordered[:_SHOWN])
    read = _on_screen(texts, place)
    stop = partial(Finding, None, candidates=shown, texts=read)
    possible = [one for one in ordered if not any(clue.says is False for clue in one.clues)]
    sure = [one for one in possible if _sure(one, alone=plain and len(possible) == 1, twins=twins)]
    in_row = bool(sure) and any(clue.kind == "row" and clue.says for clue in sure[0].clues)
    if fewer and sure and not in_row and _placed(sure[0]) < _UNNAMED:
        return stop(f"fewer places say {name} than then, and the one that is left may be another's")
    if not ordered:
        return stop(f"{name} isn't there", absent=True)
    if not possible:
        against = [clue.why for clue in ordered[0].clues if clue.says is False]
        then = "" if plain else " as it was recorded"
        return stop(f"{name} isn't there{then}: {against[0]}", absent=True)
    if not sure:
        several = len(possible) > 1
        why = (
            f"{len(possible)} places may be {name}"
            if several
            else f"too little speaks for {name}: {_doubt(possible[0])}"
        )
        return stop(why, ambiguous=several, absent=not several)
    rivals = [one for one in possible if one is not sure[0] and not (twins and _surer(sure[0], one))]
    if rivals:
        return stop(f"{len(rivals) + 1} places may be {name}", ambiguous=True)
    box = _shifted(sure[0], place).box
    if any(box.meets(over) for over in place.covered):
        return stop(f"{name} is covered by another window", absent=True)
    return Finding(box, candidates=shown, texts=read)


def _sure(candidate: Candidate, *, alone: bool, twins: bool) -> bool:
    """Return whether two independent kinds of evidence name a candidate.

    Words that can't be told are never outvoted: an O for a 0 looks alike, and lies where it was. Looks,
    words and row aren't independent, as a copy has them all: its place has to say so too.

    Args:
        candidate: the place.
        alone: whether words alone may do, as there is no recording and nothing else says them.
        twins: whether others looked like it then.
    """
    if any(clue.says is None for clue in candidate.clues if clue.kind in ("words", "row")):
        return False
    kinds = {clue.kind for clue in candidate.clues if clue.says}
    if alone and "words" in kinds:
        return True
    known = "looks" in kinds or any(clue.kind == "structure" for clue in candidate.clues)
    named = "words" in kinds or ("row" in kinds and (known or not twins))
    if "place" not in kinds or named:
        return "place" in kinds
    return "window" in kinds or ("looks" in kinds and _placed(candidate) >= _UNNAMED)


def _placed(candidate: Candidate) -> float:
    """Return how sure a candidate's place is, 0-1."""
    return max((clue.score for clue in candidate.clues if clue.kind == "place"), default=0.0)


def _surer(candidate: Candidate, other: Candidate) -> bool:
    """Return whether the place says which of two it is: surely this one, and not surely the other."""
    here, there = (
        next((clue for clue in one.clues if clue.kind == "place"), None) for one in (candidate, other)
    )
    if here is None or there is None or here.says is not True or there.says is True:
        return False
    return here.score - there.score >= _MARGIN


def _doubt(candidate: Candidate) -> str:
    doubts = [clue.why for clue in candidate.clues if clue.says is None]
    return doubts[0] if doubts else "one kind of evidence alone"


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, one of each that name the same box; the one that more speaks for."""
    kept: list[Candidate] = []
    for one in sorted(candidates, key=lambda each: -each.score):
        if not any(_overlap(one.box, other.box) > 0.6 for other in kept):
            kept.append(one)
    return kept


def _overlap(box: FrameBox, other: FrameBox) -> float:
    width = min(box.right, other.right) - max(box.left, other.left)
    height = min(box.bottom, other.bottom) - max(box.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / min(box.width * box.height, other.width * other.height)


def _shifted(candidate: Candidate, place: Place) -> Candidate:
    return Candidate(candidate.box.moved(place.window.left, place.window.top), candidate.clues)


def _on_screen(texts: Sequence[Read], place: Place) -> tuple[Read, ...]:
    return tuple(replace(one, box=one.box.moved(place.window.left, place.window.top)) for one in texts)
