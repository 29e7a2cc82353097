"""What is wrong with a flow is found before it is run, with its line and what to write instead."""

from pathlib import Path

import flows_check
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qvl_agent.agent.flows.check import check
from qvl_agent.agent.flows.lock import Lock, lock_folder

BEGIN = "flow: x\nsteps:\n"


def said(folder: Path, text: str, **files: str) -> list[str]:
    """The mistakes of a flow: "line: message; remedy", notes with their mark."""
    path = folder / "x.flow.yaml"
    path.write_text(text, encoding="utf-8")
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content, encoding="utf-8")
    found = check(path)
    assert all(one.path == path for one in found), found
    return [str(one).removeprefix(f"{path}:").replace(":", " ", 1).replace(":", "", 1) for one in found]


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    flows_check.write(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", flows_check.FLOWS)
def test_a_flow_without_mistakes_has_none(flows: Path, name: str) -> None:
    assert check(flows / f"{name}.flow.yaml") == []


def test_mistakes_put_in_by_chance_are_found_with_their_line(flows: Path) -> None:
    chosen = flows_check.seeded(30, seed=7)
    assert len({each.kind for each in chosen}) == 30
    missed = [
        (each.kind, said) for each in chosen for right, said in [flows_check.found(each, flows)] if not right
    ]
    assert len(missed) <= 0.05 * len(chosen), missed


@pytest.mark.parametrize(
    ("steps", "line", "message"),
    [
        # names
        (
            '- type: {text: "${id}"}\n- read: {near: a, as: id}',
            3,
            "id has no value here, but only from line 4 on",
        ),
        (
            '- while: {see: a}\n  steps: [{read: {near: a, as: id}}]\n- type: {text: "${id}"}',
            5,
            "only in some cases",
        ),
        (
            "- when: {see: a}\n  steps: [{read: {near: a, as: id}}]\n- when: id > 5\n  steps: [{press: a}]",
            5,
            "only in",
        ),
        (
            '- for_each: c\n  in: [1]\n  steps: [{press: a}]\n- type: {text: "${c}"}',
            6,
            "move this step into that for_each",
        ),
        (
            '- type: {text: "${row.a}"}',
            3,
            "there is no variable row; it is there in the steps of for_each: row",
        ),
        ("- read: {near: a, as: today}", 3, "today has a meaning of its own"),
        ('- type: {text: "${a"}', 3, "isn't closed; add }"),
        ('- type: {text: "${a b}"}', 3, "isn't one expression"),
        ('- type: {text: "${1 | nope}"}', 3, "there is no filter nope"),
        ('- check: {that: "${1} > 2"}', 3, "here stands an expression, without ${ and }"),
        ('- press: "ctrl+${a}"', 3, "${…} isn't filled in here"),
        # order
        (
            "- for_each: c\n  in: [1]\n  steps:\n    - next_item\n    - press: a",
            7,
            "is never done, as the step in line 6",
        ),
        ('- check: {that: "1 < 2"}', 3, "is always true, so it checks nothing"),
        ("- when: true\n  steps: [{press: a}]\n  else: [{press: b}]", 3, "the steps in else are never done"),
        ("- while: 1 < 2\n  steps: [{press: a}]", 3, "ends only at its limit"),
        ("- next_item", 3, "note: next_item ends an item, and there is none"),
        ("- for_each: row\n  steps: [{press: a}]", 3, "there is no data to go over"),
        (
            '- click: "Pay now"',
            3,
            "spends money, and it could be done twice and nobody sees whether it was done",
        ),
        ('- click: {text: "Delete", row: "Ann"}\n  once: true', 3, "deletes something, and nobody sees"),
        (
            '- click: "Send ${1}"\n  then: "Sent"',
            3,
            "sends something, and it could be done twice; add once: true",
        ),
        # secrets
        (
            '- type: {into: "Password", text: "hunter2"}',
            3,
            "is written out here, where everybody can read it",
        ),
        ('- type: {into: "API key", text: "hunter2"}', 3, "the text for “API key” is written out"),
        ('- type: {into: "Passwort:", text: "a${1}"}', 3, "the text for “Passwort:” is written out"),
        ('- type: {into: "密码", text: "hunter2"}', 3, "is written out"),
        ('- type: {into: "PIN", text: "${1}"}', 3, "note: the text for “PIN” comes from a variable"),
        ('- type: {text: "sk-proj-abcdefghijklmnop0123"}', 3, "this looks like a key or a password"),
        ('- do: "log in at https://ann:hunter2@example.org"\n  then: a', 3, "this looks like a key"),
        ('- type: {text: "q7Zk2Lw9Xc4Vb8Nm1Qa6Ws3Ed5"}', 3, "this looks like a key or a password"),
        (
            '- type: {text: "{{secret:a}}"}',
            3,
            "the secret a isn't listed under secrets; add it: secrets: [a]",
        ),
        ('- ask: "is it {{secret:a}}?"', 3, "a secret can only be typed"),
        ('- type: {text: "{{ secret: a }}"}', 3, "almost a secret's name"),
        ('- click: "Password"\n- type: {text: "hunter2"}', 4, "the text for “Password” is written out"),
        # files, keys, patterns
        ("- use: no.flow.yaml", 3, "there is no file no.flow.yaml beside the flow"),
        ("- use: ../x.flow.yaml", 3, "leads out of the flow's folder"),
        ("- use: x.flow.yaml", 3, "use each other in a circle: x.flow.yaml → x.flow.yaml"),
        ('- check: {file: "../${1}.pdf"}', 3, "leads out of the flow's folder"),
        ("- wait: {file: /etc/passwd}", 3, "leads out of the flow's folder"),
        ("- press: entr", 3, "there is no key 'entr'; did you mean enter"),
        ("- press: a+b", 3, "press them one after the other"),
        ("- {click: a, keys: x}", 3, "only ctrl, shift, alt, altgr, meta can be held here"),
        ('- read: {near: a, as: b, pattern: "("}', 3, "the pattern '(' can't be read"),
        # evidence
        ('- click: {near: "Sound"}', 3, "“near Sound” is something beside words, and no picture shows"),
        ("- click: {region: [1, 1, 9, 9]}", 3, "is a region, and no picture shows what it looks like"),
        ("- click: {text: a, id: b}", 3, "“b” is known by its id, and no picture shows"),
        ("- click: Invoice #5", 3, "note: what stands behind # isn't part of 'Invoice'"),
        ("- click: {image: no.png}", 3, "there is no file no.png beside the flow"),
    ],
)
def test_one_mistake_is_found_alone(tmp_path: Path, steps: str, line: int, message: str) -> None:
    text = BEGIN + "".join(f"  {each}\n" for each in steps.splitlines())
    (found,) = said(tmp_path, text)
    assert found.startswith(f"{line} "), found
    assert message in found
    assert "\n" not in found
    assert "; " in found


@pytest.mark.parametrize(
    "steps",
    [
        '- type: {into: "Number", text: "4711"}',
        '- type: {into: "Pinned note", text: "hello"}',
        '- type: {into: "Search", text: "https://example.org/a/b?c=AbCdEf"}',
        '- type: {text: "Documents/Reports2026/InvoiceListOfNovember"}',
        '- type: {text: "InvoiceNumber2026_CustomerName"}',
        '- type: {text: "3f2a0c1e-8a51-4a9c-9d0e-1b2c3d4e5f60"}',
        '- click: "Invoice #5" # not #6',
        "- click: Invoice#5",
        '- type: {text: "$${row.number} {% raw %}"}',
        '- click: "Cancel the order"\n  once: true\n  then: "Cancelled"',
        "- when: {see: a}\n  steps: [read: {near: a, as: b}]\n  else: [ask: {question: c, as: b}]",
        '- retry: 2\n  steps: [{read: {near: a, as: b}}]\n- type: {text: "${b}"}',
        '- for_each: c\n  in: "[1, 2]"\n  steps: [press: a]\n  on_error: [{type: {text: "${c}"}}, next_item]',
        '- click: "Delete row"\n  once: true\n  then: {gone: "Row"}',
        '- read: {near: "Internal id", as: id}',
        '- click: {describe: "the gear"}',
        '- press: "ctrl+shift+t"',
    ],
)
def test_what_is_right_is_not_spoken_of(tmp_path: Path, steps: str) -> None:
    assert said(tmp_path, BEGIN + "".join(f"  {each}\n" for each in steps.splitlines())) == []


HEAD = "flow: x\ndata: {file: rows.csv, key: number}\n"
LOOP = "steps:\n  - for_each: row\n    steps:\n"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (
            HEAD + LOOP + '      - type: {text: "${row.nuber}"}\n',
            6,
            "the data has no column 'nuber'; did you mean number?",
        ),
        (
            HEAD + LOOP + "      - when: row['Note '] == ''\n        steps: [next_item]\n",
            6,
            "did you mean Note?",
        ),
        (HEAD.replace("number", "Number") + LOOP + "      - press: a\n", 2, "did you mean number?"),
        (HEAD + "steps: [{press: a}]\n", 2, "note: no step goes over the data"),
        (
            HEAD.replace("rows", "row") + LOOP + "      - press: a\n",
            2,
            "there is no file row.csv beside the flow; did you mean rows.csv?",
        ),
        (
            HEAD + "output: {file: rows.csv, columns: [Note]}\n" + LOOP + "      - press: a\n",
            3,
            "the output is the file with",
        ),
        (
            HEAD + "output: {file: a.csv, columns: [Note, Note]}\n" + LOOP + "      - press: a\n",
            3,
            "stands here twice",
        ),
        (
            HEAD + "output: {file: a.csv, columns: [sttus]}\n" + LOOP + "      - press: a\n",
            3,
            "did you mean status?",
        ),
        (HEAD + LOOP + "      - reject: a\n  - next_item\n", 7, "move it into a for_each"),
        (
            HEAD + LOOP + "      - press: a\n  - for_each: again\n    steps: [{press: b}]\n",
            7,
            "a second time, first in line 4",
        ),
        (
            "flow: x\nvariables: {row: 1}\n" + HEAD[8:] + LOOP + '      - type: {text: "${row.Note}"}\n',
            5,
            "is a variable already",
        ),
        (
            "flow: x\nvariables: {password: hunter2}\n" + 'steps: [{type: {text: "${password}"}}]\n',
            2,
            "password is written out here",
        ),
        ("flow: x\nvariables: {in: 1}\nsteps: [{press: a}]\n", 2, "in has a meaning of its own"),
        ("flow: x\nvariables: {a: 1}\nsteps: [{press: a}]\n", 2, "note: the variable a is used nowhere"),
        (
            "flow: x\nvariables: {a: 1}\n" + 'steps: [{type: {text: "${a.b}"}}]\n',
            3,
            "a is one value and has no columns",
        ),
        ("flow: x\nsecrets: [a]\nsteps: [{press: a}]\n", 2, "the secret a is used nowhere"),
        (
            'flow: x\naliases: {Sve: ["Sichern"]}\nsteps: [{click: "Save"}]\n',
            2,
            "note: no target is called “Sve”",
        ),
        (
            "flow: x\non_popup: [{see: a, steps: [{click: b, once: true}]}]\nsteps: [{press: a}]\n",
            2,
            "remove once",
        ),
        (
            "flow: x\ndata: r.csv\nsteps:\n- {click: a, once: true}\n- {for_each: r, steps: [press: a]}\n",
            4,
            "belongs to no row; move it into the for_each",
        ),
    ],
)
def test_what_stands_above_the_steps_is_checked(tmp_path: Path, text: str, line: int, message: str) -> None:
    found = said(tmp_path, text, rows__csv="number,Note\n1,a\n")
    named = [one for one in found if one.startswith(f"{line} ") and message in one]
    assert named, found
    assert len(found) <= 2, found  # a variable that is hidden or reserved is used nowhere, too


