"""What stands beside a label is read: right of it, or in the field below it, and never the next label."""

from types import SimpleNamespace

import numpy as np
import pytest
from drawn_window import as_frame, font_of
from PIL import Image, ImageDraw
from recorded_flows import reader

from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.flows.finding.find import find
from qvl_agent.agent.flows.finding.wanted import Place, Wanted
from qvl_agent.agent.flows.run.readout import value_near

INK = "#1c2430"


def form() -> Frame:
    """Labels above their fields, in two columns."""
    image = Image.new("RGB", (640, 260), "#ffffff")
    draw = ImageDraw.Draw(image)
    for x, y, label, value in (
        (24, 20, "Full name", "Ann Berg"),
        (330, 20, "Phone", "0410 277927"),
        (24, 110, "Purpose", "Guided tour"),
        (330, 110, "Notes", ""),
    ):
        draw.text((x, y), label, INK, font_of(16))
        draw.rounded_rectangle((x, y + 26, x + 280, y + 60), 5, "#f4f6f9", "#b9c1cb")
        draw.text((x + 10, y + 33), value, INK, font_of(16))
    return as_frame(np.asarray(image))


def rows() -> Frame:
    """Labels and values in one line, the values far right."""
    image = Image.new("RGB", (640, 200), "#ffffff")
    draw = ImageDraw.Draw(image)
    for y, label, value in ((20, "Version", "4.13.2"), (56, "Build", "77812"), (92, "Total: 12.50 EUR", "")):
        draw.text((24, y), label, INK, font_of(16))
        draw.text((540, y), value, INK, font_of(16))
    return as_frame(np.asarray(image))


@pytest.mark.parametrize(
    ("frame", "label", "value"),
    [
        (form(), "Full name", "Ann Berg"),
        (form(), "Phone", "0410 277927"),
        (form(), "Purpose", "Guided tour"),
        (rows(), "Version", "4.13.2"),
        (rows(), "Build", "77812"),
        (rows(), "Total", "12.50 EUR"),
    ],
)
def test_a_value_is_read_beside_its_own_label(frame: Frame, label: str, value: str) -> None:
    texts = reader().read(frame, frame.box)
    eyes = SimpleNamespace(read=lambda _sight: [(None, texts)])
    read, why = value_near(eyes, label, SimpleNamespace(frame=frame), None)  # type: ignore[arg-type]
    assert (read or "").replace(" ", "") == value.replace(" ", ""), why


@pytest.mark.parametrize("label", ["Full name", "Purpose"])
def test_the_next_label_isnt_clicked_for_what_is_beside_one(label: str) -> None:
    frame = form()
    finding = find(Wanted(near=label), Place(frame, frame.box), reader())
    assert finding.box is None or finding.box.left < 300, finding
    field = find(Wanted((label,), field=True), Place(frame, frame.box), reader())
    assert field.box is not None
    assert field.box.left < 60
