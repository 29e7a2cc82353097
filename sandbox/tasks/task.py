"""What a task consists of: the instruction, the set-up, the wanted end state, and the oracle's policy."""

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from qvl_agent.actions.core.outcome import Check
from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["Check", "Exercise", "ExpectedAnswer", "Goal", "Task"]

S = TypeVar("S", bound=BaseModel)
Goal = dict[str, str]
"""What the seed chose for the task (names, texts, ids), by the name of the placeholder."""


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    """What the agent's answer must contain, and what it must not contain as well."""

    right: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task(Generic[S]):
    """Something to do in an application.

    Attributes:
        name: Its name on the command line.
        words: The instruction in English and Chinese, with the goal's placeholders in braces.
        set_up: Changes the seeded state so that the task makes sense, and draws the goal.
        policy: Returns the oracle's next action, from the visible widgets, the state and the goal.
        want: Changes a copy of the starting state into the wanted end state.
        answers: Returns the expected answer; None if the task asks for no answer.
        possible: False if the agent is right to say that the task can't be done.
    """

    name: str
    words: tuple[str, str]
    set_up: Callable[[S, random.Random], Goal]
    policy: Callable[[WidgetActions, S, Goal], Action]
    want: Callable[[S, Goal], None] = lambda *_: None
    answers: Callable[[S, Goal], ExpectedAnswer] | None = None
    possible: bool = True


@dataclass(frozen=True, slots=True)
class Exercise(Generic[S]):
    """A task on one seed: with its starting state and its goal."""

    app: str
    task: Task[S]
    seed: int
    start: S
    goal: Goal

    @property
    def instruction(self) -> str:
        """Return the instruction in the seed's language."""
        chinese = getattr(self.start, "language", "en") == "zh"
        return self.task.words[chinese].format(**self.goal)

    def next_action(self, actions: WidgetActions, now: S) -> Action:
        """Return the oracle's next action in the state `now`."""
        return self.task.policy(actions, now, self.goal)

    def check(self, now: S, answer: str | None = None, *, failed: bool = False) -> Check:
        """Compare the current state with the wanted one; any other change fails the check too.

        Args:
            now: The application's current state.
            answer: The agent's answer, if it gave one.
            failed: Whether the agent said that the task can't be done.
        """
        task = self.task
        wanted = self.start.model_copy(deep=True)
        task.want(wanted, self.goal)
        first, goal, found = _flatten_state(self.start), _flatten_state(wanted), _flatten_state(now)
        wrong = [name for name in sorted(goal.keys() | found.keys()) if goal.get(name) != found.get(name)]
        mistakes = [name for name in wrong if goal.get(name) == first.get(name)]
        if mistakes:
            return Check(
                passed=False, reason=f"changed by mistake: {_describe_differences(mistakes, goal, found)}"
            )
        if wrong:
            return Check(passed=False, reason=f"not done yet: {_describe_differences(wrong, goal, found)}")
        if not task.possible:
            reason = "it can't be done, and the agent said so" if failed else "it can't be done; say so"
            return Check(failed, reason)
        if task.answers is not None:
            return _check_answer(task.answers(self.start, self.goal), answer)
        return Check(passed=True, reason="all is as the task asked, and nothing else changed")


def _check_answer(answers: ExpectedAnswer, answer: str | None) -> Check:
    if answer is None:
        return Check(passed=False, reason=f"no answer; it is {answers.right!r}")
    plain = _letters_and_digits(answer)
    others = [
        wrong
        for wrong in answers.wrong
        if _letters_and_digits(wrong) in plain.replace(_letters_and_digits(answers.right), "")
    ]
    if _letters_and_digits(answers.right) not in plain or others:
        return Check(passed=False, reason=f"the answer was {answer!r}; it is {answers.right!r}")
    return Check(passed=True, reason=f"the answer names {answers.right!r}, and nothing was changed")


def _letters_and_digits(text: str) -> str:
    """Return the letters and digits of a text alone, so that spaces, case and punctuation don't matter."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _flatten_state(state: BaseModel) -> dict[str, object]:
    """Flatten a state to values by their dotted paths, without its `view`."""
    return dict(_flatten("", state.model_dump(exclude={"view"})))


def _flatten(name: str, value: Any) -> list[tuple[str, object]]:
    match value:
        case dict():
            children = list(value.items())
        case list():
            children = [
                (item["id"] if isinstance(item, dict) and "id" in item else number, item)
                for number, item in enumerate(value)
            ]
        case _:
            return [(name, value)]
    below = [
        fact for key, child in children for fact in _flatten(f"{name}.{key}" if name else str(key), child)
    ]
    return below or [(name, "nothing")]


def _describe_differences(names: list[str], goal: dict[str, object], found: dict[str, object]) -> str:
    name = names[0]
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{name} is {found.get(name, 'gone')!r}, not {goal.get(name, 'gone')!r}{more}"
