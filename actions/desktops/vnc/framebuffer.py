"""The picture that a VNC server sends, rectangle by rectangle: Raw, CopyRect and ZRLE."""

import struct
import zlib
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.errors import DesktopError

__all__ = ["COPY_RECT", "LARGEST", "RAW", "ZRLE", "Framebuffer"]

RAW: Final = 0
COPY_RECT: Final = 1
ZRLE: Final = 16
LARGEST: Final = 16384
"""The most pixels of a side that are believed."""
_TILE: Final = 64
_PLAIN, _SOLID, _PACKED_MOST, _RLE, _PALETTE_RLE = 0, 1, 16, 128, 130
"""ZRLE's kinds of tiles: see RFC 6143, 7.7.6."""

Read = Callable[[int], bytes]
"""Reads exactly so many bytes from the server."""
Bgr = npt.NDArray[np.uint8]
"""Shape (height, width, 4): blue, green, red, and a byte without a meaning."""


class Framebuffer:
    """The server's picture as far as it was sent.

    Attributes:
        pixels: shape (height, width, 4), uint8: blue, green, red, unused.
    """

    def __init__(self, width: int, height: int) -> None:
        self.pixels: Bgr = np.zeros((0, 0, 4), np.uint8)
        self.resize(width, height)
        self._stream = zlib.decompressobj()

    def resize(self, width: int, height: int) -> None:
        """Take another size; what both have in common stays.

        Raises:
            DesktopError: the server claims an impossible size.
        """
        if not (0 < width <= LARGEST and 0 < height <= LARGEST):
            raise DesktopError(f"the VNC server says that its screen has {width}x{height} pixels")
        old, self.pixels = self.pixels, np.zeros((height, width, 4), np.uint8)
        high, wide = min(height, old.shape[0]), min(width, old.shape[1])
        self.pixels[:high, :wide] = old[:high, :wide]

    def draw(self, encoding: int, rect: tuple[int, int, int, int], read: Read) -> None:
        """Draw one rectangle.

        Args:
            encoding: how it is sent.
            rect: its left, top, width and height in pixels.
            read: reads what follows the rectangle's header.

        Raises:
            DesktopError: it lies beside the screen, or can't be decoded.
        """
        left, top, width, height = rect
        area = self._part(left, top, width, height)
        match encoding:
            case 0:  # RAW
                area[:] = np.frombuffer(read(width * height * 4), np.uint8).reshape(height, width, 4)
            case 1:  # COPY_RECT
                from_left, from_top = struct.unpack(">HH", read(4))
                area[:] = self._part(from_left, from_top, width, height).copy()
            case 16:  # ZRLE
                data = self._inflated(read(struct.unpack(">I", read(4))[0]))
                try:
                    _draw_tiles(area, data)
                except (IndexError, ValueError, struct.error) as error:
                    raise DesktopError(
                        f"the VNC server sent a picture that can't be decoded: {error}"
                    ) from None
            case _:
                raise DesktopError(f"the VNC server sends an encoding that wasn't asked for: {encoding}")

    def _part(self, left: int, top: int, width: int, height: int) -> Bgr:
        high, wide = self.pixels.shape[:2]
        if left + width > wide or top + height > high:
            raise DesktopError(
                f"the VNC server sent a rectangle at ({left}, {top}) of {width}x{height} pixels, beside its "
                f"screen of {wide}x{high}"
            )
        return self.pixels[top : top + height, left : left + width]

    def _inflated(self, data: bytes) -> memoryview:
        try:
            return memoryview(self._stream.decompress(data))
        except zlib.error as error:
            raise DesktopError(f"the VNC server sent a picture that can't be decoded: {error}") from None


def _draw_tiles(area: Bgr, data: memoryview) -> None:
    at = 0
    high, wide = area.shape[:2]
    for top in range(0, high, _TILE):
        for left in range(0, wide, _TILE):
            at = _draw_tile(area[top : top + _TILE, left : left + _TILE, :3], data, at)


def _draw_tile(tile: Bgr, data: memoryview, at: int) -> int:
    """Draw a tile of three colours a pixel, and return where the next one begins."""
    height, width = tile.shape[:2]
    kind, at = int(data[at]), at + 1
    if kind == _PLAIN:
        end: int = at + width * height * 3
        tile[:] = np.frombuffer(data[at:end], np.uint8).reshape(height, width, 3)
        return end
    if kind == _SOLID:
        tile[:] = np.frombuffer(data[at : at + 3], np.uint8)
        return at + 3
    if kind <= _PACKED_MOST:
        return _draw_packed(tile, kind, data, at)
    if kind == _RLE:
        return _draw_runs(tile, data, at)
    if kind >= _PALETTE_RLE:
        return _draw_palette_runs(tile, kind - _RLE, data, at)
    raise ValueError(f"a tile of the unknown kind {kind}")


def _draw_packed(tile: Bgr, colours: int, data: memoryview, at: int) -> int:
    height, width = tile.shape[:2]
    palette, at = _palette(colours, data, at)
    bits = 1 if colours == 2 else 2 if colours <= 4 else 4
    row = (width * bits + 7) // 8
    packed = np.frombuffer(data[at : at + row * height], np.uint8).reshape(height, row)
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    places = ((packed[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(height, -1)[:, :width]
    tile[:] = palette[places]
    end: int = at + row * height
    return end


def _draw_runs(tile: Bgr, data: memoryview, at: int) -> int:
    colours, lengths, drawn = [], [], 0
    while drawn < tile.shape[0] * tile.shape[1]:
        colours.append(bytes(data[at : at + 3]))
        length, at = _run(data, at + 3)
        lengths.append(length)
        drawn += length
    _fill(tile, np.frombuffer(b"".join(colours), np.uint8).reshape(-1, 3), lengths)
    return at


def _draw_palette_runs(tile: Bgr, colours: int, data: memoryview, at: int) -> int:
    palette, at = _palette(colours, data, at)
    places, lengths, drawn = [], [], 0
    while drawn < tile.shape[0] * tile.shape[1]:
        place, length, at = data[at] & 0x7F, 1, at + 1
        if data[at - 1] & 0x80:
            length, at = _run(data, at)
        places.append(place)
        lengths.append(length)
        drawn += length
    _fill(tile, palette[np.array(places)], lengths)
    return at


def _palette(colours: int, data: memoryview, at: int) -> tuple[Bgr, int]:
    end = at + 3 * colours
    return np.frombuffer(data[at:end], np.uint8).reshape(colours, 3), end


def _run(data: memoryview, at: int) -> tuple[int, int]:
    """Read the length of a run: each 255 goes on, and one is added."""
    length = 1
    while data[at] == 255:
        length, at = length + 255, at + 1
    return length + int(data[at]), at + 1


def _fill(tile: Bgr, colours: Bgr, lengths: list[int]) -> None:
    height, width = tile.shape[:2]
    tile[:] = np.repeat(colours, lengths, axis=0).reshape(height, width, 3)
