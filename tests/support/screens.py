"""Screens made of numpy, laid out in memory as a capture is, and a clock that only sleeping moves."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import Desktop

WIDTH, HEIGHT = 1280, 720
MONITOR = Rect(0, 0, WIDTH, HEIGHT)
Bytes = npt.NDArray[np.uint8]


def blank(width: int = WIDTH, height: int = HEIGHT) -> Bytes:
    """A BGRA buffer of noise, the same each time."""
    return np.random.default_rng(7).integers(0, 256, (height, width, 4), dtype=np.uint8)


def with_box(base: Bytes, box: FrameBox, shade: int = 1) -> Bytes:
    """The same with every colour in a box changed."""
    changed = base.copy()
    changed[box.top : box.bottom, box.left : box.right, :3] += np.uint8(shade)
    return changed


def frame(buffer: Bytes, monitor: Rect = MONITOR, scale: float = 1.0) -> Frame:
    """A frame as X11 gives it: an RGB view on a BGRA buffer."""
    raw = np.frombuffer(bytearray(buffer.tobytes()), np.uint8)
    return Frame(raw.reshape(buffer.shape)[..., 2::-1], monitor, scale)


class Script:
    """A screen that is a function of the time since the start; sleeping and capturing move the clock."""

    def __init__(self, screen: Callable[[float], Bytes | None], grab_s: float = 0.002) -> None:
        self.now = 100.0
        self._screen = screen
        self._grab_s = grab_s
        self.grabs = 0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(seconds)
        self.now += seconds

    def grab(self) -> Frame:
        self.grabs += 1
        self.now += self._grab_s
        buffer = self._screen(self.now - 100.0)
        if buffer is None:
            raise DesktopError("the grab failed")
        height, width = buffer.shape[:2]
        return frame(buffer, MONITOR if (width, height) == (WIDTH, HEIGHT) else Rect(0, 0, width, height))

    def grab_region(self, region: Rect) -> Frame:
        return self.grab().crop(
            FrameBox(region.left, region.top, region.left + region.width, region.top + region.height)
        )


def settled(desktop: Desktop, limit_s: float = 5.0) -> Frame:
    """Wait until two captures in a row are the same: a window and its frame are drawn one after the other."""
    deadline, last = time.monotonic() + limit_s, desktop.grab()
    while time.monotonic() < deadline:
        time.sleep(0.1)
        last, before = desktop.grab(), last
        if np.array_equal(last.pixels, before.pixels):
            break
    return last
