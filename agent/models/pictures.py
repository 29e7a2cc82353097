"""Frames in the form that a model takes: resized within a budget of image tokens, and written as PNG.

Qwen3-VL sees a picture in tiles of 32x32 pixels, one token each (patch 16, merged 2 by 2). The size
rule is `smart_resize` of transformers' Qwen2-VL image processor with factor 32, so that a picture
resized here passes every engine's own preprocessing as it is; llama.cpp would add black bars to
other sizes, and those shift the coordinates by up to 5 px. Coordinates are relative (0-1000 over the
picture), so nothing else depends on the size.
"""

import base64
import io
import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from PIL import Image

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.frame import Frame

__all__ = ["MIN_TOKENS", "TILE", "Kept", "data_url", "fit", "resized", "tokens"]

TILE: Final = 32
"""Pixels on each side of the square that becomes one image token."""
MIN_TOKENS: Final = 64
"""Image tokens to which a smaller picture is enlarged: the preprocessor's shortest_edge of 65536 pixels."""
_MAX_ASPECT: Final = 200
_REQUESTS: Final = 4
"""Requests that a picture outlives: between two steps' requests there may be a second try over smaller
pictures, and a closer look with one of its own."""

T = TypeVar("T")


def fit(size: tuple[int, int], max_tokens: int, *, min_tokens: int = MIN_TOKENS) -> tuple[int, int]:
    """Return the size in pixels for a picture of `size`: multiples of 32, at most `max_tokens` tiles.

    With a budget below 256, enlarging a tiny picture can break the limit by a few tokens.

    Raises:
        ModelError: one side is more than 200 times the other.
    """
    width, height = size
    if max(size) > _MAX_ASPECT * min(size):
        raise ModelError(f"a picture of {width}x{height} pixels is too narrow for the model; crop it first")
    pixels = width * height
    most, least = max_tokens * TILE**2, min(min_tokens, max_tokens) * TILE**2
    wide, high = (round(side / TILE) * TILE for side in size)
    if wide * high > most:
        shrink = math.sqrt(pixels / most)
        wide, high = (max(TILE, math.floor(side / shrink / TILE) * TILE) for side in size)
    elif wide * high < least:
        enlarge = math.sqrt(least / pixels)
        wide, high = (math.ceil(side * enlarge / TILE) * TILE for side in size)
    return wide, high


def tokens(size: tuple[int, int], max_tokens: int) -> int:
    """Count the image tokens of a picture of (width, height) pixels, without the two markers around it."""
    width, height = fit(size, max_tokens)
    return width * height // TILE**2


def resized(frame: Frame, max_tokens: int) -> Image.Image:
    """Return the RGB picture that the model is given, resized to the size that `fit` returns."""
    return _at(frame, fit(frame.size, max_tokens))


def _at(frame: Frame, size: tuple[int, int]) -> Image.Image:
    image = frame.image()
    return image if image.size == size else image.resize(size, Image.Resampling.BICUBIC)


def data_url(frame: Frame, size: tuple[int, int]) -> str:
    """Write the frame, resized to (width, height), as a PNG in a data: URL.

    Compression level 1: on 1920x1056 screens it takes half the time of Pillow's default for about the
    same size, and to a server on this machine the difference in size doesn't matter.
    """
    out = io.BytesIO()
    _at(frame, size).save(out, "PNG", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


class Kept(Generic[T]):
    """A cache of what was made of pictures, which holds all that the last few requests held.

    So a frame is encoded once, however many pictures a request has and whatever was asked in between; and
    what no conversation shows any more is forgotten.
    """

    def __init__(self) -> None:
        self._items: dict[tuple[str, int], tuple[int, T]] = {}
        self._request = 0

    def begin(self) -> None:
        """Begin a request: forget what none of the last few asked for."""
        self._request += 1
        for key, (last, _) in list(self._items.items()):
            if last < self._request - _REQUESTS:
                self._items.pop(key, None)

    def get(self, key: tuple[str, int], make: Callable[[], T]) -> T:
        """Return the result for a key (frame id, size or token budget); make and keep it if it is missing."""
        known = self._items.get(key)
        made = make() if known is None else known[1]
        self._items[key] = (self._request, made)
        return made

    def clear(self) -> None:
        self._items.clear()
