"""The pictures of a report: parts of frames, small enough for one page, and the marks drawn over them."""

import base64
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, Literal, cast

import numpy as np

from qvl_agent.actions.core.coordinates import (
    DesktopPoint,
    FrameBox,
    FramePoint,
    View,
    desktop_to_frame,
    model_box_to_frame,
)
from qvl_agent.actions.core.errors import CoordinateError, ParseError, RecordingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.parsing.closer_look import closer_target
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Action, Drag
from qvl_agent.actions.planning.events import MoveEvent
from qvl_agent.agent.recording.format import FrameRef, StepIntent, StepOutcome
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import screen_after, screen_of

__all__ = ["Mark", "Picture", "Pictures", "pictures", "screen_alone"]

_WIDTH: Final = 1200
_WIDTH_IN_LONG_RUN: Final = 800
_LONG_RUN: Final = 30
"""From this many steps on pictures are smaller, so that a page stays at a few megabytes."""
_SMALL: Final = 560
_QUALITY: Final = 82
_SHARP_BELOW: Final = 400 * 300
"""Pictures of at most this many pixels are kept without loss: they are there to be looked at closely."""
_MAX_CHANGES: Final = 200
"""The most changed boxes that are drawn in one picture."""

MarkKind = Literal["target", "first", "end", "planned", "pointer", "path", "changed", "region"]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing drawn over a picture, in the frame's pixels.

    A point has no width and height; a path goes from one corner of its box to the opposite one.
    """

    kind: MarkKind
    x: float
    y: float
    width: float = 0
    height: float = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """A part of a frame as a data: URI, with its marks.

    Attributes:
        box: the part, in the frame's pixels; the marks are in the same.
        alt: the text for screen readers.
        unit: the size of a mark in the frame's pixels that makes all marks about equal on the page.
    """

    uri: str
    box: FrameBox
    marks: tuple[Mark, ...]
    alt: str
    unit: float

    def has(self, *kinds: str) -> bool:
        return any(mark.kind in kinds for mark in self.marks)


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a step.

    Attributes:
        seen: the picture that the model saw.
        close_up: the target's surroundings, if the target is small.
        closer: the close-up in which the model pointed again, if it did; with the marks of `seen`.
        place: the whole screen with the region that was seen, if that was a close-up.
        before, after: the part of the screen that changed.
        missing: why there are no pictures; "" if there are.
    """

    seen: Picture | None = None
    close_up: Picture | None = None
    closer: Picture | None = None
    place: Picture | None = None
    before: Picture | None = None
    after: Picture | None = None
    missing: str = ""


def pictures(recording: Recording, index: int) -> Pictures:
    """Make the pictures of the step at `index` in `recording.steps`."""
    step = recording.steps[index]
    try:
        seen = recording.frame(step.intent.frame)
        screen_ref = screen_of(recording.steps, index)
        screen = seen if screen_ref == step.intent.frame else recording.frame(screen_ref)
        after_ref = screen_after(recording.steps, index, recording.result)
        changed = _changed_marks(step.outcome)
        after = recording.frame(after_ref) if after_ref and changed else None
        look = step.intent.closer
        crop = recording.frame(look.frame) if look else None
    except RecordingError as error:
        return Pictures(missing=str(error))
    marks = _action_marks(step.intent, step.outcome)
    width = _WIDTH if len(recording.steps) < _LONG_RUN else _WIDTH_IN_LONG_RUN
    number = step.intent.step
    near = _close_up_box(marks, seen.size)
    before, later = _change(number, changed, screen, after)
    return Pictures(
        seen=_picture(seen, f"Step {number}: {_said(seen, screen)}.{_where(marks)}", seen.box, width, marks),
        close_up=_picture(seen, f"Step {number}: the target, closely.", near, _SMALL, marks)
        if near
        else None,
        closer=_closer(number, crop, seen, marks) if crop else None,
        place=None if seen is screen else _place(number, seen, screen),
        before=before,
        after=later,
    )


def screen_alone(recording: Recording, ref: FrameRef, alt: str) -> Pictures:
    """Make the picture of a stored screen that belongs to no step."""
    try:
        frame = recording.frame(ref)
    except RecordingError as error:
        return Pictures(missing=str(error))
    return Pictures(seen=_picture(frame, alt, frame.box, _WIDTH, ()))


def _said(seen: Frame, screen: Frame) -> str:
    size = f"{seen.size[0]} by {seen.size[1]} pixels"
    return f"the screen, {size}" if seen is screen else f"a part of the screen at full resolution, {size}"


def _where(marks: tuple[Mark, ...]) -> str:
    words = {
        "target": "The model's box is at",
        "planned": "the pointer was to go to",
        "pointer": "it ended at",
    }
    found = [
        f"{words[mark.kind]} ({mark.x + mark.width / 2:.0f}, {mark.y + mark.height / 2:.0f})"
        for mark in marks
        if mark.kind in words
    ]
    return f" {', '.join(found)}." if found else ""


def _place(number: int, seen: Frame, screen: Frame) -> Picture:
    region = Mark("region", seen.origin.x, seen.origin.y, *seen.size)
    return _picture(screen, f"Step {number}: where on the screen that is.", screen.box, _SMALL, (region,))


