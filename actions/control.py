"""The control that a point belongs to, found in the pixels: the surface of one colour around it.

A button is a surface with edges, and its text stands on it. So from the point the surface's colour
is followed until it ends; letters on it don't end it, as it goes around them. Where it goes on past the
looked-at part (a list, a page, a menu) there are no edges, and the row at the point stands for it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.coordinates import FrameBox, FramePoint
from qvl_agent.actions.frame import Frame

__all__ = ["Control", "control_at"]

_REACH: Final = (260, 70)
"""How far a control may reach from the point, in logical pixels to each side."""
_ROW: Final = (200, 18)
"""What is read around a point on a surface without edges."""
_PATCH: Final = (12, 8)
"""Where the surface's colour is taken from: more of it than of the letters."""
_LIKE: Final = 14
"""How far a channel may be from the surface's colour: themes shade their buttons a little."""
_MARGIN: Final = 3
"""Logical pixels around a control that are read with it, so that letters at its edge are whole."""
_SWEEPS: Final = 24

_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Control:
    """A part of a frame that is taken for one control.

    Attributes:
        box: in pixels of the frame.
        bounded: whether it has edges; without, it is the row at the point.
    """

    box: FrameBox
    bounded: bool


def control_at(frame: Frame, point: FramePoint) -> Control:
    """Find the control that a pixel of a frame belongs to."""
    near = _around(frame, point, _REACH)
    step = max(1, round(frame.scale))
    pixels = frame.pixels[near.top : near.bottom : step, near.left : near.right : step].astype(np.int16)
    x, y = (point.x - near.left) // step, (point.y - near.top) // step
    rows = slice(max(0, y - _PATCH[1]), y + _PATCH[1] + 1)
    columns = slice(max(0, x - _PATCH[0]), x + _PATCH[0] + 1)
    alike = (np.abs(pixels - _main_colour(pixels[rows, columns])) <= _LIKE).all(axis=2)
    surface = np.zeros_like(alike)
    surface[rows, columns] = alike[rows, columns]
    surface = _followed(surface, alike)
    inner = surface[1:-1, 1:-1]
    if not inner.any() or surface.sum() != inner.sum():
        return Control(_around(frame, point, _ROW), bounded=False)
    ys, xs = np.flatnonzero(surface.any(axis=1)), np.flatnonzero(surface.any(axis=0))
    box = FrameBox(
        near.left + int(xs[0]) * step,
        near.top + int(ys[0]) * step,
        near.left + (int(xs[-1]) + 1) * step,
        near.top + (int(ys[-1]) + 1) * step,
    )
    return Control(box.grown(round(_MARGIN * frame.scale), frame.size), bounded=True)


def _around(frame: Frame, point: FramePoint, reach: tuple[int, int]) -> FrameBox:
    x, y = (max(1, round(length * frame.scale)) for length in reach)
    width, height = frame.size
    return FrameBox(
        max(0, point.x - x), max(0, point.y - y), min(width, point.x + x), min(height, point.y + y)
    )


def _main_colour(patch: npt.NDArray[np.int16]) -> npt.NDArray[np.int16]:
    colours, counts = np.unique(patch.reshape(-1, 3), axis=0, return_counts=True)
    main: npt.NDArray[np.int16] = colours[counts.argmax()]
    return main


def _followed(seeds: _Mask, alike: _Mask) -> _Mask:
    """Follow the surface from the seeds, run by run along rows and columns, until nothing is added."""
    surface = seeds
    for _ in range(_SWEEPS):
        grown = _along_rows(_along_rows(surface, alike).T, alike.T).T
        if (grown == surface).all():
            break
        surface = grown
    return surface


def _along_rows(surface: _Mask, alike: _Mask) -> _Mask:
    """Fill every run of like pixels in a row that the surface touches."""
    begins = alike.copy()
    begins[:, 1:] &= ~alike[:, :-1]
    runs = np.cumsum(begins.ravel()).reshape(alike.shape)
    touched = np.zeros(int(runs[-1, -1]) + 1, dtype=np.bool_)
    touched[runs[surface]] = True
    return alike & touched[runs]
