"""Find the control at a point in the pixels: the surface of one colour around the point.

A button is a surface with edges, with its text on it. So the surface's colour is followed from the point
until it ends; letters don't end it, as it goes around them. If it reaches the border of the searched area
(a list, a page, a menu), the control has no edges, and a row around the point is taken instead.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.core.frame import Frame

__all__ = ["Control", "control_at"]

_REACH: Final = (260, 70)
"""Logical pixels (across, down) to each side of the point that are searched for a control."""
_ROW: Final = (200, 18)
"""Logical pixels (across, down) to each side of the point that are read if the surface has no edges."""
_PATCH: Final = (12, 8)
"""Logical pixels (across, down) to each side of the point, where the surface's colour is looked for."""
_LARGEST_DIFFERENCE: Final = 14
"""The most that a channel may differ from the surface's colour: themes shade their buttons a little."""
_MARGIN: Final = 3
"""Logical pixels around a control that are read with it, so that letters at its edge are whole."""
_LEAST_WIDTH: Final = 24
"""The least width of a control in logical pixels: a narrower surface is a check box or inside a letter."""
_SWEEPS: Final = 24
_LEAST_EDGE_SHARE: Final = 0.5
"""The least share of its bounding box's edge that a surface covers; a button's lacks only round corners."""
_COLOURS_TRIED: Final = 6
"""The number of a patch's colours that are tried as its main one."""

_Colours = npt.NDArray[np.int16]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Control:
    """A part of a frame that is taken for one control.

    Attributes:
        box: the part, in frame pixels.
        bounded: whether it has edges of its own; if not, it is a row around the point.
    """

    box: FrameBox
    bounded: bool


def control_at(frame: Frame, point: FramePoint) -> Control:
    """Return the control that a pixel of a frame belongs to."""
    near = _around(frame, point, _REACH)
    step = max(1, round(frame.scale))
    pixels = frame.pixels[near.top : near.bottom : step, near.left : near.right : step].astype(np.int16)
    x, y = (point.x - near.left) // step, (point.y - near.top) // step
    rows = slice(max(0, y - _PATCH[1]), y + _PATCH[1] + 1)
    columns = slice(max(0, x - _PATCH[0]), x + _PATCH[0] + 1)
    least = round(_LEAST_WIDTH * frame.scale) // step
    surfaces = [_surface(pixels, colour, rows, columns) for colour in _main_colours(pixels[rows, columns])]
    found = [box for box in map(_bounds, surfaces) if box and _covers(box, x, y)]
    boxes = [box for box in found if box[2] - box[0] >= least and 2 * (box[3] - box[1]) >= least]
    if not boxes:
        return Control(_around(frame, point, _ROW), bounded=False)
    left, top, right, bottom = min(boxes, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    box = FrameBox(
        near.left + left * step,
        near.top + top * step,
        min(near.right, near.left + right * step),
        min(near.bottom, near.top + bottom * step),
    )
    return Control(box.grown(round(_MARGIN * frame.scale), frame.size), bounded=True)


def _bounds(surface: _Mask) -> tuple[int, int, int, int] | None:
    """Return the box around a surface; None if it reaches the border of the searched area, or is letters.

    Letters cover only a little of the edge of the box around them.
    """
    inner = surface[1:-1, 1:-1]
    if not inner.any() or surface.sum() != inner.sum():
        return None
    ys, xs = np.flatnonzero(surface.any(axis=1)), np.flatnonzero(surface.any(axis=0))
    box = surface[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    edge = (box[0].sum(), box[-1].sum(), box[:, 0].sum(), box[:, -1].sum())
    if sum(map(int, edge)) < _LEAST_EDGE_SHARE * 2 * (box.shape[0] + box.shape[1]):
        return None
    return int(xs[0]), int(ys[0]), int(xs[-1]) + 1, int(ys[-1]) + 1


def _covers(box: tuple[int, int, int, int], x: int, y: int) -> bool:
    left, top, right, bottom = box
    return left - _MARGIN <= x < right + _MARGIN and top - _MARGIN <= y < bottom + _MARGIN


def _around(frame: Frame, point: FramePoint, reach: tuple[int, int]) -> FrameBox:
    x, y = (max(1, round(length * frame.scale)) for length in reach)
    width, height = frame.size
    return FrameBox(
        max(0, point.x - x), max(0, point.y - y), min(width, point.x + x), min(height, point.y + y)
    )


def _surface(pixels: _Colours, colour: _Colours, rows: slice, columns: slice) -> _Mask:
    alike = (np.abs(pixels - colour) <= _LARGEST_DIFFERENCE).all(axis=2)
    seeds = np.zeros_like(alike)
    seeds[rows, columns] = alike[rows, columns]
    return _followed(seeds, alike)


def _main_colours(patch: _Colours) -> list[_Colours]:
    """Return the two most frequent colours of a patch: that of the surface, and that of the letters.

    Similar colours are counted together, because a shaded surface has many colours and letters have one.
    """
    rest = patch.reshape(-1, 3)
    found: list[_Colours] = []
    while len(rest) and len(found) < 2:
        colours, counts = np.unique(rest, axis=0, return_counts=True)
        often = colours[np.argsort(counts)[-_COLOURS_TRIED:]]
        like = [(np.abs(rest - colour) <= _LARGEST_DIFFERENCE).all(axis=1) for colour in often]
        best = max(range(len(often)), key=lambda index: int(like[index].sum()))
        found.append(often[best])
        rest = rest[~like[best]]
    return found


def _followed(seeds: _Mask, alike: _Mask) -> _Mask:
    """Grow the surface from the seeds, run by run along rows and columns, until nothing is added."""
    surface = seeds
    for _ in range(_SWEEPS):
        grown = _along_rows(_along_rows(surface, alike).T, alike.T).T
        if (grown == surface).all():
            break
        surface = grown
    return surface


def _along_rows(surface: _Mask, alike: _Mask) -> _Mask:
    """Add to the surface every run of alike pixels in a row that it touches."""
    begins = alike.copy()
    begins[:, 1:] &= ~alike[:, :-1]
    runs = np.cumsum(begins.ravel()).reshape(alike.shape)
    touched = np.zeros(int(runs[-1, -1]) + 1, dtype=np.bool_)
    touched[runs[surface]] = True
    return alike & touched[runs]
