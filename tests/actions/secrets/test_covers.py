"""What typed secrets draw is covered, for as long and wherever it can be seen; on drawn screens."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont, ImageOps

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.secrets.covers import COVER, Covers

SIZE = (800, 500)
FIELD = (100, 200, 500, 230)
OURS = WindowInfo(app="Bank", program="bank", rect=Rect(0, 0, 800, 450))
OTHER = WindowInfo(app="Panel", program="panel", rect=Rect(0, 450, 800, 50))
TEXT = "correct horse Batterie"


def owner(point: DesktopPoint) -> WindowInfo | None:
    return OTHER if point.y >= 450 else OURS


def screen(
    text: str = "",
    at: tuple[int, int] = (108, 205),
    *,
    selected: bool = False,
    page: str = "",
    clock: str = "12:00",
) -> Frame:
    """A window with a labelled field, and a clock in a panel beneath it."""
    image = Image.new("RGB", SIZE, "#f0f0f0")
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=16)
    draw.rectangle(FIELD, fill="white", outline="#888888")
    draw.text((100, 170), "Password", "black", font)
    for line, words in enumerate(page.split("|")):
        draw.text((100, 260 + 30 * line), words, "#202020", font)
    draw.text(at, text, "black", font)
    if selected:
        left, top, right, bottom = (round(edge) for edge in draw.textbbox(at, text, font))
        image.paste(ImageOps.invert(image.crop((left, top, right, bottom))), (left, top))
    draw.rectangle((0, 450, 800, 500), fill="#303030")
    draw.text((700, 465), clock, "white", font)
    return Frame(np.asarray(image).copy(), Rect(0, 0, *SIZE))


def covers(text: str = TEXT, **more: str) -> Covers:
    found = Covers(owner)
    found.typed(screen(), screen(text, **more), OURS)
    return found


def ink(text: str, at: tuple[int, int] = (108, 205), **more: object) -> np.ndarray:
    """Which pixels the text itself draws."""
    return (screen(text, at, **more).pixels != screen(**more).pixels).any(axis=-1)


def hidden(shown: Frame, where: np.ndarray) -> bool:
    """Whether there is a cover there: grey, but for the white letters on it, and nothing as dark as ink."""
    grey = (shown.pixels == COVER).all(axis=-1)
    return bool((shown.pixels[where] >= COVER[0]).all()) and float(grey[where].mean()) > 0.7


def untouched(shown: Frame, frame: Frame) -> bool:
    return bool((shown.pixels == frame.pixels).all())


def test_before_a_secret_nothing_is_covered() -> None:
    frame = screen("anything")
    assert Covers(owner).cover(frame) is frame


def test_the_typed_text_is_covered_and_the_rest_is_not() -> None:
    frame = screen(TEXT)
    shown = covers().cover(frame)
    assert hidden(shown, ink(TEXT))
    assert (shown.pixels[:190] == frame.pixels[:190]).all()
    assert (shown.pixels[250:] == frame.pixels[250:]).all()
    assert shown.id == frame.id


def test_it_says_what_it_is() -> None:
    shown = covers().cover(screen(TEXT))
    assert (shown.pixels[200:235, 100:400] == 255).all(axis=-1).sum() > 30


def test_selected_text_stays_covered() -> None:
    assert hidden(covers().cover(screen(TEXT, selected=True)), ink(TEXT))


def test_more_text_around_it_uncovers_nothing() -> None:
    found = covers()
    found.cover(screen(TEXT))
    assert hidden(found.cover(screen(TEXT, page="Wrong password|Try again")), ink(TEXT))


@pytest.mark.parametrize("at", [(108, 305), (308, 205), (96, 205), (20, 20)])
def test_where_it_moves_it_is_covered_too(at: tuple[int, int]) -> None:
    found = covers()
    found.cover(screen(TEXT))
    assert hidden(found.cover(screen(TEXT, at)), ink(TEXT, at))


def test_a_copy_of_it_is_covered_in_other_colours() -> None:
    found = covers()
    found.cover(screen(TEXT))
    assert hidden(found.cover(screen(TEXT, (150, 350), selected=True)), ink(TEXT, (150, 350)))


def test_an_emptied_field_is_shown() -> None:
    found = covers()
    found.cover(screen(TEXT))
    assert untouched(found.cover(screen()), screen())


def test_another_page_is_shown() -> None:
    found = covers()
    found.cover(screen(TEXT))
    page = screen(page="Account|Balance 1,234.56|Transfers|Settings and help|Sign out")
    assert untouched(found.cover(page), page)


def test_another_programs_window_over_the_field_is_shown() -> None:
    whose = [OURS]
    found = Covers(lambda point: OTHER if point.y >= 450 else whose[0])
    found.typed(screen(), screen(TEXT), OURS)
    whose[0] = WindowInfo(app="Mail", program="mail")
    other = screen("Dear Ann, thank you", page="Kind regards")
    assert untouched(found.cover(other), other)


def test_what_another_programs_window_shows_meanwhile_is_not_taken_for_it() -> None:
    found = Covers(owner)
    found.typed(screen(clock="12:00"), screen(TEXT, clock="12:01"), OURS)
    shown = found.cover(screen(TEXT, clock="12:01"))
    assert hidden(shown, ink(TEXT))
    assert (shown.pixels[450:] == screen(TEXT, clock="12:01").pixels[450:]).all()


def test_where_nothing_was_drawn_yet_what_comes_before_the_next_input_is_covered() -> None:
    found = Covers(owner)
    found.typed(screen(), screen(), OURS)
    assert hidden(found.cover(screen(TEXT)), ink(TEXT))
    found.acted()
    assert not found


def test_where_the_screen_is_another_one_all_is_covered() -> None:
    found = Covers(owner)
    small = Frame(screen(TEXT).pixels[:400, :600], Rect(0, 0, 600, 400))
    found.typed(screen(), small, OURS)
    assert found.blind
    assert hidden(found.cover(screen(TEXT)), np.ones(SIZE[::-1], dtype=bool))
