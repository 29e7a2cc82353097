"""Rows of data files: what is in them, and nothing that isn't."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet
from project import ROOT

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue import Item, Written, as_text, checksum, columns, delimiter, rows

XLS = ROOT / "tests/data/flows/cells.xls"
"""Made for this: xlrd and calamine read .xls, and nothing that the tests have writes it."""


def text_file(tmp_path: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def values(path: Path, key: str | None = None, sheet: str = "") -> list[list[Any]]:
    return [list(item.values.values()) for item in rows(path, key, sheet)]


def refused(path: Path, key: str | None = None, sheet: str = "") -> str:
    with pytest.raises(FlowError) as caught:
        list(rows(path, key, sheet))
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert ";" in message or "it has" in message, "no remedy"
    return message


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_csv(tmp_path: Path, sign: str, encoding: str, ends: str) -> None:
    lines = [
        ("number", "name", "amount"),
        ("4711", "Müller", "1"),
        ("", "", ""),
        ("4712", '"a, ""b""; c"', "2"),
    ]
    path = text_file(tmp_path, ends.join(sign.join(line) for line in lines).encode(encoding))
    assert columns(path) == ("number", "name", "amount")
    assert delimiter(path) == sign
    assert list(rows(path, "number")) == [
        Item("4711", 2, {"number": 4711, "name": "Müller", "amount": 1}),
        Item("4712", 4, {"number": 4712, "name": 'a, "b"; c', "amount": 2}),
    ]


@pytest.mark.parametrize(
    ("text", "value", "typed"),
    [
        ("4711", 4711, "4711"),
        ("-5", -5, "-5"),
        ("0", 0, "0"),
        ("12.50", Written("12.50"), "12.50"),
        ("-0.10", Written("-0.10"), "-0.10"),
        ("12345678901234567890", 12345678901234567890, "12345678901234567890"),
        ("0.1234567890123456789", Written("0.1234567890123456789"), "0.1234567890123456789"),
        *(
            (text, text, text)
            for text in ("0042", "00", "+5", "1e5", "1.000,5", "1 000", "١٢", ".5", "5.", "-0")
        ),
        *((text, text, text) for text in ("=1+1", "true", "None", "nan", "2024-01-31", " x ", "9" * 5000)),
        ("", None, ""),
        ("  ", None, ""),
    ],
)
def test_what_a_text_in_a_csv_is(tmp_path: Path, text: str, value: object, typed: str) -> None:
    path = text_file(tmp_path, f"a;b\nx;{text}\n")
    ((_, found),) = values(path)
    assert (found, type(found)) == (value, type(value))
    assert as_text(found) == f"{'' if found is None else found}" == typed


def test_numbers_are_compared_as_numbers_and_typed_as_written(tmp_path: Path) -> None:
    (item,) = rows(text_file(tmp_path, "amount\n12500.50\n"), None)
    amount = item.values["amount"]
    assert isinstance(amount, float)
    assert amount > 10_000
    assert f"{amount}" == str(amount) == "12500.50"


def test_rows_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    path = text_file(tmp_path, 'number,note\n1,"two\nlines"\n\n2,x\n')
    assert [(item.key, item.number) for item in rows(path, "number")] == [("1", 2), ("2", 5)]
    assert [item.key for item in rows(path, None)] == ["2", "5"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no names of columns"),
        ("\nnumber\n1\n", "no names of columns"),
        ("number,,name\n1,2,3\n", "column 2 has no name"),
        ("number,name,number\n1,2,3\n", "two columns are named 'number'"),
        ("number,name\n1,a\n2,b\n1,c\n", "rows 2 and 4 have the same key '1'"),
        ("number,name\n1,a\n 1 ,c\n", "rows 2 and 3 have the same key '1'"),
        ("number,name\n,Sum\n", "row 2 has nothing in the key column"),
        ("nummer,name\n1,a\n", "no column 'number' for the key; it has nummer, name"),
        ('number,name\n"1\n2",a\n', "the key in row 2 has a line break"),
        ('number,name\n1,"a\n2,b\n', "line 2 can't be read"),
        ('number,name\n1,"a"b\n', "line 2 can't be read"),
        ("sep=;\nnumber;name\n", "remove that row"),
        ("number,name;x\n1,2\n", "isn't clear"),
        (b"\xff\xfen\x00u\x00", "UTF-16"),
        (b"number,name\n1,\x00\n", "isn't a text file"),
        (b"number,name\n1,\x81\xc3\n", "neither in UTF-8 nor in Windows-1252"),
    ],
)
def test_what_spoils_a_whole_csv(tmp_path: Path, text: str | bytes, why: str) -> None:
    assert why in refused(text_file(tmp_path, text), "number")


def test_what_spoils_one_row_of_a_csv(tmp_path: Path) -> None:
    path = text_file(tmp_path, "number,name\n1,a\n2\n3,c,d\n4,d,\n")
    assert [(item.key, item.problem.partition(";")[0]) for item in rows(path, "number")] == [
        ("1", ""),
        ("2", "row 3 has 1 cells of 2"),
        ("3", "row 4 has a cell more than there are columns"),
        ("4", ""),
    ]


def test_files_that_cant_be_read(tmp_path: Path) -> None:
    for name in ("none.csv", "none.xlsx", "none.xls", "none.ods", "none.jsonl"):
        assert "No such file" in refused(tmp_path / name)
    assert "save it as one of .csv" in refused(text_file(tmp_path, "a", "data.pdf"))
    assert "has no sheets" in refused(text_file(tmp_path, "a"), sheet="Invoices")
    for name in ("a.xlsx", "a.xls", "a.ods"):
        assert "isn't a spreadsheet" in refused(text_file(tmp_path, "<html><table>", name))
    with pytest.raises(FlowError, match="can't read the data"):
        checksum(tmp_path / "none.csv")
    assert len(checksum(text_file(tmp_path, "a"))) == 64


def test_json_lines(tmp_path: Path) -> None:
    text = '{"number": "0042", "amount": 12.50, "yes": true}\n\n{"number": 43, "amount": null}\n'
    path = text_file(tmp_path, text, "data.jsonl")
    assert columns(path) == ("number", "amount", "yes")
    assert list(rows(path, "number")) == [
        Item("0042", 1, {"number": "0042", "amount": 12.5, "yes": True}),
        Item("43", 3, {"number": 43, "amount": None, "yes": None}),
    ]
    assert [as_text(value) for value in next(rows(path, None)).values.values()] == ["0042", "12.50", "true"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"number": 2', "row 2 isn't an object in JSON"),
        ("[1, 2]", "row 2 isn't an object in JSON"),
        ('{"number": 2, "number": 3}', "a name is there twice"),
        ('{"number": NaN}', "NaN is no number"),
        ('{"number": 1e999}', "1e999 is no number"),
        ('{"number": "\\ud800"}', "row 2 isn't an object in JSON"),
        ("[" * 100_000, "row 2 isn't an object in JSON"),
        ('{"number": 1}', "the same key '1'"),
        ('{"name": "x"}', "nothing in the key column"),
    ],
)
def test_what_spoils_json_lines(tmp_path: Path, line: str, why: str) -> None:
    assert why in refused(
        text_file(tmp_path, f'{{"number": 1, "name": "a"}}\n{line}\n', "data.jsonl"), "number"
    )


def test_what_spoils_one_row_of_json_lines(tmp_path: Path) -> None:
    text = '{"number": 1}\n{"number": 2, "name": "a"}\n{"number": 1e5}\n'
    first, second, third = rows(text_file(tmp_path, text, "data.jsonl"), "number")
    assert (first.problem, third.values["number"]) == ("", 100_000.0)
    assert second.problem.startswith("'name' in row 2 is not in the first line's columns")
    (item,) = rows(text_file(tmp_path, '{"number": 1, "of": [1, 2]}\n', "data.jsonl"), "number")
    assert item.problem.startswith("'of' in row 1 is a list or an object")


def workbook(tmp_path: Path, fill: Callable[[Worksheet], None], name: str = "data.xlsx") -> Path:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    fill(sheet)
    book.save(tmp_path / name)
    return tmp_path / name


def filled(*lines: tuple[Any, ...]) -> Callable[[Worksheet], None]:
    def fill(sheet: Worksheet) -> None:
        for line in lines:
            sheet.append(line)

    return fill


def test_an_excel_file(tmp_path: Path) -> None:
    when = datetime.fromisoformat("2024-02-29T12:30:05")
    path = workbook(
        tmp_path,
        filled(
            ("number", "day", "time", "clock", "yes", "amount", "note"),
            (4711, date(2024, 1, 31), when, time(10, 30), True, 12.5, "x"),
            (None,) * 7,
            ("0042", None, None, None, False, 10**14, "  "),
        ),
    )
    assert columns(path) == ("number", "day", "time", "clock", "yes", "amount", "note")
    first, second = rows(path, "number")
    assert (first.key, first.number, second.key, second.number) == ("4711", 2, "0042", 4)
    assert list(first.values.values()) == [4711, date(2024, 1, 31), when, "10:30", True, 12.5, "x"]
    assert list(second.values.values()) == ["0042", None, None, None, False, 10**14, None]
    assert type(first.values["number"]) is int
    assert [as_text(value) for value in first.values.values()] == [
        "4711", "2024-01-31", "2024-02-29 12:30:05", "10:30", "true", "12.5", "x",
    ]  # fmt: skip


def test_an_excel_table_may_begin_anywhere(tmp_path: Path) -> None:
    def fill(sheet: Worksheet) -> None:
        for cell, value in {"C3": "number", "D3": "name", "C4": 1, "D4": "a", "C5": 2}.items():
            sheet[cell] = value

    path = workbook(tmp_path, fill)
    assert [(item.key, item.number, item.values["name"]) for item in rows(path, "number")] == [
        ("1", 4, "a"),
        ("2", 5, None),
    ]


def test_a_title_above_the_table_isnt_taken_for_names(tmp_path: Path) -> None:
    path = workbook(tmp_path, filled(("Invoices of 2024",), ("number", "name"), (1, "a")))
    assert "no column 'number'" in refused(path, "number")


def test_an_error_in_a_cell_isnt_an_empty_one(tmp_path: Path) -> None:
    path = workbook(tmp_path, filled(("number", "amount"), (1, 5), (2, "#N/A"), (3, "#DIV/0!")))
    assert [item.problem for item in rows(path, "number")] == [
        "",
        "row 3 shows #N/A in B3; correct it in the file",
        "row 4 shows #DIV/0! in B4; correct it in the file",
    ]
    in_key = workbook(tmp_path, filled(("number", "amount"), ("#REF!", 5)))
    assert "row 2 has nothing in the key column" in refused(in_key, "number")
    in_header = workbook(tmp_path, filled(("number", "#NAME?"), (1, 5)))
    assert "row 1 shows #NAME? in B1" in refused(in_header, "number")


def test_a_formula_that_was_never_computed(tmp_path: Path) -> None:
    path = workbook(tmp_path, filled(("number", "twice"), (1, "=A2*2")))
    assert "the formula in B2 has no value" in refused(path)


@pytest.mark.parametrize(
    ("cell", "value", "problem"),
    [
        ('<c r="B2"><f>A2*2</f><v>2</v></c>', 2, ""),
        ('<c r="B2" t="str"><f>IF(A2,"","x")</f><v></v></c>', None, ""),
        (
            '<c r="B2" t="e"><f>NA()</f><v>#N/A</v></c>',
            None,
            "row 2 shows #N/A in B2; correct it in the file",
        ),
        ('<c t="e"><v>#N/A</v></c>', None, "row 2 shows #N/A in B2; correct it in the file"),
    ],
)
def test_a_formula_as_excel_saves_it(tmp_path: Path, cell: str, value: object, problem: str) -> None:
    path = workbook(tmp_path, filled(("number", "x"), (1, 12345)))
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    was = b'<c r="B2" t="n"><v>12345</v></c>'
    assert was in parts[sheet]
    with zipfile.ZipFile(path, "w") as new:
        for name, data in {**parts, sheet: parts[sheet].replace(was, cell.encode())}.items():
            new.writestr(name, data)
    (item,) = rows(path, None)
    assert (item.values["x"], item.problem) == (value, problem)


def test_hidden_rows_and_sheets(tmp_path: Path) -> None:
    def fill(sheet: Worksheet) -> None:
        filled(("number",), (1,), (2,))(sheet)
        assert sheet.parent is not None
        sheet.parent.create_sheet("Secret", 0).append(["other"])
        sheet.parent["Secret"].sheet_state = "hidden"
        sheet.row_dimensions[9].hidden = True  # nothing in it

    path = workbook(tmp_path, fill)
    assert columns(path) == ("number",)
    assert columns(path, "Secret") == ("other",), "its name is in the flow, for all to see"
    assert "no sheet 'Tabelle1'; it has Secret, Sheet" in refused(path, sheet="Tabelle1")

    def hide(sheet: Worksheet) -> None:
        fill(sheet)
        sheet.row_dimensions[3].hidden = True

    assert "row 3 is hidden" in refused(workbook(tmp_path, hide))


def test_merged_cells(tmp_path: Path) -> None:
    def merged(area: str) -> Path:
        def fill(sheet: Worksheet) -> None:
            filled(("number", "name"), (1, "a"), (2, "b"), (3, "c"))(sheet)
            sheet.merge_cells(area)

        return workbook(tmp_path, fill)

    assert "the cells B2 to B3 are merged over rows" in refused(merged("B2:B3"))
    assert [item.problem for item in rows(merged("A3:B3"), "number")] == [
        "",
        "row 3 has merged cells, A3 to B3; split them",
        "",
    ]
    assert "merged" in refused(merged("A1:B1"))


def test_an_old_excel_file() -> None:
    assert columns(XLS) == ("number", "day", "amount"), "the first sheet is hidden"
    assert list(rows(XLS, "number")) == [
        Item("4711", 2, {"number": 4711, "day": date(2024, 1, 31), "amount": 12.5}),
        Item(
            "0042", 3, {"number": "0042", "day": date(2024, 2, 29), "amount": None},
            "row 3 shows #N/A in C3; correct it in the file",
        ),
        Item(
            "4713", 4, {"number": "4713", "day": None, "amount": None},
            "row 4 has merged cells, A4 to C4; split them",
        ),
    ]  # fmt: skip
    assert "row 3 is hidden" in refused(XLS, sheet="Filtered")
    assert "merged over rows" in refused(XLS, sheet="Merged")


def ods(tmp_path: Path, *lines: str, before: str = "") -> Path:
    """A file as LibreOffice 24 writes it, but for the styles."""
    spaces = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for name in ("office", "table", "text")
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    calc = "urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"
    content = (
        f'<office:document-content {spaces} xmlns:calcext="{calc}" office:version="1.3"><office:body>'
        f'<office:spreadsheet>{before}<table:table table:name="Invoices">{"".join(lines)}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    path = tmp_path / "data.ods"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("mimetype", kind)
        file.writestr("META-INF/manifest.xml", manifest)
        file.writestr("content.xml", content)
    return path


def ods_row(*cells: str, **named: str) -> str:
    said = "".join(f' table:{name.replace("_", "-")}="{value}"' for name, value in named.items())
    return f"<table:table-row{said}>{''.join(cells)}</table:table-row>"


def text_cell(text: str, said: str = "") -> str:
    return f'<table:table-cell office:value-type="string"{said}><text:p>{text}</text:p></table:table-cell>'


def number_cell(number: float) -> str:
    return (
        f'<table:table-cell office:value-type="float" office:value="{number}"><text:p>{number}</text:p>'
        "</table:table-cell>"
    )


NA = (
    '<table:table-cell table:formula="of:=NA()" office:value-type="string" office:string-value="" '
    'calcext:value-type="error"><text:p>#N/A</text:p></table:table-cell>'
)
FAULT = (
    '<table:table-cell table:formula="of:=SUM(1;#REF!)" office:value-type="float" office:value="0">'
    "<text:p>Err:502</text:p></table:table-cell>"
)
UNCOMPUTED = '<table:table-cell table:formula="of:=[.A2]*2"/>'
HEADER = ods_row(text_cell("number"), text_cell("amount"))


def test_an_open_document(tmp_path: Path) -> None:
    other = f'<table:table table:name="Other">{ods_row(UNCOMPUTED)}</table:table>'
    path = ods(
        tmp_path,
        HEADER,
        ods_row(text_cell("0042"), number_cell(12.5)),
        ods_row('<table:table-cell table:number-columns-repeated="2"/>', number_rows_repeated="2"),
        ods_row(number_cell(5), NA),
        ods_row(number_cell(6), FAULT),
        ods_row(text_cell("#N/A"), number_cell(1)),
        before=other,
    )
    found = [
        (item.key, item.number, item.values["amount"], item.problem)
        for item in rows(path, "number", "Invoices")
    ]
    assert found == [
        ("0042", 2, 12.5, ""),
        ("5", 5, None, "row 5 shows #N/A in B5; correct it in the file"),
        ("6", 6, 0, "row 6 shows Err:502 in B6; correct it in the file"),
        ("#N/A", 7, 1, ""),
    ]
    assert "formula in A1" in refused(path), "the first sheet is another"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (ods_row(number_cell(1), UNCOMPUTED), "the formula in B2 has no value"),
        (ods_row(number_cell(1), number_cell(1), visibility="filter"), "row 2 is hidden"),
        (ods_row(number_cell(1), number_cell(1), visibility="collapse"), "row 2 is hidden"),
        (ods_row(text_cell("a", ' table:number-rows-spanned="2"'), number_cell(1)), "A2 to A3 are merged"),
    ],
)
def test_what_spoils_an_open_document(tmp_path: Path, row: str, why: str) -> None:
    assert why in refused(ods(tmp_path, HEADER, row, ods_row(number_cell(2), number_cell(2))))


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_ten_thousand_rows_take_little_memory(tmp_path: Path, ending: str) -> None:
    """Counted in a process of its own, from its start with all that it imports."""
    names = [f"column {number}" for number in range(20 if ending == "csv" else 2)]
    lines = [tuple(f"{row} {name}" for name in names) for row in range(10_000)]
    if ending == "csv":
        path = text_file(tmp_path, "\n".join(",".join(line) for line in (names, *lines)))
    else:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for line in (names, *lines):
            sheet.append(line)
        path = tmp_path / "data.xlsx"
        book.save(path)
    program = (
        "import re, sys; from pathlib import Path; from qvl_agent.agent.flows.queue import rows\n"
        "count = sum(1 for _ in rows(Path(sys.argv[1]), 'column 0'))\n"
        # Not getrusage's peak, which a process has from the one that started it.
        "status = Path('/proc/self/status').read_text()\n"
        "print(count, int(re.search(r'VmHWM:\\s*(\\d+)', status)[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    count, megabytes = map(int, done.stdout.split())
    assert count == 10_000
    assert megabytes < 200
