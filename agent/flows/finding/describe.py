"""Describe a target on a recorded picture: its control, the text on it, the words that name its row.

What makes a lock uses this, so that it means by a control, a label and a row what the search means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.control import control_at
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.finding.looks import Peak, grey, peaks, surface_at, text_line, thing_at
from qvl_agent.agent.flows.finding.rows import band_of, in_row, key_of, label_of
from qvl_agent.agent.flows.finding.words import normal, read_all
from qvl_agent.agent.flows.lock import Seen

__all__ = ["Described", "alike", "describe_evidence", "read_picture", "row_pitch"]

_ICON: Final = 34
"""Logical pixels: what is smaller and has no text is an icon, a check box, a mark."""
_TALLEST: Final = 110
"""Logical pixels that a control with edges is high at most; what is higher is a panel."""
_ALIKE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Described:
    """What `Evidence` says of a target, and the words that a person might name it by.

    Attributes:
        box: its control, in pixels of the picture.
        text: what is read on it; "" for nothing.
        row: the words that name its row, where others look like it; "" if it is the only one.
        label: the words that label it: for `near`, or a field's `text`; "" for none.
    """

    box: FrameBox
    text: str
    row: str
    label: str


def read_picture(pixels: Pixels, reader: Reader, scale: float = 1.0) -> tuple[Seen, ...]:
    """Read all texts of a recorded picture, for `Evidence.texts`.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    frame = _frame(pixels, scale)
    return tuple(Seen(text=one.text, box=one.box) for one in read_all(frame, frame.box, reader))


def describe_evidence(
    pixels: Pixels, point: FramePoint, texts: Sequence[Seen], reader: Reader | None = None, scale: float = 1.0
) -> Described:
    """Describe what lies at a point of a recorded window.

    Args:
        pixels: the window, RGB.
        point: where it was clicked, in pixels of the picture.
        texts: all that was read in the picture.
        reader: reads the control again where `texts` has nothing on it; None leaves it at that.
        scale: the picture's pixels for one logical pixel.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    box = _control(pixels, point, texts, scale)
    on = _inside(texts, box)
    if max(box.width, box.height) <= _ICON * scale and all(len(normal(one.text)) < 2 for one in on):
        on = []  # an empty check box is read as 0, O or a frame, now so and now otherwise
    if not on and reader is not None and box.width > _ICON * scale:
        frame = _frame(pixels, scale)
        again = read_all(frame, box.grown(round(3 * scale), frame.size), reader)
        on = [Seen(text=one.text, box=one.box) for one in again]
    text = " ".join(one.text for one in sorted(on, key=lambda one: (one.box.top // 8, one.box.left)))
    rest = [one for one in texts if one not in on]
    others = _in_column(pixels, box)
    twins = [one for one in rest if text and normal(one.text) == normal(text)]
    pitch = _pitch_of(box, others)
    band = band_of(box, pitch, scale)
    label = label_of(pixels, box, rest, band)
    key = key_of(in_row(pixels, box, rest, band), texts) if twins or (others and not text) else None
    return Described(box, text, key.text if key else "", label.text if label else "")


def alike(pixels: Pixels, box: FrameBox, least: float = _ALIKE) -> tuple[Peak, ...]:
    """Return what else in a picture looks like a part of it, whatever text is on it."""
    levels = grey(pixels)
    crop = levels[box.top : box.bottom, box.left : box.right]
    return tuple(peak for peak in peaks(levels, crop, least) if not peak.box.meets(box))


def _in_column(pixels: Pixels, box: FrameBox) -> tuple[FrameBox, ...]:
    """Return what looks like a part of a picture right above it or below it: its column in a list."""
    slack = max(4, box.width // 8)
    left, right = max(0, box.left - slack), min(pixels.shape[1], box.right + slack)
    levels = grey(pixels[:, left:right])
    crop = levels[box.top : box.bottom, box.left - left : box.right - left]
    found = (peak.box for peak in peaks(levels, crop, _ALIKE))
    moved = (FrameBox(one.left + left, one.top, one.right + left, one.bottom) for one in found)
    return tuple(one for one in moved if not one.meets(box))


def _pitch_of(box: FrameBox, others: Sequence[FrameBox]) -> float | None:
    """Return the distance to the next row: to what looks like the target above or below it; None for none."""
    gaps = [
        abs(other.top - box.top)
        for other in others
        if abs(other.left - box.left) <= max(4, box.width // 8) and abs(other.top - box.top) > box.height // 2
    ]
    return float(min(gaps)) if gaps else None


def row_pitch(pixels: Pixels, box: FrameBox) -> float | None:
    """Return the distance from a box to the next row; None if nothing above or below it is like it."""
    return _pitch_of(box, _in_column(pixels, box))


def _inside(texts: Sequence[Seen], box: FrameBox) -> list[Seen]:
    found = []
    for one in texts:
        x, y = (one.box.left + one.box.right) // 2, (one.box.top + one.box.bottom) // 2
        if box.left - 2 <= x < box.right + 2 and box.top - 2 <= y < box.bottom + 2:
            found.append(one)
    return found


def _control(pixels: Pixels, point: FramePoint, texts: Sequence[Seen], scale: float) -> FrameBox:
    """Return a control with edges, else the text at the point, else the small thing there."""
    size = (pixels.shape[1], pixels.shape[0])
    reach = round(_ICON * scale)
    under = [one.box for one in texts if _covers(one.box.grown(round(2 * scale), size), point)]
    thing = thing_at(pixels, point.x, point.y, reach)
    if thing and under and _is_mark(pixels, thing, min(under, key=_area), point):
        return thing.grown(1, size)
    if (
        thing
        and not under
        and _covers(thing.grown(1, size), point)
        and max(thing.width, thing.height) <= reach
    ):
        return thing.grown(1, size)
    edged = surface_at(pixels, point.x, point.y)
    if edged is None:
        control = control_at(_frame(pixels, scale), point)
        edged = control.box.grown(-round(3 * scale), size) if control.bounded else None
    several = bool(edged and under) and len(_inside(texts, edged or under[0])) > 1
    panel = several and edged is not None and edged.height > 3 * under[0].height
    if edged and not panel and edged.height <= _TALLEST * scale and edged.width >= 12 * scale:
        return edged.grown(1, size)
    if under:
        return text_line(pixels, min(under, key=_area), point.x).grown(round(2 * scale), size)
    if thing:
        return thing.grown(1, size)
    half = round(12 * scale)
    return FrameBox(point.x, point.y, point.x + 1, point.y + 1).grown(half, size)


def _area(box: FrameBox) -> int:
    return box.width * box.height


def _is_mark(pixels: Pixels, thing: FrameBox, text: FrameBox, point: FramePoint) -> bool:
    """Return whether what lies at a point is a check box or dot that was read as a part of its text."""
    square = 0.75 <= thing.width / thing.height <= 1.33 and min(thing.width, thing.height) >= 11
    letters = text_line(pixels, text)
    return square and _covers(thing, point) and not letters.meets(thing)


def _covers(box: FrameBox, point: FramePoint) -> bool:
    return box.left <= point.x < box.right and box.top <= point.y < box.bottom


def _frame(pixels: Pixels, scale: float) -> Frame:
    height, width = pixels.shape[:2]
    monitor = Rect(0, 0, max(1, round(width / scale)), max(1, round(height / scale)))
    return Frame(np.ascontiguousarray(pixels).copy(), monitor, scale)
