"""What a cover looks like, and finding covers in a picture."""

from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.screen.changes import TILE, boxes

__all__ = ["COVER", "covered", "covers_in"]

COVER: Final = (96, 96, 96)
"""The colour of a cover."""
_COVERED: Final = TILE * TILE // 8
"""Pixels of a tile in the covers' colour from which on there is a cover in it."""
_FILLED: Final = 6
"""Pixels in the covers' colour from which on a line or column is part of one."""
_LABEL: Final = "secret"


def covered(frame: Frame, found: list[FrameBox]) -> Frame:
    """Draw the covers; each says what it is, as a model takes an empty field for one to fill in."""
    if not found:
        return frame
    pixels = np.array(frame.pixels)
    for box in found:
        pixels[box.top : box.bottom, box.left : box.right] = COVER
    for box in found:
        _say(pixels, box)
    return replace(frame, pixels=pixels)


def _say(pixels: Pixels, box: FrameBox) -> None:
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


def covers_in(frame: Frame) -> list[FrameBox]:
    """Find the covers in a picture, by their colour."""
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
