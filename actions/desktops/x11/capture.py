"""Capture pixels from an X server, by mss's XCB backend.

mss's older Xlib backend ends the whole process when the server dies; XCB raises an exception.
"""

import mss
import numpy as np
from mss.exception import ScreenShotError

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, NoScreenError
from qvl_agent.actions.core.frame import Pixels

__all__ = ["Capture"]


class Capture:
    """Captures the screen by one mss instance, which is made anew when the screen's size has changed."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._mss = self._open()

    def _open(self) -> mss.MSS:
        try:
            return mss.MSS(backend="xshmgetimage", display=self._name)
        except (ScreenShotError, OSError) as error:
            if "not found" in str(error):
                packages = "libxcb1 libxcb-randr0 libxcb-render0 libxcb-shm0 libxcb-xfixes0"
                raise NoScreenError(
                    f"capturing needs a library: {error}; sudo apt install {packages}"
                ) from None
            raise NoScreenError(f"the screen {self._name} can't be captured: {error}") from None

    def grab(self, region: Rect) -> Pixels:
        """Read a rectangle of the screen as RGB of shape (height, width, 3), a view on mss's BGRA buffer.

        Raises:
            DesktopError: the server is gone, or the rectangle isn't on the screen.
        """
        try:
            return self._read(region)
        except ScreenShotError:
            # After a change of resolution the buffer is too small, or the rectangle stale.
            self._mss.close()
            self._mss = self._open()
        try:
            return self._read(region)
        except ScreenShotError as error:
            raise DesktopError(f"{region} of the screen {self._name} can't be captured: {error}") from None

    def _read(self, region: Rect) -> Pixels:
        shot = self._mss.grab(
            {"left": region.left, "top": region.top, "width": region.width, "height": region.height}
        )
        bgra = np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4)
        return bgra[..., 2::-1]

    def close(self) -> None:
        self._mss.close()
