"""Going on with a run that was cut off: what is told, what is counted, what is asked, what is refused."""

import html
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from made_runs import small_run

from qvl_agent.actions.core.errors import RecordingError, RunBusyError, SettingsError
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.execution.person import Consent, Nobody, Question
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent import Agent
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.recording.continuing import go_on_with
from qvl_agent.agent.recording.format import RunResumed
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.report.page import render_report
from qvl_agent.agent.run.events import Resumed, RunEvent

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

    def answer(self, question: str, *, stop: object) -> str | None:
        return self._answer


class Resumptions:
    """A subscriber that keeps what it was told of a run that goes on."""

    def __init__(self) -> None:
        self.lines: list[RunResumed] = []

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, Resumed):
            self.lines.append(event.resumed)


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
    model, watch = Scripted(CLICK, DONE), Resumptions()
    agent = Agent(desktop, model, policy=Policy(max_steps=3), subscribers=(watch,))
    run = agent.resume(out_of_steps, explicit={"max_steps"})
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
    assert agent.resume(out_of_steps, explicit={"max_steps"}).status == "model-error"
    run = Agent(desktop, Scripted(WAIT, DONE)).resume(out_of_steps)
    assert run.status == "done"
    assert [(line.after, line.ended) for line in run.recording().resumed] == [
        (3, "budget"),
        (4, "model-error"),
    ]
    assert replay(run.recording()).agreed


@pytest.mark.fault(69)
def test_what_may_have_happened_is_shown_and_not_done_again(desktop: Desktop, unsure: Path) -> None:
    before = desktop.pointer()
    model, watch = Scripted(DONE), Resumptions()
    run = Agent(desktop, model, subscribers=(watch,)).resume(unsure)
    assert run.status == "done"
    assert desktop.pointer() == before
    (line,) = watch.lines
    assert line.note.startswith("step 2 was about to do this: Click “middle” at (576, 360). Whether")
    words = model.told[0][-1].text
    assert "in step 2, was about to be done: Click “middle”. Whether it happened is not known" in words
    assert [step.outcome.outcome.status for step in run.recording().steps] == ["done", "unknown", "done"]
    page = render_report(run.recording())
    assert page.count("The run went on here") == 1
    assert page.index("The run went on here") > page.index('id="title-3"')
    assert f"Known of the action before: {line.note}." in html.unescape(page)


def test_another_thing_is_done_without_a_question(desktop: Desktop, unsure: Path) -> None:
    person = Saying()
    run = Agent(desktop, Scripted(WAIT, ELSEWHERE, CLICK, DONE), person=person).resume(unsure)
    assert (run.status, person.asked) == ("done", []), "and once that is done, the first one may come again"


@pytest.mark.parametrize("said", [None, Consent("no"), Consent("yes")])
def test_the_same_click_straight_away_needs_a_yes(
    desktop: Desktop, unsure: Path, said: Consent | None
) -> None:
    person = Saying(said)
    run = Agent(desktop, Scripted(WAIT, CLICK, CLICK, DONE), person=person).resume(unsure)
    assert run.status == ("done" if said else "refused")
    verdict = person.asked[0].verdict
    assert (verdict.rule, verdict.level.name) == ("unknown-fate", "ASK_EVERY")
    assert verdict.reason.startswith("step 2 was about to do the same")
    assert len(person.asked) == 1, "once it was sent, or refused, it is known"
    assert replay(run.recording()).agreed


def test_a_question_that_nobody_answered_is_put_again(desktop: Desktop, tmp_path: Path) -> None:
    run = Agent(desktop, Scripted(ASK), runs=tmp_path).run("click one")
    assert run.status == "parked"
    model = Scripted(DONE)
    assert Agent(desktop, model, person=Saying(answer="the left one")).resume(run).status == "done"
    assert "The person answered: the left one" in model.told[0][-1].text
    assert texts(model.told[0])[-2][1] == ASK


def test_a_run_that_never_got_to_a_step_begins(desktop: Desktop, tmp_path: Path) -> None:
    run = Agent(desktop, Scripted(), runs=tmp_path).run("click")
    assert run.status == "model-error"
    (run.folder / "journal.jsonl").unlink()
    model = Scripted(CLICK, DONE)
    again = Agent(desktop, model).resume(run.folder)
    assert (again.status, again.result.steps) == ("done", 2)
    assert "Task: click" in model.told[0][-1].text