def test_other_data_is_checked_in_its_place(tmp_path: Path) -> None:
    text = HEAD + LOOP + '      - type: {text: "${row.amount}"}\n'
    assert said(tmp_path, text, rows__csv="number,amount\n1,2\n") == []
    (tmp_path / "other.csv").write_text("\ufeffnumber;total\n1;2\n", encoding="utf-8")
    (found,) = check(tmp_path / "x.flow.yaml", data=tmp_path / "other.csv")
    assert "the data has no column 'amount'" in found.message
    (found,) = check(tmp_path / "x.flow.yaml", data=tmp_path / "none.csv")
    assert "there is no file" in found.message


# --- other flows


def test_a_flow_that_is_used_is_checked_too(flows: Path) -> None:
    other = flows / "login.flow.yaml"
    other.write_text(flows_check.LOGIN.replace("${user}", "${usr}"), encoding="utf-8")
    found = check(flows / "invoices.flow.yaml")
    assert [(each.path, each.line) for each in found] == [(other, 3), (other, 6), (other, 8)]
    other.write_text("flow: [", encoding="utf-8")
    (found_here, *_) = check(flows / "invoices.flow.yaml")
    assert found_here.line == 17
    assert "login.flow.yaml has 1 mistakes, first in line 1" in found_here.message


