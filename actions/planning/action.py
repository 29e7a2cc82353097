"""The actions that the agent can take, as a closed union of classes, in the model's coordinates.

Each is a frozen pydantic model that takes exact types only (a bool is no number, a string no
point) and no unknown field, so that the same class checks a reply, the journal and a recording.
When an action is added here, `assert_never` makes the type checker find every place that must handle it.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from qvl_agent.actions.core.coordinates import ModelBox

__all__ = [
    "ACTION",
    "FINAL",
    "MAX_SCROLL",
    "MAX_TEXT",
    "MAX_WAIT_S",
    "POINTING",
    "Action",
    "Answer",
    "Ask",
    "Button",
    "Click",
    "Done",
    "Drag",
    "Fail",
    "Move",
    "Press",
    "Scroll",
    "Type",
    "Wait",
    "Zoom",
]

MAX_SCROLL = 20
"""The most wheel notches that one action may turn on each axis."""
MAX_WAIT_S = 60.0
MAX_TEXT = 20_000
"""The most characters that one action may type; past 5,000 the guard asks first."""

Button = Literal["left", "right", "middle"]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Notches = Annotated[int, Field(ge=-MAX_SCROLL, le=MAX_SCROLL)]
Keys = Annotated[tuple[str, ...], Field(max_length=6)]


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    label: Text = ""
    """The model's own name for the target."""
    intent: Text = ""
    """The model's reason for the action, in one line."""


class Click(_Action):
    """Click a mouse button `count` times on the target's centre, with modifiers held."""

    kind: Literal["click"] = "click"
    target: ModelBox
    button: Button = "left"
    count: Annotated[int, Field(ge=1, le=3)] = 1
    modifiers: Keys = ()


class Move(_Action):
    """Put the pointer on the target's centre."""

    kind: Literal["move"] = "move"
    target: ModelBox


class Drag(_Action):
    """Press a mouse button on `target`, move to `end` and release it."""

    kind: Literal["drag"] = "drag"
    target: ModelBox
    end: ModelBox
    button: Button = "left"
    modifiers: Keys = ()


class Scroll(_Action):
    """Turn the wheel over the target, in notches: `dy` > 0 scrolls down, `dx` > 0 to the right.

    Without a target it is turned over the pointer if a window is there, else over the window with the focus.
    """

    kind: Literal["scroll"] = "scroll"
    target: ModelBox | None = None
    dx: Notches = 0
    dy: Notches = 0
    modifiers: Keys = ()


class Type(_Action):
    """Type text into the field with the focus; a newline in it presses Enter.

    `target` is clicked first, if given; `clear` empties the field first; `enter` presses Enter at the end.
    """

    kind: Literal["type"] = "type"
    text: Text
    target: ModelBox | None = None
    clear: bool = False
    enter: bool = False


class Press(_Action):
    """Press a key or a chord, by the canonical names of `keys.py`: ("ctrl", "shift", "t")."""

    kind: Literal["press"] = "press"
    keys: Annotated[tuple[str, ...], Field(min_length=1, max_length=6)]
    count: Annotated[int, Field(ge=1, le=20)] = 1


class Wait(_Action):
    """Do nothing for a while, then look again."""

    kind: Literal["wait"] = "wait"
    seconds: Annotated[float, Field(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 1.0


class Zoom(_Action):
    """Look closer: the next picture is this region at full resolution, and the 0-1000 grid lies over it."""

    kind: Literal["zoom"] = "zoom"
    target: ModelBox


class Ask(_Action):
    """Put a question to the person."""

    kind: Literal["ask"] = "ask"
    question: Text


class Answer(_Action):
    """End the run with an answer to what was asked."""

    kind: Literal["answer"] = "answer"
    text: Text


class Done(_Action):
    """Claim that the task is done."""

    kind: Literal["done"] = "done"
    summary: Text = ""


class Fail(_Action):
    """End the run because the task can't be done, with the reason."""

    kind: Literal["fail"] = "fail"
    reason: Text = ""


Action = Annotated[
    Click | Move | Drag | Scroll | Type | Press | Wait | Zoom | Ask | Answer | Done | Fail,
    Field(discriminator="kind"),
]
ACTION: TypeAdapter[Action] = TypeAdapter(Action)
"""Reads and writes any action: `ACTION.validate_json`, `ACTION.dump_json`."""

POINTING = (Click, Move, Drag, Scroll, Zoom)
"""The actions that always have a target."""
FINAL = (Answer, Done, Fail)
"""The actions that end a run."""
