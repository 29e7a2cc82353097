"""What is painted over in a picture: our own windows, in whatever part of the screen is captured."""

import numpy as np
import pytest

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.desktops.windows import GREY, OwnCover

OURS = Rect(100, 50, 30, 20)


@pytest.mark.parametrize(
    ("area", "grey"),
    [
        (Rect(0, 0, 200, 100), 30 * 20),
        (Rect(100, 50, 30, 20), 30 * 20),
        (Rect(110, 60, 100, 100), 20 * 10),
        (Rect(50, 0, 60, 60), 10 * 10),
        (Rect(0, 0, 100, 100), 0),
        (Rect(130, 70, 20, 20), 0),
    ],
)
def test_what_is_ours_of_an_area_is_grey(area: Rect, grey: int) -> None:
    pixels = np.zeros((area.height, area.width, 3), np.uint8)
    OwnCover(lambda: (OURS,)).paint(pixels, area)
    assert (pixels == GREY).all(axis=2).sum() == grey
    assert (pixels != 0).any(axis=2).sum() == grey
