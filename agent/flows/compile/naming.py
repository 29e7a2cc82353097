"""Name a target by what is read on it or beside it, as a person would: never by its place, if words do.

The model's label is a hint: where several texts are read on the target it says which of them is meant, and
nothing that wasn't read is ever taken from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import lazy_loader
import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.reading.control import control_at
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.compile.screens import Screens, covers, inside, meaningful, middle
from qvl_agent.agent.flows.compile.stable import is_volatile, stable_part
from qvl_agent.agent.flows.finding.describe import Described, describe_evidence
from qvl_agent.agent.flows.finding.looks import grey
from qvl_agent.agent.flows.finding.rows import band_of, in_row
from qvl_agent.agent.flows.finding.words import normal, says
from qvl_agent.agent.flows.lock import Seen
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.recording.format import FrameRef

cv2 = lazy_loader.load("cv2")
"""OpenCV, loaded when it is first used."""

__all__ = ["Named", "name_area", "name_field", "name_target", "within_window"]

_ROW: Final = 22
"""Logical pixels above and below a target's middle that are its row, at least."""
_BUTTON: Final = 60
"""Logical pixels that a button is high at most."""
_MARKS: Final = " )]}.,;:|'\"*·•-–—_"
"""What a check box or an icon before a text is read as."""
_ALIKE: Final = 0.6
"""The correlation from which on two things look like one kind: check boxes, checked or not."""
_ICON: Final = 40
"""Logical pixels: what is smaller has no words of its own; letters that are read in it are its drawing."""


@dataclass(frozen=True, slots=True)
class Named:
    """A target that was pressed, and the words for it.

    Attributes:
        target: as the flow writes it.
        box: its control, in pixels of `screen`.
        screen: the screen that it was found on.
        window: its window's box, in pixels of `screen`.
        info: its window; None if it isn't known.
        text: what was read on it.
        row: the words that name its row; "" for none.
        nameless: there are no words for it, so it has only a place.
    """

    target: Target
    box: FrameBox
    screen: FrameRef
    window: FrameBox
    info: WindowInfo | None
    text: str = ""
    row: str = ""
    nameless: bool = False


@dataclass(frozen=True, slots=True)
class _Spot:
    """A place in a window, and the lines that are read there, in pixels of the window."""

    described: Described
    part: Frame
    lines: tuple[Read, ...]
    scale: float
    in_column: bool
    """Others like it stand above or below it, as in a list."""


def within_window(lines: Sequence[Read], window: FrameBox) -> tuple[Read, ...]:
    """Return the lines in a window, in pixels of the window; none reaches out of it."""
    found = []
    for line in inside(lines, window):
        box = FrameBox(
            max(0, line.box.left - window.left),
            max(0, line.box.top - window.top),
            min(window.width, line.box.right - window.left),
            min(window.height, line.box.bottom - window.top),
        )
        if box.width > 1 and box.height > 1:
            found.append(replace(line, box=box))
    return tuple(found)


def name_target(
    screens: Screens, screen: FrameRef, info: WindowInfo | None, aimed: FrameBox, hint: str
) -> Named:
    """Name what lies in the middle of a box.

    Args:
        screens: the run's screens.
        screen: the one that was looked at.
        info: the window that was pressed.
        aimed: the model's box, in pixels of the screen.
        hint: the model's label.

    Raises:
        ReadingError: the reader failed.
    """
    window = screens.window_box(screen, info)
    spot = _spot(screens, screen, window, middle(aimed))
    meant = _meant(spot, aimed, window, hint)
    if meant is not None:
        spot = _spot(screens, screen, window, _on_screen(middle(meant.box), window))
    box = _box_on_screen(spot.described.box, window)
    text = _spelt(_clean(meant.text), hint) if meant else _text_on(spot)
    if text and not _is_value(spot, text, hint):
        row = _row_of(text, spot) if _often(text, spot.lines) else ""
        target = Target(text=text, row=row or None)
        return Named(target, box, screen, window, info, text, row)
    near, row = _beside(spot, hint)
    if near:
        return Named(Target(near=near, row=row or None), box, screen, window, info, text, row)
    return _placed(box, screen, window, info, screen.view.scale)


