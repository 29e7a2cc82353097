"""Looking closer: when it pays, what it may change, exact mapping, and the same again in a replay."""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from called import called
from hypothesis import given
from hypothesis import strategies as st
from stream_server import says, serving, whole

from qvl_agent.actions.core.coordinates import (
    GRID,
    DesktopPoint,
    FrameBox,
    FramePoint,
    ModelBox,
    Rect,
    View,
    model_box_between,
    model_box_to_frame,
    model_to_desktop,
)
from qvl_agent.actions.core.errors import CoordinateError, ModelError, ParseError, Stopped
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.closer_look import MARGIN, SIZE, closer_target, crop_around, refined
from qvl_agent.actions.planning.action import Action, Click, Done, Drag, Move, Press, Scroll, Type, Zoom
from qvl_agent.agent import Agent, open_desktop
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.openai.server import OpenAIModel
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.recording.recording import RecordedStep, Recording
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.report.page import render_report
from qvl_agent.agent.run.checks.look_closer import look_closer, question, shrunk_by, worth_it
from qvl_agent.agent.run.modes import LookCloser
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import SandboxDesktop
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

CLICK = '{"action": "click", "bbox_2d": [500, 500, 510, 512], "label": "knob"}'
DONE = '{"action": "done"}'
YES = '{"evidence": "The knob is where it was asked to be.", "done": true}'
SMALL = Click(target=ModelBox.of(500, 500, 510, 512), label="knob")
SHRUNK = 256
"""Image tokens that shrink the tests' display of 1280x800 by two."""


def screen(width: int, height: int) -> View:
    return View(width, height, Rect(0, 0, width, height))


# --- the mapping


