"""The three recorded runs, as they were recorded: one bundled with the package, two of the tests.

`.dev/record-examples` made them in the sandbox, with the oracle; two dialects, two languages.
"""

from pathlib import Path

import pytest
from project import ROOT

from qvl_agent.actions.planning.action import Click, Done, Drag, Type
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.replay.rerun import replay
from qvl_agent.agent.report.page import render_report

BUNDLED = ROOT / "sandbox" / "examples" / "uncheck-the-pinned-chat"
RUNS = [BUNDLED, *sorted((ROOT / "tests" / "data" / "runs").iterdir())]


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_a_recorded_run_replays_the_same(folder: Path) -> None:
    recording = Recording.open(folder)
    assert not recording.torn
    assert recording.result is not None
    assert recording.result.verified
    report = replay(recording)
    assert report.agreed, [step.differences for step in report.steps]
    assert len(report.steps) == recording.result.steps


@pytest.mark.parametrize("folder", RUNS, ids=lambda folder: folder.name)
def test_the_pointer_ended_where_the_model_pointed(folder: Path) -> None:
    for step in Recording.open(folder).steps:
        outcome = step.outcome.outcome
        assert outcome.status == "done"
        assert outcome.pointer == outcome.planned


def test_there_are_three_of_different_kinds() -> None:
    recordings = [Recording.open(folder) for folder in RUNS]
    assert len(recordings) == 3
    assert {recording.manifest.dialect for recording in recordings} == {"grounded", "computer_use"}
    kinds = {type(step.intent.action) for recording in recordings for step in recording.steps}
    assert {Click, Drag, Type, Done} <= kinds


def test_every_one_can_be_shown() -> None:
    for folder in RUNS:
        recording = Recording.open(folder)
        assert recording.manifest.task in render_report(recording).replace("&#34;", '"')
