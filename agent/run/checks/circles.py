"""Notice that a run goes in circles, also beside what moves by itself (`Circles`).

What moves by itself is learned while the model thinks, when nothing is sent: a model's `stop` is asked many
times a second, and now and then a capture is taken there. A quick model leaves no time for that. So if a
small place might hide a dead end, and it isn't known whether it moves by itself, the run waits and looks.
"""

import logging
import time
from dataclasses import replace
from typing import Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.execution.executor import ExecutionResult
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.screen.changes import CELL, CellSums, Mask, cell_sums
from qvl_agent.actions.screen.motion import Motion
from qvl_agent.agent.run.checks.dead_ends import Attempt, DeadEnd, attempt, dead_end, in_doubt
from qvl_agent.agent.run.context import Setup

__all__ = ["Circles"]

_log = logging.getLogger(__name__)

_THINKING_S: Final = 0.4
"""Seconds between two captures while the model thinks."""
_WATCHING_S: Final = 0.25
"""Seconds between two captures while nothing else is done."""
_WATCH_S: Final = 3.6
"""The longest look at a place in doubt: three turns of a clock with seconds."""


class Circles:
    """The attempts of one run, and what moves by itself meanwhile.

    Attributes:
        motion: what moves by itself.
        newest: the screen after the last attempt, if it was watched for longer; else None.
    """

    def __init__(self, setup: Setup) -> None:
        self.motion = Motion()
        self.newest: Frame | None = None
        self._setup = setup
        self._attempts: list[Attempt] = []
        self._sums: CellSums | None = None
        self._due = 0.0

    def start_anew(self) -> None:
        """Forget the attempts, as a person has worked."""
        self._attempts.clear()
        self.motion.acted(time.monotonic())

    def while_thinking(self, observation: Observation) -> StopCheck:
        """Return the run's `stop` for a model that thinks over a screen; it looks at the screen, too."""
        self.motion.look_away()
        self.motion.lies(observation.layout, observation.screen.view)
        self._sums = None
        self._due = max(time.monotonic(), self.motion.calm_from)

        def stop() -> bool:
            if self._setup.stop():
                return True
            if self._sums is None:
                self._sums = cell_sums(observation.screen, CELL)
                self.motion.see(observation.screen)
            elif time.monotonic() >= self._due:
                self._look(_THINKING_S)
            return False

        return stop

    def _look(self, pause_s: float) -> Frame | None:
        """Learn from the screen as it is now; if it can't be captured, that is found elsewhere."""
        try:
            frame = self._setup.desktop.grab()
        except DesktopError as error:
            _log.info("the screen can't be watched: %s", error)
            self._due = float("inf")
            return None
        self.motion.see(frame)
        self._due = time.monotonic() + pause_s
        return frame

    def after(
        self, action: Action, observation: Observation, screen: str, acted: ExecutionResult
    ) -> DeadEnd | None:
        """Note an action that was done, and find whether it completes a dead end; None if it doesn't.

        Args:
            action: the action.
            observation: what the model saw before it.
            screen: the checksum of `observation.screen`.
            acted: what came of it.
        """
        self.newest = None
        sums = cell_sums(observation.screen, CELL) if self._sums is None else self._sums
        made = attempt(action, observation, screen, acted.frame, acted.outcome.change)
        self._attempts.append(replace(made, sums=sums))
        found = self._found(observation)
        if found is None and (doubt := in_doubt(self._attempts)) is not None:
            self._watch(doubt)
            found = self._found(observation)
        if found is not None and not found.over:
            self._attempts[-1] = replace(self._attempts[-1], told=True)
        return found

    def _found(self, observation: Observation) -> DeadEnd | None:
        last = self._attempts[-1]
        return dead_end(self._attempts, self.motion.left_out(last.places, scale=observation.screen.scale))

    def _watch(self, doubt: Mask) -> None:
        """Look at the screen until it is known of some cells whether they move by themselves."""
        if self.motion.answered(doubt):
            return
        _log.info("looking whether what changes beside the last inputs moves by itself")
        until = max(time.monotonic(), self.motion.calm_from) + _WATCH_S
        self.motion.look_away()
        while time.monotonic() < until and not self._setup.stop():
            if (frame := self._look(_WATCHING_S)) is None:
                return
            self.newest = frame
            if self.motion.answered(doubt):
                return
            time.sleep(_WATCHING_S)
        self.motion.settle_doubt(doubt)