@st.composite
def parts(draw: st.DrawFn) -> tuple[View, View]:
    """A frame of any monitor, scale and origin, and a crop of it."""
    scale = draw(st.sampled_from([1.0, 1.25, 1.5, 1.75, 2.0, 3.0]))
    size = [draw(st.integers(64, 3000)) for _ in range(2)]
    at = [draw(st.integers(-5000, 5000)) for _ in range(2)]
    monitor = Rect(at[0], at[1], -(-size[0] // 1), size[1])
    pixels = [int(side * scale) for side in size]
    corner = [draw(st.integers(0, side - 32)) for side in pixels]
    ends = [draw(st.integers(low + 32, side)) for low, side in zip(corner, pixels, strict=True)]
    whole = View(ends[0] - corner[0], ends[1] - corner[1], monitor, scale, FramePoint(corner[0], corner[1]))
    left, top = (draw(st.integers(0, side - 1)) for side in (whole.width, whole.height))
    wide, high = draw(st.integers(1, whole.width - left)), draw(st.integers(1, whole.height - top))
    origin = FramePoint(whole.origin.x + left, whole.origin.y + top)
    return View(wide, high, monitor, scale, origin), whole


places = st.floats(0, GRID, allow_nan=False) | st.integers(0, GRID).map(float)


@given(parts(), places, places, places, places)
def test_a_box_in_a_crop_is_the_same_place_on_the_whole_frame(
    views: tuple[View, View], x1: float, y1: float, x2: float, y2: float
) -> None:
    part, whole = views
    box = ModelBox.of(x1, y1, x2, y2)
    mapped = model_box_between(box, part, whole)
    there, here = model_to_desktop(box.centre, part), model_to_desktop(mapped.centre, whole)
    assert max(abs(there.x - here.x), abs(there.y - here.y)) <= 1
    first, second = model_box_to_frame(box, part), model_box_to_frame(mapped, whole)
    dx, dy = part.origin.x - whole.origin.x, part.origin.y - whole.origin.y
    for mine, theirs in (
        (first.left + dx, second.left),
        (first.top + dy, second.top),
        (first.right + dx, second.right),
        (first.bottom + dy, second.bottom),
    ):
        assert abs(mine - theirs) <= 1


@given(parts())
def test_the_whole_crop_is_the_crops_rectangle(views: tuple[View, View]) -> None:
    part, whole = views
    box = model_box_between(ModelBox.of(0, 0, GRID, GRID), part, whole)
    left, top = part.origin.x - whole.origin.x, part.origin.y - whole.origin.y
    assert (box.x1 * whole.width, box.y1 * whole.height) == pytest.approx((left * GRID, top * GRID))
    assert box.x2 * whole.width == pytest.approx((left + part.width) * GRID)
    assert box.y2 * whole.height == pytest.approx((top + part.height) * GRID)


@pytest.mark.parametrize(
    "part",
    [
        View(100, 100, Rect(0, 0, 800, 600), 1.0, FramePoint(701, 0)),
        View(100, 100, Rect(0, 0, 800, 600), 2.0, FramePoint(0, 0)),
        View(100, 100, Rect(9, 0, 800, 600), 1.0, FramePoint(0, 0)),
        View(801, 100, Rect(0, 0, 800, 600), 1.0, FramePoint(0, 0)),
    ],
)
def test_what_is_no_part_of_the_frame_is_refused(part: View) -> None:
    with pytest.raises(CoordinateError, match="no part"):
        model_box_between(ModelBox.at(1, 1), part, screen(800, 600))


# --- when, and what is shown


@pytest.mark.parametrize(
    ("size", "tokens", "target", "mode", "pays"),
    [
        ((3840, 2160), 2048, ModelBox.of(500, 500, 505, 508), "auto", True),
        ((2560, 1440), 2048, ModelBox.of(500, 500, 510, 514), "auto", True),
        ((1920, 1080), 1280, ModelBox.of(500, 500, 510, 514), "auto", True),
        # As the model saw it, nothing was lost, so there is nothing more to see.
        ((1920, 1080), 2048, ModelBox.of(500, 500, 505, 508), "auto", False),
        ((1280, 800), 2048, ModelBox.of(500, 500, 502, 502), "auto", False),
        # The shorter side counts: here it is 30 and 33 of the model's pixels.
        ((3840, 2160), 2048, ModelBox.of(100, 500, 900, 528), "auto", True),
        ((3840, 2160), 2048, ModelBox.of(100, 500, 900, 531), "auto", False),
        ((3840, 2160), 2048, ModelBox.at(500, 500), "auto", True),
        ((3840, 2160), 2048, ModelBox.of(500, 500, 505, 508), "never", False),
        ((1280, 800), 2048, ModelBox.of(100, 100, 900, 900), "always", True),
    ],
)
def test_a_second_look_pays_for_small_targets_on_shrunk_screens(
    size: tuple[int, int], tokens: int, target: ModelBox, mode: LookCloser, pays: bool
) -> None:
    view = screen(*size)
    shrunk = shrunk_by(RecordedModel([]), view, tokens)
    assert worth_it(Click(target=target, label="it"), view, shrunk, mode) is pays


def test_a_server_that_shrinks_on_its_own_is_known_to() -> None:
    """LM Studio shows a model 1024 pixels on the longer side, whatever the budget says."""
    with serving(whole({"object": "list", "data": []})) as server:
        model = OpenAIModel(server.base_url, "qwen3-vl", max_picture_tokens=2048)
        assert shrunk_by(model, screen(1920, 1080), 2048) == pytest.approx(1.0, abs=0.02)
        assert shrunk_by(model, screen(3840, 2160), 2048) == pytest.approx(2.0, abs=0.05)

        class Shrinking(RecordedModel):
            def picture_tokens(self, size: tuple[int, int]) -> int:
                return 1024 * 576 // 1024

        assert shrunk_by(Shrinking([]), screen(1920, 1080), 2048) == pytest.approx(1.875)


@pytest.mark.parametrize(
    ("action", "has"),
    [
        (SMALL, True),
        (Move(target=SMALL.target, intent="see the hint"), True),
        (Drag(target=SMALL.target, end=ModelBox.at(1, 1), label="knob"), True),
        (Type(text="x", target=SMALL.target, label="field"), True),
        (Type(text="x", label="field"), False),
        (Scroll(target=SMALL.target, dy=1, label="list"), False),
        (Zoom(target=SMALL.target, label="list"), False),
        (Press(keys=("enter",), label="x"), False),
        (Done(), False),
        (Click(target=SMALL.target), False),  # there are no words to ask with
    ],
)
def test_only_what_has_an_exact_place_and_words_is_looked_at_again(action: Action, has: bool) -> None:
    assert worth_it(action, screen(1280, 800), 1.0, "always") is has


@given(st.tuples(st.integers(32, 4000), st.integers(32, 4000)), st.tuples(places, places), st.floats(0, 200))
def test_the_crop_holds_the_target_and_its_surroundings(
    size: tuple[int, int], at: tuple[float, float], extent: float
) -> None:
    view = screen(*size)
    target = ModelBox.of(*at, min(at[0] + extent, GRID), min(at[1] + extent, GRID))
    crop = crop_around(target, view)
    if crop is None:
        return
    box = model_box_to_frame(target, view)
    assert 0 <= crop.left <= box.left < box.right <= crop.right <= size[0]
    assert 0 <= crop.top <= box.top < box.bottom <= crop.bottom <= size[1]
    for low, high, inner_low, inner_high, least, side in (
        (crop.left, crop.right, box.left, box.right, SIZE[0], size[0]),
        (crop.top, crop.bottom, box.top, box.bottom, SIZE[1], size[1]),
    ):
        assert high - low >= min(least, side)
        assert (high - low) % 32 == 0 or high - low == side
        assert low == 0 or high == side or min(inner_low - low, high - inner_high) >= MARGIN - 1


def test_a_frame_as_small_as_a_crop_is_not_shown_again() -> None:
    assert crop_around(SMALL.target, screen(640, 480)) is None
    assert crop_around(SMALL.target, screen(641, 480)) is not None
    model = RecordedModel([])
    small = Frame(np.zeros((480, 640, 3), np.uint8), Rect(0, 0, 640, 480))
    assert look_closer(model, SMALL, small, stop=lambda: False) is None


def test_the_question_asks_for_a_place_by_the_models_own_words() -> None:
    crop = Frame(np.zeros((480, 640, 3), np.uint8), Rect(0, 0, 640, 480))
    (message,) = question(Click(target=SMALL.target, label="knob", intent="turn it up"), crop)
    assert message.pictures == (crop,)
    assert isinstance(message.parts[0], Frame), "the picture comes first"
    assert '"knob"' in message.text
    assert "turn it up" in message.text
    assert "knob" not in question(Click(target=SMALL.target, intent="turn it up"), crop)[0].text


# --- what the second answer may do

SEEN = screen(3840, 2160)
TARGET = ModelBox.of(500, 500, 505, 508)
"""1920 to 1940 across, 1080 to 1098 down."""


def second(text: str, finish: str = "stop") -> Action:
    box = crop_around(TARGET, SEEN)
    assert box == FrameBox(1610, 849, 2250, 1329)
    crop = View(640, 480, SEEN.monitor, 1.0, FramePoint(box.left, box.top))
    return refined(Click(target=TARGET, label="knob", count=2), Reply(text, finish=finish), crop, SEEN)


def test_the_target_moves_and_all_else_stays() -> None:
    action = second('```json\n[{"bbox_2d": [450, 480, 476, 521], "label": "knob"}]\n```')
    assert isinstance(action, Click)
    assert (action.label, action.count) == ("knob", 2)
    assert model_box_to_frame(action.target, SEEN) == FrameBox(1898, 1079, 1915, 1100)
    assert model_to_desktop(action.target.centre, SEEN) == DesktopPoint(1610 + 296, 849 + 240)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "not found"),
        ("I see no knob.", "Expected places"),
        (CLICK, "got an action"),
        ('[{"bbox_2d": [1, 1, 9, 9]}, {"bbox_2d": [11, 11, 19, 19]}]', "2 places"),
        ('[{"bbox_2d": [0, 0, 1000, 1000], "label": "knob"}]', "640x480 pixels"),
        ('[{"bbox_2d": [20, 20, 40, 40], "label": "knob"}]', "pixels away"),
        ('[{"bbox_2d": [900, 480, 930, 520], "label": "knob"}]', "pixels away"),
        ('[{"bbox_2d": [1910, 1080, 1930, 1098], "label": "knob"}]', "over 1000"),
        ('[{"bbox_2d": [450, 480, 475', "read"),
    ],
)
def test_an_answer_that_could_mean_something_else_is_refused(text: str, why: str) -> None:
    with pytest.raises(ParseError, match=re.escape(why)):
        second(text)


