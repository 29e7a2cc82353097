"""Wait for a tooltip to go that lies where a click is to land.

A button's tooltip often lies over the next button. It goes once the pointer leaves its button, but some
moments later, and a press at once would land on it.
"""

import time
from typing import Any, Final

from Xlib import X
from Xlib import error as xerror

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.desktops.x11.input import check_stop
from qvl_agent.actions.desktops.x11.windows.tree import process_of, window_under_pointer

__all__ = ["await_tooltip"]

_TOOLTIP: Final = "_NET_WM_WINDOW_TYPE_TOOLTIP"
_LIMIT_S: Final = 1.0
_POLL_S: Final = 0.01
_SETTLED_S: Final = 0.05
"""Seconds that the application gets to see where the pointer is, once its tooltip is gone."""


def await_tooltip(display: Any, stop: StopCheck) -> None:
    """Wait until no tooltip lies under the pointer, for at most a second; the pointer is there already.

    A tooltip that stays is clicked, as the model saw it there.

    Raises:
        Stopped: `stop` returned True.
        DesktopError: another program's window was under the tooltip.
    """
    tooltip = _tooltip_under_pointer(display)
    if tooltip is None:
        return
    owner = process_of(display, tooltip)
    deadline = time.monotonic() + _LIMIT_S
    while _tooltip_under_pointer(display) is not None:
        check_stop(stop)
        if time.monotonic() > deadline:
            return
        time.sleep(_POLL_S)
    time.sleep(_SETTLED_S)
    below = window_under_pointer(display)
    if below is None or process_of(display, below) != owner:
        raise DesktopError("a tooltip lay over the target, and under it is another window; look again")


def _tooltip_under_pointer(display: Any) -> Any | None:
    try:
        window = display.screen().root.query_pointer().child
        if not window or not window.get_attributes().override_redirect:
            return None
        said = window.get_full_property(display.get_atom("_NET_WM_WINDOW_TYPE"), X.AnyPropertyType)
        names = [str(display.get_atom_name(atom)) for atom in said.value] if said else []
    except xerror.XError:
        return None
    return window if _TOOLTIP in names else None
