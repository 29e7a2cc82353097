"""Appearances that are never trained on, to test whether the model can do more than it was shown."""

from typing import Final

from qvl_agent.sandbox.apps.appearance import Appearance

__all__ = ["FONT_PX", "KINDS", "THEME", "held_out"]

KINDS: Final = ("theme", "font size", "position")
"""The parts of an appearance by which it may be held out."""
THEME: Final = "plum"
FONT_PX: Final = 15
_LEFT_OF, _BELOW = 625, 408
"""In px of the 1280x800 screen. One window in ten, a small one, has its middle in that lower left corner."""


def held_out(appearance: Appearance) -> tuple[str, ...]:
    """Return which of `KINDS` keep an appearance out of the training; empty if it may be trained on.

    Args:
        appearance: A seed's appearance on a screen of 1280x800.
    """
    window = appearance.window
    low_left = window.left + window.width / 2 < _LEFT_OF and window.top + window.height / 2 > _BELOW
    found = (appearance.theme.name == THEME, appearance.font_px == FONT_PX, low_left)
    return tuple(kind for kind, out in zip(KINDS, found, strict=True) if out)
