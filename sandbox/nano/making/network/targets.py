"""The targets of the first stage: what each patch and cell of a picture shows.

Trained on replies alone, the model doesn't get past guessing digits. So the tower learns first, from the
widgets under each patch; the heads that are used for it are thrown away afterwards. The cell that holds a
widget's middle matters most: there the language model is taught to look for the widget.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.sandbox.nano.making.samples import Item
from qvl_agent.sandbox.nano.making.shape import CELL, GRID, PICTURE

__all__ = ["FLAGS", "IGNORED", "PLACES_PER_CELL", "ROLES", "Targets", "cell_of", "paint_targets"]

ROLES: Final = (
    "nothing", "button", "check box", "drop-down", "list item", "menu item", "option", "radio button",
    "scroll area", "slider", "slider handle", "swatch", "tab", "text", "text field",
)  # fmt: skip
FLAGS: Final = ("checked", "selected", "focused", "pinned", "muted", "unread", "mine", "liked")
"""The flags of a widget's state; if it doesn't have one, the list item around it is asked."""
IGNORED: Final = -100
"""A target that isn't known, or that nothing is learnt from."""
PLACES_PER_CELL: Final = 5
"""A cell's places: its four patches, and the cell itself."""
_PART: Final = 0.4
"""The share of a small widget that must lie in a patch for the patch to show it."""
_PATCH: Final = CELL // 2
"""The side of a patch, in px."""
_LEVEL: Final = 0.7
"""How far the weights of small and large widgets are levelled: 0 not at all, 1 wholly."""
_OWN: Final = 3.0
_NOTHING: Final = 0.3
"""The weight of a cell itself, with a widget and without; a patch's is 1 on average."""

Ints = npt.NDArray[np.int64]
Edges = tuple[float, float, float, float]
"""(left, top, right, bottom) in px."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The targets of one picture: shape (cells, 5) for each cell's five places, unless noted.

    A patch shows the smallest widget on it; a cell shows the smallest widget whose middle lies in it.

    Attributes:
        role: The index of the widget's role in `ROLES`.
        word: The number of the widget's label; 0 for a label without one, IGNORED for no label.
        row: The same for the list item around it.
        value: The same for its value.
        flags: 0 or 1, IGNORED where not known; shape (cells, 5, flags).
        boxes: Left, top, right and bottom from 0 to 999 over the picture, IGNORED where there is no widget
            or the side is outside; shape (cells, 5, 4).
        weights: The weight of a place, 1 on average over the patches. A small widget has few patches, but
            counts nearly as much as a large one.
        middle: The middle of the cell, across and down, from 0 to 999; shape (cells, 2).
    """

    role: Ints
    word: Ints
    row: Ints
    value: Ints
    flags: Ints
    boxes: Ints
    weights: npt.NDArray[np.float32]
    middle: Ints


def paint_targets(
    items: Sequence[Item], words: Mapping[str, int], shift: tuple[int, int] = (0, 0)
) -> Targets:
    """Return a picture's targets.

    Args:
        items: The widgets on the picture.
        words: The numbers of labels, from 1 on, by label.
        shift: By how many px the picture was moved to the right and down.
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
    """Return the cell of a whole screen with a box's middle: left, top, right, bottom on the 0–1000 grid."""
    across = (box[0] + box[2]) / 2000 * GRID[1]
    down = (box[1] + box[3]) / 2000 * GRID[0]
    return min(GRID[0] - 1, int(down)) * GRID[1] + min(GRID[1] - 1, int(across))


def _rank(rect: Edges) -> tuple[int, float]:
    """Sort widgets so that those to be shown come last: small ones, near the middle of a cell."""
    middle = (rect[0] + rect[2]) / 2 % CELL - CELL / 2, (rect[1] + rect[3]) / 2 % CELL - CELL / 2
    return -round(2 * math.log2(max(1.0, _area(rect)))), -math.hypot(*middle)


def _middle(rect: Edges) -> int | None:
    """Return the cell that a rectangle's middle lies in; None if that is outside the picture."""
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
    """Return the patches that show a rectangle: those whose middle is in it, or that hold enough of it."""
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
    """Reshape (rows, columns) of patches to (cells, 4)."""
    high, wide = GRID
    return grid.reshape(high, 2, wide, 2).transpose(0, 2, 1, 3).reshape(high * wide, 4)


def _gathered(
    items: Sequence[Item], rects: Sequence[Edges], words: Mapping[str, int], inner: Ints, outer: Ints
) -> Targets:
    """Look up each place's widget in tables; the last row of each is for no widget (index -1)."""
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
    """Return a rectangle on the 0–999 scale; IGNORED for a side that is outside the picture."""
    found = []
    for place, size in zip(rect, (*PICTURE, *PICTURE), strict=True):
        on_grid = round(place * 1000 / size)
        found.append(min(999, on_grid) if 0 <= on_grid <= 1000 else IGNORED)
    return found
