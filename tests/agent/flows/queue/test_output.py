"""The output: each finished item once, whatever dies, and nothing in it is a formula."""

import csv
import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.queue import Item, Output, Queue, Written, rows

COLUMNS = ("number", "id", "status", "message")
ENDINGS = ("csv", "tsv", "jsonl", "xlsx")


def made(folder: Path, count: int) -> Queue:
    items = (Item(f"K{number}", number, {"number": number}) for number in range(1, count + 1))
    return Queue.create(folder / "queue", items, flow_digest="f", data_digest="d")


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with made(tmp_path, 4) as queue:
        yield queue


def do(queue: Queue, status: str = "done", **values: Any) -> str:
    found = queue.take("me")
    assert found is not None
    queue.finish(found.key, status, values or {"id": f"id {found.number}"})  # type: ignore[arg-type]
    return found.key


def read(path: Path) -> list[list[Any]]:
    """All lines but the header, whatever the file is; raises if one is torn."""
    match path.suffix:
        case ".xlsx":
            lines = [list(line) for line in openpyxl.load_workbook(path).worksheets[0].values]
        case ".jsonl":
            found = [json.loads(line) for line in path.read_text().splitlines()]
            return [list(line.values()) for line in found]
        case _:
            between = "\t" if path.suffix == ".tsv" else ","
            with path.open(encoding="utf-8-sig", newline="") as file:
                lines = list(csv.reader(file, delimiter=between, strict=True))
    return lines[1:]


