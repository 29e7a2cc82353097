"""The pictures of a run's steps, with what was meant, planned and changed marked on them."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

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
from qvl_agent.agent.report.drawing import SMALL, Mark, Picture, box_mark, cut, surroundings

__all__ = ["Pictures", "pictures", "screen_alone"]

_WIDTH: Final = 1200
_WIDTH_IN_LONG_RUN: Final = 800
_LONG_RUN: Final = 30
"""From this many steps on pictures are smaller, so that a page stays at a few megabytes."""
_MAX_CHANGES: Final = 200
"""The most changed boxes that are drawn in one picture."""


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
        seen=cut(
            seen.pixels, f"Step {number}: {_said(seen, screen)}.{_where(marks)}", seen.box, width, marks
        ),
        close_up=cut(seen.pixels, f"Step {number}: the target, closely.", near, SMALL, marks)
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
    return Pictures(seen=cut(frame.pixels, alt, frame.box, _WIDTH, ()))


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
    return cut(screen.pixels, f"Step {number}: where on the screen that is.", screen.box, SMALL, (region,))


def _closer(number: int, crop: Frame, seen: Frame, marks: tuple[Mark, ...]) -> Picture:
    """Make the picture of the close-up in which the model pointed again, with the marks of `seen`."""
    dx, dy = seen.origin.x - crop.origin.x, seen.origin.y - crop.origin.y
    moved = tuple(replace(mark, x=mark.x + dx, y=mark.y + dy) for mark in marks)
    return cut(crop.pixels, f"Step {number}: the close-up for the second look.", crop.box, SMALL, moved)


def _change(
    number: int, changed: tuple[Mark, ...], screen: Frame, after: Frame | None
) -> tuple[Picture | None, Picture | None]:
    around = _union(changed, screen.size)
    if around is None or after is None or after.size != screen.size:
        return None, None
    box = around.grown(max(screen.size) // 40, screen.size)
    return (
        cut(screen.pixels, f"Step {number}: the part that changed, before.", box, SMALL),
        cut(after.pixels, f"Step {number}: the part that changed, after.", box, SMALL, changed),
    )


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
    return surroundings(around, size)


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
    return [box_mark("first", model_box_to_frame(target, intent.frame.view))] if target else []


def _targets(action: Action | None, view: View) -> list[Mark]:
    marks: list[Mark] = []
    target = getattr(action, "target", None)
    if target is not None:
        marks.append(box_mark("target", model_box_to_frame(target, view)))
    if isinstance(action, Drag):
        marks.append(box_mark("end", model_box_to_frame(action.end, view)))
    return marks


def _on(point: DesktopPoint, view: View) -> FramePoint | None:
    try:
        return desktop_to_frame(point, view)
    except CoordinateError:
        return None
