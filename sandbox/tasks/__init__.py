"""Tasks for the sandbox's applications, each of which checks itself and is solved by the oracle."""

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
from qvl_agent.sandbox.tasks.task import Answers, Check, Exercise, Goal, Task

__all__ = ["TASKS", "Answers", "Check", "Exercise", "Goal", "Task", "read_state", "start_exercise"]

T = TypeVar("T")

TASKS: Final[Mapping[str, Mapping[str, Task[Any]]]] = {
    "chat": {task.name: task for task in chat.TASKS},
    "settings": {task.name: task for task in settings.TASKS},
    "form": {task.name: task for task in form.TASKS},
}
"""Tasks by application and name; an application's first one is its demonstration."""

_STATES: Final[Mapping[str, type[ChatState | SettingsState | FormState]]] = {
    "chat": ChatState,
    "settings": SettingsState,
    "form": FormState,
}


def start_exercise(app: str, task: str | None, seed: int) -> Exercise[Any]:
    """Set a task up on a seed; without a name, the application's first one.

    Raises:
        SettingsError: there is no such application or task; the message lists the choices.
    """
    tasks = _choose("application", app, TASKS)
    chosen = next(iter(tasks.values())) if task is None else _choose(f"task in {app}", task, tasks)
    language: Language = language_of(seed)
    state = _STATES[app].of(seed, language)
    goal = chosen.set_up(state, random.Random(f"{app}/{chosen.name}/{seed}"))
    return Exercise(app, chosen, seed, state, goal)


def read_state(app: str, plain: object) -> BaseModel:
    """Read the state that an application reported."""
    return _STATES[app].model_validate(plain)


def _choose(kind: str, name: str, choices: Mapping[str, T]) -> T:
    if name not in choices:
        raise SettingsError(f"no {kind} {name!r}; choose {', '.join(choices)}")
    return choices[name]
