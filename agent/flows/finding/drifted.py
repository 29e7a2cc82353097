"""The careful way: the window looks otherwise than it did, so its texts are read and lead to the target.

The words on the target, or beside it, name the places that it may be at. Each is a candidate, about which
the other kinds of evidence are asked: looks (at the new scale), place (to the landmarks), row. What has no
words at all is searched for by its looks. `find` decides between the candidates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.agent.flows.finding.landmarks import Landmark, gap, landmarks, place_of, scale_of
from qvl_agent.agent.flows.finding.looks import Peak, faint, grey, ink, peaks, surface_at, text_line
from qvl_agent.agent.flows.finding.recorded import Recorded
from qvl_agent.agent.flows.finding.rows import Side, divided, side_of
from qvl_agent.agent.flows.finding.wanted import Candidate, Clue
from qvl_agent.agent.flows.finding.words import normal, read_all, said, saying, says
from qvl_agent.agent.flows.lock import Seen

__all__ = ["LOOKS", "Drifted"]

LOOKS: Final = 0.92
"""The least correlation with which a crop is taken for the target elsewhere."""
_SCALED_LOOKS: Final = 0.82
"""The same where things are drawn larger or smaller, so that no pixel is as it was."""
_PLAUSIBLE: Final = 0.7
_WHOLE: Final = 0.7
"""The least share of a target's height, at the new scale, that has to be seen."""
_SLACK: Final = 6
_FAR: Final = 3
"""A field's label is searched for its field in so many of the recorded distances."""
_INKS: Final = 8
_COLOURS: Final = 14.0
"""The most that a thing's mean colours may differ, in levels (0-255), if it is drawn in the same ones."""
_FAINT: Final = "it is drawn fainter than it was: it may be disabled"


