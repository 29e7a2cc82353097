"""What the watchdog's process runs: python -m ...watchdog_process DISPLAY TAKEOVER PULSE."""

import os
import sys
from contextlib import suppress

from qvl_agent.actions.desktops.watchdog.notes import FAILED

__all__: list[str] = []


def _main(display: str, takeover: str, pulse: str) -> None:
    """Watch; what goes wrong is said over the pipe, as nobody sees this process."""
    from qvl_agent.actions.desktops.x11.watcher.watcher import watch  # noqa: PLC0415 - Xlib

    def say(line: str) -> None:
        with suppress(OSError):
            os.write(1, f"{line}\n".encode())

    try:
        watch(display, 0, int(pulse), say, takeover=takeover != "ignore")
    except Exception as error:  # noqa: BLE001 - the process's edge
        say(f"{FAILED}{error}")
        sys.exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
