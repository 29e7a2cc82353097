"""A target that is known by the words beside it: an icon or a check box in its row, a field by its label."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.looks import text_line
from qvl_agent.agent.flows.finding.recorded import Recorded
from qvl_agent.agent.flows.finding.rows import Side, divided, side_of
from qvl_agent.agent.flows.finding.wanted import Candidate, Clue
from qvl_agent.agent.flows.finding.window import FAINT, WHOLE, Window, carry, holds, level_of
from qvl_agent.agent.flows.finding.words import said
from qvl_agent.agent.flows.lock import Seen

__all__ = ["Beside"]

_SLACK: Final = 6
"""Logical pixels by which a target may lie otherwise to its label than it did."""


@dataclass(frozen=True)
class Beside:
    """What may be the target beside the words that name it; boxes are in pixels of the window."""

    window: Window

    def candidates(self) -> Iterable[Candidate]:
        """Yield each place beside those words, with what speaks for it and against it."""
        recorded = self.window.recorded
        words = recorded.key_words or recorded.label_words
        old = recorded.key if recorded.key_words else recorded.label
        for read in self.window.saying(words):
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
        recorded, scale = self.window.recorded, self.window.scale or 1.0
        if not recorded.is_another or old is None:
            return self.window.place(box)
        carried = carry(recorded.box, old.box, read.box, scale, self.window.frame.size, clip=False)
        slack = 6 * scale
        level = abs(level_of(carried) - level_of(box)) <= slack
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
        recorded, scale = self.window.recorded, self.window.scale or 1.0
        area = self._area(read.box, old.box if old is not None else None, side)
        if not recorded.varies and recorded.evidence.text == "" and not _is_field(recorded):
            yield from self._alike_in(area, read.box)
            return
        carried = carry(recorded.box, old.box, read.box, scale, self.window.frame.size) if old else area
        x, y = (carried.left + carried.right) // 2, (carried.top + carried.bottom) // 2
        points = [(x, y), (carried.left + round(12 * scale), y), (read.box.left + round(12 * scale), y)]
        seen: list[FrameBox] = []
        for at in points:
            box = self.window.surface(at)
            if box is None or box in seen or box.meets(read.box) or not _overlaps(box, area):
                continue
            seen.append(box)
            high, wide = (
                now / (then * scale) for now, then in zip(_size(box), _size(recorded.box), strict=True)
            )
            if WHOLE <= high <= 1 / WHOLE and 0.4 <= wide <= 2.5:
                yield box, [self._is_the_field(box), *self._drawn_fainter(box)]

    def _drawn_fainter(self, box: FrameBox) -> list[Clue]:
        """Say so where the text that stood in a field stands there fainter: it may be disabled."""
        recorded, pixels = self.window.recorded, self.window.frame.pixels
        for old in recorded.on[:1]:
            for read in self.window.saying((old.text,)):
                same = holds(box, read.box) and said(read.text, (old.text,))
                then, now = text_line(recorded.picture, old.box), text_line(pixels, read.box)
                if same and self.window.is_faint(then, now):
                    return [Clue("looks", False, 0.0, FAINT)]
        return []

    def _is_the_field(self, box: FrameBox) -> Clue:
        """Say whether a field is free of what stood elsewhere: a neighbour may have moved into its place."""
        elsewhere = [
            mark.text
            for mark in self.window.marks
            if holds(box, mark.new) and not holds(self.window.recorded.box, mark.old)
        ]
        if elsewhere:
            return Clue("structure", False, 0.0, f"“{elsewhere[0]}” is on it, which was elsewhere")
        return Clue("structure", True, 0.8, "a field of its height")

    def _area(self, label: FrameBox, old: FrameBox | None, side: Side) -> FrameBox:
        """Return where beside its label a target is searched: its row on that side, or close below."""
        recorded, scale = self.window.recorded, self.window.scale or 1.0
        width, height = self.window.frame.size
        slack = round(_SLACK * scale)
        if old is None:
            return FrameBox(0, max(0, label.top - slack), width, min(height, label.bottom + slack))
        carried = carry(recorded.box, old, label, scale, self.window.frame.size, clip=False)
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
        levels = self.window.levels[area.top : area.bottom, area.left : area.right]
        for peak in self.window.peaks(levels):
            box = peak.box.moved(area.left, area.top)
            if divided(self.window.frame.pixels, box, label):
                continue
            yield box, [self.window.looks(peak, box)]

    def _also_beside(self, box: FrameBox) -> list[Clue]:
        words = self.window.recorded.label_words
        near = [
            read
            for read in self.window.saying(words)
            if abs(level_of(read.box) - level_of(box)) <= box.height
        ]
        if self.window.recorded.wanted.near and not near:
            return [Clue("words", False, 0.0, f"“{words[0]}” isn't beside it")]
        return []


_WHERE: Final[dict[Side, str]] = {
    "left": "right of",
    "right": "left of",
    "above": "below",
    "below": "above",
    "on": "on",
}


def _is_field(recorded: Recorded) -> bool:
    """Return whether it is a field by its form: much wider than high."""
    return recorded.box.width >= 3 * recorded.box.height


def _size(box: FrameBox) -> tuple[int, int]:
    return box.height, box.width


def _overlaps(box: FrameBox, area: FrameBox) -> bool:
    return box.meets(area) and area.top <= level_of(box) < area.bottom
