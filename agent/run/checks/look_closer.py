"""The closer look: before an action on a small target, the model points again in a crop of the screen.

A large screen is shrunk until it fits the model's budget of image tokens, and the model points only
roughly at a target that takes one token or less. The second question shows its surroundings unshrunk.
It is a conversation of its own: it asks for a place and nothing else, and the run's history never
holds it. The reply can only move the target: see `actions/parsing/closer_look.py`.
"""

import math
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.coordinates import View, model_box_to_frame
from qvl_agent.actions.core.errors import CoordinateError, ModelError, ParseError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.parsing.closer_look import closer_target, crop_around, refined
from qvl_agent.actions.planning.action import Action
from qvl_agent.agent.models import Model
from qvl_agent.agent.models.pictures import TILE, tokens
from qvl_agent.agent.run.modes import LookCloser
from qvl_agent.prompts import render

__all__ = [
    "MIN_SHRINK",
    "CloserAnswer",
    "look_closer",
    "question",
    "shrunk_by",
    "worth_it",
]

MIN_SHRINK: Final = 1.25
"""The factor of shrinking from which on a crop shows more than the whole picture did.
With the default budget of 2048 tokens 1920x1080 is shown as it is, and 2560x1440 shrunk by 1.35."""


@dataclass(frozen=True, slots=True)
class CloserAnswer:
    """The answer to a second look.

    Attributes:
        crop: the close-up.
        messages: the question.
        reply: the model's reply; None if the model failed.
        action: the action to do, with the moved target or the first one.
        kept: why the first target was kept; "" if it was moved.
    """

    crop: Frame
    messages: tuple[Message, ...]
    reply: Reply | None
    action: Action
    kept: str = ""


def shrunk_by(model: Model, view: View, budget: int) -> float:
    """Return by what factor a frame is shrunk on each axis for the model; below 1 it is enlarged.

    Args:
        model: it may know the tokens of a picture, which then count instead of the budget.
        view: the frame.
        budget: the most image tokens of a picture.
    """
    size = (view.width, view.height)
    count = model.picture_tokens(size) or tokens(size, budget)
    return math.sqrt(view.width * view.height / (count * TILE**2))


def worth_it(action: Action, view: View, shrunk: float, mode: LookCloser) -> bool:
    """Return whether a second look is worth its time.

    "auto" requires both that the model saw the screen shrunk by `MIN_SHRINK` or more, and that the target's
    shorter side was under 32 pixels there, one image token. A point has no size and counts as small.

    Args:
        action: the action that the model wants to do.
        view: the frame that it saw.
        shrunk: the factor by which the frame was shrunk for it; see `shrunk_by`.
        mode: the setting `look_closer`.
    """
    target = closer_target(action)
    if target is None or mode == "never" or not (action.label or action.intent):
        return False
    if mode == "always":
        return True
    box = model_box_to_frame(target, view)
    return shrunk >= MIN_SHRINK and min(box.width, box.height) < TILE * shrunk


def question(action: Action, crop: Frame) -> tuple[Message, ...]:
    """Make the question where the action's target is in the close-up, as Qwen3-VL is trained to be asked."""
    target = f'"{action.label}"' if action.label else "the element to use for this: " + action.intent
    if action.label and action.intent:
        target += f" (the one to use for this: {action.intent})"
    return (Message("user", (crop, render("point", target=target))),)


def look_closer(
    model: Model, action: Action, seen: Frame, *, stop: StopCheck, pixel_space: bool = False
) -> CloserAnswer | None:
    """Ask the model where exactly an action's target is; None if there is no closer picture to show.

    If the second answer can't be used, the first one stays and `CloserAnswer.kept` says why.

    Raises:
        Stopped: `stop` returned True.
    """
    target = closer_target(action)
    box = crop_around(target, seen.view) if target else None
    if box is None:
        return None
    crop = seen.crop(box)
    messages = question(action, crop)
    try:
        reply = model.reply(messages, stop=stop)
    except ModelError as error:
        return CloserAnswer(crop, messages, None, action, f"the model failed: {error}")
    try:
        moved = refined(action, reply, crop.view, seen.view, pixel_space=pixel_space)
    except (ParseError, CoordinateError) as error:
        return CloserAnswer(crop, messages, reply, action, str(error))
    return CloserAnswer(crop, messages, reply, moved)
