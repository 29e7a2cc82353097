"""What the training never sees: how much of what the seeds draw it is."""

from dataclasses import replace

import pytest

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.sandbox.apps import APPS
from qvl_agent.sandbox.apps.appearance import THEMES, Appearance
from qvl_agent.sandbox.nano import SCREEN
from qvl_agent.sandbox.nano.making.data.held_out import FONT_PX, THEME, held_out

PLAIN = Appearance("en", THEMES[0], "DejaVu Sans", 13, Rect(240, 140, 800, 540))


@pytest.mark.parametrize(
    ("appearance", "kinds"),
    [
        (PLAIN, ()),
        (replace(PLAIN, theme=next(theme for theme in THEMES if theme.name == THEME)), ("theme",)),
        (replace(PLAIN, font_px=FONT_PX), ("font size",)),
        (replace(PLAIN, window=Rect(20, 220, 800, 540)), ("position",)),
        (replace(PLAIN, window=Rect(20, 40, 800, 540)), ()),
        (replace(PLAIN, window=Rect(460, 220, 800, 540)), ()),
        (replace(PLAIN, font_px=FONT_PX, window=Rect(20, 220, 800, 540)), ("font size", "position")),
    ],
)
def test_each_part_of_a_look_is_held_out_by_itself(appearance: Appearance, kinds: tuple[str, ...]) -> None:
    assert held_out(appearance) == kinds


@pytest.mark.parametrize("app", APPS)
def test_a_part_of_what_the_seeds_draw_is_held_out_and_most_of_it_is_not(app: str) -> None:
    found = [held_out(Appearance.from_seed(app, seed, SCREEN)) for seed in range(2000)]
    share = {
        kind: sum(kind in kinds for kinds in found) / 2000 for kind in ("theme", "font size", "position")
    }
    assert share["theme"] == pytest.approx(1 / 7, abs=0.03)
    assert share["font size"] == pytest.approx(1 / 5, abs=0.03)
    assert 0.08 < share["position"] < 0.15
    assert sum(not kinds for kinds in found) / 2000 > 0.5