def test_flows_in_a_circle_are_found_and_nothing_hangs(tmp_path: Path) -> None:
    for name, used in (("a", "b"), ("b", "c"), ("c", "b")):
        (tmp_path / f"{name}.flow.yaml").write_text(f"flow: x\nsteps: [use: {used}.flow.yaml]\n")
    found = check(tmp_path / "a.flow.yaml")
    assert {each.path.name for each in found} == {"a.flow.yaml", "b.flow.yaml", "c.flow.yaml"}
    assert all(
        "b.flow.yaml → c.flow.yaml → b.flow.yaml" in each.message
        for each in found
        if each.path.name != "c.flow.yaml"
    )


def test_once_is_looked_for_in_the_flows_that_are_used(tmp_path: Path) -> None:
    (tmp_path / "a.flow.yaml").write_text("flow: a\nsteps: [use: b.flow.yaml]\n")
    (tmp_path / "b.flow.yaml").write_text("flow: b\nsteps: [{click: a, once: true}]\n")
    (found,) = said(tmp_path, f"{BEGIN}  - retry: 2\n    steps:\n      - use: a.flow.yaml\n")
    assert found.startswith("5 ")
    assert "has a step that is done once, and retry does it again" in found


def test_a_used_flow_may_end_the_item(tmp_path: Path) -> None:
    (tmp_path / "a.flow.yaml").write_text(
        "flow: a\nvariables: {b: 1}\nsteps: [{when: b > 1, steps: [{reject: c}]}]\n"
    )
    text = f"{BEGIN}  - for_each: c\n    in: [1]\n    steps: [{{use: a.flow.yaml, with: {{b: '${{c}}'}}}}]\n"
    assert said(tmp_path, text) == []


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "flows"
    folder.mkdir()
    (tmp_path / "a.flow.yaml").write_text("flow: a\nsteps: [press: a]\n")
    (folder / "a.flow.yaml").symlink_to(tmp_path / "a.flow.yaml")
    (found,) = said(folder, f"{BEGIN}  - use: a.flow.yaml\n")
    assert "leads out of the flow's folder" in found


