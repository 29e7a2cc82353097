"""Read a window again: only what changed since another time is read anew.

Reading a whole window takes a second or more, and a step mostly changes a field or a button. What changed is
read together with every line that it touches, so that no line is put together of two readings. The other
time is the last one, or when the window was recorded.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.actions.screen.changes import TILE, boxes

__all__ = ["KnownLines", "RollingReader", "read_changed"]

_LARGE: Final = 120_000
"""Pixels from which on a part is worth to be kept: smaller ones are read as a whole."""
_MOST_CHANGED: Final = 0.35
"""The share of a window from which on it is read as a whole again."""
_AROUND: Final = 10
"""Pixels around a change that are read with it."""
_KEPT: Final = 6
"""Windows that are kept, by their sizes."""


@dataclass(frozen=True, slots=True)
class _Last:
    pixels: Pixels
    texts: tuple[Read, ...]
    """Their boxes in pixels of the part."""


@dataclass(frozen=True, slots=True)
class KnownLines:
    """A reader for a picture that was read before: it answers with the lines whose middle lies in a box."""

    lines: tuple[Read, ...]
    name: str = "what was read before"

    def warm_up(self) -> None:
        """Do nothing: there is nothing to load."""

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        del frame
        return tuple(line for line in self.lines if _holds_middle(box, line.box))


def _holds_middle(box: FrameBox, line: FrameBox) -> bool:
    x, y = (line.left + line.right) // 2, (line.top + line.bottom) // 2
    return box.left <= x < box.right and box.top <= y < box.bottom


Known = Callable[[tuple[int, int], float], Iterable[tuple[Pixels, tuple[Read, ...]]]]
"""Gives pictures of a size (width, height) and scale, with what was read in them, in their pixels."""


class RollingReader:
    """A reader that keeps what it read of large parts, and reads what changed.

    Attributes:
        name: the other reader's.
    """

    def __init__(self, reader: Reader, known: Known = lambda _size, _scale: ()) -> None:
        """Make one.

        Args:
            reader: reads what changed.
            known: gives pictures that were read before, for what was never read here.
        """
        self._reader, self._known = reader, known
        self._last: OrderedDict[tuple[int, int, float], _Last] = OrderedDict()

    @property
    def name(self) -> str:
        return self._reader.name

    def warm_up(self) -> None:
        self._reader.warm_up()

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        if box.width * box.height < _LARGE:
            return self._reader.read(frame, box)
        key = (box.width, box.height, frame.scale)
        pixels = frame.pixels[box.top : box.bottom, box.left : box.right]
        last = self._last.get(key)
        texts = None
        if last is not None:
            texts = read_changed(frame, box, last.pixels, last.texts, self._reader)
        if texts is None and (known := self._nearest(pixels, frame.scale)) is not None:
            texts = read_changed(frame, box, *known, self._reader)
        if texts is None:
            texts = self._reader.read(frame, box)
        self._last[key] = _Last(pixels.copy(), _moved(texts, -box.left, -box.top))
        self._last.move_to_end(key)
        while len(self._last) > _KEPT:
            self._last.popitem(last=False)
        return texts

    def _nearest(self, pixels: Pixels, scale: float) -> tuple[Pixels, tuple[Read, ...]] | None:
        """Return the known picture that is most like some pixels, with its texts."""
        known = self._known((pixels.shape[1], pixels.shape[0]), scale)
        return min(known, key=lambda one: int((one[0] != pixels).sum()), default=None)


def read_changed(
    frame: Frame,
    box: FrameBox,
    before: Pixels,
    texts: Sequence[Read],
    reader: Reader,
    *,
    most: float = _MOST_CHANGED,
) -> tuple[Read, ...] | None:
    """Read a part of a frame of which another reading is known; only what changed is read.

    A line whose own pixels are the same stays as it was read: another cut might be read otherwise.

    Args:
        frame: the screen.
        box: the part, in pixels of the frame.
        before: the part's pixels when it was read, RGB of shape (height, width, 3).
        texts: what was read then, in pixels of the part.
        reader: reads what changed.
        most: the share of the part up to which it may have changed.

    Returns:
        the texts from the top left, in pixels of the frame; None if more changed, or its size.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    now = frame.pixels[box.top : box.bottom, box.left : box.right]
    changed = _changed(before, now, most) if before.shape == now.shape else None
    if changed is None:
        return None
    size = (box.width, box.height)
    same = [each for each in texts if not _differs(before, now, each.box)]
    read: list[Read] = []
    for part in _whole_lines([each.grown(_AROUND, size) for each in changed], texts, size):
        read += _moved(reader.read(frame, part.moved(box.left, box.top)), -box.left, -box.top)
    new = [each for each in read if not any(each.box.meets(old.box) for old in same)]
    for line in (each for each in read if each not in new):
        for rest in _beyond(line.box, [old.box for old in same]):
            if not np.array_equal(before[_area(rest)], now[_area(rest)]):
                new += _moved(reader.read(frame, rest.moved(box.left, box.top)), -box.left, -box.top)
    ordered = sorted((*same, *new), key=lambda each: (each.box.top, each.box.left))
    return _moved(ordered, box.left, box.top)


