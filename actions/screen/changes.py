"""Where two captures of the same view differ, exactly: one changed pixel is a change.

Captures are lossless, so nothing is blurred or tolerated here; a perceptual hash would miss a check
box. Screens come as BGRA and frames are RGB views on them, so pixels are compared four bytes at a
time on that buffer, without the fourth, which means nothing.
"""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.core.outcome import Change

__all__ = [
    "NEAR",
    "TILE",
    "Mask",
    "boxes",
    "compare",
    "difference",
    "groups",
    "is_caret",
    "same",
    "tile_map",
    "touches",
]

TILE: Final = 32
"""The side of a tile, in pixels of the frame."""
NEAR: Final = 48
"""How far from a target's box a change still counts as near it, in pixels of the frame."""

Mask = npt.NDArray[np.bool_]
_Bits = npt.NDArray[np.unsignedinteger[Any]]
"""Pixels to compare: words of shape (height, width), or bytes of shape (height, width, 3)."""
_COLOURS: Final = np.uint32(0x00FFFFFF)


def tile_map(before: Frame, after: Frame, tile: int = TILE) -> Mask:
    """Say which tiles of `after` hold a changed pixel: bools of shape (rows, columns).

    Two frames that show different places, sizes or scales differ everywhere.
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
    """Say which pixels differ: bools of shape (height, width) of `after`."""
    if before.view != after.view:
        return np.ones(after.pixels.shape[:2], dtype=np.bool_)
    first, second = _comparable(before.pixels, after.pixels)
    return _changed(first ^ second)


def same(before: Frame, after: Frame) -> bool:
    """Whether two frames show the same pixels of the same place."""
    return not tile_map(before, after).any()


def compare(before: Frame, after: Frame, target: FrameBox | None = None) -> Change:
    """Say where `after` differs from `before`, and whether that is near a target in its pixels."""
    tiles = tile_map(before, after)
    near = None if target is None else touches(tiles, target.grown(NEAR, after.size))
    return Change(boxes(tiles, after.size), near)


def touches(tiles: Mask, box: FrameBox, tile: int = TILE) -> bool:
    """Whether any tile that is set touches a box."""
    part = tiles[box.top // tile : -(-box.bottom // tile), box.left // tile : -(-box.right // tile)]
    return bool(part.any())


def boxes(tiles: Mask, size: tuple[int, int], tile: int = TILE) -> tuple[FrameBox, ...]:
    """Put a box around each group of tiles that touch, corners included; from the top down.

    Args:
        tiles: which tiles are set, of shape (rows, columns).
        size: the frame's width and height, which the last tiles may exceed.
        tile: the side of a tile.
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
    """Sort the tiles that are set into groups that touch, corners included: (row, column) each."""
    left_over = set(zip(*(axis.tolist() for axis in np.nonzero(tiles)), strict=True))
    found = []
    while left_over:
        found.append(_group(left_over))
    return found


def _group(left_over: set[tuple[int, int]]) -> list[tuple[int, int]]:
    """Take one tile and all that hang together with it out of a set."""
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
    """Whether the pixels that differ are one thin upright bar: a caret is 1 to 3 logical pixels wide."""
    if not differs.any():
        return False
    rows, columns = np.nonzero(differs.any(axis=1))[0], np.nonzero(differs.any(axis=0))[0]
    width, height = int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1
    return width <= 3 * scale and max(8 * scale, 4 * width) <= height <= 80 * scale


def _comparable(first: Pixels, second: Pixels) -> tuple[_Bits, _Bits]:
    """Give both as words if both lie in BGRA buffers, else as they are."""
    one, other = _words(first), _words(second)
    if one is None or other is None:
        return first, second
    return one, other


def _words(pixels: Pixels) -> _Bits | None:
    """See an RGB view on a BGRA buffer as its 32-bit words of shape (height, width).

    None if the pixels don't lie like that, or their fourth byte is not surely part of the buffer.
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
    """Turn the differing bits of pixels, words or three bytes each, into a bool each."""
    if bits.dtype == np.uint8:
        return np.asarray(bits.any(axis=-1))
    return np.asarray((bits & _COLOURS) != 0)


def _columns(first: _Bits, second: _Bits) -> Mask:
    """Say for each column of pixels whether it differs anywhere."""
    return _changed(np.bitwise_or.reduce(first ^ second, axis=0))
