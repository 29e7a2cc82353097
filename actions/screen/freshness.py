"""Look again just before input: is the screen still what the model saw?

A model thinks for seconds, and in that time a dialog opens, a list moves, a toast covers a button.
So the target's surroundings are captured once more and compared, exactly, with the frame that the
model saw. What is expected to move is let be: a blinking caret, a little change beside the target,
and areas that were already moving when the screen settled. Everything else gets a moment to come
back (a hover effect, a block cursor), and then the action is stale: look again, plan again.

Without a target (typing into the focus) the whole screen is compared, and only a change as large as
a dialog counts; whether the focus itself has moved is not for pixels to say. In a dialog every word may
give the button its meaning, so there all of it counts.
"""

from collections.abc import Callable
from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import FrameBox, Rect, frame_box_to_rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.screen.comparison import LIMITS, FreshLimits, watch_dialog, watch_screen, watch_target
from qvl_agent.actions.screen.settle import grab_again

__all__ = ["LIMITS", "FreshLimits", "Freshness", "fresh"]


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether the screen is still what the model saw.

    Attributes:
        ok: whether the input may be sent.
        reason: one sentence for the model if it may not.
        seconds: what it took.
        moving: what kept moving while it was watched; given to the next try, it is let be.
        differing: where it differs, if it isn't.
    """

    ok: bool
    reason: str
    seconds: float
    moving: tuple[FrameBox, ...] = ()
    differing: tuple[FrameBox, ...] = ()


def fresh(
    seen: Frame,
    grab_region: Callable[[Rect], Frame],
    target: FrameBox | None,
    *,
    whole: bool = False,
    stop: Callable[[], bool],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    moving: tuple[FrameBox, ...] = (),
    limits: FreshLimits = LIMITS,
) -> Freshness:
    """Compare the screen with what the model saw.

    Args:
        seen: the frame that the model's answer is about.
        grab_region: captures a rectangle of logical pixels, as it is now.
        target: the box that the input goes to, in pixels of `seen`; None for the focus.
        whole: the target is a dialog, of which every part counts.
        stop: ends the wait for a difference to go away.
        clock: tells monotonic seconds.
        sleep: waits seconds.
        moving: areas of `seen` that aren't expected to stand still.
        limits: what counts as the same.

    Raises:
        CoordinateError: the target isn't inside the frame.
    """
    start = clock()
    if target is None:
        watch = watch_screen(seen, limits)
    else:
        watch = watch_dialog(seen, target) if whole else watch_target(seen, target, limits)
    region = frame_box_to_rect(watch.part, seen.view)
    while True:
        try:
            live = grab_again(lambda: grab_region(region), lambda: sleep(limits.poll_s))
        except DesktopError as error:
            return Freshness(False, f"the screen can't be captured: {error}", clock() - start)
        same_place = watch.see(live, clock())
        seconds = clock() - start
        if not same_place:
            return Freshness(False, "the monitors changed since the picture was taken; look again", seconds)
        if not watch.problem(moving):
            return Freshness(True, "", seconds)
        if stop() or seconds >= limits.wait_s:
            restless = watch.restless(clock() - limits.watch_s)
            problem = watch.problem(moving, restless)
            differing = watch.differing if problem else ()
            return Freshness(not problem, problem, seconds, watch.spots(restless), differing)
        sleep(limits.poll_s)
