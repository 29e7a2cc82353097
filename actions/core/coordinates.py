"""The three coordinate spaces, and the only conversions between them.

- `ModelPoint`: the 0-1000 grid over the frame that the model saw, on both axes, as Qwen3-VL answers.
- `FramePoint`: pixels of that frame, counted from its top left.
- `DesktopPoint`: logical pixels of the virtual desktop, where input goes. May be negative.

A `View` describes how a frame lies on the desktop: the monitor's rectangle in logical pixels, the scale
(frame pixels for one logical pixel) and, for a crop, where in the monitor's pixels it begins.

A grid value `v` becomes the frame pixel `floor(v / 1000 * size)`, at most `size - 1` (so 1000 is the
last pixel); values outside 0-1000 are refused. Sources disagree on 999 or 1000 as the divisor: the
cookbook's computer_use and 2d_grounding use 1000, and the choice is worth at most 2 px at 1080p.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from qvl_agent.actions.core.errors import CoordinateError

__all__ = [
    "GRID",
    "DesktopPoint",
    "FrameBox",
    "FramePoint",
    "ModelBox",
    "ModelPoint",
    "Rect",
    "View",
    "desktop_to_frame",
    "frame_box_to_rect",
    "frame_to_desktop",
    "frame_to_model",
    "model_box_between",
    "model_box_to_frame",
    "model_to_desktop",
    "model_to_frame",
    "rect_to_frame_box",
]

GRID = 1000
"""The model's grid: 0 is the left or top edge of the frame, 1000 the right or bottom one."""

Grid = Annotated[float, Field(ge=0, le=GRID, allow_inf_nan=False)]
_STRICT = ConfigDict(strict=True, extra="forbid")


@checked_dataclass(frozen=True, slots=True, config=_STRICT)
class ModelPoint:
    """A point on the model's 0-1000 grid."""

    x: Grid
    y: Grid


