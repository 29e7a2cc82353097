"""The file of what came of each item, made from the queue, which is the truth: CSV, Excel or JSON Lines."""

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Final, Self

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue.entries import SELECT, Entry, entry
from qvl_agent.agent.flows.queue.formats import csv_line, json_line, write_xlsx
from qvl_agent.agent.flows.queue.store import Queue
from qvl_agent.agent.recording.files import reason, reopen, sync_folder, write_all

__all__ = ["Output"]

_ENDINGS: Final = (".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson")
_TAIL: Final = 4096
"""Bytes at the end of what was written by which it is known again."""
_XLSX_EACH: Final = 10
"""An Excel file is written after so many items, or a tenth of those in it: so all writing stays linear."""
_BOM: Final = b"\xef\xbb\xbf"
"""Without it Excel reads UTF-8 as the system's code page."""


@dataclass(frozen=True, slots=True)
class _Written:
    """What a file had in it when it was written last."""

    size: int
    tail: str
    ended: int
    """The end of an item that was written last."""


class Output:
    """One output file of one queue. Any number of workers may write it, each with an `Output` of its own.

    A line of CSV or JSON Lines is appended when its item has ended, and is on the disk when `update` returns.
    A torn last line, which a crash may leave, is mended by the next update, and no line is there twice. Excel
    is written whole, every so often and at the end. A file that somebody changed is written anew.
    """

    def __init__(self, queue: Queue, path: Path, columns: Sequence[str], delimiter: str = ",") -> None:
        """Name a file; nothing is written yet.

        Args:
            queue: where the items are.
            path: .csv, .tsv, .xlsx, .jsonl or .ndjson; its folder must exist.
            columns: `status` and `message`, which are the queue's; else names of variables that were read, of
                the data's columns, and `key`, `row` and `where`: the first of these that there is.
            delimiter: of a CSV; a .tsv has tabs.

        Raises:
            FlowError: an ending that isn't known, a folder that isn't there, a column twice.
        """
        if (ending := path.suffix.lower()) not in _ENDINGS:
            raise FlowError(f"can't write an output {path.name}; name a {', '.join(_ENDINGS[:-1])} file")
        if not path.parent.is_dir():
            raise FlowError(f"no folder {path.parent} for the output; make it first")
        if twice := [name for name in columns if columns.count(name) > 1]:
            raise FlowError(f"the output {path.name} has the column {twice[0]!r} twice; name it once")
        self._queue = queue
        self._path = path
        self._columns = tuple(columns)
        self._ending = ending
        self._delimiter = "\t" if ending == ".tsv" else delimiter
        self._name = str(path.resolve())
        self._shape = json.dumps([*columns, self._delimiter])

    def update(self) -> None:
        """Write what has ended since the last time, by this worker or another.

        Raises:
            FlowError: it can't be written; the queue still has everything, so call again later.
        """
        with self._change() as connection:
            written = self._written(connection)
            if written is None:
                self._write_whole(connection)
            elif self._ending != ".xlsx":
                self._append(connection, written)
            elif _new(connection, written) >= max(_XLSX_EACH, written.ended // 10):
                self._write_whole(connection)

    def close(self) -> None:
        """Write everything that has ended, in the order of the data.

        Raises:
            FlowError: it can't be written.
        """
        with self._change() as connection:
            written = self._written(connection)
            if written is None or _new(connection, written) or not _in_order(connection):
                self._write_whole(connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        """One change of the queue, in which no other worker writes the file."""
        try:
            with self._queue.database.change() as connection:
                yield connection
        except OSError as error:
            remedy = "close it in other programs, look for room on the disk; the queue has everything"
            raise FlowError(f"can't write the output {self._path}: {reason(error)}; {remedy}") from error

    def _written(self, connection: Connection) -> _Written | None:
        """Return what was written, if it still stands in the file; what is behind it is a crash's."""
        found = connection.execute(
            "SELECT size, tail, ended FROM outputs WHERE file = ? AND shape = ?", (self._name, self._shape)
        ).fetchone()
        if found is None:
            return None
        written = _Written(*found)
        try:
            return written if _tail(self._path, written.size) == written.tail else None
        except FileNotFoundError:
            return None

    def _append(self, connection: Connection, written: _Written) -> None:
        found = connection.execute(SELECT + " WHERE ended > ? ORDER BY ended", (written.ended,)).fetchall()
        lines = b"".join(self._line(self._values(entry(row))) for row in found)
        file = reopen(self._path)
        try:
            if os.fstat(file).st_size == written.size and not lines:
                return
            os.ftruncate(file, written.size)
            write_all(file, lines)
            os.fsync(file)
        finally:
            os.close(file)
        self._note(connection)

    def _write_whole(self, connection: Connection) -> None:
        """Write it beside and put it in its place, so that a reader sees the old file or the new one."""
        new = self._path.with_name(f".{self._path.name}.{secrets.token_hex(8)}")
        lines = (self._values(each) for each in _ended(connection))
        try:
            if self._ending == ".xlsx":
                write_xlsx(new, self._columns, lines)
            else:
                self._write_lines(new, lines)
            with new.open("r+b") as file:
                os.fsync(file.fileno())
            new.replace(self._path)
            sync_folder(self._path.parent)
        finally:
            new.unlink(missing_ok=True)
        self._note(connection)

    def _write_lines(self, path: Path, lines: Iterable[Sequence[Any]]) -> None:
        with path.open("wb") as file:
            if self._ending in {".csv", ".tsv"}:
                file.write(_BOM + csv_line(self._columns, self._delimiter))
            file.writelines(map(self._line, lines))

    def _line(self, values: Sequence[Any]) -> bytes:
        if self._ending in {".csv", ".tsv"}:
            return csv_line(values, self._delimiter)
        return json_line(self._columns, values)

    def _values(self, ended: Entry) -> list[Any]:
        own = {"status": ended.status, "message": ended.message}
        least = {"key": ended.key, "row": ended.number, "where": ended.where}
        found = {**least, **ended.data, **ended.values, **own}
        return [found.get(name) for name in self._columns]

    def _note(self, connection: Connection) -> None:
        size = self._path.stat().st_size
        connection.execute(
            "INSERT OR REPLACE INTO outputs (file, shape, size, tail, ended)"
            " SELECT ?, ?, ?, ?, max(ended) FROM items",
            (self._name, self._shape, size, _tail(self._path, size)),
        )


def _tail(path: Path, size: int) -> str:
    """Return a checksum of the bytes before `size`; "" if the file is shorter."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < size:
            return ""
        file.seek(max(0, size - _TAIL))
        return hashlib.sha256(file.read(min(size, _TAIL))).hexdigest()


def _new(connection: Connection, written: _Written) -> int:
    found = connection.execute("SELECT count(*) FROM items WHERE ended > ?", (written.ended,)).fetchone()
    return int(found[0])


def _in_order(connection: Connection) -> bool:
    found = connection.execute("SELECT position FROM items WHERE ended > 0 ORDER BY ended").fetchall()
    return found == sorted(found)


def _ended(connection: Connection) -> Iterator[Entry]:
    """All items that have ended, in the order of the data."""
    for found in connection.execute(SELECT + " WHERE ended > 0 ORDER BY position"):
        yield entry(found)
