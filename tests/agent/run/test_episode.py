"""The loop on a real display, with scripted replies: what is sent, what is said back, how it ends."""

import io
import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from scripted_models import CLICK, DONE, Listening, Warnings
from text_fields import TextField

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.core.errors import CoordinateError, ModelError, RecordingError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.execution.person import Consent, Nobody, Question, Said
from qvl_agent.actions.execution.precheck import Precheck
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.screen.changes import compare
from qvl_agent.actions.screen.sanity import one_colour
from qvl_agent.agent import Agent
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.recording.journal import read_journal
from qvl_agent.agent.recording.recording import Recorder
from qvl_agent.agent.run.events import (
    Acted,
    Decided,
    Ended,
    Loading,
    Looked,
    RunEvent,
    Started,
    TextReceived,
    Thinking,
    Verified,
    Warned,
)
from qvl_agent.agent.terminal.reporter import TerminalReporter
from qvl_agent.sandbox.display import VirtualDisplay

CENTRE = DesktopPoint(576, 360)
WAIT = '{"action": "wait", "seconds": 0}'


@pytest.fixture
def at_corner(desktop: Desktop, tmp_path: Path) -> Desktop:
    """The desktop with the pointer at a known place, away from what the tests click."""
    move = '{"action": "move", "bbox_2d": [10, 10, 12, 12], "label": "corner"}'
    assert Agent(desktop, RecordedModel([Reply(move), Reply(DONE)]), runs=tmp_path).run("go").status == "done"
    return desktop


def test_a_click_goes_where_the_model_pointed(at_corner: Desktop, tmp_path: Path) -> None:
    events: list[RunEvent] = []
    run = Agent(at_corner, Listening(CLICK, DONE), runs=tmp_path, subscribers=(events.append,)).run(
        "click the middle"
    )
    assert (run.status, run.result.message, run.verified) == ("done", "it is so", None)
    outcome = run.recording().steps[0].outcome.outcome
    assert outcome.planned == outcome.pointer == CENTRE == at_corner.pointer()
    assert {"freshness", "input", "settle", "record"} <= set(outcome.times)
    assert [event for event in events if isinstance(event, Ended)] == [Ended(run.result)]
    assert [type(event) for event in events] == [
        *(Started, Warned, Looked, Thinking, TextReceived, Decided, Acted),  # the screen is empty
        *(Looked, Thinking, TextReceived, Decided, Acted, Verified, Ended),
    ]


class Large(RecordedModel):
    """Is being loaded for a while after it was asked first."""

    share: float | None = 0.25

    @property
    def loading(self) -> float | None:
        return self.share

    def reply(self, messages: Sequence[Message], *, stop: StopCheck, on_text: OnText | None = None) -> Reply:
        end = time.monotonic() + 1.3
        while time.monotonic() < end and not stop():
            time.sleep(0.02)
        self.share = None
        return super().reply(messages, stop=stop, on_text=on_text)


def test_how_much_of_a_model_is_loaded_is_told_while_it_is_waited_for(
    at_corner: Desktop, tmp_path: Path
) -> None:
    events: list[RunEvent] = []
    model = Large([Reply(DONE)], "large")
    assert Agent(at_corner, model, runs=tmp_path, subscribers=(events.append,)).run("go").status == "done"
    assert [event for event in events if isinstance(event, Loading)] == [Loading(0.25)] * 2


@pytest.mark.fault(2)
def test_what_cannot_be_read_is_told_to_the_model_and_nothing_is_sent(
    at_corner: Desktop, tmp_path: Path
) -> None:
    before = at_corner.pointer()
    model = Listening("I would click at (500, 500).", DONE)
    run = Agent(at_corner, model, runs=tmp_path).run("click")
    assert run.status == "done"
    assert at_corner.pointer() == before
    steps = run.recording().steps
    assert steps[0].intent.action is None
    assert steps[0].intent.error in model.last_words
    assert not model.told[-1][-1].pictures, "the second try is over the same picture"


def test_three_misreadings_in_a_row_end_the_run(at_corner: Desktop, tmp_path: Path) -> None:
    run = Agent(at_corner, Listening("hm", "hm", "hm", DONE), runs=tmp_path).run("click")
    assert run.status == "model-error"
    assert run.result.steps == 3


