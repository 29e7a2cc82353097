"""How an output's lines are written: CSV, JSON Lines, Excel. A value never becomes a formula."""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qvl_agent.agent.flows.queue.values import Written, as_text

if TYPE_CHECKING:
    from openpyxl.cell import Cell
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

__all__ = ["csv_line", "json_line", "write_xlsx"]

_FORMULA: Final = r"(?=[=+\-@\t\r＝＋－＠])"
"""What begins a formula: https://owasp.org/www-community/attacks/CSV_Injection."""
_BEGINNINGS: Final = {
    own: re.compile(f"(^|[{others}\r\n]){_FORMULA}")
    for own, others in (
        (",", ";\t"),
        (";", ",\t"),
        ("\t", ",;"),
        ("", ""),
    )
}
"""Where a cell begins, by the delimiter: for a reader with another one, inside ours too."""
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
"""What XML 1.0 can't hold, and no program expects in a CSV."""
_MOST_TEXT: Final = 32_767
"""Characters in a cell: https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3."""
_EXACT_DIGITS: Final = 15
_FIRST_YEAR: Final = 1901


def csv_line(values: Iterable[Any], delimiter: str = ",") -> bytes:
    """Return a line of a CSV file (RFC 4180) in UTF-8.

    A text that a spreadsheet would take for a formula gets an apostrophe; numbers stay as they are, -5 too.
    """
    line = io.StringIO(newline="")
    csv.writer(line, delimiter=delimiter).writerow([_harmless(value, delimiter) for value in values])
    return line.getvalue().encode(errors="replace")


def _harmless(value: Any, delimiter: str) -> str:
    text = _CONTROL.sub("\ufffd", as_text(value))
    if isinstance(value, (int, float, date)) or _NUMBER.fullmatch(text):
        return text
    return _BEGINNINGS[delimiter].sub(r"\1'", text)


def json_line(columns: Sequence[str], values: Iterable[Any]) -> bytes:
    """Return a line of a JSON Lines file; dates are texts such as 2024-01-31."""
    line = json.dumps(dict(zip(columns, values, strict=True)), ensure_ascii=False, default=as_text)
    return line.encode(errors="replace") + b"\n"


def write_xlsx(path: Path, columns: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """Write an Excel file with one sheet; every text is a text, whatever it begins with.

    A whole number of more than 15 digits is a text, as Excel would round it.
    """
    from openpyxl import Workbook  # noqa: PLC0415 - takes long to import

    book = Workbook(write_only=True)
    sheet: WriteOnlyWorksheet = book.create_sheet("Items")
    sheet.freeze_panes = "A2"
    sheet.append([_cell(sheet, name) for name in columns])
    for values in lines:
        sheet.append([_cell(sheet, value) for value in values])
    book.save(path)


def _cell(sheet: "WriteOnlyWorksheet", value: Any) -> "Cell | None":
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - takes long to import

    if value is None:
        return None
    cell = WriteOnlyCell(sheet, None)
    if _fits_excel(value):
        cell.value = float(value) if isinstance(value, Written) else value
        if isinstance(value, Written):
            cell.number_format = "0." + "0" * len(value.written.partition(".")[2])
        return cell
    text = _CONTROL.sub("\ufffd", as_text(value))
    cell.value = text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
    cell.data_type = "s"  # else "=1" is a formula, and "#N/A" an error
    cell.quotePrefix = _harmless(text, "") != text  # it stays a text when somebody edits the cell
    return cell


def _fits_excel(value: Any) -> bool:
    match value:
        case bool():
            return True
        case int():
            return abs(value) < 10**_EXACT_DIGITS
        case float():
            return True
        case datetime():
            return value.year >= _FIRST_YEAR and value.tzinfo is None
        case date():
            return value.year >= _FIRST_YEAR
    return False
