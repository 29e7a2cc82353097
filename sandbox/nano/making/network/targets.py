"""What each patch and cell of a picture shows: the dense supervision that teaches the tower to see.

Trained on replies alone, the model doesn't get past guessed digits. So its eyes learn first, from the
widgets under each patch; the heads that are used for it are thrown away afterwards. The cell that a widget's
middle lies in is to know it best: it is where the language model is taught to look for it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.sandbox.nano.making.samples import Item
from qvl_agent.sandbox.nano.making.shape import CELL, GRID, PICTURE

__all__ = ["FLAGS", "IGNORED", "PLACES", "ROLES", "Targets", "cell_of", "paint"]

ROLES: Final = (
    "nothing", "button", "check box", "drop-down", "list item", "menu item", "option", "radio button",
    "scroll area", "slider", "slider handle", "swatch", "tab", "text", "text field",
)  # fmt: skip
FLAGS: Final = ("checked", "selected", "focused", "pinned", "muted", "unread", "mine", "liked")
"""What a state says; of the row around it where the widget itself says nothing."""
IGNORED: Final = -100
PLACES: Final = 5
"""Of a cell: its four patches, and the cell itself."""
_PART: Final = 0.4
"""The share of a small widget that must lie in a patch for the patch to stand for it."""
_PATCH: Final = CELL // 2
_LEVEL: Final = 0.7
"""How far widgets of different sizes are levelled: 0 not at all, 1 wholly."""
_OWN: Final = 3.0
_NOTHING: Final = 0.3
"""How much a cell itself counts beside a patch, with a widget and without."""

Ints = npt.NDArray[np.int64]
Edges = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


@dataclass(frozen=True, slots=True)
class Targets:
    """For each cell's five places, shape (cells, 5); `flags` (cells, 5, flags), `boxes` (cells, 5, 4).

    A patch stands for the smallest widget on it; a cell for the smallest one whose middle lies in it.

    Attributes:
        role: an index of `ROLES`.
        word: of the widget's label in the vocabulary of words, 0 for another one, IGNORED for none.
        row: the same of the list item around it.
        value: the same of what it holds.
        flags: 0 or 1, IGNORED where it can't be said.
        boxes: left, top, right and bottom from 0 to 999 over the picture, IGNORED for nothing.
        weights: how much a place counts, 1 on the average of the patches: a small widget has few of them,
            and matters nearly as much as a large one.
        middle: of the cell itself, across and down, from 0 to 999: shape (cells, 2).
    """

    role: Ints
    word: Ints
    row: Ints
    value: Ints
    flags: Ints
    boxes: Ints
    weights: npt.NDArray[np.float32]
    middle: Ints


def paint(items: Sequence[Item], words: Mapping[str, int], shift: tuple[int, int] = (0, 0)) -> Targets:
    """Say what each place shows.

    Args:
        items: the widgets on the picture.
        words: labels by number, from 1 on.
        shift: pixels that the picture was moved by, to the right and down.
    """
    high, wide = 2 * GRID[0], 2 * GRID[1]
    inner, outer = np.full((high, wide), -1), np.full((high, wide), -1)
    own, around = np.full(GRID[0] * GRID[1], -1), np.full(GRID[0] * GRID[1], -1)
    rects = [_pixels(item.box, shift) for item in items]
    for index in sorted(range(len(items)), key=lambda at: _rank(rects[at])):
        part = _patches(rects[index])
        inner[part] = index
        if items[index].role == "list item":
            outer[part] = index
        cell = _middle(rects[index])
        if cell is not None:
            own[cell] = index
            around[cell] = outer[part].flat[0]
    inner, outer = _cells(inner), _cells(outer)
    return _gathered(items, rects, words, np.column_stack([inner, own]), np.column_stack([outer, around]))


def cell_of(box: Sequence[int]) -> int:
    """Say in which cell of a whole screen a reply's box has its middle: left, top, right, bottom; 0-1000."""
    across = (box[0] + box[2]) / 2000 * GRID[1]
    down = (box[1] + box[3]) / 2000 * GRID[0]
    return min(GRID[0] - 1, int(down)) * GRID[1] + min(GRID[1] - 1, int(across))


def _rank(rect: Edges) -> tuple[int, float]:
    """Order widgets so that what a place stands for comes last: a small one, near the middle of its cell."""
    middle = (rect[0] + rect[2]) / 2 % CELL - CELL / 2, (rect[1] + rect[3]) / 2 % CELL - CELL / 2
    return -round(2 * math.log2(max(1.0, _area(rect)))), -math.hypot(*middle)


def _middle(rect: Edges) -> int | None:
    """The cell that a rectangle's middle lies in; none where that is outside the picture."""
    column, row = (rect[0] + rect[2]) / 2 // CELL, (rect[1] + rect[3]) / 2 // CELL
    if not (0 <= row < GRID[0] and 0 <= column < GRID[1]):
        return None
    return int(row) * GRID[1] + int(column)


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
    word = [_word(item.label, words) for item in items] + [IGNORED]
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
        middle=_middles(),
    )


def _middles() -> Ints:
    high, wide = GRID
    down, across = np.mgrid[:high, :wide]
    both = np.stack([(across + 0.5) / wide, (down + 0.5) / high], -1) * 1000
    return both.reshape(high * wide, 2).astype(np.int64)


def _weights(inner: Ints, count: int) -> npt.NDArray[np.float32]:
    patches, own = inner[:, :4], inner[:, 4:]
    counted = np.bincount(patches.ravel() + 1, minlength=count + 1)
    weights = 1 / np.maximum(counted, 1) ** _LEVEL
    found = weights[patches + 1] / weights[patches + 1].mean()
    return np.column_stack([found, np.where(own < 0, _NOTHING, _OWN)]).astype(np.float32)


def _word(label: str, words: Mapping[str, int]) -> int:
    return words.get(label, 0) if label else IGNORED


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
