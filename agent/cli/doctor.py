"""The terminal's side of `qvl-agent doctor` where it asks a model to point: progress and figures."""

import json
from typing import Any

from rich.console import Console

from qvl_agent.agent.doctor.pointing.findings import Examined, examine_pointing
from qvl_agent.agent.doctor.pointing.summary import plain
from qvl_agent.agent.registry.lookup import model_kind
from qvl_agent.agent.settings import Settings

__all__ = ["configured", "figures", "watched"]


def configured(settings: Settings) -> bool:
    """Return whether the settings name a model that can be asked to point."""
    return model_kind(settings).can_point


def watched(settings: Settings, *, quick: bool) -> Examined:
    """Ask the model to point, and show the progress on a terminal; on a CPU it may take minutes."""
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        return examine_pointing(settings, quick=quick)
    with console.status("opening the model …") as status:

        def watch(what: str, done: int, of: int) -> None:
            status.update(f"question {done + 1} of {of}: {what} (Ctrl+C stops)")

        return examine_pointing(settings, quick=quick, watch=watch)


def figures(examined: Examined) -> str:
    """Return everything that was measured as one line of JSON; "" if nothing was measured."""
    if examined.measured is None or examined.summary is None:
        return ""
    line: dict[str, Any] = {"event": "pointing", **plain(examined.measured, examined.summary)}
    return json.dumps(line)
