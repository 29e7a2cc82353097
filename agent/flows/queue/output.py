"""The file of what came of each item, made from the queue, which is the truth: CSV, Excel or JSON Lines."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from qvl_agent.agent.flows.queue.store import Queue

__all__ = ["Output"]


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
            columns: names of the data's columns, of variables that were read, and `key`, `row`, `status`,
                `message`, `where`, which are the queue's own. A variable hides a column of the same name.
            delimiter: of a CSV; a .tsv has tabs.

        Raises:
            FlowError: an ending that isn't known, a folder that isn't there, a column twice.
        """
        raise NotImplementedError

    def update(self) -> None:
        """Write what has ended since the last time, by this worker or another.

        Raises:
            FlowError: it can't be written; the queue still has everything, so call again later.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Write everything that has ended, in the order of the data.

        Raises:
            FlowError: it can't be written.
        """
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
