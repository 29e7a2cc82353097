"""What the items of a queue are to those who ask: taken to be worked on, or shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from qvl_agent.agent.flows.queue.values import Value, loads

__all__ = ["ENDED", "SELECT", "Entry", "Status", "Taken", "entry"]

Status = Literal["waiting", "working", "done", "skipped", "business-error", "application-error", "parked"]
"""waiting: nobody has it · working: a worker has it · done · skipped: the flow went on without it
(next_item) · business-error: its data is wrong, again wouldn't help · application-error: the application or
the screen wasn't as expected, again may help · parked: a `once` step was begun and nobody knows whether it
was done, so a person decides."""
ENDED: Final[tuple[Status, ...]] = ("done", "skipped", "business-error", "application-error", "parked")
"""The statuses of items that nobody works on, and that no run takes up by itself."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An item that this worker has."""

    key: str
    number: int
    """Its row in the data file."""
    data: Mapping[str, Value]
    """Its row."""
    after: str
    """The path of the last `once` step that is done for sure: go on after it. "" is the beginning."""
    values: Mapping[str, Any]
    """The variables as they were after that step; none at the beginning."""
    tries: int
    """How often it was taken, with this time."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An item and what came of it."""

    key: str
    number: int
    status: Status
    data: Mapping[str, Value]
    values: Mapping[str, Any]
    """The variables that were kept last."""
    message: str
    """Why it isn't done, in a sentence."""
    where: str
    """The path of the step at which it ended."""
    worker: str
    tries: int
    seconds: float
    """How long the last try took; 0 while it isn't over."""
    chosen: bool
    """A run takes it: `only` named it, or named nothing."""


SELECT: Final = (
    "SELECT key, number, status, data, kept, message, place, worker, tries, seconds, chosen, position"
    " FROM items"
)


def entry(found: tuple[Any, ...]) -> Entry:
    """Make an entry of what SELECT found."""
    key, number, status, data, kept, message, place, worker, tries, seconds, chosen, _ = found
    return Entry(
        key, number, status, loads(data), loads(kept), message, place, worker, tries, seconds, bool(chosen)
    )
