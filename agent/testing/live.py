"""Live runs of a session: each flow is run once with all its rows, whatever process its tests are in.

A step that is done once isn't done again because two workers of xdist have a row each, a test is repeated,
or because the run broke off. The first test of a flow runs it; every other one reads what came of it.
"""

import hashlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from qvl_agent.actions.core.errors import QvlError
from qvl_agent.actions.execution.person import Nobody
from qvl_agent.agent.flows.api import Flow
from qvl_agent.agent.flows.consequences import trust_in
from qvl_agent.agent.flows.heal.store import ProposalStore
from qvl_agent.agent.flows.reading import Loaded
from qvl_agent.agent.recording.files import hold
from qvl_agent.agent.testing.settings import FlowSettings

__all__ = ["Ran", "run_once"]

_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a flow's run.

    Attributes:
        folder: the run's record; "" if there is none.
        status, message: how it ended.
        error: why it couldn't be run, or broke off; "" if it came to its end.
        healed: what was healed, a sentence for each.
    """

    folder: str = ""
    status: str = ""
    message: str = ""
    error: str = ""
    healed: tuple[str, ...] = ()


_RAN: Final = TypeAdapter(Ran)


def run_once(loaded: Loaded, numbers: list[int], settings: FlowSettings) -> Ran:
    """Run a flow, or return what came of its run in this session, in whatever process.

    Args:
        loaded: the flow.
        numbers: the rows that are run; empty for a flow without data.
        settings: the session's.
    """
    settings.runs.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(f"{settings.session}\n{loaded.path.resolve()}".encode()).hexdigest()[:16]
    result, lock = settings.runs / f"{name}.json", settings.runs / f"{name}.begun"
    file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not result.exists():
            if not hold(file):
                time.sleep(_POLL_S)
                continue
            if result.exists():
                break
            if os.read(file, 1):
                return Ran(error="the process that ran it died; look at what it did before running it again")
            os.write(file, b"begun")
            _run(loaded, numbers, settings, result, name)
    finally:
        os.close(file)
    return _RAN.validate_json(result.read_bytes())


def _run(loaded: Loaded, numbers: list[int], settings: FlowSettings, result: Path, name: str) -> None:
    """Run it, and leave what came of it for the other tests, whatever that is."""
    ran = Ran(error="it broke off")
    try:
        ran = _done(loaded, numbers, settings, name)
    except QvlError as error:
        ran = Ran(error=str(error))
    finally:
        new = result.with_suffix(".new")
        new.write_bytes(_RAN.dump_json(ran))
        new.replace(result)


def _done(loaded: Loaded, numbers: list[int], settings: FlowSettings, name: str) -> Ran:
    store = ProposalStore(loaded.path)
    known = {each.id for each in store.all()}
    data: dict[str, Any] = {}
    if numbers:
        only = ",".join(f"{number}-{number}" for number in numbers)
        data = {"queue": settings.runs / f"{name}.sqlite", "fresh": True, "only": only}
    done = Flow(loaded).run(
        settings.desktop,
        variables={
            each: value for each, value in settings.variables.items() if each in loaded.flow.variables
        },
        trust=trust_in(loaded) if settings.trusted else None,
        person=Nobody(),
        runs=settings.runs,
        heal="auto" if settings.mode == "heal" else None,
        **data,
    )
    healed = tuple(
        f"healed: {each.words}: {each.why}; qvl-agent flow accept {loaded.path.name} {each.id}"
        for each in store.all()
        if each.id not in known
    )
    return Ran(str(done.folder), done.result.status, done.result.message, "", healed)
