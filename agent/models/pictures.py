"""Frames in the form that a model takes: resized within a budget of image tokens, and written without loss.

Qwen3-VL sees a picture in tiles of 32x32 pixels, one token each (patch 16, merged 2 by 2). The size
rule is `smart_resize` of transformers' Qwen2-VL image processor with factor 32, so that a picture
resized here passes every engine's own preprocessing as it is; llama.cpp would add black bars to
other sizes, and those shift the coordinates by up to 5 px. Coordinates are relative (0-1000 over the
picture), so nothing else depends on the size.
"""

import base64
import io
import math
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

import numpy as np
from PIL import Image, features

from qvl_agent.actions.core.errors import ModelError
from qvl_agent.actions.core.frame import Frame

__all__ = ["MIN_TOKENS", "TILE", "Kept", "data_url", "fit", "resized", "tokens"]

TILE: Final = 32
"""Pixels on each side of the square that becomes one image token."""
MIN_TOKENS: Final = 64
"""Image tokens to which a smaller picture is enlarged: the preprocessor's shortest_edge of 65536 pixels."""
_MAX_ASPECT: Final = 200
_WEBP_SIDE: Final = 16383
"""The longest side of a WebP in pixels."""
_DRAWN_COLOURS: Final = 2**14
"""The most colours in a sample of a screen that was drawn; a photo or a film has many more."""
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


def data_url(frame: Frame, size: tuple[int, int], *, webp: bool = False) -> str:
    """Write the frame, resized to (width, height), in a data: URL; decoded, it has exactly those pixels.

    Args:
        frame: the picture.
        size: its width and height in pixels, as they are sent.
        webp: the receiver takes WebP. It gets one where that takes no longer than a PNG: for a drawn screen
            that isn't resized it has less than half the bytes in the same time, but the smooth edges that
            resizing makes cost it five times the time.

    Raises:
        ModelError: libvips failed.
    """
    image = _at(frame, size)
    drawn = _is_drawn(image)
    small = webp and drawn and size == frame.size and max(size) <= _WEBP_SIDE and features.check("webp")
    kind, data = ("webp", _webp(image)) if small else ("png", _png(image, drawn=drawn))
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")


def _webp(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True, method=1, quality=0)
    return out.getvalue()


def _png(image: Image.Image, *, drawn: bool) -> bytes:
    """Write a PNG with libvips, which takes two thirds of Pillow's time for four fifths of the bytes.

    A drawn screen has many equal pixels: without a row filter it is smaller and sooner done. A photo is
    neither, and needs filters.
    """
    import pyvips  # noqa: PLC0415 - loads a native library

    try:
        source = pyvips.Image.new_from_memory(image.tobytes(), image.width, image.height, 3, "uchar")
        if drawn:
            return bytes(source.pngsave_buffer(compression=7, filter="none", keep="none"))
        return bytes(source.pngsave_buffer(compression=2, filter="all", keep="none"))
    except pyvips.Error as error:
        why = " ".join(str(error).split())
        raise ModelError(f"libvips can't write a PNG of {image.width}x{image.height}: {why}") from error


def _is_drawn(image: Image.Image) -> bool:
    """Return whether a picture has as few colours as a drawn screen, by every eighth row."""
    sample = Image.fromarray(np.asarray(image)[::8])
    return sample.getcolors(_DRAWN_COLOURS) is not None


class Kept(Generic[T]):
    """A cache of what was made of pictures, which holds all that the last few requests held.

    So a frame is encoded once, however many pictures a request has and whatever was asked in between; and
    what no conversation shows any more is forgotten.
    """

    def __init__(self) -> None:
        self._items: dict[Hashable, tuple[int, T]] = {}
        self._request = 0

    def begin(self) -> None:
        """Begin a request: forget what none of the last few asked for."""
        self._request += 1
        for key, (last, _) in list(self._items.items()):
            if last < self._request - _REQUESTS:
                self._items.pop(key, None)

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result for a key (a frame's id, and what else counts); make it if it is missing."""
        known = self._items.get(key)
        made = make() if known is None else known[1]
        self._items[key] = (self._request, made)
        return made

    def clear(self) -> None:
        self._items.clear()
