"""The stage of the attacks: a display of its own, the process that shows the windows, and the desktop."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.sandbox.attacks.scenario import Scenario, Terminal
from qvl_agent.sandbox.attacks.window_data import DEEDS, SCENE, STATE, Deed, State
from qvl_agent.sandbox.attacks.windows.foreign import RunningForeign
from qvl_agent.sandbox.attacks.windows.terminal import RunningTerminal
from qvl_agent.sandbox.display import VirtualDisplay
from qvl_agent.sandbox.hosting.client import AppProcess

__all__ = ["Stage"]

TERMINAL: Final = "terminal"
"""What the terminal is called among the windows and the places."""

_OWN: Final = "WINDOWID"
"""What a terminal tells the programs in it: its window's number."""


class Stage:
    """Shows one scenario after the other; closes with its `with` block.

    Attributes:
        display: the virtual display.
        desktop: its screen, mouse and keyboard.
        start: the state when the scenario was put up.
    """

    def __init__(self) -> None:
        self.start: State = {}
        self._terminal: RunningTerminal | None = None
        self._foreign: RunningForeign | None = None
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
        """Put a scenario's windows up, afresh; what was there is gone."""
        self._scenario.close()
        self._terminal = self._foreign = None
        self._windows.ask("show", scene=None)
        if scenario.terminal is not None and not scenario.terminal.front:
            self._run(scenario.terminal)
        self._windows.ask("show", scene=SCENE.dump_python(scenario.scene, mode="json"))
        if scenario.terminal is not None and scenario.terminal.front:
            self._run(scenario.terminal)
        if scenario.foreign is not None:
            self._foreign = RunningForeign(scenario.foreign, self.display.environment(), self._folder())
            self._scenario.callback(self._foreign.close)
        if scenario.own:
            self._own(str(self._windows.ask("number", window=scenario.own)))
        self.start = self.state()

    def _run(self, data: Terminal) -> None:
        self._terminal = RunningTerminal(data, self.display.environment(), self._folder())
        self._scenario.callback(self._terminal.close)
        if data.front:
            self._windows.ask("focus", number=self._terminal.window)
        if data.ours:
            self._own(str(self._terminal.window))

    def _folder(self) -> Path:
        """Make a folder that goes with the scenario."""
        return Path(self._scenario.enter_context(tempfile.TemporaryDirectory(prefix="qvl-attack-")))

    def _own(self, number: str) -> None:
        """Say that a window is the terminal that this process runs in."""
        before = os.environ.get(_OWN)
        os.environ[_OWN] = number
        self._scenario.callback(
            lambda: os.environ.pop(_OWN) if before is None else os.environ.__setitem__(_OWN, before)
        )

    def places(self) -> dict[str, Rect]:
        """Say where each part is, covered or not; "terminal" is the terminal's middle."""
        places = {name: Rect(*box) for name, box in self._windows.ask("places").items()}
        if self._terminal is not None:
            at = self._terminal.rect
            places[TERMINAL] = Rect(at.left + 40, at.top + 40, at.width - 80, at.height - 80)
        return places | (self._foreign.places() if self._foreign is not None else {})

    def strike(self, deeds: tuple[Deed, ...]) -> None:
        """Do what the attacker does to the windows."""
        if Deed("focus", TERMINAL) in deeds and self._terminal is not None:
            self._windows.ask("focus", number=self._terminal.window)
        deeds = tuple(deed for deed in deeds if deed.name != TERMINAL)
        self._windows.ask("deeds", deeds=DEEDS.dump_python(deeds, mode="json"))

    def state(self) -> State:
        """Read the applications' own state; the files of the terminal's home are its "home"."""
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