def _beyond(line: FrameBox, known: Sequence[FrameBox]) -> list[FrameBox]:
    """Return the parts of a line on either side of the known lines that it was put together with."""
    met = [each for each in known if each.meets(line)]
    left, right = min(each.left for each in met), max(each.right for each in met)
    least = line.height // 2
    parts = []
    if left - line.left > least:
        parts.append(FrameBox(line.left, line.top, left, line.bottom))
    if line.right - right > least:
        parts.append(FrameBox(right, line.top, line.right, line.bottom))
    return parts


def _area(box: FrameBox) -> tuple[slice, slice]:
    return slice(box.top, box.bottom), slice(box.left, box.right)


def _differs(before: Pixels, now: Pixels, box: FrameBox) -> bool:
    """Return whether a line's pixels changed, or what is right beside them."""
    height, width = now.shape[:2]
    around = box.grown(3, (width, height))
    return not np.array_equal(before[_area(around)], now[_area(around)])


def _changed(before: Pixels, now: Pixels, most: float) -> tuple[FrameBox, ...] | None:
    """Return the boxes that changed; None if that is more than a share of it."""
    rows = (now != before).any(axis=2)
    height, width = rows.shape
    padded = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE), dtype=np.bool_)
    padded[:height, :width] = rows
    tiles = padded.reshape(padded.shape[0] // TILE, TILE, padded.shape[1] // TILE, TILE).any(axis=(1, 3))
    if tiles.mean() > most:
        return None
    return boxes(np.asarray(tiles), (width, height))


def _whole_lines(
    parts: Sequence[FrameBox], texts: Sequence[Read], size: tuple[int, int]
) -> tuple[FrameBox, ...]:
    """Grow boxes until none cuts through a line of text, and join those that meet."""
    grown = list(parts)
    while True:
        more = [
            _around(part, [_with_icon(each.box, size) for each in texts if part.meets(each.box)])
            for part in grown
        ]
        joined = _joined(more)
        if joined == grown:
            return tuple(joined)
        grown = joined


def _with_icon(line: FrameBox, size: tuple[int, int]) -> FrameBox:
    """Return a line's box with the icon beside it, which half cut off would be read as a letter."""
    aside = round(2.2 * line.height)
    return FrameBox(
        max(0, line.left - aside),
        max(0, line.top - _AROUND // 2),
        min(size[0], line.right + aside),
        min(size[1], line.bottom + _AROUND // 2),
    )


def _joined(parts: Sequence[FrameBox]) -> list[FrameBox]:
    left = list(parts)
    done: list[FrameBox] = []
    while left:
        part = left.pop()
        touching = [each for each in left if each.meets(part)]
        if touching:
            left = [each for each in left if each not in touching]
            left.append(_around(part, touching))
        else:
            done.append(part)
    return sorted(done, key=lambda each: (each.top, each.left))


def _around(part: FrameBox, others: Sequence[FrameBox]) -> FrameBox:
    every = (part, *others)
    return FrameBox(
        min(each.left for each in every),
        min(each.top for each in every),
        max(each.right for each in every),
        max(each.bottom for each in every),
    )


def _moved(texts: Sequence[Read], x: int, y: int) -> tuple[Read, ...]:
    return tuple(replace(each, box=each.box.moved(x, y)) for each in texts)
