"""The oracle's pointing: boxes on the grid of whatever picture it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect, View, model_to_desktop
from qvl_agent.actions.core.errors import CoordinateError, ModelError, Stopped
from qvl_agent.actions.core.messages import Message
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.actions.planning.action import Click, Drag, Fail, Scroll, Type
from qvl_agent.sandbox.apps.protocol import Node, Offscreen, Tree
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import open_sandbox
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

SCREEN = Rect(0, 0, 1280, 800)
FULL = View(1280, 800, SCREEN)
BUTTON = Node("b", "button", "OK", Rect(600, 400, 80, 30))
AREA = Node("a", "scroll area", "List", Rect(100, 100, 300, 400), {"above": 0, "below": 900, "notch": 60})


@st.composite
def pointing(draw: st.DrawFn) -> tuple[View, Rect]:
    """A picture of a monitor or of a part of it, and a widget that is wholly in it."""
    width, height = draw(st.integers(320, 3840)), draw(st.integers(240, 2160))
    monitor = Rect(draw(st.integers(-4000, 4000)), draw(st.integers(-3000, 3000)), width, height)
    left, top = draw(st.integers(0, width // 2)), draw(st.integers(0, height // 2))
    view = View(
        draw(st.integers(100, width - left)),
        draw(st.integers(100, height - top)),
        monitor,
        1.0,
        FramePoint(left, top),
    )
    w, h = draw(st.integers(8, min(100, view.width))), draw(st.integers(8, min(100, view.height)))
    x, y = draw(st.integers(0, view.width - w)), draw(st.integers(0, view.height - h))
    return view, Rect(monitor.left + left + x, monitor.top + top + y, w, h)


@given(pointing())
def test_a_box_stays_in_its_widget_and_its_middle_lands_there(case: tuple[View, Rect]) -> None:
    view, rect = case
    box = WidgetActions(view, Tree(())).box(rect)
    assert all(value == int(value) for value in (box.x1, box.y1, box.x2, box.y2))
    landed = model_to_desktop(box.centre, view)
    assert landed in rect
    slack = max(view.width, view.height) / 1000 + 1
    assert abs(landed.x - (rect.left + rect.width / 2)) <= slack
    assert abs(landed.y - (rect.top + rect.height / 2)) <= slack
    left, top = rect.left - view.monitor.left - view.origin.x, rect.top - view.monitor.top - view.origin.y
    if box.x1 < box.x2:
        assert box.x1 * view.width / 1000 >= left
        assert box.x2 * view.width / 1000 <= left + rect.width
    if box.y1 < box.y2:
        assert box.y1 * view.height / 1000 >= top
        assert box.y2 * view.height / 1000 <= top + rect.height


def test_a_widget_outside_the_picture_is_refused() -> None:
    crop = View(200, 100, SCREEN, 1.0, FramePoint(0, 0))
    with pytest.raises(CoordinateError):
        WidgetActions(crop, Tree((BUTTON,))).click("b", "")


def test_a_crop_is_noticed() -> None:
    assert not WidgetActions(FULL, Tree(())).zoomed
    assert WidgetActions(View(200, 100, SCREEN, 1.0, FramePoint(500, 350)), Tree(())).zoomed


def test_what_is_below_is_scrolled_to_and_aims_at_nothing_yet() -> None:
    hand = WidgetActions(FULL, Tree((AREA,), (Offscreen("row", "a", 130),)))
    action = hand.click("row", "open it")
    assert isinstance(action, Scroll)
    assert (action.dx, action.dy) == (0, 3)
    assert hand.target_ids == []
    above = WidgetActions(FULL, Tree((AREA,), (Offscreen("row", "a", -5000),))).click("row", "")
    assert isinstance(above, Scroll)
    assert above.dy == -20


def test_a_row_that_peeks_out_is_scrolled_to_and_one_mostly_in_view_is_clicked() -> None:
    row = Node("row", "list item", "Row", Rect(110, 460, 200, 40))
    peeking = WidgetActions(FULL, Tree((AREA, row), (Offscreen("row", "a", 30),)))
    assert isinstance(peeking.click("row", ""), Scroll)
    mostly = WidgetActions(FULL, Tree((AREA, row), (Offscreen("row", "a", 10),)))
    assert isinstance(mostly.click("row", ""), Click)
    assert mostly.target_ids == ["row"]


def test_what_is_not_there_is_given_up() -> None:
    assert isinstance(WidgetActions(FULL, Tree(())).click("x", ""), Fail)


def test_actions_carry_the_label_and_the_reason() -> None:
    hand = WidgetActions(FULL, Tree((BUTTON,)))
    twice = hand.click("b", "open it", count=2)
    typed = hand.type("你好", "say hello", into="b", clear=True)
    assert isinstance(twice, Click)
    assert isinstance(typed, Type)
    assert (twice.label, twice.intent, twice.count) == ("OK", "open it", 2)
    assert (typed.label, typed.intent, typed.clear) == ("OK", "say hello", True)
    assert hand.target_ids == ["b", "b", "b"]


def test_a_slider_is_dragged_to_the_nearest_point_of_its_value() -> None:
    state = {"value": 20, "least": 0, "most": 100, "start": 400, "stop": 900}
    handle = Node("s/handle", "slider handle", "Volume", Rect(491, 300, 18, 18), state)
    drag = WidgetActions(FULL, Tree((handle,))).drag_slider("s", 60, "louder")
    assert isinstance(drag, Drag)
    assert abs(model_to_desktop(drag.end.centre, FULL).x - 700) <= 1


def test_the_oracle_answers_over_the_last_picture_and_only_with_one() -> None:
    with open_sandbox("chat", seed=1) as sandbox:
        oracle, task = Oracle(sandbox), Message("user", (sandbox.instruction,))
        with pytest.raises(ModelError, match="without a picture"):
            oracle.reply([task], stop=lambda: False)
        frame = sandbox.desktop.grab()
        with pytest.raises(Stopped):
            oracle.reply([task, Message("user", (frame,))], stop=lambda: True)
        row = next(node for node in sandbox.tree().nodes if node.state.get("pinned"))
        box = sandbox.tree().get(f"{row.id}/check")
        assert box is not None
        crop = frame.crop(FrameBox(row.rect.left, row.rect.top, row.rect.left + row.rect.width, 790))
        for picture in (frame, crop):
            heard: list[str] = []
            messages = [task, Message("user", (frame,)), Message("user", ("and", picture))]
            reply = oracle.reply(messages, stop=lambda: False, on_text=heard.append)
            assert heard == [reply.text]
            action = parse_action(reply.text)
            assert isinstance(action, Click)
            assert model_to_desktop(action.target.centre, picture.view) in box.rect
        assert oracle.target_ids == [(box.id,), (box.id,)]
        far = frame.crop(FrameBox(0, 0, 20, 20))
        with pytest.raises(ModelError, match="can't say what to do"):
            oracle.reply([task, Message("user", (far,))], stop=lambda: False)
        oracle.close()


def test_the_oracle_refuses_another_task() -> None:
    with open_sandbox("chat", seed=1) as sandbox:
        messages = [Message("user", ("delete everything", sandbox.desktop.grab()))]
        with pytest.raises(ModelError, match="knows one task on this desktop: say 'uncheck the pinned chat'"):
            Oracle(sandbox).reply(messages, stop=lambda: False)
        assert sandbox.clicks() == ()
