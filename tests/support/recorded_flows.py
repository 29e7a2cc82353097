"""Recorded runs in a drawn application, for making flows of: what a model did there, and what changed.

The application is a window with two fields, a few buttons, a list and a line for messages; its texts are read
by the real recogniser.
"""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from made_runs import ALLOW, manifest, model_box
from PIL import Image, ImageDraw, ImageFont

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Outcome, Status, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Action, Click, Done, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.planning.plan import plan
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.actions.screen.changes import compare
from qvl_agent.agent.recording.format import RunResult, StepIntent, StepOutcome
from qvl_agent.agent.recording.recording import Recorder, turns

SIZE = (560, 400)
WINDOW = WindowInfo(app="orders", title="Orders", program="orders", rect=Rect(20, 20, 520, 360), focused=True)
FONT = ImageFont.truetype("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 15)
NAME, NUMBER = FrameBox(40, 80, 240, 106), FrameBox(280, 80, 480, 106)
SAVE, SEND, ADD = FrameBox(40, 330, 110, 358), FrameBox(130, 330, 200, 358), FrameBox(220, 330, 250, 358)
MORE = FrameBox(270, 330, 340, 358)
ROWS = ("Lena Fischer", "Omar Haddad", "Book club")


def edit_of(row: int) -> FrameBox:
    """Where a row's button is."""
    return FrameBox(410, 136 + 40 * row, 470, 162 + 40 * row)


def check_of(row: int) -> FrameBox:
    """Where a row's check box is."""
    return FrameBox(44, 140 + 40 * row, 62, 158 + 40 * row)


@cache
def reader() -> Reader:
    """The real reader; a screen that several tests show is read once."""
    found = open_reader()
    assert found is not None, "the extra 'ocr' is part of the test set-up"
    return found


def orders(
    name: str = "",
    number: str = "",
    note: str = "",
    *,
    count: int = 0,
    menu: bool = False,
    clock: str = "",
    rows: tuple[str, ...] = ROWS,
    checked: frozenset[int] = frozenset(),
    covered: bool = False,
    pressed: bool = False,
    labels: tuple[str, str] = ("Customer", "Order number"),
) -> Frame:
    """Draw the application."""
    image = Image.new("RGB", SIZE, "#39506b")
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, 539, 379), fill="#f6f6f6")
    draw.rectangle((20, 20, 539, 44), fill="#d5dbe3")
    draw.text((240, 24), "Orders", "#202020", FONT)
    for label, box, text in zip(labels, (NAME, NUMBER), (name, number), strict=True):
        draw.text((box.left, box.top - 24), label, "#202020", FONT)
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill="#ffffff", outline="#777777")
        draw.text((box.left + 6, box.top + 4), text, "#101010", FONT)
    if covered:
        draw.rectangle((NUMBER.left + 4, NUMBER.top + 4, NUMBER.left + 90, NUMBER.bottom - 5), fill="#606060")
    for row, text in enumerate(rows):
        box = check_of(row)
        draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill="#ffffff", outline="#555555")
        if row in checked:
            draw.line((box.left + 3, box.top + 9, box.left + 8, box.top + 14), "#0a6cff", 3)
            draw.line((box.left + 8, box.top + 14, box.left + 15, box.top + 3), "#0a6cff", 3)
        draw.text((box.right + 12, box.top - 1), text, "#202020", FONT)
        _button(draw, edit_of(row), "Edit")
    for box, text in ((SAVE, "Save"), (SEND, "Send"), (ADD, "+"), (MORE, "More")):
        _button(draw, box, text)
    if pressed:
        draw.rectangle((SEND.left, SEND.bottom + 4, SEND.right - 1, SEND.bottom + 8), fill="#0a6cff")
    draw.text((360, 335), f"Items {count}" if count else "", "#202020", FONT)
    draw.text((44, 290), note, "#8a1c1c", FONT)
    draw.text((470, 24), clock, "#202020", FONT)
    if menu:
        draw.rectangle((270, 250, 400, 328), fill="#ffffff", outline="#777777")
        draw.text((280, 258), "Duplicate", "#202020", FONT)
        draw.text((280, 292), "Archive", "#202020", FONT)
    return Frame(np.asarray(image).copy(), Rect(0, 0, *SIZE))


