"""A comparison of answered places with the true ones: on which scale they are, how shifted and stretched."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import GRID

__all__ = ["Axis", "Fit", "Pair", "fit", "nearest_space"]

Floats = npt.NDArray[np.float64]

_FEWEST: Final = 3
"""The fewest answers that a line is drawn through."""
_MOST: Final = 0.6
"""The share of the answers that must lie near a line for the line to count."""
_NEAR: Final = 15.0
"""Grid units; an answer no farther from the line than this is inexact at most, and always counts."""
_STUDENT: Final = (636.6, 31.6, 12.92, 8.61, 6.87, 5.96, 5.41, 5.04, 4.78, 4.59, 4.44, 4.32)
"""Student's t, two-sided, that chance alone exceeds once in a thousand, by degrees of freedom from 1."""
_FAR: Final = 300.0
"""Grid units; an answer farther off is wrong in any case, and counts as just this far off."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A target's place, and the place that the model answered.

    Attributes:
        true: the target's centre, 0-1000 on each axis.
        said: the numbers of the answer, unconverted.
        size: the screen's width and height in pixels.
    """

    true: tuple[float, float]
    said: tuple[float, float]
    size: tuple[int, int]

    @property
    def error(self) -> tuple[float, float]:
        """Return how far off the answer is, in pixels of the screen: right and down are positive."""
        (x, y), (true_x, true_y), (width, height) = self.said, self.true, self.size
        return (x - true_x) * width / GRID, (y - true_y) * height / GRID


@dataclass(frozen=True, slots=True)
class Axis:
    """The line said = scale * true + offset, on one axis.

    Attributes:
        scale: 1 if the answers are neither stretched nor shrunk.
        offset: in grid units.
        spread: how far answers lie from that line, in grid units (standard deviation).
        doubt: the scale's standard error.
        count: how many answers the line is drawn through.
    """

    scale: float
    offset: float
    spread: float
    doubt: float
    count: int

    @property
    def middle(self) -> float:
        """Return how far off the line is in the middle of the screen, in grid units."""
        return self.offset + (self.scale - 1) * GRID / 2

    @property
    def sure(self) -> float:
        """Return how many standard errors a difference must have so that chance doesn't explain it."""
        return _STUDENT[min(self.count - 2, len(_STUDENT)) - 1]

    @property
    def middle_doubt(self) -> float:
        """Return how much of `middle` chance may explain, in grid units."""
        return self.sure * self.spread / math.sqrt(self.count)


@dataclass(frozen=True, slots=True)
class Fit:
    """The lines of both axes."""

    x: Axis
    y: Axis


def fit(pairs: Sequence[Pair]) -> Fit | None:
    """Fit a line on each axis; None if there are too few answers, or all in one place."""
    axes = [_axis(*_columns(pairs, axis)) for axis in (0, 1)]
    return Fit(*axes) if None not in axes else None  # type: ignore[arg-type]  # no None in it


def _columns(pairs: Sequence[Pair], axis: int) -> tuple[Floats, Floats]:
    return np.array([pair.true[axis] for pair in pairs]), np.array([pair.said[axis] for pair in pairs])


def _axis(true: Floats, said: Floats) -> Axis | None:
    """Fit a line by least squares to the answers near a robust line, so that no outlier bends the scale."""
    line = _robust_line(true, said)
    if line is None:
        return None
    off = np.abs(said - line[0] * true - line[1])
    kept = off <= max(6 * float(np.median(off)), _NEAR)
    if kept.mean() < _MOST or kept.sum() < _FEWEST or np.ptp(true[kept]) == 0:
        return None
    true, said = true[kept], said[kept]
    scale, offset = (float(number) for number in np.polyfit(true, said, 1))
    rest = said - scale * true - offset
    spread = math.sqrt(float((rest**2).sum()) / (len(true) - 2))
    doubt = spread / math.sqrt(float(((true - true.mean()) ** 2).sum()))
    return Axis(scale, offset, spread, doubt, len(true))


def _robust_line(true: Floats, said: Floats) -> tuple[float, float] | None:
    """Return the median slope between any two answers that are well apart (Theil and Sen), and its offset."""
    first, second = np.triu_indices(len(true), k=1)
    apart = np.abs(true[second] - true[first]) > GRID / 10
    if not apart.any():
        return None
    rises = (said[second] - said[first])[apart] / (true[second] - true[first])[apart]
    slope = float(np.median(rises))
    return slope, float(np.median(said - slope * true))


def _without_bars(pair: Pair) -> tuple[float, float]:
    """Convert an answer that counts in the bars that make a screen a square, half of them on each side."""
    longer = max(pair.size)
    across, down = (
        GRID / 2 + (at - GRID / 2) * longer / side for at, side in zip(pair.said, pair.size, strict=True)
    )
    return across, down


Space = Callable[[Pair], tuple[float, float]]
"""A function that converts an answer in some space (pixels, percent and so on) to the grid."""
SPACES: Final[Mapping[str, Space]] = {
    "grid": lambda pair: pair.said,
    "pixels": lambda pair: (pair.said[0] / pair.size[0] * GRID, pair.said[1] / pair.size[1] * GRID),
    "swapped": lambda pair: (pair.said[1], pair.said[0]),
    "fractions": lambda pair: (pair.said[0] * GRID, pair.said[1] * GRID),
    "percent": lambda pair: (pair.said[0] * 10, pair.said[1] * 10),
    "squared": _without_bars,
}


def nearest_space(pairs: Sequence[Pair]) -> tuple[str, dict[str, float]]:
    """Find the space in which the answers lie nearest to the truth, and how far off they are in each space.

    Returns:
        A name of `SPACES`, and for each the mean distance in grid units. "grid" unless another explains
        the answers at least twice as well, and to within 5 % of the screen.
    """
    errors = {name: _mean_error(pairs, space) for name, space in SPACES.items()}
    best = min(errors, key=lambda name: errors[name])
    convincing = errors[best] < GRID / 20 and errors[best] < errors["grid"] / 2
    return (best if convincing else "grid"), errors


def _mean_error(pairs: Sequence[Pair], space: Space) -> float:
    off = np.array([np.subtract(space(pair), pair.true) for pair in pairs])
    return float(np.minimum(np.hypot(off[:, 0], off[:, 1]), _FAR).mean())
