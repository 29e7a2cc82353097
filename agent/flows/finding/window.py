"""A window that drifted beside its recording: its texts, its scale, and what its pixels say of a place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import lazy_loader
import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.agent.flows.finding.landmarks import Landmark, gap, landmarks, place_of, scale_of
from qvl_agent.agent.flows.finding.looks import Peak, faint, grey, ink, ink_colour, peaks, resized, surface_at
from qvl_agent.agent.flows.finding.recorded import Recorded
from qvl_agent.agent.flows.finding.rolling import read_changed
from qvl_agent.agent.flows.finding.wanted import Clue
from qvl_agent.agent.flows.finding.words import normal, read_all, saying

cv2 = lazy_loader.load("cv2")
"""OpenCV, loaded when it is first used."""

__all__ = ["FAINT", "WHOLE", "Window", "carry", "holds", "level_of"]

_LOOKS: Final = 0.92
"""The least correlation with which a crop is taken for the target elsewhere."""
_SCALED_LOOKS: Final = 0.82
"""The same where things are drawn larger or smaller, so that no pixel is as it was."""
_LITTLE: Final = 0.15
"""The share of a window up to which only what changed in it is read: more is soon the whole window."""
_PLAUSIBLE: Final = 0.7
WHOLE: Final = 0.7
"""The least share of a target's height, at the new scale, that has to be seen."""
_STEP: Final = 12
_DOUBLED: Final = 4
"""Texts that stand twice, equally far apart, which make two windows."""
_INKS: Final = 8
_INK: Final = 48.0
"""The most that the colour of letters may differ, in levels of a channel (0-255)."""
_COLUMN: Final = 6
"""Logical pixels by which an edge may be off its column."""
_COLOURS: Final = 14.0
"""The most that a thing's mean colours may differ, in levels (0-255), if it is drawn in the same ones."""
FAINT: Final = "it is drawn fainter than it was: it may be disabled"


