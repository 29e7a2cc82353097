"""What an evaluation writes down: one JSON object a line, so that one that was cut off can go on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.sandbox.apps.look import Language, Look
from qvl_agent.sandbox.nano import SCREEN
from qvl_agent.sandbox.nano.making.data.held_out import held_out

__all__ = ["Case", "Line", "Results", "RunLine", "Step", "StepsLine", "facts"]


class Case(NamedTuple):
    """A task on a seed."""

    app: str
    task: str
    seed: int

    def __str__(self) -> str:
        return f"{self.app}/{self.task}?seed={self.seed}"


class _Plain(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _OfCase(_Plain):
    """What stands in every line.

    Attributes:
        model: who answered; lines of another one are left alone.
        held_out: which parts of the look the training never saw.
    """

    model: str
    app: str
    task: str
    seed: int
    language: Language
    held_out: tuple[str, ...]

    @property
    def case(self) -> Case:
        return Case(self.app, self.task, self.seed)


class RunLine(_OfCase):
    """A task run to its end.

    Attributes:
        solved: the application's state is what the task asked for, and the model ended the run by saying
            that it is done (or, where that is right, that it can't be done).
        state_right: the first half of it.
        reason: what the checker and the loop said.
        questions: how often a person was asked.
        replies: the model's, a step each.
        model_ms: how long it took for each.
    """

    kind: Literal["run"] = "run"
    solved: bool
    state_right: bool
    status: str
    reason: str
    steps: int
    questions: int
    replies: tuple[str, ...]
    model_ms: tuple[float, ...]


class Step(_Plain):
    """The model's reply where the oracle's stands beside it.

    Attributes:
        wanted: the oracle's reply; action: its kind.
        said: the model's; error: why it couldn't be read.
        same_kind: both are the same kind of action.
        hit: the middle of the model's box lies on what the oracle points at; None if it points at nothing.
        same: it would also have done the same: typed the same text, pressed the same keys.
    """

    wanted: str
    action: str
    said: str
    error: str = ""
    same_kind: bool = False
    hit: bool | None = None
    same: bool = False


class StepsLine(_OfCase):
    """The steps of a task along the oracle's way."""

    kind: Literal["steps"] = "steps"
    steps: tuple[Step, ...]


Line = Annotated[RunLine | StepsLine, Field(discriminator="kind")]
_LINE: Final[TypeAdapter[Line]] = TypeAdapter(Line)


def facts(model: str, case: Case) -> dict[str, object]:
    """Say what stands in every line of a case."""
    look = Look.of(case.app, case.seed, SCREEN)
    return {"model": model, **case._asdict(), "language": look.language, "held_out": held_out(look)}


class Results:
    """A file of lines that grows. A last line that was cut off is taken away.

    Attributes:
        lines: this model's, from before and added.
        model: whose lines they are.

    Args:
        path: the file; None keeps the lines in memory alone.
        model: whose lines they are.

    Raises:
        RecordingError: the file holds something else.
    """

    def __init__(self, path: Path | None, model: str) -> None:
        self._path, self.model = path, model
        self.lines: list[RunLine | StepsLine] = []
        if path is None or not path.exists():
            return
        whole, end, torn = path.read_bytes().rpartition(b"\n")
        if torn:
            path.write_bytes(whole + end)
        self.lines = [line for line in _read(whole.splitlines(), path) if line.model == model]

    def has(self, kind: str, case: Case) -> bool:
        return any(line.kind == kind and line.case == case for line in self.lines)

    def add(self, line: RunLine | StepsLine) -> None:
        """Append a line; it is in the file before this returns."""
        self.lines.append(line)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line.model_dump_json() + "\n")


def _read(lines: Sequence[bytes], path: Path) -> list[RunLine | StepsLine]:
    found: list[RunLine | StepsLine] = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_LINE.validate_json(line))
        except ValidationError as error:
            wrong = error.errors(include_url=False, include_input=False)[0]["msg"]
            raise RecordingError(
                f"{path}, line {number}: expected a result of an evaluation ({wrong}); name another file"
            ) from error
    return found
