"""Every task: its words, its checker, and the oracle that solves it through the whole loop."""

from collections.abc import Iterator
from contextlib import closing
from itertools import cycle
from pathlib import Path

import pytest
from pydantic import BaseModel

from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent import Agent
from qvl_agent.sandbox.apps import APPS
from qvl_agent.sandbox.apps.appearance import language_of
from qvl_agent.sandbox.apps.chat.state import ChatState
from qvl_agent.sandbox.apps.form.state import FormState
from qvl_agent.sandbox.apps.settings.state import SettingsState
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import Sandbox, SandboxDesktop, open_sandbox
from qvl_agent.sandbox.tasks import TASKS, Exercise, start_exercise

ALL = [(app, task) for app in APPS for task in TASKS[app]]
SEEDS = range(20)
FEW = {each: (number % 20, (number + 2) % 20) for number, each in enumerate(ALL)}
"""Two of the seeds for each task, one in each language; over all the tasks they come to every seed."""
NIGHT = pytest.param(True, id="every seed", marks=[pytest.mark.nightly, pytest.mark.timeout(1200)])


def ended(exercise: Exercise) -> BaseModel:
    """The state that the task asks for."""
    state = exercise.start.model_copy(deep=True)
    exercise.task.want(state, exercise.goal)
    return state


def right_answer(exercise: Exercise) -> str | None:
    answers = exercise.task.answers
    return None if answers is None else answers(exercise.start, exercise.goal).right


def spoil(state: BaseModel) -> None:
    """Change something that no task asks for."""
    match state:
        case ChatState():
            state.draft = "oops"
        case SettingsState():
            state.switch("closing").on ^= True
        case FormState():
            state.visit.phone += "1"


def test_each_application_has_enough_tasks_and_the_words_of_the_demonstration() -> None:
    assert all(len(TASKS[app]) >= 5 for app in APPS)
    assert {start_exercise("chat", None, seed).instruction for seed in (0, 1)} == {"uncheck the pinned chat"}
    assert start_exercise("chat", None, 2).instruction == "取消勾选置顶的聊天"


@pytest.mark.parametrize(("app", "task"), ALL)
def test_the_checker_passes_what_was_asked_and_nothing_else(app: str, task: str) -> None:
    for seed in SEEDS:
        exercise = start_exercise(app, task, seed)
        assert exercise.instruction
        assert "{" not in exercise.instruction
        answer, failed = right_answer(exercise), not exercise.task.possible
        good = ended(exercise)
        assert exercise.check(good, answer, failed=failed).passed, seed
        assert not exercise.check(exercise.start).passed, "passes before anything was done"
        spoil(good)
        check = exercise.check(good, answer, failed=failed)
        assert not check.passed
        assert check.reason.startswith("changed by mistake: ")


@pytest.mark.parametrize("seed", SEEDS)
def test_there_is_one_pinned_chat_and_it_is_checked(seed: int) -> None:
    state = start_exercise("chat", "uncheck-pinned-chat", seed).start
    assert [chat.checked for chat in state.chats if chat.pinned] == [True]


def test_only_the_right_answer_alone_is_right() -> None:
    exercise = start_exercise("chat", "find-unread", 0)
    name, other = (
        exercise.goal["name"],
        next(c.name for c in exercise.start.chats if c.id != exercise.goal["id"]),
    )
    assert exercise.check(exercise.start, f"It's {name.upper()}!").passed
    assert not exercise.check(exercise.start, other).passed
    assert not exercise.check(exercise.start, f"{name} and {other}").passed
    assert not exercise.check(exercise.start, "").passed
    assert not exercise.check(exercise.start, None).passed


def test_what_is_impossible_must_be_said() -> None:
    exercise = start_exercise("chat", "mute-stranger", 0)
    assert not exercise.check(exercise.start, failed=False).passed
    assert exercise.check(exercise.start, failed=True).passed


def test_a_look_around_is_no_mistake() -> None:
    exercise = start_exercise("chat", "uncheck-pinned-chat", 0)
    state = ended(exercise)
    assert isinstance(state, ChatState)
    state.view.search = "x"
    assert exercise.check(state).passed


class Sandboxes:
    """One sandbox for each application and kind of display that the tests of this process need."""

    def __init__(self) -> None:
        self._opened: dict[tuple[str, bool], Sandbox] = {}

    def get(self, app: str, *, wayland: bool) -> Sandbox:
        if (app, wayland) not in self._opened:
            self._opened[app, wayland] = open_sandbox(app, wayland=wayland)
        return self._opened[app, wayland]

    def close(self) -> None:
        for sandbox in self._opened.values():
            sandbox.close()


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[Sandboxes]:
    with closing(Sandboxes()) as opened:
        yield opened


DISPLAYS = pytest.mark.parametrize("wayland", [False, True], ids=["x11", "wayland"])


def test_a_few_seeds_are_all_seeds_in_both_languages() -> None:
    assert {seed for few in FEW.values() for seed in few} == set(SEEDS)
    assert all({language_of(seed) for seed in few} == {"en", "zh"} for few in FEW.values())


@DISPLAYS
@pytest.mark.parametrize("many", [pytest.param(False, id="two seeds"), NIGHT])
@pytest.mark.parametrize("each", ALL, ids="-".join)
def test_the_oracle_solves_it_without_a_wrong_click(
    each: tuple[str, str], many: bool, wayland: bool, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    app, task = each
    sandbox = sandboxes.get(app, wayland=wayland)
    for seed in SEEDS if many else FEW[app, task]:
        play(sandbox, task, seed, "grounded", tmp_path)


@pytest.mark.parametrize(
    ("app", "task", "seed"),
    [
        pytest.param(*each, seed, marks=[] if seed == usual else pytest.mark.nightly)
        for each, usual in zip(ALL, cycle((20, 22)), strict=False)
        for seed in (20, 22)
    ],
)
def test_the_oracle_solves_it_in_the_native_format_too(
    app: str, task: str, seed: int, sandboxes: Sandboxes, tmp_path: Path
) -> None:
    play(sandboxes.get(app, wayland=False), task, seed, "computer_use", tmp_path)


def play(sandbox: Sandbox, task: str, seed: int, dialect: str, runs: Path) -> None:
    """Run a task through the loop; the state must be right and every press have hit what it meant."""
    sandbox.reset(task, seed)
    oracle = Oracle(sandbox, dialect)
    desktop = SandboxDesktop(sandbox, f"sandbox:{sandbox.exercise.app}/{task}?seed={seed}")
    policy = Policy(actions_per_second=1000, burst=1000)
    agent = Agent(desktop, oracle, dialect=dialect, policy=policy, runs=runs)
    run = agent.run(sandbox.instruction)
    check = sandbox.check(run.answer, failed=run.status == "failed")
    assert check.passed, (seed, sandbox.instruction, run.result, check.reason)
    steps = run.recording().steps
    assert all(step.outcome is not None for step in steps), seed
    sent = [step.outcome is not None and step.outcome.outcome.status == "done" for step in steps]
    meant = [node for aimed, done in zip(oracle.target_ids, sent, strict=True) if done for node in aimed]
    assert [press.id for press in sandbox.clicks()] == meant, (seed, "a wrong click")
