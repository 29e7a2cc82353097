"""Tasks in the sandbox's applications. Each can check its result, and has a policy for the oracle."""

import random
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.sandbox.apps.appearance import Language, language_of
from qvl_agent.sandbox.apps.chat.state import ChatState
from qvl_agent.sandbox.apps.form.state import FormState
from qvl_agent.sandbox.apps.settings.state import SettingsState
from qvl_agent.sandbox.tasks import chat, form, settings
from qvl_agent.sandbox.tasks.task import Check, Exercise, ExpectedAnswer, Goal, Task

__all__ = ["TASKS", "Check", "Exercise", "ExpectedAnswer", "Goal", "Task", "read_state", "start_exercise"]

T = TypeVar("T")

TASKS: Final[Mapping[str, Mapping[str, Task[Any]]]] = {
    "chat": {task.name: task for task in chat.TASKS},
    "settings": {task.name: task for task in settings.TASKS},
    "form": {task.name: task for task in form.TASKS},
}
"""Tasks by application and name; the first task of each application is its demonstration."""

_STATES: Final[Mapping[str, type[ChatState | SettingsState | FormState]]] = {
    "chat": ChatState,
    "settings": SettingsState,
    "form": FormState,
}


def start_exercise(app: str, task: str | None, seed: int) -> Exercise[Any]:
    """Set up a task on a seed; without a name, the application's first one.

    Raises:
        SettingsError: There is no such application or task; the message lists the choices.
    """
    tasks = _choose("application", app, TASKS)
    chosen = next(iter(tasks.values())) if task is None else _choose(f"task in {app}", task, tasks)
    language: Language = language_of(seed)
    state = _STATES[app].from_seed(seed, language)
    goal = chosen.set_up(state, random.Random(f"{app}/{chosen.name}/{seed}"))
    return Exercise(app, chosen, seed, state, goal)


def read_state(app: str, plain: object) -> BaseModel:
    """Validate the state that an application reported, and return it as its class."""
    return _STATES[app].model_validate(plain)


def _choose(kind: str, name: str, choices: Mapping[str, T]) -> T:
    if name not in choices:
        raise SettingsError(f"no {kind} {name!r}; choose {', '.join(choices)}")
    return choices[name]
