"""What the model is told of its last action when a run goes on."""

from pathlib import Path

import pytest
from made_runs import ALLOW, Writer, grounded, manifest, noise

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Change, Level, Outcome, Verdict
from qvl_agent.actions.planning.action import Action, Click, Done, Wait
from qvl_agent.agent.recording.continuing import go_on_with, seconds_used
from qvl_agent.agent.recording.recording import Recorder, Recording
from qvl_agent.agent.run.resume import PastRun, past_of

CLICK = Click(target=ModelBox.of(100, 100, 300, 200), label="Send")
DENY = Verdict(Level.DENY, "off-limits", "it is off limits")


def past(
    root: Path,
    action: Action | None,
    outcome: Outcome,
    *,
    verdict: Verdict = ALLOW,
    approval: str = "a1",
    error: str = "",
) -> PastRun:
    with Recorder.create(root, manifest()) as recorder:
        Writer(recorder).write(
            noise(1),
            action,
            Reply(grounded("x")),
            outcome=outcome,
            verdict=verdict,
            approval=approval,
            error=error,
        )
    return past_of(Recording.open(recorder.folder))


@pytest.mark.parametrize(
    ("action", "outcome", "words"),
    [
        (CLICK, Outcome("done", change=Change()), 'click on "Send": done. Nothing changed on the screen.'),
        (CLICK, Outcome("stale", "the screen changed"), "not done, because the screen changed. Look again."),
        (Wait(seconds=1), Outcome("unknown"), "Your last action was not done: nothing was sent for it."),
        (Done(summary="ok"), Outcome("done"), "You ended the task, and that was not checked any more."),
        (CLICK, Outcome("parked"), "nobody answered whether it may be"),
    ],
)
def test_what_is_known_is_told(tmp_path: Path, action: Action, outcome: Outcome, words: str) -> None:
    found = past(tmp_path, action, outcome, approval="" if outcome.status in {"unknown", "parked"} else "a1")
    assert words in found.happened
    assert (found.unsure, found.note) == (None, "")


@pytest.mark.parametrize("status", ["unknown", "stopped", "failed"])
def test_what_may_have_been_sent_half_is_as_unsure_as_what_nobody_wrote(tmp_path: Path, status: str) -> None:
    found = past(tmp_path, CLICK, Outcome(status))
    assert found.unsure is not None
    assert (found.unsure.step, found.unsure.label) == (1, "Send")
    assert "Click “Send”" in found.note
    assert "not known: all of it, a part or nothing" in found.happened


def test_refusals_are_told_with_their_reason(tmp_path: Path) -> None:
    said = past(tmp_path, CLICK, Outcome("refused", DENY.reason), verdict=DENY, approval="").happened
    assert said == "Your last action was refused, so nothing was done: it is off limits"
    spent = Verdict(Level.DENY, "budget-steps", "the run has used up its 50 steps")
    said = past(tmp_path, CLICK, Outcome("refused", spent.reason), verdict=spent, approval="").happened
    assert said.endswith("the run was out of its budget; it has more now.")
    said = past(tmp_path, None, Outcome("refused"), error="It is no JSON.").happened
    assert said == "Your last reply could not be used, so nothing was done. It is no JSON."


def test_time_goes_on_where_it_was(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        Writer(recorder).write(noise(1), CLICK, Reply("x"), outcome=Outcome("done", times={"input": 5.0}))
    assert seconds_used(Recording.open(recorder.folder)) == 6.0
    writer, recording = go_on_with(recorder.folder)
    with writer:
        assert 6.0 <= writer.ref(noise(2)).time < 60
        assert writer.ref(noise(2)).file == "frames/0002.png"
        assert past_of(recording).seconds == 6.0


def test_a_picture_that_a_crash_left_half_written_is_not_in_the_way(tmp_path: Path) -> None:
    with Recorder.create(tmp_path, manifest()) as recorder:
        Writer(recorder).write(noise(1), CLICK, Reply("x"))
    (recorder.folder / "frames" / "0007.png").write_bytes(b"\x89PNG")
    writer, _ = go_on_with(recorder.folder)
    with writer:
        assert writer.ref(noise(2)).file == "frames/0008.png"
