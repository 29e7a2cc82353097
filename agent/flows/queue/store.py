"""The queue of a flow's items: one SQLite file in which nothing is lost and nothing is done twice.

It is kept in SQLite's rollback journal with `synchronous = EXTRA`, so a call that returned is on the disk,
whatever dies: https://www.sqlite.org/pragma.html#pragma_synchronous. A worker holds the lock of a file beside
the queue as long as it lives; the system frees it whatever the worker dies of, so nobody guesses by process
ids or times who is alive.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from qvl_agent.agent.flows.queue.data import Item
from qvl_agent.agent.flows.queue.values import Value

__all__ = ["ENDED", "Entry", "Queue", "Status", "Taken"]

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


class Queue:
    """The items of one flow and one data file. Every method that changes something waits for the disk.

    One object is used by one thread. Any number of processes may open the same file.
    """

    @classmethod
    def create(
        cls,
        path: Path,
        items: Iterable[Item],
        *,
        flow_digest: str,
        data_digest: str,
        only: str | None = None,
        redact: Callable[[str], str] = str,
    ) -> Self:
        """Make a queue; it is there as a whole or not at all.

        Args:
            path: the file, which must not exist.
            items: in the order in which they are taken.
            flow_digest: a checksum of the flow and its lock.
            data_digest: a checksum of the data file.
            only: keys and row numbers, such as `4711,4712` or `3-10`; None takes all. `choose` changes it.
            redact: covers secrets in messages and variables (`Redactor.text`).

        Raises:
            FlowError: it exists, two items have one key, `only` names none, or it can't be written.
        """
        raise NotImplementedError

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        flow_digest: str = "",
        data_digest: str = "",
        redact: Callable[[str], str] = str,
    ) -> Self:
        """Open a queue to go on with it.

        Args:
            path: the file.
            flow_digest: what it must have been made with; "" doesn't ask, to show or settle items.
            data_digest: likewise; see `renew` for data that was corrected.
            redact: covers secrets in messages and variables.

        Raises:
            FlowError: it isn't there, isn't a queue, is broken, or was made of another flow or other data.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close it, and give this worker's lock back: an item that it still has counts as a dead worker's."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def take(self, worker: str) -> Taken | None:
        """Take the next chosen item that waits, in the order of the data; items of dead workers too.

        No other worker gets it, in whatever process.

        Args:
            worker: a name for people.

        Returns:
            None if nothing waits; other workers may still have items.

        Raises:
            ValueError: this object has an item already.
            FlowError: the queue can't be written, or its file system has no locks.
        """
        raise NotImplementedError

    def checkpoint(self, key: str, values: Mapping[str, Any]) -> None:
        """Keep all variables of the item so far, for the report."""
        raise NotImplementedError

    def begin_once(self, key: str, step_path: str) -> None:
        """Say that a `once` step's input is about to be sent; send it only after this returned.

        Args:
            key: the item.
            step_path: its place in the flow, with the round of each loop around it; no two have the same.

        Raises:
            FlowError: that step was begun or done before for this item, so nothing may be sent.
        """
        raise NotImplementedError

    def end_once(self, key: str, step_path: str, values: Mapping[str, Any]) -> None:
        """Say that a `once` step is done for sure; keep the variables as they are now."""
        raise NotImplementedError

    def withdraw_once(self, key: str, step_path: str) -> None:
        """Say that a step that was begun sent nothing for sure: it was refused, or its target had gone."""
        raise NotImplementedError

    def finish(
        self, key: str, status: Status, values: Mapping[str, Any], message: str = "", where: str = ""
    ) -> Status:
        """End the item.

        Returns:
            What it is now: parked, whatever `status` says, if a `once` step was begun and never ended.

        Raises:
            ValueError: the status isn't one of ENDED.
        """
        raise NotImplementedError

    def recover(self) -> tuple[str, ...]:
        """Free the items of workers that are dead; `take` does it too.

        One whose `once` step was begun and never ended is parked; one with a finished one waits to go on
        after it; any other waits to be done from its beginning.

        Returns:
            Their keys.
        """
        raise NotImplementedError

    def counts(self) -> dict[Status, int]:
        """Return how many items there are of each status."""
        raise NotImplementedError

    def items(self, *statuses: Status) -> Iterator[Entry]:
        """Go over the items in the order of the data; with statuses, over those alone."""
        raise NotImplementedError

    def item(self, key: str) -> Entry:
        """Return one item.

        Raises:
            FlowError: there is none of that key.
        """
        raise NotImplementedError

    def choose(self, only: str | None) -> int:
        """Choose what a run takes: `4711,4712`, `3-10` (rows), or None for all; return how many.

        Raises:
            FlowError: a part of it names no item.
        """
        raise NotImplementedError

    def again(self, *, business: bool = False) -> int:
        """Let the chosen items with an application error wait again (--only-failed); return how many.

        They go on after their last `once` step that is done. Parked ones are for `resolve`.

        Args:
            business: those with a business error too.
        """
        raise NotImplementedError

    def resolve(self, key: str, answer: Literal["done", "again"]) -> None:
        """Settle a parked item, by a person who looked.

        Args:
            key: the item.
            answer: "done": the step was done, and the item is done with it. "again": it wasn't; the item
                waits, and goes on after its last `once` step that is done.

        Raises:
            FlowError: there is none of that key, or it isn't parked.
        """
        raise NotImplementedError

    def renew(self, items: Iterable[Item], data_digest: str) -> dict[str, int]:
        """Take up data that was corrected, by the keys.

        New rows are added. What isn't done takes its row's new values, and a business error waits again. What
        is done, skipped or parked stays, and so does one with a `once` step that is done, as that was done
        with the old values. What is no longer in the data is skipped.

        Returns:
            How many were added, changed, kept and removed, by these words.
        """
        raise NotImplementedError
