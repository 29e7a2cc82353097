"""A sandbox: a display of its own with one of the applications on it, and a task that checks itself."""

import json
import re
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from pydantic import BaseModel, TypeAdapter

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.desktops import Desktop, DesktopWrapper, open_local
from qvl_agent.sandbox.apps import APPS
from qvl_agent.sandbox.apps.protocol import Press, Tree
from qvl_agent.sandbox.display import VirtualDisplay
from qvl_agent.sandbox.hosting.client import AppProcess
from qvl_agent.sandbox.tasks import TASKS, Check, Exercise, Task, read_state, start_exercise

__all__ = ["APPS", "TASKS", "Sandbox", "SandboxDesktop", "SandboxName", "open_sandbox", "parse_sandbox_name"]

_NAME: Final = re.compile(r"sandbox:(?P<app>[^/?]+)(/(?P<task>[^?]+))?(\?seed=(?P<seed>\d{1,9}))?")
DEFAULT_SEED: Final = 1
"""Where none is named: one whose application is in English."""
_TREE: Final = TypeAdapter(Tree)
_PRESSES: Final = TypeAdapter(list[Press])


class SandboxName(NamedTuple):
    """What "sandbox:chat/mute-chat?seed=7" means; without a task, `task` is None: the first one."""

    app: str
    task: str | None = None
    seed: int = DEFAULT_SEED


def parse_sandbox_name(name: str) -> SandboxName:
    """Read a sandbox's name from the command line.

    Raises:
        SettingsError: it isn't one, or there is no such application or task.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise SettingsError(
            f"expected sandbox:APP, sandbox:APP/TASK or sandbox:APP/TASK?seed=N, got {name!r}"
        )
    app, task, seed = match["app"], match["task"], int(match["seed"] or DEFAULT_SEED)
    start_exercise(app, task, seed)
    return SandboxName(app, task, seed)


class Sandbox:
    """An application on a virtual display. Made by `open_sandbox`; closes with its `with` block.

    Attributes:
        display: the virtual display.
        desktop: its screen, mouse and keyboard.
        exercise: the task on its seed.
    """

    def __init__(self, app: str, task: str | None, seed: int, size: tuple[int, int]) -> None:
        self.exercise: Exercise[Any] = start_exercise(app, task, seed)
        with ExitStack() as stack:
            self.display = stack.enter_context(VirtualDisplay(size))
            self._process = stack.enter_context(AppProcess(app, self.display.environment()))
            self.desktop: Desktop = open_local(self.display.name)
            stack.callback(self.desktop.close)
            self.reset(task, seed)
            self._stack = stack.pop_all()

    @property
    def task(self) -> Task[Any]:
        return self.exercise.task

    @property
    def instruction(self) -> str:
        """What to tell the agent."""
        return self.exercise.instruction

    def reset(self, task: str | None, seed: int) -> None:
        """Set another task up, on another seed, in the same process.

        Raises:
            SettingsError: there is no such task.
            DesktopError: the application is gone.
        """
        exercise = start_exercise(self.exercise.app, task, seed)
        self._process.ask("reset", task=task, seed=seed)
        self.exercise = exercise

    def tree(self) -> Tree:
        """Read what can be seen and reached now."""
        return _TREE.validate_json(json.dumps(self._process.ask("tree")))

    def state(self) -> BaseModel:
        """Read the application's own state."""
        return read_state(self.exercise.app, self._process.ask("state"))

    def clicks(self) -> tuple[Press, ...]:
        """Read the log of mouse presses since the last reset."""
        return tuple(_PRESSES.validate_json(json.dumps(self._process.ask("clicks"))))

    def check(self, answer: str | None = None, *, failed: bool = False) -> Check:
        """Compare the application's real state with what the task asked for.

        Args:
            answer: what the agent answered, if it did.
            failed: whether the agent said that it can't be done.
        """
        return self.exercise.check(self.state(), answer, failed=failed)

    def close(self) -> None:
        """End the application and the display. May be called twice."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class SandboxDesktop(DesktopWrapper):
    """A sandbox's desktop, which can also check the task. The sandbox stays its owner's to close.

    Attributes:
        name: what the record calls it: "sandbox:chat".
        sandbox: what it belongs to.
    """

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        super().__init__(sandbox.desktop)
        self.name, self.sandbox = name, sandbox
        self.capabilities = replace(sandbox.desktop.capabilities, checks_task=True)

    def own_task(self) -> str:
        return self.sandbox.instruction

    def check(self, task: str, answer: str | None) -> Check | None:
        """Compare the application's real state with what its task asked for; None for another task."""
        return self.sandbox.check(answer) if task == self.sandbox.instruction else None


def open_sandbox(
    app: str, *, task: str | None = None, seed: int = DEFAULT_SEED, size: tuple[int, int] = (1280, 800)
) -> Sandbox:
    """Start a display of `size` pixels and an application on it.

    Raises:
        SettingsError: there is no such application or task; the message lists the choices.
        NoScreenError: Xvfb, the window manager or PySide6 is missing.
        DesktopError: the application didn't start.
    """
    return Sandbox(app, task, seed, size)
