"""Reading a target's text from the pixels: a second opinion to what the model calls it.

The model's label is the model's word. What stands on the target is read from the very frame that the
model saw, by a recogniser that takes no orders, and goes into the scene beside the label. Only the
target is read: the control under the point, not the screen.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint
from qvl_agent.actions.core.errors import ReadingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.planning.action import Action, Click, Drag, Type
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.control import Control, control_at

__all__ = ["Read", "Reader", "TargetText", "read_for", "read_targets", "targets_of"]

_BESIDE: Final = 28
"""Logical pixels between an icon or a box to tick and the words that belong to it."""
_AROUND: Final = 6
"""Logical pixels around a line of text that count as the line."""
_MOST_LINES: Final = 4
_LONGEST: Final = 120
"""Characters of a line that are kept: what is longer is no button's text."""


@dataclass(frozen=True, slots=True)
class Read:
    """A line of text as the pixels have it.

    Attributes:
        text: what was recognised.
        box: where it stands, in pixels of the frame.
        confidence: the recogniser's own, 0-1.
    """

    text: str
    box: FrameBox
    confidence: float


@dataclass(frozen=True, slots=True)
class TargetText:
    """What stands on one target.

    Attributes:
        control: the part of the screen that the target belongs to, in pixels of the frame.
        bounded: whether that part has edges of its own, as a button has; a line of a list has none.
        lines: the text on it, from the top.
    """

    control: FrameBox
    bounded: bool
    lines: tuple[Read, ...]


class Reader(Protocol):
    """Something that reads text from pixels."""

    @property
    def name(self) -> str:
        """What it is and its version, as the record calls it."""
        ...

    def warm_up(self) -> None:
        """Begin to load what is slow to load, and return at once."""
        ...

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        """Read the lines in a part of a frame, from the top; boxes are in the frame's pixels.

        Raises:
            ReadingError: it can't be loaded or run.
        """
        ...


def targets_of(action: Action, observation: Observation) -> tuple[FramePoint, ...]:
    """Say where an action presses a button, in pixels of the whole screen: what stands there is read."""
    match action:
        case Click(button="left" | "middle") | Drag() | Type():
            return tuple(
                FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
                for box in observation.boxes(action)
            )
        case _:
            return ()


def read_for(reader: Reader, action: Action, observation: Observation) -> tuple[tuple[TargetText, ...], str]:
    """Read what stands on an action's targets, and name the reader; one that fails reads nothing, and the
    name says why.
    """
    try:
        return read_targets(reader, observation.screen, targets_of(action, observation)), reader.name
    except ReadingError as error:
        return (), f"{reader.name}: {error}"


def read_targets(reader: Reader, frame: Frame, points: tuple[FramePoint, ...]) -> tuple[TargetText, ...]:
    """Read what stands at each point.

    Raises:
        ReadingError: the reader can't.
    """
    return tuple(_read_target(reader, frame, point) for point in points)


def _read_target(reader: Reader, frame: Frame, point: FramePoint) -> TargetText:
    control = control_at(frame, point)
    found = reader.read(frame, control.box)
    lines = _inside(found, control, frame) if control.bounded else _at(found, point, frame)
    kept = tuple(Read(line.text[:_LONGEST], line.box, line.confidence) for line in lines[:_MOST_LINES])
    return TargetText(control.box, control.bounded, kept)


def _inside(lines: tuple[Read, ...], control: Control, frame: Frame) -> tuple[Read, ...]:
    """Take the lines whose middle lies on the control."""
    box = control.box.grown(round(_AROUND * frame.scale), frame.size)
    return tuple(line for line in lines if _covers(box, _middle(line.box)))


def _at(lines: tuple[Read, ...], point: FramePoint, frame: Frame) -> tuple[Read, ...]:
    """Take the line at the point; where there is none, the next one beside it."""
    around = round(_AROUND * frame.scale)
    under = tuple(line for line in lines if _covers(line.box.grown(around, frame.size), point))
    if under:
        return under
    beside = [
        (max(line.box.left - point.x, point.x - line.box.right), index)
        for index, line in enumerate(lines)
        if line.box.top - around <= point.y < line.box.bottom + around
    ]
    if not beside:
        return ()
    gap, nearest = min(beside)
    return (lines[nearest],) if gap <= _BESIDE * frame.scale else ()


def _middle(box: FrameBox) -> FramePoint:
    return FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)


def _covers(box: FrameBox, point: FramePoint) -> bool:
    return box.left <= point.x < box.right and box.top <= point.y < box.bottom
