"""Capture pixels from an X server: by mss's XCB backend, or, where that can't be, by the X protocol itself.

mss's older Xlib backend ends the whole process when the server dies; XCB raises an exception. XCB's backend
takes only screens of 24 or 32 bits that list their depth once: TigerVNC lists it twice, and old machines,
thin clients and remote desktops have 8, 15, 16 or 30 bits. Those are read by the values of their pixels.
"""

import logging
from typing import Any, Final

import mss
import numpy as np
import numpy.typing as npt
from mss.exception import ScreenShotError
from Xlib import X
from Xlib import error as xerror

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.desktops.x11.connection import Connection

__all__ = ["Capture"]

_log = logging.getLogger(__name__)

_MISSING: Final = "Library "
"""How mss's message begins if one of XCB's libraries isn't there."""
_ALL_PLANES: Final = 0xFFFFFFFF
_CHANNELS: Final = ("red", "green", "blue")


class Capture:
    """Captures the screen by one mss instance, which is made anew when the screen's size has changed."""

    def __init__(self, name: str) -> None:
        """Open the screen of a display.

        Raises:
            NoScreenError: a library is missing, or the screen can't be read.
        """
        self._name = name
        self._plain: _PlainCapture | None = None
        self._mss: mss.MSS | None = None
        try:
            self._mss = self._open()
        except (ScreenShotError, OSError) as error:
            if str(error).startswith(_MISSING):
                packages = "libxcb1 libxcb-randr0 libxcb-render0 libxcb-shm0 libxcb-xfixes0"
                raise NoScreenError(
                    f"capturing needs a library: {error}; sudo apt install {packages}"
                ) from None
            _log.info("the screen is captured without mss: %s", error)
            self._plain = _PlainCapture(name)

    def _open(self) -> mss.MSS:
        return mss.MSS(backend="xshmgetimage", display=self._name)

    def grab(self, region: Rect) -> Pixels:
        """Read a rectangle of the screen as RGB of shape (height, width, 3), mostly a view on mss's buffer.

        Raises:
            DesktopError: the server is gone, or the rectangle isn't on the screen.
        """
        if self._mss is None:
            return self._plain_capture().grab(region)
        try:
            return self._read(self._mss, region)
        except ScreenShotError:
            self._mss.close()  # after a change of resolution the buffer is too small, or the rectangle stale
        try:
            self._mss = self._open()
            return self._read(self._mss, region)
        except ScreenShotError as error:
            raise DesktopError(f"{region} of the screen {self._name} can't be captured: {error}") from None

    def _plain_capture(self) -> "_PlainCapture":
        if self._plain is None:
            raise DesktopError(f"the screen {self._name} was closed")
        return self._plain

    def _read(self, source: mss.MSS, region: Rect) -> Pixels:
        shot = source.grab(
            {"left": region.left, "top": region.top, "width": region.width, "height": region.height}
        )
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return bgra[..., 2::-1]

    def close(self) -> None:
        if self._mss is not None:
            self._mss.close()
        if self._plain is not None:
            self._plain.close()


class _PlainCapture:
    """Captures a screen of any depth by GetImage: some 10 ms for a screen of 1280x800, against mss's 1 ms.

    Source: https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html, "GetImage" and "Visual Types".
    """

    def __init__(self, name: str) -> None:
        self._connection = Connection(name)
        with self._connection as display:
            self._bits, self._padded = _format_of_root(display)
            self._lookup = _Lookup(display)
            self._byte_order = "<" if display.display.info.image_byte_order == X.LSBFirst else ">"
        if self._bits not in (8, 16, 32):
            self.close()
            raise NoScreenError(
                f"the screen {name} has {self._bits} bits a pixel, which can't be captured: start its X "
                "server with a depth of 24, as Xvfb's -screen 0 1280x800x24 does"
            )

    def grab(self, region: Rect) -> Pixels:
        with self._connection as display:
            try:
                image = display.screen().root.get_image(
                    region.left, region.top, region.width, region.height, X.ZPixmap, _ALL_PLANES
                )
            except xerror.BadMatch:
                raise DesktopError(f"{region} isn't on the screen {self._connection.name}") from None
            row_bits = -(-region.width * self._bits // self._padded) * self._padded
            values = np.frombuffer(image.data, np.dtype(f"{self._byte_order}u{self._bits // 8}"))
            values = values.reshape(region.height, row_bits // self._bits)[:, : region.width]
            return self._lookup.colours(display, values)

    def close(self) -> None:
        self._connection.close()


class _Lookup:
    """Turns pixel values of the root window into colours: by the masks of its visual, or by its colormap."""

    def __init__(self, display: Any) -> None:
        root_visual = display.screen().root_visual
        visuals = [each for depth in display.screen().allowed_depths for each in depth.visuals]
        self._visual = next(each for each in visuals if each.visual_id == root_visual)

    def colours(self, display: Any, values: npt.NDArray[np.unsignedinteger[Any]]) -> Pixels:
        """Return RGB of shape (height, width, 3) for pixel values of shape (height, width)."""
        if self._visual.visual_class not in (X.TrueColor, X.DirectColor):
            palette = self._palette(display)
            found: Pixels = palette[np.minimum(values, len(palette) - 1)]
            return found
        channels = [_scaled(values, getattr(self._visual, f"{name}_mask")) for name in _CHANNELS]
        return np.stack(channels, axis=-1)

    def _palette(self, display: Any) -> npt.NDArray[np.uint8]:
        """Return the colours of the default colormap as they are now, as applications add theirs to it."""
        shown = display.screen().default_colormap.query_colors(range(self._visual.colormap_entries))
        entries = [[getattr(one, name) >> 8 for name in _CHANNELS] for one in shown]
        return np.array(entries, np.uint8)


def _scaled(values: npt.NDArray[np.unsignedinteger[Any]], mask: int) -> npt.NDArray[np.uint8]:
    """Return one channel of pixel values as 0-255, whatever its number of bits."""
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    raw = (values.astype(np.uint32) & mask) >> shift
    if most == 0xFF:
        return raw.astype(np.uint8)
    return ((raw * 255 + most // 2) // most).astype(np.uint8)


def _format_of_root(display: Any) -> tuple[int, int]:
    """Return the bits of a pixel of the root window, and the multiple of bits that its rows are padded to."""
    depth = display.screen().root_depth
    formats = display.display.info.pixmap_formats
    return next((one.bits_per_pixel, one.scanline_pad) for one in formats if one.depth == depth)
