"""The SQLite file of a queue: how it is made, opened and changed, and the locks of the workers beside it."""

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from glob import escape
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.recording.files import create, hold, reason, reopen, sync_folder

__all__ = ["Database", "WorkerLock"]

_APPLICATION: Final = 0x51564C51
"""SQLite's application_id, "QVLQ": this is a queue and no other database."""
_FORMAT: Final = 1
_BUSY_S: Final = 60.0
"""How long one waits for another's change, which takes milliseconds."""
_SCHEMA: Final = f"""
CREATE TABLE made_of (flow TEXT NOT NULL, data TEXT NOT NULL);
CREATE TABLE items (
    key TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    number INTEGER NOT NULL,
    data TEXT NOT NULL,
    problem TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'waiting',
    chosen INTEGER NOT NULL DEFAULT 1,
    kept TEXT NOT NULL DEFAULT '{{}}',
    message TEXT NOT NULL DEFAULT '',
    place TEXT NOT NULL DEFAULT '',
    worker TEXT NOT NULL DEFAULT '',
    holder TEXT NOT NULL DEFAULT '',
    tries INTEGER NOT NULL DEFAULT 0,
    started REAL NOT NULL DEFAULT 0,
    seconds REAL NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX by_status ON items (status, chosen, position);
CREATE INDEX by_position ON items (position);
CREATE INDEX by_ended ON items (ended);
CREATE TABLE once (
    sequence INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    step TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    kept TEXT NOT NULL DEFAULT '{{}}',
    UNIQUE (key, step)
);
CREATE TABLE outputs (
    file TEXT PRIMARY KEY,
    shape TEXT NOT NULL,
    size INTEGER NOT NULL,
    tail TEXT NOT NULL,
    ended INTEGER NOT NULL
);
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORMAT};
"""
# items.ended rises with each end, and is 0 for what hasn't ended. once.done: 0 is begun, 1 is done for sure.


class Database:
    """An open queue's file. What changes it is one transaction, on the disk when it is over."""

    def __init__(self, path: Path) -> None:
        """Open a file that `make` made.

        Raises:
            FlowError: it isn't there, isn't a queue, is broken, or is of another version.
        """
        self.path = path
        if not path.is_file():
            raise FlowError(f"no queue {path}; run the flow to make one")
        with self._errors():
            self._connection = _connect(path)
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    @staticmethod
    def make(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
        """Make a file; it is there with all that `fill` puts into it, or not at all.

        Raises:
            FlowError: it exists, or can't be written; whatever `fill` raises.
        """
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
        try:
            os.close(create(new))  # for its owner alone, as SQLite then makes its journal too
            with closing(_connect(new)) as connection:
                connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}")
                fill(connection)
                connection.execute("COMMIT")
            _put(new, path)
            sync_folder(path.parent)
        except FileExistsError as error:
            raise FlowError(f"the queue {path} is there already; go on with it, or remove it") from error
        except (OSError, sqlite3.Error) as error:
            raise FlowError(f"can't write the queue {path}: {reason(error)}") from error
        finally:
            new.unlink(missing_ok=True)

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """One change, seen by others as a whole or not at all; nobody else changes anything meanwhile.

        Raises:
            FlowError: it can't be written. Nothing of it holds then.
        """
        with self._errors():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return all rows; nothing stays locked afterwards."""
        with self._errors():
            return self._connection.execute(sql, values).fetchall()

    def _check(self) -> None:
        ((application,),) = self.read("PRAGMA application_id")
        ((version,),) = self.read("PRAGMA user_version")
        if application != _APPLICATION:
            raise FlowError(f"{self.path} isn't a flow's queue; name another file")
        if version != _FORMAT:
            raise FlowError(f"{self.path} is a queue of version {version}, not {_FORMAT}; update qvl-agent")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            remedy = "look for room on the disk, its permissions, and a program that keeps the file open"
            raise FlowError(f"the queue {self.path}: {error}; {remedy}") from error
        except sqlite3.DatabaseError as error:
            raise FlowError(f"{self.path} isn't a queue, or is broken: {error}; name another file") from error


_SETTINGS: Final = ("journal_mode = DELETE", "synchronous = EXTRA", "fullfsync = ON", "trusted_schema = OFF")


def _connect(path: Path) -> sqlite3.Connection:
    """EXTRA waits for the journal's removal too, which is what makes a change hold after a loss of power."""
    uri = f"{path.resolve().as_uri()}?mode=rw"  # never makes a file
    connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
    try:
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _put(new: Path, path: Path) -> None:
    try:
        path.hardlink_to(new)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        new.rename(path)


class WorkerLock:
    """The sign that a worker lives: a file beside the queue that it holds locked.

    All of it is called inside a change of the database, so that nobody looks at a lock that is half made.
    """

    def __init__(self, queue: Path) -> None:
        """Make and hold one.

        Raises:
            FlowError: the file system has no locks, or can't be written.
        """
        self.name = secrets.token_hex(8)
        self._path = _lock_file(queue, self.name)
        try:
            self._file = create(self._path)
            if not hold(self._file):
                raise FlowError(f"{self._path} is held by another program; run the flow again")
        except OSError as error:
            raise FlowError(
                f"can't lock {self._path}: {reason(error)}; put the queue on a local disk"
            ) from error

    def release(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)

    @staticmethod
    def is_dead(queue: Path, name: str) -> bool:
        """Say whether the worker of that name is gone; the file that it left is removed."""
        path = _lock_file(queue, name)
        try:
            file = reopen(path)
        except FileNotFoundError:
            return True
        except OSError as error:
            raise FlowError(f"can't look at {path}: {reason(error)}; mend that first") from error
        try:
            dead = hold(file)
        except OSError as error:
            raise FlowError(f"can't lock {path}: {reason(error)}; put the queue on a local disk") from error
        finally:
            os.close(file)
        if dead:
            path.unlink(missing_ok=True)
        return dead

    @staticmethod
    def sweep(queue: Path) -> None:
        """Remove the files of dead workers."""
        for path in queue.parent.glob(f".{escape(queue.name)}.*.worker"):
            WorkerLock.is_dead(queue, path.name.rsplit(".", 2)[1])


def _lock_file(queue: Path, name: str) -> Path:
    return queue.with_name(f".{queue.name}.{name}.worker")
