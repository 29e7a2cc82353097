"""What a search needs to know of a recorded target: the words on it, its label, its row, what is like it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.agent.flows.finding.describe import alike, row_pitch
from qvl_agent.agent.flows.finding.looks import Peak, surface_at
from qvl_agent.agent.flows.finding.rows import band_of, in_row, label_of
from qvl_agent.agent.flows.finding.wanted import Wanted
from qvl_agent.agent.flows.finding.words import normal, said, says
from qvl_agent.agent.flows.lock import Evidence, Seen

__all__ = ["Recorded", "has_edges"]

_ABOUT: Final = 6
"""Pixels by which a control's box and its surface may differ."""


@dataclass(frozen=True)
class Recorded:
    """A target's evidence beside what is wanted now. All boxes are in pixels of the recorded picture."""

    wanted: Wanted
    evidence: Evidence
    picture: Pixels

    @property
    def box(self) -> FrameBox:
        return self.evidence.box

    @cached_property
    def on(self) -> tuple[Seen, ...]:
        """Return the texts on the target, the widest first."""
        box = self.box
        inside = [one for one in self.evidence.texts if _within(one.box, box)]
        return tuple(sorted(inside, key=lambda one: -one.box.width))

    @cached_property
    def rest(self) -> tuple[Seen, ...]:
        """Return all texts that aren't on the target."""
        return tuple(one for one in self.evidence.texts if not _within(one.box, self.box))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Return the words one of which has to stand on it; () if it is known by what is beside."""
        text = self.evidence.text
        if self.key_words and not text:
            return ()
        if not self.wanted.words:
            return (text,) if text and not self.evidence.text_varies else ()
        if text and said(text, self.wanted.words) is not False:
            return self.wanted.words
        # Of a list's item the words are another's now: what said so in the recording was its neighbour.
        labelled = self.wanted.field or not text or self._beside(self.wanted.words, self.row) is not None
        return () if labelled else self.wanted.words

    @property
    def varies(self) -> bool:
        """Return whether other words may stand on it than then, so that its looks prove nothing."""
        text = self.evidence.text
        return self.evidence.text_varies or bool(self.words and said(text, self.words) is not True)

    @property
    def is_another(self) -> bool:
        """Return whether another item of a list is meant than the recorded one: it lies elsewhere in it."""
        row, then = self.wanted.row, self.evidence.row
        other_row = bool(row) and says(then, row) is not True and not self._stood_beside(row)
        return other_row or bool(self.words and self.varies)

    def _stood_beside(self, words: str) -> bool:
        return any(says(one.text, words) for one in self.row)

    @cached_property
    def key_words(self) -> tuple[str, ...]:
        """Return the words that have to stand in its row, where one was named; () for none."""
        return tuple(one for one in (self.wanted.row or self.evidence.row,) if one)

    @cached_property
    def label_words(self) -> tuple[str, ...]:
        """Return the words that have to stand beside it; () if it has its own, or none were named."""
        if self.wanted.near:
            return (self.wanted.near,)
        if self.words:
            return ()
        return self.wanted.words or ((self.label.text,) if self.label else ())

    @cached_property
    def label(self) -> Seen | None:
        """Return the text that labelled it: the one that was named, else the one beside it."""
        if self.wanted.near:
            return self._beside((self.wanted.near,), self.around)
        if self.words:
            return None
        if self.wanted.words:
            return self._beside(self.wanted.words, self.around)
        beside = label_of(self.picture, self.box, self.rest, self.band)
        return beside if isinstance(beside, Seen) else None

    @cached_property
    def key(self) -> Seen | None:
        """Return the text that named its row then; None if it had none, or it can't be found again."""
        return self._beside((self.evidence.row,), self.row) if self.evidence.row else None

    @cached_property
    def row(self) -> tuple[Seen, ...]:
        """Return the texts in its row, the nearest first."""
        found = in_row(self.picture, self.box, self.rest, self.band)
        return tuple(one for one in found if isinstance(one, Seen))

    @cached_property
    def around(self) -> tuple[Seen, ...]:
        """Return the texts that may label it: those in its row, and those close above or below it."""
        box = self.box
        near = [
            one
            for one in self.rest
            if min(abs(box.top - one.box.bottom), abs(one.box.top - box.bottom)) <= 1.6 * one.box.height
            and min(box.right, one.box.right) > max(box.left, one.box.left) - one.box.height
        ]
        return tuple(dict.fromkeys((*self.row, *near)))

    @cached_property
    def alike(self) -> tuple[Peak, ...]:
        """Return what else looked like it then, whatever text was on it."""
        return alike(self.picture, self.box)

    @cached_property
    def pitch(self) -> float | None:
        """Return the distance to the next row; None if nothing above or below it is like it."""
        if self.evidence.pitch is not None:
            return self.evidence.pitch or None
        return row_pitch(self.picture, self.box)

    @cached_property
    def band(self) -> tuple[float, float]:
        """Return the top and bottom of its row."""
        return band_of(self.box, self.pitch, self.evidence.picture.scale)

    @cached_property
    def edged(self) -> bool:
        """Return whether it had edges of its own, as a button has."""
        return has_edges(self.picture, self.box)

    @cached_property
    def twins(self) -> tuple[Seen, ...]:
        """Return the texts elsewhere that said what the target says."""
        text = normal(self.evidence.text)
        return tuple(one for one in self.rest if text and normal(one.text) == text)

    def _beside(self, words: Sequence[str], texts: Sequence[Seen]) -> Seen | None:
        """Return the text of some, nearest to the target, that said one of some words."""
        x, y = (self.box.left + self.box.right) / 2, (self.box.top + self.box.bottom) / 2
        saying = [one for one in texts if any(says(one.text, word) is True for word in words)]

        def away(one: Seen) -> float:
            across = max(one.box.left - x, x - one.box.right, 0)
            return across + 3 * max(one.box.top - y, y - one.box.bottom, 0)

        return min(saying, key=away, default=None)


def has_edges(picture: Pixels, box: FrameBox) -> bool:
    """Return whether a box is one surface with edges of its own, as a button is."""
    y, inside = (box.top + box.bottom) // 2, max(_ABOUT, box.height // 4)
    for x in ((box.left + box.right) // 2, box.left + inside, box.right - inside):  # one may be in a letter
        found = surface_at(picture, x, y)
        if (
            found is not None
            and abs(found.height - box.height) <= _ABOUT
            and abs(found.width - box.width) <= _ABOUT
        ):
            return True
    return False


def _within(text: FrameBox, box: FrameBox) -> bool:
    x, y = (text.left + text.right) // 2, (text.top + text.bottom) // 2
    return box.left - 2 <= x < box.right + 2 and box.top - 2 <= y < box.bottom + 2
