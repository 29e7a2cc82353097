"""What each patch of a picture shows: the dense supervision that teaches the tower to see.

Trained on replies alone, the model doesn't get past guessed digits. So its eyes learn first, from the
widgets under each patch; the heads that are used for it are thrown away afterwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.sandbox.nano.samples import Item
from qvl_agent.sandbox.nano.shape import CELL, GRID, PICTURE

__all__ = ["FLAGS", "IGNORED", "ROLES", "Targets", "cells_under", "paint"]

ROLES: Final = (
    "nothing", "button", "check box", "drop-down", "list item", "menu item", "option", "radio button",
    "scroll area", "slider", "slider handle", "swatch", "tab", "text", "text field",
)  # fmt: skip
FLAGS: Final = ("checked", "selected", "focused", "pinned", "muted", "unread", "mine", "liked")
"""What a state says; of the row around it where the widget itself says nothing."""
IGNORED: Final = -100
_PART: Final = 0.4
"""The share of a small widget that must lie in a patch for the patch to stand for it."""
_PATCH: Final = CELL // 2
_LEVEL: Final = 0.7
"""How far widgets of different sizes are levelled: 0 not at all, 1 wholly."""

Ints = npt.NDArray[np.int64]
Edges = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class Targets:
    """For each cell's four patches, shape (cells, 4); `flags` (cells, 4, flags), `boxes` (cells, 4, 4).

    Attributes:
        role: an index of `ROLES`.
        word: of the widget's label in the vocabulary of words, 0 for another one, IGNORED for none.
        row: the same of the list item around it.
        value: the same of what it holds.
        flags: 0 or 1, IGNORED where it can't be said.
        boxes: left, top, right and bottom from 0 to 999 over the picture, IGNORED for nothing.
        weights: how much a patch counts, 1 on the average: a small widget has few of them, and matters
            nearly as much as a large one.
    """

    role: Ints
    word: Ints
    row: Ints
    value: Ints
    flags: Ints
    boxes: Ints
    weights: npt.NDArray[np.float32]


def paint(items: Sequence[Item], words: Mapping[str, int], shift: tuple[int, int] = (0, 0)) -> Targets:
    """Say what each patch shows.

    Args:
        items: the widgets on the picture.
        words: labels by number, from 1 on.
        shift: pixels that the picture was moved by, to the right and down.
    """
    high, wide = 2 * GRID[0], 2 * GRID[1]
    inner, outer = np.full((high, wide), -1), np.full((high, wide), -1)
    rects = [_pixels(item.box, shift) for item in items]
    for index in sorted(range(len(items)), key=lambda at: -_area(rects[at])):
        part = _patches(rects[index])
        inner[part] = index
        if items[index].role == "list item":
            outer[part] = index
    return _gathered(items, rects, words, _cells(inner), _cells(outer))


def cells_under(box: Sequence[int]) -> list[int]:
    """Say which cells of a whole screen stand for a reply's box: left, top, right, bottom; 0 to 1000."""
    left, right = (side * PICTURE[0] / 1000 for side in box[::2])
    top, bottom = (side * PICTURE[1] / 1000 for side in box[1::2])
    rows, columns = _patches((left, top, right, bottom))
    found = {
        row // 2 * GRID[1] + column // 2
        for row in range(rows.start, rows.stop)
        for column in range(columns.start, columns.stop)
    }
    return sorted(found)


def _pixels(box: Sequence[float], shift: tuple[int, int]) -> Edges:
    left, top = box[0] * PICTURE[0] + shift[0], box[1] * PICTURE[1] + shift[1]
    right, bottom = box[2] * PICTURE[0] + shift[0], box[3] * PICTURE[1] + shift[1]
    return left, top, right, bottom


def _area(rect: Edges) -> float:
    return (rect[2] - rect[0]) * (rect[3] - rect[1])


def _patches(rect: Edges) -> tuple[slice, slice]:
    """The patches that stand for a rectangle: those whose middle is in it, or that hold enough of it."""
    return _span(rect[1], rect[3], 2 * GRID[0]), _span(rect[0], rect[2], 2 * GRID[1])


def _span(low: float, high: float, count: int) -> slice:
    first, last = int(np.ceil(low / _PATCH - 0.5)), int(np.floor(high / _PATCH - 0.5))
    if first > last:  # no patch's middle is in it
        first = last = int((low + high) / 2 // _PATCH)
    elif high - low < 2 * _PATCH:  # a small one also counts where much of it lies
        before, after = first * _PATCH - low, high - (last + 1) * _PATCH
        first -= before >= _PART * (high - low)
        last += after >= _PART * (high - low)
    return slice(max(0, first), min(count, last + 1))


def _cells(grid: Ints) -> Ints:
    """From (rows, columns) of patches to (cells, 4)."""
    high, wide = GRID
    return grid.reshape(high, 2, wide, 2).transpose(0, 2, 1, 3).reshape(high * wide, 4)


def _gathered(
    items: Sequence[Item], rects: Sequence[Edges], words: Mapping[str, int], inner: Ints, outer: Ints
) -> Targets:
    """Look every patch's widget up; the last row of each table is for none (index -1)."""
    role = [ROLES.index(item.role) for item in items] + [0]
    word = [words.get(item.label, 0) if item.label else IGNORED for item in items] + [IGNORED]
    value = [_value(item.state, words) for item in items] + [IGNORED]
    flags = [[_flag(item.state.get(name)) for name in FLAGS] for item in items] + [[IGNORED] * len(FLAGS)]
    boxes = [_grid(rect) for rect in rects] + [[IGNORED] * 4]
    own, around = np.array(flags)[inner], np.array(flags)[outer]
    return Targets(
        role=np.array(role)[inner],
        word=np.array(word)[inner],
        row=np.array(word)[outer],
        value=np.array(value)[inner],
        flags=np.where(own == IGNORED, around, own),
        boxes=np.array(boxes)[inner],
        weights=_weights(inner, len(items)),
    )


def _weights(inner: Ints, count: int) -> npt.NDArray[np.float32]:
    patches = np.bincount(inner.ravel() + 1, minlength=count + 1)
    weights = 1 / np.maximum(patches, 1) ** _LEVEL
    return np.asarray(weights[inner + 1] / weights[inner + 1].mean(), dtype=np.float32)


def _value(state: Mapping[str, object], words: Mapping[str, int]) -> int:
    value = state.get("value")
    if not isinstance(value, str) and not isinstance(value, int):
        return IGNORED
    return words.get(str(value), 0)


def _flag(value: object) -> int:
    return IGNORED if value is None else int(bool(value))


def _grid(rect: Edges) -> list[int]:
    """Where a rectangle lies on the scale of the replies; IGNORED where it sticks out of the picture."""
    found = []
    for place, size in zip(rect, (*PICTURE, *PICTURE), strict=True):
        on_grid = round(place * 1000 / size)
        found.append(min(999, on_grid) if 0 <= on_grid <= 1000 else IGNORED)
    return found