@pytest.mark.fault(3)
def test_a_reply_that_was_cut_off_is_never_an_action(at_corner: Desktop, tmp_path: Path) -> None:
    before = at_corner.pointer()
    run = Agent(at_corner, Listening(CLICK, CLICK, CLICK, finish="length"), runs=tmp_path).run("click")
    assert run.status == "model-error"
    assert at_corner.pointer() == before


@pytest.mark.fault(16)
def test_pixels_are_refused_with_that_reason(at_corner: Desktop, tmp_path: Path) -> None:
    before = at_corner.pointer()
    model = Listening('{"action": "click", "bbox_2d": [900, 700, 1100, 760]}', DONE)
    Agent(at_corner, model, runs=tmp_path).run("click")
    assert "pixel" in model.last_words
    assert at_corner.pointer() == before


def test_the_guards_refusal_reaches_the_model_and_three_end_the_run(
    at_corner: Desktop, tmp_path: Path
) -> None:
    chord = '{"action": "press", "keys": ["ctrl", "alt", "delete"]}'
    model = Listening(chord, chord, chord)
    run = Agent(at_corner, model, runs=tmp_path).run("lock it")
    assert run.status == "refused"
    steps = run.recording().steps
    assert len(steps) == 3
    assert all(step.outcome.outcome.status == "refused" and not step.intent.approval for step in steps)
    assert steps[0].intent.verdict is not None
    assert steps[0].intent.verdict.reason in model.last_words


class Person(Nobody):
    def __init__(self, said: Said, words: str | None = None) -> None:
        self.questions: list[Question] = []
        self._said: Said = said
        self._words = words

    def approve(self, question: Question) -> Consent:
        self.questions.append(question)
        return Consent(self._said)

    def answer(self, question: str, *, stop: object) -> str | None:
        return self._words


CLOSE_WINDOW = '{"action": "press", "keys": ["ctrl", "w"]}'


def test_a_persons_no_is_told_and_the_same_is_not_asked_again(at_corner: Desktop, tmp_path: Path) -> None:
    person = Person("no")
    model = Listening(CLOSE_WINDOW, CLOSE_WINDOW, DONE)
    run = Agent(at_corner, model, runs=tmp_path, person=person).run("close it")
    assert run.status == "done", "it went another way"
    assert len(person.questions) == 1
    assert "the person said no" in model.told[1][-1].text
    asked = [step.intent.consent for step in run.recording().steps[:2]]
    assert [(one.said, one.remembered) for one in asked if one] == [("no", False), ("no", True)]
    assert not any(step.intent.approval for step in run.recording().steps)


def test_three_nos_in_a_row_end_the_run(at_corner: Desktop, tmp_path: Path) -> None:
    chords = [json.dumps({"action": "press", "keys": ["ctrl", key]}) for key in "wqw"]
    run = Agent(at_corner, Listening(*chords, DONE), runs=tmp_path, person=Person("no")).run("close it")
    assert (run.status, run.result.steps) == ("refused", 3)


@pytest.mark.parametrize(("said", "status"), [("stop", "stopped"), ("late", "parked"), ("absent", "refused")])
def test_what_is_no_yes_sends_nothing(said: Said, status: str, at_corner: Desktop, tmp_path: Path) -> None:
    run = Agent(at_corner, Listening(CLOSE_WINDOW, DONE), runs=tmp_path, person=Person(said)).run("close it")
    assert run.status == status
    (step,) = run.recording().steps
    assert step.intent.approval == ""
    assert step.outcome.outcome.status == ("parked" if said == "late" else "refused")


def test_unattended_parks_the_run_and_asks_nobody(at_corner: Desktop, tmp_path: Path) -> None:
    person = Person("yes")
    policy = Policy(profile="unattended")
    agent = Agent(at_corner, Listening(CLOSE_WINDOW, DONE), runs=tmp_path, person=person, policy=policy)
    assert agent.run("close it").status == "parked"
    assert person.questions == []


def test_a_yes_for_the_run_is_remembered(at_corner: Desktop, tmp_path: Path) -> None:
    for said, questions in (("yes-for-run", 1), ("yes", 2)):
        person = Person(said)
        model = Listening(CLOSE_WINDOW, CLOSE_WINDOW, DONE)
        run = Agent(at_corner, model, runs=tmp_path, person=person).run("close both")
        assert (run.status, len(person.questions)) == ("done", questions)


