"""A small window drawn with Pillow, made for the tests of finding: heading, rows, a field, buttons.

The boxes of all that is drawn are known: `check NAME`, `row NAME`, `edit NAME`, `field NAME`, and each
button by its words.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.finding.describe import describe_evidence, read_picture
from qvl_agent.agent.flows.finding.wanted import Place, Wanted
from qvl_agent.agent.flows.lock import Evidence, picture_of

FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
LIGHT = ("#f2f4f7", "#ffffff", "#1c2430", "#8a94a0")
DARK = ("#16181c", "#282c33", "#e8eaed", "#5b626c")
ROWS = ("Annual report", "Budget plan", "Contract draft", "Delivery note")


@dataclass(frozen=True)
class Drawn:
    pixels: Pixels
    boxes: dict[str, FrameBox] = field(default_factory=dict)

    def place(self, *covered: FrameBox) -> Place:
        frame = as_frame(self.pixels)
        return Place(frame, frame.box, covered)

    def recorded(self, name: str, reader: Reader, *, varies: bool = False) -> Evidence:
        """Return the evidence of what has a name, as a lock would have it."""
        box = self.boxes[name]
        point = FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
        texts = read_picture(self.pixels, reader)
        said = describe_evidence(self.pixels, point, texts)
        picture, _ = picture_of(self.pixels, 1.0)
        return Evidence(
            picture=picture, box=said.box, text=said.text, texts=texts, row=said.row, text_varies=varies
        )

    def wanted(
        self, name: str, reader: Reader, *words: str, near: str = "", row: str = "", varies: bool = False
    ) -> Wanted:
        evidence = self.recorded(name, reader, varies=varies)
        return Wanted(words, near, row, evidence, self.pixels, field=varies)


def as_frame(pixels: Pixels) -> Frame:
    return Frame(pixels.copy(), Rect(0, 0, pixels.shape[1], pixels.shape[0]))


@cache
def font_of(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONT, size)


def window(
    rows: Sequence[str] = ROWS,
    *,
    heading: str = "Documents",
    ticked: Sequence[str] = (),
    buttons: Sequence[str] = ("Cancel", "Save"),
    disabled: Sequence[str] = (),
    typed: str = "",
    size: tuple[int, int] = (420, 330),
    font: int = 15,
    dark: bool = False,
    edit: bool = False,
) -> Drawn:
    """Draw a window."""
    page, surface, ink, faint = DARK if dark else LIGHT
    image = Image.new("RGB", size, page)
    draw, boxes = ImageDraw.Draw(image), dict[str, FrameBox]()
    draw.text((20, 14), heading, ink, font_of(font + 5))
    y, pitch = 30 + 2 * font, 2 * font + 4
    for name in rows:
        box = FrameBox(24, y, 42, y + 18)
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), surface, ink)
        if name in ticked:
            draw.line((box.left + 4, box.top + 9, box.left + 8, box.top + 13), ink, 3)
            draw.line((box.left + 8, box.top + 13, box.right - 4, box.top + 4), ink, 3)
        boxes[f"check {name}"] = box
        boxes[f"row {name}"] = _text(draw, (56, y), name, ink, font)
        if edit:
            box = FrameBox(size[0] - 92, y - 3, size[0] - 20, y + 23)
            draw.rounded_rectangle((box.left, box.top, box.right - 1, box.bottom - 1), 4, surface, faint)
            draw.text((box.left + 20, box.top + 4), "Edit", ink, font_of(font))
            boxes[f"edit {name}"] = box
        y += pitch
    _text(draw, (20, y + 8), "Comment", ink, font)
    box = FrameBox(20, y + 14 + font, size[0] - 20, y + 24 + 2 * font)
    draw.rounded_rectangle((box.left, box.top, box.right - 1, box.bottom - 1), 4, surface, faint)
    if typed:
        draw.text((box.left + 8, box.top + 4), typed, ink, font_of(font))
    boxes["field Comment"] = box
    right = size[0] - 20
    for name in reversed(buttons):
        wide = round(draw.textlength(name, font_of(font))) + 32
        box = FrameBox(right - wide, size[1] - 22 - 2 * font, right, size[1] - 12)
        draw.rounded_rectangle((box.left, box.top, box.right - 1, box.bottom - 1), 5, surface, faint)
        colour = faint if name in disabled else ink
        draw.text((box.left + 16, box.top + 4), name, colour, font_of(font))
        boxes[name] = box
        right -= wide + 12
    return Drawn(np.asarray(image), boxes)


def _text(draw: ImageDraw.ImageDraw, at: tuple[int, int], words: str, ink: str, size: int) -> FrameBox:
    draw.text(at, words, ink, font_of(size))
    left, top, right, bottom = draw.textbbox(at, words, font_of(size))
    return FrameBox(round(left), round(top), round(right), round(bottom))
