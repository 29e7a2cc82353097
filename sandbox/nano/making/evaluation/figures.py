"""From an evaluation's lines to its figures, in Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.sandbox.apps.appearance import Appearance, Language
from qvl_agent.sandbox.nano import SCREEN
from qvl_agent.sandbox.nano.making.data.held_out import KINDS, held_out

__all__ = [
    "Case",
    "Results",
    "RunLine",
    "Step",
    "StepsLine",
    "facts",
    "looks_table",
    "percent",
    "speed",
    "steps_table",
    "tasks_table",
    "unsolved",
]


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


_OneLine = RunLine | StepsLine
_LOOKS: Sequence[tuple[str, Callable[[_OneLine], bool]]] = (
    ("all", lambda _: True),
    ("English", lambda line: line.language == "en"),
    ("Chinese", lambda line: line.language == "zh"),
    ("nothing held out", lambda line: not line.held_out),
    *((f"held-out {kind}", lambda line, kind=kind: kind in line.held_out) for kind in KINDS),
)
"""The rows that both kinds of figures are split into."""


def percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def looks_table(runs: Sequence[RunLine]) -> str:
    """How many were solved, by language, and on looks that were held out of the training."""
    rows = [_looks_row(name, [run for run in runs if among(run)]) for name, among in _LOOKS]
    return _table(("looks", "solved", "rate"), rows)


def _looks_row(name: str, runs: Sequence[RunLine]) -> tuple[str, ...]:
    solved = sum(run.solved for run in runs)
    return name, f"{solved}/{len(runs)}", percent(solved, len(runs))


def tasks_table(runs: Sequence[RunLine]) -> str:
    """A row for each task: solved in English, in Chinese, together; and the median steps of those."""
    tasks = sorted(dict.fromkeys((run.app, run.task) for run in runs))
    rows = [
        _task_row(f"{app}/{task}", [run for run in runs if (run.app, run.task) == (app, task)])
        for app, task in tasks
    ]
    return _table(
        ("task", "English", "Chinese", "solved", "rate", "median steps"), [*rows, _task_row("all", runs)]
    )


def _task_row(name: str, runs: Sequence[RunLine]) -> tuple[str, ...]:
    def of(some: Sequence[RunLine]) -> str:
        return f"{sum(run.solved for run in some)}/{len(some)}"

    solved = [run.steps for run in runs if run.solved]
    english = [run for run in runs if run.language == "en"]
    chinese = [run for run in runs if run.language == "zh"]
    middle = f"{median(solved):g}" if solved else "-"
    return name, of(english), of(chinese), of(runs), percent(len(solved), len(runs)), middle


def steps_table(lines: Sequence[StepsLine]) -> str:
    """Two tables of the single steps: by look, and by the kind of the oracle's action."""
    by_look = [
        _steps_row(name, [step for line in lines if among(line) for step in line.steps])
        for name, among in _LOOKS
    ]
    every = [step for line in lines for step in line.steps]
    kinds = sorted({step.action for step in every})
    by_kind = [_steps_row(kind, [step for step in every if step.action == kind]) for kind in kinds]
    columns = ("with a target", "parsed", "same kind", "target hit", "rate", "does the same")
    more = ("without", "parsed", "same kind", "does the same")
    heads = (*columns, *more)
    return f"{_table(('looks', *heads), by_look)}\n\n{_table(('the oracle does', *heads), by_kind)}"


def _steps_row(name: str, steps: Iterable[Step]) -> tuple[str, ...]:
    steps = list(steps)
    aimed = [step for step in steps if step.hit is not None]
    others = [step for step in steps if step.hit is None]
    hits = sum(bool(step.hit) for step in aimed)
    parsed, kind, same = _shares(aimed)
    return (
        name,
        str(len(aimed)),
        parsed,
        kind,
        str(hits),
        percent(hits, len(aimed)),
        same,
        str(len(others)),
        *_shares(others),
    )


def _shares(steps: Sequence[Step]) -> tuple[str, str, str]:
    whole = len(steps)
    return (
        percent(sum(not step.error for step in steps), whole),
        percent(sum(step.same_kind for step in steps), whole),
        percent(sum(step.same for step in steps), whole),
    )


def unsolved(runs: Sequence[RunLine]) -> str:
    """Say how the runs ended that didn't solve their task."""
    failed = [run for run in runs if not run.solved]
    ends = Counter(run.status + ", though the state is right" * run.state_right for run in failed)
    return f"{len(failed)} unsolved" + "".join(f"; {count} {end}" for end, count in ends.most_common())


def speed(runs: Iterable[RunLine]) -> str:
    """Say how long the model took for a reply."""
    taken = [ms for run in runs for ms in run.model_ms]
    if not taken:
        return "no reply was timed"
    slow = quantiles(taken, n=100, method="inclusive")[94] if len(taken) > 1 else taken[0]
    return f"{len(taken)} replies: median {median(taken):.0f} ms, p95 {slow:.0f} ms"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def facts(model: str, case: Case) -> dict[str, object]:
    """Say what stands in every line of a case."""
    look = Appearance.from_seed(case.app, case.seed, SCREEN)
    return {"model": model, **case._asdict(), "language": look.language, "held_out": held_out(look)}


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
