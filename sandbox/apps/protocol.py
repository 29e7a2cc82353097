"""What an application tells its parent: its widget tree and its log of mouse presses.

One JSON object a line, both ways. A request is `{"do": NAME, ...}`; the answer is `{"ok": VALUE}`
or `{"error": SENTENCE}`, in the order of the requests.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.planning.action import Button

__all__ = ["PASSIVE", "Node", "Offscreen", "Press", "Request", "Role", "Tree"]

Role = Literal[
    "button",
    "check box",
    "drop-down",
    "list item",
    "menu item",
    "option",
    "radio button",
    "scroll area",
    "slider",
    "slider handle",
    "swatch",
    "tab",
    "text",
    "text field",
]
PASSIVE: frozenset[Role] = frozenset({"text", "scroll area"})
"""Roles that a click does nothing to."""


@dataclass(frozen=True, slots=True)
class Node:
    """Something that can be seen and, unless its role is passive, clicked in its middle.

    Attributes:
        id: names it for as long as the window stands: "chat/c3/check".
        role: what it is.
        label: what a person would call it.
        rect: the visible part, in pixels of the screen.
        state: what can be seen of it: "checked", "selected", "focused", "value"; a scroll area has
            "above" and "below" (pixels hidden there) and "notch" (pixels a wheel notch moves it);
            a slider "start" and "stop", the handle's middle at its least and greatest value.
    """

    id: str
    role: Role
    label: str
    rect: Rect
    state: dict[str, bool | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offscreen:
    """Something that scrolling `area` by `dy` pixels (> 0: what is below) would show whole."""

    id: str
    area: str
    dy: int


@dataclass(frozen=True, slots=True)
class Tree:
    """All that can be reached now: with a menu or a dialog open, only what is in that."""

    nodes: tuple[Node, ...]
    offscreen: tuple[Offscreen, ...] = ()

    def get(self, node_id: str) -> Node | None:
        """Find a node by its id."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def hidden(self, node_id: str) -> Offscreen | None:
        """Say how to scroll to it; None if it is wholly in view or doesn't exist."""
        return next((item for item in self.offscreen if item.id == node_id), None)


@dataclass(frozen=True, slots=True)
class Press:
    """A mouse button that went down.

    Attributes:
        id: the node it hit; "" for none.
        x, y: where, in pixels of the screen.
        button: which.
        double: whether it was the second press of a double click.
    """

    id: str
    x: int
    y: int
    button: Button
    double: bool = False


class Request(BaseModel):
    """One order to an application. `seed` and `task` belong to `reset`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    do: Literal["tree", "state", "clicks", "reset", "quit"]
    seed: Annotated[int, Field(ge=0)] = 0
    task: str | None = None
