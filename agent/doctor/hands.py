"""The check of a desktop's input: click, scroll and type once, in a window of our own, and see it come.

It is a run like any other, through the guard and the executor, whose model looks for the window's mark in the
picture. So what it shows is the whole way: from a pixel to the grid, to the screen, to the program.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import GRID, ModelBox
from qvl_agent.actions.core.errors import DesktopError, ModelError, QvlError, RecordingError, Stopped
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.desktops.trial import MARK, MARK_PX, TITLE, Trial
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.parsing.dialects import format_action
from qvl_agent.actions.planning.action import Action, Click, Done, Scroll, Type, Wait
from qvl_agent.agent.doctor.environment import Finding
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.opening import open_desktop_for
from qvl_agent.agent.paths import cache_folder
from qvl_agent.agent.run.agent import Agent, Run
from qvl_agent.agent.settings import Settings

__all__ = ["try_hands", "try_once"]

_PLAIN, _OTHER = "Aa1 (x_y) ", "Grüße, Привет 你好 €"
"""Two texts: one that every keyboard has, and one that few have."""
_NOTCHES: Final = 2
_STEPS: Final = 5
_WAITS, _WAIT_S = 10, 0.3
_ARRIVES_S: Final = 2.0
_NEAR: Final = 2.0
"""Logical pixels by which a click may miss the mark's middle: the grid is as coarse as that."""
_ALIKE: Final = 12
"""Levels of a channel by which the mark's colour may differ in a picture that was made smaller."""


class _Finder(Model):
    """Looks for the mark, clicks it, scrolls over it, types, and is done."""

    def __init__(self) -> None:
        self.name = "the doctor's hand"
        self._waits = _WAITS
        self._left: list[Callable[[ModelBox], Action]] = [
            lambda mark: Click(target=mark, label="the mark"),
            lambda mark: Scroll(target=mark, dy=_NOTCHES, label="the mark"),
            lambda _mark: Type(text=_PLAIN),
            lambda _mark: Type(text=_OTHER),
            lambda _mark: Done(summary="all was tried"),
        ]

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        del on_text
        if stop():
            raise Stopped("stopped while a desktop's input was tried")
        picture = [picture for message in messages for picture in message.pictures][-1]
        mark = _mark_in(picture)
        if mark is None and self._waits:  # a picture may be a frame old
            self._waits -= 1
            return Reply(format_action(Wait(seconds=_WAIT_S), "grounded"))
        if mark is None:
            raise ModelError("a window of our own is shown, and isn't in the picture of the screen")
        return Reply(format_action(self._left.pop(0)(mark), "grounded"))

    def close(self) -> None:
        """Do nothing."""


def _mark_in(picture: Frame) -> ModelBox | None:
    near = (np.abs(picture.pixels.astype(np.int16) - MARK) <= _ALIKE).all(axis=2)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    if not len(rows):
        return None
    width, height = picture.size
    return ModelBox.of(
        float(columns[0] * GRID / width),
        float(rows[0] * GRID / height),
        float((columns[-1] + 1) * GRID / width),
        float((rows[-1] + 1) * GRID / height),
    )


def try_hands(settings: Settings) -> tuple[Finding, ...]:
    """Try the input of the desktop that the settings name; what can't be tried is a finding too."""
    try:
        with open_desktop_for(settings) as desktop:
            fact = f"{desktop.name} can't show a window of ours, so nothing was tried"
            return _on(desktop) or (Finding(name="hands", state="warn", fact=fact),)
    except QvlError as error:
        return (Finding(name="hands", state="bad", fact=str(error), remedy="mend that first"),)


def try_once(desktop: Desktop, *, stop: StopCheck = lambda: False) -> None:
    """Try a desktop's input before the first run in its session's kind, and never again with this version.

    A desktop that can't show a window of ours isn't tried.

    Raises:
        DesktopError: it doesn't arrive as it was sent.
        Stopped: `stop` returned True.
    """
    tried = cache_folder() / "hands-tried"
    session = os.environ.get("XDG_CURRENT_DESKTOP") or "a session without a name"
    key = f"{version('qvl-agent')} {type(desktop).__name__} {session}"
    if tried.exists() and key in tried.read_text(encoding="utf-8").splitlines():
        return
    found = _on(desktop, stop)
    if not found:
        return
    if bad := [each.fact for each in found if each.state == "bad"]:
        raise DesktopError(
            f"input doesn't arrive here as it is sent: {'; '.join(bad)}; nothing of the task was done; "
            "`qvl-agent doctor --hands` tries it again"
        )
    tried.parent.mkdir(parents=True, exist_ok=True)
    with tried.open("a", encoding="utf-8") as file:
        file.write(key + "\n")


def _on(desktop: Desktop, stop: StopCheck = lambda: False) -> tuple[Finding, ...]:
    """Try the input of a desktop; nothing is found if it can't show a window of ours."""
    shown = desktop.trial()
    if shown is None:
        return ()
    with shown as trial, tempfile.TemporaryDirectory() as runs:
        agent = Agent(desktop, _Finder(), runs=Path(runs), policy=Policy(), look_closer="never", stop=stop)
        run = agent.run(f"try the input in the window “{TITLE}”")
        if run.status == "stopped":
            raise Stopped(run.result.message)
        return tuple(_tried(trial, run))


def _tried(trial: Trial, run: Run) -> Iterator[Finding]:
    """Compare what was sent with what came."""
    steps = _outcomes(run)
    refused = steps[-2].detail if len(steps) >= _STEPS and steps[-2].status == "broken-off" else ""
    typed = _PLAIN if refused else _PLAIN + _OTHER
    trial.wait(
        lambda: bool(trial.presses) and trial.typed == typed and trial.scrolled == _NOTCHES, _ARRIVES_S
    )
    failed = [each for each in steps if each.status not in ("done", "broken-off")]
    if run.status != "done" or failed:
        why = failed[0].detail if failed else run.result.message
        yield Finding(name="hands", state="bad", fact=f"it couldn't be tried to the end: {why}")
    yield _clicked(trial)
    came = trial.scrolled == _NOTCHES
    fact = (
        f"{_NOTCHES} notches down arrived"
        if came
        else f"of {_NOTCHES} notches down, {trial.scrolled} arrived"
    )
    yield Finding(name="scroll", state="ok" if came else "bad", fact=fact)
    exact = trial.typed == typed
    fact = f"“{typed}” arrived exactly" if exact else f"“{typed}” was sent, “{trial.typed}” arrived"
    yield Finding(name="typing", state="ok" if exact else "bad", fact=fact)
    if refused:
        yield Finding(name="typing", state="warn", fact=f"“{_OTHER}” isn't typed: {refused}")


def _outcomes(run: Run) -> list[Outcome]:
    try:
        return [step.outcome.outcome for step in run.recording().steps if step.outcome is not None]
    except RecordingError:  # not a step was made; the run's end says why
        return []


def _clicked(trial: Trial) -> Finding:
    if not trial.presses:
        fact = "a click was sent to the middle of a window of our own, and none arrived"
        return Finding(name="click", state="bad", fact=fact)
    x, y = trial.presses[0]
    good = max(abs(x), abs(y)) <= _NEAR
    fact = f"a click arrived ({x:+.1f}, {y:+.1f}) px from the middle of a mark of {MARK_PX} px"
    return Finding(name="click", state="ok" if good else "bad", fact=fact)
