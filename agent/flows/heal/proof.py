"""Prove a new evidence on pictures made from the one that it was found on, before anybody acts on it.

It has to be found where it is and nowhere else: on the picture itself, with the window shifted, drawn larger
and smaller, and in other colours; and it mustn't be found at all, or only where it really is, where the
target is painted out, doubled or covered.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import lazy_loader
import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.wanted import Place, Wanted

cv2 = lazy_loader.load("cv2")
"""OpenCV, loaded when it is first used."""

__all__ = ["Trial", "prove"]

_SHIFT: Final = 23
_SCALES: Final = (0.9, 1.15)


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial of a proof.

    Attributes:
        name: what was done to the picture.
        held: whether the evidence did as it should.
        what: what came of it, in a sentence.
        needed: whether the proof fails with it; others only say how far the evidence reaches.
    """

    name: str
    held: bool
    what: str
    needed: bool = True


def prove(wanted: Wanted, reader: Reader | None) -> tuple[Trial, ...]:
    """Try an evidence on pictures made from its own.

    Args:
        wanted: the target with its new evidence and its picture.
        reader: reads texts.

    Returns:
        the trials, up to the first that the proof fails with.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    if wanted.evidence is None or wanted.picture is None:
        raise ValueError("a proof needs the evidence and its picture")
    trials: list[Trial] = []
    for trial in _trials(wanted, wanted.evidence.box, wanted.picture, reader):
        trials.append(trial)
        if trial.needed and not trial.held:
            break
    return tuple(trials)


def _trials(wanted: Wanted, box: FrameBox, picture: Pixels, reader: Reader | None) -> Iterator[Trial]:
    def found_at(pixels: Pixels) -> FrameBox | None:
        frame = _frame(pixels)
        return find(wanted, Place(frame, frame.box, named=True), reader).box

    def there(name: str, pixels: Pixels, where: FrameBox, *, needed: bool) -> Trial:
        found = found_at(pixels)
        if found is None:
            return Trial(name, not needed, "not found for sure", needed)
        right = _overlap(found, where) > 0.3
        return Trial(name, right, "found" if right else "another place was found", needed or not right)

    def nowhere(name: str, pixels: Pixels, allowed: FrameBox | None = None) -> Trial:
        found = found_at(pixels)
        right = found is None or (allowed is not None and _overlap(found, allowed) > 0.3)
        return Trial(
            name, right, "not found" if found is None else "found where it is" if right else "found elsewhere"
        )

    yield there("as it is", picture, box, needed=True)
    moved = np.pad(picture, ((_SHIFT, 0), (_SHIFT, 0), (0, 0)), mode="edge")
    yield there("shifted", moved, box.moved(_SHIFT, _SHIFT), needed=True)
    for scale in _SCALES:
        yield there(f"drawn {scale:g} times as large", *_scaled(picture, box, scale), needed=False)
    yield there("in other colours", np.ascontiguousarray(255 - picture), box, needed=False)
    yield nowhere("painted out", _painted(picture, box))
    yield nowhere("half covered", _half_covered(picture, box))
    if (doubled := _doubled(picture, box)) is not None:
        yield nowhere("doubled", doubled, allowed=box)


def _scaled(picture: Pixels, box: FrameBox, scale: float) -> tuple[Pixels, FrameBox]:
    drawn = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    where = FrameBox(*(round(side * scale) for side in (box.left, box.top, box.right, box.bottom)))
    return np.ascontiguousarray(drawn, dtype=np.uint8), where


def _painted(picture: Pixels, box: FrameBox) -> Pixels:
    """Return the picture with the target painted over in the colour around it."""
    out = picture.copy()
    ring = box.grown(4, (picture.shape[1], picture.shape[0]))
    around = picture[ring.top : ring.bottom, ring.left : ring.right].reshape(-1, 3)
    out[box.top : box.bottom, box.left : box.right] = np.median(around, axis=0).astype(np.uint8)
    return out


def _half_covered(picture: Pixels, box: FrameBox) -> Pixels:
    out = picture.copy()
    half = box.left + box.width // 2
    out[box.top - min(6, box.top) : box.bottom + 6, half : box.right + 40] = (90, 90, 160)
    return out


def _doubled(picture: Pixels, box: FrameBox) -> Pixels | None:
    """Return the picture with the target once more, where nothing is; None if there is no room."""
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    for top in range(4, height - box.height - 4, 16):
        for left in range(4, width - box.width - 4, 24):
            there = FrameBox(left, top, left + box.width, top + box.height)
            if there.grown(12, (width, height)).meets(box):
                continue
            if int(np.ptp(grey[top - 4 : top + box.height + 4, left - 4 : left + box.width + 4])) <= 4:
                out = picture.copy()
                out[there.top : there.bottom, there.left : there.right] = picture[
                    box.top : box.bottom, box.left : box.right
                ]
                return out
    return None


def _frame(pixels: Pixels) -> Frame:
    height, width = pixels.shape[:2]
    return Frame(np.ascontiguousarray(pixels), Rect(0, 0, width, height))


def _overlap(one: FrameBox, other: FrameBox) -> float:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one.width * one.height + other.width * other.height - shared)
