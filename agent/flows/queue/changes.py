"""What happens to a queue's items inside one change of its file."""

import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from sqlite3 import Connection
from typing import Final

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue.data import Item
from qvl_agent.agent.flows.queue.database import WorkerLock
from qvl_agent.agent.flows.queue.values import dumps

__all__ = [
    "again",
    "choose",
    "end",
    "forget_once",
    "insert",
    "parked",
    "recover",
    "renew",
    "unknown_step",
    "wait_again",
]

_WAIT: Final = """
UPDATE items SET status = 'waiting', ended = 0, message = '', place = '', holder = '', kept = coalesce(
    (SELECT kept FROM once WHERE once.key = items.key AND done ORDER BY sequence DESC LIMIT 1), '{}'
) WHERE key = ?
"""
_RANGE: Final = re.compile(r"([1-9][0-9]{0,8})\s*-\s*([1-9][0-9]{0,8})?")


def insert(connection: Connection, position: int, item: Item) -> None:
    """Add an item that waits.

    Raises:
        FlowError: its key is there already.
    """
    found = connection.execute("SELECT number FROM items WHERE key = ?", (item.key,)).fetchone()
    if found is not None:
        raise FlowError(f"rows {found[0]} and {item.number} have one key, {item.key!r}; give each its own")
    connection.execute(
        "INSERT INTO items (key, position, number, data, problem) VALUES (?, ?, ?, ?, ?)",
        (item.key, position, item.number, dumps(item.values), item.problem),
    )


def end(connection: Connection, key: str, status: str, message: str, place: str) -> None:
    """End an item."""
    connection.execute(
        "UPDATE items SET status = ?, message = ?, place = ?, holder = '',"
        " ended = (SELECT max(ended) + 1 FROM items),"
        " seconds = CASE WHEN status = 'working' THEN max(0, ? - started) ELSE seconds END WHERE key = ?",
        (status, message, place, time.time(), key),
    )


def wait_again(connection: Connection, key: str) -> None:
    """Let an item wait: after its last `once` step that is done, or from its beginning."""
    connection.execute(_WAIT, (key,))


def again(connection: Connection, *statuses: str) -> int:
    """Let the chosen items of these statuses wait, but for bad rows; return how many."""
    chosen = connection.execute("SELECT key, status FROM items WHERE chosen AND problem = ''").fetchall()
    keys = [key for key, status in chosen if status in statuses]
    for key in keys:
        wait_again(connection, key)
    return len(keys)


def recover(connection: Connection, queue: Path) -> tuple[str, ...]:
    """Free the items of dead workers; return their keys."""
    freed: list[str] = []
    for (holder,) in connection.execute(
        "SELECT DISTINCT holder FROM items WHERE status = 'working'"
    ).fetchall():
        if not WorkerLock.is_dead(queue, holder):
            continue
        for (key,) in connection.execute(
            "SELECT key FROM items WHERE status = 'working' AND holder = ? ORDER BY position", (holder,)
        ).fetchall():
            freed.append(key)
            if step := unknown_step(connection, key):
                end(connection, key, "parked", parked(step), step)
            else:
                wait_again(connection, key)
    return tuple(freed)


def unknown_step(connection: Connection, key: str) -> str:
    """Return the path of the `once` step that was begun and never ended; "" if there is none."""
    found = connection.execute("SELECT step FROM once WHERE key = ? AND NOT done", (key,)).fetchone()
    return str(found[0]) if found else ""


def parked(step: str) -> str:
    """Say why an item is parked."""
    return (
        f"step {step} was begun, and nobody knows whether it was done; look in the application, then settle"
        " the item as done or again"
    )


def forget_once(connection: Connection, key: str, step: str) -> None:
    """Forget that a step was begun.

    Raises:
        FlowError: it wasn't.
    """
    sql = "DELETE FROM once WHERE key = ? AND step = ? AND NOT done"
    if connection.execute(sql, (key, step)).rowcount != 1:
        raise FlowError(f"item {key}: step {step} wasn't begun; begin it before its input is sent")


