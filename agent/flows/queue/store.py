"""The queue of a flow's items: one SQLite file in which nothing is lost and nothing is done twice.

It is kept in SQLite's rollback journal with `synchronous = EXTRA`, so a call that returned is on the disk,
whatever dies: https://www.sqlite.org/pragma.html#pragma_synchronous. A worker holds the lock of a file beside
the queue as long as it lives; the system frees it whatever the worker dies of, so nobody guesses by process
ids or times who is alive.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Final, Literal, Self

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue import changes
from qvl_agent.agent.flows.queue.data import Item
from qvl_agent.agent.flows.queue.database import Database, WorkerLock
from qvl_agent.agent.flows.queue.entries import ENDED, SELECT, Entry, Status, Taken, entry
from qvl_agent.agent.flows.queue.values import dumps, loads

__all__ = ["Queue"]

_PAGE: Final = 500
"""Items that are read at once; the file isn't locked in between."""


class Queue:
    """The items of one flow and one data file. Every method that changes something waits for the disk.

    One object is used by one thread, and is one worker. Any number of processes may open the same file.
    """

    def __init__(self, database: Database, redact: Callable[[str], str] = str) -> None:
        """Use `create` or `open`."""
        self._database = database
        self._redact = redact
        self._lock: WorkerLock | None = None
        self._holds = ""

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

        def fill(connection: Connection) -> None:
            connection.execute("INSERT INTO made_of VALUES (?, ?)", (flow_digest, data_digest))
            for position, item in enumerate(items):
                changes.insert(connection, position, item)
            changes.choose(connection, only)

        Database.make(path, fill)
        return cls(Database(path), redact)

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
            data_digest: likewise; `renew` takes up data that was corrected.
            redact: covers secrets in messages and variables.

        Raises:
            FlowError: it isn't there, isn't a queue, is broken, or was made of another flow or other data.
        """
        queue = cls(Database(path), redact)
        try:
            queue._check(flow_digest, data_digest)
        except BaseException:
            queue.close()
            raise
        return queue

    def close(self) -> None:
        """Close it, and give this worker's lock back: an item that it still has counts as a dead worker's."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path:
        return self._database.path

    @property
    def database(self) -> Database:
        """The file itself; for the output alone."""
        return self._database

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
        if self._holds:
            raise ValueError(f"item {self._holds} isn't finished")
        with self._database.change() as connection:
            if self._lock is None:
                self._lock = WorkerLock(self.path)
            changes.recover(connection, self.path)
            found = connection.execute(
                "SELECT key, number, data, kept, tries FROM items WHERE status = 'waiting' AND chosen"
                " ORDER BY position LIMIT 1"
            ).fetchone()
            if found is None:
                return None
            key, number, data, kept, tries = found
            connection.execute(
                "UPDATE items SET status = 'working', worker = ?, holder = ?, tries = tries + 1,"
                " started = ?, seconds = 0 WHERE key = ?",
                (worker, self._lock.name, time.time(), key),
            )
            after = connection.execute(
                "SELECT step FROM once WHERE key = ? AND done ORDER BY sequence DESC LIMIT 1", (key,)
            ).fetchone()
        self._holds = key
        return Taken(key, number, loads(data), after[0] if after else "", loads(kept), tries + 1)

    def checkpoint(self, key: str, values: Mapping[str, Any]) -> None:
        """Keep all variables of the item so far, for the report."""
        with self._mine(key) as connection:
            self._keep(connection, key, values)

    def begin_once(self, key: str, step_path: str) -> None:
        """Say that a `once` step's input is about to be sent; send it only after this returned.

        Args:
            key: the item.
            step_path: its place in the flow, with the round of each loop around it; no two have the same.

        Raises:
            FlowError: that step was begun or done before for this item, so nothing may be sent.
        """
        with self._mine(key) as connection:
            found = connection.execute(
                "SELECT done FROM once WHERE key = ? AND step = ?", (key, step_path)
            ).fetchone()
            if found is not None:
                was = "is done" if found[0] else "was begun"
                raise FlowError(f"item {key}: step {step_path} {was} already and is done once only")
            connection.execute("INSERT INTO once (key, step) VALUES (?, ?)", (key, step_path))

    def end_once(self, key: str, step_path: str, values: Mapping[str, Any]) -> None:
        """Say that a `once` step is done for sure; keep the variables as they are now."""
        with self._mine(key) as connection:
            self._keep(connection, key, values)
            kept = dumps(values, self._redact)
            # a new line, as the last one that ended is the one to go on after
            changes.forget_once(connection, key, step_path)
            connection.execute(
                "INSERT INTO once (key, step, done, kept) VALUES (?, ?, 1, ?)", (key, step_path, kept)
            )

    def withdraw_once(self, key: str, step_path: str) -> None:
        """Say that a step that was begun sent nothing for sure: it was refused, or its target had gone."""
        with self._mine(key) as connection:
            changes.forget_once(connection, key, step_path)

    def finish(
        self, key: str, status: Status, values: Mapping[str, Any], message: str = "", where: str = ""
    ) -> Status:
        """End the item.

        Returns:
            What it is now: parked, whatever `status` says, if a `once` step was begun and never ended.

        Raises:
            ValueError: the status isn't one of ENDED.
        """
        if status not in ENDED:
            raise ValueError(f"expected one of {', '.join(ENDED)}, got {status}")
        with self._mine(key) as connection:
            self._keep(connection, key, values)
            message = self._redact(message).encode(errors="replace").decode()
            if unknown := changes.unknown_step(connection, key):
                status, where = "parked", unknown
                message = "; ".join(filter(None, (message, changes.parked(unknown))))
            changes.end(connection, key, status, message, where)
        self._holds = ""
        return status

    def recover(self) -> tuple[str, ...]:
        """Free the items of workers that are dead; `take` does it too.

        One whose `once` step was begun and never ended is parked; one with a finished one waits to go on
        after it; any other waits to be done from its beginning.

        Returns:
            Their keys.
        """
        with self._database.change() as connection:
            WorkerLock.sweep(self.path)
            return changes.recover(connection, self.path)

    def counts(self) -> dict[Status, int]:
        """Return how many items there are of each status that any has."""
        return dict(self._database.read("SELECT status, count(*) FROM items GROUP BY status"))

    def items(self, *statuses: Status) -> Iterator[Entry]:
        """Go over the items in the order of the data; with statuses, over those alone."""
        among, at = " ".join(("", *statuses, "")), -1
        while page := self._database.read(
            SELECT + " WHERE (?1 = ' ' OR instr(?1, ' ' || status || ' ')) AND position > ?2"
            " ORDER BY position LIMIT ?3", among, at, _PAGE
        ):  # fmt: skip
            at = page[-1][-1]
            yield from map(entry, page)

    def item(self, key: str) -> Entry:
        """Return one item.

        Raises:
            FlowError: there is none of that key.
        """
        found = self._database.read(SELECT + " WHERE key = ?", key)
        if not found:
            raise FlowError(f"the queue {self.path} has no item {key}; its items name the keys")
        return entry(found[0])

    def choose(self, only: str | None) -> int:
        """Choose what a run takes: `4711,4712`, `3-10` (rows), or None for all; return how many.

        Raises:
            FlowError: a part of it names no item.
        """
        with self._database.change() as connection:
            return changes.choose(connection, only)

    def again(self, *, business: bool = False) -> int:
        """Let the chosen items with an application error wait again (--only-failed); return how many.

        They go on after their last `once` step that is done. Parked ones are for `resolve`.

        Args:
            business: those with a business error too, but for rows that are bad themselves.
        """
        statuses = ("application-error", "business-error") if business else ("application-error",)
        with self._database.change() as connection:
            connection.execute("DELETE FROM outputs")
            return changes.again(connection, *statuses)

    def resolve(self, key: str, answer: Literal["done", "again"]) -> None:
        """Settle a parked item, by a person who looked.

        Args:
            key: the item.
            answer: "done": the step was done, and the item is done with it. "again": it wasn't; the item
                waits, and goes on after its last `once` step that is done.

        Raises:
            FlowError: there is none of that key, or it isn't parked.
        """
        if answer not in {"done", "again"}:
            raise ValueError(f"expected done or again, got {answer}")
        parked = self.item(key)
        with self._database.change() as connection:
            found = "SELECT 1 FROM items WHERE key = ? AND status = 'parked'"
            if not connection.execute(found, (key,)).fetchone():
                raise FlowError(f"item {key} is {parked.status}, not parked; only parked items are settled")
            if answer == "done":
                connection.execute("UPDATE once SET done = 1, kept = ? WHERE key = ? AND NOT done",
                                   (dumps(parked.values), key))  # fmt: skip
                changes.end(connection, key, "done", "a person looked: it was done", parked.where)
            else:
                connection.execute("DELETE FROM once WHERE key = ? AND NOT done", (key,))
                changes.wait_again(connection, key)
            connection.execute("DELETE FROM outputs")

    def renew(self, items: Iterable[Item], data_digest: str) -> dict[str, int]:
        """Take up data that was corrected, by the keys.

        New rows are added. What isn't done takes its row's new values, and a business error waits again. What
        is done, skipped or parked stays, and so does one with a `once` step that is done, as that was done
        with the old values. What is no longer in the data is skipped.

        Returns:
            How many were added, changed, kept and removed, by these words.

        Raises:
            FlowError: two rows have one key, or the rows have no keys but their numbers.
        """
        with self._database.change() as connection:
            connection.execute("DELETE FROM outputs")
            return changes.renew(connection, items, data_digest)

    def _check(self, flow_digest: str, data_digest: str) -> None:
        ((flow, data),) = self._database.read("SELECT flow, data FROM made_of")
        if flow_digest and flow != flow_digest:
            raise FlowError(
                f"the queue {self.path} was made with another version of the flow or its lock; go on with"
                " that version, or finish its items by hand and remove the queue"
            )
        if data_digest and data != data_digest:
            raise FlowError(
                f"the data was changed since the queue {self.path} was made; renew the queue to take up the"
                " changed rows, or put the old data back"
            )

    @contextmanager
    def _mine(self, key: str) -> Iterator[Connection]:
        """A change to an item that this worker has."""
        with self._database.change() as connection:
            found = connection.execute(
                "SELECT 1 FROM items WHERE key = ? AND status = 'working' AND holder = ?",
                (key, self._lock.name if self._lock else ""),
            ).fetchone()
            if found is None:
                raise FlowError(f"item {key} isn't this worker's, so nothing may be done; run the flow again")
            yield connection

    def _keep(self, connection: Connection, key: str, values: Mapping[str, Any]) -> None:
        kept = dumps(values, self._redact)
        connection.execute("UPDATE items SET kept = ? WHERE key = ?", (kept, key))
