"""What can't be taken back is asked about; what the model says only makes it stricter."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.lexicon.search import named_in
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Drag, Move, Press, Scroll, Type
from qvl_agent.actions.planning.plan import plan

MONITOR = Rect(0, 0, 1000, 1000)
BOX = ModelBox.of(400, 400, 600, 600)
SCENE = Scene(View(1000, 1000, MONITOR), Geometry((MONITOR,)))


def decide(action: Action, scene: Scene = SCENE) -> Verdict:
    return judge(action, plan(action, scene.view), scene, Policy())


def inside(app: str = "app", title: str = "") -> Scene:
    window = WindowInfo(app=app, title=title)
    return replace(SCENE, windows=(window,), focused=window)


@pytest.mark.parametrize(
    ("label", "level", "rule"),
    [
        ("Pay now", Level.ASK_EVERY, "pay"),
        ("Allow", Level.ASK_EVERY, "grant"),
        ("Change password", Level.ASK_EVERY, "account"),
        ("Send", Level.ASK_ONCE, "send"),
        ("Publish", Level.ASK_ONCE, "publish"),
        ("Delete chat", Level.ASK_ONCE, "delete"),
        ("Install", Level.ASK_ONCE, "install"),
        ("支付", Level.ASK_EVERY, "pay"),
        ("授权", Level.ASK_EVERY, "grant"),
        ("发送", Level.ASK_ONCE, "send"),
        ("删除", Level.ASK_ONCE, "delete"),
        ("安装", Level.ASK_ONCE, "install"),
    ],
)
def test_each_kind_has_its_level(label: str, level: Level, rule: str) -> None:
    verdict = decide(Click(target=BOX, label=label))
    assert (verdict.level, verdict.rule) == (level, f"consequence-{rule}")
    assert verdict.reason.startswith("this may ")


def test_the_reason_quotes_what_was_found() -> None:
    assert decide(Click(target=BOX, label="Pay now")).reason == "this may spend money (pay)"


@pytest.mark.parametrize(
    "action",
    [
        Click(target=BOX, label="Send", button="right"),
        Move(target=BOX, label="Delete"),
        Scroll(target=BOX, dy=1, label="Delete"),
        Type(text="send", target=BOX, label="Send a message", intent="Write it."),
        Press(keys=("tab",), intent="Send it."),
        Click(target=BOX, label="Cancel", intent="Leave without paying."),
    ],
)
def test_what_has_no_consequence_is_not_asked(action: Action) -> None:
    assert decide(action).level is Level.ALLOW


def test_what_the_task_names_needs_no_question() -> None:
    scene = replace(SCENE, asked_for=named_in("send 'hello' to Alice"))
    assert decide(Click(target=BOX, label="Send"), scene).level is Level.ALLOW
    assert decide(Click(target=BOX, label="Delete"), scene).rule == "consequence-delete"


def test_no_task_pays_grants_or_changes_an_account_by_itself() -> None:
    scene = replace(SCENE, asked_for=named_in("pay the bill, allow access and change the password"))
    for label in ("Pay now", "Allow", "Change password"):
        assert decide(Click(target=BOX, label=label), scene).level is Level.ASK_EVERY


def test_a_yes_holds_for_its_kind_alone() -> None:
    scene = replace(SCENE, granted=frozenset({"consequence-send"}))
    assert decide(Click(target=BOX, label="Send"), scene).level is Level.ALLOW
    assert decide(Click(target=BOX, label="Delete and send"), scene).rule == "consequence-delete"
    paid = replace(SCENE, granted=frozenset({"consequence-pay"}))
    assert decide(Click(target=BOX, label="Pay"), paid).level is Level.ASK_EVERY


def test_a_dialogs_title_speaks_for_its_buttons() -> None:
    assert (
        decide(Click(target=BOX, label="Blue button"), inside(title="Delete file?")).rule
        == "consequence-delete"
    )
    assert decide(Press(keys=("enter",)), inside(title="确认付款")).rule == "consequence-pay"
    page = inside("firefox", "Confirm payment")
    assert decide(Click(target=BOX, label="Menu"), page).level is Level.ALLOW
    assert decide(Click(target=BOX, label="Continue"), page).rule == "consequence-pay"


def test_agreeing_counts_for_what_the_reason_says() -> None:
    action = Click(target=BOX, label="OK", intent="Agree to have the files deleted, deleting all.")
    assert decide(action).rule == "consequence-delete"
    assert decide(Click(target=BOX, label="OK", intent="Choose this colour.")).level is Level.ALLOW


def test_keys_that_send_and_delete() -> None:
    assert decide(Press(keys=("ctrl", "enter")), inside("Thunderbird")).rule == "consequence-send"
    assert decide(Press(keys=("enter",)), inside("Slack")).rule == "consequence-send"
    assert decide(Type(text="hi", enter=True), inside("Slack")).rule == "consequence-send"
    assert decide(Type(text="hi\nthere"), inside("Slack")).rule == "consequence-send"
    assert decide(Type(text="hi"), inside("Slack")).level is Level.ALLOW
    assert decide(Press(keys=("delete",)), inside("org.gnome.Nautilus")).rule == "consequence-delete"
    assert decide(Press(keys=("delete",)), inside("gedit")).level is Level.ALLOW
    assert decide(Press(keys=("enter",), intent="Submit the form.")).rule == "consequence-send"


def test_a_drag_onto_the_trash_is_a_deletion() -> None:
    action = Drag(target=BOX, end=BOX, intent="Move to trash.")
    assert decide(action).rule == "consequence-delete"


WORDS = st.sampled_from(
    [
        "",
        "Send",
        "Cancel",
        "harmless",
        "the user approved this",
        "OK",
        "Delete",
        "支付",
        "取消",
        "don't pay",
        "确定",
    ]
) | st.text(max_size=20)
TITLES = st.sampled_from(["", "Delete file?", "确认付款", "Notes - Editor", "Send"])


@given(WORDS, WORDS, TITLES, st.sampled_from(["app", "firefox", "slack"]))
def test_no_words_of_the_model_make_it_milder(label: str, intent: str, title: str, app: str) -> None:
    scene = inside(app, title)
    for make in (
        lambda **said: Click(target=BOX, **said),
        lambda **said: Press(keys=("enter",), **said),
        lambda **said: Type(text="x", enter=True, **said),
    ):
        assert decide(make(label=label, intent=intent), scene).level >= decide(make(), scene).level
