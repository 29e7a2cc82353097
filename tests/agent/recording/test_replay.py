"""A run again, offline: the same comes out, and what doesn't is named."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_runs import Writer, chat_run, grounded, manifest, noise, small_run

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox, FramePoint, ModelBox, Rect
from qvl_agent.actions.core.errors import ApprovalError, DesktopError, RecordingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Level, Outcome, Verdict
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import (
    Action,
    Answer,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
)
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.agent.recording.format import StepIntent
from qvl_agent.agent.recording.recording import Recorder, Recording
from qvl_agent.agent.recording.replay.compare import NEAR, Redone, compare, same_place
from qvl_agent.agent.recording.replay.rerun import ReplayDesktop, replay, replay_step
from qvl_agent.agent.recording.steps import RecordedStep

BOX = ModelBox.of(100, 100, 200, 200)
CLICK = Click(target=BOX, label="it")
ALLOW = Verdict(Level.ALLOW, "allow-click", "fine")


@pytest.fixture
def step(tmp_path: Path) -> StepIntent:
    return small_run(tmp_path, steps=1).steps[0].intent


def recorded(step: StepIntent, action: Action | None, verdict: Verdict | None = ALLOW) -> StepIntent:
    return step.model_copy(update={"action": action, "verdict": verdict, "plan": ()})


def fields(step: StepIntent, action: Action | None, *, exact: bool, verdict: Verdict = ALLOW) -> list[str]:
    return [each.field for each in compare(step, Redone(action, "why", (), verdict), exact=exact)]


# --- replay


def test_a_recording_agrees_with_itself(tmp_path: Path) -> None:
    for run in (small_run(tmp_path), chat_run(tmp_path)):
        report = replay(run)
        assert report.agreed
        assert not report.live
        assert [row.step for row in report.steps] == [step.intent.step for step in run.steps]
        assert all(row.redone.plan == row.recorded.intent.plan for row in report.steps)


def test_replay_needs_no_display_no_network_and_no_home(tmp_path: Path) -> None:
    run = chat_run(tmp_path)
    script = (
        "import sys\n"
        "from qvl_agent.agent.recording.recording import Recording\n"
        "from qvl_agent.agent.recording.replay.rerun import replay\n"
        "print(replay(Recording.open(sys.argv[1])).agreed, 'torch' in sys.modules, 'Xlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(run.folder)],
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "False", "False"]


def test_a_reply_that_is_read_otherwise_now_is_named(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        writer = Writer(recorder)
        reply = Reply(grounded("click", BOX, label="it"))
        writer.write(noise(1), Click(target=ModelBox.of(100, 100, 200, 400), label="it"), reply, verdict=None)
        writer.write(noise(2), None, reply, error="it could not be read then", outcome=Outcome("refused"))
        writer.write(noise(3), CLICK, Reply("no action"), verdict=None)
        writer.write(noise(4), CLICK, reply, verdict=Verdict(Level.DENY, "some-rule", "no"))
    report = replay(Recording.open(recorder.folder))
    assert not report.agreed
    assert [[each.field for each in row.differences] for row in report.steps] == [
        ["action.target", "plan"],
        ["error"],
        ["error"],
        ["verdict"],
    ]
    sentences = [row.differences[0].sentence for row in report.steps]
    assert "could not be read then" in sentences[1]
    assert "now it holds no action" in sentences[2]
    assert sentences[3] == "verdict was deny by some-rule; now it is allow by allow-click."


def test_a_misread_reply_agrees_as_long_as_it_is_misread(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        writer = Writer(recorder)
        writer.play(noise(1), Reply("I would click at 500, 300"))
        cut = Reply(grounded("click", BOX), finish="length")
        writer.write(noise(2), None, cut, error="another wording", outcome=Outcome("refused"))
    assert replay(Recording.open(recorder.folder)).agreed


def test_the_policy_and_the_scene_that_were_recorded_judge_again(tmp_path: Path) -> None:
    forbidden = Policy(forbidden=(Rect(0, 0, 64, 48),))
    with Recorder.create(tmp_path, manifest(policy=forbidden)) as recorder:
        Writer(recorder).play(noise(1), Reply(grounded("click", BOX)))
    report = replay(Recording.open(recorder.folder))
    assert [each.field for each in report.steps[0].differences] == ["verdict"]
    assert report.steps[0].redone.verdict is not None
    assert report.steps[0].redone.verdict.level is Level.DENY


def test_a_recording_of_macos_is_replayed_with_its_own_select_all(tmp_path: Path) -> None:
    typing = Type(text="x", target=BOX, clear=True)
    with Recorder.create(tmp_path, manifest(platform="darwin")) as recorder:
        intent = Writer(recorder).write(noise(1), typing, Reply(grounded("type", BOX, text="x", clear=True)))
    redone = replay_step(intent, Recording.open(recorder.folder).manifest)
    assert "meta" in str(redone.plan)
    assert "ctrl" in str(replay_step(intent, manifest()).plan)


def test_a_damaged_frame_is_an_error_not_a_pass(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    (run.folder / "frames/0002.png").write_bytes(b"")
    with pytest.raises(RecordingError, match=r"0002\.png"):
        replay(run)


def test_a_live_model_is_asked_at_every_step_and_compared_by_what_matters(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    asked: list[tuple[int, int]] = []

    def think(step: RecordedStep, of: Recording) -> Reply:
        messages = of.messages(step)
        asked.append((step.intent.step, len(messages)))
        box = ModelBox.of(110, 105, 310, 210) if step.intent.step < 3 else ModelBox.of(700, 700, 800, 800)
        return Reply(grounded("click", box, label="in other words"))

    report = replay(run, think)
    assert asked == [(1, 1), (2, 3), (3, 5)]
    assert report.live
    assert [row.agreed for row in report.steps] == [True, True, False]
    assert "outside the recorded box" in report.steps[2].differences[0].sentence


# --- compare


def test_with_recorded_replies_every_field_counts(step: StepIntent) -> None:
    before = recorded(step, CLICK)
    assert fields(before, CLICK, exact=True) == []
    for change, field in (({"label": "x"}, "label"), ({"intent": "x"}, "intent"), ({"count": 2}, "count")):
        assert fields(before, CLICK.model_copy(update=change), exact=True) == [f"action.{field}"]
    renamed = dataclasses.replace(ALLOW, rule="another-rule")
    assert fields(before, CLICK, exact=True, verdict=renamed) == ["verdict"]
    assert fields(before, CLICK, exact=False, verdict=renamed) == []
    assert fields(before, CLICK, exact=False, verdict=dataclasses.replace(ALLOW, level=Level.DENY)) == [
        "verdict"
    ]


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (CLICK, Click(target=BOX, label="another name", intent="another reason"), []),
        (CLICK, Move(target=BOX), ["action"]),
        (CLICK, None, ["error"]),
        (None, CLICK, ["error"]),
        (None, None, []),
        (CLICK, Click(target=BOX, button="right"), ["action.button"]),
        (CLICK, Click(target=BOX, count=2, modifiers=("ctrl",)), ["action.count", "action.modifiers"]),
        (Drag(target=BOX, end=BOX), Drag(target=BOX, end=ModelBox.of(800, 800, 900, 900)), ["action.end"]),
        (Scroll(target=BOX, dy=3), Scroll(target=BOX, dy=10), []),
        (Scroll(target=BOX, dy=3), Scroll(target=BOX, dy=-3), ["action.scroll"]),
        (Scroll(target=BOX, dy=3), Scroll(target=BOX, dx=3), ["action.scroll"]),
        (Type(text="hello"), Type(text=" hello\n"), []),
        (Type(text="hello"), Type(text="Hello"), ["action.text"]),
        (Type(text="hello"), Type(text="hello", enter=True), ["action.enter"]),
        (Type(text="hello"), Type(text="hello", target=BOX), ["action.target"]),
        (Type(text="hello", target=BOX), Type(text="hello"), ["action.target"]),
        (Press(keys=("ctrl", "c")), Press(keys=("ctrl", "v")), ["action.keys"]),
        (Press(keys=("down",)), Press(keys=("down",), count=4), ["action.count"]),
        (Answer(text="42"), Answer(text="41"), ["action.text"]),
        (Done(summary="a"), Done(summary="b"), []),
        (Done(), Fail(), ["action"]),
        (Wait(seconds=1), Wait(seconds=2), []),
    ],
)
def test_with_a_live_model_only_what_matters_counts(
    step: StepIntent, before: Action | None, now: Action | None, found: list[str]
) -> None:
    assert fields(recorded(step, before), now, exact=False) == found


def test_a_difference_says_both_values_and_is_short(step: StepIntent) -> None:
    before = recorded(step, Type(text="a" * 20_000))
    (found,) = compare(before, Redone(Type(text="b" * 20_000), "", (), ALLOW), exact=True)
    assert found.recorded.startswith("aaa")
    assert found.replayed.startswith("bbb")
    assert len(found.sentence) < 1000


@pytest.mark.parametrize(
    ("replayed", "rule"),
    [
        (BOX, "overlap"),
        (ModelBox.of(120, 100, 220, 200), "overlap"),
        (ModelBox.of(140, 140, 160, 160), "centre"),
        (ModelBox.of(0, 140, 390, 160), "centre"),
        (ModelBox.at(200, 200), "centre"),
        (ModelBox.at(201, 150), ""),
        (ModelBox.of(150, 150, 320, 320), ""),
    ],
)
def test_the_rules_for_one_place(replayed: ModelBox, rule: str) -> None:
    assert same_place(BOX, replayed) == rule


def test_points_are_one_place_if_they_are_near(step: StepIntent) -> None:
    point = ModelBox.at(500, 500)
    assert same_place(point, point) == "overlap"
    assert same_place(point, ModelBox.at(500 + NEAR, 500 - NEAR)) == "near"
    assert same_place(point, ModelBox.of(480, 480, 520, 520)) == "near"
    assert same_place(point, ModelBox.at(500 + NEAR + 0.5, 500)) == ""
    before = recorded(step, Click(target=point))
    (found,) = compare(before, Redone(Click(target=BOX), "", (), ALLOW), exact=False)
    assert "away from the recorded point" in found.sentence


GRID = st.floats(0, 1000, allow_nan=False)


@given(GRID, GRID, GRID, GRID)
def test_every_box_is_at_its_own_place(x1: float, y1: float, x2: float, y2: float) -> None:
    box = ModelBox.of(x1, y1, x2, y2)
    assert same_place(box, box)
    assert same_place(box, ModelBox.at(box.centre.x, box.centre.y))


# --- the desktop of a recording


def test_a_replayed_desktop_shows_each_step_and_takes_no_input(tmp_path: Path) -> None:
    run = small_run(tmp_path)
    desktop: Desktop = ReplayDesktop(run)
    assert isinstance(desktop, ReplayDesktop)
    for number in (1, 3, 2):
        desktop.at(number)
        assert (desktop.grab().pixels == noise(number - 1).pixels).all()
        assert desktop.geometry().monitors == (Rect(0, 0, 64, 48),)
        approved = Approved(run.steps[0].intent.plan, "frame", desktop.geometry())
        with pytest.raises(ApprovalError, match="takes no input"):
            desktop.perform(approved, lambda: False)
    assert desktop.off_limits() == ()
    desktop.release()
    desktop.close()
    with pytest.raises(RecordingError, match="no step 9"):
        desktop.at(9)


def test_a_region_is_cut_out_of_the_recorded_screen(tmp_path: Path) -> None:
    frame = Frame(noise(1, 200, 160).pixels, Rect(-100, -30, 100, 80), 2.0)
    with Recorder.create(tmp_path, manifest()) as recorder:
        Writer(recorder).write(frame, Wait(), Reply(grounded("wait")))
    desktop = ReplayDesktop(Recording.open(recorder.folder))
    part = desktop.grab(Rect(-90, -10, 30, 20))
    assert (part.size, part.origin, part.scale) == ((60, 40), FramePoint(20, 40), 2.0)
    assert (part.pixels == frame.pixels[40:80, 20:80]).all()
    assert desktop.grab(frame.monitor).size == (200, 160)
    for region in (Rect(-101, 0, 10, 10), Rect(-10, 40, 11, 10), Rect(500, 500, 1, 1)):
        with pytest.raises(DesktopError, match="is not on the captured monitor"):
            desktop.grab(region)


def test_after_a_zoom_the_screen_is_still_the_whole_one(tmp_path: Path) -> None:
    screen = noise(1)
    part = screen.crop(FrameBox(8, 8, 40, 40))
    with Recorder.create(tmp_path, manifest()) as recorder:
        writer = Writer(recorder)
        pointer = Outcome("done", pointer=DesktopPoint(5, 6))
        writer.write(screen, Wait(), Reply(grounded("wait")), outcome=pointer)
        writer.play(part, Reply(grounded("click", BOX)))
    desktop = ReplayDesktop(Recording.open(recorder.folder))
    assert desktop.pointer() == DesktopPoint(0, 0)
    desktop.at(2)
    assert desktop.grab().size == screen.size
    assert desktop.pointer() == DesktopPoint(5, 6)
