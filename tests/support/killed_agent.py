"""A process that acts on a display until somebody kills it: python killed_agent.py DISPLAY SEED."""

import random
import sys

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.desktops.watchdog.client import Watchdog
from qvl_agent.actions.desktops.x11.desktop import X11Desktop
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, Plan, TextEvent, WheelEvent


def plans(chance: random.Random) -> Plan:
    here, there = (
        MoveEvent(DesktopPoint(chance.randrange(50, 900), chance.randrange(50, 600))) for _ in range(2)
    )
    down, up = ButtonEvent("left", down=True), ButtonEvent("left", down=False)
    chord = ("ctrl", "shift", "alt", chance.choice("abc"))
    return chance.choice(
        (
            (here, down, there, up),
            (*(KeyEvent(key, down=True) for key in chord), *(KeyEvent(key, down=False) for key in chord)),
            (TextEvent("Grüße, 你好世界 — ABC " * 3),),
            (here, WheelEvent(0, 10)),
        )
    )


def main(display: str, seed: str) -> None:
    chance = random.Random(seed)
    desktop = X11Desktop(display)
    desktop.watchdog = Watchdog(display, takeover="ignore")
    sys.stdout.write("acting\n")
    sys.stdout.flush()
    while True:
        desktop.perform(Approved(plans(chance), "frame", desktop.geometry()), lambda: False)


if __name__ == "__main__":
    main(*sys.argv[1:])
