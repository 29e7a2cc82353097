"""Make actions on widgets: from a widget of the tree to an action in the model's coordinates.

The oracle's policies use it, and so does whatever compares a model with the oracle.
"""

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

__all__ = ["WidgetActions"]

_MIN_VISIBLE_SHARE = 0.6
"""The share of a widget's height that must be in view for it to be clicked rather than scrolled to."""


class WidgetActions:
    """Makes actions that point at widgets, for one picture and the widget tree at the same moment.

    The methods return an action and do nothing else; `why` becomes its intent.

    Attributes:
        tree: The widgets.
        zoomed: Whether the picture shows only a part of the screen.
        target_ids: The ids of the widgets that the actions made so far press, one entry for each press.
    """

    def __init__(self, view: View, tree: Tree) -> None:
        self._view = view
        self.tree = tree
        self.zoomed = (view.width, view.height) != (
            round(view.monitor.width * view.scale),
            round(view.monitor.height * view.scale),
        )
        self.target_ids: list[str] = []

    def click(self, node_id: str, why: str, *, button: Button = "left", count: int = 1) -> Action:
        """Click a widget, or scroll towards it if it isn't in view.

        Raises:
            CoordinateError: The widget isn't in the picture, or is too small for the grid.
        """
        node = self._find_or_scroll(node_id, why)
        if not isinstance(node, Node):
            return node
        self.target_ids += [node_id] * count
        return Click(target=self.box(node.rect), button=button, count=count, label=node.label, intent=why)

    def type(
        self, text: str, why: str, *, into: str | None = None, clear: bool = False, enter: bool = False
    ) -> Action:
        """Type where the focus is, or click the field `into` first."""
        if into is None:
            return Type(text=text, clear=clear, enter=enter, intent=why)
        node = self._find_or_scroll(into, why)
        if not isinstance(node, Node):
            return node
        self.target_ids.append(into)
        target = self.box(node.rect)
        return Type(text=text, target=target, clear=clear, enter=enter, label=node.label, intent=why)

    def drag_slider(self, slider: str, value: int, why: str) -> Action:
        """Drag the handle of the slider with this id to a value."""
        node = self._find_or_scroll(f"{slider}/handle", why)
        if not isinstance(node, Node):
            return node
        self.target_ids.append(node.id)
        state = {name: int(number) for name, number in node.state.items()}
        share = (value - state["least"]) / (state["most"] - state["least"])
        x = round(state["start"] + share * (state["stop"] - state["start"]))
        end = self._point(DesktopPoint(x, node.rect.top + node.rect.height // 2))
        return Drag(target=self.box(node.rect), end=end, label=node.label, intent=why)

    def zoom(self, node_id: str, why: str, margin: int = 40) -> Action:
        """Zoom in on a widget and `margin` screen px around it."""
        node = self._find_or_scroll(node_id, why)
        if not isinstance(node, Node):
            return node
        screen, rect = self._view.monitor, node.rect
        left, top = max(screen.left, rect.left - margin), max(screen.top, rect.top - margin)
        right = min(screen.left + screen.width, rect.left + rect.width + margin)
        bottom = min(screen.top + screen.height, rect.top + rect.height + margin)
        return Zoom(
            target=self.box(Rect(left, top, right - left, bottom - top)), label=node.label, intent=why
        )

    def is_in_view(self, node_id: str) -> bool:
        """Whether enough of a widget is in view to be clicked."""
        return isinstance(self._find_or_scroll(node_id, ""), Node)

    def scroll_to(self, node_id: str, why: str) -> Action:
        """Scroll towards a widget; wait 0.2 s if it is in view."""
        node = self._find_or_scroll(node_id, why)
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

    def _find_or_scroll(self, node_id: str, why: str) -> Node | Scroll | Fail:
        """Return a widget that is in view, else the action that scrolls to it or that fails."""
        node, hidden = self.tree.get(node_id), self.tree.hidden(node_id)
        if node is not None and (
            hidden is None or abs(hidden.dy) < (1 - _MIN_VISIBLE_SHARE) * node.rect.height
        ):
            return node
        area = None if hidden is None else self.tree.get(hidden.area)
        if hidden is None or area is None:
            return node or Fail(reason=f"{node_id} is not on the screen")
        notches = math.ceil(abs(hidden.dy) / int(area.state["notch"]))
        dy = int(math.copysign(min(notches, MAX_SCROLL), hidden.dy))
        return Scroll(target=self.box(area.rect), dy=dy, label=area.label, intent=f"scroll: {why}")

    def box(self, rect: Rect) -> ModelBox:
        """Convert a rectangle in screen px to whole numbers of the picture's 0–1000 grid.

        Raises:
            CoordinateError: The rectangle isn't in the picture, or the middle of the box would miss it.
        """
        corner = desktop_to_frame(DesktopPoint(rect.left, rect.top), self._view)
        right = corner.x + rect.width * self._view.scale
        bottom = corner.y + rect.height * self._view.scale
        x1, x2 = _round_inwards(corner.x, right, self._view.width)
        y1, y2 = _round_inwards(corner.y, bottom, self._view.height)
        box = ModelBox.of(x1, y1, x2, y2)
        if model_to_desktop(box.centre, self._view) not in rect:
            raise CoordinateError(f"{rect} is too small for a grid of {GRID} over {self._view}")
        return box

    def _point(self, point: DesktopPoint) -> ModelBox:
        """Return the point of the grid nearest to a screen px."""
        exact = frame_to_model(desktop_to_frame(point, self._view), self._view)
        return ModelBox.at(round(exact.x), round(exact.y))


def _round_inwards(low: float, high: float, size: int) -> tuple[int, int]:
    """Round a span of px inwards to the grid; one too small for that becomes the nearest point."""
    first, last = math.ceil(low * GRID / size), math.floor(high * GRID / size)
    if first >= last:
        first = last = round((low + high) / 2 * GRID / size)
    return max(0, first), min(GRID, last)
