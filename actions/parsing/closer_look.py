"""A second look at a target: choose the crop around it, and move the target to the answer. Pure functions.

The model points once on the whole screen and once more in a crop of it at full resolution. The second
answer may only move the target a little; one that could mean something else is refused. A replay runs
the same functions over the recorded answers.
"""

import math
from typing import Final

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, View, model_box_between, model_box_to_frame
from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.parsing.reply import parse_boxes
from qvl_agent.actions.planning.action import Action, Click, Drag, Move, Type

__all__ = ["MARGIN", "SIZE", "closer_target", "crop_around", "refined"]

SIZE: Final = (640, 480)
"""The least width and height of a crop, in frame pixels. It is 300 image tokens, so it isn't shrunk and
costs little, and it is wide enough to show what stands beside the target and tells it from others."""
MARGIN: Final = 128
"""Frame pixels around the first box within which the second box's middle must lie. On a 4K screen,
which the model sees at half its size, that is four of the model's patches of 16 pixels."""
_TILE: Final = 32
_GROWTH: Final = 2
_SLACK: Final = 64


def closer_target(action: Action) -> ModelBox | None:
    """Return the target that a second look could make more exact; None if the action has no exact place."""
    match action:
        case Click() | Move() | Drag():
            return action.target
        case Type():
            return action.target
        case _:
            return None


def crop_around(target: ModelBox, view: View) -> FrameBox | None:
    """Choose the crop to show: the target and `MARGIN` around it, at least `SIZE` in all.

    The sides are multiples of 32 pixels if the frame has room for that, so that the model gets each pixel
    unscaled. Near an edge the crop is moved inwards, not cut.

    Returns:
        the crop in pixels of the frame; None if it would be the whole frame.
    """
    box = model_box_to_frame(target, view)
    left, width = _span(box.left, box.right, SIZE[0], view.width)
    top, height = _span(box.top, box.bottom, SIZE[1], view.height)
    if (width, height) == (view.width, view.height):
        return None
    return FrameBox(left, top, left + width, top + height)


def _span(low: int, high: int, least: int, size: int) -> tuple[int, int]:
    """Return where a crop begins on one axis, and its length, both in frame pixels."""
    length = math.ceil(max(least, high - low + 2 * MARGIN) / _TILE) * _TILE
    length = min(length, size)
    return max(0, min((low + high - length) // 2, size - length)), length


def refined(action: Action, reply: Reply, crop: View, seen: View, *, pixel_space: bool = False) -> Action:
    """Return the action with its target moved to where the second answer points.

    Args:
        action: the action of the first answer, on the grid over `seen`.
        reply: the second answer, on the grid over `crop`.
        crop: how the crop lies on the desktop; a part of `seen`.
        seen: how the frame that the first answer is about lies on the desktop.
        pixel_space: the model answers in pixels, so its coordinates are refused.

    Raises:
        ParseError: the answer isn't exactly one box, or the box can't be the first target seen closer.
        CoordinateError: the crop is no part of the frame.
    """
    if reply.finish == "length":
        raise ParseError("the second answer was cut off")
    first = closer_target(action)
    if first is None:
        raise ParseError(f"a {action.kind} has no target to look closer at")
    boxes = {place.box for place in parse_boxes(reply.text, pixel_space=pixel_space)}
    if len(boxes) != 1:
        raise ParseError(f"the second answer points at {len(boxes)} places" if boxes else "it was not found")
    target = model_box_between(boxes.pop(), crop, seen)
    _consistent(model_box_to_frame(first, seen), model_box_to_frame(target, seen))
    return action.model_copy(update={"target": target})


def _consistent(first: FrameBox, second: FrameBox) -> None:
    """Refuse a second box that lies elsewhere, or is so large that it must be something else."""
    x, y = (second.left + second.right) / 2, (second.top + second.bottom) / 2
    beside = max(first.left - x, x - first.right, first.top - y, y - first.bottom)
    if beside > MARGIN:
        raise ParseError(f"the second answer is {beside:.0f} pixels away from the first target")
    if second.width > _GROWTH * first.width + _SLACK or second.height > _GROWTH * first.height + _SLACK:
        raise ParseError(
            f"the second answer has {second.width}x{second.height} pixels, "
            f"the first target {first.width}x{first.height}"
        )
