"""Answers that must fit a schema: the schema is checked first, then each answer, and nothing is fetched."""

import json
from pathlib import Path
from typing import Any

import pytest

from qvl_agent.actions.core.errors import ParseError, SettingsError
from qvl_agent.agent.models.answer_schema import AnswerSchema, code_in

TABLE = {
    "type": "object",
    "properties": {"rows": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}},
    "required": ["rows"],
    "additionalProperties": False,
}


def schema(tmp_path: Path, value: object) -> AnswerSchema:
    path = tmp_path / "schema.json"
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return AnswerSchema.load(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"rows": [["a", "b"], []]}', {"rows": [["a", "b"], []]}),
        ('```json\n{"rows": []}\n```', {"rows": []}),
        ('Here it is:\n```\n{"rows": []}\n```\nThat is all.', {"rows": []}),
        ('  {"rows": [["价格", "€ 4"]]}\n', {"rows": [["价格", "€ 4"]]}),
    ],
)
def test_what_fits_is_taken_out(tmp_path: Path, text: str, value: object) -> None:
    assert schema(tmp_path, TABLE).read(text) == value


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("There is no table.", "not JSON"),
        ('{"rows": [["a", 4]]}', "at rows/0/1: 4 is not of type 'string'"),
        ('{"rows": [], "note": ""}', "note"),
        ("{}", "'rows' is a required property"),
        ('{"rows": [[NaN]]}', "NaN"),
        ('{"rows": [', "not JSON"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ParseError, match=why) as caught:
        schema(tmp_path, TABLE).read(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("{", "isn't JSON"),
        ("[]", "expected a JSON object"),
        ({"type": "tabel"}, "isn't a valid JSON schema"),
        ({"properties": {"a": {"minimum": "x"}}}, "at properties/a/minimum"),
    ],
)
def test_a_bad_schema_is_refused_before_anything_is_asked(tmp_path: Path, value: object, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        schema(tmp_path, value)


def test_a_schema_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        AnswerSchema.load(tmp_path / "none.json")


def test_the_draft_it_names_is_the_one_it_is_read_by(tmp_path: Path) -> None:
    old: dict[str, Any] = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3}
    strict = schema(tmp_path, old | {"exclusiveMinimum": True})
    assert strict.read("4") == 4
    with pytest.raises(ParseError):
        strict.read("3")
    with pytest.raises(SettingsError):
        schema(tmp_path, {"minimum": 3, "exclusiveMinimum": True})


def test_no_other_document_is_ever_fetched(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"type": "string"}')
    for address in ("http://127.0.0.1:9/other.json", (tmp_path / "other.json").as_uri()):
        with pytest.raises(SettingsError, match="isn't in it"):
            schema(tmp_path, {"$ref": address}).read('"a"')
    inside = schema(tmp_path, {"$ref": "#/$defs/word", "$defs": {"word": {"type": "string"}}})
    assert inside.read('"a"') == "a"


def test_code_is_what_stands_in_the_only_block() -> None:
    assert code_in("Sure:\n```html\n<p>a</p>\n```\nDone.") == "<p>a</p>\n"
    assert code_in("<p>`a`</p>") == "<p>`a`</p>"
    assert code_in("~~~\na\n~~~") == "a\n"
    assert code_in("````md\n```\na\n```\n````") == "```\na\n```\n"
    two = "```\na\n```\n```\nb\n```"
    assert code_in(two) == two
    assert code_in("```html\n<p>cut off") == "```html\n<p>cut off"
