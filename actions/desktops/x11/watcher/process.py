"""The program of the watchdog's process.

It is run as `python -m qvl_agent.actions.desktops.x11.watcher.process DISPLAY TAKEOVER PULSE`, where PULSE is
the file descriptor of the memory for the sign of life. Notes come in by stdin, and answers go out by stdout.
"""

import os
import sys
from contextlib import suppress

from qvl_agent.actions.desktops.watchdog.channel import FAILED

__all__: list[str] = []


def _main(display: str, takeover: str, pulse: str) -> None:
    """Watch the display; send an error's message over the pipe, as nobody sees this process's output.

    What a library prints must not be taken for one of our lines, so the pipe is ours alone.
    """
    pipe = os.dup(1)
    os.dup2(2, 1)
    from qvl_agent.actions.desktops.x11.watcher.watcher import watch  # noqa: PLC0415 - Xlib

    def say(line: str) -> None:
        with suppress(OSError):
            os.write(pipe, f"{line}\n".encode())

    try:
        watch(display, 0, int(pulse), say, takeover=takeover != "ignore")
    except Exception as error:  # noqa: BLE001 - the process's edge
        say(f"{FAILED}{error}")
        sys.exit(1)


if __name__ == "__main__":
    _main(*sys.argv[1:])
