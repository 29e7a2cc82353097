"""Read a target's text from the pixels: a second opinion on what the model calls the target.

The label is only the model's claim. The text on the target is read from the same frame that the model
saw, by a recogniser that follows no instructions, and goes into the guard's scene beside the label. Only
the control under the point is read, not the screen.
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
"""The most logical pixels between an icon or a check box and the words that belong to it."""
_AROUND: Final = 6
"""Logical pixels around a line of text that count as part of the line."""
_MOST_LINES: Final = 4
_MOST_CHARACTERS: Final = 120
"""Characters of a line that are kept: a longer text is no button's."""


@dataclass(frozen=True, slots=True)
class Read:
    """A line of text that was read from the pixels.

    Attributes:
        text: the recognised text.
        box: where it stands, in frame pixels.
        confidence: the recogniser's confidence, 0-1.
    """

    text: str
    box: FrameBox
    confidence: float


@dataclass(frozen=True, slots=True)
class TargetText:
    """The text on one target.

    Attributes:
        control: the part of the screen that the target belongs to, in frame pixels.
        bounded: whether that part has edges of its own, as a button has; a line of a list has none.
        lines: the lines of text on it, from the top.
    """

    control: FrameBox
    bounded: bool
    lines: tuple[Read, ...]


class Reader(Protocol):
    """Something that reads text from pixels."""

    @property
    def name(self) -> str:
        """The reader's name and version, for the record."""
        ...

    def warm_up(self) -> None:
        """Begin to load everything that is slow to load, and return at once."""
        ...

    def read(self, frame: Frame, box: FrameBox) -> tuple[Read, ...]:
        """Read the lines of text in a part of a frame, from the top; all boxes are in frame pixels.

        Raises:
            ReadingError: the reader can't be loaded or run.
        """
        ...


def targets_of(action: Action, observation: Observation) -> tuple[FramePoint, ...]:
    """Return the points, in pixels of the whole screen, where an action presses a mouse button."""
    match action:
        case Click(button="left" | "middle") | Drag() | Type():
            return tuple(
                FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)
                for box in observation.boxes(action)
            )
        case _:
            return ()


def read_for(reader: Reader, action: Action, observation: Observation) -> tuple[tuple[TargetText, ...], str]:
    """Read the text on an action's targets.

    Returns:
        the texts, and the reader's name; if the reader fails, no texts, and its name with the reason.
    """
    try:
        return read_targets(reader, observation.screen, targets_of(action, observation)), reader.name
    except ReadingError as error:
        return (), f"{reader.name}: {error}"


def read_targets(reader: Reader, frame: Frame, points: tuple[FramePoint, ...]) -> tuple[TargetText, ...]:
    """Read the text on the control at each point, which is in frame pixels.

    Raises:
        ReadingError: the reader can't be loaded or run.
    """
    return tuple(_read_target(reader, frame, point) for point in points)


def _read_target(reader: Reader, frame: Frame, point: FramePoint) -> TargetText:
    control = control_at(frame, point)
    found = reader.read(frame, control.box)
    lines = _inside(found, control, frame) if control.bounded else _at(found, point, frame)
    kept = tuple(
        Read(line.text[:_MOST_CHARACTERS], line.box, line.confidence) for line in lines[:_MOST_LINES]
    )
    return TargetText(control.box, control.bounded, kept)


def _inside(lines: tuple[Read, ...], control: Control, frame: Frame) -> tuple[Read, ...]:
    """Return the lines whose middle lies on the control."""
    box = control.box.grown(round(_AROUND * frame.scale), frame.size)
    return tuple(line for line in lines if _covers(box, _middle(line.box)))


def _at(lines: tuple[Read, ...], point: FramePoint, frame: Frame) -> tuple[Read, ...]:
    """Return the lines at the point; if there are none, the nearest line beside it."""
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
