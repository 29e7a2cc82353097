"""Drawn screens with known targets, to measure where a model points. The same seed draws the same pixels.

Every word has a colour of its own, which no other target and no background has.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame

__all__ = ["COLOURS", "SIZES", "Screen", "Target", "draw"]

Kind = Literal["button", "check box", "icon"]
Colour = tuple[int, int, int]

SIZES: Final = ((1280, 800), (1920, 1080), (2560, 1080))
"""The screens' widths and heights in pixels: a laptop's, a desktop monitor's, and a wide one's."""
_WORDS: Final = (
    "Save", "Open", "Print", "Delete", "Search", "Music", "Photos", "Mail",
    "Calendar", "Alarm", "Upload", "Download", "Network", "Sound", "Battery", "Camera",
    "Notes", "Maps", "Weather", "Archive", "Reply", "Settings", "Help", "Export",
)  # fmt: skip
_SHADES: Final = (40, 128, 216)
COLOURS: Final[Mapping[str, Colour]] = dict(
    zip(_WORDS, (mix for mix in product(_SHADES, _SHADES, _SHADES) if len(set(mix)) > 1), strict=True)
)
_BACKGROUND: Final = (246, 246, 246)
_LINE: Final = (90, 90, 90)
_TEXT: Final = (20, 20, 20)
_CELLS: Final = tuple(product(range(3), range(3)))
_TOP: Final = 40
"""The height of the title bar in pixels."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to point at.

    Attributes:
        word: the text on it or beside it.
        box: its coloured pixels; their centre is where to point.
        hit: where a click works: for a check box also on its label.
    """

    word: str
    kind: Kind
    box: FrameBox
    hit: FrameBox

    @property
    def task(self) -> str:
        """Return the task that asks for this target."""
        what = "square of the check box" if self.kind == "check box" else self.kind
        return f'Click the {what} "{self.word}".'

    @property
    def sharp(self) -> bool:
        """Return whether there is one right centre: a model may count a check box's label as a part of it."""
        return self.kind != "check box"


@dataclass(frozen=True, slots=True)
class Screen:
    """A drawn screen, and its targets: those in the corners first, as they show a wrong scale best."""

    frame: Frame
    targets: tuple[Target, ...]


def draw(size: tuple[int, int], seed: int) -> Screen:
    """Draw a window of (width, height) pixels with nine targets, one in each ninth of it."""
    chance = random.Random(seed)
    image = Image.new("RGB", size, _BACKGROUND)
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 0, size[0], _TOP - 1), fill=(224, 224, 224), outline=_LINE)
    pen.text((12, 10), f"Window {seed}", fill=_TEXT, font=_font(18))
    words = chance.sample(_WORDS, len(_CELLS))
    order = [(0, 0), (2, 2), (2, 0), (0, 2), (1, 1), (1, 0), (1, 2), (0, 1), (2, 1)]
    turn = seed % 4
    order = [*order[turn:4], *order[:turn], *order[4:]]
    kinds: tuple[Kind, ...] = ("button", "icon", "button", "check box", "icon")
    targets = tuple(
        _PAINTERS[kinds[at % len(kinds)]](pen, word, _place(chance, cell, size), chance.random())
        for at, (cell, word) in enumerate(zip(order, words, strict=True))
    )
    width, height = size
    return Screen(Frame(np.asarray(image).copy(), Rect(0, 0, width, height)), targets)


def _place(chance: random.Random, cell: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Choose a point in a ninth of the screen: near the edges in the outer ones, away from other targets."""
    spans = ((0.08, 0.15), (0.42, 0.54), (0.80, 0.89))
    x, y = (chance.uniform(*spans[index]) for index in cell)
    return round(x * size[0]), round(_TOP + y * (size[1] - _TOP))


def _button(pen: ImageDraw.ImageDraw, word: str, at: tuple[int, int], large: float) -> Target:
    height = round(20 + 22 * large)
    wide = round(height * (0.45 * len(word) + 0.6))
    box = _around(at, wide, height)
    pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=COLOURS[word])
    pen.rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=_LINE)
    ink = (255, 255, 255) if sum(COLOURS[word]) < 330 else (0, 0, 0)
    pen.text(at, word, fill=ink, font=_font(round(height * 0.6)), anchor="mm")
    return Target(word, "button", box, box)


def _check_box(pen: ImageDraw.ImageDraw, word: str, at: tuple[int, int], large: float) -> Target:
    side = round(14 + 12 * large)
    box = _around(at, side, side)
    pen.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=COLOURS[word])
    pen.rectangle((box.left - 1, box.top - 1, box.right, box.bottom), outline=_LINE)
    label = (box.right + 8, at[1])
    pen.text(label, word, fill=_TEXT, font=_font(side), anchor="lm")
    _, _, right, _ = pen.textbbox(label, word, font=_font(side), anchor="lm")
    return Target(word, "check box", box, FrameBox(box.left, box.top, round(right), box.bottom))


def _icon(pen: ImageDraw.ImageDraw, word: str, at: tuple[int, int], large: float) -> Target:
    side = 2 * round(10 + 22 * large)
    box = _around(at, side, side)
    pen.ellipse((box.left, box.top, box.right - 1, box.bottom - 1), fill=COLOURS[word])
    pen.text((at[0], box.bottom + 4), word, fill=_TEXT, font=_font(15), anchor="ma")
    return Target(word, "icon", box, box)


_PAINTERS: Final[Mapping[Kind, Callable[[ImageDraw.ImageDraw, str, tuple[int, int], float], Target]]] = {
    "button": _button,
    "check box": _check_box,
    "icon": _icon,
}


def _around(at: tuple[int, int], width: int, height: int) -> FrameBox:
    left, top = at[0] - width // 2, at[1] - height // 2
    return FrameBox(left, top, left + width, top + height)


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