@dataclass(frozen=True)
class Window:
    """A window that looks otherwise, and what is wanted in it; boxes are in pixels of the window.

    Attributes:
        recorded: the target as it was.
        frame: the window alone.
        usual: the scale that the screens' own scales lead to.
        reader: reads the window.
    """

    recorded: Recorded
    frame: Frame
    usual: float
    reader: Reader

    @cached_property
    def texts(self) -> tuple[Read, ...]:
        """Return what is read in it; where little changed since it was recorded, only that is read."""
        recorded, box = self.recorded, self.frame.box
        if self.usual == 1.0:
            then = [Read(one.text, one.box, 1.0) for one in recorded.evidence.texts]
            texts = read_changed(self.frame, box, recorded.picture, then, self.reader, most=_LITTLE)
            if texts is not None:
                return texts
        return read_all(self.frame, box, self.reader)

    @cached_property
    def marks(self) -> tuple[Landmark, ...]:
        return landmarks(self.recorded.rest, self.texts)

    @cached_property
    def scale(self) -> float | None:
        """Return how much larger things are drawn than they were; None if that can't be told."""
        return scale_of(landmarks(self.recorded.evidence.texts, self.texts), self.usual)

    @cached_property
    def doubled(self) -> bool:
        """Return whether several texts that stood once stand there twice, equally far apart: two windows."""
        then = Counter(normal(one.text) for one in self.recorded.evidence.texts)
        steps: Counter[tuple[int, int]] = Counter()
        for text, often in then.items():
            boxes = [one.box for one in self.texts if normal(one.text) == text]
            if often == 1 and len(text) > 1 and len(boxes) == 2:
                one, other = sorted(boxes, key=lambda box: (box.left, box.top))
                steps[(other.left - one.left) // _STEP, (other.top - one.top) // _STEP] += 1
        return max(steps.values(), default=0) >= _DOUBLED

    @cached_property
    def levels(self) -> Any:
        return grey(self.frame.pixels)

    @cached_property
    def templates(self) -> tuple[Any, ...]:
        """Return the grey crop of the target at the new scale, at the usual one, and between.

        A larger font doesn't make an icon or a check box larger.
        """
        box, scale = self.recorded.box, self.scale or 1.0
        crop = grey(self.recorded.picture[box.top : box.bottom, box.left : box.right])
        scales = {self.usual, scale, (scale * self.usual) ** 0.5}
        return tuple(resized(crop, one) for one in sorted(scales, key=lambda one: abs(one - scale)))

    def peaks(self, levels: Any) -> list[Peak]:
        """Return where the target's looks are found, at whatever scale they fit best."""
        found = [peak for template in self.templates for peak in peaks(levels, template, _PLAUSIBLE)]
        kept: list[Peak] = []
        for peak in sorted(found, key=lambda one: -one.score):
            if not any(peak.box.meets(other.box) for other in kept):
                kept.append(peak)
        return kept

    def is_recoloured(self, old: FrameBox, new: FrameBox) -> bool:
        """Return whether letters are drawn in another colour, where the window's colours are as they were."""
        if self.recoloured:
            return False
        then, now = ink_colour(_part(self.recorded.picture, old)), ink_colour(_part(self.frame.pixels, new))
        return float(np.abs(then - now).max()) > _INK

    def saying(self, words: Sequence[str]) -> list[Read]:
        """Return the texts that may say some words: single ones, else neighbours that do together."""
        return saying(self.texts, words)

    @property
    def least(self) -> float:
        return _LOOKS if self.scale == 1.0 else _SCALED_LOOKS

    def is_faint(self, old: FrameBox, new: FrameBox) -> bool:
        picture, window = self.recorded.picture, self.frame.pixels
        near = sorted(self.marks, key=lambda one: gap(one.old, old))[:_INKS]
        then = [ink(_part(picture, one.old)) for one in near]
        now = [ink(_part(window, one.new)) for one in near]
        return faint(ink(_part(picture, old)), ink(_part(window, new)), then, now)

    def surface(self, at: tuple[int, int]) -> FrameBox | None:
        width, height = self.frame.size
        if not (0 <= at[0] < width and 0 <= at[1] < height):
            return None
        return surface_at(self.frame.pixels, *at)

    def looks(self, peak: Peak, box: FrameBox) -> Clue:
        """Say what the looks of something without words say: there, another state is another thing."""
        if self.is_faint(self.recorded.box, box):
            return Clue("looks", False, 0.0, FAINT)
        score = peak.score
        if score < self.least:
            return Clue("looks", False, score, f"looks otherwise ({score:.2f}): it may be in another state")
        answer = self._colours(box)
        if answer is not True:
            return Clue("looks", answer, 0.3, "has other colours")
        return Clue("looks", True, score, f"looks alike by {score:.2f}")

    def _colours(self, box: FrameBox) -> bool | None:
        """Return whether something has the target's colours; under another theme only its middle may.

        Where things of one form differ by their colours alone, other colours are another thing.
        """
        recorded = self.recorded
        then, now = _part(recorded.picture, recorded.box), _part(self.frame.pixels, box)
        if _apart(then, now, 0.0) <= _COLOURS and _apart(then, now, 0.3) <= _COLOURS:
            return True
        if not self.recoloured:
            return False
        if _apart(then, now, 0.35) <= _COLOURS:
            return True
        return False if recorded.alike else None

    @cached_property
    def recoloured(self) -> bool:
        """Return whether the window's colours are others, as by a theme."""
        found = [
            _apart(_part(self.recorded.picture, one.old), _part(self.frame.pixels, one.new), 0.0)
            for one in self.marks
        ]
        return bool(found) and float(np.median(found)) > _COLOURS

    def place(self, box: FrameBox) -> Clue:
        """Say whether a box lies to the landmarks as then; another item of a list, whether in its column."""
        recorded, scale = self.recorded, self.scale or 1.0
        if recorded.is_another:
            then, now = recorded.box, self.frame.size[0]
            from_right = (now - box.right) - (recorded.picture.shape[1] - then.right) * scale
            off = abs(box.left - then.left * scale), abs(box.right - then.right * scale), abs(from_right)
            if min(off) <= _COLUMN * scale:
                return Clue("place", True, 0.8, "in the column of the recorded one")
            return Clue("place", False, 0.0, "not in the column of the recorded one")
        windows = (recorded.picture.shape[1], recorded.picture.shape[0]), self.frame.size
        says_so, score, why = place_of(recorded.box, box, self.marks, scale, windows)
        return Clue("place", says_so, score, why)


def carry(
    target: FrameBox, old: FrameBox, new: FrameBox, scale: float, size: tuple[int, int], *, clip: bool = True
) -> FrameBox:
    """Return where a target is if it lies to a text as it did then."""
    x, y = (new.left + new.right) / 2, (new.top + new.bottom) / 2
    cx, cy = (old.left + old.right) / 2, (old.top + old.bottom) / 2
    left, right = x + (target.left - cx) * scale, x + (target.right - cx) * scale
    if target.left > old.right:
        left = new.right + (target.left - old.right) * scale
        right = left + target.width * scale
    elif target.right < old.left:
        right = new.left - (old.left - target.right) * scale
        left = right - target.width * scale
    elif abs(target.left - old.left) <= 16 and not (target.left <= old.left and old.right <= target.right):
        left = new.left + (target.left - old.left) * scale
        right = left + target.width * scale
    box = FrameBox(
        round(left),
        round(y + (target.top - cy) * scale),
        round(right),
        round(y + (target.bottom - cy) * scale),
    )
    return box.grown(0, size) if clip else box


def _apart(one: Pixels, other: Pixels, rim: float) -> float:
    """Return how far the mean colours of two pictures are apart, without a rim of a share of their size."""
    means = []
    for picture in (one, other):
        rows, columns = (int(rim * length) for length in picture.shape[:2])
        middle = picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns]
        if not middle.size:
            return 255.0
        means.append(middle.reshape(-1, 3).mean(axis=0))
    return float(np.abs(means[0] - means[1]).max())


def holds(box: FrameBox, inner: FrameBox) -> bool:
    x, y = (inner.left + inner.right) // 2, (inner.top + inner.bottom) // 2
    return box.left <= x < box.right and box.top <= y < box.bottom


def _part(pixels: Pixels, box: FrameBox) -> Pixels:
    return pixels[box.top : box.bottom, box.left : box.right]


def level_of(box: FrameBox) -> float:
    return (box.top + box.bottom) / 2
