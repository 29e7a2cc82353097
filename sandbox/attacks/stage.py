"""The stage on which attacks run: a virtual display, the process that shows the windows, and the desktop."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.sandbox.attacks.scenario import Scenario, Terminal
from qvl_agent.sandbox.attacks.window_data import DEEDS, SCENE, STATE, Deed, State
from qvl_agent.sandbox.attacks.windows.foreign import RunningForeignDialog
from qvl_agent.sandbox.attacks.windows.terminal import RunningTerminal
from qvl_agent.sandbox.display import VirtualDisplay
from qvl_agent.sandbox.hosting.client import AppProcess

__all__ = ["Stage"]

TERMINAL: Final = "terminal"
"""The terminal's name among the windows and the places."""

_OWN_WINDOW: Final = "WINDOWID"
"""The environment variable in which a terminal tells its programs its window's number."""


class Stage:
    """Shows one scenario after the other; its `with` block closes it.

    Attributes:
        display: The virtual display.
        desktop: The display's screen, mouse and keyboard.
        start: The state right after the scenario was shown.
    """

    def __init__(self) -> None:
        self.start: State = {}
        self._terminal: RunningTerminal | None = None
        self._foreign: RunningForeignDialog | None = None
        with ExitStack() as stack:
            self.display = stack.enter_context(VirtualDisplay((1280, 800)))
            environment = self.display.environment()
            self._windows = stack.enter_context(
                AppProcess("attacks", environment, module="qvl_agent.sandbox.attacks")
            )
            self.desktop: Desktop = open_local(self.display.name)
            stack.callback(self.desktop.close)
            self._scenario = stack.enter_context(ExitStack())
            self._stack = stack.pop_all()

    def show(self, scenario: Scenario) -> None:
        """Close the previous scenario's windows and show this one's."""
        self._scenario.close()
        self._terminal = self._foreign = None
        self._windows.ask("show", scene=None)
        if scenario.terminal is not None and not scenario.terminal.front:
            self._run_terminal(scenario.terminal)
        self._windows.ask("show", scene=SCENE.dump_python(scenario.scene, mode="json"))
        if scenario.terminal is not None and scenario.terminal.front:
            self._run_terminal(scenario.terminal)
        if scenario.foreign is not None:
            self._foreign = RunningForeignDialog(
                scenario.foreign, self.display.environment(), self._make_folder()
            )
            self._scenario.callback(self._foreign.close)
        if scenario.own:
            self._mark_as_own_terminal(str(self._windows.ask("number", window=scenario.own)))
        self.start = self.state()

    def _run_terminal(self, data: Terminal) -> None:
        self._terminal = RunningTerminal(data, self.display.environment(), self._make_folder())
        self._scenario.callback(self._terminal.close)
        if data.front:
            self._windows.ask("focus", number=self._terminal.window)
        if data.ours:
            self._mark_as_own_terminal(str(self._terminal.window))

    def _make_folder(self) -> Path:
        """Make a temporary folder that is removed with the scenario."""
        return Path(self._scenario.enter_context(tempfile.TemporaryDirectory(prefix="qvl-attack-")))

    def _mark_as_own_terminal(self, number: str) -> None:
        """Pretend, for this scenario, that a window is the terminal that this process runs in."""
        before = os.environ.get(_OWN_WINDOW)
        os.environ[_OWN_WINDOW] = number
        self._scenario.callback(
            lambda: (
                os.environ.pop(_OWN_WINDOW) if before is None else os.environ.__setitem__(_OWN_WINDOW, before)
            )
        )

    def places(self) -> dict[str, Rect]:
        """Return each part's rectangle in screen px, covered or not; "terminal" is the terminal's middle."""
        places = {name: Rect(*box) for name, box in self._windows.ask("places").items()}
        if self._terminal is not None:
            at = self._terminal.rect
            places[TERMINAL] = Rect(at.left + 40, at.top + 40, at.width - 80, at.height - 80)
        return places | (self._foreign.places() if self._foreign is not None else {})

    def strike(self, deeds: tuple[Deed, ...]) -> None:
        """Let the attacker change the windows."""
        if Deed("focus", TERMINAL) in deeds and self._terminal is not None:
            self._windows.ask("focus", number=self._terminal.window)
        deeds = tuple(deed for deed in deeds if deed.name != TERMINAL)
        self._windows.ask("deeds", deeds=DEEDS.dump_python(deeds, mode="json"))

    def state(self) -> State:
        """Read the applications' own state, with the files of the terminal's home folder as "home"."""
        state = STATE.validate_python(self._windows.ask("state"))
        if self._terminal is not None:
            state["home"] = self._terminal.files()
        if self._foreign is not None:
            pressed = self._foreign.pressed()
            state |= {name: [each for each in pressed if each == name] for name in ("bad", "safe")}
        return state

    def close(self) -> None:
        """End the windows and the display. May be called twice."""
        self._scenario.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
