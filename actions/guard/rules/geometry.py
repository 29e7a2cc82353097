"""Rules about places: input goes where the model pointed, on the captured monitor, and nowhere forbidden."""

from collections.abc import Iterator

from qvl_agent.actions.core.coordinates import (
    DesktopPoint,
    FramePoint,
    ModelBox,
    Rect,
    View,
    frame_to_desktop,
    model_box_to_frame,
)
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.outcome import Verdict
from qvl_agent.actions.guard.rules import Case, deny
from qvl_agent.actions.planning.action import Click, Drag, Move, Scroll, Type
from qvl_agent.actions.planning.events import ButtonEvent, MoveEvent, Plan, WheelEvent

__all__ = ["in_target", "off_limits", "on_monitor", "points_first"]


def on_monitor(case: Case) -> Verdict | None:
    """Refuse input if the captured monitor is gone, or a point isn't on it."""
    monitor, moves = case.scene.view.monitor, _moves(case.plan)
    if case.plan and monitor not in case.scene.geometry.monitors:
        return deny("geometry", "the captured monitor is gone or has changed since; look again")
    for point in moves:
        if point not in monitor or point not in case.scene.geometry:
            return deny("geometry", f"the point {_said(point)} isn't on the captured monitor")
    return None


def points_first(case: Case) -> Verdict | None:
    """Refuse a button or the wheel before the plan moves the pointer: a target is never "where it is now"."""
    for event in case.plan:
        if isinstance(event, MoveEvent):
            return None
        if isinstance(event, ButtonEvent | WheelEvent):
            return deny("no-target", "a click, drag or scroll needs a target; say where it should go")
    return None


def in_target(case: Case) -> Verdict | None:
    """Refuse a point that isn't inside its target's box; a drag's second point belongs to its end."""
    match case.action:
        case Drag(target=target, end=end):
            targets = [target, end]
        case Scroll(target=None):
            return None  # it goes to where the pointer or the focus is, as `plan_follows` checks
        case Click(target=target) | Move(target=target) | Scroll(target=ModelBox() as target):
            targets = [target]
        case Type(target=target) if target is not None:
            targets = [target]
        case _:
            targets = []
    points = _moves(case.plan)
    if len(points) != len(targets):
        return deny("geometry", f"{len(points)} points don't fit {len(targets)} targets")
    for point, target in zip(points, targets, strict=True):
        try:
            reached = _covers(target, point, case.scene.view)
        except CoordinateError as error:
            return deny("geometry", f"the target can't be mapped to the desktop: {error}")
        if not reached:
            return deny("geometry", f"the point {_said(point)} isn't inside the target's box")
    return None


def _covers(target: ModelBox, point: DesktopPoint, view: View) -> bool:
    box = model_box_to_frame(target, view)
    first = frame_to_desktop(FramePoint(box.left, box.top), view)
    last = frame_to_desktop(FramePoint(box.right - 1, box.bottom - 1), view)
    return first.x <= point.x <= last.x and first.y <= point.y <= last.y


def off_limits(case: Case) -> Verdict | None:
    """Refuse points in forbidden regions and in our own windows, and drags that cross them."""
    for first, last in _reached(case.plan):
        for region in case.policy.forbidden:
            if _crosses(first, last, region):
                return deny("forbidden-region", f"{_way(first, last)} touches a region that you forbade")
        for region in case.scene.off_limits:
            if _crosses(first, last, region):
                reason = f"{_way(first, last)} touches this agent's own window or terminal"
                return deny("off-limits", reason)
    return None


def _reached(plan: Plan) -> Iterator[tuple[DesktopPoint, DesktopPoint]]:
    """List the pointer's ways as (start, end): with no button down, only each end, as a way of no length."""
    here: DesktopPoint | None = None
    down = 0
    for event in plan:
        if isinstance(event, ButtonEvent):
            down += 1 if event.down else -1
        elif isinstance(event, MoveEvent):
            yield (here if here is not None and down else event.point), event.point
            here = event.point


def _crosses(first: DesktopPoint, last: DesktopPoint, region: Rect) -> bool:
    """Return whether a straight way touches a region or the pixels around it, as pointers round."""
    low, high = 0.0, 1.0
    for start, end, least, size in (
        (first.x, last.x, region.left, region.width),
        (first.y, last.y, region.top, region.height),
    ):
        length = end - start
        edges = (least - 1 - start, least + size - start) if length else (0, 0)
        if not length and not least <= start < least + size:
            return False
        if length:
            enter, leave = sorted(edge / length for edge in edges)
            low, high = max(low, enter), min(high, leave)
    return low <= high


def _moves(plan: Plan) -> list[DesktopPoint]:
    return [event.point for event in plan if isinstance(event, MoveEvent)]


def _said(point: DesktopPoint) -> str:
    return f"({point.x}, {point.y})"


def _way(first: DesktopPoint, last: DesktopPoint) -> str:
    return f"the point {_said(last)}" if first == last else f"the drag from {_said(first)} to {_said(last)}"
