"""A flow's target is found for sure or not at all: drift by drift, on windows whose truth is known."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from drawn_window import ROWS, Drawn, as_frame, font_of, window
from PIL import Image, ImageDraw, ImageFont
from project import ROOT

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.reading.rapidocr import RapidReader
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.agent.flows.finding.describe import describe_evidence, read_picture
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.wanted import Finding, Place, Wanted

BASE = window()


@pytest.fixture(scope="session")
def reader() -> Reader:
    return RapidReader()


def hits(finding: Finding, box: FrameBox) -> bool:
    """Whether a click in the middle of what was found lands on a box."""
    if finding.box is None:
        return False
    x, y = (finding.box.left + finding.box.right) // 2, (finding.box.top + finding.box.bottom) // 2
    return box.left <= x < box.right and box.top <= y < box.bottom


# What a lock says of a target


@pytest.mark.parametrize(
    ("name", "text", "row", "label"),
    [
        ("Save", "Save", "", None),
        ("check Contract draft", "", "Contract draft", "Contract draft"),
        ("row Budget plan", "Budget plan", "", None),
        ("field Comment", "", "", "Comment"),
    ],
)
def test_a_target_is_described_by_its_control_its_text_and_its_row(
    reader: Reader, name: str, text: str, row: str, label: str | None
) -> None:
    box = BASE.boxes[name]
    point = FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
    said = describe_evidence(BASE.pixels, point, read_picture(BASE.pixels, reader))
    assert (said.text, said.row) == (text, row)
    assert label is None or said.label == label
    for found, drawn in zip(corners(said.box), corners(box), strict=True):
        assert abs(found - drawn) <= 6


def corners(box: FrameBox) -> tuple[int, int, int, int]:
    return box.left, box.top, box.right, box.bottom


# An unchanged window


@pytest.mark.parametrize("name", ["Save", "Cancel", "row Budget plan", "check Contract draft"])
def test_where_nothing_changed_pixels_alone_decide(reader: Reader, name: str) -> None:
    wanted = BASE.wanted(name, reader)
    finding = find(wanted, BASE.place(), None)
    assert hits(finding, BASE.boxes[name])
    assert not finding.moved


def test_a_window_that_moved_on_the_screen_is_found_with_its_target(reader: Reader) -> None:
    height, width = BASE.pixels.shape[:2]
    screen = np.full((height + 100, width + 200, 3), 60, np.uint8)
    screen[70 : 70 + height, 150 : 150 + width] = BASE.pixels
    place = Place(as_frame(screen), FrameBox(150, 70, 150 + width, 70 + height))
    finding = find(BASE.wanted("Save", reader), place, None)
    save = BASE.boxes["Save"]
    moved = FrameBox(save.left + 150, save.top + 70, save.right + 150, save.bottom + 70)
    assert hits(finding, moved)


def test_a_field_is_found_whatever_was_typed_into_it(reader: Reader) -> None:
    wanted = BASE.wanted("field Comment", reader, "Comment", varies=True)
    assert hits(find(wanted, window(typed="hello world").place(), None), BASE.boxes["field Comment"])


@pytest.mark.parametrize("elsewhere", [False, True], ids=["there alone", "and another row ticked"])
@pytest.mark.parametrize("rim", [2, -3], ids=["its edges too", "its edges as they were"])
def test_a_field_whose_text_is_drawn_fainter_may_be_disabled(
    reader: Reader, rim: int, elsewhere: bool
) -> None:
    """A placeholder of a disabled field; beside it nothing says that it is."""
    base = window(typed="Search here")
    wanted = base.wanted("field Comment", reader, "Comment", varies=True)
    now = window(typed="Search here", ticked=["Delivery note"] if elsewhere else [])
    box = now.boxes["field Comment"].grown(rim, (420, 330))
    pixels = now.pixels.copy()
    part = pixels[box.top : box.bottom, box.left : box.right].astype(np.int16)
    pixels[box.top : box.bottom, box.left : box.right] = part + (255 - part) // 2
    for one in (None, reader):
        finding = find(wanted, Drawn(pixels).place(), one)
        assert finding.box is None, finding
    assert "disabled" in finding.reason


def test_another_row_that_is_ticked_changes_nothing_for_this_one(reader: Reader) -> None:
    wanted = BASE.wanted("check Budget plan", reader)
    now = window(ticked=["Delivery note"])
    assert hits(find(wanted, now.place(), None), BASE.boxes["check Budget plan"])


# Drifts after which the target is still there


@pytest.mark.parametrize("name", ["Save", "row Contract draft"])
@pytest.mark.parametrize(
    "now",
    [
        window(dark=True),
        window(font=19, size=(530, 400)),
        window(size=(560, 420)),
        window(ROWS[1:]),
        window(heading="Papers", typed="4711"),
    ],
    ids=["dark", "larger", "resized", "a row less", "other data"],
)
def test_a_target_with_words_is_found_after_a_drift(reader: Reader, name: str, now: Drawn) -> None:
    finding = find(BASE.wanted(name, reader, name.removeprefix("row ")), now.place(), reader)
    assert hits(finding, now.boxes[name]), finding
    if now.boxes[name] != BASE.boxes[name]:
        assert finding.moved


def test_a_check_box_goes_with_its_row(reader: Reader) -> None:
    now = window(ROWS[1:])
    finding = find(BASE.wanted("check Contract draft", reader), now.place(), reader)
    assert hits(finding, now.boxes["check Contract draft"])
    assert now.boxes["check Delivery note"] == BASE.boxes["check Contract draft"], "another is in its place"


def test_the_row_that_is_named_counts_not_the_recorded_one(reader: Reader) -> None:
    wanted = BASE.wanted("check Contract draft", reader, row="Delivery note")
    assert hits(find(wanted, BASE.place(), reader), BASE.boxes["check Delivery note"])


def test_of_buttons_alike_the_named_row_tells_which(reader: Reader) -> None:
    base = window(edit=True)
    wanted = base.wanted("edit Budget plan", reader, "Edit")
    assert wanted.evidence is not None
    assert wanted.evidence.row == "Budget plan"
    assert hits(find(wanted, base.place(), reader), base.boxes["edit Budget plan"])
    moved = window(ROWS[1:], edit=True)
    assert hits(find(wanted, moved.place(), reader), moved.boxes["edit Budget plan"])
    gone = window([ROWS[0], *ROWS[2:]], edit=True)
    assert find(wanted, gone.place(), reader).box is None
    other = replace(wanted, row="Delivery note")
    assert hits(find(other, base.place(), reader), base.boxes["edit Delivery note"])


def test_an_item_whose_words_are_a_variables_is_found_in_its_list(reader: Reader) -> None:
    wanted = BASE.wanted("row Budget plan", reader, "Delivery note", varies=True)
    assert hits(find(replace(wanted, field=False), BASE.place(), reader), BASE.boxes["row Delivery note"])
    headed = window(heading="Delivery note")
    assert hits(find(replace(wanted, field=False), headed.place(), reader), headed.boxes["row Delivery note"])
    assert find(replace(wanted, words=("Expense list",)), BASE.place(), reader).absent


def test_a_row_of_identifiers_is_the_exact_one(reader: Reader) -> None:
    base = window(["Invoice 4711", "Invoice 4712", "Invoice 4721"])
    wanted = base.wanted("check Invoice 4712", reader)
    less = window(["Invoice 4711", "Invoice 4721"])
    assert find(wanted, less.place(), reader).box is None
    more = window(["Invoice 4710", "Invoice 4711", "Invoice 4712", "Invoice 4721"])
    assert hits(find(wanted, more.place(), reader), more.boxes["check Invoice 4712"])


def test_an_alias_is_taken_for_a_label_that_was_renamed(reader: Reader) -> None:
    now = window(buttons=["Cancel", "Store"])
    assert find(BASE.wanted("Save", reader, "Save"), now.place(), reader).box is None
    finding = find(BASE.wanted("Save", reader, "Save", "Store"), now.place(), reader)
    assert hits(finding, now.boxes["Store"])


# Drifts after which it must not be taken


def covered_beside_a_decoy() -> tuple[Drawn, FrameBox]:
    save = BASE.boxes["Save"]
    pixels = BASE.pixels.copy()
    button = pixels[save.top : save.bottom, save.left : save.right].copy()
    over = FrameBox(save.left - 20, save.top - 15, save.right + 10, save.bottom + 6)
    pixels[over.top : over.bottom, over.left : over.right] = 90
    pixels[4 : 4 + save.height, 250 : 250 + save.width] = button
    return Drawn(pixels), over


def half_painted() -> Drawn:
    pixels = BASE.pixels.copy()
    save = BASE.boxes["Save"]
    pixels[(save.top + save.bottom) // 2 :] = pixels[-1, 0]
    return Drawn(pixels)


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("Save", window(disabled=["Save"])),
        ("Save", window(disabled=["Save"], typed="hello")),
        ("Save", window(disabled=["Save"], dark=True)),
        ("Save", window(buttons=["Cancel"])),
        ("Save", window(buttons=["Cancel", "Save as"])),
        ("Save", window(buttons=["Abbrechen", "Speichern"], heading="Unterlagen")),
        ("Save", covered_beside_a_decoy()[0]),
        ("Save", half_painted()),
        ("check Contract draft", window([ROWS[0], ROWS[1], ROWS[3]])),
        ("check Contract draft", window(ticked=["Contract draft"])),
        ("row Contract draft", window([ROWS[0], ROWS[1], ROWS[3]])),
    ],
    ids=[
        "disabled",
        "disabled, other data",
        "disabled, dark",
        "deleted",
        "renamed",
        "translated",
        "covered beside a decoy",
        "half painted",
        "its row deleted",
        "ticked already",
        "deleted in a list",
    ],
)
def test_what_isnt_the_target_is_never_taken(reader: Reader, name: str, now: Drawn) -> None:
    finding = find(BASE.wanted(name, reader), now.place(), reader)
    assert finding.box is None
    assert finding.absent or finding.ambiguous
    assert finding.reason


def with_dots(rows: Sequence[str]) -> Drawn:
    """A list with a dot, which nothing names, below each row, beside a panel that never changes."""
    image = Image.fromarray(
        window([each for name in rows for each in (name, "")], size=(560, 330), buttons=()).pixels
    )
    draw = ImageDraw.Draw(image)
    boxes = {}
    for number, name in enumerate(rows):
        box = FrameBox(190, 98 + 68 * number, 204, 110 + 68 * number)
        draw.ellipse((box.left, box.top, box.right - 1, box.bottom - 1), "#1f6feb")
        boxes[name] = box
    draw.line((230, 40, 230, 200), "#8a94a0")
    for number, words in enumerate(("Alice", "Bruno", "Chloe", "Dario", "Elena", "Felix", "Grace", "Henry")):
        draw.text((240 + 80 * (number % 3), 60 + 30 * (number // 3)), words, "#1c2430", font=font_of(15))
    return Drawn(np.asarray(image), boxes)


def test_what_nothing_names_isnt_taken_for_itself_when_its_list_moved(reader: Reader) -> None:
    base, now = with_dots(ROWS[:2]), with_dots(ROWS[1:2])
    wanted = base.wanted(ROWS[0], reader)
    assert hits(find(wanted, base.place(), None), base.boxes[ROWS[0]])
    assert find(wanted, now.place(), reader).box is None


def test_a_target_under_another_window_isnt_taken(reader: Reader) -> None:
    save = BASE.boxes["Save"]
    corner = FrameBox(save.right - 8, save.top, save.right + 40, save.bottom)
    finding = find(BASE.wanted("Save", reader), BASE.place(corner), reader)
    assert finding.box is None
    assert "covered" in finding.reason


def test_of_two_windows_neither_is_taken(reader: Reader) -> None:
    both = Drawn(np.hstack([BASE.pixels, BASE.pixels]))
    finding = find(BASE.wanted("Save", reader), both.place(), reader)
    assert finding.box is None
    assert finding.ambiguous
    assert len(finding.candidates) == 2


def test_a_window_that_isnt_wholly_on_the_screen_is_no_place(reader: Reader) -> None:
    place = Place(as_frame(BASE.pixels), FrameBox(-10, 0, 410, 330))
    assert find(BASE.wanted("Save", reader), place, reader).absent


@pytest.mark.parametrize("name", ["first", "second"])
def test_of_two_that_said_the_same_the_one_that_is_left_may_be_the_other(reader: Reader, name: str) -> None:
    """A row is deleted, and the rows below it move up: the twin stands where the target stood."""
    base = window(("Annual report", "Budget plan", "Budget plan", "Delivery note"))
    box = base.boxes["row Budget plan"]  # the second one's, as it was drawn last
    at = {"first": FrameBox(box.left, box.top - 34, box.right, box.bottom - 34), "second": box}[name]
    twin = Drawn(base.pixels, {"row": at})
    wanted = twin.wanted("row", reader, "Budget plan")
    assert hits(find(wanted, base.place(), reader), at)
    now = window(("Annual report", "Budget plan", "Delivery note"), ticked=("Delivery note",))
    assert find(wanted, now.place(), reader).box is None


# By words alone


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        (Wanted(("Save",)), "Save"),
        (Wanted(("Budget plan",)), "row Budget plan"),
        (Wanted(near="Budget plan"), "check Budget plan"),
        (Wanted(("Comment",), field=True), "field Comment"),
        (Wanted(("Store", "Save")), "Save"),
    ],
)
def test_words_alone_find_a_target_that_was_never_recorded(reader: Reader, wanted: Wanted, name: str) -> None:
    finding = find(wanted, BASE.place(), reader)
    assert hits(finding, BASE.boxes[name]), finding


@pytest.mark.parametrize(
    ("wanted", "now"),
    [
        (Wanted(("Delete",)), BASE),
        (Wanted(("Sav",)), BASE),
        (Wanted(near="Nothing"), BASE),
        (Wanted(near="Documents"), BASE),
        (Wanted(near="Budget plan"), window(edit=True)),
        (Wanted(("Save",)), Drawn(np.hstack([BASE.pixels, BASE.pixels]))),
        (Wanted(("Save",), row="Budget plan"), BASE),
        (Wanted(("Save",), field=True), window(buttons=["Save"])),
    ],
)
def test_words_that_stand_nowhere_or_twice_find_nothing(reader: Reader, wanted: Wanted, now: Drawn) -> None:
    finding = find(wanted, now.place(), reader)
    assert finding.box is None
    assert finding.reason


@pytest.mark.parametrize("below", [False, True], ids=["in its line", "in the next line"])
@pytest.mark.parametrize("framed", [False, True], ids=["bare", "framed"])
@pytest.mark.parametrize("field", [False, True], ids=["clicked", "typed into"])
def test_a_label_of_several_things_means_none_of_them(
    reader: Reader, below: bool, framed: bool, field: bool
) -> None:
    """Radio buttons side by side are read as one line, and its middle is one of them."""
    image = Image.new("RGB", (760, 200), "#ffffff")
    draw, ink = ImageDraw.Draw(image), "#1c2430"
    draw.text((30, 40), "Time of day", ink, font_of(17))
    x, y = (36, 76) if below else (170, 40)
    if framed:
        draw.rectangle((x - 8, y - 7, x + 390, y + 28), "#f4f6f9", "#b9c1cb")
    for name, wide in (("Morning", 128), ("Afternoon", 136), ("Evening", 100)):
        draw.ellipse((x, y + 2, x + 17, y + 19), "#ffffff", ink)
        draw.text((x + 26, y), name, ink, font_of(17))
        x += wide
    place = Drawn(np.asarray(image)).place()
    wanted = Wanted(("Time of day",), field=True) if field else Wanted(near="Time of day")
    finding = find(wanted, place, reader)
    assert finding.box is None, finding


def test_what_a_letter_encloses_is_no_field(reader: Reader) -> None:
    """Of two labels above their fields the first one's right neighbour is the second, letter by letter."""
    image = Image.new("RGB", (700, 120), "#ffffff")
    draw, ink = ImageDraw.Draw(image), "#1c2430"
    font = ImageFont.truetype("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 18)
    for x, label in ((40, "姓名"), (380, "电子邮箱")):
        draw.text((x, 14), label, ink, font)
        draw.rounded_rectangle((x, 40, x + 280, 80), 6, "#f4f6fb", "#b9c1cb")
    place = Drawn(np.asarray(image)).place()
    field = FrameBox(40, 40, 320, 80)
    assert hits(find(Wanted(("姓名",), field=True), place, reader), field)
    near = find(Wanted(near="姓名"), place, reader)
    assert near.box is None or hits(near, field), near


def test_words_need_a_reader() -> None:
    assert "ocr" in find(Wanted(("Save",)), BASE.place(), None).reason


def test_a_region_needs_a_window_that_is_known() -> None:
    frame = as_frame(BASE.pixels)
    wanted = Wanted(region=(10, 20, 30, 40))
    assert find(wanted, Place(frame, frame.box), None).box is None
    window_box = FrameBox(5, 5, 205, 205)
    assert find(wanted, Place(frame, window_box), None).box == FrameBox(15, 25, 35, 45)
    assert find(replace(wanted, region=(10, 20, 300, 40)), Place(frame, window_box), None).box is None


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_no_target_of_the_applications_is_taken_wrongly() -> None:
    bench = [sys.executable, str(ROOT / "benchmarks" / "flows_finding.py"), "--galculator", "--cases", "700"]
    done = subprocess.run(bench, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
