"""The words beside a target: its row's, in a list or table, and its label.

A row is what overlaps the target's height, in the same panel: what a line from top to bottom divides from
it is another panel's. A label of a check box, a switch or a value stands in its row; a field's stands left
of it, or close above it, beginning where it begins.
"""

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.agent.flows.finding.looks import grey
from qvl_agent.agent.flows.finding.words import Text, is_identifier, normal

__all__ = ["Side", "band_of", "divided", "in_row", "is_label", "key_of", "label_of", "side_of"]

Side = Literal["left", "right", "above", "below", "on"]
"""Where a label lies, seen from its target."""

_LINE: Final = 20
"""Logical pixels of a row's least height."""
_ABOVE: Final = 1.6
"""The most lines of text between a field and the label above it."""
_SHARED: Final = 0.2
"""The least share of a text's height, or the row's, that has to lie in the row."""
_EDGE: Final = 4
_WHOLE: Final = 0.9
"""The share of a row's height that a line has to cover to divide two panels."""


def band_of(box: FrameBox, pitch: float | None, scale: float) -> tuple[float, float]:
    """Return the top and bottom of what is surely a target's row: its height, less where rows are closer.

    What looks alike above and below it isn't always the next row's (a switch that is on looks otherwise),
    so it narrows the row and never widens it.
    """
    centre = (box.top + box.bottom) / 2
    half = max(box.height / 2, _LINE * scale / 2)
    if pitch:
        half = min(half, pitch / 2)
    return centre - half, centre + half


def in_row(pixels: Pixels, box: FrameBox, texts: Sequence[Text], band: tuple[float, float]) -> list[Text]:
    """Return the texts in a target's row, in its panel, the nearest first; not those on it."""
    found = []
    for one in texts:
        shared = min(one.box.bottom, band[1]) - max(one.box.top, band[0])
        level = shared >= _SHARED * min(one.box.height, band[1] - band[0])
        if level and not _on(one.box, box) and not divided(pixels, box, one.box):
            found.append(one)
    return sorted(found, key=lambda one: _across(one.box, box))


def _on(text: FrameBox, box: FrameBox) -> bool:
    x, y = (text.left + text.right) / 2, (text.top + text.bottom) / 2
    return box.left - 2 <= x < box.right + 2 and box.top - 2 <= y < box.bottom + 2


def _across(box: FrameBox, other: FrameBox) -> int:
    return max(box.left - other.right, other.left - box.right, 0)


def divided(pixels: Pixels, box: FrameBox, other: FrameBox) -> bool:
    """Return whether a line from top to bottom, or another colour's edge, lies between two boxes."""
    left, right = (box.right, other.left) if other.left >= box.right else (other.right, box.left)
    left, right = max(0, left - 1), min(pixels.shape[1], right + 1)
    top = max(0, min(box.top, other.top) - 3)
    bottom = min(pixels.shape[0], max(box.bottom, other.bottom) + 3)
    if right - left < 3 or bottom - top < 3:
        return False
    levels = grey(pixels[top:bottom, left:right]).astype(np.int16)
    steps = np.abs(np.diff(levels, axis=1)) > _EDGE
    return bool((steps.mean(axis=0) >= _WHOLE).any())


def key_of(row: Sequence[Text], texts: Sequence[Text]) -> Text | None:
    """Return the text that names a row: one that stands once, has letters, and is leftmost, then topmost."""
    once = [normal(one.text, exact=is_identifier(one.text)) for one in texts]
    named = [one for one in row if is_label(one.text) or len(normal(one.text)) > 3]

    def rank(one: Text) -> tuple[bool, bool, int, int]:
        letters = sum(character.isalpha() for character in one.text)
        shown = normal(one.text, exact=is_identifier(one.text))
        return once.count(shown) > 1, letters < 2, one.box.left // 8, one.box.top

    return min(named, key=rank, default=None)


def label_of(pixels: Pixels, box: FrameBox, texts: Sequence[Text], band: tuple[float, float]) -> Text | None:
    """Return the text that labels a target: the nearest in its row, or close above it; None if there's none.

    A field's label is left of it or above it; right of it stands only a check box's or radio button's.
    """
    texts = [one for one in texts if is_label(one.text)]
    row = in_row(pixels, box, texts, band)
    above = [one for one in texts if _close_above(box, one.box)]
    small = box.width <= 2.2 * box.height
    right = [one for one in row if one.box.left >= box.right - 2]
    left = [one for one in row if one.box.right <= box.left + 2 and _in_line(box, one.box)]
    if small and right and _across(right[0].box, box) <= 1.5 * box.height:
        return right[0]
    if not small and above:
        return max(above, key=lambda one: one.box.bottom)
    if left:
        return left[0]
    if small and right:
        return right[0]
    return max(above, key=lambda one: one.box.bottom, default=None)


def is_label(text: str) -> bool:
    """Return whether a text may label something: times, marks, and check boxes read as 0 or O don't."""
    letters = [character for character in normal(text) if character.isalpha()]
    return len(letters) > 1 or any(ord(character) > 0x2E80 for character in letters)


def _in_line(box: FrameBox, text: FrameBox) -> bool:
    """Return whether a text is close left of a box, or further away in just its line."""
    off = abs(box.top + box.bottom - text.top - text.bottom) / 2
    return _across(box, text) <= 4 * text.height or off <= 0.2 * text.height


def _close_above(box: FrameBox, text: FrameBox) -> bool:
    gap = box.top - text.bottom
    begins = abs(text.left - box.left) <= max(14, text.height)
    return -3 <= gap <= _ABOVE * text.height and begins


def side_of(box: FrameBox, label: FrameBox) -> Side:
    """Return where a label lies, seen from its target."""
    if _on(label, box):
        return "on"
    if label.bottom <= box.top + 3 and _across(box, label) == 0:
        return "above"
    if label.top >= box.bottom - 3 and _across(box, label) == 0:
        return "below"
    return "left" if label.left + label.right < box.left + box.right else "right"
