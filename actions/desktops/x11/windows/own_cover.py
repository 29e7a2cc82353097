"""Our own terminal, painted over in every picture.

It shows each step and each question as they come. A model that saw that would read its own words as if
somebody had said them; and what is drawn there is no change of the screen that anybody has to look at.
"""

import time
from collections.abc import Callable
from typing import Final

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Pixels

__all__ = ["GREY", "OwnCover"]

GREY: Final = 128
_SEEN_S: Final = 0.1
_NONE_S: Final = 0.5
"""How long it is taken for granted that none of our windows is to be seen; to ask takes some milliseconds."""


class OwnCover:
    """Knows where our own windows are, and paints over them."""

    def __init__(self, find: Callable[[], tuple[Rect, ...]]) -> None:
        """Take what finds the visible parts of our windows, in pixels of the root window."""
        self._find = find
        self._regions: tuple[Rect, ...] = ()
        self._until = 0.0

    def paint(self, pixels: Pixels, area: Rect) -> None:
        """Paint over what of `area` is ours; `pixels` are of it, and may be written to."""
        now = time.monotonic()
        if now >= self._until:
            self._regions = self._find()
            self._until = now + (_SEEN_S if self._regions else _NONE_S)
        for region in self._regions:
            left, top = max(region.left - area.left, 0), max(region.top - area.top, 0)
            right = min(region.left + region.width - area.left, area.width)
            bottom = min(region.top + region.height - area.top, area.height)
            if left < right and top < bottom:
                pixels[top:bottom, left:right] = GREY
