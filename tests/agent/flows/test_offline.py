"""A flow on its recorded pictures: found, followed and judged as it was, or named with what is wrong."""

import shutil
from pathlib import Path

import pytest
from recorded_flows import ordered, reader

from qvl_agent.agent.flows.compile import compile_run, write
from qvl_agent.agent.flows.lock import Lock
from qvl_agent.agent.flows.offline import OfflineStep, offline
from qvl_agent.agent.flows.reading import load


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("offline")
    write(compile_run(ordered(folder / "runs"), reader=reader()), folder / "x.flow.yaml")
    return folder


@pytest.fixture
def flow(recorded: Path, tmp_path: Path) -> Path:
    shutil.copytree(recorded / "x.lock", tmp_path / "x.lock")
    return Path(shutil.copy(recorded / "x.flow.yaml", tmp_path))


def played(flow: Path, **options: object) -> list[OfflineStep]:
    return list(offline(load(flow), reader=reader(), **options))  # type: ignore[arg-type]


def change(flow: Path, **fields: object) -> None:
    folder = flow.with_name("x.lock")
    lock = Lock.load(folder)
    (folder / "lock.json").write_text(lock.model_copy(update=fields).model_dump_json())


def test_every_step_passes_as_it_was_recorded(flow: Path) -> None:
    steps = played(flow)
    assert [step.status for step in steps] == ["passed"] * 3
    assert all(step.found and step.found[0].box for step in steps)


def test_a_step_without_a_picture_is_unseen_and_never_passed(flow: Path) -> None:
    change(flow, frames={})
    assert {step.status for step in played(flow)} == {"unseen"}


def test_a_picture_that_is_missing_fails_its_steps_alone(flow: Path) -> None:
    lock = Lock.load(flow.with_name("x.lock"))
    first = next(iter(lock.frames.values()))[0]
    (flow.with_name("x.lock") / first.file).unlink()
    steps = played(flow)
    assert steps[0].status == "failed"
    assert "can't read" in steps[0].message
    assert steps[-1].status == "passed"


def test_another_verdict_of_the_guard_fails(flow: Path) -> None:
    lock = Lock.load(flow.with_name("x.lock"))
    change(flow, verdicts=dict.fromkeys(lock.verdicts, "deny by window-terminal"))
    steps = played(flow)
    assert {step.status for step in steps} == {"failed"}
    assert "the guard judged it" in steps[0].message


def test_what_has_to_follow_is_looked_for_on_the_picture_behind(flow: Path) -> None:
    lock = Lock.load(flow.with_name("x.lock"))
    path = list(lock.frames)[-1]
    change(flow, frames={**lock.frames, path: (lock.frames[path][0],) * 2})
    last = played(flow)[-1]
    assert last.status == "failed"
    assert "isn't on the picture after it" in last.message


def test_pictures_of_other_screens_are_not_taken_for_these(flow: Path) -> None:
    lock = Lock.load(flow.with_name("x.lock"))
    frames = list(lock.frames.values())
    change(flow, frames=dict(zip(lock.frames, reversed(frames), strict=True)))
    assert any(step.status == "failed" for step in played(flow))


def test_a_row_that_cannot_be_filled_in_fails_its_step(flow: Path) -> None:
    flow.write_text(
        "flow: x\ndata: {file: rows.csv, key: number}\nsteps:\n- for_each: row\n  steps:\n"
        '  - type: {into: "Customer", text: "${row.name}"}\n'
        '  - type: {into: "Order number", text: "${row.number}"}\n'
    )
    good = played(flow, row={"name": "Ann", "number": 1})
    assert not [step for step in good if step.status == "failed"]
    bad = played(flow, row={"number": 1})
    assert [step.status for step in bad].count("failed") == 1
    assert "no column 'name'" in next(step.message for step in bad if step.status == "failed")
