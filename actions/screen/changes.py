"""Find where two captures of the same view differ, exactly: one changed pixel is a change.

Captures are lossless, so nothing is blurred or tolerated here; a perceptual hash would miss a check
box. Screens come as BGRA, and frames are RGB views on that buffer; so pixels are compared there as
32-bit words, without the fourth byte, which has no meaning.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.core.outcome import Change

__all__ = [
    "CELL",
    "CLOCK",
    "NEAR",
    "TILE",
    "CellSums",
    "Mask",
    "boxes",
    "cell_sums",
    "coarser",
    "compare",
    "difference",
    "groups",
    "is_caret",
    "same",
    "tile_map",
    "touches",
]

TILE: Final = 32
"""The side of a tile, in frame pixels."""
CELL: Final = 16
"""The side of a cell, for what is as small as two digits, in frame pixels."""
CLOCK: Final = (160, 48)
"""The largest width and height, in logical pixels, of something small that tells a time or the like."""
NEAR: Final = 48
"""The distance from a target's box within which a change counts as near it, in frame pixels."""

Mask = npt.NDArray[np.bool_]
CellSums = npt.NDArray[np.uint64]
"""A checksum for each cell of a frame, of shape (rows, columns)."""
_Bits = npt.NDArray[np.unsignedinteger[Any]]
"""Pixels to compare: words of shape (height, width), or bytes of shape (height, width, 3)."""
_COLOURS: Final = np.uint32(0x00FFFFFF)