@pytest.mark.fault(61)
def test_a_torn_last_line_is_left_out_and_said(desktop: Desktop, unsure: Path) -> None:
    """Cut at many places in it: after its first byte, before its last, without the line's end alone."""
    journal = unsure / "journal.jsonl"
    whole = journal.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for end in (start + 1, start + 20, (start + len(whole)) // 2, len(whole) - 2, len(whole) - 1):
        journal.write_bytes(whole[:end])
        run = Agent(desktop, Scripted(DONE)).resume(unsure)
        assert run.status == "done"
        (line,) = run.recording().resumed
        assert (
            line.torn
            == f"line 3 was cut off after {end - start} bytes, as a crash leaves it, and is left out"
        )
        assert (line.after, line.note, run.recording().torn) == (1, "", "")


@pytest.mark.fault(62)
def test_a_damaged_record_is_never_gone_on_with(desktop: Desktop, unsure: Path) -> None:
    journal = unsure / "journal.jsonl"
    whole = journal.read_bytes()
    for place in (5, whole.index(b"\n") // 2, whole.index(b"\n") + 40):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        journal.write_bytes(damaged)
        with pytest.raises(RecordingError, match="damaged"):
            Agent(desktop, Scripted(DONE)).resume(unsure)
        assert journal.read_bytes() == damaged


def test_a_picture_that_the_model_would_see_must_be_whole(desktop: Desktop, unsure: Path) -> None:
    frame = min((unsure / "frames").iterdir())
    frame.write_bytes(frame.read_bytes()[:-1])
    before = (unsure / "journal.jsonl").read_bytes()
    with pytest.raises(RecordingError, match="checksum"):
        Agent(desktop, Scripted(DONE)).resume(unsure)
    assert (unsure / "journal.jsonl").read_bytes() == before


@pytest.mark.parametrize("status", ["done", "failed", "dry-run"])
def test_what_is_over_is_refused_with_a_remedy(desktop: Desktop, tmp_path: Path, status: str) -> None:
    run = small_run(tmp_path, status=status)
    with pytest.raises(RecordingError, match=f"ended as '{status}'; to do it again: qvl-agent 'uncheck the"):
        Agent(desktop, Scripted(DONE)).resume(run.folder)


def test_two_never_go_on_with_the_same_run(desktop: Desktop, unsure: Path) -> None:
    first, _ = go_on_with(unsure)
    with first, pytest.raises(RunBusyError, match=r"another process.*qvl-agent stop"):
        Agent(desktop, Scripted(DONE)).resume(unsure)
    assert Agent(desktop, Scripted(DONE)).resume(unsure).status == "done"


def test_a_run_that_is_still_at_work_is_not_gone_on_with(desktop: Desktop, tmp_path: Path) -> None:
    class Impatient(Scripted):
        def reply(
            self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
        ) -> Reply:
            (folder,) = tmp_path.iterdir()
            with pytest.raises(RunBusyError):
                go_on_with(folder)
            return super().reply(messages, stop=stop, on_text=on_text)

    model = Impatient(DONE)
    assert Agent(desktop, model, runs=tmp_path).run("wait").status == "done"
    assert len(model.told) == 1


def test_a_used_up_budget_has_to_be_given_anew(desktop: Desktop, out_of_steps: Path) -> None:
    with pytest.raises(SettingsError, match=r"used up its 2 steps; .*qvl-agent resume .* --max-steps 50$"):
        Agent(desktop, Scripted(DONE)).resume(out_of_steps)


def test_another_dialect_would_break_the_conversation(desktop: Desktop, unsure: Path) -> None:
    with pytest.raises(SettingsError, match="dialect 'grounded'"):
        Agent(desktop, Scripted(DONE), dialect="computer_use").resume(unsure)


def test_what_the_person_allowed_is_not_taken_from_a_file(desktop: Desktop, tmp_path: Path) -> None:
    send = '{"action": "click", "bbox_2d": [400, 400, 500, 500], "label": "Send"}'
    run = Agent(desktop, Scripted(send), runs=tmp_path, person=Saying(Consent("yes-for-run"))).run("write it")
    assert run.status == "model-error"
    person = Saying(Consent("yes"))
    again = Agent(desktop, Scripted(send, DONE), person=person).resume(run)
    assert [question.verdict.rule for question in person.asked] == ["consequence-send"]
    scene = again.recording().steps[1].intent.scene
    assert scene is not None
    assert (scene.approvals, scene.granted) == (1, frozenset()), "but it is counted"
