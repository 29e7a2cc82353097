"""Windows of an application that isn't ours, GTK 3's galculator, with their truth from AT-SPI.

It is run on a virtual display once for each look: its theme and its font are GTK's own settings. Needs
galculator, dbus and AT-SPI, and Debian's Python, which has gi.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from finding_scenes import Scene
from Xlib.display import Display

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.desktops import open_local
from qvl_agent.sandbox.apps.protocol import Node
from qvl_agent.sandbox.display import VirtualDisplay

__all__ = ["LOOKS", "calculator"]

READER: Final = Path(__file__).parents[1] / "tests" / "support" / "atspi_tree.py"
LOOKS: Final = {
    "unchanged": ("Adwaita", 10),
    "theme": ("Adwaita:dark", 10),
    "font": ("Adwaita", 13),
    "font and theme": ("HighContrast", 12),
}
PATIENCE_S: Final = 30.0


def calculator() -> Iterator[tuple[str, Scene]]:
    """Yield each look's name, and the window in it; the first is the one to record."""
    for name, (theme, points) in LOOKS.items():
        with VirtualDisplay((1000, 800)) as display, TemporaryDirectory() as home, ExitStack() as stack:
            yield name, _scene(display.name, Path(home), theme, points, stack)


def _scene(display: str, home: Path, theme: str, points: int, stack: ExitStack) -> Scene:
    settings = home / "gtk-3.0" / "settings.ini"
    settings.parent.mkdir()
    settings.write_text(f"[Settings]\ngtk-font-name=DejaVu Sans {points}\ngtk-cursor-blink=0\n")
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.callback(_end, bus)
    assert bus.stdout is not None
    environment = {
        **os.environ,
        "DISPLAY": display,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "XDG_RUNTIME_DIR": str(home),
        "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip(),
        "GTK_THEME": theme,
        "LC_ALL": "C.UTF-8",
    }
    pointer = Display(display)
    pointer.screen().root.warp_pointer(2, 2)  # a tooltip would cover what is recorded
    pointer.sync()
    stack.callback(pointer.close)
    quiet = subprocess.DEVNULL
    program = subprocess.Popen(["galculator"], env=environment, stdout=quiet, stderr=quiet)
    stack.callback(_end, program)
    widgets = _settled(environment)
    desktop = open_local(display)
    stack.callback(desktop.close)
    frame = desktop.grab()
    window = next(one for one in widgets if one["role"] == "frame")["box"]
    left, top, right, bottom = (
        max(0, window[0]),
        max(0, window[1]),
        min(frame.size[0], window[2]),
        min(frame.size[1], window[3]),
    )
    pixels = np.ascontiguousarray(frame.pixels[top:bottom, left:right])
    return Scene(pixels, tuple(_nodes(widgets, left, top, right, bottom)))


def _settled(environment: dict[str, str]) -> list[dict[str, Any]]:
    """Wait until the window is drawn and on the bus, and its boxes stay what they are."""
    end, last = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < end:
        time.sleep(0.5)
        done = subprocess.run(
            ["/usr/bin/python3", "-W", "ignore", str(READER), "galculator"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        found: list[dict[str, Any]] = json.loads(done.stdout) if done.returncode == 0 else []
        if found == last and any(one["name"] == "=" and one["box"][2] > 0 for one in found):
            return found
        last = found
    raise SystemExit("galculator didn't come up on the accessibility bus")


def _nodes(widgets: list[dict[str, Any]], left: int, top: int, right: int, bottom: int) -> Iterator[Node]:
    for number, one in enumerate(widgets):
        x, y, x2, y2 = one["box"]
        button = one["role"].endswith("button") and one["name"]
        if button and left <= x < x2 <= right and top <= y < y2 <= bottom:
            rect = Rect(x - left, y - top, x2 - x, y2 - y)
            yield Node(f"{one['role']}/{one['name']}/{number}", "button", one["name"], rect)


def _end(process: "subprocess.Popen[Any]") -> None:
    process.terminate()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()