def tile_map(before: Frame, after: Frame, tile: int = TILE) -> Mask:
    """Return which tiles of `after` hold a changed pixel, as bools of shape (rows, columns).

    If the two frames show different places, sizes or scales, all tiles are set.
    """
    width, height = after.size
    starts = np.arange(0, width, tile)
    if before.view != after.view:
        return np.ones((-(-height // tile), len(starts)), dtype=np.bool_)
    first, second = _comparable(before.pixels, after.pixels)
    rows = [
        np.logical_or.reduceat(_columns(first[top : top + tile], second[top : top + tile]), starts)
        for top in range(0, height, tile)
    ]
    return np.array(rows, dtype=np.bool_)


def difference(before: Frame, after: Frame) -> Mask:
    """Return which pixels of `after` differ, as bools of shape (height, width)."""
    if before.view != after.view:
        return np.ones(after.pixels.shape[:2], dtype=np.bool_)
    first, second = _comparable(before.pixels, after.pixels)
    return _changed(first ^ second)


def same(before: Frame, after: Frame) -> bool:
    """Return whether two frames show the same pixels of the same place."""
    return not tile_map(before, after).any()


def compare(before: Frame, after: Frame, target: FrameBox | None = None) -> Change:
    """Return where `after` differs from `before`, and whether that is near a target in its pixels."""
    tiles = tile_map(before, after)
    near = None if target is None else touches(tiles, target.grown(NEAR, after.size))
    return Change(boxes(tiles, after.size), near)


def coarser(cells: Mask, step: int) -> Mask:
    """Return which tiles of so many cells a side hold a cell that is set."""
    rows, columns = np.arange(0, cells.shape[0], step), np.arange(0, cells.shape[1], step)
    return np.asarray(np.logical_or.reduceat(np.logical_or.reduceat(cells, rows, axis=0), columns, axis=1))


def touches(tiles: Mask, box: FrameBox, tile: int = TILE) -> bool:
    """Return whether any tile that is set touches a box, which is in frame pixels."""
    part = tiles[box.top // tile : -(-box.bottom // tile), box.left // tile : -(-box.right // tile)]
    return bool(part.any())


def cell_sums(frame: Frame, side: int) -> CellSums:
    """Return a checksum of the pixels in each cell, of shape (rows, columns).

    Cells that hold the same pixels have the same sum, and others all but certainly another; so screens can be
    compared by their parts when their pixels are no longer in memory. A full HD screen takes 6 ms.

    Args:
        frame: the frame.
        side: the side of a cell, in frame pixels.
    """
    width, height = frame.size
    words = _words(frame.pixels)
    if words is None:
        red, green, blue = np.moveaxis(frame.pixels, -1, 0).astype(np.uint32)
        words = blue | green << np.uint32(8) | red << np.uint32(16)
    # Odd factors, so that a single pixel always counts; 64 bits, so that high bits alone do too.
    across, down = np.random.default_rng(1).integers(0, 1 << 63, (2, side), dtype=np.uint64) | np.uint64(1)
    across = np.tile(across, -(-width // side))[:width]
    rows = [
        ((words[top : top + side] & _COLOURS) * down[: min(side, height - top), None]).sum(0) * across
        for top in range(0, height, side)
    ]
    return np.add.reduceat(np.array(rows), np.arange(0, width, side), axis=1)


def boxes(tiles: Mask, size: tuple[int, int], tile: int = TILE) -> tuple[FrameBox, ...]:
    """Return a box in frame pixels around each group of touching tiles, from the top down.

    Tiles that touch at a corner belong to one group.

    Args:
        tiles: which tiles are set, of shape (rows, columns).
        size: the frame's width and height, which the last tiles may exceed.
        tile: the side of a tile, in frame pixels.
    """
    if tiles.all() and tiles.size:
        return (FrameBox(0, 0, *size),)
    found = []
    for group in groups(tiles):
        rows, columns = [row for row, _ in group], [column for _, column in group]
        right, bottom = min((max(columns) + 1) * tile, size[0]), min((max(rows) + 1) * tile, size[1])
        found.append(FrameBox(min(columns) * tile, min(rows) * tile, right, bottom))
    return tuple(sorted(found, key=lambda box: (box.top, box.left)))


def groups(tiles: Mask) -> list[list[tuple[int, int]]]:
    """Sort the tiles that are set into groups of touching tiles, corners included: (row, column) each."""
    left_over = set(zip(*(axis.tolist() for axis in np.nonzero(tiles)), strict=True))
    found = []
    while left_over:
        found.append(_group(left_over))
    return found


def _group(left_over: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take one tile and all that are connected to it out of a set."""
    group = [left_over.pop()]
    for row, column in group:  # grows while it is walked
        for near in (
            (row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right
        ):
            if near in left_over:
                left_over.remove(near)
                group.append(near)
    return group


def is_caret(differs: Mask, scale: float) -> bool:
    """Return whether the pixels that differ lie in one thin upright bar, at most 3 logical pixels wide."""
    if not differs.any():
        return False
    rows, columns = np.nonzero(differs.any(axis=1))[0], np.nonzero(differs.any(axis=0))[0]
    width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    return width <= 3 * scale and max(8 * scale, 4 * width) <= height <= 80 * scale


def _comparable(first: Pixels, second: Pixels) -> tuple[_Bits, _Bits]:
    """Return both frames' pixels as 32-bit words if both lie in BGRA buffers, else unchanged."""
    one, other = _words(first), _words(second)
    if one is None or other is None:
        return first, second
    return one, other


def _words(pixels: Pixels) -> _Bits | None:
    """Return a view of an RGB view's BGRA buffer as 32-bit words of shape (height, width).

    None if the pixels don't lie in such a buffer, or it isn't certain that their fourth byte does.
    """
    height, width = pixels.shape[:2]
    row, base = pixels.strides[0], pixels.base
    if pixels.strides[1:] != (4, -1) or row < 4 * width or not isinstance(base, np.ndarray):
        return None
    blue = pixels[..., 2:]
    start = blue.ctypes.data - base.ctypes.data
    if not base.flags.c_contiguous or start < 0 or start + (height - 1) * row + 4 * width > base.nbytes:
        return None
    four = np.lib.stride_tricks.as_strided(blue, (height, width, 4), (row, 4, 1), writeable=False)
    return four.view("<u4")[..., 0]


def _changed(bits: _Bits) -> Mask:
    """Return which pixels have a differing bit; each pixel is a word or three bytes."""
    if bits.dtype == np.uint8:
        return np.asarray(bits.any(axis=-1))
    return np.asarray((bits & _COLOURS) != 0)


def _columns(first: _Bits, second: _Bits) -> Mask:
    """Return for each column of pixels whether it differs anywhere."""
    return _changed(np.bitwise_or.reduce(first ^ second, axis=0))
