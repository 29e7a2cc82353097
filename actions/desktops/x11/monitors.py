"""The monitors of an X display, as they are now."""

from typing import Any

from Xlib.ext import randr

from qvl_agent.actions.core.coordinates import Rect

__all__ = ["monitors"]


def monitors(display: Any) -> tuple[Rect, ...]:
    """List the monitors by RandR, in its order; without it the whole screen is one."""
    root = display.screen().root
    if display.has_extension(randr.extname):
        found = root.xrandr_get_monitors().monitors
        if found:
            return tuple(Rect(one.x, one.y, one.width_in_pixels, one.height_in_pixels) for one in found)
    whole = root.get_geometry()
    return (Rect(0, 0, whole.width, whole.height),)
