"""The backend for Windows and macOS, run on X11 as far as it goes: its libraries work there too."""

import importlib.util
import json
import subprocess
import sys

import pytest
from event_window import EventWindow, held
from Xlib import X

from qvl_agent.sandbox.display import VirtualDisplay

NEEDED = ("pyautogui", "pynput", "mouseinfo", "pymsgbox", "pyscreeze", "pytweening")
needs_libraries = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in NEEDED),
    reason=f"pip install --no-deps {' '.join(NEEDED)}",
)
PRESSED, LET_GO = [("key down", 50), ("button down", 1)], [("button up", 1), ("key up", 50)]
PROGRAM = """
import json, sys
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.core.coordinates import DesktopPoint, Rect
from qvl_agent.actions.desktops.native.desktop import NativeDesktop
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, TextEvent, WheelEvent
desktop = NativeDesktop()
def perform(*events, stop=lambda: False):
    desktop.perform(Approved(events, "frame", desktop.geometry()), stop)
def at(x, y):
    return MoveEvent(DesktopPoint(x, y))
"""


def run(display: VirtualDisplay, program: str) -> object:
    """Run a program on the display; what it prints is JSON. pyautogui binds to DISPLAY when imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + program],
        env=display.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_libraries
def test_it_looks_at_the_screen(display: VirtualDisplay) -> None:
    seen = run(
        display,
        """
frame, part = desktop.grab(), desktop.grab(Rect(10, 20, 30, 40))
print(json.dumps([frame.size, part.size, [part.origin.x, part.origin.y], frame.scale,
                  bool((frame.pixels[20:60, 10:40] == part.pixels).all())]))
""",
    )
    assert seen == [[1280, 800], [30, 40], [10, 20], 1.0, True]


@needs_libraries
def test_it_clicks_drags_and_turns_the_wheel(display: VirtualDisplay) -> None:
    with EventWindow(display.name) as window:
        at = run(
            display,
            """
down, up = ButtonEvent("left", down=True), ButtonEvent("left", down=False)
perform(at(100, 100), down, up, at(300, 200), down, at(400, 200), up)
perform(WheelEvent(dx=0, dy=2), WheelEvent(dx=1, dy=-1))
print(json.dumps([desktop.pointer().x, desktop.pointer().y]))
""",
        )
        events = window.events()
    buttons = [(event.detail, event.root_x) for event in events if event.type == X.ButtonPress]
    assert at == [400, 200]
    assert buttons == [(1, 100), (1, 300), (5, 400), (5, 400), (4, 400), (7, 400)]
    assert sum(event.type == X.MotionNotify and bool(event.state & X.Button1Mask) for event in events) >= 10


@needs_libraries
def test_it_presses_keys_and_refuses_what_it_does_not_have(display: VirtualDisplay) -> None:
    with EventWindow(display.name) as window:
        said = run(
            display,
            """
perform(*(KeyEvent(key, down=down) for key, down in
          (("ctrl", True), ("pagedown", True), ("pagedown", False), ("ctrl", False))))
try:
    perform(KeyEvent("ctrl", down=True), KeyEvent("nosuchkey", down=True))
except Exception as error:
    print(json.dumps(type(error).__name__ + ": " + str(error)))
""",
        )
        assert window.inputs() == [("key down", 37), ("key down", 117), ("key up", 117), ("key up", 37)]
    assert "DesktopError: pyautogui has no key 'nosuchkey'" in str(said)


@needs_libraries
def test_it_releases_what_it_pressed(display: VirtualDisplay) -> None:
    """However it ends, and before the next plan."""
    with EventWindow(display.name) as window:
        said = run(
            display,
            """
endings, said = [KeyboardInterrupt, RuntimeError, None], []
for ending in endings:
    asked = iter(range(10))
    def stop():
        if next(asked) == 3:
            if ending is None:
                return True
            raise ending
        return False
    try:
        press = KeyEvent("shift", down=True), at(50, 50), ButtonEvent("left", down=True)
        perform(*press, at(90, 90), stop=stop)
    except BaseException as error:
        said.append(type(error).__name__)
print(json.dumps(said))
""",
        )
        inputs = window.inputs()
    assert said == ["KeyboardInterrupt", "RuntimeError", "Stopped"]
    assert sorted(inputs[:4]) == sorted([*PRESSED, *LET_GO])
    assert [sorted(inputs[at : at + 4]) for at in (4, 8)] == [sorted(inputs[:4])] * 2
    assert held(display.name) == ([], 0)


def test_without_a_screen_it_says_so() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from qvl_agent.actions.desktops.native.desktop import NativeDesktop; NativeDesktop()",
        ],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "NoScreenError: " in done.stderr
