"""A flow's file is read as a whole, and everything that is wrong with it is said with its line."""

import hashlib
import os
from pathlib import Path

import pytest

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.reading import Loaded, Mistake, beside, load, read, targets, texts, walk

INVOICES = """\
# yaml-language-server: $schema=qvl-flow-1.json
flow: Enter invoices
app: erp
data: {file: invoices.xlsx, key: number}
secrets: [erp-pin]
on_popup:
  - see: "Session expires"
    steps: [{click: "Stay signed in"}]
steps:
  - type: {into: "PIN", text: "{{secret:erp-pin}}", enter: true}
    then: {see: "Dashboard", within: 20s}
  - for_each: row
    steps:
      - click: "New invoice"
      - type: {into: "Number", text: "${row.number}"}
      - when: row.amount > 10000
        steps: [{click: "Needs approval"}]
      - click: "Save"
        once: true
        then: {see: "Invoice ${row.number} saved", within: 10s}
      - drag: {from: "Invoice", to: {near: "Done", row: "${row.number}"}}
      - read: {near: "Internal id", as: id}
    on_error: [{click: "Cancel"}, next_item]
  - check: {see: "Dashboard"}
output: {file: done.csv, columns: [number, id, status]}
"""
BEGIN = "flow: x\nsteps:\n"


def written(tmp_path: Path, text: str | bytes, name: str = "x.flow.yaml") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def mistakes(tmp_path: Path, text: str | bytes) -> list[Mistake]:
    found = read(written(tmp_path, text))
    assert not isinstance(found, Loaded), found
    return found


def test_a_flow_knows_where_its_steps_stand(tmp_path: Path) -> None:
    path = written(tmp_path, INVOICES)
    loaded = load(path)
    assert loaded.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(each, loaded.where(each)) for each, _ in walk(loaded.flow)] == [
        ("on_popup[0].steps[0]", (8, 13)),
        ("steps[0]", (10, 5)),
        ("steps[1]", (12, 5)),
        ("steps[1].steps[0]", (14, 9)),
        ("steps[1].steps[1]", (15, 9)),
        ("steps[1].steps[2]", (16, 9)),
        ("steps[1].steps[2].steps[0]", (17, 17)),
        ("steps[1].steps[3]", (18, 9)),
        ("steps[1].steps[4]", (21, 9)),
        ("steps[1].steps[5]", (22, 9)),
        ("steps[1].on_error[0]", (23, 16)),
        ("steps[1].on_error[1]", (23, 35)),
        ("steps[2]", (24, 5)),
    ]
    assert loaded.where("steps[1].steps[3].then[0].see") == (20, 21)
    assert loaded.where("steps[0].type.into.text") == (10, 18)


def test_every_target_and_text_is_named(tmp_path: Path) -> None:
    flow = load(written(tmp_path, INVOICES)).flow
    named = [(path, target.key) for path, _, target in targets(flow)]
    assert named == [
        ("on_popup[0].steps[0]", "Stay signed in"),
        ("steps[0]", "PIN"),
        ("steps[1].steps[0]", "New invoice"),
        ("steps[1].steps[1]", "Number"),
        ("steps[1].steps[2].steps[0]", "Needs approval"),
        ("steps[1].steps[3]", "Save"),
        ("steps[1].steps[4]", "Invoice"),
        ("steps[1].steps[4]", "near Done · row ${row.number}"),
        ("steps[1].on_error[0]", "Cancel"),
    ]
    assert list(texts(flow)) == [
        ("steps[1].steps[1].type.text", "${row.number}"),
        ("steps[1].steps[3].then[0].see", "Invoice ${row.number} saved"),
        ("steps[1].steps[4].drag.to.row", "${row.number}"),
    ]


def test_all_mistakes_of_shape_are_found_at_once(tmp_path: Path) -> None:
    text = INVOICES.replace("app:", "ap:").replace("once: true", "onec: true").replace("10s", "10 bananas")
    assert [(each.line, each.message) for each in mistakes(tmp_path, text)] == [
        (3, "there is no key ap here"),
        (19, "there is no key onec here"),
        (20, "'10 bananas' is no duration"),
    ]
    with pytest.raises(FlowError, match=r"x\.flow\.yaml:3:1: there is no key ap here; .* \(and 2 more"):
        load(tmp_path / "x.flow.yaml")


