"""Pictures on a page: parts of screens, small enough for one page, and the marks drawn over them."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, cast

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.frame import Pixels

__all__ = ["SMALL", "Album", "Mark", "Picture", "Stored", "box_mark", "cut", "surroundings"]

SMALL: Final = 560
"""The width in pixels of a picture that stands beside others."""
_QUALITY: Final = 82
_SHARP_BELOW: Final = 400 * 300
"""Pictures of at most this many pixels are kept without loss: they are there to be looked at closely."""

MarkKind = Literal[
    "target", "first", "end", "planned", "pointer", "path", "changed", "region", "found", "candidate"
]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing drawn over a picture, in the frame's pixels.

    A point has no width and height; a path goes from one corner of its box to the opposite one. A label
    stands above its box.
    """

    kind: MarkKind
    x: float
    y: float
    width: float = 0
    height: float = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A part of a frame as a data: URI, with its marks.

    Attributes:
        uri: the picture; "" if it stands in the page's album.
        box: the part, in the frame's pixels; the marks are in the same.
        alt: the text for screen readers.
        unit: the size of a mark in the frame's pixels that makes all marks about equal on the page.
        ref: the picture's id in the page's album; "" if it isn't there.
    """

    uri: str
    box: FrameBox
    marks: tuple[Mark, ...]
    alt: str
    unit: float
    ref: str = ""

    def has(self, *kinds: str) -> bool:
        return any(mark.kind in kinds for mark in self.marks)


def box_mark(kind: MarkKind, box: FrameBox, label: str = "", *, gap: int = 0) -> Mark:
    """Return the mark of a box, at a distance of `gap` pixels around it, so that its edge stays visible."""
    return Mark(kind, box.left - gap, box.top - gap, box.width + 2 * gap, box.height + 2 * gap, label)


def surroundings(box: FrameBox, size: tuple[int, int]) -> FrameBox:
    """Return a box with enough around it to know its place by, within a frame of (width, height) `size`."""
    margin = min(max(32, 2 * max(box.width, box.height)), max(size) // 20)
    return box.grown(margin, size)


def cut(pixels: Pixels, alt: str, box: FrameBox, width: int, marks: tuple[Mark, ...] = ()) -> Picture:
    """Cut a box out of RGB pixels of shape (height, width, 3), for a picture at most `width` pixels wide.

    Raises:
        RecordingError: libvips failed.
    """
    unit = max(box.width, box.height) * (0.03 if width <= SMALL else 0.01)
    return Picture(_uri(pixels, box, width), box, marks, alt, unit)


def _uri(pixels: Pixels, box: FrameBox, width: int) -> str:
    """Make a box of pixels a data: URI; raises as `cut` does."""
    import pyvips  # noqa: PLC0415 - loads a native library

    part = np.ascontiguousarray(pixels[box.top : box.bottom, box.left : box.right])
    try:
        image = pyvips.Image.new_from_memory(part.data, box.width, box.height, 3, "uchar")
        image = image.copy(interpretation="srgb")
        if box.width > width:
            image = image.resize(width / box.width)
        lossless = box.width * box.height <= _SHARP_BELOW
        data = image.webpsave_buffer(
            Q=_QUALITY, lossless=lossless, effort=2, smart_subsample=True, keep="none"
        )
    except pyvips.Error as error:
        raise RecordingError(f"libvips could not write a WebP of {box}: {error}") from error
    return "data:image/webp;base64," + base64.b64encode(cast("bytes", data)).decode()


@dataclass(frozen=True, slots=True)
class Stored:
    """A picture in a page's album, and the box of its screen that it shows."""

    ref: str
    uri: str
    box: FrameBox


class Album:
    """The pictures of a page, each once however often it is shown, and no more than so many bytes.

    Attributes:
        stored: those that are in it, by their screen's checksum and their box.
    """

    def __init__(self, width: int, most: int) -> None:
        """Begin one.

        Args:
            width: pictures are made at most so many pixels wide.
            most: the most bytes of all its pictures as data: URIs.
        """
        self.stored: dict[tuple[str, FrameBox], Stored] = {}
        self._width, self._left = width, most

    def picture(
        self,
        digest: str,
        load: Callable[[], Pixels],
        box: FrameBox,
        *,
        alt: str,
        marks: tuple[Mark, ...] = (),
    ) -> Picture | None:
        """Return a part of a screen with marks, for a page that has this album; None if it is full.

        Args:
            digest: the screen's checksum, by which it is known again.
            load: reads the screen, as RGB of shape (height, width, 3).
            box: the part of it.
            alt: the text for screen readers.
            marks: what is drawn over it, in the screen's pixels.

        Raises:
            RecordingError: as `load` and `cut` do.
        """
        known = (digest, box)
        if known not in self.stored and not self._store(known, load):
            return None
        unit = max(box.width, box.height) * (0.03 if box.width <= SMALL else 0.01)
        return Picture("", box, marks, alt, unit, self.stored[known].ref)

    def _store(self, known: tuple[str, FrameBox], load: Callable[[], Pixels]) -> bool:
        if self._left <= 0:
            return False
        uri = _uri(load(), known[1], self._width)
        if len(uri) > self._left:
            self._left = 0  # the next would be encoded in vain
            return False
        self._left -= len(uri)
        self.stored[known] = Stored(f"picture-{len(self.stored) + 1}", uri, known[1])
        return True
