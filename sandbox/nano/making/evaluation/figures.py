"""An evaluation's results: the lines of its JSONL file, and the tables made of them, in Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.sandbox.apps.appearance import Appearance, Language
from qvl_agent.sandbox.nano import SCREEN
from qvl_agent.sandbox.nano.making.data.held_out import KINDS, held_out

__all__ = [
    "Case",
    "Results",
    "RunLine",
    "Step",
    "StepsLine",
    "case_fields",
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


class _FrozenModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _CaseLine(_FrozenModel):
    """The fields of every line.

    Attributes:
        model: The model that answered; lines of other models are ignored.
        app, task, seed, language: The case.
        held_out: Which parts of the appearance were held out of the training.
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


class RunLine(_CaseLine):
    """The result of a task that the model did.

    Attributes:
        solved: Whether the application's state is what the task asked for, and the model ended the run by
            saying that it is done (or, where that is right, that it can't be done).
        state_right: Whether the application's state is what the task asked for.
        status: How the run ended.
        reason: What the checker and the loop said.
        steps: How many steps it took.
        questions: How many questions the guard asked.
        replies: The model's reply at each step.
        model_ms: How long each reply took, in ms.
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


class Step(_FrozenModel):
    """The model's reply at one step, compared with the oracle's.

    Attributes:
        wanted, action: The oracle's reply, and its kind of action.
        said, error: The model's reply, and why it couldn't be parsed, or "".
        same_kind: Whether both are the same kind of action.
        hit: Whether the middle of the model's box lies on what the oracle points at; None if the oracle
            points at nothing.
        same: Whether it would have done the same: hit the target, typed the same text, pressed the same keys.
    """

    wanted: str
    action: str
    said: str
    error: str = ""
    same_kind: bool = False
    hit: bool | None = None
    same: bool = False


class StepsLine(_CaseLine):
    """The result of a task that the oracle did while the model was asked at each step."""

    kind: Literal["steps"] = "steps"
    steps: tuple[Step, ...]


Line = Annotated[RunLine | StepsLine, Field(discriminator="kind")]
_LINE: Final[TypeAdapter[Line]] = TypeAdapter(Line)
_AnyLine = RunLine | StepsLine
_LOOKS: Sequence[tuple[str, Callable[[_AnyLine], bool]]] = (
    ("all", lambda _: True),
    ("English", lambda line: line.language == "en"),
    ("Chinese", lambda line: line.language == "zh"),
    ("nothing held out", lambda line: not line.held_out),
    *((f"held-out {kind}", lambda line, kind=kind: kind in line.held_out) for kind in KINDS),
)
"""The rows of the tables by appearance: name, and whether a line belongs to it."""


class Results:
    """A JSONL file of results that can be appended to. An incomplete last line is removed.

    Attributes:
        lines: This model's lines: those in the file, and those added.
        model: The model's name.

    Args:
        path: The file; None keeps the lines in memory only.
        model: The model's name.

    Raises:
        RecordingError: The file holds something else.
    """

    def __init__(self, path: Path | None, model: str) -> None:
        self._path, self.model = path, model
        self.lines: list[RunLine | StepsLine] = []
        if path is None or not path.exists():
            return
        whole, end, torn = path.read_bytes().rpartition(b"\n")
        if torn:
            path.write_bytes(whole + end)
        self.lines = [line for line in _read_lines(whole.splitlines(), path) if line.model == model]

    def has(self, kind: str, case: Case) -> bool:
        """Whether there is a line of this kind ("run" or "steps") for a case."""
        return any(line.kind == kind and line.case == case for line in self.lines)

    def add(self, line: RunLine | StepsLine) -> None:
        """Append a line to the file at once."""
        self.lines.append(line)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line.model_dump_json() + "\n")


def case_fields(model: str, case: Case) -> dict[str, object]:
    """Return the fields that every line of a case has."""
    appearance = Appearance.from_seed(case.app, case.seed, SCREEN)
    return {
        "model": model,
        **case._asdict(),
        "language": appearance.language,
        "held_out": held_out(appearance),
    }


def looks_table(runs: Sequence[RunLine]) -> str:
    """Return a table of how many runs were solved, by language and by held-out appearance."""
    rows = [_looks_row(name, [run for run in runs if matches(run)]) for name, matches in _LOOKS]
    return _table(("looks", "solved", "rate"), rows)


def tasks_table(runs: Sequence[RunLine]) -> str:
    """Return a table with a row for each task: solved in English, in Chinese, in all; their median steps."""
    tasks = sorted(dict.fromkeys((run.app, run.task) for run in runs))
    rows = [
        _task_row(f"{app}/{task}", [run for run in runs if (run.app, run.task) == (app, task)])
        for app, task in tasks
    ]
    return _table(
        ("task", "English", "Chinese", "solved", "rate", "median steps"), [*rows, _task_row("all", runs)]
    )


def steps_table(lines: Sequence[StepsLine]) -> str:
    """Return two tables of the single steps: by appearance, and by the kind of the oracle's action."""
    by_look = [
        _steps_row(name, [step for line in lines if matches(line) for step in line.steps])
        for name, matches in _LOOKS
    ]
    every = [step for line in lines for step in line.steps]
    kinds = sorted({step.action for step in every})
    by_kind = [_steps_row(kind, [step for step in every if step.action == kind]) for kind in kinds]
    columns = ("with a target", "parsed", "same kind", "target hit", "rate", "does the same")
    more = ("without", "parsed", "same kind", "does the same")
    heads = (*columns, *more)
    return f"{_table(('looks', *heads), by_look)}\n\n{_table(('the oracle does', *heads), by_kind)}"


