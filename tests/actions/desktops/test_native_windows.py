"""What Windows and macOS say of their windows is read as their documentation has it; it isn't run there."""

import os

import pytest

from qvl_agent.actions.core.coordinates import DesktopPoint, ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops.native.windows import NoWindows, find_windows, from_quartz, from_user32
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Click
from qvl_agent.actions.planning.plan import plan

MONITOR = Rect(0, 0, 1000, 1000)


def rule_for(window: WindowInfo | None) -> str:
    scene = Scene(View(1000, 1000, MONITOR), Geometry((MONITOR,)), windows=(window,))
    action = Click(target=ModelBox.at(500, 500))
    return judge(action, plan(action, scene.view), scene, Policy()).rule


@pytest.mark.parametrize(
    ("image", "rule"),
    [
        (r"C:\Windows\System32\cmd.exe", "window-terminal"),
        (r"C:\Program Files\WindowsApps\WindowsTerminal.exe", "window-terminal"),
        (r"C:\Program Files\KeePassXC\KeePassXC.exe", "forbidden-window"),
        (r"C:\Windows\System32\consent.exe", "forbidden-window"),
        (r"C:\Windows\System32\msiexec.exe", "window-installer"),
        (r"C:\Windows\notepad.exe", "allow-click"),
        ("", "allow-click"),
    ],
)
def test_a_windows_program_is_known_by_its_image(image: str, rule: str) -> None:
    window = from_user32(image, "a title", (10, 20, 110, 70), focused=True, ours=False)
    assert window.rect == Rect(10, 20, 100, 50)
    assert rule_for(window) == rule


def test_our_own_console_gets_nothing() -> None:
    ours = from_user32("", "qvl-agent", (0, 0, 0, 0), focused=True, ours=True)
    assert ours.rect is None
    assert rule_for(ours) == "own-window"


def listed(
    owner: str, process: int, *, layer: int = 0, alpha: float = 1.0, left: int = 0
) -> dict[str, object]:
    return {
        "kCGWindowOwnerName": owner,
        "kCGWindowOwnerPID": process,
        "kCGWindowName": f"{owner}'s window",
        "kCGWindowBounds": {"X": left, "Y": 25, "Width": 800, "Height": 600},
        "kCGWindowLayer": layer,
        "kCGWindowAlpha": alpha,
    }


def test_a_macs_windows_are_read_front_to_back() -> None:
    windows = from_quartz(
        [
            listed("Window Server", 1, layer=25, alpha=0),
            listed("Dock", 7, layer=20, left=900),
            listed("Terminal", 42),
            listed("Terminal", 42, left=50),
            listed("Keychain Access", 43),
            {"kCGWindowOwnerName": "nothing", "kCGWindowOwnerPID": 9},
        ],
        front=42,
        own=frozenset({os.getpid()}),
    )
    assert [(one.app, one.focused) for one in windows] == [
        ("Dock", False),
        ("Terminal", True),
        ("Terminal", False),
        ("Keychain Access", False),
    ]
    at = next(one for one in windows if one.rect and DesktopPoint(100, 100) in one.rect)
    assert at.title == "Terminal's window"
    assert [rule_for(one) for one in windows[1:]] == [
        "window-terminal",
        "window-terminal",
        "forbidden-window",
    ]


def test_elsewhere_nobody_knows() -> None:
    finder = find_windows()
    assert isinstance(finder, NoWindows)
    assert finder.at(DesktopPoint(1, 1)) is None
    assert finder.focused() is None