def test_nobody_there_means_no(at_corner: Desktop, tmp_path: Path) -> None:
    assert Agent(at_corner, Listening(CLOSE_WINDOW), runs=tmp_path).run("close").status == "refused"


def test_a_question_of_the_model_that_nobody_answers_parks(at_corner: Desktop, tmp_path: Path) -> None:
    ask = '{"action": "ask", "question": "Which one?"}'
    run = Agent(at_corner, Listening(ask), runs=tmp_path).run("choose")
    assert (run.status, "Which one?" in run.result.message) == ("parked", True)


def test_the_sixth_question_ends_the_run_and_says_how_to_need_fewer(
    at_corner: Desktop, tmp_path: Path
) -> None:
    person = Person("yes")
    texts = [json.dumps({"action": "type", "text": f"{number}\u200b"}) for number in range(100)]
    run = Agent(at_corner, Listening(*texts), runs=tmp_path, person=person).run("type them")
    assert (run.status, len(person.questions)) == ("budget", 5)
    assert "most by text-invisible" in run.result.message
    assert "for this run" in run.result.message


def test_an_answer_from_the_person_is_told_with_a_fresh_screen(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening('{"action": "ask", "question": "Which one?"}', DONE)
    person = Person("no", words="the left one")
    assert Agent(at_corner, model, runs=tmp_path, person=person).run("choose").status == "done"
    assert "the left one" in model.last_words
    assert model.told[-1][-1].pictures


def test_the_answer_to_a_task_comes_back(at_corner: Desktop, tmp_path: Path) -> None:
    run = Agent(at_corner, Listening('{"action": "answer", "text": "42"}'), runs=tmp_path).run("how many?")
    assert (run.status, run.answer) == ("done", "42")


def test_giving_up_is_a_result(at_corner: Desktop, tmp_path: Path) -> None:
    run = Agent(at_corner, Listening('{"action": "fail", "reason": "no"}'), runs=tmp_path).run("fly")
    assert (run.status, run.result.message) == ("failed", "no")


@pytest.mark.fault(28)
def test_typing_the_word_done_does_not_end_the_run(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening('{"action": "type", "text": "well done"}', '{"action": "fail", "reason": "x"}')
    assert Agent(at_corner, model, runs=tmp_path).run("type").status == "failed"


def test_after_a_zoom_the_answer_is_mapped_through_the_close_up(at_corner: Desktop, tmp_path: Path) -> None:
    zoom = '{"action": "zoom", "bbox_2d": [500, 500, 750, 750], "label": "a quarter"}'
    point = '{"action": "click", "bbox_2d": [0, 0, 1000, 1000], "label": "its middle"}'
    model = Listening(zoom, point, DONE)
    run = Agent(at_corner, model, runs=tmp_path).run("look closely")
    assert run.status == "done"
    close_up = model.told[1][-1].pictures[0]
    assert close_up.size == (320 + 64, 200 + 64)
    assert at_corner.pointer() == DesktopPoint(800, 500)
    assert model.told[2][-1].pictures[0].size == (1280, 800)


def test_a_dry_run_says_what_it_would_do_and_sends_nothing(at_corner: Desktop, tmp_path: Path) -> None:
    before = at_corner.pointer()
    policy = Policy(profile="dry-run")
    run = Agent(at_corner, Listening(CLICK, DONE), runs=tmp_path, policy=policy).run("click")
    assert run.status == "dry-run"
    step = run.recording().steps[0]
    assert (step.outcome.outcome.status, step.outcome.outcome.planned) == ("dry-run", CENTRE)
    assert step.intent.approval == ""
    assert at_corner.pointer() == before


def test_out_of_steps_is_its_own_end(at_corner: Desktop, tmp_path: Path) -> None:
    run = Agent(at_corner, Listening(*[CLICK] * 9), runs=tmp_path, policy=Policy(max_steps=2)).run("click")
    assert (run.status, run.result.steps) == ("budget", 3)
    assert run.recording().steps[-1].outcome.outcome.status == "refused"


def test_a_stop_while_the_model_thinks_ends_it_before_anything_is_sent(
    at_corner: Desktop, tmp_path: Path
) -> None:
    before = at_corner.pointer()
    asked: list[bool] = []
    model = Listening(CLICK, meanwhile=lambda: asked.append(True))
    run = Agent(at_corner, model, runs=tmp_path, stop=lambda: bool(asked)).run("click")
    assert run.status == "stopped"
    assert at_corner.pointer() == before


def test_a_failing_model_is_a_result_with_its_reason(at_corner: Desktop, tmp_path: Path) -> None:
    def fail() -> None:
        raise ModelError("the server is gone")

    run = Agent(at_corner, Listening(CLICK, DONE, meanwhile=fail), runs=tmp_path).run("click")
    assert (run.status, run.result.message) == ("model-error", "the server is gone")


def test_ctrl_c_closes_the_record_and_comes_through(at_corner: Desktop, tmp_path: Path) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    heard: list[RunEvent] = []
    model = Listening(DONE, meanwhile=interrupt)
    with pytest.raises(KeyboardInterrupt):
        Agent(at_corner, model, runs=tmp_path / "own", subscribers=(heard.append,)).run("click")
    (folder,) = (tmp_path / "own").iterdir()
    last = (folder / "journal.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert '"stopped"' in last
    ended = [event.result.status for event in heard if isinstance(event, Ended)]
    assert ended == ["stopped"], "who follows the run is told what the record says"


def test_a_terminal_gets_its_cursor_back_also_where_the_record_cannot_be_written(
    at_corner: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")  # a dumb terminal has no cursor to hide
    written = io.StringIO()
    reporter = TerminalReporter(console=Console(file=written, force_terminal=True))

    def full(*_: object) -> None:
        raise RecordingError("no space left on device")

    monkeypatch.setattr(Recorder, "intent", full)
    with pytest.raises(RecordingError, match="no space"):
        Agent(at_corner, Listening(CLICK, DONE), runs=tmp_path, subscribers=(reporter,)).run("click")
    assert written.getvalue().count("\x1b[?25l") == written.getvalue().count("\x1b[?25h") > 0


@pytest.mark.fault(65)
def test_no_durable_intent_no_action(
    at_corner: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = at_corner.pointer()

    def full(*_: object) -> None:
        raise RecordingError("no space left on device")

    monkeypatch.setattr(Recorder, "intent", full)
    with pytest.raises(RecordingError, match="no space"):
        Agent(at_corner, Listening(CLICK, DONE), runs=tmp_path).run("click")
    assert at_corner.pointer() == before


@pytest.mark.fault(37)
def test_a_screen_that_changed_under_the_target_is_looked_at_again(
    at_corner: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    before = at_corner.pointer()
    colours = iter(("#203040", "#405060", "#607080", "#8090a0"))

    def repaint() -> None:
        environment = {**os.environ, "DISPLAY": display.name}
        subprocess.run(["xsetroot", "-solid", next(colours)], env=environment, check=True)

    model = Listening(CLICK, DONE, meanwhile=repaint)
    run = Agent(at_corner, model, runs=tmp_path).run("click")
    step = run.recording().steps[0]
    assert step.intent.approval
    assert step.outcome.outcome.status == "stale"
    assert at_corner.pointer() == before
    assert "not done" in model.last_words
    assert run.status == "done"


def test_the_history_is_append_only(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening(CLICK, CLICK, "hm", CLICK, DONE)
    Agent(at_corner, model, runs=tmp_path).run("click")
    for earlier, later in pairwise(model.told):
        assert later[: len(earlier)] == earlier


def test_old_pictures_are_dropped_rarely_and_in_one_go(at_corner: Desktop, tmp_path: Path) -> None:
    model = Listening(*[WAIT] * 24, DONE)
    assert Agent(at_corner, model, runs=tmp_path).run("click").status == "done"
    counts = [sum(len(message.pictures) for message in messages) for messages in model.told]
    assert max(counts) == 10
    falls = [after for before, after in pairwise(counts) if after < before]
    assert falls == [4, 4, 4]
    words = [sum(len(message.text) for message in messages) for messages in model.told]
    assert words == sorted(words), "no words are lost"


def test_the_same_again_and_again_is_told_once_and_then_ends_the_run(
    at_corner: Desktop, tmp_path: Path
) -> None:
    model = Listening(*[CLICK] * 9)
    run = Agent(at_corner, model, runs=tmp_path).run("click")
    assert (run.status, run.result.steps) == ("stuck", 5)
    assert run.result.message == "the same was done 5 times on the very same screen: Click “middle”"
    told = ["Note: You have done this 3 times" in messages[-1].text for messages in model.told]
    assert told == [False, False, False, True, False]


def test_looking_closer_at_the_same_again_and_again_is_told_too(at_corner: Desktop, tmp_path: Path) -> None:
    zoom = '{"action": "zoom", "bbox_2d": [500, 500, 750, 750]}'
    close_up = '{"action": "zoom", "bbox_2d": [0, 0, 1000, 1000]}'
    model = Listening(zoom, close_up, close_up, close_up, close_up, DONE)
    run = Agent(at_corner, model, runs=tmp_path).run("look")
    assert run.status == "done", "each close-up of a close-up shows a little more"
    move = '{"action": "move", "bbox_2d": [10, 10, 12, 12]}'
    model = Listening(*[zoom, move] * 5)
    run = Agent(at_corner, model, runs=tmp_path).run("look")
    assert (run.status, run.result.steps) == ("stuck", 9)
    assert sum("Note: You have done this 3 times" in messages[-1].text for messages in model.told) == 2


class Drawn:
    """A desktop on which a field has drawn what was typed before the input is over, however busy it is."""

    def __init__(self, desktop: Desktop, field: TextField) -> None:
        self._desktop, self._field = desktop, field

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desktop, name)

    def perform(self, approved: Approved, stop: Callable[[], bool]) -> None:
        before = self._field.text()
        self._desktop.perform(approved, stop)
        assert self._field.settled(f"{before}a") == f"{before}a"


def test_a_key_that_is_pressed_again_because_it_works_is_no_loop(
    at_corner: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    with TextField("tk", display.environment(), tmp_path) as field:
        press = '{"action": "press", "keys": ["a"]}'
        model = Listening(*[press] * 10, DONE)
        run = Agent(Drawn(at_corner, field), model, runs=tmp_path).run("write ten letters")
        assert (run.status, field.text()) == ("done", "a" * 10)


@pytest.mark.fault(29)
def test_a_screen_that_goes_blank_ends_the_run_before_the_model_acts_on_it(
    at_corner: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    """A window that closes leaves an empty display of one colour, as a screen that turns off does."""
    before = at_corner.grab()
    window = subprocess.Popen(["xterm", "-geometry", "80x24+100+100"], env=display.environment())
    try:
        while not compare(before, at_corner.grab()):
            time.sleep(0.05)

        def blank() -> None:
            window.terminate()
            window.wait()

        watch = Warnings()
        model = Listening(WAIT, CLICK, DONE, meanwhile=blank)
        run = Agent(at_corner, model, runs=tmp_path, subscribers=(watch,)).run("look")
    finally:
        window.kill()
        window.wait()
    assert (run.status, len(model.told), watch.warnings) == ("desktop-error", 1, [])
    assert "went blank" in run.result.message
    assert run.result.frame is not None
    assert one_colour(run.recording().frame(run.result.frame)), "the record shows it"
    empty = Warnings()
    assert Agent(at_corner, Listening(DONE), runs=tmp_path, subscribers=(empty,)).run("look").status == "done"
    assert ["the screen is empty" in warning for warning in empty.warnings] == [True]


def test_the_manifest_says_what_was_run(at_corner: Desktop, tmp_path: Path) -> None:
    run = Agent(at_corner, Listening(DONE), runs=tmp_path, dialect="computer_use").run("nothing")
    manifest = json.loads((run.folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["task"], manifest["model"], manifest["dialect"]) == (
        "nothing",
        "scripted",
        "computer_use",
    )
    assert manifest["desktop"] == at_corner.name


def test_a_step_has_one_intent_whatever_goes_wrong_after_it(
    at_corner: Desktop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that stops fitting the screen after the intent was recorded is no reply to be mended."""

    def gone(*_: object) -> str:
        raise CoordinateError("the monitor is another one now")

    monkeypatch.setattr(Precheck, "changed", gone)
    run = Agent(at_corner, Listening(CLICK, CLICK, DONE), runs=tmp_path).run("click the middle")
    assert (run.status, run.result.message) == ("desktop-error", "the monitor is another one now")
    bodies, _ = read_journal(run.folder / "journal.jsonl")
    lines = [json.loads(body) for body in bodies]
    assert [(line["type"], line.get("step")) for line in lines[:2]] == [("intent", 1), ("outcome", 1)]
    assert [line["type"] for line in lines].count("intent") == 1
    (step,) = run.recording().steps
    assert (step.outcome.outcome.status, step.outcome.outcome.detail) == ("failed", run.result.message)
