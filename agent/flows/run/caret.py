"""Take a text cursor out of a picture, so that it isn't read as an l or a 1 beside a typed text."""

from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels

__all__ = ["without_caret"]

_INK: Final = 40
"""The least difference to the background, of 255, that is ink."""
_WIDEST: Final = 3
"""Logical pixels."""
_BORDER: Final = 3
"""Logical pixels inside of a field's box that its own border may take."""


def without_caret(frame: Frame, box: FrameBox) -> Frame | None:
    """Return a frame in which the text cursor in a box is painted over; None if there is surely none.

    A cursor is a thin bar that reaches above and below all other ink in the box; no letter does.

    Args:
        frame: the screen.
        box: a field, in pixels of the frame.
    """
    border = round(_BORDER * frame.scale)
    inside = FrameBox(box.left + border, box.top + border, box.right - border, box.bottom - border)
    if inside.right - inside.left < 8 or inside.bottom - inside.top < 8:
        return None
    pixels = frame.pixels[inside.top : inside.bottom, inside.left : inside.right]
    grey = pixels.astype(np.int16).mean(axis=2)
    background = float(np.median(grey))
    ink = np.abs(grey - background) > _INK
    bar = _bar(ink, round(_WIDEST * frame.scale))
    if bar is None:
        return None
    first, last = bar
    whole: Pixels = frame.pixels.copy()
    colour = np.median(pixels.reshape(-1, 3), axis=0).astype(np.uint8)
    whole[inside.top : inside.bottom, inside.left + first : inside.left + last + 1] = colour
    return Frame(whole, frame.monitor, frame.scale, frame.origin, frame.time)


def _bar(ink: np.ndarray, widest: int) -> tuple[int, int] | None:
    """Return the first and last column of the one bar that is taller, up and down, than all other ink."""
    columns = np.flatnonzero(ink.any(axis=0))
    if not columns.size:
        return None
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    for group in groups:
        first, last = int(group[0]), int(group[-1])
        if last - first + 1 > widest:
            continue
        rows = np.flatnonzero(ink[:, first : last + 1].any(axis=1))
        rest = ink.copy()
        rest[:, first : last + 1] = False
        others = np.flatnonzero(rest.any(axis=1))
        solid = rows.size == rows[-1] - rows[0] + 1
        if others.size and solid and rows[0] < others[0] and rows[-1] > others[-1]:
            return first, last
    return None
