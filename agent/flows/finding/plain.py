"""Find a target by words alone, as a flow that was written by hand has no recording.

`words` stand on the target: just these, and once in the window. Where something to type into is wanted,
they label it instead: the one field right of the label in its line, else one close below it. `near` names
the words beside it: the one icon, check box, field or value in their line, on either side, else a field
close below. Where two things fit, none is taken.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.agent.flows.finding.describe import describe_evidence
from qvl_agent.agent.flows.finding.looks import surface_at, text_line, thing_at
from qvl_agent.agent.flows.finding.rows import divided
from qvl_agent.agent.flows.finding.wanted import Candidate, Clue, Wanted
from qvl_agent.agent.flows.finding.words import read_all, said, saying
from qvl_agent.agent.flows.lock import Seen

__all__ = ["Plain"]

_FIELD: Final = 3
"""How much wider than high a field is at least."""
_LEFT: Final = 40
"""Logical pixels left of its label that a check box or an icon is searched in."""
_BELOW: Final = 34
_STEP: Final = 10
_ICON: Final = 34
_ROW: Final = 26
_LETTERS: Final = 2.5
"""How much wider than high a row of small things is that are letters."""
_BLANKS: Final = 3
"""Heights of its letters by which a line is wider than the word in its middle if it is several things."""


@dataclass(frozen=True)
class Plain:
    """A window, and what is wanted in it by words; boxes are in pixels of the window."""

    wanted: Wanted
    frame: Frame
    reader: Reader
    named: bool = False
    """The script names this window, so that it is known to be the right one."""

    @cached_property
    def texts(self) -> tuple[Read, ...]:
        return read_all(self.frame, self.frame.box, self.reader)

    def candidates(self) -> tuple[Candidate, ...]:
        """Return each place that may be the target, with what speaks for it and against it."""
        wanted = self.wanted
        if wanted.words and not wanted.field:
            return tuple(self._with_words(read) for read in self._saying(wanted.words))
        words = wanted.words or ((wanted.near,) if wanted.near else (wanted.row,))
        found = [one for read in self._saying(words) for one in self._beside(read, words)]
        return tuple(found)

    def _saying(self, words: Iterable[str]) -> list[Read]:
        wanted = tuple(words)
        return saying(self.texts, wanted)

    def _with_words(self, read: Read) -> Candidate:
        x, y = (read.box.left + read.box.right) // 2, (read.box.top + read.box.bottom) // 2
        seen = tuple(Seen(text=one.text, box=one.box) for one in self.texts)
        box = describe_evidence(self.frame.pixels, FramePoint(x, y), seen, None, self.frame.scale).box
        if not _contains(box, read.box) or self._holds_others(box, read):
            box = read.box
        whole = Clue("structure", True, 0.5, "it is read as a whole, with nothing else in its line")
        named = (Clue("window", True, 1.0, "in the window that the flow names"),) if self.named else ()
        return Candidate(box, (self._words(read), whole, *named, *self._context(box)))

    def _holds_others(self, box: FrameBox, read: Read) -> bool:
        """Return whether other words stand in a box too: then it is a bar of menus, and no control."""
        level = [
            one for one in self.texts if one != read and abs(one.box.top - read.box.top) <= read.box.height
        ]
        return any(
            _covers(box, (one.box.left + one.box.right) // 2, (one.box.top + one.box.bottom) // 2)
            for one in level
        )

    def _words(self, read: Read) -> Clue:
        around = read.box.grown(round(8 * self.frame.scale), self.frame.size)
        again = [one for one in read_all(self.frame, around, self.reader) if one.box.meets(read.box)]
        both = said(read.text, self.wanted.words) is True and any(
            said(one.text, self.wanted.words) is True for one in again
        )
        if both:
            return Clue("words", True, 1.0, f"“{read.text}” is on it")
        return Clue("words", None, 0.5, f"“{read.text}” may be what is meant, it can't be told")

    def _context(self, box: FrameBox) -> list[Clue]:
        clues = []
        for kind, words in (("row", self.wanted.row), ("place", self.wanted.near)):
            if not words:
                continue
            half = max(box.height, _ROW * self.frame.scale) * (0.75 if kind == "row" else 1.5)
            level = (box.top + box.bottom) / 2
            inside = [
                read
                for read in self._saying((words,))
                if abs((read.box.top + read.box.bottom) / 2 - level) <= half
                and not divided(self.frame.pixels, box, read.box)
            ]
            sure = any(said(read.text, (words,)) for read in inside)
            why = f"“{words}” is " + ("" if inside else "not ") + "beside it"
            answer = True if sure else None if inside else False
            clues.append(Clue("row" if kind == "row" else "place", answer, 1.0 if sure else 0.0, why))
        return clues

    # Beside words

    def _beside(self, read: Read, words: tuple[str, ...]) -> list[Candidate]:
        label = self._letters(read.box)
        found = self._right_of(label)
        if not self.wanted.field:
            found += self._left_of(label)
        if not found or not self._any_control(found):  # a text alone may label the next field
            found += self._below(label)
        return [
            Candidate(
                box, (self._label(read, words, box), Clue("structure", True, 0.8, why), *self._rows_of(box))
            )
            for box, why in found
        ]

    def _any_control(self, found: Iterable[tuple[FrameBox, str]]) -> bool:
        """Return whether anything but texts was found."""
        read = {one.box for one in self.texts}
        return any(box not in read for box, _ in found)

    def _letters(self, box: FrameBox) -> FrameBox:
        """Return the box of a label as high as its letters: a reader's often reaches into the field below."""
        rim = box.height // 6  # no letter reaches into it, but a field's edge may
        inner = FrameBox(box.left, box.top + rim, box.right, box.bottom - rim)
        line = text_line(self.frame.pixels, inner).grown(2, self.frame.size)
        return FrameBox(box.left, max(box.top, line.top), box.right, min(box.bottom, line.bottom))

    def _label(self, read: Read, words: tuple[str, ...], box: FrameBox) -> Clue:
        if self._is_several(box):
            return Clue("words", None, 0.5, f"several things are beside “{read.text}”")
        answer = said(read.text, words)
        return Clue("words", answer, 1.0 if answer else 0.5, f"beside “{read.text}”")

    def _rows_of(self, box: FrameBox) -> list[Clue]:
        return [clue for clue in self._context(box) if clue.kind == "row" and self.wanted.near]

    def _right_of(self, label: FrameBox) -> list[tuple[FrameBox, str]]:
        """Return all things right of a label in its line: fields, values, icons, check boxes."""
        scale = self.frame.scale
        end = self.frame.size[0]
        found: list[FrameBox] = []
        for y in ((label.top + label.bottom) // 2, label.top + 2, label.bottom - 2, label.bottom + 2):
            x = label.right + round(6 * scale)
            while x < end:
                thing = self._thing(x, y, label)
                # What isn't typed into may be as high as two lines, and then other things aren't sure.
                if thing and self.wanted.field and not _level(label, thing):
                    thing = None
                if thing and not any(thing.meets(other) for other in found):
                    found.append(thing)
                x = max(x + round(_STEP * scale), thing.right + 2 if thing else 0)
        if not any(_level(label, one) for one in found):  # only the next line's
            return []
        return [(one, "right of it") for one in found]

    def _left_of(self, label: FrameBox) -> list[tuple[FrameBox, str]]:
        scale = self.frame.scale
        y = (label.top + label.bottom) // 2
        for x in range(label.left - round(6 * scale), label.left - round(_LEFT * scale), -round(6 * scale)):
            found = self._thing(x, y, label) if x > 0 else None
            if found and found.width <= 2 * found.height and found.width <= _ICON * scale:
                return [(found, "left of it")]
        return []

    def _below(self, label: FrameBox) -> list[tuple[FrameBox, str]]:
        scale = self.frame.scale
        for y in range(
            label.bottom + round(4 * scale),
            min(self.frame.size[1], label.bottom + round(_BELOW * scale)),
            round(6 * scale),
        ):
            box = self._field(label.left + round(14 * scale), y, label)
            # A check box below is another line's: what a label stands above is a field, much wider than high.
            if box and abs(box.left - label.left) <= 16 * scale and box.width >= _FIELD * box.height:
                return [(box, "below it")]
        return []

    def _thing(self, x: int, y: int, label: FrameBox) -> FrameBox | None:
        """Return the field, text or small thing at a pixel, if it isn't the label or over a border."""
        field = self._field(x, y, label)
        at = [one.box for one in self.texts if _covers(one.box, x, y) and not one.box.meets(label)]
        small = None
        if not self.wanted.field:
            small = at[0] if at else self._small(x, y, label)
        found = field or small
        return None if found is None or divided_by_panel(self.frame, label, found) else found

    def _field(self, x: int, y: int, label: FrameBox) -> FrameBox | None:
        box = surface_at(self.frame.pixels, x, y)
        if box is None or box.meets(label) or box.height > 4 * label.height or box.width < 12:
            return None
        return None if self._is_group(box) or self._is_in_letter(box) else box

    def _is_in_letter(self, box: FrameBox) -> bool:
        """Return whether a surface is what a letter encloses."""
        return any(one.box.holds(box) and box.height < one.box.height for one in self.texts)

    def _is_several(self, line: FrameBox) -> bool:
        """Return whether a line was read as one though wide blanks are in it: its middle may be any thing."""
        if not any(one.box == line for one in self.texts):
            return False
        letters = text_line(self.frame.pixels, line, (line.left + line.right) // 2)
        return line.width - letters.width > _BLANKS * letters.height

    def _is_group(self, box: FrameBox) -> bool:
        """Return whether things stand side by side in a box: its middle may be any of them."""
        inside = sorted((one.box for one in self.texts if _contains(box, one.box)), key=lambda one: one.left)
        return any(
            abs(one.top - other.top) <= min(one.height, other.height) // 2
            and other.left - one.right > min(one.height, other.height)
            for one, other in pairwise(inside)
        )

    def _small(self, x: int, y: int, label: FrameBox) -> FrameBox | None:
        reach = round(_ICON * self.frame.scale)
        box = thing_at(self.frame.pixels, x, y, reach)
        if box is None or box.meets(label) or not _covers(box, x, y) or self._is_letter(box):
            return None
        return box if min(box.width, box.height) >= 8 * self.frame.scale else None

    def _is_letter(self, box: FrameBox) -> bool:
        """Return whether a small thing is a part of words that weren't read: others stand close beside it."""
        high = box.height
        level = [one.box for one in self.texts if one.box.top < box.bottom and box.top < one.box.bottom]
        left = max([one.right for one in level if one.right <= box.left], default=0)
        right = min([one.left for one in level if one.left >= box.right], default=self.frame.size[0])
        band = FrameBox(
            max(left, box.left - 4 * high),
            max(0, box.top - high),
            min(right, box.right + 4 * high),
            min(self.frame.size[1], box.bottom + high),
        )
        line = text_line(self.frame.pixels, band, (box.left + box.right) // 2)
        return line.width > _LETTERS * max(line.height, high)


def divided_by_panel(frame: Frame, label: FrameBox, found: FrameBox) -> bool:
    """Return whether another panel begins between a label and a thing; the thing's own edge doesn't count."""
    inner = FrameBox(found.left + 2, found.top, max(found.left + 3, found.right - 2), found.bottom)
    tall = label.grown(found.height, frame.size)
    return divided(frame.pixels, FrameBox(label.left, tall.top, label.right, tall.bottom), inner)


def _level(label: FrameBox, thing: FrameBox) -> bool:
    """Return whether a thing is in a label's line, and not in the next one that begins right below."""
    shared = min(label.bottom, thing.bottom) - max(label.top, thing.top)
    return 2 * shared >= min(label.height, thing.height)


def _covers(box: FrameBox, x: int, y: int) -> bool:
    return box.left <= x < box.right and box.top <= y < box.bottom


def _contains(box: FrameBox, inner: FrameBox) -> bool:
    x, y = (inner.left + inner.right) // 2, (inner.top + inner.bottom) // 2
    return _covers(box, x, y)
