"""Find a target by a picture of it that lies beside the flow: an icon, a logo."""

import time
from collections.abc import Sequence
from typing import Final

import lazy_loader
import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.agent.flows.finding.wanted import Candidate, Clue, Finding, Place

cv2 = lazy_loader.load("cv2")
"""OpenCV, loaded when it is first used."""

__all__ = ["find_image"]

_SURE: Final = 0.97
"""The least correlation of a place with the picture."""
_OTHER: Final = 0.85
"""Another place with so much may be it too."""
_MOST_OFF: Final = 14.0
"""The most mean difference in the channels, of 255: correlation doesn't see that something is greyed out."""
_MOST_SEEN: Final = 5


def find_image(image: Pixels, place: Place) -> Finding:
    """Return where a picture is in a window that the flow names, if it is there once.

    Args:
        image: RGB of shape (height, width, 3), at the screen's scale.
        place: where to look.
    """
    began = time.monotonic()
    window = place.window
    pixels = place.frame.pixels[window.top : window.bottom, window.left : window.right]
    height, width = image.shape[:2]
    if height > pixels.shape[0] or width > pixels.shape[1] or min(height, width) < 8:
        return Finding(None, "the picture is larger than the window, or smaller than 8 pixels", absent=True)
    found = tuple(_candidates(image, np.ascontiguousarray(pixels), place))
    seconds = time.monotonic() - began
    sure = [each for each in found if each.clues[0].says]
    if len(found) > 1 and (len(sure) != 1 or found[1].clues[0].score >= _OTHER):
        return Finding(
            None, f"{len(found)} places look like it", ambiguous=True, candidates=found, seconds=seconds
        )
    if len(sure) != 1:
        why = found[0].clues[0].why if found else "nothing looks like it"
        return Finding(None, why, absent=True, candidates=found, seconds=seconds)
    if not place.named:
        return Finding(
            None,
            "its looks alone don't tell which window it is in; give the flow an app or a window",
            candidates=found,
            seconds=seconds,
        )
    box = sure[0].box
    if any(box.meets(over) for over in place.covered):
        return Finding(
            None, "it is covered by another window", absent=True, candidates=found, seconds=seconds
        )
    return Finding(box, candidates=found, seconds=seconds)


def _candidates(image: Pixels, pixels: Pixels, place: Place) -> Sequence[Candidate]:
    """Return the places that look most like the picture, the likeliest first; none that is hardly like it."""
    height, width = image.shape[:2]
    scores = cv2.matchTemplate(pixels, np.ascontiguousarray(image), cv2.TM_CCOEFF_NORMED)
    scores = np.nan_to_num(scores, posinf=0.0, neginf=0.0)
    seen: list[Candidate] = []
    while len(seen) < _MOST_SEEN:
        _, best, _, (left, top) = cv2.minMaxLoc(scores)
        if best < _OTHER:
            break
        part = pixels[top : top + height, left : left + width]
        off = float(np.abs(part.astype(np.int16) - image.astype(np.int16)).mean())
        says = best >= _SURE and off <= _MOST_OFF
        why = f"it looks like it ({best:.3f}, {off:.0f} off)"
        x, y = left + place.window.left, top + place.window.top
        seen.append(
            Candidate(FrameBox(x, y, x + width, y + height), (Clue("looks", says or None, best, why),))
        )
        scores[
            max(0, top - height // 2) : top + height // 2 + 1,
            max(0, left - width // 2) : left + width // 2 + 1,
        ] = 0
    return seen
