"""The schema that editors use says what the reader takes, and is generated."""

from importlib.resources import files
from pathlib import Path

import flows_check
import jsonschema
import pytest

from qvl_agent.agent.flows.reading import Loaded, read
from qvl_agent.agent.flows.schema import FILE, schema, schema_text
from qvl_agent.agent.flows.script.steps import STEP_CLASSES
from qvl_agent.agent.flows.tree import parse

BEGIN = "flow: x\nsteps:\n"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


def test_the_file_in_the_package_is_the_schema() -> None:
    kept = (files("qvl_agent.agent.flows") / FILE).read_text(encoding="utf-8")
    how = "write qvl_agent.agent.flows.schema.schema_text() into it"
    assert kept == schema_text(), f"agent/flows/{FILE} isn't up to date; {how}"


def test_everything_is_described() -> None:
    made = schema()
    parts = {**made["$defs"], "Flow": made}
    for name, part in parts.items():
        assert name.endswith("Keys") or part.get("description"), name
        for key, value in part.get("properties", {}).items():
            assert value.get("description"), (name, key)
    assert len(made["$defs"]["Step"]["anyOf"]) == len(STEP_CLASSES) + 1


@pytest.mark.parametrize("name", flows_check.FLOWS)
def test_whole_flows_fit(validator: jsonschema.Draft202012Validator, name: str) -> None:
    validator.validate(parse(flows_check.FLOWS[name].encode()).data())


STEPS = {
    'click: "Save"': True,
    "click: {near: a, row: b}": True,
    "click: {image: a.png, id: gear-2}": True,
    "click: {region: [1, 2, 3, 4]}": True,
    "next_item": True,
    "{click: a, then: b}": True,
    "{click: a, then: [b, {gone: c, within: 500ms}]}": True,
    "{click: a, within: 5, once: true}": True,
    "wait: 2s": True,
    "wait: 1.5": True,
    "wait: {see: a}": True,
    "{when: row.a > 5, steps: [next_item], else: [{reject: b}]}": True,
    "{when: {see: a}, steps: [next_item]}": True,
    "{when: true, steps: [next_item]}": True,
    "{while: {gone: a}, steps: [{press: b}], at_most: 3}": True,
    "{for_each: a, in: [1, b], steps: [{press: b}], on_error: [next_item]}": True,
    "{retry: 2, steps: [{press: b}], pause: 1s}": True,
    "{use: a.flow.yaml, with: {b: 1, c: d}}": True,
    "ask: a": True,
    "ask: {question: a, as: b}": True,
    "{do: a, then: b}": True,
    "read: {target: a, as: b}": True,
    "scroll: {down: -3, until: a}": True,
    "check: {target: a, value: b}": True,
    "drag: {from: a, to: {text: b, window: c}}": True,
    # what neither takes
    "clik: a": False,
    "next": False,
    "click: 5": False,
    "click: {}": False,
    "click: {row: a}": False,
    "click: {region: [1, 2]}": False,
    "click: {id: A, text: b}": False,
    "{click: a, press: b}": False,
    "{click: a, within: soon}": False,
    "{click: a, button: lefft}": False,
    "{click: a, count: 4}": False,
    "wait: Saved": False,
    "wait: {}": False,
    "{when: [a], steps: [next_item]}": False,
    "{when: a, steps: []}": False,
    "{when: a}": False,
    "{for_each: 1a, steps: [next_item]}": False,
    "drag: {from_: a, to: b}": False,
    "do: a": False,
    "read: {as: b}": False,
    "read: {near: a, target: c, as: b}": False,
    "scroll: {over: a}": False,
    "check: {contains: a, see: b}": False,
    "check: {value: a, see: b}": False,
    "{use: a, with: {b-c: 1}}": False,
    "type: a": False,
    "press: [a]": False,
    "": False,
}


@pytest.mark.parametrize("step", STEPS)
def test_the_schema_and_the_reader_agree(
    validator: jsonschema.Draft202012Validator, tmp_path: Path, step: str
) -> None:
    text = f"{BEGIN}  - {step}\n"
    (tmp_path / "x.flow.yaml").write_text(text)
    assert isinstance(read(tmp_path / "x.flow.yaml"), Loaded) is STEPS[step]
    assert validator.is_valid(parse(text.encode()).data()) is STEPS[step]


@pytest.mark.parametrize(
    ("above", "fits"),
    [
        ("data: a.csv", True),
        ("data: {file: a.csv, key: Invoice no}", True),
        ("variables: {a: 1, b: text, c: {default: 2, one_of: [2, 3], about: d}}", True),
        ("version: 1", True),
        ("version: 2", False),
        ("variables: {a-b: 1}", False),
        ("secrets: [A]", False),
        ("aliases: {Save: Sichern}", False),
        ("output: {file: a.csv, columns: []}", False),
        ("on_popup: [{see: a}]", False),
        ("apps: a", False),
    ],
)
def test_both_agree_on_what_stands_above(
    validator: jsonschema.Draft202012Validator, tmp_path: Path, above: str, fits: bool
) -> None:
    text = f"{above}\n{BEGIN}  - press: a\n"
    (tmp_path / "x.flow.yaml").write_text(text)
    assert isinstance(read(tmp_path / "x.flow.yaml"), Loaded) is fits
    assert validator.is_valid(parse(text.encode()).data()) is fits
