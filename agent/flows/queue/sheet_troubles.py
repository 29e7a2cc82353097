"""What python-calamine leaves out: errors in cells, formulas without values, hidden rows.

The formats: .xlsx is ECMA-376 part 1, 18.3.1.4 (c) and 18.3.1.73 (row); .ods is OpenDocument 1.3 part 3,
9.1.3 and 9.1.4; .xls is read by xlrd. Expat limits what an entity may expand to.
"""

import io
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element, ParseError, fromstring, iterparse
from zipfile import BadZipFile, ZipFile

__all__ = ["BROKEN", "READERS", "Trouble"]

BROKEN: Final = (BadZipFile, KeyError, IndexError, ParseError, ValueError)
"""What the readers raise for a file that isn't as its format says."""
_ERROR: Final = re.compile(r"#(?:N/A|NAME\?|REF!|VALUE!|DIV/0!|NUM!|NULL!)|Err:[0-9]+")
_HIDDEN_ODS: Final = ("collapse", "filter")
_XLS_ERROR: Final = 5
"""xlrd's type of a cell with an error: https://xlrd.readthedocs.io/en/latest/api.html#xlrd.sheet.Cell."""


@dataclass(slots=True)
class Trouble:
    """What python-calamine doesn't tell of a sheet. Rows and columns are counted from 0."""

    errors: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By row: the column of the first cell that shows an error, and that error."""
    uncomputed: tuple[int, int] | None = None
    """The row and column of the first formula without a value."""
    hidden: list[int] = field(default_factory=list)
    """Rows that have something in them and aren't shown."""
    merged: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    """First and last cell of each area of merged cells."""

    def error(self, row: int, column: int, shown: str) -> None:
        self.errors.setdefault(row, (column, shown))

    def formula(self, row: int, column: int) -> None:
        self.uncomputed = self.uncomputed or (row, column)


def _local(name: str) -> str:
    """A name without its namespace; the strict variants of the formats have others."""
    return name.rpartition("}")[2]


def _attributes(element: Element) -> dict[str, str]:
    return {_local(name): value for name, value in element.attrib.items()}


def _xlsx(path: Path, sheet: str) -> Trouble:
    trouble = Trouble()
    with ZipFile(path) as file, file.open(_xlsx_part(file, sheet)) as part:
        row = column = -1
        for event, element in iterparse(part, ("start", "end")):  # noqa: S314
            match event, _local(element.tag):
                case "start", "row":
                    row, column = int(element.get("r", row + 2)) - 1, -1
                case "end", "c":
                    column = _column(element.get("r", "")) if element.get("r") else column + 1
                    _xlsx_cell(trouble, row, column, element)
                case "end", "row":
                    if element.get("hidden") in {"1", "true"} and any(map(_has_value, element)):
                        trouble.hidden.append(row)
                    element.clear()
    return trouble


def _has_value(cell: Element) -> bool:
    return any(_local(part.tag) in {"v", "is"} and (part.text or len(part)) for part in cell)


def _xlsx_cell(trouble: Trouble, row: int, column: int, cell: Element) -> None:
    parts = {_local(part.tag): part.text or "" for part in cell}
    if cell.get("t") == "e":
        trouble.error(row, column, parts.get("v", "#N/A"))
    elif "f" in parts and not parts.get("v") and cell.get("t") != "str":  # an empty text is a value
        trouble.formula(row, column)


def _xlsx_part(file: ZipFile, sheet: str) -> str:
    book = fromstring(file.read("xl/workbook.xml"))  # noqa: S314
    links = fromstring(file.read("xl/_rels/workbook.xml.rels"))  # noqa: S314
    targets = {link.get("Id"): link.get("Target", "") for link in links}
    for element in book.iter():
        named = _attributes(element) if _local(element.tag) == "sheet" else {}
        if named.get("name") == sheet:
            return posixpath.normpath(posixpath.join("/xl", targets[_link(element)])).lstrip("/")
    raise KeyError(sheet)


def _link(sheet: Element) -> str:
    """The r:id of a sheet, which has an id of its own beside it only without that namespace's prefix."""
    return next(value for name, value in sheet.attrib.items() if name.endswith("}id"))


def _column(reference: str) -> int:
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _ods(path: Path, sheet: str) -> Trouble:
    trouble = Trouble()
    with ZipFile(path) as file, file.open("content.xml") as part:
        inside, row = False, 0
        for event, element in iterparse(part, ("start", "end")):  # noqa: S314
            match event, _local(element.tag):
                case "start", "table" if not inside:
                    inside = _attributes(element).get("name") == sheet
                case "end", "table":
                    if _attributes(element).get("name") == sheet:
                        return trouble
                    element.clear()
                case "end", "table-row" if inside:
                    row += _ods_row(trouble, row, element)
                    element.clear()
    raise KeyError(sheet)


def _ods_row(trouble: Trouble, row: int, element: Element) -> int:
    """Look at a row; return how many rows it stands for."""
    named = _attributes(element)
    filled = False
    for column, cell in _ods_cells(element):
        filled = _ods_cell(trouble, row, column, cell) or filled
    if filled and named.get("visibility") in _HIDDEN_ODS:
        trouble.hidden.append(row)
    return int(named.get("number-rows-repeated", 1))


def _ods_cells(row: Element) -> Iterator[tuple[int, Element]]:
    column = 0
    for cell in row:
        if _local(cell.tag) in {"table-cell", "covered-table-cell"}:
            yield column, cell
            column += int(_attributes(cell).get("number-columns-repeated", 1))


def _ods_cell(trouble: Trouble, row: int, column: int, cell: Element) -> bool:
    """Look at a cell; say whether anything is in it."""
    named = _attributes(cell)
    # office:value-type and calcext:value-type have one local name
    kinds = {value for name, value in cell.attrib.items() if _local(name) == "value-type"}
    shown = "\n".join("".join(text.itertext()) for text in cell if _local(text.tag) == "p")
    if "error" in kinds or ("formula" in named and _ERROR.fullmatch(shown)):
        trouble.error(row, column, shown or "an error")
    elif "formula" in named and not kinds:
        trouble.formula(row, column)
    spans = (int(named.get("number-rows-spanned", 1)), int(named.get("number-columns-spanned", 1)))
    if spans != (1, 1):
        trouble.merged.append(((row, column), (row + spans[0] - 1, column + spans[1] - 1)))
    return bool(kinds or shown)


def _xls(path: Path, sheet: str) -> Trouble:
    import xlrd  # noqa: PLC0415 - an extra

    trouble = Trouble()
    try:
        book = xlrd.open_workbook(path, formatting_info=True, logfile=io.StringIO())
        table = book.sheet_by_name(sheet)
    except xlrd.XLRDError as error:
        raise ValueError(str(error)) from error
    for row in range(table.nrows):
        cells = table.row(row)
        for column, cell in enumerate(cells):
            if cell.ctype == _XLS_ERROR:
                trouble.error(row, column, xlrd.error_text_from_code.get(cell.value, "an error"))
        if row in table.rowinfo_map and table.rowinfo_map[row].hidden and any(cell.value for cell in cells):
            trouble.hidden.append(row)
    return trouble


READERS: Final[Mapping[str, Callable[[Path, str], Trouble]]] = {
    ".xlsx": _xlsx,
    ".xlsm": _xlsx,
    ".xls": _xls,
    ".ods": _ods,
}
