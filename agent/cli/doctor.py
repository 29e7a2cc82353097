"""The terminal's side of `qvl-agent doctor` where it asks a model to point: progress, figures and tables."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from qvl_agent.agent.doctor.pointing.budgets import Budget, measure_budgets, proposed
from qvl_agent.agent.doctor.pointing.findings import Examined, examine_pointing
from qvl_agent.agent.doctor.pointing.measure import Watching
from qvl_agent.agent.doctor.pointing.summary import plain
from qvl_agent.agent.registry.lookup import model_kind
from qvl_agent.agent.settings import Settings

__all__ = ["configured", "figures", "show_budgets", "watched"]


def configured(settings: Settings) -> bool:
    """Return whether the settings name a model that can be asked to point."""
    return model_kind(settings).can_point


def watched(settings: Settings, *, quick: bool) -> Examined:
    """Ask the model to point, and show the progress on a terminal; on a CPU it may take minutes."""
    with _progress() as watch:
        return examine_pointing(settings, quick=quick, watch=watch)


@contextmanager
def _progress() -> Iterator[Watching]:
    """Show on a terminal what is asked; elsewhere nothing."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        yield lambda *_: None
        return
    with console.status("opening the model …") as status:
        yield lambda what, done, of: status.update(f"question {done + 1} of {of}: {what} (Ctrl+C stops)")


def show_budgets(settings: Settings, *, quick: bool, as_json: bool, echo: Callable[[str], None]) -> None:
    """Measure what pictures of each size bring and cost, and print the table and the setting to take.

    Raises:
        QvlError: the model can't be opened, or failed.
    """
    with _progress() as watch:
        measured = measure_budgets(settings, quick=quick, watch=watch)
    best = proposed(measured)
    if as_json:
        for each in measured:
            echo(json.dumps({"event": "budget", **asdict(each), "proposed": each is best}))
        return
    heads = ("tokens a picture", "targets hit", "seconds a step", "loaded in", "memory")
    table = Table(*heads, box=None, pad_edge=False)
    for each in measured:
        loaded = "-" if each.loaded_s is None else f"{each.loaded_s:.1f} s"
        memory = "-" if each.memory_bytes is None else f"{each.memory_bytes / 2**30:.1f} GiB"
        mark = "  <- take this" if each is best else ""
        hits = f"{each.hits} of {each.asked}"
        table.add_row(str(each.tokens), hits, f"{each.seconds:.1f}", loaded, f"{memory}{mark}")
    Console(highlight=False).print(table)
    echo(_advice(best, measured))


def _advice(best: Budget | None, measured: tuple[Budget, ...]) -> str:
    if best is None:
        return "it hit nothing with any budget: see the likely fault above, and mend that first"
    slowest = max(measured, key=lambda each: each.seconds)
    gain = f", {slowest.seconds / best.seconds:.1f} times as fast as with {slowest.tokens}"
    return f"take --max-picture-tokens {best.tokens}{gain if slowest is not best else ''}"


def figures(examined: Examined) -> str:
    """Return everything that was measured as one line of JSON; "" if nothing was measured."""
    if examined.measured is None or examined.summary is None:
        return ""
    line: dict[str, Any] = {"event": "pointing", **plain(examined.measured, examined.summary)}
    return json.dumps(line)