def test_an_answer_that_was_cut_off_or_is_in_pixels_is_refused() -> None:
    good = '[{"bbox_2d": [450, 480, 475, 520]}]'
    with pytest.raises(ParseError, match="cut off"):
        second(good, "length")
    crop = View(640, 480, SEEN.monitor, 1.0, FramePoint(1610, 849))
    with pytest.raises(ParseError, match="pixels"):
        refined(Click(target=TARGET), Reply(good), crop, SEEN, pixel_space=True)
    with pytest.raises(ParseError, match="no target"):
        refined(Done(), Reply(good), crop, SEEN)


def test_the_same_place_said_twice_is_one_place() -> None:
    place = '{"bbox_2d": [450, 480, 475, 520], "label": "knob"}'
    assert second(f"[{place}, {place}]") == second(f"[{place}]")


# --- in the loop, on a real display


class Listening(RecordedModel):
    def __init__(self, *texts: str, fails_at: int = -1, stops_at: int = -1) -> None:
        super().__init__([Reply(text, prompt_tokens=10, reply_tokens=5) for text in texts], "scripted")
        self.told: list[tuple[Message, ...]] = []
        self._fails_at, self._stops_at = fails_at, stops_at

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        self.told.append(tuple(messages))
        if len(self.told) - 1 == self._fails_at:
            raise ModelError("it is out of memory")
        if len(self.told) - 1 == self._stops_at:
            raise Stopped("stopped while the model was at work")
        return super().reply(messages, stop=stop, on_text=on_text)


