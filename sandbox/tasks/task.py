"""What a task is: words, a set-up, what must be true afterwards, and how the oracle gets there."""

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from qvl_agent.actions.core.outcome import Check
from qvl_agent.actions.planning.action import Action
from qvl_agent.sandbox.tasks.widget_actions import Hand

__all__ = ["Answers", "Check", "Exercise", "Goal", "Task"]

S = TypeVar("S", bound=BaseModel)
Goal = dict[str, str]
"""What a seed filled into the task: names, texts, ids."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What an answer must name, and what it must not name beside it."""

    right: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task(Generic[S]):
    """Something to do in an application.

    Attributes:
        name: what the command line calls it.
        words: the instruction in English and Chinese, with the goal's names in braces.
        set_up: changes the seeded state so that the task makes sense, and draws the goal.
        want: changes a copy of the state at the start into the state at the end.
        policy: the oracle's next action, from what can be seen and what is.
        answers: what must be answered; None if the task asks for no answer.
        possible: False if the right end is to say that it can't be done.
    """

    name: str
    words: tuple[str, str]
    set_up: Callable[[S, random.Random], Goal]
    policy: Callable[[Hand, S, Goal], Action]
    want: Callable[[S, Goal], None] = lambda *_: None
    answers: Callable[[S, Goal], Answers] | None = None
    possible: bool = True


@dataclass(frozen=True, slots=True)
class Exercise(Generic[S]):
    """A task on a seed: the state at the start, and what the seed filled in."""

    app: str
    task: Task[S]
    seed: int
    start: S
    goal: Goal

    @property
    def instruction(self) -> str:
        """The task in the words of the seed's language."""
        chinese = getattr(self.start, "language", "en") == "zh"
        return self.task.words[chinese].format(**self.goal)

    def next_action(self, hand: Hand, now: S) -> Action:
        """Ask the oracle's policy what to do."""
        return self.task.policy(hand, now, self.goal)

    def check(self, now: S, answer: str | None = None, *, failed: bool = False) -> Check:
        """Compare the state now with what the task asked for; anything else that changed is a mistake.

        Args:
            now: the application's state.
            answer: what the agent answered, if it did.
            failed: whether the agent said that the task can't be done.
        """
        task = self.task
        wanted = self.start.model_copy(deep=True)
        task.want(wanted, self.goal)
        first, goal, found = _facts(self.start), _facts(wanted), _facts(now)
        wrong = [name for name in sorted(goal.keys() | found.keys()) if goal.get(name) != found.get(name)]
        mistakes = [name for name in wrong if goal.get(name) == first.get(name)]
        if mistakes:
            return Check(passed=False, reason=f"changed by mistake: {_said(mistakes, goal, found)}")
        if wrong:
            return Check(passed=False, reason=f"not done yet: {_said(wrong, goal, found)}")
        if not task.possible:
            reason = "it can't be done, and the agent said so" if failed else "it can't be done; say so"
            return Check(failed, reason)
        if task.answers is not None:
            return _check_answer(task.answers(self.start, self.goal), answer)
        return Check(passed=True, reason="all is as the task asked, and nothing else changed")


def _check_answer(answers: Answers, answer: str | None) -> Check:
    if answer is None:
        return Check(passed=False, reason=f"no answer; it is {answers.right!r}")
    said = _plain(answer)
    others = [wrong for wrong in answers.wrong if _plain(wrong) in said.replace(_plain(answers.right), "")]
    if _plain(answers.right) not in said or others:
        return Check(passed=False, reason=f"the answer was {answer!r}; it is {answers.right!r}")
    return Check(passed=True, reason=f"the answer names {answers.right!r}, and nothing was changed")


def _plain(text: str) -> str:
    """Letters and digits alone, so that spaces, case and punctuation don't matter."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(letter for letter in folded if letter.isalnum())


def _facts(state: BaseModel) -> dict[str, object]:
    """Flatten a state to one value a name, leaving out what is only looked at."""
    return dict(_flat("", state.model_dump(exclude={"view"})))


def _flat(name: str, value: Any) -> list[tuple[str, object]]:
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
    below = [fact for key, child in children for fact in _flat(f"{name}.{key}" if name else str(key), child)]
    return below or [(name, "nothing")]


def _said(names: list[str], goal: dict[str, object], found: dict[str, object]) -> str:
    name = names[0]
    more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
    return f"{name} is {found.get(name, 'gone')!r}, not {goal.get(name, 'gone')!r}{more}"
