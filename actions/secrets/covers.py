"""Cover what a typed secret drew on the screen, so that no picture of it is kept or shown to the model.

The application isn't asked where the secret stands: it can be read where its typing changed the screen, so
captures before and after the typing are compared pixel by pixel. That place stays covered for as long as it
shows anything of the same shape, and the shape is looked for wherever the screen changes, so that a field
that scrolls, moves or is drawn in other colours stays covered too. In doubt a place is covered.

A cover is a grey box with the word "secret" in it. Covers are found again in a recorded picture by their
colour (`covers_in`), so that a resumed run covers the same places.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, FramePoint, frame_to_desktop
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.screen.changes import TILE, Mask, boxes, difference, same, tile_map
from qvl_agent.actions.secrets.shapes import Shape

__all__ = ["COVER", "Covers"]

COVER: Final = (96, 96, 96)
"""The colour of a cover, in RGB."""
_LABEL: Final = "secret"
_MARGIN: Final = 6
"""Pixels around a changed area that are covered with it."""
_STILL_SHOWN: Final = 0.3
"""From this likeness on (0-1, see `Shape`) a place that showed a secret is taken to show it still; other text
is seldom more like it."""
_UNCHANGED_SHARE: Final = 0.15
"""The same follows if at least this share of the pixels that the secret changed are as they were drawn."""
_SHOWN_ELSEWHERE: Final = 0.7
"""From this likeness on another place is taken to show the secret."""
_RING, _RING_SAME = 24, 0.85
"""Pixels on each side of a cover that are compared, and the least share of the area that must be the same."""
_COVERED: Final = TILE * TILE // 8
"""The least number of pixels in the covers' colour in a tile that holds a part of a cover."""
_FILLED: Final = 6
"""A row or column with more pixels in the covers' colour than this is part of a cover."""

Owner = Callable[[DesktopPoint], WindowInfo | None]
"""Finds the window at a point."""