POINT = '[{"bbox_2d": [480, 510, 520, 530], "label": "knob"}]'
"""In the crop from (326, 165): the pixels 633 to 659 across, 409 to 420 down."""
MOVED = DesktopPoint(646, 414)
COARSE = DesktopPoint(646, 404)


@pytest.fixture
def at_corner(desktop: Desktop, tmp_path: Path) -> Desktop:
    move = '{"action": "move", "bbox_2d": [10, 10, 12, 12], "label": "corner"}'
    assert Agent(desktop, RecordedModel([Reply(move), Reply(DONE)]), runs=tmp_path).run("go").status == "done"
    return desktop


def play(desktop: Desktop, model: RecordedModel, runs: Path, mode: LookCloser = "auto") -> Recording:
    agent = Agent(desktop, model, runs=runs, look_closer=mode, picture_tokens=SHRUNK)
    run = agent.run("click the knob")
    assert run.status == "done"
    return run.recording()


def test_the_pointer_lands_where_the_second_answer_points(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening(CLICK, POINT, DONE)
    recording = play(at_corner, model, tmp_path)
    assert at_corner.pointer() == MOVED
    step = recording.steps[0]
    assert step.outcome.outcome.pointer == step.outcome.outcome.planned == MOVED
    assert step.intent.closer
    assert step.intent.action
    assert closer_target(step.intent.action) == step.intent.closer.target
    assert step.intent.times["closer"] >= 0
    assert step.intent.reply.text == CLICK, "what the model said first stands as it was said"
    (crop,) = model.told[1][0].pictures
    assert (crop.size, crop.origin) == (SIZE, FramePoint(326, 165))
    (turn,) = step.intent.closer.said
    assert turn.parts[0] == step.intent.closer.frame


def test_the_history_never_holds_the_second_look(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening(CLICK, POINT, CLICK, POINT, DONE)
    play(at_corner, model, tmp_path)
    first, close_up, then, _, last = model.told
    assert len(close_up) == 1
    assert then[: len(first)] == first
    assert last[: len(then)] == then
    assert all(frame.size == (1280, 800) for message in last for frame in message.pictures)
    assert not any(POINT in message.text for message in last)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("[]", "not found"),
        ("hm", "Expected places"),
        ('[{"bbox_2d": [0, 0, 1000, 1000]}]', "640x480"),
        ('[{"bbox_2d": [900, 900, 930, 930]}]', "pixels away"),
    ],
)
def test_a_bad_second_answer_does_not_move_the_click(
    at_corner: Desktop, tmp_path: Path, answer: str, why: str
) -> None:
    recording = play(at_corner, Listening(CLICK, answer, DONE), tmp_path)
    assert at_corner.pointer() == COARSE
    closer = recording.steps[0].intent.closer
    assert closer
    assert closer.target is None
    assert why in closer.kept
    assert replay(recording).agreed


