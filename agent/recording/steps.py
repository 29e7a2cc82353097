"""The steps of a run, put together from its journal's lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, assert_never

from pydantic import TypeAdapter, ValidationError

from qvl_agent.actions.core.coordinates import FramePoint, View
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.core.validation import first_error
from qvl_agent.agent.recording.format import FrameRef, Line, RunResult, RunResumed, StepIntent, StepOutcome

__all__ = ["RecordedRun", "RecordedStep", "first_complaint", "paired", "screen_after", "screen_of"]

_LINE: Final[TypeAdapter[Line]] = TypeAdapter(Line)


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step as it was recorded. The outcome's status is "unknown" if no outcome was written."""

    intent: StepIntent
    outcome: StepOutcome


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """All lines of a journal.

    Attributes:
        steps: in order.
        result: how the run ended; None if it was cut off, or was cut off again after it went on.
        resumed: the places where it went on.
    """

    steps: tuple[RecordedStep, ...]
    result: RunResult | None
    resumed: tuple[RunResumed, ...] = ()


def paired(bodies: Sequence[bytes], path: Path) -> RecordedRun:
    """Pair the intents and outcomes in the lines of the journal at `path`, and collect the other lines.

    Raises:
        RecordingError: a line isn't of the format, or the lines stand in an order that no run writes.
    """
    steps: list[RecordedStep] = []
    resumed: list[RunResumed] = []
    waiting: StepIntent | None = None
    result: RunResult | None = None
    for number, body in enumerate(bodies, start=1):
        where = f"{path}, line {number}"
        line = _line(body, where)
        if result is not None and not isinstance(line, RunResumed):
            raise RecordingError(f"{where}: stands after the run's result")
        if waiting is not None and not isinstance(line, StepOutcome):
            steps.append(_unfinished(waiting))
        match line:
            case StepIntent():
                if steps and line.step <= steps[-1].intent.step:
                    raise RecordingError(f"{where}: step {line.step} comes too late")
                waiting = line
                continue
            case StepOutcome():
                if waiting is None or waiting.step != line.step:
                    raise RecordingError(f"{where}: step {line.step} isn't waiting for an outcome")
                steps.append(RecordedStep(waiting, line))
            case RunResult():
                result = line
            case RunResumed():
                _check_joins(line, steps, result, where)
                resumed.append(line)
                result = None
            case _:
                assert_never(line)
        waiting = None
    if waiting is not None:
        steps.append(_unfinished(waiting))
    return RecordedRun(tuple(steps), result, tuple(resumed))


def _check_joins(
    line: RunResumed, steps: Sequence[RecordedStep], result: RunResult | None, where: str
) -> None:
    """Refuse a `RunResumed` that names another last step or end than the lines before it.

    Raises:
        RecordingError: it does.
    """
    last = steps[-1].intent.step if steps else 0
    ended = result.status if result else None
    if (line.after, line.ended) != (last, ended):
        raise RecordingError(
            f"{where}: goes on after step {line.after} ({line.ended or 'cut off'}), "
            f"but step {last} ({ended or 'cut off'}) is the last before it"
        )


def _line(body: bytes, where: str) -> Line:
    try:
        return _LINE.validate_json(body)
    except ValidationError as error:
        raise RecordingError(f"{where}: {first_complaint(error)}") from error


def _unfinished(intent: StepIntent) -> RecordedStep:
    sent = "it may have been sent" if intent.approval else "nothing was approved, so nothing was sent"
    outcome = Outcome(status="unknown", detail=f"No outcome was written; {sent}.")
    return RecordedStep(intent, StepOutcome(step=intent.step, outcome=outcome))


def first_complaint(error: ValidationError) -> str:
    """Return the first of pydantic's complaints, in one line."""
    wrong = first_error(error)
    return f"{wrong.where or 'JSON'}: {wrong.message}"


def screen_of(steps: Sequence[RecordedStep], index: int) -> FrameRef:
    """Return the whole screen of a step: its own picture, or the one from which a zoom cut it."""
    shown = steps[index].intent.frame
    for step in reversed(steps[: index + 1]):
        ref = step.intent.frame
        if _whole(ref.view) and ref.view.monitor == shown.view.monitor:
            return ref
    return shown


def screen_after(steps: Sequence[RecordedStep], index: int, result: RunResult | None) -> FrameRef | None:
    """Return the screen after a step; None if none was stored."""
    own = steps[index].outcome.frame
    if own is not None or index + 1 == len(steps):
        return own or (result.frame if result else None)
    following = steps[index + 1].intent.frame
    return following if _whole(following.view) else None


def _whole(view: View) -> bool:
    return (
        view.origin == FramePoint(0, 0)
        and abs(view.width - view.monitor.width * view.scale) < 1
        and abs(view.height - view.monitor.height * view.scale) < 1
    )