def _closer(number: int, crop: Frame, seen: Frame, marks: tuple[Mark, ...]) -> Picture:
    """Make the picture of the close-up in which the model pointed again, with the marks of `seen`."""
    dx, dy = seen.origin.x - crop.origin.x, seen.origin.y - crop.origin.y
    moved = tuple(replace(mark, x=mark.x + dx, y=mark.y + dy) for mark in marks)
    return _picture(crop, f"Step {number}: the close-up for the second look.", crop.box, _SMALL, moved)


def _change(
    number: int, changed: tuple[Mark, ...], screen: Frame, after: Frame | None
) -> tuple[Picture | None, Picture | None]:
    around = _union(changed, screen.size)
    if around is None or after is None or after.size != screen.size:
        return None, None
    box = around.grown(max(screen.size) // 40, screen.size)
    return (
        _picture(screen, f"Step {number}: the part that changed, before.", box, _SMALL),
        _picture(after, f"Step {number}: the part that changed, after.", box, _SMALL, changed),
    )


def _picture(frame: Frame, alt: str, box: FrameBox, width: int, marks: tuple[Mark, ...] = ()) -> Picture:
    """Cut a box out of a frame and make it a data: URI, at most `width` pixels wide.

    Raises:
        RecordingError: libvips failed.
    """
    import pyvips  # noqa: PLC0415 - loads a native library

    part = np.ascontiguousarray(frame.pixels[box.top : box.bottom, box.left : box.right])
    try:
        image = pyvips.Image.new_from_memory(part.data, box.width, box.height, 3, "uchar")
        image = image.copy(interpretation="srgb")
        if box.width > width:
            image = image.resize(width / box.width)
        lossless = box.width * box.height <= _SHARP_BELOW
        data = image.webpsave_buffer(
            Q=_QUALITY, lossless=lossless, effort=2, smart_subsample=True, keep="none"
        )
    except pyvips.Error as error:
        raise RecordingError(f"libvips could not write a WebP of {box}: {error}") from error
    uri = "data:image/webp;base64," + base64.b64encode(cast("bytes", data)).decode()
    unit = max(box.width, box.height) * (0.03 if width <= _SMALL else 0.01)
    return Picture(uri, box, marks, alt, unit)


def _action_marks(intent: StepIntent, outcome: StepOutcome) -> tuple[Mark, ...]:
    """Return marks over the picture that the model saw: its box, the planned points, the pointer's end."""
    view = intent.frame.view
    marks = [*_first(intent), *_targets(intent.action, view)]
    stops = [
        point for event in intent.plan if isinstance(event, MoveEvent) if (point := _on(event.point, view))
    ]
    marks += [Mark("path", a.x, a.y, b.x - a.x, b.y - a.y) for a, b in pairwise(stops)]
    marks += [Mark("planned", point.x + 0.5, point.y + 0.5) for point in stops]
    pointer = outcome.outcome.pointer
    ended = _on(pointer, view) if pointer else None
    if ended is not None:
        marks.append(Mark("pointer", ended.x + 0.5, ended.y + 0.5))
    return tuple(marks)


def _changed_marks(outcome: StepOutcome) -> tuple[Mark, ...]:
    """Return marks for the boxes that changed, on the whole screen."""
    change = outcome.outcome.change
    boxes = change.boxes[:_MAX_CHANGES] if change else ()
    return tuple(Mark("changed", box.left, box.top, box.width, box.height) for box in boxes)


def _close_up_box(marks: tuple[Mark, ...], size: tuple[int, int]) -> FrameBox | None:
    """Return a box around a small target; None if the target is large or there is none."""
    around = _union(marks, size)
    if around is None or around.width > size[0] / 3 or around.height > size[1] / 3:
        return None
    margin = min(max(32, 2 * max(around.width, around.height)), max(size) // 20)
    return around.grown(margin, size)


def _union(marks: tuple[Mark, ...], size: tuple[int, int]) -> FrameBox | None:
    """Return the smallest box around all marks, within a frame of `size`; None if there are none."""
    if not marks:
        return None
    left, top = min(mark.x for mark in marks), min(mark.y for mark in marks)
    right, bottom = max(mark.x + mark.width for mark in marks), max(mark.y + mark.height for mark in marks)
    return FrameBox(
        max(0, min(int(left), size[0] - 1)),
        max(0, min(int(top), size[1] - 1)),
        max(1, min(int(right) + 1, size[0])),
        max(1, min(int(bottom) + 1, size[1])),
    )


def _first(intent: StepIntent) -> list[Mark]:
    """Return the mark of the model's first target, if a closer look moved the target."""
    if intent.closer is None or intent.closer.kept:
        return []
    try:
        target = closer_target(read_reply(intent.reply))
    except ParseError:
        return []  # this program reads the reply in another way than the run did; a replay reports that
    return [_box_mark("first", model_box_to_frame(target, intent.frame.view))] if target else []


def _targets(action: Action | None, view: View) -> list[Mark]:
    marks: list[Mark] = []
    target = getattr(action, "target", None)
    if target is not None:
        marks.append(_box_mark("target", model_box_to_frame(target, view)))
    if isinstance(action, Drag):
        marks.append(_box_mark("end", model_box_to_frame(action.end, view)))
    return marks


def _box_mark(kind: MarkKind, box: FrameBox) -> Mark:
    return Mark(kind, box.left, box.top, box.width, box.height)


def _on(point: DesktopPoint, view: View) -> FramePoint | None:
    try:
        return desktop_to_frame(point, view)
    except CoordinateError:
        return None
