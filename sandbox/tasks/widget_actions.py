"""How a policy points: from a widget on the screen to an action in the model's coordinates."""

import math

from qvl_agent.actions.core.coordinates import (
    GRID,
    DesktopPoint,
    ModelBox,
    Rect,
    View,
    desktop_to_frame,
    frame_to_model,
    model_to_desktop,
)
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.planning.action import (
    MAX_SCROLL,
    Action,
    Answer,
    Button,
    Click,
    Done,
    Drag,
    Fail,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.sandbox.apps.protocol import Node, Tree

__all__ = ["Hand"]

_ENOUGH = 0.6
"""The part of a widget's height that must be in view before it is clicked rather than scrolled to."""


class Hand:
    """Makes actions that point at widgets, for one picture and the tree behind it.

    Attributes:
        tree: the widgets at this moment.
        zoomed: whether the picture shows only a part of the screen.
        aimed: the ids of the widgets that the actions made so far will press on.
    """

    def __init__(self, view: View, tree: Tree) -> None:
        self._view = view
        self.tree = tree
        self.zoomed = (view.width, view.height) != (
            round(view.monitor.width * view.scale),
            round(view.monitor.height * view.scale),
        )
        self.aimed: list[str] = []

    def click(self, node_id: str, why: str, *, button: Button = "left", count: int = 1) -> Action:
        """Click a widget, or scroll towards it if it isn't in view."""
        node = self._reach(node_id, why)
        if not isinstance(node, Node):
            return node
        self.aimed += [node_id] * count
        return Click(target=self.box(node.rect), button=button, count=count, label=node.label, intent=why)

    def type(
        self, text: str, why: str, *, into: str | None = None, clear: bool = False, enter: bool = False
    ) -> Action:
        """Type where the focus is, or into a field that is clicked first."""
        if into is None:
            return Type(text=text, clear=clear, enter=enter, intent=why)
        node = self._reach(into, why)
        if not isinstance(node, Node):
            return node
        self.aimed.append(into)
        target = self.box(node.rect)
        return Type(text=text, target=target, clear=clear, enter=enter, label=node.label, intent=why)

    def slide(self, slider: str, value: int, why: str) -> Action:
        """Drag a slider's handle to a value."""
        node = self._reach(f"{slider}/handle", why)
        if not isinstance(node, Node):
            return node
        self.aimed.append(node.id)
        state = {name: int(number) for name, number in node.state.items()}
        share = (value - state["least"]) / (state["most"] - state["least"])
        x = round(state["start"] + share * (state["stop"] - state["start"]))
        end = self._point(DesktopPoint(x, node.rect.top + node.rect.height // 2))
        return Drag(target=self.box(node.rect), end=end, label=node.label, intent=why)

    def zoom(self, node_id: str, why: str, margin: int = 40) -> Action:
        """Look closer at a widget and what is around it."""
        node = self._reach(node_id, why)
        if not isinstance(node, Node):
            return node
        screen, rect = self._view.monitor, node.rect
        left, top = max(screen.left, rect.left - margin), max(screen.top, rect.top - margin)
        right = min(screen.left + screen.width, rect.left + rect.width + margin)
        bottom = min(screen.top + screen.height, rect.top + rect.height + margin)
        return Zoom(
            target=self.box(Rect(left, top, right - left, bottom - top)), label=node.label, intent=why
        )

    def sees(self, node_id: str) -> bool:
        """Say whether a widget is in view, or enough of it."""
        return isinstance(self._reach(node_id, ""), Node)

    def scroll_to(self, node_id: str, why: str) -> Action:
        """Scroll towards a widget; wait a moment if it is in view."""
        node = self._reach(node_id, why)
        return self.wait(0.2, why) if isinstance(node, Node) else node

    def press(self, *keys: str, why: str, count: int = 1) -> Action:
        return Press(keys=keys, count=count, intent=why)

    def wait(self, seconds: float, why: str) -> Action:
        return Wait(seconds=seconds, intent=why)

    def answer(self, text: str) -> Action:
        return Answer(text=text)

    def done(self, summary: str) -> Action:
        return Done(summary=summary)

    def fail(self, reason: str) -> Action:
        return Fail(reason=reason)

    def _reach(self, node_id: str, why: str) -> Node | Scroll | Fail:
        node, hidden = self.tree.get(node_id), self.tree.hidden(node_id)
        if node is not None and (hidden is None or abs(hidden.dy) < (1 - _ENOUGH) * node.rect.height):
            return node
        area = None if hidden is None else self.tree.get(hidden.area)
        if hidden is None or area is None:
            return node or Fail(reason=f"{node_id} is not on the screen")
        notches = math.ceil(abs(hidden.dy) / int(area.state["notch"]))
        dy = int(math.copysign(min(notches, MAX_SCROLL), hidden.dy))
        return Scroll(target=self.box(area.rect), dy=dy, label=area.label, intent=f"scroll: {why}")

    def box(self, rect: Rect) -> ModelBox:
        """Say a rectangle of the screen on the picture's grid, in whole numbers, middle in the middle.

        Raises:
            CoordinateError: the rectangle's middle isn't in the picture.
        """
        corner = desktop_to_frame(DesktopPoint(rect.left, rect.top), self._view)
        right = corner.x + rect.width * self._view.scale
        bottom = corner.y + rect.height * self._view.scale
        x1, x2 = _inner(corner.x, right, self._view.width)
        y1, y2 = _inner(corner.y, bottom, self._view.height)
        box = ModelBox.of(x1, y1, x2, y2)
        if model_to_desktop(box.centre, self._view) not in rect:
            raise CoordinateError(f"{rect} is too small for a grid of {GRID} over {self._view}")
        return box

    def _point(self, point: DesktopPoint) -> ModelBox:
        """The grid's point nearest to a pixel."""
        exact = frame_to_model(desktop_to_frame(point, self._view), self._view)
        return ModelBox.at(round(exact.x), round(exact.y))


def _inner(low: float, high: float, size: int) -> tuple[int, int]:
    """Round a span inwards to the grid; one too small for that becomes the nearest point."""
    first, last = math.ceil(low * GRID / size), math.floor(high * GRID / size)
    if first >= last:
        first = last = round((low + high) / 2 * GRID / size)
    return max(0, first), min(GRID, last)
