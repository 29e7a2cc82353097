"""Where a target was looked for: what was found, and the numbered candidates of what wasn't."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.agent.flows.run.record import FoundSeen
from qvl_agent.agent.report.drawing import Mark, box_mark

__all__ = ["SeenPlace", "draw_failure", "marks_of", "places"]

_FOUND, _CANDIDATE, _HALO = "#00803c", "#c8321e", "#ffffff"
_SMALLEST: Final = 12
_GAP: Final = 3


@dataclass(frozen=True, slots=True)
class SeenPlace:
    """A place where a target was looked for.

    Attributes:
        number: its number on the picture, from 1; 0 for a target that was found.
        box: the place, in the frame's pixels.
        score: how much spoke for it.
        clues: what each kind of evidence said.
    """

    number: int
    box: FrameBox
    score: float
    clues: tuple[str, ...]


def places(found: Iterable[FoundSeen]) -> tuple[SeenPlace, ...]:
    """Return the places of searches: of each its target if it was found, else its candidates.

    The numbers go on from one search to the next, so that each stands once on a picture.
    """
    listed: list[SeenPlace] = []
    number = 0
    for each in found:
        if each.box is not None:
            clues = next((one.clues for one in each.candidates if one.box == each.box), ())
            score = next((one.score for one in each.candidates if one.box == each.box), 0.0)
            listed.append(SeenPlace(0, each.box, score, clues))
            continue
        for candidate in each.candidates:
            number += 1
            listed.append(SeenPlace(number, candidate.box, candidate.score, candidate.clues))
    return tuple(listed)


def marks_of(seen: Iterable[SeenPlace]) -> tuple[Mark, ...]:
    """Return the marks of places, the numbers above the candidates."""
    return tuple(
        box_mark("candidate" if each.number else "found", each.box, str(each.number or ""), gap=_GAP)
        for each in seen
    )


def draw_failure(picture: Path, found: Sequence[FoundSeen], to: Path) -> str:
    """Draw what was found, and the candidates of what wasn't, on a picture; return the new file's path."""
    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    draw = ImageDraw.Draw(image)
    size = max(_SMALLEST, max(image.size) // 60)
    font = ImageFont.load_default(size)
    for each in places(found):
        colour, box = _CANDIDATE if each.number else _FOUND, each.box
        around = (box.left - _GAP, box.top - _GAP, box.right + _GAP - 1, box.bottom + _GAP - 1)
        draw.rectangle(around, outline=_HALO, width=4)
        draw.rectangle(around, outline=colour, width=2)
        if each.number:
            place = (box.left, max(0, box.top - size - 2 * _GAP))
            draw.text(place, str(each.number), colour, font, stroke_width=2, stroke_fill=_HALO)
    to.parent.mkdir(parents=True, exist_ok=True)
    image.save(to)
    return str(to)