def unsolved(runs: Sequence[RunLine]) -> str:
    """Return one line on how the unsolved runs ended."""
    failed = [run for run in runs if not run.solved]
    ends = Counter(run.status + ", though the state is right" * run.state_right for run in failed)
    return f"{len(failed)} unsolved" + "".join(f"; {count} {end}" for end, count in ends.most_common())


def speed(runs: Iterable[RunLine]) -> str:
    """Return one line on how long the model took for a reply."""
    taken = [ms for run in runs for ms in run.model_ms]
    if not taken:
        return "no reply was timed"
    slow = quantiles(taken, n=100, method="inclusive")[94] if len(taken) > 1 else taken[0]
    return f"{len(taken)} replies: median {median(taken):.0f} ms, p95 {slow:.0f} ms"


def percent(part: int, whole: int) -> str:
    """Format a share in per cent; "-" if `whole` is 0."""
    return f"{part / whole:.1%}" if whole else "-"


def _looks_row(name: str, runs: Sequence[RunLine]) -> tuple[str, ...]:
    solved = sum(run.solved for run in runs)
    return name, f"{solved}/{len(runs)}", percent(solved, len(runs))


def _task_row(name: str, runs: Sequence[RunLine]) -> tuple[str, ...]:
    def of(some: Sequence[RunLine]) -> str:
        return f"{sum(run.solved for run in some)}/{len(some)}"

    solved = [run.steps for run in runs if run.solved]
    english = [run for run in runs if run.language == "en"]
    chinese = [run for run in runs if run.language == "zh"]
    middle = f"{median(solved):g}" if solved else "-"
    return name, of(english), of(chinese), of(runs), percent(len(solved), len(runs)), middle


def _steps_row(name: str, steps: Iterable[Step]) -> tuple[str, ...]:
    steps = list(steps)
    with_target = [step for step in steps if step.hit is not None]
    without_target = [step for step in steps if step.hit is None]
    hits = sum(bool(step.hit) for step in with_target)
    parsed, kind, same = _shares(with_target)
    return (
        name,
        str(len(with_target)),
        parsed,
        kind,
        str(hits),
        percent(hits, len(with_target)),
        same,
        str(len(without_target)),
        *_shares(without_target),
    )


def _shares(steps: Sequence[Step]) -> tuple[str, str, str]:
    whole = len(steps)
    return (
        percent(sum(not step.error for step in steps), whole),
        percent(sum(step.same_kind for step in steps), whole),
        percent(sum(step.same for step in steps), whole),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *("--:" for _ in heads[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _read_lines(lines: Sequence[bytes], path: Path) -> list[RunLine | StepsLine]:
    found: list[RunLine | StepsLine] = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(_LINE.validate_json(line))
        except ValidationError as error:
            wrong = first_error(error).message
            raise RecordingError(
                f"{path}, line {number}: expected a result of an evaluation ({wrong}); name another file"
            ) from error
    return found