def choose(connection: Connection, only: str | None) -> int:
    """Choose the items that a run takes; return how many."""
    if only is None:
        connection.execute("UPDATE items SET chosen = 1")
    else:
        connection.execute("UPDATE items SET chosen = 0")
        for sql, values in _parts(connection, only):
            if not connection.execute(sql, values).rowcount:
                raise FlowError(
                    f"no item {' to '.join(map(str, values))}; name keys, such as 4711,4712, or rows of the"
                    " data, such as 3-10"
                )
    _reject_bad_rows(connection)
    return int(connection.execute("SELECT count(*) FROM items WHERE chosen").fetchone()[0])


def _parts(connection: Connection, only: str) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Each part of a choice as SQL and its values; a key that looks like a range or a list is a key."""

    def is_key(text: str) -> bool:
        return bool(connection.execute("SELECT 1 FROM items WHERE key = ?", (text,)).fetchone())

    for part in [only] if is_key(only) else [part.strip() for part in only.split(",")]:
        if (found := _RANGE.fullmatch(part)) and not is_key(part):
            yield (
                "UPDATE items SET chosen = 1 WHERE number BETWEEN ? AND ?",
                (int(found[1]), int(found[2] or 10**9)),
            )
        else:
            yield "UPDATE items SET chosen = 1 WHERE key = ?", (part,)


def _reject_bad_rows(connection: Connection) -> None:
    """End what was chosen and whose row is bad."""
    for key, problem in connection.execute(
        "SELECT key, problem FROM items WHERE status = 'waiting' AND chosen AND problem != ''"
        " ORDER BY position"
    ).fetchall():
        end(connection, key, "business-error", problem, "")


def renew(connection: Connection, items: Iterable[Item], data_digest: str) -> dict[str, int]:
    """Take up changed data; return how many items were added, changed, kept and removed."""
    if not connection.execute("SELECT 1 FROM items WHERE key != CAST(number AS TEXT) LIMIT 1").fetchone():
        raise FlowError("the rows have no keys but their numbers, which may have shifted; name a key column")
    counted = {"added": 0, "changed": 0, "kept": 0, "removed": 0}
    old = {
        key: (data, problem, position, stays)
        for key, data, problem, position, stays in connection.execute(_STAYS).fetchall()
    }
    seen: set[str] = set()
    for position, item in enumerate(items):
        if item.key in seen:
            raise FlowError(f"row {item.number} has the key {item.key!r} of another row; give each its own")
        seen.add(item.key)
        counted[_renew_one(connection, position, item, old.get(item.key))] += 1
    for position, key in enumerate((key for key in old if key not in seen), len(seen)):
        connection.execute("UPDATE items SET position = ? WHERE key = ?", (position, key))
        if not old[key][3]:
            end(connection, key, "skipped", "its row is no longer in the data", "")
            counted["removed"] += 1
    connection.execute("UPDATE made_of SET data = ?", (data_digest,))
    _reject_bad_rows(connection)
    return counted


_STAYS: Final = (
    "SELECT key, data, problem, position, status IN ('working', 'done', 'skipped', 'parked')"
    " OR EXISTS (SELECT 1 FROM once WHERE once.key = items.key) FROM items ORDER BY position"
)


def _renew_one(
    connection: Connection, position: int, item: Item, old: tuple[str, str, int, int] | None
) -> str:
    if old is None:
        insert(connection, position, item)
        return "added"
    connection.execute(
        "UPDATE items SET position = ?, number = ? WHERE key = ?", (position, item.number, item.key)
    )
    data = dumps(item.values)
    if old[3] or (data, item.problem) == old[:2]:
        return "kept"
    connection.execute("UPDATE items SET data = ?, problem = ? WHERE key = ?", (data, item.problem, item.key))
    wait_again(connection, item.key)
    return "changed"
