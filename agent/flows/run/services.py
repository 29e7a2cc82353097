"""What the interpreter needs of the run around it, and what it notes about a step."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qvl_agent.actions.execution.person import Person
from qvl_agent.agent.flows.reading import Loaded
from qvl_agent.agent.flows.run.acting import Aimed
from qvl_agent.agent.flows.run.record import StepEnded
from qvl_agent.agent.flows.run.trouble import StepTrouble
from qvl_agent.agent.flows.script.steps import ForEach
from qvl_agent.agent.flows.values import Scope

__all__ = ["Note", "Services"]


@dataclass(frozen=True)
class Services:
    """What the interpreter needs of the run around it.

    Attributes:
        person: answers questions.
        stop: returns True once the run is to stop.
        write: records a line, and tells those who listen.
        items: goes over the data's rows with the steps of a `for_each`.
        do: hands a task to the model.
        load: reads a flow that another one uses, by its file's name and the other's file.
        action: returns the number of the last action in the journal.
    """

    person: Person
    stop: Callable[[], bool]
    write: Callable[[StepEnded, Any], None]
    items: Callable[[ForEach, str, Scope], None]
    do: Callable[[str], None]
    load: Callable[[str, Path], Loaded]
    action: Callable[[], int]


@dataclass
class Note:
    """What is worth recording about a step, gathered while it is done."""

    aimed: Aimed | None = None
    action: int = 0
    soft: StepTrouble | None = None
