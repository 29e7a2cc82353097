"""The careful way: the window looks otherwise than it did, so its texts are read and lead to the target.

The words on the target, or beside it, name the places that it may be at. Each is a candidate, about which
the other kinds of evidence are asked: looks (at the new scale), place (to the landmarks), row. What has no
words at all is searched for by its looks. `find` decides between the candidates.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.beside import Beside
from qvl_agent.agent.flows.finding.looks import peaks, text_line
from qvl_agent.agent.flows.finding.rows import divided
from qvl_agent.agent.flows.finding.wanted import Candidate, Clue
from qvl_agent.agent.flows.finding.window import FAINT, WHOLE, Window, carry, holds, level_of
from qvl_agent.agent.flows.finding.words import read_all, said, saying

__all__ = ["Drifted"]


@dataclass(frozen=True)
class Drifted:
    """What may be the target in a window that looks otherwise; boxes are in pixels of the window."""

    window: Window

    def candidates(self) -> tuple[Candidate, ...]:
        """Return each place that may be the target, with what speaks for it and against it."""
        recorded = self.window.recorded
        if recorded.words:
            found = [self._by_words(read) for read in self.window.saying(recorded.words)]
        elif recorded.key_words or recorded.label_words:
            found = list(Beside(self.window).candidates())
        else:
            found = list(self._by_looks())
        return tuple(found)

    def _by_words(self, read: Read) -> Candidate:
        recorded, scale = self.window.recorded, self.window.scale or 1.0
        old = text_line(recorded.picture, recorded.on[0].box) if recorded.on else recorded.box
        new = text_line(self.window.frame.pixels, read.box)
        box = carry(recorded.box, old, new, scale, self.window.frame.size)
        looks, box = self._looks_at(box, old, new)
        edged, box = self._with_edges(box, new)
        clues = [self._words(read), *looks, *edged, self.window.place(box)]
        clues += self._row(box)
        whole = any(clue.kind == "looks" and clue.says for clue in looks)
        if not whole and new.height < WHOLE * old.height * scale:
            clues.append(Clue("structure", False, 0.0, "only a part of it can be seen"))
        return Candidate(box, tuple(clues))

    def _with_edges(self, box: FrameBox, text: FrameBox) -> tuple[list[Clue], FrameBox]:
        """Ask whether what had edges still has them all: a half painted or covered button hasn't."""
        recorded, scale = self.window.recorded, self.window.scale or 1.0
        if not recorded.edged:
            return [], box
        y, beside = (text.top + text.bottom) // 2, round(5 * scale)
        found = None
        for x in ((text.left + text.right) // 2, text.left - beside, text.right + beside):
            surface = self.window.surface((x, y))
            high = surface.height / (recorded.box.height * scale) if surface else 0.0
            if surface and WHOLE <= high <= 1 / WHOLE and holds(surface, text):
                found = surface
                break
        if found is None:
            return [
                Clue("structure", False, 0.0, "only a part of it can be seen: its edges aren't there")
            ], box
        return [Clue("structure", True, 0.5, "it has edges as it had")], found

    def _words(self, read: Read) -> Clue:
        """Read it again from another crop: a recogniser may read the same pixels otherwise."""
        words = self.window.recorded.words
        first = said(read.text, words)
        second: list[bool | None] = []
        for margin in (8, 4):
            around = read.box.grown(round(margin * self.window.frame.scale), self.window.frame.size)
            again = saying(read_all(self.window.frame, around, self.window.reader), words)
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
        recorded = self.window.recorded
        if self.window.is_faint(old, text):
            return [Clue("looks", False, 0.0, FAINT)], box
        if self.window.is_recoloured(old, text):
            why = "it is drawn in another colour than it was: it may be in another state"
            return [Clue("looks", False, 0.0, why)], box
        if recorded.varies:
            return [], box
        score, at = max(
            (_fit(self.window.levels, one, box) for one in self.window.templates), key=lambda each: each[0]
        )
        if score < self.window.least:
            return [Clue("looks", None, max(0.0, score), f"looks alike by {score:.2f}")], box
        return [Clue("looks", True, score, f"looks alike by {score:.2f}")], at

    def _by_looks(self) -> Iterable[Candidate]:
        for peak in self.window.peaks(self.window.levels):
            yield Candidate(peak.box, (self.window.looks(peak, peak.box), self.window.place(peak.box)))

    def _row(self, box: FrameBox) -> list[Clue]:
        """Ask for the row's words, where some were named: they have to stand in the target's row."""
        recorded, scale = self.window.recorded, self.window.scale or 1.0
        clues = []
        half = (recorded.band[1] - recorded.band[0]) / 2 * scale
        for words in (recorded.key_words, (recorded.wanted.near,)):
            if not any(words):
                continue
            inside = [
                read for read in self.window.saying(words) if abs(level_of(read.box) - level_of(box)) <= half
            ]
            kept = [read for read in inside if not divided(self.window.frame.pixels, box, read.box)]
            sure = any(said(read.text, words) for read in kept)
            why = f"“{words[0]}” is " + ("in its row" if kept else "not in its row")
            answer = True if sure else None if kept else False
            clues.append(Clue("row", answer, 1.0 if sure else 0.0, why))
        return clues


def _fit(levels: Any, template: Any, box: FrameBox) -> tuple[float, FrameBox]:
    """Return how well a template fits about a box, and where it fits best."""
    height, width = template.shape
    x, y = (box.left + box.right - width) // 2, (box.top + box.bottom - height) // 2
    across, down = max(6, height), max(4, height // 4)
    left, top = max(0, x - across), max(0, y - down)
    part = levels[top : max(0, y + height + down), left : max(0, x + width + across)]
    best = next(iter(peaks(part, template, 0.0, most=1)), None)
    return (best.score, best.box.moved(left, top)) if best else (0.0, box)
