"""Rows of a data file as a flow's items: CSV, Excel, OpenDocument and JSON Lines.

Everything is data: nothing in a file is computed, and no value is ever evaluated. What spoils the whole file
(a key that is missing or there twice, a header without a name, hidden rows) is a `FlowError`, before anything
is done; what spoils one row alone (an error in a cell, a cell too many) makes that item a business error.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.agent.flows.queue.values import Value

__all__ = ["Item", "checksum", "columns", "delimiter", "rows"]


@dataclass(frozen=True, slots=True)
class Item:
    """One row."""

    key: str
    """What names it: the text in the key column, or its row's number."""
    number: int
    """Its row in the file, from 1, as a spreadsheet or an editor counts."""
    values: Mapping[str, Value]
    """By the column's name; None is an empty cell."""
    problem: str = ""
    """Why nothing can be done with it: it is a business error from the start."""


def columns(path: Path, sheet: str = "") -> tuple[str, ...]:
    """Return the names of a file's columns, in their order.

    Args:
        path: the file; its ending says what it is.
        sheet: of a spreadsheet; "" is the first that isn't hidden.

    Raises:
        FlowError: it can't be read, or its header has an empty name or one twice.
    """
    raise NotImplementedError


def rows(path: Path, key: str | None, sheet: str = "") -> Iterator[Item]:
    """Go over a file's rows; empty ones are left out.

    Args:
        path: the file; its ending says what it is.
        key: the column that names an item; None numbers them by their rows.
        sheet: of a spreadsheet; "" is the first that isn't hidden.

    Raises:
        FlowError: the file can't be read, or what spoils more than one row; it names file, row and remedy.
    """
    raise NotImplementedError


def delimiter(path: Path) -> str:
    """Return what stands between a CSV file's columns: a comma, a semicolon or a tab; a comma for others."""
    raise NotImplementedError


def checksum(path: Path) -> str:
    """Return a file's SHA-256, for a queue's `data_digest`.

    Raises:
        FlowError: it can't be read.
    """
    raise NotImplementedError