@checked_dataclass(frozen=True, slots=True, config=_STRICT)
class ModelBox:
    """A box on the model's 0-1000 grid, its corners in order; a point is a box of no size.

    Build it with `of`, which sorts the corners and refuses values out of range.
    """

    x1: Grid
    y1: Grid
    x2: Grid
    y2: Grid

    @classmethod
    def of(cls, x1: float, y1: float, x2: float, y2: float) -> Self:
        """Make a box of two opposite corners, in any order.

        Raises:
            CoordinateError: a value is not finite or outside 0-1000.
        """
        for value in (x1, y1, x2, y2):
            if not (0 <= value <= GRID):
                raise CoordinateError(_out_of_grid(value))
        return cls(float(min(x1, x2)), float(min(y1, y2)), float(max(x1, x2)), float(max(y1, y2)))

    @classmethod
    def at(cls, x: float, y: float) -> Self:
        """Make the box of no size at a point; raises as `of` does."""
        return cls.of(x, y, x, y)

    @property
    def centre(self) -> ModelPoint:
        return ModelPoint((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)

    def overlap(self, other: "ModelBox") -> float:
        """Return the intersection over union, 0-1; two equal points overlap by 1."""
        if self == other:
            return 1.0
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        shared = width * height
        return shared / (self.area + other.area - shared)

    @property
    def area(self) -> float:
        return (self.x2 - self.x1) * (self.y2 - self.y1)


def _out_of_grid(value: float) -> str:
    if value > GRID:
        return (
            f"coordinate {value:g} is over {GRID}: it looks like pixels; "
            f"answer on the 0-{GRID} grid over the whole picture"
        )
    return f"coordinate {value:g} is not on the 0-{GRID} grid"


@checked_dataclass(frozen=True, slots=True, config=_STRICT)
class FramePoint:
    """A pixel of a frame."""

    x: int
    y: int


@checked_dataclass(frozen=True, slots=True, config=_STRICT)
class FrameBox:
    """A box of a frame's pixels: `left` and `top` are its first, `right` and `bottom` one past its last."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def meets(self, other: "FrameBox") -> bool:
        """Return whether the two boxes share a pixel."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, other: "FrameBox") -> bool:
        """Return whether all of another box lies in this one."""
        across = self.left <= other.left and other.right <= self.right
        return across and self.top <= other.top and other.bottom <= self.bottom

    def moved(self, x: int, y: int) -> "FrameBox":
        """Return the box so many pixels further right and down."""
        return FrameBox(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def grown(self, margin: int, size: tuple[int, int]) -> "FrameBox":
        """Return the box with a margin in pixels on every side, within a frame of (width, height) `size`."""
        return FrameBox(
            max(0, self.left - margin),
            max(0, self.top - margin),
            min(size[0], self.right + margin),
            min(size[1], self.bottom + margin),
        )


@checked_dataclass(frozen=True, slots=True, config=_STRICT)
class DesktopPoint:
    """A logical pixel of the virtual desktop; negative left of or above the primary monitor."""

    x: int
    y: int


@checked_dataclass(frozen=True, slots=True, config=_STRICT)
class Rect:
    """A rectangle of logical pixels on the virtual desktop."""

    left: int
    top: int
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]

    def __contains__(self, point: DesktopPoint) -> bool:
        return self.left <= point.x < self.left + self.width and self.top <= point.y < self.top + self.height


@dataclass(frozen=True, slots=True)
class View:
    """The place of a frame of `width` x `height` pixels on the desktop.

    Attributes:
        width, height: the frame's size in pixels.
        monitor: the monitor's rectangle in logical pixels.
        scale: frame pixels for one logical pixel (2.0 on a Retina screen).
        origin: the frame's top left in the monitor's pixels; (0, 0) unless the frame is a crop.
    """

    width: int
    height: int
    monitor: Rect
    scale: float = 1.0
    origin: FramePoint = FramePoint(0, 0)


def model_to_frame(point: ModelPoint, view: View) -> FramePoint:
    """Map a grid point to the frame's pixel that it lies on."""
    return FramePoint(_grid_to_pixel(point.x, view.width), _grid_to_pixel(point.y, view.height))


def _grid_to_pixel(value: float, size: int) -> int:
    return min(math.floor(value * size / GRID), size - 1)


def model_box_to_frame(box: ModelBox, view: View) -> FrameBox:
    """Map a grid box to the pixels it covers, at least one on each axis."""
    left, top = _grid_to_pixel(box.x1, view.width), _grid_to_pixel(box.y1, view.height)
    right, bottom = math.ceil(box.x2 * view.width / GRID), math.ceil(box.y2 * view.height / GRID)
    return FrameBox(left, top, max(right, left + 1), max(bottom, top + 1))


def model_box_between(box: ModelBox, part: View, whole: View) -> ModelBox:
    """Map a box from the grid of a crop, `part`, to the grid of the frame it was cut from, `whole`.

    The mapping is linear and rounds nothing: a point means the same logical pixel on both grids, or its
    neighbour if it lies on the line between two. Only the far edge of the part (1000) is one pixel
    further in, by the rule that 1000 is a frame's last pixel.

    Raises:
        CoordinateError: `part` isn't a part of `whole`: another monitor or scale, or it reaches outside.
    """
    left, top = part.origin.x - whole.origin.x, part.origin.y - whole.origin.y
    inside = 0 <= left <= whole.width - part.width and 0 <= top <= whole.height - part.height
    if not inside or (part.monitor, part.scale) != (whole.monitor, whole.scale):
        raise CoordinateError(f"{part} is no part of {whole}; crop it from that frame")

    def x(value: float) -> float:
        return (left * GRID + value * part.width) / whole.width

    def y(value: float) -> float:
        return (top * GRID + value * part.height) / whole.height

    return ModelBox.of(x(box.x1), y(box.y1), x(box.x2), y(box.y2))


def frame_to_model(point: FramePoint, view: View) -> ModelPoint:
    """Map a pixel's middle to the grid; `model_to_frame` takes it back to the same pixel."""
    _inside(point, view)
    return ModelPoint((point.x + 0.5) * GRID / view.width, (point.y + 0.5) * GRID / view.height)


def frame_to_desktop(point: FramePoint, view: View) -> DesktopPoint:
    """Map a pixel of the frame to the logical pixel that holds its middle.

    Raises:
        CoordinateError: the pixel is outside the frame, or the result outside the monitor.
    """
    _inside(point, view)
    mapped = DesktopPoint(
        view.monitor.left + math.floor((view.origin.x + point.x + 0.5) / view.scale),
        view.monitor.top + math.floor((view.origin.y + point.y + 0.5) / view.scale),
    )
    if mapped not in view.monitor:
        raise CoordinateError(f"{mapped} is outside the captured monitor {view.monitor}; capture again")
    return mapped


def frame_box_to_rect(box: FrameBox, view: View) -> Rect:
    """Map a box of the frame to the rectangle of logical pixels that covers it, to capture it again.

    Raises:
        CoordinateError: the box is empty or not inside the frame.
    """
    _inside(FramePoint(box.left, box.top), view)
    _inside(FramePoint(box.right - 1, box.bottom - 1), view)
    if box.width <= 0 or box.height <= 0:
        raise CoordinateError(f"{box} holds no pixel")
    left, top = ((view.origin.x + box.left) / view.scale, (view.origin.y + box.top) / view.scale)
    right, bottom = ((view.origin.x + box.right) / view.scale, (view.origin.y + box.bottom) / view.scale)
    x, y = math.floor(left), math.floor(top)
    width = min(math.ceil(right), view.monitor.width) - x
    height = min(math.ceil(bottom), view.monitor.height) - y
    if width <= 0 or height <= 0:
        raise CoordinateError(f"{box} is outside the captured monitor {view.monitor}; capture again")
    return Rect(view.monitor.left + x, view.monitor.top + y, width, height)


def rect_to_frame_box(region: Rect, view: View) -> FrameBox:
    """Map a rectangle of logical pixels to the box of the frame that shows it.

    Raises:
        CoordinateError: it isn't wholly on the captured screen.
    """
    left = round((region.left - view.monitor.left) * view.scale) - view.origin.x
    top = round((region.top - view.monitor.top) * view.scale) - view.origin.y
    right, bottom = left + round(region.width * view.scale), top + round(region.height * view.scale)
    if left < 0 or top < 0 or right > view.width or bottom > view.height:
        raise CoordinateError(f"{region} is not on the captured monitor {view.monitor}")
    return FrameBox(left, top, right, bottom)


def desktop_to_frame(point: DesktopPoint, view: View) -> FramePoint:
    """Map a logical pixel's middle to the frame's pixel that it lies on.

    Raises:
        CoordinateError: the point is outside the frame.
    """
    mapped = FramePoint(
        math.floor((point.x - view.monitor.left + 0.5) * view.scale) - view.origin.x,
        math.floor((point.y - view.monitor.top + 0.5) * view.scale) - view.origin.y,
    )
    _inside(mapped, view)
    return mapped


def model_to_desktop(point: ModelPoint, view: View) -> DesktopPoint:
    """Map a grid point to the logical pixel where input goes; raises as `frame_to_desktop`."""
    return frame_to_desktop(model_to_frame(point, view), view)


def _inside(point: FramePoint, view: View) -> None:
    if not (0 <= point.x < view.width and 0 <= point.y < view.height):
        raise CoordinateError(f"{point} is outside the frame of {view.width}x{view.height} pixels")