def name_area(screens: Screens, screen: FrameRef, info: WindowInfo | None, aimed: FrameBox) -> Named | None:
    """Name a place in what is scrolled by the text nearest to its middle; None if none stands there once."""
    window = screens.window_box(screen, info)
    lines = [line for line in inside(screens.texts(screen), window) if meaningful(line)]
    at = middle(aimed)
    usable = [
        line
        for line in inside(lines, aimed)
        if not is_volatile(line.text) and not _often(line.text, lines) and _clean(line.text)
    ]
    if not usable:
        return None
    nearest = min(
        usable, key=lambda line: abs(middle(line.box).y - at.y) + abs(middle(line.box).x - at.x) // 4
    )
    return name_target(screens, screen, info, nearest.box, nearest.text)


def name_field(
    screens: Screens, screen: FrameRef, info: WindowInfo | None, aimed: FrameBox, hint: str
) -> Named:
    """Name a field that was typed into: by its label, or by what stands in it while it is empty."""
    window = screens.window_box(screen, info)
    spot = _spot(screens, screen, window, middle(aimed))
    box, text = _box_on_screen(spot.described.box, window), _text_on(spot)
    label = _spelt(_clean(spot.described.label), hint)
    if text and normal(text) == normal(hint):
        return Named(Target(text=text), box, screen, window, info, text)
    if label:
        return Named(Target(text=label), box, screen, window, info, text)
    if text and not is_volatile(text):
        return Named(Target(text=text), box, screen, window, info, text)
    return _placed(box, screen, window, info, screen.view.scale)


def _spot(screens: Screens, screen: FrameRef, window: FrameBox, point: FramePoint) -> _Spot:
    lines = tuple(line for line in within_window(screens.texts(screen), window) if meaningful(line))
    seen = [Seen(text=line.text, box=line.box) for line in lines]
    part = screens.frame(screen).crop(window)
    pixels = part.pixels
    size = (window.width, window.height)
    at = FramePoint(
        min(max(point.x - window.left, 0), size[0] - 1), min(max(point.y - window.top, 0), size[1] - 1)
    )
    found = describe_evidence(pixels, at, seen, None, screen.view.scale)
    column = _in_column(pixels, found.box)
    return _Spot(found, part, lines, screen.view.scale, column)


def _in_column(pixels: Pixels, box: FrameBox) -> bool:
    """Return whether things like one stand above or below it, as in the rows of a list."""
    reach = box.width // 2
    left, right = max(0, box.left - reach), min(pixels.shape[1], box.right + reach)
    strip, crop = grey(pixels[:, left:right]), grey(pixels[box.top : box.bottom, box.left : box.right])
    if crop.size == 0 or float(crop.std()) < 1 or strip.shape[1] < crop.shape[1]:
        return False
    found = np.nan_to_num(cv2.matchTemplate(strip, crop, cv2.TM_CCOEFF_NORMED), nan=0.0, posinf=0.0)
    tops = np.nonzero((found >= _ALIKE).any(axis=1))[0]
    return bool((np.abs(tops - box.top) > box.height).any())


def _meant(spot: _Spot, aimed: FrameBox, window: FrameBox, hint: str) -> Read | None:
    """Return the line inside the model's box that its label names; None if none is read there, or two are."""
    found = [
        line
        for line in spot.lines
        if covers(aimed, _on_screen(middle(line.box), window)) and says(line.text, hint) is True
    ]
    return found[0] if len(found) == 1 else None


def _text_on(spot: _Spot) -> str:
    """Return the first line on a control; "" for what is too small to have words."""
    box = spot.described.box
    on = inside(spot.lines, box)
    small = max(box.width, box.height) <= _ICON * spot.scale and not any(_is_word(line) for line in on)
    if small or not on:
        return ""
    kept = [line for line in on if not is_volatile(line.text)] or on
    return _clean(min(kept, key=lambda line: (line.box.top, line.box.left)).text)


