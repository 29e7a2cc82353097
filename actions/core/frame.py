"""A capture of the screen (`Frame`): its pixels, and how they lie on the desktop."""

import time
from dataclasses import dataclass, field
from uuid import uuid4

import numpy as np
import numpy.typing as npt
from PIL import Image

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, FramePoint, Rect, View

__all__ = ["Frame", "Geometry", "Pixels"]

Pixels = npt.NDArray[np.uint8]
"""RGB, shape (height, width, 3), read-only."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """The monitors of a desktop, in logical pixels; the desktop may have holes between them."""

    monitors: tuple[Rect, ...]

    def __contains__(self, point: DesktopPoint) -> bool:
        return any(point in monitor for monitor in self.monitors)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One capture. Made only by a Desktop, or by `crop` from another frame.

    Attributes:
        pixels: RGB of shape (height, width, 3), uint8; read-only, and not always contiguous.
        monitor: the captured monitor's rectangle in logical pixels.
        scale: frame pixels for one logical pixel.
        origin: the frame's top left in the monitor's pixels; (0, 0) unless the frame is a crop.
        time: when it was captured, in seconds of the monotonic clock.
        id: the frame's name in the journal.
    """

    pixels: Pixels
    monitor: Rect
    scale: float = 1.0
    origin: FramePoint = FramePoint(0, 0)
    time: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: uuid4().hex[:12])

    def __post_init__(self) -> None:
        self.pixels.flags.writeable = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels, in Pillow's order."""
        height, width = self.pixels.shape[:2]
        return width, height

    @property
    def view(self) -> View:
        width, height = self.size
        return View(width, height, self.monitor, self.scale, self.origin)

    @property
    def box(self) -> FrameBox:
        """The box of the whole frame."""
        return FrameBox(0, 0, *self.size)

    def image(self) -> Image.Image:
        """Copy the pixels into a Pillow image in mode RGB."""
        return Image.fromarray(np.ascontiguousarray(self.pixels))

    def crop(self, box: FrameBox) -> "Frame":
        """Return a part of the frame without copying its pixels; its `origin` keeps their place."""
        return Frame(
            pixels=self.pixels[box.top : box.bottom, box.left : box.right],
            monitor=self.monitor,
            scale=self.scale,
            origin=FramePoint(self.origin.x + box.left, self.origin.y + box.top),
            time=self.time,
        )
