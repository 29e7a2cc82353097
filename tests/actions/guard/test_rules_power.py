"""Lock and power buttons are refused, by what the model calls them, by what stands on them, by the window."""

from dataclasses import replace

import pytest

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Drag, Move, Press, Scroll, Type
from qvl_agent.actions.planning.plan import plan
from qvl_agent.actions.reading.target_text import Read, TargetText

MONITOR = Rect(0, 0, 1000, 1000)
BOX, OTHER = ModelBox.of(400, 400, 600, 440), ModelBox.of(100, 100, 200, 200)
SCENE = Scene(View(1000, 1000, MONITOR), Geometry((MONITOR,)))
PANEL, EDITOR, BROWSER = (WindowInfo(app=app) for app in ("xfce4-panel", "gedit", "firefox"))


def decide(action: Action, scene: Scene = SCENE) -> Verdict:
    return judge(action, plan(action, scene.view), scene, Policy())


def at(window: WindowInfo | None, read: str = "", *, bounded: bool = True) -> Scene:
    box = FrameBox(400, 400, 600, 440)
    texts = (TargetText(box, bounded, (Read(read, box, 0.99),)),) if read else ()
    return replace(SCENE, windows=(window,), focused=window, texts=texts)


ALWAYS = ["Shut Down", "Shut down…", "Power Off", "the 'Shut down' button", "Restart computer", "Reboot now",
          "Hibernate", "Lock this computer", "Switch user",
          "关机", "立即关机", "锁屏", "“重启电脑”按钮", "锁定屏幕",
          "Shut Down in the power menu", "Yes, power off"]  # fmt: skip
ALSO = [
    "Restart",
    "Log out",
    "Sign out",
    "Suspend",
    "Lock the screen",
    "重启",
    "注销",
    "退出登录",
    "重新启动",
]


@pytest.mark.parametrize("text", ALWAYS)
def test_what_always_means_the_machine_is_refused_by_label_and_by_pixels(text: str) -> None:
    for window in (None, PANEL, EDITOR):
        for verdict in (
            decide(Click(target=BOX, label=text), at(window)),
            decide(Click(target=BOX, label="the blue one"), at(window, text)),
            decide(Click(target=BOX, label="Cancel"), at(window, text)),
        ):
            assert (verdict.level, verdict.rule) == (Level.DENY, "power-button"), (text, window)
    assert "may turn off, restart or lock this machine" in verdict.reason


@pytest.mark.parametrize("text", ALSO)
def test_an_application_may_mean_itself_by_it(text: str) -> None:
    for window in (None, PANEL):
        assert decide(Click(target=BOX, label=text), at(window)).rule == "power-button"
        assert decide(Click(target=BOX), at(window, text)).level is Level.DENY
    assert decide(Click(target=BOX), at(EDITOR, text)).level is Level.ASK_EVERY


def test_a_page_may_say_anything() -> None:
    assert decide(Click(target=BOX, label="Log out"), at(BROWSER)).level is Level.ALLOW
    assert decide(Click(target=BOX, label="Restart"), at(BROWSER)).level is Level.ALLOW
    assert decide(Click(target=BOX, label="Shut down"), at(BROWSER)).level is Level.ASK_EVERY


def test_a_panels_own_words() -> None:
    for text in ("Power", "Lock", "电源", "锁定"):
        assert decide(Click(target=BOX, label=text), at(PANEL)).level is Level.DENY
        assert decide(Click(target=BOX, label=text), at(EDITOR)).level is Level.ALLOW
        assert decide(Click(target=BOX, label=text), at(None)).level is Level.ASK_EVERY


@pytest.mark.parametrize(
    "text",
    ["Shutdown report", "Restart the music", "取消关机", "Lock layer", "Power settings",
     "Log out of Slack tips",
     "Reboot the server tonight", "Turn off notifications", "Cancel shutdown", "Sleep music", "不重启"],
)  # fmt: skip
def test_what_only_sounds_like_it_is_left_alone(text: str) -> None:
    for scene in (at(EDITOR), at(EDITOR, text), at(EDITOR, text, bounded=False)):
        assert decide(Click(target=BOX, label=text), scene).level is Level.ALLOW, text


def test_a_line_of_a_list_counts_whole_or_not_at_all() -> None:
    assert decide(Click(target=BOX), at(EDITOR, "今晚关机", bounded=False)).level is Level.ALLOW
    assert decide(Click(target=BOX), at(EDITOR, "关机", bounded=False)).level is Level.DENY
    assert decide(Click(target=BOX), at(None, "Shut Down", bounded=False)).level is Level.DENY


def test_every_way_to_press_it() -> None:
    for action in (
        Click(target=BOX, label="Shut down", button="middle"),
        Type(text="x", target=BOX, label="Shut down"),
        Press(keys=("enter",), label="Shut down"),
        Press(keys=("enter",), intent="Shut down the computer."),
        Drag(target=BOX, end=OTHER, label="Slide to: 'Power off'"),
    ):
        assert decide(action).rule == "power-button", action
    for harmless in (
        Move(target=BOX, label="Shut down"),
        Scroll(target=BOX, dy=1, label="Shut down"),
        Press(keys=("esc",), intent="Shut down"),
    ):
        assert decide(harmless).level is Level.ALLOW


@pytest.mark.parametrize(
    "window",
    [
        WindowInfo(app="x", title="Log Out"),
        WindowInfo(app="x", title="Shut down?"),
        WindowInfo(app="x", title="关机"),
        WindowInfo(program="xfce4-session-logout"),
        WindowInfo(app="Lxsession-logout", title="whatever"),
    ],
    ids=lambda window: window.called,
)
def test_the_sessions_own_dialogs_are_never_touched_but_closed(window: WindowInfo) -> None:
    for action in (Click(target=BOX, label="OK"), Press(keys=("enter",)), Type(text="y")):
        verdict = decide(action, at(window))
        assert (verdict.level, verdict.rule) == (Level.DENY, "session-window")
    assert decide(Press(keys=("esc",)), at(window)).level is Level.ALLOW
    page = replace(window, app="firefox", program="firefox")
    assert decide(Click(target=BOX, label="Menu"), at(page)).level is Level.ALLOW