# --- the lock


def test_two_targets_with_one_name_are_found(flows: Path) -> None:
    path = flows / "orders.flow.yaml"
    path.write_text(flows_check.ORDERS.replace('"Send order"', '{text: "Send order", id: menu-orders}'))
    (found, *_) = [each for each in check(path) if not each.note]
    assert "“menu-orders” is another target's name too, in line 11; give each an id of its own" in str(found)


def test_what_no_step_uses_is_a_note(flows: Path) -> None:
    path = flows / "invoices.flow.yaml"
    path.write_text(
        flows_check.INVOICES.replace('{text: "Note", near: "Customer", id: customer-note}', '"Note"')
    )
    (found,) = check(path)
    assert found.note
    assert found.path == lock_folder(path) / "lock.json"
    assert "there is evidence for “customer-note”, which no step uses" in found.message


def test_a_picture_that_was_changed_is_found(flows: Path) -> None:
    path = flows / "settings.flow.yaml"
    picture = Lock.load(lock_folder(path)).targets["corner"].picture
    with (lock_folder(path) / picture.file).open("ab") as file:
        file.write(b"x")
    found = check(path)
    assert {each.line for each in found} == {
        9,
        14,
        23,
    }  # two targets on it, and a step that it was made after
    assert all("was changed after it was recorded" in each.message for each in found)


