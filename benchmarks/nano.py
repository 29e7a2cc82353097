"""What a small Qwen3-VL can do in the sandbox: its tasks through the whole loop, on seeds never trained on.

    python benchmarks/nano.py [--model FOLDER] [--seeds 20] [--out results.jsonl]

Each run is judged by the application's own state. Prints three parts in Markdown: the demonstration's task
on many seeds, all tasks, and single steps along the oracle's way. Every result is a JSON line in `--out`,
with the reason of each failure; what is in there already isn't run again, so an evaluation that was cut off
goes on. `--model oracle` shows that the harness itself is right.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from qvl_agent.actions.core.errors import QvlError
from qvl_agent.actions.reading.rapidocr import open_reader
from qvl_agent.agent import open_model
from qvl_agent.agent.models.llama.convert import converted
from qvl_agent.agent.paths import cache_folder
from qvl_agent.sandbox.nano import CHECKPOINT, PICTURE_TOKENS, REPLY_TOKENS
from qvl_agent.sandbox.nano.making.evaluation.evaluation import FIRST_SEED, MAX_STEPS, Evaluation, OpenModel
from qvl_agent.sandbox.nano.making.evaluation.figures import (
    Case,
    Results,
    RunLine,
    StepsLine,
    looks_table,
    speed,
    steps_table,
    tasks_table,
    unsolved,
)
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.tasks import TASKS

L = TypeVar("L", RunLine, StepsLine)
DEMO = ("chat", next(iter(TASKS["chat"])))


def chosen(names: Sequence[str]) -> list[tuple[str, str]]:
    """The tasks of applications ("chat") and single ones ("chat/mute-chat"); all without a name."""
    every = [(app, task) for app in TASKS for task in TASKS[app]]
    known = {name for app, task in every for name in (app, f"{app}/{task}")}
    if unknown := set(names) - known:
        raise SystemExit(f"no task {', '.join(sorted(unknown))}; choose {', '.join(sorted(known))}")
    return [(app, task) for app, task in every if not names or app in names or f"{app}/{task}" in names]


def plan(args: argparse.Namespace) -> Iterator[tuple[str, Case]]:
    """All that is to be done, seed by seed, so that what is cut off still speaks of every task."""
    tasks = chosen(args.tasks)
    for number in range(max(args.seeds, args.demo_seeds, args.step_seeds)):
        seed = args.first_seed + number
        runs = tasks if number < args.seeds else []
        if number < args.demo_seeds and DEMO in tasks and DEMO not in runs:
            runs = [*runs, DEMO]
        yield from (("run", Case(*task, seed)) for task in runs)
        if number < args.step_seeds:
            yield from (("steps", Case(*task, seed)) for task in tasks)


def name_of(model: str, constrain: str, engine: str) -> str:
    """What the results call a model: a checkpoint by its weights too, so that another one starts anew."""
    if model == "oracle":
        return model
    weights = hashlib.sha256()
    for path in sorted(Path(model).glob("*.safetensors")):
        weights.update(path.read_bytes())
    free = ", not kept to the format" if constrain == "never" else ""
    by = ", by llama.cpp" if engine == "llama" else ""
    return f"{Path(model).resolve().name}@{weights.hexdigest()[:12]}{free}{by}"


def answering(args: argparse.Namespace, stack: ExitStack) -> OpenModel:
    """Load the model, once for all that is run."""
    if args.model == "oracle":
        return lambda desktop: Oracle(desktop.sandbox)
    common = {"max_picture_tokens": PICTURE_TOKENS, "max_reply_tokens": REPLY_TOKENS, "temperature": 0.0}
    if args.engine == "llama":
        files = converted(Path(args.model), cache_folder(), "nano")
        opened = open_model(str(files.model), **common)
    else:
        opened = open_model(str(args.model), device=args.device, dtype=args.dtype, **common)
    model = stack.enter_context(opened)
    return lambda _: model


def evaluate(args: argparse.Namespace, results: Results) -> None:
    todo = [(kind, case) for kind, case in plan(args) if not results.has(kind, case)]
    if not todo:
        return
    start = time.monotonic()
    with ExitStack() as stack:
        reader = None if args.no_reader else open_reader()
        evaluation = stack.enter_context(
            Evaluation(
                results.model,
                answering(args, stack),
                max_steps=args.max_steps,
                reader=reader,
                constrain=args.constrain,
                keep=args.keep,
            )
        )
        for number, (kind, case) in enumerate(todo, start=1):
            if time.monotonic() - start > args.limit_minutes * 60:
                note(f"the {args.limit_minutes:g} minutes are over; run it again to go on")
                break
            line = evaluation.run(case) if kind == "run" else evaluation.steps(case)
            results.add(line)
            note(f"{number}/{len(todo)} {time.monotonic() - start:.0f} s {kind} {case}: {said(line)}")


def said(line: RunLine | StepsLine) -> str:
    if isinstance(line, RunLine):
        return f"solved in {line.steps}" if line.solved else f"NOT SOLVED in {line.steps}: {line.reason}"
    aimed = [step.hit for step in line.steps if step.hit is not None]
    return f"{sum(aimed)} of {len(aimed)} targets hit in {len(line.steps)} steps"


def note(words: str) -> None:
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def show(args: argparse.Namespace, results: Results) -> None:
    runs = [line for line in results.lines if isinstance(line, RunLine)]
    steps = [line for line in results.lines if isinstance(line, StepsLine)]
    demo = among(runs, [DEMO], args.first_seed, args.demo_seeds)
    tasks = among(runs, chosen(args.tasks), args.first_seed, args.seeds)
    steps = among(steps, chosen(args.tasks), args.first_seed, args.step_seeds)
    print(f"# {results.model}, seeds from {args.first_seed:,}")
    print(f"\n## {'/'.join(DEMO)}\n\n{looks_table(demo)}\n\n{unsolved(demo)}")
    print(f"\n## All tasks, at most {args.seeds} seeds each\n\n{tasks_table(tasks)}\n\n{looks_table(tasks)}")
    print(f"\n{unsolved(tasks)}\n\nquestions to the person: {sum(run.questions for run in tasks)}")
    print(f"\n## Single steps along the oracle's way\n\n{steps_table(steps)}")
    print(f"\n## Speed of the model\n\n{speed(runs)}")


def among(lines: Sequence[L], tasks: Sequence[tuple[str, str]], first: int, seeds: int) -> list[L]:
    """The lines of some tasks on so many seeds; a file may hold others."""
    return [line for line in lines if line.case[:2] in tasks and first <= line.seed < first + seeds]


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(CHECKPOINT), help="a checkpoint's folder, or oracle")
    parser.add_argument("--engine", choices=("transformers", "llama"), default="transformers")
    parser.add_argument("--device", default="auto", help="as for qvl-agent")
    parser.add_argument("--dtype", default="auto", help="as for qvl-agent")
    parser.add_argument("--seeds", type=int, default=20, help="seeds for each task")
    parser.add_argument("--demo-seeds", type=int, default=100, help="seeds for the demonstration's task")
    parser.add_argument("--step-seeds", type=int, default=8, help="seeds for each task's single steps")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="seeds below are trained on")
    parser.add_argument("--tasks", nargs="+", default=[], metavar="APP[/TASK]", help="only these")
    parser.add_argument("--max-steps", type=int, default=MAX_STEPS, help="of a run")
    parser.add_argument("--limit-minutes", type=float, default=float("inf"), help="then print what there is")
    parser.add_argument(
        "--constrain", choices=("auto", "never"), default="auto", help="keep replies to the format"
    )
    parser.add_argument("--no-reader", action="store_true", help="don't read the text on targets")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for recordings of runs that failed")
    parser.add_argument("--out", type=Path, metavar="FILE", help="results, a JSON line each; goes on from it")
    args = parser.parse_args(words)
    try:
        results = Results(args.out, name_of(args.model, args.constrain, args.engine))
        evaluate(args, results)
    except QvlError as error:
        raise SystemExit(str(error)) from error
    show(args, results)


if __name__ == "__main__":
    main()