def test_a_model_that_fails_the_second_time_is_no_reason_to_stop(at_corner: Desktop, tmp_path: Path) -> None:
    recording = play(at_corner, Listening(CLICK, DONE, fails_at=1), tmp_path)
    assert at_corner.pointer() == COARSE
    closer = recording.steps[0].intent.closer
    assert closer
    assert (closer.reply, closer.kept) == (None, "the model failed: it is out of memory")
    assert replay(recording).agreed
    assert "it is out of memory" in render_report(recording)


def test_a_stop_during_the_second_look_sends_nothing(at_corner: Desktop, tmp_path: Path) -> None:
    before = at_corner.pointer()
    agent = Agent(at_corner, Listening(CLICK, stops_at=1), runs=tmp_path, picture_tokens=SHRUNK)
    assert agent.run("click").status == "stopped"
    assert at_corner.pointer() == before


def test_never_means_never_and_always_means_always(at_corner: Desktop, tmp_path: Path) -> None:
    never = play(at_corner, Listening(CLICK, DONE), tmp_path, "never")
    assert never.steps[0].intent.closer is None
    assert at_corner.pointer() == COARSE
    model = Listening(CLICK, POINT, DONE)
    run = Agent(at_corner, model, runs=tmp_path, look_closer="always").run("click")
    assert at_corner.pointer() == MOVED
    assert run.recording().steps[0].intent.closer


