"""From an evaluation's lines to its figures, in Markdown."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from statistics import median, quantiles

from qvl_agent.sandbox.nano.making.data.held_out import KINDS
from qvl_agent.sandbox.nano.making.evaluation.results import RunLine, Step, StepsLine

__all__ = ["looks_table", "percent", "speed", "steps_table", "tasks_table", "unsolved"]

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
