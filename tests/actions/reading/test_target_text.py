"""The text on a target is read from the pixels: the control that the point belongs to, and nothing else."""

import json
import re
import subprocess
import sys
from dataclasses import astuple, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from project import ROOT
from pydantic import TypeAdapter

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, ModelBox, Rect
from qvl_agent.actions.core.errors import ReadingError
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Action, Click, Done, Drag, Move, Press, Scroll, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.control import control_at
from qvl_agent.actions.reading.rapidocr import RapidReader, installed, open_reader
from qvl_agent.actions.reading.target_text import Read, Reader, read_for, read_targets, targets_of
from qvl_agent.agent import Agent, open_model
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.report.page import render_report
from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox

SIZE = (900, 600)
INK, PAPER, GREY, BLUE, WHITE = (
    (20, 20, 20),
    (246, 246, 246),
    (225, 225, 225),
    (28, 110, 200),
    (255, 255, 255),
)
FONT = ImageFont.truetype("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 13)


@cache
def reader() -> Reader:
    found = open_reader()
    assert found is not None, "the extra 'ocr' is part of the test set-up"
    return found


class Drawing:
    """A screen with buttons and lines of text."""

    def __init__(self, scale: int = 1) -> None:
        self.scale = scale
        self.font = FONT.font_variant(size=13 * scale)
        self.image = Image.new("RGB", (SIZE[0] * scale, SIZE[1] * scale), PAPER)
        self.draw = ImageDraw.Draw(self.image)

    def button(
        self, x: int, y: int, text: str, fill: tuple[int, int, int] = GREY, ink: tuple[int, int, int] = INK
    ) -> FramePoint:
        s = self.scale
        self.draw.rounded_rectangle((x * s, y * s, (x + 120) * s, (y + 32) * s), 5 * s, fill, (120, 120, 120))
        middle = ((x + 60) * s, (y + 16) * s)
        self.draw.text(middle, text, ink, self.font, anchor="mm")
        return FramePoint(*middle)

    def words(self, x: int, y: int, text: str) -> FramePoint:
        s = self.scale
        self.draw.text((x * s, y * s), text, INK, self.font, anchor="lm")
        return FramePoint((x + 20) * s, y * s)

    def frame(self) -> Frame:
        return Frame(np.asarray(self.image).copy(), Rect(0, 0, *SIZE), float(self.scale))


def lines(frame: Frame, point: FramePoint) -> list[str]:
    (found,) = read_targets(reader(), frame, (point,))
    return [line.text for line in found.lines]


@pytest.mark.parametrize("scale", [1, 2])
def test_a_button_is_read_and_its_neighbours_are_not(scale: int) -> None:
    drawing = Drawing(scale)
    buttons = {
        "Cancel": drawing.button(100, 500, "Cancel"),
        "立即支付": drawing.button(228, 500, "立即支付", BLUE, WHITE),
        "Delete": drawing.button(356, 500, "Delete"),
    }
    for text, middle in buttons.items():
        for dx in (0, -54 * scale, 54 * scale):
            assert lines(drawing.frame(), FramePoint(middle.x + dx, middle.y)) == [text]
        control = control_at(drawing.frame(), middle)
        assert control.bounded
        assert abs(control.box.width - 124 * scale) <= 4 * scale


def test_a_line_of_a_menu_is_read_and_the_next_is_not() -> None:
    drawing = Drawing()
    entries = {
        text: drawing.words(100, 100 + 24 * n, text) for n, text in enumerate(("Open", "Delete", "重命名"))
    }
    for text, point in entries.items():
        (found,) = read_targets(reader(), drawing.frame(), (point,))
        assert not found.bounded
        assert [line.text for line in found.lines] == [text]
        assert found.lines[0].box.top - 4 <= point.y <= found.lines[0].box.bottom + 4


def test_a_box_to_tick_has_the_words_beside_it_and_empty_space_has_none() -> None:
    drawing = Drawing()
    drawing.draw.rectangle((100, 200, 113, 213), WHITE, INK)
    drawing.words(122, 207, "Delete for everyone")
    assert lines(drawing.frame(), FramePoint(106, 206)) == ["Delete for everyone"]
    assert lines(drawing.frame(), FramePoint(600, 400)) == []


@pytest.mark.parametrize("corner", [(0, 0), (899, 0), (0, 599), (899, 599)])
def test_the_screens_corners_are_read_too(corner: tuple[int, int]) -> None:
    assert lines(Drawing().frame(), FramePoint(*corner)) == []
    control = control_at(Drawing().frame(), FramePoint(*corner))
    assert control.box.left >= 0
    assert control.box.bottom <= 600


def test_what_an_action_presses_is_read() -> None:
    frame = Drawing().frame()
    box, end = ModelBox.of(100, 100, 200, 200), ModelBox.at(500, 500)
    for action, count in (
        (Click(target=box), 1),
        (Click(target=box, button="right"), 0),
        (Drag(target=box, end=end), 2),
        (Type(text="x", target=box), 1),
        (Type(text="x"), 0),
        (Move(target=box), 0),
        (Scroll(target=box, dy=1), 0),
        (Press(keys=("enter",)), 0),
        (Done(), 0),
    ):
        assert len(targets_of(action, Observation(frame, frame))) == count, action


def test_after_a_zoom_the_whole_screen_is_read_at_the_same_place() -> None:
    drawing = Drawing()
    drawing.button(400, 300, "Pay now")
    frame = drawing.frame()
    close_up = frame.crop(FrameBox(360, 260, 560, 370))
    texts, name = read_for(reader(), Click(target=ModelBox.at(500, 500)), Observation(close_up, frame))
    assert [line.text for text in texts for line in text.lines] == ["Pay now"]
    assert name.startswith("rapidocr 3")


class Broken:
    name = "broken"

    def warm_up(self) -> None: ...

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        raise ReadingError("no model")


def test_a_reader_that_fails_is_named_in_the_record_and_stops_nothing() -> None:
    frame = Drawing().frame()
    action: Action = Click(target=ModelBox.at(500, 500))
    assert read_for(Broken(), action, Observation(frame, frame)) == ((), "broken: no model")


def test_never_means_never() -> None:
    assert installed()
    assert open_reader("never") is None
    assert isinstance(open_reader("auto"), RapidReader)


def test_the_same_pixels_are_read_once_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    drawing = Drawing()
    drawing.draw.text((20, 20), "Save", INK, drawing.font)
    drawing.draw.text((220, 120), "Save", INK, drawing.font)
    drawing.draw.text((220, 220), "Open", INK, drawing.font)
    frame, real = drawing.frame(), RapidReader()
    reads: list[FrameBox] = []
    once = real._read
    monkeypatch.setattr(real, "_read", lambda frame, box: reads.append(box) or once(frame, box))  # type: ignore[func-returns-value]
    boxes = [FrameBox(10 + x, 10 + y, 90 + x, 50 + y) for x, y in ((0, 0), (200, 100), (200, 200), (0, 0))]
    found = [real.read(frame, box) for box in boxes]
    assert [[line.text for line in lines] for lines in found] == [["Save"], ["Save"], ["Open"], ["Save"]]
    assert reads == [boxes[0], boxes[2]]
    moved = FrameBox(*(at + by for at, by in zip(astuple(found[0][0].box), (200, 100) * 2, strict=True)))
    assert found[1][0].box == moved


@pytest.mark.parametrize("edge", [150, 176, 220], ids=lambda level: f"edge {level}")
@pytest.mark.parametrize("blank", [2, 3, 5, 6, 8])
def test_a_label_and_what_stands_in_the_field_beside_it_are_two(blank: int, edge: int) -> None:
    """The detector takes them for one line, and its edge for a letter, as one machine's arithmetic has it."""
    font = FONT.font_variant(size=17)
    image = Image.new("RGB", (170, 52), (239, 239, 239))
    draw = ImageDraw.Draw(image)
    draw.text((11, 14), "Number", font=font, fill=INK)
    left = 11 + int(font.getlength("Number")) + blank
    draw.rectangle((left, 10, 200, 37), fill=WHITE, outline=(edge,) * 3)
    draw.text((left + 4, 14), "4711", font=font, fill=INK)
    frame = Frame(np.array(image), Rect(0, 0, *image.size))
    assert [read.text for read in reader().read(frame, frame.box)] == ["Number", "4711"]


@pytest.mark.parametrize(
    ("gap", "ring", "texts"),
    [
        (26, False, ["File", "Edit", "View", "Search"]),
        (18, True, ["File", "Edit", "View", "Search"]),
        (5, False, ["File Edit View Search"]),
    ],
    ids=["menus", "radio buttons", "one text"],
)
def test_things_side_by_side_are_read_one_by_one(gap: int, ring: bool, texts: list[str]) -> None:
    """The detector takes them for one line, and then the middle of that line is the middle of none."""
    drawing = Drawing()
    font, x = FONT.font_variant(size=17), 40
    boxes = []
    for word in ("File", "Edit", "View", "Search"):
        if ring:
            drawing.draw.ellipse((x, 102, x + 16, 118), WHITE, INK)
            x += 26
        drawing.draw.text((x, 100), word, INK, font)
        end = x + round(font.getlength(word))
        boxes.append((x, end))
        x = end + gap
    frame = drawing.frame()
    read = reader().read(frame, FrameBox(0, 80, 700, 140))
    found = [line for line in read if line.text not in "O0〇"]
    assert [line.text.removeprefix("O ") for line in found] == texts  # a ring may be read with its word
    for line, (left, right) in zip(found, boxes, strict=False):
        if len(texts) > 1:
            assert left - 36 <= line.box.left <= left + 3, line
            assert right - 3 <= line.box.right <= right + 12, line


def test_it_loads_without_a_network_and_says_nothing() -> None:
    """Any attempt to look a name up or to connect ends the program."""
    program = """
import sys
def hook(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen"):
        sys.stderr.write(f"{event} {args}"); sys.stderr.flush()
        import os; os._exit(9)
sys.addaudithook(hook)
import numpy as np
from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.reading.rapidocr import RapidReader
assert not {"rapidocr", "onnxruntime", "cv2"} & set(sys.modules)
reader = RapidReader()
reader.warm_up()
frame = Frame(np.full((100, 300, 3), 255, np.uint8), Rect(0, 0, 300, 100))
assert reader.read(frame, FrameBox(0, 0, 300, 40)) == ()
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_program_that_ends_while_it_loads_ends_well() -> None:
    program = "from qvl_agent.actions.reading.rapidocr import RapidReader; RapidReader().warm_up()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_real_buttons_of_three_toolkits_are_read_to_the_letter() -> None:
    """A few of the labels that `benchmarks/second_opinion.py` draws in all looks."""
    program = ROOT / "benchmarks/second_opinion.py"
    done = subprocess.run(
        [sys.executable, program, "--labels", "8"], capture_output=True, text=True, check=True, timeout=120
    )
    figures = re.findall(r"(en|zh)  +24 buttons  exact ([\d.]+)%", done.stdout)
    assert [language for language, _ in figures] == ["en", "zh"]
    assert all(float(exact) >= 95 for _, exact in figures), done.stdout
    assert "a target takes" in done.stdout


@pytest.mark.parametrize("task", ["send-message", "delete-chat"])
def test_a_run_reads_its_targets_and_nobody_is_asked_for_it(task: str, tmp_path: Path) -> None:
    """What the task names needs no question, and what is read of lists and fields asks none."""
    with open_sandbox("chat", task=task) as sandbox:
        desktop = SandboxDesktop(sandbox, "sandbox:chat")
        with open_model("oracle", desktop=desktop) as model:
            run = Agent(desktop, model, reader=reader(), runs=tmp_path).run(sandbox.instruction)
    assert (run.status, run.verified) == ("done", True)
    steps = [step.intent for step in run.recording().steps]
    scenes = [step.scene for step in steps if step.scene]
    texts = [line.text for scene in scenes for text in scene.texts for line in text.lines]
    assert {"send-message": "Send", "delete-chat": "Delete"}[task] in texts
    assert all(scene.reader.startswith("rapidocr") for scene in scenes)
    assert all(step.verdict.level is Level.ALLOW for step in steps if step.verdict)
    assert all("read" in step.times for step in steps if step.plan)
    assert replay(run.recording()).agreed
    assert f"Read on the target: “{texts[-1]}”" in render_report(run.recording())


def test_a_scene_recorded_before_there_was_a_reader_still_loads() -> None:
    adapter = TypeAdapter(Scene)
    frame = Drawing().frame()
    texts = read_targets(reader(), frame, (FramePoint(10, 10),))
    scene = Scene(frame.view, Geometry((frame.monitor,)), texts=texts, reader="rapidocr")
    written = json.loads(adapter.dump_json(scene))
    assert adapter.validate_json(json.dumps(written)) == scene
    del written["texts"], written["reader"]
    assert adapter.validate_json(json.dumps(written)) == replace(scene, texts=(), reader="")


@given(st.integers(1, 90), st.integers(1, 60), st.data())
def test_any_pixel_of_any_picture_belongs_to_a_part_of_it(
    width: int, height: int, data: st.DataObject
) -> None:
    seed = data.draw(st.integers(0, 2**16))
    colours = np.random.default_rng(seed).integers(0, 3, (height, width, 1), np.uint8) * 100
    pixels = np.repeat(colours, 3, axis=2).astype(np.uint8)
    scale = data.draw(st.sampled_from([1.0, 1.5, 2.0, 3.0]))
    frame = Frame(pixels, Rect(0, 0, width, height), scale)
    point = FramePoint(data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1)))
    box = control_at(frame, point).box
    assert 0 <= box.left < box.right <= width
    assert 0 <= box.top < box.bottom <= height
