"""Open a sandbox: a virtual display with one of the applications on it, and a task that can be checked.

The command line uses it for `--desktop sandbox:…`, as do the demo, the tests and nano's evaluation.
"""

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
from qvl_agent.sandbox.apps.protocol import MousePress, Tree
from qvl_agent.sandbox.display import VirtualDisplay, WaylandDisplay
from qvl_agent.sandbox.hosting.client import AppProcess
from qvl_agent.sandbox.tasks import TASKS, Check, Exercise, Task, read_state, start_exercise

__all__ = ["APPS", "TASKS", "Sandbox", "SandboxDesktop", "SandboxName", "open_sandbox", "parse_sandbox_name"]

_NAME: Final = re.compile(
    r"sandbox(?P<wayland>-wayland)?:(?P<app>[^/?]+)(/(?P<task>[^?]+))?(\?seed=(?P<seed>\d{1,9}))?"
)
DEFAULT_SEED: Final = 1
"""The seed where none is named; its application is in English."""
_TREE: Final = TypeAdapter(Tree)
_PRESSES: Final = TypeAdapter(list[MousePress])


class SandboxName(NamedTuple):
    """A parsed name such as "sandbox:chat/mute-chat?seed=7"; `task` None means the first task.

    `wayland` says whether it is one in a Wayland session: "sandbox-wayland:chat".
    """

    app: str
    task: str | None = None
    seed: int = DEFAULT_SEED
    wayland: bool = False


def parse_sandbox_name(name: str) -> SandboxName:
    """Parse a sandbox's name from the command line.

    Raises:
        SettingsError: The name is malformed, or there is no such application or task.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise SettingsError(
            "expected sandbox:APP, sandbox:APP/TASK or sandbox:APP/TASK?seed=N, or the same with "
            f"sandbox-wayland:, got {name!r}"
        )
    app, task, seed = match["app"], match["task"], int(match["seed"] or DEFAULT_SEED)
    start_exercise(app, task, seed)
    return SandboxName(app, task, seed, match["wayland"] is not None)


class Sandbox:
    """An application on a virtual display. `open_sandbox` makes one; its `with` block closes it.

    Attributes:
        display: The virtual display.
        desktop: The display's screen, mouse and keyboard.
        exercise: The task on its seed.
    """

    def __init__(
        self, app: str, task: str | None, seed: int, display: VirtualDisplay | WaylandDisplay
    ) -> None:
        self.exercise: Exercise[Any] = start_exercise(app, task, seed)
        with ExitStack() as stack:
            self.display = stack.enter_context(display)
            # First the desktop, as no window of a Wayland session has the keys before there is a keyboard.
            self.desktop: Desktop = open_local(self.display.name)
            stack.callback(self.desktop.close)
            self._process = stack.enter_context(AppProcess(app, self.display.environment()))
            self.reset(task, seed)
            self._stack = stack.pop_all()

    @property
    def task(self) -> Task[Any]:
        return self.exercise.task

    @property
    def instruction(self) -> str:
        """Return the task's instruction for the agent."""
        return self.exercise.instruction

    def reset(self, task: str | None, seed: int) -> None:
        """Set up another task and seed in the same process; None is the application's first task.

        Raises:
            SettingsError: There is no such task.
            DesktopError: The application is gone.
        """
        exercise = start_exercise(self.exercise.app, task, seed)
        self._process.ask("reset", task=task, seed=seed)
        self.exercise = exercise

    def tree(self) -> Tree:
        """Read the widgets that can be seen and reached now."""
        return _TREE.validate_json(json.dumps(self._process.ask("tree")))

    def state(self) -> BaseModel:
        """Read the application's current state."""
        return read_state(self.exercise.app, self._process.ask("state"))

    def clicks(self) -> tuple[MousePress, ...]:
        """Read the log of mouse presses since the last reset."""
        return tuple(_PRESSES.validate_json(json.dumps(self._process.ask("clicks"))))

    def check(self, answer: str | None = None, *, failed: bool = False) -> Check:
        """Compare the application's real state with what the task asked for.

        Args:
            answer: The agent's answer, if it gave one.
            failed: Whether the agent said that the task can't be done.
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
    """A sandbox's desktop that can also check the task. Closing it doesn't close the sandbox.

    Attributes:
        name: Its name in recordings: "sandbox:chat".
        sandbox: The sandbox that it belongs to.
    """

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        super().__init__(sandbox.desktop)
        self.name, self.sandbox = name, sandbox
        self.capabilities = replace(sandbox.desktop.capabilities, checks_task=True)

    def own_task(self) -> str:
        return self.sandbox.instruction

    def check(self, task: str, answer: str | None) -> Check | None:
        """Check the sandbox's task; None if `task` is another instruction."""
        return self.sandbox.check(answer) if task == self.sandbox.instruction else None


def open_sandbox(
    app: str,
    *,
    task: str | None = None,
    seed: int = DEFAULT_SEED,
    size: tuple[int, int] = (1280, 800),
    wayland: bool = False,
) -> Sandbox:
    """Start a display of `size` px and an application on it; without a task, its first one.

    Args:
        app: The application.
        task: The task's name.
        seed: Decides the data, the appearance and the window's place.
        size: The display's width and height in px.
        wayland: Whether it is a Wayland session by sway, and not an X display.

    Raises:
        SettingsError: There is no such application or task; the message lists the choices.
        NoScreenError: Xvfb, the window manager, sway or PySide6 is missing.
        DesktopError: The application didn't start.
    """
    return Sandbox(app, task, seed, WaylandDisplay(size) if wayland else VirtualDisplay(size))
