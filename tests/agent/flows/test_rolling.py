"""A window is read again where it changed, and says what it says if all of it is read."""

import numpy as np
import pytest
from drawn_window import ROWS, Drawn, as_frame, window
from PIL import Image, ImageDraw, ImageFont
from recorded_flows import reader

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame, Pixels
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.rolling import RollingReader, read_changed

BASE = window(size=(640, 520))


class Counting:
    """The real reader, which keeps what it was asked to read."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[FrameBox] = []

    def warm_up(self) -> None: ...

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        self.asked.append(box)
        return reader().read(frame, box)

    @property
    def share(self) -> float:
        return sum(box.width * box.height for box in self.asked) / (
            BASE.pixels.shape[0] * BASE.pixels.shape[1]
        )


def whole(pixels: Pixels) -> tuple[Read, ...]:
    frame = as_frame(pixels)
    return reader().read(frame, frame.box)


def words(texts: tuple[Read, ...]) -> list[str]:
    return sorted(each.text for each in texts)


def hovered(drawn: Drawn, name: str) -> Pixels:
    """A window with a row under the pointer: it gets another ground."""
    pixels = drawn.pixels.copy()
    row = drawn.boxes[f"row {name}"].grown(5, (pixels.shape[1], pixels.shape[0]))
    part = pixels[row.top : row.bottom, 4:-4]
    part[(part == pixels[2, 2]).all(axis=2)] = (208, 222, 240)
    return pixels


@pytest.mark.parametrize(
    ("now", "most"),
    [
        (window(size=(640, 520), typed="Call before ten").pixels, 0.25),
        (window(size=(640, 520), ticked=("Budget plan",)).pixels, 0.25),
        (window(size=(640, 520), disabled=("Save",)).pixels, 0.25),
        (window((*ROWS[:2], "Cost report", ROWS[3]), size=(640, 520)).pixels, 0.25),
        (hovered(BASE, "Contract draft"), 0.25),
        (BASE.pixels, 0.0),
    ],
    ids=["typed", "ticked", "disabled", "another row", "hovered", "the same"],
)
def test_what_changed_is_read_and_nothing_else(now: Pixels, most: float) -> None:
    counting, frame = Counting(), as_frame(now)
    texts = read_changed(frame, frame.box, BASE.pixels, whole(BASE.pixels), counting)
    assert texts is not None
    assert words(texts) == words(whole(now))
    assert counting.share <= most


def test_a_part_of_a_screen_is_read_where_it_lies() -> None:
    wide = np.full((700, 900, 3), 60, np.uint8)
    now = window(size=(640, 520), typed="Call before ten").pixels
    wide[100:620, 200:840] = now
    box = FrameBox(200, 100, 840, 620)
    texts = read_changed(as_frame(wide), box, BASE.pixels, whole(BASE.pixels), Counting())
    assert texts is not None
    moved = {each.text: each.box for each in whole(now)}
    for each in texts:
        assert abs(each.box.left - 200 - moved[each.text].left) <= 2, each
        assert abs(each.box.top - 100 - moved[each.text].top) <= 2, each


def test_a_text_that_is_read_as_one_with_an_unchanged_one_isnt_lost() -> None:
    """A label stays as it was read, and what is new beside it is read by itself."""

    class Joining(Counting):
        def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
            found = sorted(super().read(frame, box), key=lambda each: each.box.left)
            if len(found) < 2:
                return tuple(found)
            ends = FrameBox(found[0].box.left, 10, found[-1].box.right, 40)
            return (Read(" ".join(each.text for each in found), ends),)

    def field(text: str) -> Pixels:
        image = Image.new("RGB", (600, 220), (239, 239, 239))
        draw = ImageDraw.Draw(image)
        font = ImageFont.truetype("DejaVuSans.ttf", 17)
        draw.text((11, 14), "Number", font=font, fill=(0, 0, 0))
        draw.text((88, 14), text, font=font, fill=(0, 0, 0))
        return np.array(image)

    rolling = RollingReader(Joining())
    first = as_frame(field(""))
    assert words(rolling.read(first, first.box)) == ["Number"]
    then = as_frame(field("4711"))
    assert words(rolling.read(then, then.box)) == ["4711", "Number"]


def test_a_window_of_another_size_or_other_contents_isnt_read_from_a_part() -> None:
    dark, small = (as_frame(window(size=size, dark=True).pixels) for size in ((640, 520), (600, 500)))
    for frame in (dark, small):
        assert read_changed(frame, frame.box, BASE.pixels, whole(BASE.pixels), Counting()) is None


def test_a_window_that_was_recorded_is_never_read_as_a_whole() -> None:
    counting = Counting()
    dark = window(size=(640, 520), dark=True).pixels
    known = [(dark, whole(dark)), (BASE.pixels, whole(BASE.pixels))]
    rolling = RollingReader(counting, lambda size, _scale: known if size == (640, 520) else [])
    for typed in ("", "Call", "Call before ten"):
        frame = as_frame(window(size=(640, 520), typed=typed).pixels)
        assert words(rolling.read(frame, frame.box)) == words(whole(frame.pixels))
    assert 0 < counting.share < 0.5
    frame = as_frame(window(size=(660, 500)).pixels)
    assert words(rolling.read(frame, frame.box)) == words(whole(frame.pixels))
    assert counting.asked[-1] == frame.box
