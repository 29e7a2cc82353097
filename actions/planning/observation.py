"""The picture that the model saw, and where on the whole screen an action's targets are."""

from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, model_box_to_frame
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout
from qvl_agent.actions.planning.action import POINTING, Action, Drag, Type

__all__ = ["Observation"]


@dataclass(frozen=True, slots=True)
class Observation:
    """The picture that the model saw, and the whole screen that it was part of.

    Attributes:
        seen: the picture whose grid the action's coordinates are on; a crop after a zoom.
        screen: the frame of the whole monitor: `seen` itself, or the frame it was cut from.
        layout: how the windows lay at that moment; None if it isn't known.
    """

    seen: Frame
    screen: Frame
    layout: Layout | None = None

    def box(self, action: Action) -> FrameBox | None:
        """Return the action's target in pixels of `screen`; None if it has none."""
        target = action.target if isinstance(action, (*POINTING, Type)) else None
        return None if target is None else self._on_screen(target)

    def boxes(self, action: Action) -> tuple[FrameBox, ...]:
        """Return every place where the action acts, in pixels of `screen`: a drag has two."""
        first = self.box(action)
        if first is None:
            return ()
        return (first, self._on_screen(action.end)) if isinstance(action, Drag) else (first,)

    def _on_screen(self, target: ModelBox) -> FrameBox:
        box = model_box_to_frame(target, self.seen.view)
        dx, dy = self.seen.origin.x - self.screen.origin.x, self.seen.origin.y - self.screen.origin.y
        return FrameBox(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy)
