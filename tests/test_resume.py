"""Going on with a run that was cut off: what the model is told, what is counted, what is asked, what is refused."""

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from made_runs import small_run

from qvl_agent.actions.coordinates import DesktopPoint
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.errors import RecordingError, RunBusyError, SettingsError
from qvl_agent.actions.messages import Message, Reply
from qvl_agent.actions.person import Consent, Nobody, Question
from qvl_agent.actions.policy import Policy
from qvl_agent.agent import Agent
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.watch import Watch
from qvl_agent.sandbox.journal import Journal, read_journal
from qvl_agent.sandbox.record import RunResumed
from qvl_agent.sandbox.recording import Recording
from qvl_agent.sandbox.replay import replay
from qvl_agent.sandbox.unfinished import go_on_with

CLICK = '{"action": "click", "bbox_2d": [400, 400, 500, 500], "label": "middle"}'
ELSEWHERE = '{"action": "click", "bbox_2d": [700, 700, 720, 720], "label": "corner"}'
WAIT = '{"action": "wait", "seconds": 0}'
ASK = '{"action": "ask", "question": "which one?"}'
DONE = '{"action": "done", "summary": "it is so"}'


class Scripted(RecordedModel):
    """Keeps what it was told."""

    def __init__(self, *texts: str) -> None:
        super().__init__([Reply(text, prompt_tokens=100, reply_tokens=10) for text in texts], "scripted")
        self.told: list[tuple[Message, ...]] = []

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        self.told.append(tuple(messages))
        return super().reply(messages, stop=stop, on_text=on_text)


class Killed(BaseException):
    """As if the process had ended here: nothing that comes later is written."""


class Saying(Nobody):
    def __init__(self, consent: Consent | None = None, answer: str | None = None) -> None:
        self.asked: list[Question] = []
        self._consent, self._answer = consent, answer

    def approve(self, question: Question) -> Consent:
        self.asked.append(question)
        return self._consent or super().approve(question)

    def answer(self, question: str) -> str | None:
        return self._answer


class Seeing(Watch):
    def __init__(self) -> None:
        self.lines: list[RunResumed] = []

    def resumed(self, resumed: RunResumed, folder: Path) -> None:
        self.lines.append(resumed)


def cut(folder: Path, lines: int) -> Path:
    """Leave only the first lines of a run's journal, as a crash does."""
    journal = folder / "journal.jsonl"
    kept = journal.read_bytes().split(b"\n")[:lines]
    journal.write_bytes(b"".join(line + b"\n" for line in kept))
    return folder


def texts(messages: Sequence[Message]) -> list[tuple[str, str, list[bytes]]]:
    return [(each.role, each.text, [frame.pixels.tobytes() for frame in each.pictures]) for each in messages]


@pytest.fixture
def out_of_steps(desktop: Desktop, tmp_path: Path) -> Path:
    run = Agent(desktop, Scripted(WAIT, CLICK, WAIT), runs=tmp_path, policy=Policy(max_steps=2)).run("click")
    assert run.status == "budget"
    return run.folder


@pytest.fixture
def unsure(desktop: Desktop, tmp_path: Path) -> Path:
    """A run that was killed between its click and the line that says so."""
    run = Agent(desktop, Scripted(WAIT, CLICK, DONE), runs=tmp_path).run("click the middle")
    assert run.status == "done"
    return cut(run.folder, 3)


def test_it_goes_on_in_its_own_record_and_with_its_own_numbers(desktop: Desktop, out_of_steps: Path) -> None:
    model, watch = Scripted(CLICK, DONE), Seeing()
    agent = Agent(desktop, model, policy=Policy(max_steps=3), watch=watch)
    run = agent.resume(out_of_steps, anew={"max_steps"})
    assert (run.status, run.folder, run.result.steps) == ("done", out_of_steps, 5)
    recording = run.recording()
    assert [step.intent.step for step in recording.steps] == [1, 2, 3, 4, 5]
    (line,) = recording.resumed
    assert [line] == watch.lines
    assert (line.after, line.ended, line.manifest.policy.max_steps, line.note) == (3, "budget", 6, "")
    scene = recording.steps[3].intent.scene
    assert scene is not None
    assert (scene.step, scene.tokens) == (4, 130 + 10), "100 of the first prompt, and 10 of each reply"
    before = recording.steps[2].intent.scene
    assert before is not None
    assert scene.elapsed_s >= before.elapsed_s
    times = [step.intent.frame.time for step in recording.steps]
    assert times == sorted(times)
    assert replay(recording).agreed, "each part is judged by its own policy"


