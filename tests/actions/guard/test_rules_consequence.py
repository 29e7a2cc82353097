"""What can't be taken back is asked about; what the model says only makes it stricter."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.guard.judge import Scene, judge
from qvl_agent.actions.guard.lexicon.search import named_in
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action, Click, Drag, Move, Press, Scroll, Type
from qvl_agent.actions.planning.plan import plan
from qvl_agent.actions.reading.target_text import Read, TargetText

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
        ("Sign document", Level.ASK_ONCE, "final"),
        ("批准申请", Level.ASK_ONCE, "final"),
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


@pytest.mark.parametrize(
    ("label", "intent", "title"),
    [
        ("Submit", "Start the search with the dates", "Flights - Skyline"),
        ("the 'Submit' button", "", "Enter Text Task - Chromium"),
        ("Submit form", "Submit the form.", "Form - Chromium"),
        ("Submit search", "", "Advanced search - Library"),
        ("Submit", "Submit the entered text", "Practice - Chromium"),
        ("Next", "Show the next page of orders", "Your orders - Shop"),
        ("OK", "Set the size to 12", "Character - Writer"),
        ("Apply", "Set the dark theme", "Preferences - Painter"),
        ("Save", "", "Payment plan.odt - Writer"),
        ("提交", "查询单号", "运单追踪 - 快递"),
        ("提交查询", "", "企业查询 - 某网"),
        ("提交", "提交表单", "输入文字 - 浏览器"),
        ("确定", "把行距设成 1.5 倍", "段落 - 文字"),
        ("下一步", "进入向导的下一页", "新建项目 - 开发工具"),
        ("应用", "换成深色主题", "个性化 - 设置"),
    ],
)
def test_a_general_word_is_no_consequence_by_itself(label: str, intent: str, title: str) -> None:
    """It is in a browser as it is elsewhere, and if it stands on the button too."""
    for app in ("app", "firefox"):
        scene = inside(app, title)
        for seen in (scene, replace(scene, texts=(on_target(label),))):
            verdict = decide(Click(target=BOX, label=label, intent=intent), seen)
            assert verdict.level is Level.ALLOW, verdict


@pytest.mark.parametrize(
    ("label", "intent", "title", "rule"),
    [
        ("Submit", "", "Checkout - Shop", "pay"),
        ("Submit", "", "Write a review - Trips", "publish"),
        ("Submit", "", "Contact us - Shop", "send"),
        ("Submit", "File the tax return with the office", "Start - Office", "send"),
        ("Submit order", "", "Step 4 - Shop", "pay"),
        ("Submit application", "", "Step 4 - Jobs", "send"),
        ("Submit", "", "Parley", "send"),
        ("OK", "", "Transfer EUR 450.00 to Marek - Bank", "pay"),
        ("Yes", "", "Cancel your plan - Music", "final"),
        ("Confirm", "Sign the agreement electronically", "Review - Documents", "final"),
        ("Save", "Save so that she gets the owner role", "People - Cloud", "grant"),
        ("Next", "Delete the folder and its files", "Files - Console", "delete"),
        ("Go", "Run the DELETE statement on the table", "SQL - Database", "delete"),
        ("提交", "", "写点评 - 旅行", "publish"),
        ("提交", "", "请假 - 办公", "send"),
        ("送出", "", "訂單 - 商店", "pay"),
        ("完成", "完成预约挂号", "第三步 - 医院", "final"),
        ("应用", "让新规则生效", "网络 - 云", "final"),
    ],
)
def test_what_it_is_about_is_the_consequence(label: str, intent: str, title: str, rule: str) -> None:
    app = "slack" if title == "Parley" else "firefox"
    assert decide(Click(target=BOX, label=label, intent=intent), inside(app, title)).rule == (
        f"consequence-{rule}"
    )


def test_where_no_title_is_known_submit_counts_by_itself() -> None:
    for scene in (SCENE, inside("app", ""), inside("app", " ")):
        for label in ("Submit", "提交"):
            assert decide(Click(target=BOX, label=label), scene).rule == "consequence-send"
            assert decide(Click(target=BOX, label=label, intent="Search."), scene).rule == "consequence-send"


def on_target(*lines: str, confidence: float = 0.99) -> TargetText:
    box = FrameBox(400, 400, 600, 440)
    return TargetText(box, True, tuple(Read(line, box, confidence) for line in lines))


def told(task: str, *lines: str, reader: str = "", confidence: float = 0.99, title: str = "Page") -> Scene:
    """A scene whose person gave that task; the lines stand on the target, if there is a reader."""
    texts = (on_target(*lines, confidence=confidence),) if lines else ()
    return replace(inside("app", title), asked_for=named_in(task), texts=texts, reader=reader)


@pytest.mark.parametrize(
    ("task", "label"),
    [
        ('Type "bob" in the field and press Submit', "Submit"),
        ('Find the newest item, then click "Place order"', "Place order"),
        ('Enter the password "x" into both text fields and press submit.', "Submit"),
        ("Open Settings. Click “Remove account” for the work profile.", "Remove account"),
        ("Please click the Pay now button at the bottom", "Pay now"),
        ("Not the red one, the green button: click 'Grant access'", "the 'Grant access' button"),
        ('Type "don\'t pay" in the box, then press Pay now', "Pay now"),
        ("Before you leave, hit Save and send", "Save and send"),
        ("Don't forget to press Publish", "Publish"),
        ("在备注里写“谢谢”，然后点击“提交”", "提交"),
        ("在备注栏写“请放门口”，然后点“提交订单”", "“提交订单”按钮"),
        ("不要点红色的，点绿色的“同意授权”", "同意授权"),
        ("改完错别字之后点发布", "发布"),
    ],
)
def test_a_button_that_the_task_tells_to_press_needs_no_question(task: str, label: str) -> None:
    for title in ("Contact us - Shop", "联系我们 - 商店"):
        assert decide(Click(target=BOX, label=label), told(task, title=title)).level is Level.ALLOW
    name = label.strip("“”按钮").removeprefix("the '").removesuffix("' button")
    assert decide(Click(target=BOX), told(task, name, reader="ocr")).level is Level.ALLOW


@pytest.mark.parametrize(
    ("task", "label"),
    [
        ('Type "click Delete account" into the note', "Delete account"),
        ('Find the mail that says "press Send"', "Send"),
        ("Don't press Send", "Send"),
        ("Fill in the order form without pressing Pay now", "Pay now"),
        ("Press Pay now. No, never press Pay now", "Pay now"),
        ("Don't press Pay now, or Place order", "Place order"),
        ("Tell Bob to open the page and press Pay now", "Pay now"),
        ("Ask Ann to go there, then press Pay now", "Pay now"),
        ("Remind her to log in and press Pay now", "Pay now"),
        ("If the total is below 20, click Pay now", "Pay now"),
        ("What happens if I press Pay now?", "Pay now"),
        ("Explain how to press Pay now", "Pay now"),
        ("Copy the words 'Press \"Pay now\" when done' into the page", "Pay now"),
        ('Click the "Delete account" mail', "Delete account"),
        ('Type 5" then "press Delete account" and 6"', "Delete account"),
        ('Press Enter to type "Delete account"', "Delete account"),
        ("Press Pay", "Pay now"),
        ("Press Submit", "Pay now"),
        ("在便签里输入“点击注销账号”", "注销账号"),
        ("找到写着“请按发送”的邮件", "发送"),
        ("告诉小李点“付款”", "付款"),
        ("点击“注销账号”的邮件", "注销账号"),
        ("总价低于五十的话就点“付款”", "付款"),
        ("千万别点“付款”", "付款"),
    ],
)
def test_what_is_quoted_told_or_forbidden_grants_nothing(task: str, label: str) -> None:
    assert decide(Click(target=BOX, label=label), told(task)).level >= Level.ASK_ONCE
    assert decide(Click(target=BOX), told(task, label, reader="ocr")).level >= Level.ASK_ONCE


def test_the_name_is_what_stands_on_the_button() -> None:
    """A lying label takes no grant; nor does a button that a reader can't read, where money is at stake."""
    pay = "press 'Pay now'"
    for scene in (
        told(pay, "Delete account", reader="ocr"),
        told(pay, "Delete account", reader="ocr", confidence=0.3),
        told(pay, "Pay now", "Delete account", reader="ocr"),
        told(pay, reader="ocr"),
        told("press Submit", "Pay now", reader="ocr"),
    ):
        label = "Submit" if "pay" not in "".join(scene.asked_for) else "Pay now"
        assert decide(Click(target=BOX, label=label), scene).level is Level.ASK_EVERY
    assert decide(Click(target=BOX, label="Pay now"), told(pay, "Paynow", reader="ocr")).level is Level.ALLOW


def test_a_told_button_covers_what_its_name_says_and_no_more() -> None:
    ok = Click(target=BOX, label="OK")
    assert decide(ok, told("Type 5, then press OK", title="Send 12 invitations?")).level is Level.ALLOW
    for title, rule in (("Confirm payment", "pay"), ("Delete 3 files?", "delete"), ("Allow access", "grant")):
        assert decide(ok, told("Type 5, then press OK", title=title)).rule == f"consequence-{rule}"
    both = Click(target=BOX, label="Pay now", intent="Delete the account.")
    assert decide(both, told("press Pay now")).rule == "consequence-account"
    assert decide(Press(keys=("enter",), label="Pay now"), told("press Pay now")).rule == "consequence-pay"


@settings(deadline=None)  # the first call builds the patterns
@given(st.text(max_size=30), st.sampled_from(["press Submit", "点“提交”", "click 'OK' and press Save"]))
def test_nothing_on_a_screen_lends_a_told_name(said: str, task: str) -> None:
    scene = told(task, "Pay now", reader="ocr")
    for action in (Click(target=BOX, label=said), Click(target=BOX, label="Submit", intent=said)):
        assert decide(action, scene).level >= Level.ASK_EVERY


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
