"""Whether a capture can be a screen that somebody works at: not blank, and as large as at the start.

A display that is off, locked by a blank screen saver, or not to be captured gives frames of one colour. So
does an empty virtual display, which is why only a screen that went blank ends or pauses a run. A lock
screen with a picture on it can't be told from an application by its pixels; it isn't looked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame

__all__ = ["WAIT_S", "Sanity", "Sound", "one_colour"]

WAIT_S: Final = 2.0
"""How long a screen that went blank may take to come back: a mode change, a fade between two windows."""
_POLL_S: Final = 0.1
_COARSE: Final = 16
"""Every so many pixels are compared first: most screens end the search there."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A frame to work with.

    Attributes:
        frame: the one that was given, or a later one if that was blank.
        warning: what the person should know, said once for each thing; "" for nothing.
    """

    frame: Frame
    warning: str = ""


def one_colour(frame: Frame) -> str:
    """Give the colour, as "#rrggbb", that every pixel of a frame has; "" if they differ."""
    first = frame.pixels[0, 0]
    if (frame.pixels[::_COARSE, ::_COARSE] != first).any() or (frame.pixels != first).any():
        return ""
    red, green, blue = first.tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


class Sanity:
    """Follows the screens of one run."""

    def __init__(
        self,
        grab: Callable[[], Frame],
        *,
        stop: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        may_be_blank: bool = False,
    ) -> None:
        """Take what a second look needs.

        Args:
            grab: captures the screen.
            stop: ends a wait at once.
            clock: tells monotonic seconds.
            sleep: waits seconds.
            may_be_blank: nobody locks this display, and it may have an empty background.
        """
        self._grab = grab
        self._stop = stop
        self._clock = clock
        self._sleep = sleep
        self._may_be_blank = may_be_blank
        self._size: tuple[int, int] | None = None
        self._had_picture = False

    def check(self, frame: Frame) -> Sound:
        """Look at a whole screen before the model does; a blank one is looked at again for a while.

        Raises:
            DesktopError: it went blank and stayed so (the remedy is in it), or has another size than before.
        """
        colour = one_colour(frame)
        if colour and self._had_picture and not self._may_be_blank:
            frame = self._wait_for_picture(frame)
            colour = one_colour(frame)
        before, self._size = self._size, frame.size
        self._had_picture = self._had_picture or not colour
        if before is None and colour and not self._may_be_blank:
            return Sound(frame, f"the screen is empty: all of it is {colour}. {_REMEDY}")
        if before is not None and before != frame.size:
            width, height = frame.size
            raise DesktopError(f"the screen is {width}x{height} now; it was {before[0]}x{before[1]}")
        return Sound(frame)

    def _wait_for_picture(self, frame: Frame) -> Frame:
        end = self._clock() + WAIT_S
        while (colour := one_colour(frame)) and not self._stop():
            if self._clock() >= end:
                raise DesktopError(
                    f"the screen went blank: all of it has been {colour} for {WAIT_S:g} s. {_REMEDY}"
                )
            self._sleep(_POLL_S)
            frame = self._grab()
        return frame


_REMEDY: Final = (
    "If that isn't how it should be, wake and unlock it, keep it from turning off during a run, and see "
    "whether it may be captured with: qvl-agent doctor"
)
