"""One JSON value out of a model's text: what is tolerated, and what never is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.strict_json import Flaw, Json, ScanBudget, Value, read, read_all

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc_2 ").map(str.strip), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=400)
@given(VALUES, st.booleans(), st.sampled_from([None, "\t", 2]))
def test_reads_all_that_json_writes(value: Value, ascii_only: bool, indent: int | str | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert read_all(f" {text}\n") == Json(value, len(text) + 1)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1,}', {"a": 1}),
        ("[1, 2, ]", [1, 2]),
        ('{"a"：1，"b"：2}', {"a": 1, "b": 2}),
        (
            "{'a': 'b \"c\"', 'd': True, 'e': None, 'f': \"it's\"}",
            {"a": 'b "c"', "d": True, "e": None, "f": "it's"},
        ),
        ('{" a ": 1}', {"a": 1}),
        ('{"a": "two\nlines"}', {"a": "two\nlines"}),
        (r'{"a": "it\'s"}', {"a": "it's"}),
        ('["a": 1, "b": []}', {"a": 1, "b": []}),
        ('["a": 1]', {"a": 1}),
        (r'"😀 é \/"', "😀 é /"),
    ],
)
def test_tolerates_slips_with_one_reading(text: str, value: Value) -> None:
    assert read_all(text) == Json(value, len(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the end of the reply"),
        ('{"a": NaN}', "got NaN"),
        ('{"a": -Infinity}', "got -Infinity"),
        ('{"a": 1e999}', "got 1e999"),
        ('{"a": ' + "9" * 5000 + "}", "got 9999"),
        ('{"a": 007}', "got 007"),
        ('{"a": .5}', "got ."),
        ('{"a": 1.}', "got 1"),
        ('{"a": +5}', "got +"),
        ('{"a": ５}', "got ５"),
        ('{"a": 1, "a": 1}', "only once"),
        ('{"a": 1, " a": 1}', "only once"),
        ("[" * 100_000, "nested at most"),
        ('{"a":' * 100_000, "nested at most"),
        (r'"\ud800"', "half of a surrogate pair"),
        (r'"\udc00\ud800"', "half of a surrogate pair"),
        (r'"C:\Users"', r"got \U"),
        ('"a\x1bb"', "without control characters"),
        ('{"a": "b" "c": 1}', '"," or "}"'),
        ("{'a': 'it's'}", '"," or "}"'),
        ("{a: 1}", "a key in quotes"),
        ('{"a" 1}', '":"'),
        ('{"a": 1', '"," or "}"'),
        ("[1 2]", '"," or "]"'),
        ("True1", "got True1"),
        ("{} {}", "there is more"),
    ],
)
def test_refuses_what_is_not_json_or_has_two_readings(text: str, reason: str) -> None:
    found = read_all(text)
    assert isinstance(found, Flaw)
    assert reason in found.reason


@pytest.mark.parametrize(
    ("text", "serious"),
    [
        ("[the button] ", False),
        ("[ key ", False),
        ("{x} ", False),
        ("{ ", True),
        ('{{"a": 1}}', False),
        ('{"a": 1 ', True),
        ('{"a" is', True),
        ('[{"a": 1}', True),
        ('[{"a": 1}\n</tool_call>', False),
        ('{"a": {"b": 1}\n</tool_call>', True),
    ],
)
def test_tells_a_broken_object_from_a_bracket_in_a_sentence(text: str, serious: bool) -> None:
    found = read(text, 0, ScanBudget())
    assert isinstance(found, Flaw)
    assert found.serious is serious


def test_a_describing_text_with_bare_quotes_is_read_up_to_the_next_key() -> None:
    text = '{"prompt": "the field "by "name"", "bbox": [1, 2, 3, 4]}'
    found = read_all(text)
    assert found == Json({"prompt": 'the field "by "name"', "bbox": [1, 2, 3, 4]}, len(text))


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "x "y" z", "b": 1}',
        '{"label": "x "y"\n z", "b": 1}',
        '{"label": "x "</think>" y", "b": 1}',
        '{"label": "x \\"y" z", "b": 1}',
        '{"label": "x "' + "y" * 600 + '", "b": 1}',
    ],
)
def test_bare_quotes_are_not_read_in_other_texts_or_over_lines_tags_escapes_or_far(text: str) -> None:
    assert isinstance(read_all(text), Flaw)


def test_the_budget_bounds_the_work() -> None:
    budget = ScanBudget(steps=100)
    for _ in range(40):
        read("[1", 0, budget)
    with pytest.raises(ParseError, match="too many unfinished brackets"):
        read("[1" + ",1" * 30, 0, budget)