@dataclass(frozen=True)
class Drifted:
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
        return read_all(self.frame, self.frame.box, self.reader)

    @cached_property
    def marks(self) -> tuple[Landmark, ...]:
        return landmarks(self.recorded.rest, self.texts)

    @cached_property
    def scale(self) -> float | None:
        """Return how much larger things are drawn than they were; None if that can't be told."""
        return scale_of(landmarks(self.recorded.evidence.texts, self.texts), self.usual)

    @cached_property
    def doubled(self) -> bool:
        """Return whether most recorded texts stand there twice: two windows alike."""
        now = [normal(one.text) for one in self.texts]
        then = [normal(one.text) for one in self.recorded.evidence.texts]
        twice = sum(now.count(one) > then.count(one) > 0 for one in then)
        return 2 * twice > len(then) > 0

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
        return tuple(_resized(crop, one) for one in sorted(scales, key=lambda one: abs(one - scale)))

    def _peaks(self, levels: Any) -> list[Peak]:
        """Return where the target's looks are found, at whatever scale they fit best."""
        found = [peak for template in self.templates for peak in peaks(levels, template, _PLAUSIBLE)]
        kept: list[Peak] = []
        for peak in sorted(found, key=lambda one: -one.score):
            if not any(peak.box.meets(other.box) for other in kept):
                kept.append(peak)
        return kept

    def candidates(self) -> tuple[Candidate, ...]:
        """Return each place that may be the target, with what speaks for it and against it."""
        recorded = self.recorded
        if recorded.words:
            found = [self._by_words(read) for read in self._saying(recorded.words)]
        elif recorded.key_words or recorded.label_words:
            found = list(self._by_label())
        else:
            found = list(self._by_looks())
        return tuple(found)

    def _saying(self, words: Sequence[str]) -> list[Read]:
        """Return the texts that may say some words: single ones, else neighbours that do together."""
        return saying(self.texts, words)

    # By the words on it

    def _by_words(self, read: Read) -> Candidate:
        recorded, scale = self.recorded, self.scale or 1.0
        old = text_line(recorded.picture, recorded.on[0].box) if recorded.on else recorded.box
        new = text_line(self.frame.pixels, read.box)
        box = _carried(recorded.box, old, new, scale, self.frame.size)
        looks, box = self._looks_at(box, old, new)
        edged, box = self._with_edges(box, new)
        clues = [self._words(read), *looks, *edged, self._place(box)]
        clues += self._row(box)
        if new.height < _WHOLE * old.height * scale:
            clues.append(Clue("structure", False, 0.0, "only a part of it can be seen"))
        return Candidate(box, tuple(clues))

    def _with_edges(self, box: FrameBox, text: FrameBox) -> tuple[list[Clue], FrameBox]:
        """Ask whether what had edges still has them all: a half painted or covered button hasn't."""
        recorded, scale = self.recorded, self.scale or 1.0
        if not recorded.edged:
            return [], box
        y, beside = (text.top + text.bottom) // 2, round(5 * scale)
        found = None
        for x in ((text.left + text.right) // 2, text.left - beside, text.right + beside):
            surface = self._surface((x, y))
            high = surface.height / (recorded.box.height * scale) if surface else 0.0
            if surface and _WHOLE <= high <= 1 / _WHOLE and _holds(surface, text):
                found = surface
                break
        if found is None:
            return [
                Clue("structure", False, 0.0, "only a part of it can be seen: its edges aren't there")
            ], box
        return [Clue("structure", True, 0.5, "it has edges as it had")], found

    def _words(self, read: Read) -> Clue:
        """Read it again from another crop: a recogniser may read the same pixels otherwise."""
        words = self.recorded.words
        first = said(read.text, words)
        second: list[bool | None] = []
        for margin in (8, 4):
            around = read.box.grown(round(margin * self.frame.scale), self.frame.size)
            again = saying(read_all(self.frame, around, self.reader), words)
            second += [said(one.text, words) for one in again if one.box.meets(read.box)] or [False]
            if first is True and True in second:
                return Clue("words", True, 1.0, f"“{read.text}” is on it")
        if first is False or (second and all(one is False for one in second)):
            return Clue("words", False, 0.0, f"“{read.text}” is read otherwise the second time")
        return Clue("words", None, 0.5, f"“{read.text}” may be what is meant, it can't be told")

    def _looks_at(self, box: FrameBox, old: FrameBox, text: FrameBox) -> tuple[list[Clue], FrameBox]:
        """Compare the looks of what has words: weaker drawn speaks against it, another font doesn't.

        Returns:
            what the looks say, and the box, which they place better than the words do.
        """
        recorded = self.recorded
        if self._is_faint(old, text):
            return [Clue("looks", False, 0.0, _FAINT)], box
        if recorded.varies:
            return [], box
        score, at = max((_fit(self.levels, one, box) for one in self.templates), key=lambda each: each[0])
        if score < self._least:
            return [Clue("looks", None, max(0.0, score), f"looks alike by {score:.2f}")], box
        return [Clue("looks", True, score, f"looks alike by {score:.2f}")], at

    @property
    def _least(self) -> float:
        return LOOKS if self.scale == 1.0 else _SCALED_LOOKS

    def _is_faint(self, old: FrameBox, new: FrameBox) -> bool:
        picture, window = self.recorded.picture, self.frame.pixels
        near = sorted(self.marks, key=lambda one: gap(one.old, old))[:_INKS]
        then = [ink(_part(picture, one.old)) for one in near]
        now = [ink(_part(window, one.new)) for one in near]
        return faint(ink(_part(picture, old)), ink(_part(window, new)), then, now)

    # By the words beside it

    def _by_label(self) -> Iterable[Candidate]:
        recorded = self.recorded
        words = recorded.key_words or recorded.label_words
        old = recorded.key if recorded.key_words else recorded.label
        for read in self._saying(words):
            side = side_of(recorded.box, old.box) if old is not None else "left"
            boxes = list(self._beside(read, old, side))
            for box, looks in boxes:
                clues = [self._label(read, words), *looks, self._place_beside(box, read, old)]
                if recorded.key_words and recorded.label_words:
                    clues += self._also_beside(box)
                yield Candidate(box, tuple(clues))
            if not boxes:
                why = f"nothing like it is {_WHERE[side]} “{read.text}”"
                yield Candidate(read.box, (self._label(read, words), Clue("looks", False, 0.0, why)))

    def _place_beside(self, box: FrameBox, read: Read, old: Seen | None) -> Clue:
        """Say whether a target lies to the landmarks as then, or to its row's words if it is another row."""
        recorded, scale = self.recorded, self.scale or 1.0
        row = recorded.wanted.row
        if not row or old is None or says(old.text, row):
            return self._place(box)
        carried = _carried(recorded.box, old.box, read.box, scale, self.frame.size, clip=False)
        slack = 6 * scale
        level = abs(_level(carried) - _level(box)) <= slack
        column = min(abs(box.left - recorded.box.left * scale), abs(box.left - carried.left)) <= slack
        if level and column:
            return Clue("place", True, 0.8, "it lies to its row's words as in the recorded row")
        return Clue("place", False if not level else None, 0.2, "it lies otherwise in its row than recorded")

    def _label(self, read: Read, words: Sequence[str]) -> Clue:
        answer = said(read.text, words)
        why = f"beside “{read.text}”" + ("" if answer else ", which may be what is meant")
        return Clue("row", answer, 1.0 if answer else 0.5, why)

    def _beside(self, read: Read, old: Seen | None, side: Side) -> Iterable[tuple[FrameBox, list[Clue]]]:
        """Yield what may be the target beside its label: what looks like it, or a field of its size."""
        recorded, scale = self.recorded, self.scale or 1.0
        area = self._area(read.box, old.box if old is not None else None, side)
        if not recorded.varies and recorded.evidence.text == "" and not _is_field(recorded):
            yield from self._alike_in(area, read.box)
            return
        carried = _carried(recorded.box, old.box, read.box, scale, self.frame.size) if old else area
        x, y = (carried.left + carried.right) // 2, (carried.top + carried.bottom) // 2
        points = [(x, y), (carried.left + round(12 * scale), y), (read.box.left + round(12 * scale), y)]
        seen: list[FrameBox] = []
        for at in points:
            box = self._surface(at)
            if box is None or box in seen or box.meets(read.box) or not _overlaps(box, area):
                continue
            seen.append(box)
            high, wide = (
                now / (then * scale) for now, then in zip(_size(box), _size(recorded.box), strict=True)
            )
            if _WHOLE <= high <= 1 / _WHOLE and 0.4 <= wide <= 2.5:
                yield box, [self._is_the_field(box)]

    def _is_the_field(self, box: FrameBox) -> Clue:
        """Say whether a field is free of what stood elsewhere: a neighbour may have moved into its place."""
        elsewhere = [
            mark.text
            for mark in self.marks
            if _holds(box, mark.new) and not _holds(self.recorded.box, mark.old)
        ]
        if elsewhere:
            return Clue("structure", False, 0.0, f"“{elsewhere[0]}” is on it, which was elsewhere")
        return Clue("structure", True, 0.8, "a field of its height")

    def _surface(self, at: tuple[int, int]) -> FrameBox | None:
        width, height = self.frame.size
        if not (0 <= at[0] < width and 0 <= at[1] < height):
            return None
        return surface_at(self.frame.pixels, *at)

    def _area(self, label: FrameBox, old: FrameBox | None, side: Side) -> FrameBox:
        """Return where beside its label a target is searched: its row on that side, or close below."""
        recorded, scale = self.recorded, self.scale or 1.0
        width, height = self.frame.size
        slack = round(_SLACK * scale)
        if old is None:
            return FrameBox(0, max(0, label.top - slack), width, min(height, label.bottom + slack))
        carried = _carried(recorded.box, old, label, scale, self.frame.size, clip=False)
        top, bottom = max(0, carried.top - slack), min(height, carried.bottom + slack)
        if side == "left":
            return FrameBox(min(label.right, width - 1), top, width, bottom)
        if side == "right":
            return FrameBox(0, top, max(1, label.left), bottom)
        if side == "above":
            top = max(top, label.bottom - 2)
        elif side == "below":
            bottom = min(bottom, label.top + 2)
        return FrameBox(
            max(0, carried.left - 4 * slack), top, min(width, carried.right + 4 * slack), max(top, bottom)
        )

    def _alike_in(self, area: FrameBox, label: FrameBox) -> Iterable[tuple[FrameBox, list[Clue]]]:
        if area.width < 4 or area.height < 4:
            return
        levels = self.levels[area.top : area.bottom, area.left : area.right]
        for peak in self._peaks(levels):
            box = _shifted(peak.box, area.left, area.top)
            if divided(self.frame.pixels, box, label):
                continue
            yield box, [self._looks(peak, box)]

    def _looks(self, peak: Peak, box: FrameBox) -> Clue:
        """Say what the looks of something without words say: there, another state is another thing."""
        if self._is_faint(self.recorded.box, box):
            return Clue("looks", False, 0.0, _FAINT)
        score = peak.score
        if score < self._least:
            return Clue("looks", False, score, f"looks otherwise ({score:.2f}): it may be in another state")
        if not self._has_its_colours(box):
            why = "has other colours"
            return Clue("looks", None if self._recoloured else False, 0.5, why)
        return Clue("looks", True, score, f"looks alike by {score:.2f}")

    def _has_its_colours(self, box: FrameBox) -> bool:
        return (
            _apart(_part(self.recorded.picture, self.recorded.box), _part(self.frame.pixels, box)) <= _COLOURS
        )

    @cached_property
    def _recoloured(self) -> bool:
        """Return whether the window's colours are others, as by a theme."""
        found = [
            _apart(_part(self.recorded.picture, one.old), _part(self.frame.pixels, one.new))
            for one in self.marks
        ]
        return bool(found) and float(np.median(found)) > _COLOURS

    def _also_beside(self, box: FrameBox) -> list[Clue]:
        words = self.recorded.label_words
        near = [read for read in self._saying(words) if abs(_level(read.box) - _level(box)) <= box.height]
        if self.recorded.wanted.near and not near:
            return [Clue("words", False, 0.0, f"“{words[0]}” isn't beside it")]
        return []

    # By its looks alone

    def _by_looks(self) -> Iterable[Candidate]:
        for peak in self._peaks(self.levels):
            yield Candidate(peak.box, (self._looks(peak, peak.box), self._place(peak.box)))

    # What is asked about every candidate

    def _place(self, box: FrameBox) -> Clue:
        picture = self.recorded.picture
        windows = (picture.shape[1], picture.shape[0]), self.frame.size
        says_so, score, why = place_of(self.recorded.box, box, self.marks, self.scale or 1.0, windows)
        return Clue("place", says_so, score, why)

    def _row(self, box: FrameBox) -> list[Clue]:
        """Ask for the row's words, where some were named: they have to stand in the target's row."""
        recorded, scale = self.recorded, self.scale or 1.0
        clues = []
        half = (recorded.band[1] - recorded.band[0]) / 2 * scale
        for kind, words in (("row", recorded.key_words), ("words", (recorded.wanted.near,))):
            if not any(words):
                continue
            inside = [read for read in self._saying(words) if abs(_level(read.box) - _level(box)) <= half]
            kept = [read for read in inside if not divided(self.frame.pixels, box, read.box)]
            sure = any(said(read.text, words) for read in kept)
            why = f"“{words[0]}” is " + ("in its row" if kept else "not in its row")
            answer = True if sure else None if kept else False
            clues.append(Clue("row" if kind == "row" else "words", answer, 1.0 if sure else 0.0, why))
        return clues


_WHERE: Final[dict[Side, str]] = {
    "left": "right of",
    "right": "left of",
    "above": "below",
    "below": "above",
    "on": "on",
}


def _carried(
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


def _is_field(recorded: Recorded) -> bool:
    """Return whether it is a field by its form: much wider than high."""
    return recorded.box.width >= 3 * recorded.box.height


def _fit(levels: Any, template: Any, box: FrameBox) -> tuple[float, FrameBox]:
    """Return how well a template fits about a box, and where it fits best."""
    height, width = template.shape
    x, y = (box.left + box.right - width) // 2, (box.top + box.bottom - height) // 2
    across, down = max(6, height), max(4, height // 4)
    left, top = max(0, x - across), max(0, y - down)
    part = levels[top : max(0, y + height + down), left : max(0, x + width + across)]
    best = next(iter(peaks(part, template, 0.0, most=1)), None)
    return (best.score, _shifted(best.box, left, top)) if best else (0.0, box)


def _resized(crop: Any, scale: float) -> Any:
    if scale == 1.0:
        return crop
    size = max(3, round(crop.shape[1] * scale)), max(3, round(crop.shape[0] * scale))
    return cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _apart(one: Pixels, other: Pixels) -> float:
    """Return how far the mean colours of two pictures, and those of their middles, are apart."""
    if not one.size or not other.size:
        return 255.0
    found = []
    for share in (0.0, 0.3):
        means = []
        for picture in (one, other):
            rows, columns = (int(share * length) for length in picture.shape[:2])
            middle = picture[rows : picture.shape[0] - rows, columns : picture.shape[1] - columns]
            means.append(middle.reshape(-1, 3).mean(axis=0))
        found.append(float(np.abs(means[0] - means[1]).max()))
    return max(found)


def _holds(box: FrameBox, inner: FrameBox) -> bool:
    x, y = (inner.left + inner.right) // 2, (inner.top + inner.bottom) // 2
    return box.left <= x < box.right and box.top <= y < box.bottom


def _size(box: FrameBox) -> tuple[int, int]:
    return box.height, box.width


def _part(pixels: Pixels, box: FrameBox) -> Pixels:
    return pixels[box.top : box.bottom, box.left : box.right]


def _level(box: FrameBox) -> float:
    return (box.top + box.bottom) / 2


def _overlaps(box: FrameBox, area: FrameBox) -> bool:
    return box.meets(area) and area.top <= _level(box) < area.bottom


def _shifted(box: FrameBox, x: int, y: int) -> FrameBox:
    return FrameBox(box.left + x, box.top + y, box.right + x, box.bottom + y)