class Covers:
    """The covers on one monitor.

    Attributes:
        blind: whether the whole screen is covered, because it isn't known what a secret has drawn.
    """

    def __init__(self, owner: Owner) -> None:
        """Store the function that finds the window at a point."""
        self.blind = False
        self._owner = owner
        self._fields: list[_Field] = []
        self._unseen: tuple[Frame, str] | None = None
        self._last: Frame | None = None

    def __bool__(self) -> bool:
        return self.blind or bool(self._fields) or self._unseen is not None

    def typed(self, before: Frame, after: Frame, window: WindowInfo | None) -> None:
        """Note what the typing of a secret changed.

        Nothing has changed if an application shows no sign of the text, or if it is slow. So everything that
        it draws until the next input (`acted`) is covered then.
        """
        program = window.program if window else ""
        if before.view != after.view:
            self.blind = True
            return
        found = [
            box
            for box in boxes(tile_map(before, after), after.size)
            if self._may_belong_to(box, after, program)
        ]
        self._fields += [_field(box, before, after, program) for box in found]
        self._unseen = None if found else (before, program)
        self._last = None

    def recover(self, last: Frame, now: Frame) -> bool:
        """Cover again what was covered in the last picture of a run that is resumed.

        Returns:
            False if the screen around a cover isn't what it was, so that a secret may be anywhere.
        """
        known = covers_in(last)
        if not known:
            return True
        if last.view != now.view or not all(_same_around(box, last, now) for box in known):
            return False
        for box in known:
            window = self._owner(_middle(box, now))
            part = np.s_[box.top : box.bottom, box.left : box.right]
            drawn = now.pixels[part].copy()
            everything = np.ones(drawn.shape[:2], dtype=np.bool_)
            program = window.program if window else ""
            self._fields.append(
                _Field(box, np.empty(0, np.uint8), drawn, everything, program, Shape.of(drawn))
            )
        self._last = None
        return True

    def acted(self) -> None:
        """Note that other input is sent: later changes aren't the typing of the secret any more."""
        self._unseen = None

    def cover(self, frame: Frame) -> Frame:
        """Return a capture of the whole monitor with the covers drawn on it."""
        if not self:
            return frame
        if self.blind:
            return covered(frame, [frame.box])
        if self._last is None or not same(self._last, frame):
            areas = (frame.box,) if self._last is None else boxes(tile_map(self._last, frame), frame.size)
            for each in self._fields:
                each.look(frame, areas, self._owner)
            self._last = frame
        found = [box for each in self._fields for box in each.covers()]
        if self._unseen is not None:
            before, program = self._unseen
            changed = boxes(tile_map(before, frame), frame.size)
            found += [box for box in changed if self._may_belong_to(box, frame, program)]
        return covered(frame, [box.grown(_MARGIN, frame.size) for box in found])

    def _may_belong_to(self, box: FrameBox, frame: Frame, program: str) -> bool:
        """Return whether a change may be the application's: not if all of it lies in others' windows."""
        spots = [
            DesktopPoint(middle.x + x, middle.y + y)
            for middle in [_middle(box, frame)]
            for x in (-box.width // 3, 0, box.width // 3)
            for y in (-box.height // 3, 0, box.height // 3)
        ]
        windows = [self._owner(spot) for spot in spots]
        return any(
            window is None or not window.program or not program or window.program == program
            for window in windows
        )


def covered(frame: Frame, found: list[FrameBox]) -> Frame:
    """Draw covers with a label each, because a model takes an empty field for one to fill in."""
    if not found:
        return frame
    pixels = np.array(frame.pixels)
    for box in found:
        pixels[box.top : box.bottom, box.left : box.right] = COVER
    for box in found:
        _draw_label(pixels, box)
    return replace(frame, pixels=pixels)


def covers_in(frame: Frame) -> list[FrameBox]:
    """Return the boxes of the covers in a picture, found by their colour."""
    grey = (frame.pixels == COVER).all(axis=-1)
    height, width = grey.shape
    table = np.zeros((-(-height // TILE) * TILE, -(-width // TILE) * TILE), dtype=np.bool_)
    table[:height, :width] = grey
    tiles = table.reshape(table.shape[0] // TILE, TILE, -1, TILE).sum(axis=(1, 3))
    found = []
    for box in boxes(tiles >= _COVERED, frame.size):
        part = box.grown(TILE, frame.size)
        inside = grey[part.top : part.bottom, part.left : part.right]
        rows, columns = (
            np.nonzero(inside.sum(axis=1) > _FILLED)[0],
            np.nonzero(inside.sum(axis=0) > _FILLED)[0],
        )
        if len(rows) and len(columns):
            found.append(
                FrameBox(
                    part.left + int(columns[0]),
                    part.top + int(rows[0]),
                    part.left + int(columns[-1]) + 1,
                    part.top + int(rows[-1]) + 1,
                )
            )
    return found


@dataclass(slots=True, eq=False)
class _Field:
    """A place where a secret was drawn, and all places that show it now.

    Attributes:
        box: the place, in frame pixels.
        before: the pixels there before the typing, of shape (height, width, 3); empty if not known.
        drawn: the pixels there after the typing, of the same shape.
        changed: which of them the typing changed, of shape (height, width).
        program: the program of the window there; "" if not known.
        shape: the shape of what was drawn.
        places: (top, left) of every place that shows it now, in frame pixels.
    """

    box: FrameBox
    before: Pixels
    drawn: Pixels
    changed: Mask
    program: str
    shape: Shape
    places: set[tuple[int, int]] = field(default_factory=set)

    @property
    def home(self) -> tuple[int, int]:
        return self.box.top, self.box.left

    def look(self, frame: Frame, areas: tuple[FrameBox, ...], owner: Owner) -> None:
        """Update `places`: keep those that still show the secret, and search the areas that have changed."""
        kept = {place for place in {self.home, *self.places} if self._shown_at(frame, place, owner)}
        height, width = self.shape.size
        for area in areas:
            part = area.grown(max(height, width), frame.size)
            found = self.shape.find(
                frame.pixels[part.top : part.bottom, part.left : part.right], _SHOWN_ELSEWHERE
            )
            kept |= {(part.top + top, part.left + left) for top, left in found}
        self.places = kept

    def _shown_at(self, frame: Frame, place: tuple[int, int], owner: Owner) -> bool:
        box = self._box_at(place)
        if box.right > frame.size[0] or box.bottom > frame.size[1]:
            return False
        now = frame.pixels[box.top : box.bottom, box.left : box.right]
        if place == self.home:
            if np.array_equal(now, self.before):
                return False
            window = owner(_middle(box, frame))
            if window is not None and window.program and self.program not in ("", window.program):
                return False
            as_drawn = (now == self.drawn).all(axis=-1)[self.changed]
            if as_drawn.mean() >= _UNCHANGED_SHARE:
                return True
        return self.shape.likeness(now) >= _STILL_SHOWN

    def _box_at(self, place: tuple[int, int]) -> FrameBox:
        top, left = place
        return FrameBox(left, top, left + self.box.width, top + self.box.height)

    def covers(self) -> list[FrameBox]:
        return [self._box_at(place) for place in sorted(self.places)]


def _field(box: FrameBox, before: Frame, after: Frame, program: str) -> _Field:
    changed = difference(before.crop(box), after.crop(box))
    rows, columns = np.nonzero(changed.any(axis=1))[0], np.nonzero(changed.any(axis=0))[0]
    tight = FrameBox(
        box.left + int(columns[0]),
        box.top + int(rows[0]),
        box.left + int(columns[-1]) + 1,
        box.top + int(rows[-1]) + 1,
    )
    part = np.s_[tight.top : tight.bottom, tight.left : tight.right]
    drawn = after.pixels[part].copy()
    inside = changed[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return _Field(tight, before.pixels[part].copy(), drawn, inside, program, Shape.of(drawn))


def _same_around(box: FrameBox, last: Frame, now: Frame) -> bool:
    """Return whether a cover's surroundings are the same, apart from a caret or a highlight."""
    part = box.grown(_RING, last.size)
    same_pixels = (last.crop(part).pixels == now.crop(part).pixels).all(axis=-1)
    same_pixels[box.top - part.top : box.bottom - part.top, box.left - part.left : box.right - part.left] = (
        True
    )
    return float(same_pixels.mean()) >= _RING_SAME


def _middle(box: FrameBox, frame: Frame) -> DesktopPoint:
    middle = FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
    return frame_to_desktop(middle, frame.view)


def _draw_label(pixels: Pixels, box: FrameBox) -> None:
    label = _drawn_label()
    height, width = label.shape[:2]
    top, left = (box.top + box.bottom - height) // 2, (box.left + box.right - width) // 2
    if box.height >= height and box.width >= width:
        pixels[top : top + height, left : left + width] = label


@cache
def _drawn_label() -> Pixels:
    font = ImageFont.load_default(size=12)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(_LABEL))
    image = Image.new("RGB", (right - left + 4, bottom - top + 2), COVER)
    ImageDraw.Draw(image).text((2 - left, 1 - top), _LABEL, (255, 255, 255), font)
    return np.asarray(image)