def _is_word(line: Read) -> bool:
    return sum(letter.isalnum() for letter in line.text) >= 2 or any(
        letter > "\u2e80" for letter in line.text
    )


def _is_value(spot: _Spot, text: str, hint: str) -> bool:
    """Return whether what stands on a control is its value, and its label beside it, as in a drop-down."""
    label = _clean(spot.described.label)
    if not label or normal(label) != normal(hint) or normal(text) == normal(hint):
        return False
    # A neighbour with edges of its own is another button, and no label.
    places = [middle(line.box) for line in spot.lines if normal(line.text) == normal(label)]
    controls = [control_at(spot.part, place) for place in places]
    return not any(one.bounded and one.box.height <= _BUTTON * spot.scale for one in controls)


def _beside(spot: _Spot, hint: str) -> tuple[str, str]:
    """Return the words beside a control without any, and those of its row if it is one of many.

    The words that the model's label names come first, then the label, then what stands left of it.
    """
    box, middle_of = spot.described.box, spot.described.box.top + spot.described.box.height // 2
    half = max(box.height // 2, round(_ROW * spot.scale))
    row = [
        line
        for line in spot.lines
        if abs((line.box.top + line.box.bottom) // 2 - middle_of) <= half and not inside([line], box)
    ]
    named = [line for line in row if not is_volatile(line.text) and not _often(line.text, spot.lines)]
    hinted = [line for line in named if len(normal(line.text)) > 1 and normal(line.text) in normal(hint)]
    label = _clean(spot.described.label)
    if hinted:
        near = _clean(max(hinted, key=lambda line: len(line.text)).text)
    elif label and not is_volatile(label) and not _often(label, spot.lines):
        near = label
    elif named:
        near = _clean(min(named, key=lambda line: abs(line.box.left - box.left)).text)
    else:
        near = label
    return near, (near if spot.in_column else "")


def _row_of(text: str, spot: _Spot) -> str:
    """Return what names the row of a text that stands in several: another text in its line, the leftmost."""
    own = spot.described.box
    on = [one.box for one in inside(spot.lines, own) if normal(one.text) == normal(text)]
    level = on[0] if on else own  # of an item with two lines only the text's own is its row
    others = [
        one
        for one in spot.lines
        if normal(one.text) != normal(text)
        and len(normal(one.text)) > 1
        and not is_volatile(one.text)
        and not _often(one.text, spot.lines)
    ]
    line = in_row(spot.part.pixels, level, others, band_of(level, None, spot.scale))
    return _clean(min(line, key=lambda one: one.box.left).text) if line else ""


def _spelt(text: str, hint: str) -> str:
    """Return a text as the model spells it, if it is the same one: it knows capitals and dots better."""
    same = bool(text) and hint.isprintable() and normal(text) == normal(hint) and "${" not in hint
    return " ".join(hint.split()) if same else text


def _often(text: str, lines: Sequence[Read]) -> bool:
    return sum(normal(line.text) == normal(text) for line in lines) > 1


def _clean(text: str) -> str:
    """Return a text as a flow writes it: without what was cut off, and on one line."""
    plain = " ".join(text.split()).lstrip(_MARKS)
    if plain.endswith(("…", "...")) and " " in plain and len(plain) > 20:
        plain = stable_part(plain, (plain,))
    return plain[:200] if plain and "${" not in plain else ""


def _placed(
    box: FrameBox, screen: FrameRef, window: FrameBox, info: WindowInfo | None, scale: float
) -> Named:
    edges = (
        (box.left - window.left) / scale,
        (box.top - window.top) / scale,
        (box.right - window.left) / scale,
        (box.bottom - window.top) / scale,
    )
    left, top, right, bottom = (round(edge) for edge in edges)
    return Named(Target(region=(left, top, right, bottom)), box, screen, window, info, nameless=True)


def _on_screen(point: FramePoint, window: FrameBox) -> FramePoint:
    return FramePoint(point.x + window.left, point.y + window.top)


def _box_on_screen(box: FrameBox, window: FrameBox) -> FrameBox:
    return FrameBox(
        box.left + window.left, box.top + window.top, box.right + window.left, box.bottom + window.top
    )