def keys(path: Path) -> list[str]:
    return [str(line[0]) for line in read(path)]


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_item_is_there_once_when_it_has_ended(queue: Queue, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"done.{ending}"
    with Output(queue, path, COLUMNS) as output:
        output.update()
        assert keys(path) == [], "there from the beginning, with no line"
        do(queue)
        output.update()
        output.update()
        if ending != "xlsx":
            assert keys(path) == ["1"]
        do(queue, "business-error")
        output.update()
    number, own, status, message = read(path)[0]
    assert (str(number), own, status, message or "") == ("1", "id 1", "done", "")
    assert [line[2] for line in read(path)] == ["done", "business-error"]
    assert [file.name for file in tmp_path.iterdir() if "done" in file.name] == [path.name]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_line_is_appended_and_the_rest_is_left_alone(queue: Queue, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"done.{ending}"
    output = Output(queue, path, COLUMNS)
    do(queue)
    output.update()
    before, inode = path.read_bytes(), path.stat().st_ino
    do(queue)
    output.update()
    output.close()
    assert path.read_bytes().startswith(before)
    assert path.stat().st_ino == inode, "it wasn't written anew"


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
@pytest.mark.parametrize("torn", [1, 5, 10**6])
def test_a_torn_or_unrecorded_line_is_mended(tmp_path: Path, queue: Queue, ending: str, torn: int) -> None:
    """A crash after a part of a line, or all of it, was written, and before the queue knew of it."""
    path = tmp_path / f"done.{ending}"
    do(queue)
    Output(queue, path, COLUMNS).update()
    before = path.read_bytes()
    do(queue)
    Output(queue, path, COLUMNS).update()
    line = path.read_bytes()[len(before) :]
    with queue.database.change() as connection:
        connection.execute("UPDATE outputs SET size = ?, ended = 1, tail = ?", (len(before), _tail(before)))
    path.write_bytes(before + line[:torn])
    Output(queue, path, COLUMNS).update()
    assert path.read_bytes() == before + line


def _tail(data: bytes) -> str:
    import hashlib  # noqa: PLC0415 - here alone

    return hashlib.sha256(data[-4096:]).hexdigest()


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_was_changed_or_removed_is_written_anew(
    queue: Queue, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"done.{ending}"
    for _ in range(2):
        do(queue)
    Output(queue, path, COLUMNS).close()
    whole = read(path)
    for spoil in (path.unlink, lambda: path.write_bytes(b""), lambda: path.write_bytes(b"x" * 10_000)):
        spoil()
        Output(queue, path, COLUMNS).update()
        assert read(path) == whole
    Output(queue, path, COLUMNS[:1]).update()
    assert [len(line) for line in read(path)] == [1, 1], "other columns"


def test_an_item_that_is_tried_again_or_settled_has_one_line(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "done.csv"
    output = Output(queue, path, COLUMNS)
    do(queue, "application-error")
    key = do(queue, "parked")
    output.update()
    assert [line[2] for line in read(path)] == ["application-error", "parked"]
    queue.again()
    queue.resolve(key, "done")
    output.update()
    assert [line[:1] + line[2:3] for line in read(path)] == [["2", "done"]], "the first waits again"
    while queue.counts().get("waiting"):
        do(queue)
        output.update()
    assert sorted(keys(path)) == ["1", "2", "3", "4"]
    output.close()
    assert keys(path) == ["1", "2", "3", "4"], "in the order of the data at the end"


def test_two_workers_write_one_file(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "done.csv"
    with Queue.open(queue.path) as second:
        outputs = {worker: Output(worker, path, COLUMNS) for worker in (queue, second)}
        first, other = queue.take("one"), second.take("two")
        assert first is not None
        assert other is not None
        second.finish(other.key, "done", {})
        outputs[second].update()
        queue.finish(first.key, "done", {})
        outputs[queue].update()
        assert keys(path) == ["2", "1"]
        outputs[second].close()
        outputs[queue].close()
    assert keys(path) == ["1", "2"]


EVIL = ("=1+1", "+SUM(A1)", "-2+3", "@cmd", "\t=1", "\r=1", "＝1+1", "a;=1+1", "a\n=1+1", '=HYPERLINK("x")')
HARMLESS = ("+49171234567", "-5", "1.000,50", "a=b", "a-b; c", "x@y.org", "a,-b", "5-3")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", [*EVIL, "#N/A", "a\x01b\x00c", "\ud800", "x" * 40_000])
def test_a_text_never_becomes_a_formula(tmp_path: Path, ending: str, text: str) -> None:
    path = tmp_path / f"done.{ending}"
    with made(tmp_path, 1) as queue, Output(queue, path, ["id"]):
        do(queue, id=text)
    if ending == "xlsx":
        cell = openpyxl.load_workbook(path).worksheets[0]["A2"]
        assert cell.data_type == "s"
        assert cell.quotePrefix == (text in EVIL and ";" not in text)
        assert len(str(cell.value)) <= 32_767
    elif ending == "jsonl":
        assert read(path) == [[text.encode(errors="replace").decode()]]
    else:
        ((found,),) = read(path)
        begins = [part[:1] for part in found.replace("\n", ";").replace("\r", ";").split(";")]
        assert not {"=", "+", "-", "@", "＝"} & set(begins)
        assert ("'" in found) == (text in EVIL)
    (item,) = rows(path, None)
    assert not item.problem, "and what was written can be read again"


@pytest.mark.parametrize("value", [-5, 0, 4711, -12.5, 10**14, Written("12.50"), True, date(2024, 1, 31)])
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_number_stays_a_number(tmp_path: Path, ending: str, value: Any) -> None:
    path = tmp_path / f"done.{ending}"
    with made(tmp_path, 1) as queue, Output(queue, path, ["id"]):
        do(queue, id=value)
    (item,) = rows(path, None)
    if ending == "xlsx" or not isinstance(value, (bool, date)):
        assert item.values["id"] == value
    if isinstance(value, Written) and ending != "xlsx":
        assert ("12.50" in path.read_text(encoding="utf-8-sig")) == (ending != "jsonl")
    if isinstance(value, Written) and ending == "xlsx":
        assert openpyxl.load_workbook(path).worksheets[0]["A2"].number_format == "0.00"


@pytest.mark.parametrize("ours", [",", ";", "\t"])
@pytest.mark.parametrize("theirs", [",", ";", "\t"])
def test_a_reader_with_another_delimiter_sees_no_formula_either(
    tmp_path: Path, ours: str, theirs: str
) -> None:
    path = tmp_path / "done.csv"
    with made(tmp_path, 1) as queue, Output(queue, path, ["number", "id"], ours):
        do(queue, id=f"a{theirs}=1+1")
    with path.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for line in csv.reader(file, delimiter=theirs) for cell in line]
    assert not [cell for cell in cells if cell.startswith("=")]
    if ours == theirs:
        assert cells[-1] == f"a{ours}=1+1", "quoted, so it is one cell and stays as it is"


@pytest.mark.parametrize("text", HARMLESS)
def test_a_text_that_is_no_formula_stays_as_it_is(tmp_path: Path, text: str) -> None:
    with made(tmp_path, 1) as queue, Output(queue, tmp_path / "done.csv", ["id"]):
        do(queue, id=text)
    assert read(tmp_path / "done.csv") == [[text]]


def test_excel_doesnt_round_a_long_number(tmp_path: Path) -> None:
    path = tmp_path / "done.xlsx"
    with made(tmp_path, 1) as queue, Output(queue, path, ["id"]):
        do(queue, id=4006381333931 * 10**5 + 7)
    assert read(path) == [["400638133393100007"]]


def test_which_of_two_names_a_column_is(tmp_path: Path) -> None:
    item = Item("K1", 7, {"status": "open", "key": "data's", "id": "old", "row": None})
    columns = ("status", "key", "id", "row", "where", "nothing")
    with (
        Queue.create(tmp_path / "queue", [item], flow_digest="f", data_digest="d") as queue,
        Output(queue, tmp_path / "done.jsonl", columns),
    ):
        do(queue, id="read")
    assert read(tmp_path / "done.jsonl") == [["done", "data's", "read", None, "", None]]


def test_an_excel_file_is_written_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "done.xlsx"
    with made(tmp_path, 30) as queue:
        written = []
        with Output(queue, path, COLUMNS) as output:
            for _ in range(30):
                do(queue)
                output.update()
                written.append(len(keys(path)))
        assert written[0] == 1
        assert written[10] == 11
        assert len(set(written)) <= 4, "not with every item"
        assert len(keys(path)) == 30


def test_names_that_cant_be_written(queue: Queue, tmp_path: Path) -> None:
    for path, columns, why in (
        (tmp_path / "done.pdf", COLUMNS, "name a .csv"),
        (tmp_path / "no" / "done.csv", COLUMNS, "no folder"),
        (tmp_path / "done.csv", ("id", "id"), "the column 'id' twice"),
    ):
        with pytest.raises(FlowError, match=why):
            Output(queue, path, columns)


@pytest.mark.skipif(os.name != "posix", reason="a folder stands in the file's place")
def test_a_file_that_cant_be_written_costs_nothing(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "done.csv"
    path.mkdir()
    output = Output(queue, path, COLUMNS)
    do(queue)
    with pytest.raises(FlowError, match="the queue has everything"):
        output.update()
    path.rmdir()
    output.update()
    assert keys(path) == ["1"]
