"""`qvl-agent stop`: end the run that goes on elsewhere on this machine."""

import os
import signal
import time
from typing import Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops.display_lock import Holder, holders

__all__ = ["stop_agents"]

_END_S: Final = 10.0
_POLL_S: Final = 0.02


def stop_agents(display: str | None = None) -> list[Holder]:
    """Stop every agent of this user, or the one on a display, and wait until it has ended.

    Returns:
        those that were stopped; none if none was running.

    Raises:
        DesktopError: one let go of the keys, but its program hasn't ended.
    """
    found = holders(display)
    for holder in found:
        _ask(holder)
    deadline = time.monotonic() + _END_S
    while left := [holder for holder in found if holder in holders(display)]:
        if time.monotonic() > deadline:
            one = left[0]
            raise DesktopError(
                f"the agent on {one.display} was told to stop and has let go of mouse and keys, but hasn't "
                f"ended within {_END_S:g} s; kill -9 {one.pid} is safe"
            )
        time.sleep(_POLL_S)
    return found


def _ask(holder: Holder) -> None:
    """By its watchdog, which releases what is pressed at once; else by the signal it heeds itself."""
    try:
        if holder.watchdog is not None:
            os.kill(holder.watchdog, signal.SIGUSR1)
            return
    except ProcessLookupError:
        pass
    try:
        os.kill(holder.pid, signal.SIGTERM)
    except ProcessLookupError:
        return
