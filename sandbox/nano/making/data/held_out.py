"""Looks that the training never sees, so that they tell whether the model knows only what it was shown."""

from typing import Final

from qvl_agent.sandbox.apps.appearance import Appearance

__all__ = ["FONT_PX", "KINDS", "THEME", "held_out"]

KINDS: Final = ("theme", "font size", "position")
"""What may be held out of a look."""
THEME: Final = "plum"
FONT_PX: Final = 15
_LEFT_OF, _BELOW = 625, 408
"""Pixels of the 1280x800 screen; small windows move about, and one in ten has its middle in that corner."""


def held_out(look: Appearance) -> tuple[str, ...]:
    """Name which of `KINDS` keep a look out of the training; none of them: it may be trained on.

    Args:
        look: of a seed, on a screen of 1280x800.
    """
    window = look.window
    low_left = window.left + window.width / 2 < _LEFT_OF and window.top + window.height / 2 > _BELOW
    found = (look.theme.name == THEME, look.font_px == FONT_PX, low_left)
    return tuple(kind for kind, out in zip(KINDS, found, strict=True) if out)