def _button(draw: ImageDraw.ImageDraw, box: FrameBox, text: str) -> None:
    draw.rounded_rectangle(
        (box.left, box.top, box.right - 1, box.bottom - 1), 5, fill="#e1e1e1", outline="#9a9a9a"
    )
    width = draw.textlength(text, FONT)
    draw.text((box.left + (box.right - box.left - width) / 2, box.top + 5), text, "#202020", FONT)


def target(box: FrameBox, frame: Frame) -> ModelBox:
    """A box on the model's grid."""
    return model_box(box, frame.view)


@dataclass
class Run:
    """A run in the making: each step is given with the screens before and after it."""

    root: Path
    task: str = "do it"
    window: WindowInfo | None = WINDOW
    _recorder: Recorder = field(init=False)
    _step: int = 0

    def __post_init__(self) -> None:
        self._recorder = Recorder.create(self.root, manifest(self.task, desktop=":1"))

    def act(
        self,
        before: Frame,
        action: Action | None,
        after: Frame | None = None,
        *,
        status: Status = "done",
        error: str = "",
        seen: Frame | None = None,
        by_itself: tuple[FrameBox, ...] = (),
        verdict: Verdict | None = None,
        window: WindowInfo | None = None,
    ) -> "Run":
        """Record a step: on the screen `before`, of which the model saw `seen`, and what came of it."""
        self._step += 1
        shown = seen or before
        events = plan(action, shown.view) if action else ()
        its = window or self.window
        points = sum(event.kind == "move" for event in events)
        scene = Scene(
            shown.view,
            Geometry((before.monitor,)),
            step=self._step,
            windows=(its,) * points,
            focused=its,
        )
        said = turns([Message("user", (shown, f"Step {self._step}"))], self._recorder)
        self._recorder.intent(
            StepIntent(
                step=self._step,
                frame=self._recorder.ref(shown),
                said=said,
                reply=Reply("made"),
                action=action,
                error=error,
                scene=scene if action else None,
                plan=events,
                verdict=(verdict or ALLOW) if action else None,
                approval="a1" if events else "",
            )
        )
        change = None
        if events and after is not None:
            boxes = Observation(shown, before).boxes(action) if action else ()
            found = compare(before, after, boxes[0] if boxes else None)
            still = tuple(box for box in found.boxes if box not in by_itself)
            change = type(found)(still, found.near_target, by_itself)
        self._recorder.outcome(StepOutcome(step=self._step, outcome=Outcome(status, error, change=change)))
        return self

    def click(self, box: FrameBox, before: Frame, after: Frame, label: str = "", **fields: object) -> "Run":
        """Record a left click."""
        click = Click.model_validate({"target": target(box, before), "label": label} | fields)
        return self.act(before, click, after)

    def type(
        self, text: str, before: Frame, after: Frame, into: FrameBox | None = None, **fields: object
    ) -> "Run":
        """Record a typing."""
        where = target(into, before) if into else None
        typing = Type.model_validate({"text": text, "target": where} | fields)
        return self.act(before, typing, after)

    def done(self, last: Frame, final: Action | None = None, **result: object) -> Path:
        """End the run, and return its folder."""
        claim = final or Done(summary="It is done.")
        self.act(last, claim)
        answer = claim.text if claim.kind == "answer" else None
        whole = {"status": "done", "verified": True, "answer": answer, "steps": self._step} | result
        self._recorder.result(RunResult.model_validate({**whole, "frame": self._recorder.ref(last)}))
        self._recorder.close()
        return self._recorder.folder


def ordered(runs: Path) -> Path:
    """Record a run that enters an order and saves it; return its folder."""
    start, named = orders(), orders("Mia Lang")
    filled, saved = orders("Mia Lang", "K-4711"), orders("Mia Lang", "K-4711", "Order K-4711 is saved")
    run = Run(runs, "enter an order")
    run.type("Mia Lang", start, named, NAME, label="Customer")
    run.type("K-4711", named, filled, NUMBER, label="Order number")
    run.click(SAVE, filled, saved, "Save")
    return run.done(saved)
