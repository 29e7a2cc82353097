"""Find a drawn text again by the shape of its edges, whatever its colours are now.

A field that is selected, loses the focus or scrolls is drawn again in other colours or elsewhere, with the
same glyphs. So edges are compared, by normalised cross-correlation: 1 is the same shape, about 0 another.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.frame import Pixels

__all__ = ["Shape", "edges"]

Edges = npt.NDArray[np.float32]
"""How much the brightness changes at each pixel, of shape (height, width)."""
_SMALLEST: Final = (6, 12)
"""The least height and width of a shape that is looked for; a smaller one is in every picture."""
_MOST: Final = 20
"""The most places in one picture at which a shape is found."""


def edges(pixels: Pixels) -> Edges:
    """Return how much the brightness changes from each pixel to the next ones, on the right and below."""
    bright = (
        pixels[..., 0] * np.float32(0.3) + pixels[..., 1] * np.float32(0.6) + pixels[..., 2] * np.float32(0.1)
    )
    across = np.abs(np.diff(bright, axis=1, append=bright[:, -1:]))
    down = np.abs(np.diff(bright, axis=0, append=bright[-1:, :]))
    return np.asarray(across + down, dtype=np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """The shape of a drawn text.

    Attributes:
        edges: its edges, less their mean.
        length: their length as a vector (the Euclidean norm).
    """

    edges: Edges
    length: float

    @classmethod
    def of(cls, pixels: Pixels) -> "Shape":
        found = edges(pixels)
        found = found - found.mean()
        return cls(found, float(np.linalg.norm(found)))

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        height, width = self.edges.shape
        return height, width

    @property
    def telling(self) -> bool:
        """Return whether it is large enough to be looked for elsewhere, and has edges at all."""
        height, width = self.size
        return height >= _SMALLEST[0] and width >= _SMALLEST[1] and self.length > 0

    def likeness(self, pixels: Pixels) -> float:
        """Return the correlation with pixels of the same size: 1 for the same shape, about 0 for another."""
        other = edges(pixels)
        other = other - other.mean()
        length = float(np.linalg.norm(other))
        if self.length == 0 or length == 0:
            return 0.0
        return float((self.edges * other).sum()) / (self.length * length)

    def find(self, pixels: Pixels, least: float) -> list[tuple[int, int]]:
        """List the places, (top, left), where pixels show the shape with a likeness of at least `least`."""
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
    """Return the sum of the values under a window of this size, for each place where it fits."""
    table = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    table[1:, 1:] = values.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return np.asarray(
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
