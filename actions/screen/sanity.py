"""Check that a capture can be a screen that somebody works at: not blank, and as large as at the start.

A display that is off, locked by a blank screen saver or protected from capture gives frames of one colour.
So does an empty virtual display; therefore only a screen that turned blank during a run ends or pauses it. A
lock screen with a picture on it can't be told from an application by its pixels; it isn't looked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame

__all__ = ["WAIT_S", "Sanity", "Sound", "one_colour"]

WAIT_S: Final = 2.0
"""Seconds that a screen may stay blank, as during a mode change or a fade between two windows."""
_POLL_S: Final = 0.1
_COARSE: Final = 16
"""The first comparison takes one pixel in this many on each axis, which is enough for most screens."""
_REMEDY: Final = (
    "If that isn't how it should be, wake and unlock it, keep it from turning off during a run, and see "
    "whether it may be captured with: qvl-agent doctor"
)


@dataclass(frozen=True, slots=True)
class Sound:
    """A frame to work with.

    Attributes:
        frame: the frame that was given, or a later one if that was blank.
        warning: a sentence for the person, if the first screen of a run is blank; "" otherwise.
    """

    frame: Frame
    warning: str = ""


def one_colour(frame: Frame) -> str:
    """Return the colour that every pixel of a frame has, as "#rrggbb"; "" if they differ."""
    first = frame.pixels[0, 0]
    if (frame.pixels[::_COARSE, ::_COARSE] != first).any() or (frame.pixels != first).any():
        return ""
    red, green, blue = first.tolist()
    return f"#{red:02x}{green:02x}{blue:02x}"


class Sanity:
    """Checks each whole screen of one run."""

    def __init__(
        self,
        grab: Callable[[], Frame],
        *,
        stop: Callable[[], bool],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        may_be_blank: bool = False,
    ) -> None:
        """Store the functions that a repeated look needs.

        Args:
            grab: captures the screen.
            stop: returns True to end a wait at once.
            clock: returns monotonic seconds.
            sleep: waits for a number of seconds.
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
        """Check a whole screen before the model sees it; a blank one is captured again for up to `WAIT_S`.

        Raises:
            DesktopError: the screen turned blank and stayed so (the message has the remedy), or has another
                size than before.
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
