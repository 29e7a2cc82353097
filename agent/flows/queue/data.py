"""Rows of a data file as a flow's items: CSV, Excel, OpenDocument and JSON Lines.

Everything is data: nothing in a file is computed, and no value is ever evaluated. What spoils the whole file
(a key that is missing or there twice, a header without a name, hidden rows) is a `FlowError`, before anything
is done; what spoils one row alone (an error in a cell, a cell too many) makes that item a business error.
"""

import codecs
import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue.sheets import ENDINGS as SHEET_ENDINGS
from qvl_agent.agent.flows.queue.sheets import Line, sheet_lines
from qvl_agent.agent.flows.queue.values import Value, as_text, read_number
from qvl_agent.agent.recording.files import reason

__all__ = ["Item", "checksum", "columns", "delimiter", "rows"]

_CSV: Final = (".csv", ".tsv", ".txt")
_JSON: Final = (".jsonl", ".ndjson")
_ENCODINGS: Final = ("utf-8-sig", "cp1252")
_DELIMITERS: Final = ",;\t"
_PIECE: Final = 2**20


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
    with _reading(path):
        return _header(path, next(_lines(path, sheet), Line(1, ())))


def rows(path: Path, key: str | None, sheet: str = "") -> Iterator[Item]:
    """Go over a file's rows; empty ones are left out.

    Args:
        path: the file; its ending says what it is.
        key: the column that names an item; None numbers them by their rows.
        sheet: of a spreadsheet; "" is the first that isn't hidden.

    Raises:
        FlowError: the file can't be read, or what spoils more than one row; it names file, row and remedy.
    """
    with _reading(path):
        lines = _lines(path, sheet)
        names = _header(path, next(lines, Line(1, ())))
        if key is not None and key not in names:
            raise FlowError(f"{path} has no column {key!r} for the key; it has {', '.join(names)}")
        seen: dict[str, int] = {}
        for line in lines:
            if any(cell is not None for cell in line.cells) or line.problem:
                item = _item(path, names, key, line)
                if (first := seen.setdefault(item.key, item.number)) != item.number:
                    raise FlowError(
                        f"{path}: rows {first} and {item.number} have the same key {item.key!r}; give each"
                        f" its own, or name another key column than {key!r}"
                    )
                yield item


def delimiter(path: Path) -> str:
    """Return what stands between a CSV file's columns: a comma, a semicolon or a tab; a comma for others.

    Raises:
        FlowError: it can't be read, or it isn't clear.
    """
    if path.suffix.lower() not in _CSV:
        return ","
    with _reading(path):
        return _delimiter(path, _encoding(path))


def checksum(path: Path) -> str:
    """Return a file's SHA-256, for a queue's `data_digest`.

    Raises:
        FlowError: it can't be read.
    """
    with _reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FlowError(f"can't read the data {path}: {reason(error)}; name another file") from error


def _lines(path: Path, sheet: str) -> Iterator[Line]:
    """Each line of the file with its number; the first is the header."""
    ending = path.suffix.lower()
    if sheet and ending not in SHEET_ENDINGS:
        raise FlowError(f"{path} has no sheets; leave the sheet {sheet!r} out")
    if ending in SHEET_ENDINGS:
        return sheet_lines(path, sheet)
    if ending in _CSV:
        return _csv_lines(path)
    if ending in _JSON:
        return _json_lines(path)
    known = ", ".join((*_CSV, *SHEET_ENDINGS, *_JSON))
    raise FlowError(f"{path} is no data that can be read; save it as one of {known}")


