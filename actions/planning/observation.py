"""What the model saw, and where on the whole screen its targets are."""

from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, model_box_to_frame
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.planning.action import POINTING, Action, Drag, Type

__all__ = ["Observation"]


@dataclass(frozen=True, slots=True)
class Observation:
    """What the model saw, and the whole screen it was part of.

    Attributes:
        seen: the picture that the action's coordinates are over; a crop after a zoom.
        screen: the monitor's frame that `seen` is, or was cut from.
        layout: how the windows lay then; None if nobody knows.
    """

    seen: Frame
    screen: Frame
    layout: Layout | None = None

    def box(self, action: Action) -> FrameBox | None:
        """Find the action's target in the screen's pixels; None if it has none."""
        target = action.target if isinstance(action, (*POINTING, Type)) else None
        return None if target is None else self._on_screen(target)

    def boxes(self, action: Action) -> tuple[FrameBox, ...]:
        """Find every place where the action does something: a drag has two."""
        first = self.box(action)
        if first is None:
            return ()
        return (first, self._on_screen(action.end)) if isinstance(action, Drag) else (first,)

    def _on_screen(self, target: ModelBox) -> FrameBox:
        box = model_box_to_frame(target, self.seen.view)
        dx, dy = self.seen.origin.x - self.screen.origin.x, self.seen.origin.y - self.screen.origin.y
        return FrameBox(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)
