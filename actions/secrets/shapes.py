"""Finding a drawn text again, whatever colours it has now: by the shape of its edges.

A field that is selected, loses the focus or scrolls is drawn anew in other colours or elsewhere, with the
same glyphs. So edges are compared, by normalised cross-correlation: 1 is the same shape, about 0 another.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.frame import Pixels

__all__ = ["Shape", "edges"]

Edges = npt.NDArray[np.float32]
"""How steep the brightness is, of shape (height, width)."""
_SMALLEST: Final = (6, 12)
"""Height and width below which a shape is in every picture."""
_MOST: Final = 20
"""Places at which one shape is looked for in one picture."""


def edges(pixels: Pixels) -> Edges:
    """Say how much the brightness changes from each pixel to the next, along the line and down."""
    bright = (
        pixels[..., 0] * np.float32(0.3) + pixels[..., 1] * np.float32(0.6) + pixels[..., 2] * np.float32(0.1)
    )
    across = np.abs(np.diff(bright, axis=1, append=bright[:, -1:]))
    down = np.abs(np.diff(bright, axis=0, append=bright[-1:, :]))
    return np.asarray(across + down, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A drawn text's edges, less their mean, and their length as a vector."""

    edges: Edges
    length: float

    @classmethod
    def of(cls, pixels: Pixels) -> "Shape":
        found = edges(pixels)
        found = found - found.mean()
        return cls(found, float(np.linalg.norm(found)))

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.edges.shape
        return height, width

    @property
    def telling(self) -> bool:
        """Whether it is large and lively enough to be looked for elsewhere."""
        height, width = self.size
        return height >= _SMALLEST[0] and width >= _SMALLEST[1] and self.length > 0

    def likeness(self, pixels: Pixels) -> float:
        """Compare with pixels of the same size: 1 for the same shape."""
        other = edges(pixels)
        other = other - other.mean()
        length = float(np.linalg.norm(other))
        if self.length == 0 or length == 0:
            return 0.0
        return float((self.edges * other).sum()) / (self.length * length)

    def find(self, pixels: Pixels, least: float) -> list[tuple[int, int]]:
        """List the places, (top, left), where the pixels show the shape with at least that likeness."""
        height, width = self.size
        rows, columns = pixels.shape[0] - height + 1, pixels.shape[1] - width + 1
        if not self.telling or rows < 1 or columns < 1:
            return []
        scores = self._scores(edges(pixels))
        found: list[tuple[int, int]] = []
        while len(found) < _MOST:
            top, left = divmod(int(scores.argmax()), columns)
            if scores[top, left] < least:
                break
            found.append((top, left))
            scores[
                max(0, top - height // 2) : top + height // 2 + 1,
                max(0, left - width // 2) : left + width // 2 + 1,
            ] = -1
        return found

    def _scores(self, whole: Edges) -> npt.NDArray[np.float64]:
        height, width = self.size
        shape = (whole.shape[0] + height - 1, whole.shape[1] + width - 1)
        spectrum = np.fft.rfft2(whole, shape) * np.fft.rfft2(self.edges[::-1, ::-1], shape)
        valid = np.fft.irfft2(spectrum, shape)[height - 1 : whole.shape[0], width - 1 : whole.shape[1]]
        count = height * width
        total, squares = _sums(whole, height, width), _sums(whole * whole, height, width)
        spread = np.sqrt(np.maximum(squares - total * total / count, 1.0))
        return np.asarray(valid / (spread * self.length))


def _sums(values: Edges, height: int, width: int) -> npt.NDArray[np.float64]:
    """Add up the values under a window at each place where it fits."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    table[1:, 1:] = values.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return np.asarray(
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
