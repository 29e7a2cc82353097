"""Check just before input that windows and pixels are still those that the model saw and the guard judged.

Pixels don't show everything: a window in the colour of the one below, one that can't be seen at all, or the
focus. So the windows are compared as well: their layout with that at the time of the model's picture, and
the windows that the input goes to with those that the guard judged. A window that was elsewhere when the
guard judged must not get the input.
"""

from collections.abc import Callable
from typing import Final

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, desktop_to_frame
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.execution.rereading import Rereading
from qvl_agent.actions.guard.scene import Scene
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.events import TYPED, ButtonEvent, MoveEvent, Plan
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.target_text import Reader
from qvl_agent.actions.screen.freshness import Freshness, fresh
from qvl_agent.actions.screen.motion import Motion, next_to

__all__ = ["Precheck"]

_LARGEST_DIALOG: Final = 0.4
"""The largest share of the screen for a dialog; a larger one is a window to work in, and may change."""
SAYS_ELSE: Final = "what keeps moving where the action points says something else now; look again"
_LONG_CHECK_S: Final = 0.05
_STOPS_BEFORE_IGNORED: Final = 2
"""The number of times that a spot in a dialog stops an action before it is taken to move by itself."""


class Precheck:
    """Makes the check before each input of one run.

    Attributes:
        moving: areas of the screen, in its pixels, whose changes are ignored.
    """

    def __init__(
        self,
        desktop: Desktop,
        reader: Reader | None = None,
        *,
        motion: Motion | None = None,
        stop: StopCheck,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.moving: tuple[FrameBox, ...] = ()
        self._desktop = desktop
        self._stop, self._clock, self._sleep = stop, clock, sleep
        self._motion = motion or Motion()
        self._rereading = Rereading(desktop, reader, stop=stop, clock=clock, sleep=sleep)
        self._dialog_changes: list[tuple[FrameBox, ...]] = []

    def changed(self, action: Action, plan: Plan, scene: Scene, observation: Observation) -> str:
        """Return what has changed since the model looked and the guard judged, as a sentence; "" if nothing.

        Pixels are compared last, as they show most; if that took a while, the windows are compared again.
        """
        start = self._clock()
        found = (
            self._windows(plan, scene, observation)
            or self._dialogs(scene, observation)
            or self.pixels(action, observation)
        )
        if found or self._clock() - start < _LONG_CHECK_S:
            return found
        return self._windows(plan, scene, observation)

    def pixels(self, action: Action, observation: Observation) -> str:
        """Return how the action's place differs from what the model saw, as a sentence; "" if it doesn't."""
        for box in observation.boxes(action) or (None,):
            checked = self._fresh(observation.screen, box, self.moving + self._moving_beside(box))
            self.moving += checked.moving
            if box is not None and checked.excused:
                if not self._rereading.says_the_same(observation.screen, box):
                    return SAYS_ELSE
            elif not checked.ok and not (box and self._rereading.counts_on(observation.screen, box)):
                return checked.reason
        return ""

    def _moving_beside(self, box: FrameBox | None) -> tuple[FrameBox, ...]:
        """Return what moves by itself, but not where the target is."""
        return tuple(moving for moving in self._motion.boxes if box is None or not next_to(moving, (box,)))

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
        """Compare whole dialogs, since a button's meaning depends on all of its dialog's text."""
        for window in dict.fromkeys(scene.windows):
            box = _dialog_box(window, observation.screen)
            if box is None:
                continue
            checked = self._fresh(observation.screen, box, self.moving + self._moving_spots(), whole=True)
            self.moving += checked.moving
            if checked.excused:
                if not self._rereading.says_the_same(observation.screen, box, whole=True):
                    return SAYS_ELSE
            elif not checked.ok and not self._rereading.counts_on(observation.screen, box, whole=True):
                self._dialog_changes.append(checked.differing)
                return checked.reason
        return ""

    def _moving_spots(self) -> tuple[FrameBox, ...]:
        """Return the spots that stopped each of the last actions; they move by themselves, like a clock."""
        last = self._dialog_changes[-_STOPS_BEFORE_IGNORED:]
        if len(last) < _STOPS_BEFORE_IGNORED:
            return ()
        return tuple(box for box in last[0] if all(any(box.meets(one) for one in each) for each in last[1:]))

    def _windows(self, plan: Plan, scene: Scene, observation: Observation) -> str:
        now = self._desktop.layout() if observation.layout is not None else None
        if (
            observation.layout is not None
            and now is not None
            and (moved := _layout_change(plan, observation.layout, now))
        ):
            return moved
        points = [event.point for event in plan if isinstance(event, MoveEvent)]
        pairs = list(zip(scene.windows, map(self._desktop.window_at, points), strict=True))
        if any(isinstance(event, TYPED) for event in plan):
            pairs.append((scene.focused, self._desktop.focused()))
        return next((said for was, found in pairs if (said := _window_change(was, found))), "")


def _layout_change(plan: Plan, was: Layout, now: Layout) -> str:
    """Return a sentence if another window than before is where the plan points, or gets the keys; else ""."""
    clicked = False
    for event in plan:
        if isinstance(event, MoveEvent) and was.at(event.point) != now.at(event.point):
            return "another window came where the action points; look again"
        if isinstance(event, TYPED) and not clicked and not was.focus & now.focus:
            return "the keys would go to another window than before; look again"
        clicked = clicked or isinstance(event, ButtonEvent)
    return ""


def _window_change(was: WindowInfo | None, found: WindowInfo | None) -> str:
    """Return a sentence if a window isn't the one judged, but another program's, gone or new; "" if it is."""
    if was is None or found is None:
        return "" if was is found else "a window came or went where the action goes; look again"
    if (was.app, was.program) == (found.app, found.program):
        return ""
    return f"another window came in between: {found.called} is where {was.called} was"


def _dialog_box(window: WindowInfo | None, screen: Frame) -> FrameBox | None:
    """Return a dialog's content in the screen's pixels.

    Returns:
        None if the window is no dialog, isn't wholly on the screen, or is larger than `_LARGEST_DIALOG`.
    """
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
