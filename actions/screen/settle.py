"""Wait until the screen is quiet after input, and no longer.

Nobody can know whether an application is going to react at all. So there is a time for the first reaction,
and then the screen counts as quiet once nothing has changed for a moment. A reaction that comes later is not
waited for; the freshness check finds later changes before input.

Where the display tells when something is drawn (`Damage`), that is waited for, and the screen is captured
only then and once more at the end; elsewhere it is captured again and again. Captures alone say what has
changed. If one shows a change that wasn't told, the display doesn't tell all, and the screen is polled.

What moves by itself is no reaction: what is known to, a blinking caret, and a change no larger than a clock
away from where the input went. A reaction may come in parts, and an application may be held up by its work;
so one that can be asked whether it still handles its events is waited for.

A screen that never becomes quiet must be usable too. Once everything else is quiet, a small area that
keeps moving (a spinner, a clock, a small video) is ignored after a soft limit; after a longer one if it
is near the target, where it more likely means "not ready".
"""

from collections.abc import Callable
from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.screen.changes import Mask, compare
from qvl_agent.actions.screen.damage import Damage, Told
from qvl_agent.actions.screen.watch import LIMITS, SettleLimits, Watch

__all__ = ["Settled", "grab_again", "settle"]


@dataclass(frozen=True, slots=True)
class Settled:
    """The screen after input.

    Attributes:
        frame: the last capture.
        change: how it differs from the screen before the input.
        quiet: False if the screen still changed at the hard limit, or the person stopped the run.
        seconds, polls: how long it took, and how many captures.
        moving: areas that were still moving, in frame pixels; the freshness check ignores them.
    """

    frame: Frame
    change: Change
    quiet: bool
    seconds: float
    polls: int
    moving: tuple[FrameBox, ...] = ()


def settle(
    grab: Callable[[], Frame],
    before: Frame,
    *,
    target: FrameBox | None,
    stop: Callable[[], bool],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    limits: SettleLimits = LIMITS,
    own: Mask | None = None,
    damage: Damage | None = None,
    base: Frame | None = None,
    told_before: int | None = None,
) -> Settled:
    """Wait until the screen is quiet.

    Args:
        grab: captures what `before` shows, as it is now.
        before: the screen before the input.
        target: where the input went, in pixels of `before`; None if nowhere in particular.
        stop: returns True to end the wait at once, with `quiet` False unless the screen is quiet by then.
        clock: returns monotonic seconds.
        sleep: waits for a number of seconds.
        limits: the times of waiting.
        own: the cells of `before` that are known to move by themselves, of shape (rows, columns).
        damage: tells when something is drawn; None if nothing does.
        base: the screen just before the input, if something was drawn since `before`.
        told_before: `damage.told` just before the input; None if it isn't known.

    Raises:
        DesktopError: two captures in a row failed.
    """
    start = clock()
    watch = Watch(base or before, target, limits, own)
    told = None if damage is None else Told(damage, watch, limits, lambda: clock() - start, told_before)
    frame = before
    while True:
        if told is not None and not told.pause(stop):
            told = None
        if told is None and not stop():
            sleep(watch.pause(clock() - start))
        if told is None or told.due:
            frame = grab_again(grab, lambda: sleep(limits.poll_s))
            if told is None:
                watch.see(frame, clock() - start)
            elif not told.see(frame, clock() - start):
                told = None
        elapsed = clock() - start
        still, bearable = watch.still(elapsed), watch.bearable(elapsed)
        if (still or bearable) and told is not None and told.unfinished(elapsed):
            still = bearable = False
        if still or bearable or elapsed >= limits.hard_s or stop():
            change = compare(before, frame, target)
            moving = () if still else watch.moving()
            return Settled(frame, change, still or bearable, elapsed, watch.polls, moving)


def grab_again(grab: Callable[[], Frame], pause: Callable[[], None]) -> Frame:
    """Capture the screen, with a second try after a pause: during a change of its mode a capture fails.

    Raises:
        DesktopError: both tries failed.
    """
    try:
        return grab()
    except DesktopError:
        pause()
        return grab()
