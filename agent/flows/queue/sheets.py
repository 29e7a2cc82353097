"""Rows of spreadsheets: .xlsx, .xls, .ods.

The values are read by python-calamine. It gives a cell that shows an error, and a formula that was never
computed, as an empty one, and doesn't say which rows are hidden; that is looked up in the file itself, so
that no empty field is typed where a person sees #N/A.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue.sheet_troubles import BROKEN, READERS, Trouble
from qvl_agent.agent.flows.queue.values import Value, plain

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

__all__ = ["ENDINGS", "Line", "sheet_lines"]

ENDINGS: Final = (".xlsx", ".xlsm", ".xls", ".ods")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a file."""

    number: int
    """From 1."""
    cells: tuple[Value, ...]
    problem: str = ""
    """Why it can't be used."""
    exact: bool = False
    """Each cell is written out, so that one too few is a mistake."""


def sheet_lines(path: Path, name: str) -> Iterator[Line]:
    """Go over a sheet's rows from the first that isn't empty, which has the names of the columns.

    Args:
        path: the file.
        name: the sheet; "" is the first that isn't hidden. A hidden one is read if it is named.

    Raises:
        FlowError: it can't be read, has a password, hidden rows, formulas without values, cells merged over
            rows, or no such sheet.
        OSError: the file can't be opened.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415 - an extra

    with path.open("rb"):
        pass  # python-calamine has errors of its own for a file that isn't there
    try:
        book = CalamineWorkbook.from_path(path)
        sheet = book.get_sheet_by_name(_sheet_name(path, book, name))
        merged = sheet.merged_cell_ranges or []
    except PasswordError as error:
        raise FlowError(f"{path} has a password; save it without one") from error
    except CalamineError as error:
        raise FlowError(
            f"{path} isn't a spreadsheet, or is broken: {error}; save it anew as .xlsx"
        ) from error
    trouble = _trouble(path, sheet.name)
    trouble.merged += merged
    _refuse(path, trouble)
    return _numbered(sheet, trouble)


def _sheet_name(path: Path, book: "CalamineWorkbook", name: str) -> str:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - an extra

    tables = {sheet.name: sheet for sheet in book.sheets_metadata if sheet.typ == SheetTypeEnum.WorkSheet}
    if name:
        if name not in tables:
            raise FlowError(f"{path} has no sheet {name!r}; it has {', '.join(tables)}")
        return name
    shown = [each for each, sheet in tables.items() if sheet.visible == SheetVisibleEnum.Visible]
    if not shown:
        raise FlowError(f"{path} has no sheet that is shown; name one of {', '.join(tables)}")
    return shown[0]


def _trouble(path: Path, sheet: str) -> Trouble:
    try:
        return READERS[path.suffix.lower()](path, sheet)
    except BROKEN as error:
        raise FlowError(f"{path} can't be checked for errors in cells: {error}; save it anew") from error


def _refuse(path: Path, trouble: Trouble) -> None:
    """Raise what spoils more than one row."""
    if trouble.uncomputed is not None:
        raise FlowError(
            f"{path}: the formula in {cell_name(*trouble.uncomputed)} has no value, as the program that wrote"
            " the file didn't compute it; open it in Excel or LibreOffice and save it"
        )
    if trouble.hidden:
        raise FlowError(
            f"{path}: row {trouble.hidden[0] + 1} is hidden, by a filter or by hand, so nobody knows whether"
            " it is meant; show all rows, or save the wanted ones as another file"
        )
    for first, last in trouble.merged:
        if first[0] != last[0]:
            raise FlowError(
                f"{path}: the cells {cell_name(*first)} to {cell_name(*last)} are merged over rows, so only"
                " the first of them has the value; split them, and fill each row in"
            )


def _numbered(sheet: "CalamineSheet", trouble: Trouble) -> Iterator[Line]:
    merged = {first[0]: (first, last) for first, last in trouble.merged}
    begun = False
    for row, cells in enumerate(sheet.iter_rows()):
        values = tuple(plain(_stripped(cell)) for cell in cells)
        problem = ""
        if row in trouble.errors:
            column, shown = trouble.errors[row]
            problem = f"row {row + 1} shows {shown} in {cell_name(row, column)}; correct it in the file"
        elif row in merged and any(value is not None for value in values):
            first, last = merged[row]
            problem = f"row {row + 1} has merged cells, {cell_name(*first)} to {cell_name(*last)}; split them"
        begun = begun or bool(problem) or any(value is not None for value in values)
        if begun:
            yield Line(row + 1, values, problem)


def _stripped(cell: Any) -> Any:
    """A cell with nothing but spaces is empty."""
    return None if isinstance(cell, str) and not cell.strip() else cell


def cell_name(row: int, column: int) -> str:
    """Return what a spreadsheet calls a cell: (0, 27) is AB1."""
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row + 1}"