def test_the_conversation_is_what_it_was_message_for_message(desktop: Desktop, tmp_path: Path) -> None:
    """Pictures were dropped twice on the way; a server's cache would see no difference."""
    count = 20
    live = Scripted(*[WAIT] * count)
    run = Agent(desktop, live, runs=tmp_path).run("wait")
    assert run.status == "model-error"
    again = Scripted(DONE)
    assert Agent(desktop, again).resume(run).status == "done"
    # One more message than the live run showed before it ran out of replies: the one it never got to send.
    before, after = texts(live.told[-1]), texts(again.told[0])
    assert after[: len(before) - 1] == before[:-1]
    assert after[-1][0] == "user"
    assert "The run was interrupted, and goes on now. Your last action: wait: done." in after[-1][1]
    assert sum(bool(pictures) for *_, pictures in after) < 11 < count


def test_a_second_time_and_a_third(desktop: Desktop, out_of_steps: Path) -> None:
    agent = Agent(desktop, Scripted(WAIT), policy=Policy(max_steps=5))
    assert agent.resume(out_of_steps, anew={"max_steps"}).status == "model-error"
    run = Agent(desktop, Scripted(WAIT, DONE)).resume(out_of_steps)
    assert run.status == "done"
    assert [(line.after, line.ended) for line in run.recording().resumed] == [
        (3, "budget"),
        (4, "model-error"),
    ]
    assert replay(run.recording()).agreed


def test_what_may_have_happened_is_shown_and_not_done_again(desktop: Desktop, unsure: Path) -> None:
    before = desktop.pointer()
    model, watch = Scripted(DONE), Seeing()
    run = Agent(desktop, model, watch=watch).resume(unsure)
    assert run.status == "done"
    assert desktop.pointer() == before
    (line,) = watch.lines
    assert line.note.startswith("step 2 was about to do this: Click “middle” at (576, 360). Whether")
    words = model.told[0][-1].text
    assert "in step 2, was about to be done: Click “middle”. Whether it happened is not known" in words
    assert [step.outcome.outcome.status for step in run.recording().steps] == ["done", "unknown", "done"]


@pytest.mark.parametrize(
    ("said", "status"), [(None, "refused"), (Consent("no"), "done"), (Consent("yes"), "done")]
)
def test_the_same_again_is_asked_of_the_person(
    desktop: Desktop, unsure: Path, said: Consent | None, status: str
) -> None:
    corner = '{"action": "move", "bbox_2d": [10, 10, 12, 12], "label": "away"}'
    person = Saying(said)
    run = Agent(desktop, Scripted(WAIT, corner, WAIT, DONE), person=person).resume(cut_again := unsure)
    assert (run.status, person.asked) == ("done", []), "other things need no question"
    del cut_again


@pytest.mark.parametrize(
    ("said", "status"), [(None, "refused"), (Consent("no"), "done"), (Consent("yes"), "done")]
)
def test_the_same_click_straight_away_needs_a_yes(
    desktop: Desktop, unsure: Path, said: Consent | None, status: str
) -> None:
    person = Saying(said)
    run = Agent(desktop, Scripted(WAIT, CLICK, CLICK, DONE), person=person).resume(unsure)
    assert run.status == ("done" if said else "refused")
    verdict = person.asked[0].verdict
    assert (verdict.rule, verdict.level.name) == ("unknown-fate", "ASK_EVERY")
    assert verdict.reason.startswith("step 2 was about to do the same")
    assert len(person.asked) == 1, "once it was sent, or refused, it is known"
    assert replay(run.recording()).agreed