def test_the_second_look_counts_against_the_tokens(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening(CLICK, POINT, CLICK, POINT, DONE)
    agent = Agent(
        at_corner, model, runs=tmp_path, picture_tokens=SHRUNK, policy=Policy(max_tokens=49)
    )  # a first prompt and its reply 15, a second look 15, a reply on the same prompt 5, a second look 15
    assert agent.run("click").status == "budget"


def test_a_replay_looks_closer_again_and_comes_to_the_same(at_corner: Desktop, tmp_path: Path) -> None:
    recording = play(at_corner, Listening(CLICK, POINT, DONE), tmp_path)
    report = replay(recording)
    assert report.agreed
    assert report.steps[0].redone.action == recording.steps[0].intent.action


def test_a_replay_names_a_second_answer_that_now_means_another_place(
    at_corner: Desktop, tmp_path: Path
) -> None:
    recording = play(at_corner, Listening(CLICK, POINT, DONE), tmp_path)
    first, *rest = recording.steps
    assert first.intent.closer
    other = first.intent.closer.model_copy(update={"reply": Reply(POINT.replace("480", "470"))})
    changed = RecordedStep(first.intent.model_copy(update={"closer": other}), first.outcome)
    report = replay(Recording(recording.folder, recording.manifest, (changed, *rest), recording.result))
    assert {difference.field for difference in report.steps[0].differences} == {"action.target", "plan"}


def test_a_damaged_close_up_is_found(at_corner: Desktop, tmp_path: Path) -> None:
    recording = play(at_corner, Listening(CLICK, POINT, DONE), tmp_path)
    closer = recording.steps[0].intent.closer
    assert closer
    recording.check_frames()
    (recording.folder / closer.frame.file).write_bytes(b"")
    with pytest.raises(Exception, match=re.escape(closer.frame.file)):
        recording.check_frames()


def test_a_live_model_is_compared_with_the_first_answer(at_corner: Desktop, tmp_path: Path) -> None:
    recording = play(at_corner, Listening(CLICK, POINT, DONE), tmp_path)
    assert replay(recording, lambda step, _: step.intent.reply).agreed


def test_the_report_shows_both_boxes_and_the_close_up(at_corner: Desktop, tmp_path: Path) -> None:
    page = render_report(play(at_corner, Listening(CLICK, POINT, DONE), tmp_path))
    assert "The close-up where it pointed again" in page
    assert 'class="first"' in page
    assert "bbox_2d&#34;: [480, 510, 520, 530]" in page
    kept = render_report(play(at_corner, Listening(CLICK, "[]", DONE), tmp_path))
    assert "The first target was kept: it was not found" in kept
    assert 'class="first"' not in kept


class Pointing(Oracle):
    """The oracle, which also answers where a widget is in a close-up."""

    asked = 0

    def __init__(self, desktop: SandboxDesktop) -> None:
        super().__init__(desktop.sandbox)
        self._of = desktop.sandbox

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        if len(messages) > 1:
            return super().reply(messages, stop=stop, on_text=on_text)
        self.asked += 1
        view, tree = messages[0].pictures[0].view, self._of.tree()
        node = next(node for node in tree.nodes if f'"{node.label}"' in messages[0].text and node.id)
        box = WidgetActions(view, tree).box(node.rect)
        return Reply(json.dumps([{"bbox_2d": [box.x1, box.y1, box.x2, box.y2], "label": node.label}]))


def test_the_sandbox_is_solved_when_every_target_is_looked_at_twice(tmp_path: Path) -> None:
    with open_desktop("sandbox:chat?seed=3") as desktop:
        assert isinstance(desktop, SandboxDesktop)
        model = Pointing(desktop)
        agent = Agent(desktop, model, runs=tmp_path, look_closer="always")
        run = agent.run(desktop.sandbox.instruction)
    assert (run.status, run.verified) == ("done", True)
    closers = [step.intent.closer for step in run.recording().steps if step.intent.closer]
    assert len(closers) == model.asked >= 1
    assert any(closer.target for closer in closers)
    assert replay(run.recording()).agreed


def test_from_the_command_line_it_is_asked_of_a_server_in_a_request_of_its_own(tmp_path: Path) -> None:
    """A click, a second look, "done", and whether it is: the checker knows only its own task."""
    with serving(says(CLICK), says(POINT), says(DONE), says(YES)) as server:
        words = ["click the knob", "--desktop", "sandbox:chat", "--look-closer", "always"]
        words += ["--server", server.base_url, "--model", "qwen3-vl", "--ocr", "never", "--runs", "."]
        done = called(words, tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path)})
        asked = [each.body["messages"] for each in server.asked if each.path.endswith("/chat/completions")]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "looked closer" in done.stdout
    assert [len(messages) for messages in asked] == [2, 1, 4, 1]
    assert "Is the task done?" in str(asked[3])
    assert "close-up" in str(asked[1])
