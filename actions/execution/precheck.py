"""The look just before input: are the windows and the pixels still what the model saw and the guard judged?

Pixels can't tell everything: a window in the colour of the one below, one that can't be seen at all, or the
focus. So how the windows lie is compared as well, with when the model's picture was taken; and with when the
guard judged, as nobody's window may pass by being elsewhere just then.
"""

from collections.abc import Callable
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, desktop_to_frame
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.events import TYPED, ButtonEvent, MoveEvent, Plan
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.freshness import Freshness, fresh

__all__ = ["Precheck"]

_LARGEST_DIALOG: Final = 0.4
"""A share of the screen: what is larger is a window to work in, and lives."""
_A_WHILE_S: Final = 0.05
_TOLD: Final = 2
"""How often a spot in a dialog may stop an action before it is taken for one that moves by itself."""


class Precheck:
    """Compares, for one run.

    Attributes:
        moving: areas of the screen that aren't expected to stand still.
    """

    def __init__(
        self, desktop: Desktop, *, stop: StopCheck, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self.moving: tuple[FrameBox, ...] = ()
        self._desktop = desktop
        self._stop, self._clock, self._sleep = stop, clock, sleep
        self._doubts: list[tuple[FrameBox, ...]] = []

    def changed(self, action: Action, plan: Plan, scene: Scene, observation: Observation) -> str:
        """Say what isn't any more as it was when the model looked and the guard judged; "" if all is.

        Pixels come last, as they tell most; where they took a while, the windows are looked at again.
        """
        start = self._clock()
        found = (
            self._windows(plan, scene, observation)
            or self._dialogs(scene, observation)
            or self.pixels(action, observation)
        )
        if found or self._clock() - start < _A_WHILE_S:
            return found
        return self._windows(plan, scene, observation)

    def pixels(self, action: Action, observation: Observation) -> str:
        """Say how the screen differs from what the model saw, where the action goes; "" if it doesn't."""
        for box in observation.boxes(action) or (None,):
            checked = self._fresh(observation.screen, box, self.moving)
            self.moving += checked.moving
            if not checked.ok:
                return checked.reason
        return ""

    def _fresh(
        self, screen: Frame, box: FrameBox | None, moving: tuple[FrameBox, ...], *, whole: bool = False
    ) -> Freshness:
        return fresh(
            screen,
            self._desktop.grab,
            box,
            whole=whole,
            stop=self._stop,
            clock=self._clock,
            sleep=self._sleep,
            moving=moving,
        )

    def _dialogs(self, scene: Scene, observation: Observation) -> str:
        """A dialog's button means what the dialog says: so all of it must be what the model saw."""
        for window in dict.fromkeys(scene.windows):
            box = _dialog_box(window, observation.screen)
            if box is None:
                continue
            checked = self._fresh(observation.screen, box, self.moving + self._doubtful(), whole=True)
            self.moving += checked.moving
            if not checked.ok:
                self._doubts.append(checked.differing)
                return checked.reason
        return ""

    def _doubtful(self) -> tuple[FrameBox, ...]:
        """What stopped actions before, each time, moves by itself: a clock, say."""
        last = self._doubts[-_TOLD:]
        if len(last) < _TOLD:
            return ()
        return tuple(box for box in last[0] if all(any(box.meets(one) for one in each) for each in last[1:]))

    def _windows(self, plan: Plan, scene: Scene, observation: Observation) -> str:
        now = self._desktop.layout() if observation.layout is not None else None
        if (
            observation.layout is not None
            and now is not None
            and (moved := _relaid(plan, observation.layout, now))
        ):
            return moved
        points = [event.point for event in plan if isinstance(event, MoveEvent)]
        pairs = list(zip(scene.windows, map(self._desktop.window_at, points), strict=True))
        if any(isinstance(event, TYPED) for event in plan):
            pairs.append((scene.focused, self._desktop.focused()))
        return next((said for was, found in pairs if (said := _replaced(was, found))), "")


def _relaid(plan: Plan, was: Layout, now: Layout) -> str:
    """Say if another window is where the plan points, or has the keys, than when the model looked."""
    clicked = False
    for event in plan:
        if isinstance(event, MoveEvent) and was.at(event.point) != now.at(event.point):
            return "another window came where the action points; look again"
        if isinstance(event, TYPED) and not clicked and not was.focus & now.focus:
            return "the keys would go to another window than before; look again"
        clicked = clicked or isinstance(event, ButtonEvent)
    return ""


def _replaced(was: WindowInfo | None, found: WindowInfo | None) -> str:
    """Say if a window isn't the one judged: another program's, or gone, or new."""
    if was is None or found is None:
        return "" if was is found else "a window came or went where the action goes; look again"
    if (was.app, was.program) == (found.app, found.program):
        return ""
    return f"another window came in between: {found.called} is where {was.called} was"


def _dialog_box(window: WindowInfo | None, screen: Frame) -> FrameBox | None:
    """Find a dialog's inside in the screen's pixels; None if it is none, or none that is all there."""
    if window is None or window.dialog is None:
        return None
    rect = window.dialog
    try:
        first = desktop_to_frame(DesktopPoint(rect.left, rect.top), screen.view)
        end = DesktopPoint(rect.left + rect.width - 1, rect.top + rect.height - 1)
        last = desktop_to_frame(end, screen.view)
    except CoordinateError:
        return None
    box = FrameBox(first.x, first.y, last.x + 1, last.y + 1)
    width, height = screen.size
    return box if box.width * box.height <= _LARGEST_DIALOG * width * height else None