@pytest.mark.parametrize(
    ("step", "column", "message", "remedy"),
    [
        ('clik: "Save"', 5, "there is no step clik", "did you mean click?"),
        ('frobnicate: "Save"', 5, "there is no step frobnicate", "steps are click, hover"),
        ("next_itm", 5, "a step can't be 'next_itm'", "did you mean next_item?"),
        ("{click: a, type: {text: b}}", 16, "this step does two things", "make two steps"),
        ("", 4, "the step is empty", "remove the dash"),
        ("name: a", 5, "this step doesn't say what to do", "give it one of click"),
        ("click: 4711", 12, "expected a text, and here is 4711", 'put it in quotes: "4711"'),
        ("click: 007", 12, "expected a text", 'put it in quotes: "007"'),
        ("type: {into: a, text: 0x1F}", 27, "expected a text", 'put it in quotes: "0x1F"'),
        ('click: ""', 12, "the text is empty", "write one"),
        ('click: {txt: "a"}', 13, "there is no key txt here", "did you mean text?"),
        ('type: {into: "b"}', 11, "text is missing here", "add text"),
        ('type: "b"', 11, "expected keys with values", "write type: {into"),
        ("{click: a, buttn: left}", 16, "there is no key buttn", "did you mean button?"),
        ("{click: a, button: lefft}", 24, "expected 'left'", "did you mean left?"),
        ("{click: a, count: 9}", 23, "9, without quotes is too large", "write at most 3"),
        ("{click: a, once: maybe}", 22, "expected true or false", "write true or false"),
        ("{click: a, then: {gnoe: b}}", 23, "there is no key gnoe", "did you mean gone?"),
        ("wait: Saved", 11, "'Saved' is no duration", "write one such as 20s"),
        ("wait: {see: a, gnoe: b}", 20, "there is no key gnoe", "did you mean gone?"),
        ("{when: {seee: a}, steps: [next_item]}", 13, "there is no key seee", "did you mean see?"),
        ("{when: [a], steps: [next_item]}", 12, "expected keys with values", "write key: value"),
        ("{when: a, steps: []}", 22, "steps is empty", "write something"),
        ("{when: a, steps: [next_item], esle: [next_item]}", 35, "there is no key esle", "mean else?"),
        ("{for_each: 1a, steps: [next_item]}", 16, "'1a' can't be a name", "a letter first"),
        ("drag: {from_: a, to: b}", 12, "there is no key from_", "write from"),
        ("read: {as: x}", 11, "what is read isn't named", "give near or target"),
        ("scroll: {over: a}", 13, "it isn't said how far", "give down or right"),
        ("click: {region: [1, 2]}", 21, "a region has four numbers", "[left, top, right, bottom]"),
        ("click: {region: [9, 9, 1, 1]}", 12, "the region is empty", "write its left, top"),
        ("do: a", 5, "then is missing here", "add then"),
        ("click: {{secret:a}}", 13, "a key can't be in brackets", 'in quotes: "{{secret:name}}"'),
        ("check: {see: ${a}}", 19, "${…} stands without quotes", "put the text in quotes"),
        ("click: Save: now", 16, "a second colon stands here", "in quotes"),
        ("click: *a", 12, "a text that begins with *", "in quotes"),
        ("click: &a b", 12, "a text can't begin with &", "in quotes"),
        ("click: !a b", 12, "a text can't begin with !", "in quotes"),
        ("click: @a", 12, "a text can't begin with @", "in quotes"),
        ('click: "a', 12, "the quote that begins here isn't closed", "closing quote"),
        (r'read: {near: a, as: b, pattern: "\d"}', 39, "a backslash in double quotes", "single quotes"),
        ("click: 'a' b", 16, "text follows the closing quote", "one pair of quotes"),
    ],
)
def test_a_mistake_has_its_place_and_a_remedy(
    tmp_path: Path, step: str, column: int, message: str, remedy: str
) -> None:
    (found,) = mistakes(tmp_path, f"{BEGIN}  - {step}\n")
    assert (found.line, found.column) == (3, column), found
    assert message in found.message
    assert remedy in found.remedy
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("lines", "place", "message"),
    [
        ("click: a\n    click: b", (4, 5), "click stands here twice, first in line 3"),
        ("click: a\n     name: b", (4, 10), "a second colon stands here, or the line's indentation"),
        ("click: a\n   name: b", (4, 4), "this line's indentation doesn't fit"),
        ("click: a\n\tname: b", (4, 1), "this line is indented with a tab"),
        ("click: a\n...\n---\nflow: y", (5, 1), "a second document begins here"),
        (
            "type: {into: a,\n      text: b\n  - click: c",
            (3, 11),
            "the bracket that begins here isn't closed before line 5",
        ),
        ('click: "a\n  - click: "b"', (3, 12), "the quote that begins here isn't closed in its line"),
        ("click: a\n    name", (4, 5), "a colon is missing behind this"),
    ],
)
def test_a_mistake_over_several_lines_has_its_place(
    tmp_path: Path, lines: str, place: tuple[int, int], message: str
) -> None:
    (found,) = mistakes(tmp_path, f"{BEGIN}  - {lines}\n")
    assert (found.line, found.column) == place, found
    assert message in found.message


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"", 1, "the file is empty"),
        (b"# nothing\n", 1, "the file is empty"),
        (b"[]", 1, "expected keys with values"),
        (b"hello", 1, "expected keys with values"),
        ("flow: é\n".encode("utf-16"), 1, "isn't saved as UTF-8"),
        (b"flow: x\nsteps: \xe9\n", 2, "a character here isn't saved as UTF-8"),
        (b"flow: x\nsteps: \x07\n", 2, "a character that can't be seen stands here (U+0007)"),
        (b"%YAML 1.1\n---\nflow: yes\n", 1, "begins with %"),
        (b"flow: x\na: &a [b]\nc: [*a, *a]\n", 2, "a text can't begin with &"),
        (b"flow: x\nsteps: " + b"[" * 1000, 2, "more than 60 levels"),
        (b"flow: x\nsteps:\n" + b"  - click: a\n" * 30_000, 1, "is larger than 256 KiB"),
    ],
)
def test_what_is_no_flow_is_refused_with_its_place(
    tmp_path: Path, data: bytes, line: int, message: str
) -> None:
    found = mistakes(tmp_path, data)[0]
    assert found.line == line
    assert message in found.message
    with pytest.raises(FlowError):
        load(tmp_path / "x.flow.yaml")


def test_a_file_that_isnt_there_or_is_none_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "no.flow.yaml", tmp_path, Path("a\0b")):
        with pytest.raises(FlowError, match=r":1:1: "):
            load(path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FlowError, match="isn't a file"):
        load(tmp_path / "pipe")


def test_windows_files_are_read_as_they_are(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + INVOICES.replace("\n", "\r\n").encode())
    loaded = load(path)
    assert loaded.flow == load(written(tmp_path, INVOICES, "y.flow.yaml")).flow
    assert loaded.where("steps[2]") == (24, 5)


def test_a_date_and_a_yes_are_texts(tmp_path: Path) -> None:
    text = f"{BEGIN}  - click: 2024-01-01\n  - click: yes\n  - click: 12:30\n"
    flow = load(written(tmp_path, text)).flow
    assert [target.text for _, _, target in targets(flow)] == ["2024-01-01", "yes", "12:30"]


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "C:\\a", "\\a", "out/x", "a\0b"])
def test_a_named_file_stays_in_the_flows_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    flow = written(folder, INVOICES)
    assert beside(flow, "sub/rows.csv") == folder.resolve() / "sub" / "rows.csv"
    with pytest.raises(FlowError, match="leads out of the flow's folder"):
        beside(flow, name)