def test_a_lock_that_cant_be_read_is_a_mistake(flows: Path) -> None:
    path = flows / "settings.flow.yaml"
    (lock_folder(path) / "lock.json").write_text('{"format": 9}')
    found = check(path)
    assert any(each.path.name == "lock.json" for each in found)


def test_a_row_or_an_id_tells_look_alikes_apart(flows: Path) -> None:
    path = flows / "orders.flow.yaml"
    (lock_folder(path) / "lock.json").write_text(
        flows_check._doubled("Send order")(Lock.load(lock_folder(path))).model_dump_json()
    )
    (found,) = check(path)
    assert "“Send order” stands 2 times on its picture; say which: add near, row or id" in str(found)


def test_one_true_postcondition_among_several_is_enough(flows: Path) -> None:
    path = flows / "orders.flow.yaml"
    text = flows_check.ORDERS
    path.write_text(
        text.replace('{see: "All orders", within: 10s}', '[{see: "Customers"}, {see: "All orders"}]')
    )
    assert check(path) == []
    path.write_text(
        text.replace('{see: "All orders", within: 10s}', '[{see: "Customers"}, {gone: "Nobody"}]')
    )
    assert len(check(path)) == 2


def test_other_words_for_a_target_fit_its_picture(flows: Path) -> None:
    path = flows / "settings.flow.yaml"
    text = flows_check.SETTINGS.replace('"Delete old data"', '"Alte Daten löschen"')
    path.write_text(text, encoding="utf-8")
    lock = Lock.load(lock_folder(path))
    renamed = {
        ("Alte Daten löschen" if key == "Delete old data" else key): each
        for key, each in lock.targets.items()
    }
    (lock_folder(path) / "lock.json").write_text(
        lock.model_copy(update={"targets": renamed}).model_dump_json()
    )
    assert any("stands nowhere on the picture" in each.message for each in check(path))
    aliases = 'aliases: {"Alte Daten löschen": ["Delete old data"]}\nsteps:'
    path.write_text(text.replace("steps:", aliases, 1), encoding="utf-8")
    assert check(path) == []


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(flows_check.FLOWS)),
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 12), st.text(max_size=6)), min_size=1, max_size=3
    ),
)
def test_whatever_is_written_there_are_mistakes_and_no_crash(
    flows: Path, name: str, edits: list[tuple[int, int, str]]
) -> None:
    text = flows_check.FLOWS[name]
    for at, removed, put in edits:
        start = at % len(text)
        text = text[:start] + put + text[start + removed :]
    path = flows / f"{name}.flow.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        for each in check(path):
            assert "\n" not in str(each)
            assert each.message
            assert each.remedy
            assert 1 <= each.line <= text.count("\n") + text.count("\r") + 2
    finally:
        path.write_text(flows_check.FLOWS[name])


def test_a_step_that_is_done_once_cannot_bring_the_application_back(tmp_path: Path) -> None:
    steps = (
        "- for_each: part\n  in: [a]\n  steps: [press: a]\n  on_error:\n  - click: Cancel\n    once: true\n"
    )
    [mistake] = said(tmp_path, BEGIN + steps)
    assert mistake.startswith("8 ")
    assert "can't bring the application back" in mistake


@pytest.mark.parametrize("nested", [False, True], ids=["at the top", "in a when"])
def test_around_the_rows_nobody_is_told_to_do_a_step_once(tmp_path: Path, nested: bool) -> None:
    """There it can't be done once, so the remedy would be another mistake."""
    click = '{click: "Delete row", then: {gone: "Row"}}'
    step = f"- when: {{see: Row}}\n  steps: [{click}]\n" if nested else f"- {click}\n"
    rows = "- for_each: row\n  steps: [{press: enter}]\n"
    assert said(tmp_path, f"flow: x\ndata: r.csv\nsteps:\n{step}{rows}", r__csv="number\n1\n") == []
