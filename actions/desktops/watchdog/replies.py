"""What the watchdog says over its pipe: a line each; any other line is why the run is to stop."""

from typing import Final

__all__ = ["ARMED", "FAILED", "READY", "TAKEOVER"]

READY: Final = "ready"
"""It watches."""
ARMED: Final = "armed"
"""It takes what happens from now on for the person's."""
TAKEOVER: Final = "takeover: "
"""What follows is how somebody took over."""
FAILED: Final = "failed: "
"""What follows is why it can't watch; it ends."""