def _header(path: Path, line: Line) -> tuple[str, ...]:
    """Check the names of the columns; empty ones at the end, which spreadsheets leave, are cut off."""
    if line.problem:
        raise FlowError(f"{path}: {line.problem}; the names of the columns have to stand in the first row")
    names = [as_text(cell).strip() for cell in line.cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise FlowError(f"{path} has no names of columns in its first row; write them there")
    if "" in names:
        raise FlowError(f"{path}: column {names.index('') + 1} has no name in row {line.number}; give it one")
    if twice := [name for name in names if names.count(name) > 1]:
        raise FlowError(f"{path}: two columns are named {twice[0]!r}; give each its own name")
    return tuple(names)


def _item(path: Path, names: Sequence[str], key: str | None, line: Line) -> Item:
    cells = line.cells
    problem = line.problem
    if not problem and any(cell is not None for cell in cells[len(names) :]):
        problem = f"row {line.number} has a cell more than there are columns; quote it, or name its column"
    elif not problem and line.exact and len(cells) < len(names):
        problem = f"row {line.number} has {len(cells)} cells of {len(names)}; fill the missing ones in"
    padded = (*cells[: len(names)], *[None] * (len(names) - len(cells)))
    values = dict(zip(names, padded, strict=True))
    if key is None:
        return Item(str(line.number), line.number, values, problem)
    named = as_text(values[key]).strip()
    if not named:
        raise FlowError(
            f"{path}: row {line.number} has nothing in the key column {key!r}; fill it, or remove it"
        )
    if not named.isprintable():
        raise FlowError(
            f"{path}: the key in row {line.number} has a line break or the like; write it in one line"
        )
    return Item(named, line.number, values, problem)


def _encoding(path: Path) -> str:
    """Return how a text file is encoded: UTF-8, or else Windows-1252, which is what old programs save.

    Raises:
        FlowError: it is neither.
    """
    with path.open("rb") as file:
        if file.read(4)[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
            raise FlowError(f"{path} is in UTF-16; save it as CSV UTF-8")
    for encoding in _ENCODINGS:
        try:
            with path.open(encoding=encoding) as file:
                while text := file.read(_PIECE):
                    if "\0" in text:
                        raise FlowError(f"{path} isn't a text file; save it as CSV UTF-8")
        except UnicodeDecodeError:
            continue
        return encoding
    raise FlowError(f"{path} is neither in UTF-8 nor in Windows-1252; save it as CSV UTF-8")


def _delimiter(path: Path, encoding: str) -> str:
    """Return the delimiter of which the header has most outside quotes; Excel's own `sep=;` line isn't one.

    Raises:
        FlowError: two are there as often.
    """
    if path.suffix.lower() == ".tsv":
        return "\t"
    with path.open(encoding=encoding, newline="") as file:
        header = file.readline(_PIECE)
    if header.startswith("sep="):
        raise FlowError(
            f"{path}: the first row is {header.strip()!r}, not the columns' names; remove that row"
        )
    bare = "".join(header.split('"')[::2])
    counts = sorted(((bare.count(sign), sign) for sign in _DELIMITERS), reverse=True)
    if counts[0][0] and counts[0][0] == counts[1][0]:
        raise FlowError(
            f"{path}: the first row has as many {counts[0][1]!r} as {counts[1][1]!r}, so it isn't clear what"
            " stands between the columns; put the names with one of them in quotes"
        )
    return counts[0][1] if counts[0][0] else ","


def _csv_lines(path: Path) -> Iterator[Line]:
    encoding = _encoding(path)
    between = _delimiter(path, encoding)
    with path.open(encoding=encoding, newline="") as file:
        reader = csv.reader(file, delimiter=between, strict=True)
        begins = 1
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise FlowError(
                    f"{path}: the row that begins in line {begins} can't be read: {error}; mend its quotes"
                ) from error
            if cells is None:
                return
            values = tuple(read_number(cell) if cell.strip() else None for cell in cells)
            yield Line(begins, values, exact=True)
            begins = reader.line_num + 1


def _json_lines(path: Path) -> Iterator[Line]:
    """The columns are the names in the first object; another row may have fewer of them, but no other."""
    encoding = _encoding(path)
    if encoding != "utf-8-sig":
        raise FlowError(f"{path} isn't in UTF-8, as JSON has to be; save it as UTF-8")
    names: tuple[str, ...] = ()
    with path.open(encoding=encoding) as file:
        for number, text in enumerate(file, 1):
            if not text.strip():
                continue
            found = _object(path, number, text)
            if not names:
                names = tuple(found)
                yield Line(number, names)
            yield _json_line(names, number, found)


def _json_line(names: tuple[str, ...], number: int, found: Mapping[str, Any]) -> Line:
    cells = tuple(None if found.get(name) == "" else found.get(name) for name in names)
    odd = [name for name, value in found.items() if name not in names or isinstance(value, (list, dict))]
    if not odd:
        return Line(number, cells)
    why = "a list or an object" if odd[0] in names else "not in the first line's columns"
    plain = tuple(None if isinstance(cell, (list, dict)) else cell for cell in cells)
    return Line(number, plain, f"{odd[0]!r} in row {number} is {why}; give it a column and one value")


def _object(path: Path, number: int, text: str) -> dict[str, Any]:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(named := dict(found)) < len(found):
            raise ValueError("a name is there twice")
        return named

    def decimal(word: str) -> float:
        number = read_number(word)
        number = float(word) if isinstance(number, str) else number
        if not isfinite(number):
            raise ValueError(f"{word} is no number here")
        return number

    try:
        found = json.loads(text, object_pairs_hook=pairs, parse_constant=decimal, parse_float=decimal)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise FlowError(f"{path}: row {number} isn't an object in JSON: {error}; correct it") from error
    if not isinstance(found, dict):
        raise FlowError(f"{path}: row {number} isn't an object in JSON; write one object a line")
    return found
