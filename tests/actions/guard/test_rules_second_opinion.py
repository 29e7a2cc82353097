"""What stands on the target counts beside what the model calls it, and the worse of both decides."""

from dataclasses import replace

import pytest
from hypothesis import given
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
BOX, OTHER = ModelBox.of(400, 400, 600, 440), ModelBox.of(100, 100, 200, 200)
BUTTON, ROW = FrameBox(400, 400, 600, 440), FrameBox(0, 380, 700, 470)
SCENE = Scene(View(1000, 1000, MONITOR), Geometry((MONITOR,)), windows=(WindowInfo(app="app"),))


def text(
    *lines: str, bounded: bool = True, control: FrameBox = BUTTON, confidence: float = 0.99
) -> TargetText:
    return TargetText(control, bounded, tuple(Read(line, control, confidence) for line in lines))


def on(*texts: TargetText, **more: object) -> Scene:
    return replace(SCENE, texts=texts, **more)  # type: ignore[arg-type]


def decide(action: Action, scene: Scene) -> Verdict:
    return judge(action, plan(action, scene.view), scene, Policy())


class TestConsequence:
    @pytest.mark.parametrize(
        ("read", "rule", "level"),
        [
            ("Pay now", "pay", Level.ASK_EVERY),
            ("立即支付", "pay", Level.ASK_EVERY),
            ("Allow", "grant", Level.ASK_EVERY),
            ("Delete", "delete", Level.ASK_ONCE),
            ("发送", "send", Level.ASK_ONCE),
        ],
    )
    def test_a_name_that_says_nothing_hides_nothing(self, read: str, rule: str, level: Level) -> None:
        for label in ("", "the blue button", "button 3"):
            verdict = decide(Click(target=BOX, label=label), on(text(read)))
            assert (verdict.level, verdict.rule) == (level, f"consequence-{rule}")
            assert f"“{read}” stands on it" in verdict.reason

    def test_the_reason_names_both(self) -> None:
        verdict = decide(Click(target=BOX, label="Cancel"), on(text("立即支付")))
        assert verdict.reason == (
            "this may spend money (“立即支付” stands on it, though the model calls it “Cancel”)"
        )
        assert (verdict.level, verdict.rule) == (Level.ASK_EVERY, "consequence-pay")

    def test_a_label_that_is_worse_than_the_pixels_counts_too(self) -> None:
        assert decide(Click(target=BOX, label="Pay now"), on(text("Cancel"))).rule == "consequence-pay"

    def test_what_the_task_names_needs_no_question_here_either(self) -> None:
        scene = on(text("Send"), asked_for=named_in("send 'hello' to Alice"))
        assert decide(Click(target=BOX, label="paper plane"), scene).level is Level.ALLOW

    def test_a_text_broken_over_lines_is_one(self) -> None:
        assert decide(Click(target=BOX), on(text("Place your", "order"))).rule == "consequence-pay"

    def test_an_ok_counts_for_its_window(self) -> None:
        scene = on(text("Continue"), windows=(WindowInfo(app="firefox", title="Confirm payment"),))
        assert decide(Click(target=BOX, label="blue"), scene).rule == "consequence-pay"

    def test_both_ends_of_a_drag_are_read(self) -> None:
        scene = on(text("report.odt"), text("Move to trash"), windows=(None, None))
        assert decide(Drag(target=BOX, end=OTHER), scene).rule == "consequence-delete"


class TestNoise:
    @pytest.mark.parametrize(
        "scene",
        [
            on(text("Delete", confidence=0.79)),
            on(text("Bob said that we should delete all of these tomorrow")),
            on(text("Alice asked me to delete it", bounded=False)),
            on(text("Please send me the report", bounded=False)),
            on(text("Ann", "Did you pay?", control=ROW)),
            on(text("Payment history")),
            on(text("Cancel")),
            on(text("")),
            on(text()),
            on(),
        ],
    )
    def test_what_is_unsure_or_long_or_a_line_of_a_list_asks_nothing(self, scene: Scene) -> None:
        assert decide(Click(target=BOX, label="the row"), scene).level is Level.ALLOW

    def test_a_menus_entry_has_no_edges_and_counts_by_its_first_words(self) -> None:
        scene = on(text("Delete chat", bounded=False))
        assert decide(Click(target=BOX, label="entry 2"), scene).rule == "consequence-delete"

    def test_what_stands_in_a_field_is_anything(self) -> None:
        field = on(text("Send a message"))
        assert decide(Type(text="hi", target=BOX, label="message box"), field).level is Level.ALLOW
        button = on(text("Pay now"))
        assert decide(Type(text="hi", target=BOX, label="name"), button).rule == "consequence-pay"

    @pytest.mark.parametrize(
        "action",
        [Move(target=BOX), Scroll(target=BOX, dy=1), Click(target=BOX, button="right"), Press(keys=("tab",))],
    )
    def test_only_what_presses_is_judged_by_it(self, action: Action) -> None:
        scene = SCENE if isinstance(action, Click) else on(text("Pay now"))
        assert decide(action, scene).level is Level.ALLOW


class TestMismatch:
    @pytest.mark.parametrize(
        ("label", "read"),
        [
            ("Cancel", "Delete"),
            ("the 'Close' button", "Send"),
            ("取消按钮", "删除"),
            ("Send", "Delete"),
            ("Not now", "Install"),
            ("返回", "发送"),
        ],
    )
    def test_a_name_that_lies_is_asked_every_time(self, label: str, read: str) -> None:
        """Also where the kind was allowed for the run, or the task names it."""
        scene = on(
            text(read),
            granted=frozenset({"consequence-delete", "consequence-send", "consequence-install"}),
            asked_for=frozenset({"send", "delete", "install"}),
        )
        verdict = decide(Click(target=BOX, label=label), scene)
        assert (verdict.level, verdict.rule) == (Level.ASK_EVERY, "label-mismatch")
        assert f"“{read}” stands on the target, but the model calls it “{label}”" == verdict.reason

    @pytest.mark.parametrize(
        ("label", "read"),
        [
            ("the red button", "Delete"),
            ("trash icon", "Delete"),
            ("Cancel", "Cancel deletion"),
            ("Delete", "删除"),
            ("Submit", "Post"),
            ("OK", "Delete"),
            ("Confirm", "Send"),
            ("Save", "Send"),
        ],
    )
    def test_a_name_that_is_only_another_one_is_no_lie(self, label: str, read: str) -> None:
        scene = on(text(read), asked_for=frozenset({"send", "delete", "publish"}))
        assert decide(Click(target=BOX, label=label), scene).level is Level.ALLOW

    def test_what_the_reason_says_openly_is_no_lie(self) -> None:
        action = Click(target=BOX, label="Close", intent="Delete the chat.")
        assert decide(action, on(text("Delete"))).rule == "consequence-delete"


SAID = st.sampled_from(["", "Send", "Cancel", "OK", "Delete", "支付", "取消", "确定"]) | st.text(max_size=12)


@given(SAID, SAID, SAID, st.booleans(), st.floats(0, 1))
def test_what_is_read_only_ever_makes_it_stricter(
    label: str, intent: str, read: str, bounded: bool, confidence: float
) -> None:
    scene = on(text(read, bounded=bounded, confidence=confidence))
    for action in (
        Click(target=BOX, label=label, intent=intent),
        Type(text="x", target=BOX, label=label, intent=intent),
    ):
        assert decide(action, scene).level >= decide(action, SCENE).level
