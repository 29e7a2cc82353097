"""The messages between an application and its parent: requests, the widget tree, the log of mouse presses.

Both sides write one JSON object a line. A request is `{"do": NAME, ...}`; the answer is `{"ok": VALUE}`
or `{"error": SENTENCE}`, in the order of the requests.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.planning.action import Button

__all__ = ["PASSIVE", "MousePress", "Node", "Offscreen", "Request", "Role", "Tree"]

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
"""The roles that don't react to a click."""


@dataclass(frozen=True, slots=True)
class Node:
    """A widget that is visible now; unless its role is passive, a click in its middle hits it.

    Attributes:
        id: Identifies it while the window exists, such as "chat/c3/check".
        role: The kind of widget.
        label: What a person would call it.
        rect: Its visible part, in screen px.
        state: Its visible state: "checked", "selected", "focused", "value". A scroll area also has
            "above" and "below" (px hidden there) and "notch" (px that one wheel notch scrolls). A slider
            has "start" and "stop", the x of the handle's middle at the least and the greatest value.
    """

    id: str
    role: Role
    label: str
    rect: Rect
    state: dict[str, bool | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Offscreen:
    """A widget partly or wholly scrolled out of view: scrolling `area` by `dy` px (> 0: down) shows it."""

    id: str
    area: str
    dy: int


@dataclass(frozen=True, slots=True)
class Tree:
    """All widgets that can be reached now; with a menu or dialog open, only those in it."""

    nodes: tuple[Node, ...]
    offscreen: tuple[Offscreen, ...] = ()

    def get(self, node_id: str) -> Node | None:
        """Return the visible node with this id, or None."""
        return next((node for node in self.nodes if node.id == node_id), None)

    def hidden(self, node_id: str) -> Offscreen | None:
        """Return how to scroll to a node; None if it is wholly in view or doesn't exist."""
        return next((item for item in self.offscreen if item.id == node_id), None)


@dataclass(frozen=True, slots=True)
class MousePress:
    """One press of a mouse button.

    Attributes:
        id: The id of the node it hit; "" for none.
        x, y: The position in screen px.
        button: Which button.
        double: Whether it was the second press of a double click.
        held: Whether the button is still down for the application: what a click does (a choice that closes
            its list) is done at the release.
    """

    id: str
    x: int
    y: int
    button: Button
    double: bool = False
    held: bool = False


class Request(BaseModel):
    """One request to an application. `seed` and `task` matter for "reset" only."""

    model_config = ConfigDict(extra="forbid", strict=True)

    do: Literal["tree", "state", "clicks", "reset", "quit"]
    seed: Annotated[int, Field(ge=0)] = 0
    task: str | None = None
