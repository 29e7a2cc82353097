"""Flows of runs that were recorded in the sandbox: by the oracle, on real screens."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from project import ROOT
from recorded_flows import reader

from qvl_agent.actions.reading.target_text import Read as TextRead
from qvl_agent.agent import Agent, open_model
from qvl_agent.agent.flows.compile import Compiled, compile_run, write
from qvl_agent.agent.flows.finding.words import shows
from qvl_agent.agent.flows.offline import offline
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.script.steps import STEP_CLASSES, Check, Click, Read, Step, Type
from qvl_agent.agent.flows.script.targets import Expectation, Target
from qvl_agent.agent.flows.script.walking import strings
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.sandbox.session import TASKS, Sandbox, SandboxDesktop, open_sandbox

RUNS = {
    "register-visit": ROOT / "tests/data/runs/register-visit",
    "set-brightness": ROOT / "tests/data/runs/set-brightness",
    "uncheck-the-pinned-chat": ROOT / "sandbox/examples/uncheck-the-pinned-chat",
}
KINDS = {cls: kind for kind, cls in STEP_CLASSES.items()}
IMPOSSIBLE = {task.name for tasks in TASKS.values() for task in tasks.values() if not task.possible}


@dataclass
class Tried:
    """A compiled run, written and read back."""

    made: Compiled
    recording: Recording
    path: Path


def tried(folder: Path, out: Path) -> Tried:
    made = compile_run(folder, reader=reader())
    path = out / "x.flow.yaml"
    write(made, path)
    return Tried(made, Recording.open(folder), path)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tried]:
    return {name: tried(folder, tmp_path_factory.mktemp(name)) for name, folder in RUNS.items()}


def kinds(made: Compiled) -> list[str]:
    return [KINDS[type(step)] for step in made.flow.steps]


def check_sound(run: Tried) -> None:
    """Check what holds for the flow of every run."""
    loaded = load(run.path)
    assert loaded.flow == run.made.flow
    for step in offline(loaded):
        assert (step.status, step.message) == ("passed", ""), step.words
    acts = [step for step in run.made.flow.steps if not isinstance(step, Check | Read)]
    acted = [step.intent.step for step in run.recording.steps if step.intent.plan]
    left = {one.step for one in run.made.left_out}
    assert len(acts) == len([number for number in acted if number not in left])
    typed = [step.intent.action.text for step in run.recording.steps if is_typing(step.intent.action)]
    for step in run.made.flow.steps:
        written = [text for _, _, _, text in strings(step)]
        assert not any(literal and literal in text for literal in typed for text in written), "a constant"
    assert {str(each.default) for each in run.made.flow.variables.values()} == set(typed)
    for number, step in enumerate(run.made.flow.steps):
        check_not_vacuous(run.made, f"steps[{number}]", step)
    unsure = [one for one in run.made.problems if "isn't unique" in one.what]
    assert unsure == []


def is_typing(action: object) -> bool:
    return getattr(action, "kind", "") == "type"


def check_not_vacuous(made: Compiled, path: str, step: Step) -> None:
    values = {name: str(each.default) for name, each in made.flow.variables.items()}
    for expected in getattr(step, "then", ()):
        before, after = (
            tuple(TextRead(one.text, one.box, 1.0) for one in made.lock.texts[picture.sha256])
            for picture in made.lock.frames[path]
        )
        for words, present in ((expected.see, after), (expected.gone, before)):
            if words:
                filled = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], words)
                assert shows(present, filled) is True, (path, words)
                assert shows(before if present is after else after, filled) is not True, (path, words)
        if expected.changed:
            assert made.lock.frames[path][0] != made.lock.frames[path][1]


@pytest.mark.parametrize("name", RUNS)
def test_a_recorded_runs_flow_is_sound(name: str, runs: dict[str, Tried]) -> None:
    check_sound(runs[name])


def test_a_form_in_chinese_has_its_fields_named_and_its_consequence_once(runs: dict[str, Tried]) -> None:
    made = runs["register-visit"].made
    assert kinds(made) == ["type", "type", "click", "click", "click", "click", "check"]
    fields = [step.type.into for step in made.flow.steps if isinstance(step, Type)]
    assert [field.text for field in fields if field] == ["姓名", "电子邮箱"]
    assert [(one.step, one.what) for one in made.left_out] == [(2, "press tab")]
    text = runs["register-visit"].path.read_text("utf-8")
    assert "登记成功，编号为" in text
    assert "H-2503" not in text
    assert made.problems == ()


def test_a_slider_is_dragged_and_its_number_is_the_proof(runs: dict[str, Tried]) -> None:
    made = runs["set-brightness"].made
    assert kinds(made) == ["click", "drag", "check"]
    assert [step.then[0].see for step in made.flow.steps if hasattr(step, "then")] == ["亮度", "95%"]


def test_a_check_box_in_a_list_is_named_by_its_row(runs: dict[str, Tried]) -> None:
    made = runs["uncheck-the-pinned-chat"].made
    target = made.flow.steps[0].click  # type: ignore[union-attr]
    assert (target.near, target.row) == ("Wendy Zhao", "Wendy Zhao")
    assert made.problems == ()


def test_a_check_box_is_looked_at_afterwards_and_at_the_end(runs: dict[str, Tried]) -> None:
    """No words came or went: that it isn't checked any more is the proof, and it wasn't so before."""
    tried = runs["uncheck-the-pinned-chat"]
    click, check = tried.made.flow.steps
    assert isinstance(click, Click)
    assert isinstance(check, Check)
    (proof,) = click.then
    assert proof.target is not None
    assert (proof.target.near, proof.target.id) == ("Wendy Zhao", "wendy-zhao-afterwards")
    assert check.check.target == proof.target
    assert all(step.status == "passed" for step in offline(load(tried.path)))


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        (Target(near="Wendy Zhao", row="Wendy Zhao"), "isn't found on the picture after it"),
        (Target(text="Wendy Zhao"), "was there before, so it proves nothing"),
    ],
    ids=["as it was", "there anyway"],
)
def test_a_target_that_doesnt_come_by_a_step_fails_offline(
    runs: dict[str, Tried], tmp_path: Path, expected: Target, said: str
) -> None:
    made = runs["uncheck-the-pinned-chat"].made
    click = made.flow.steps[0].model_copy(update={"then": (Expectation(target=expected),)})
    path = tmp_path / "x.flow.yaml"
    write(replace(made, flow=made.flow.model_copy(update={"steps": (click,)})), path)
    (step,) = offline(load(path))
    assert step.status == "failed"
    assert said in step.message


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    opened: dict[str, Sandbox] = {}
    yield opened
    for sandbox in opened.values():
        sandbox.close()


@pytest.mark.nightly
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("app", "task"), [(app, task) for app, tasks in TASKS.items() for task in tasks if task not in IMPOSSIBLE]
)
def test_every_task_of_the_sandbox_becomes_a_sound_flow(
    app: str, task: str, seed: int, sandboxes: dict[str, Sandbox], tmp_path: Path
) -> None:
    if app not in sandboxes:
        sandboxes[app] = open_sandbox(app)
    sandbox = sandboxes[app]
    sandbox.reset(task, seed)
    desktop = SandboxDesktop(sandbox, f"sandbox:{app}/{task}?seed={seed}")
    with open_model("oracle", desktop=desktop) as model:
        run = Agent(desktop, model, runs=tmp_path).run(sandbox.instruction)
    assert run.status == "done"
    check_sound(tried(run.folder, tmp_path))
