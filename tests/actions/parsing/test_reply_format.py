"""What the schemas of the reply formats admit is read, and what is written is admitted."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_actions import actions, sayable

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.parsing.dialects import DIALECTS, as_points, computer_use, format_action, grounded
from qvl_agent.actions.parsing.dialects.reply_format import (
    MAX_REPLY_TEXT,
    ReplyFormat,
    reply_format,
    reply_schema,
)
from qvl_agent.actions.parsing.reply import parse_action
from qvl_agent.actions.planning.action import Action, Answer, Ask, Click, Type, Wait

Schema = Mapping[str, Any]


def values(schema: Schema) -> st.SearchStrategy[Any]:
    """All that a schema admits, of the keywords that ours are made of."""
    if "anyOf" in schema:
        return st.sampled_from(schema["anyOf"]).flatmap(values)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "string":
            return st.text(st.characters(exclude_categories=("Cs",)), max_size=min(schema["maxLength"], 40))
        case "integer":
            return st.integers(schema["minimum"], schema["maximum"])
        case "boolean":
            return st.booleans()
        case "array":
            if "prefixItems" in schema:
                return st.tuples(*map(values, schema["prefixItems"])).map(list)
            return st.lists(values(schema["items"]), min_size=schema["minItems"], max_size=schema["maxItems"])
    optional = {name: values(field) for name, field in schema["properties"].items()}
    needed = {name: optional.pop(name) for name in schema["required"]}
    return st.fixed_dictionaries(needed, optional=optional).map(
        lambda made: {name: made[name] for name in schema["properties"] if name in made}
    )


def spelt(form: ReplyFormat, value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return f"<{form.tag}>\n{text}\n</{form.tag}>" if form.tag else text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_whatever_the_schema_admits_is_read(dialect: str) -> None:
    form = reply_format(dialect)

    @settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
    @given(values(form.schema))
    def check(value: Any) -> None:
        parse_action(spelt(form, value))

    check()


@pytest.mark.parametrize(
    ("dialect", "readers"), [("grounded", grounded.READERS), ("computer_use", computer_use.READERS)]
)
def test_the_schema_has_every_action_that_is_read(dialect: str, readers: Mapping[str, object]) -> None:
    schema = reply_schema(dialect)
    calls = schema.get("anyOf") or schema["properties"]["arguments"]["anyOf"]
    assert {call["properties"]["action"]["const"] for call in calls} == readers.keys()


def admits(schema: Schema, value: Any) -> bool:
    if "anyOf" in schema:
        return any(admits(option, value) for option in schema["anyOf"])
    if "const" in schema:
        return bool(value == schema["const"])
    if "enum" in schema:
        return value in schema["enum"]
    match schema["type"]:
        case "string":
            return isinstance(value, str) and len(value) <= schema["maxLength"]
        case "integer":
            return type(value) is int and schema["minimum"] <= value <= schema["maximum"]
        case "boolean":
            return isinstance(value, bool)
        case "array":
            return isinstance(value, list) and _items(schema, value)
    return isinstance(value, dict) and _fields(schema, value)


def _items(schema: Schema, value: list[Any]) -> bool:
    kinds = schema.get("prefixItems") or [schema["items"]] * len(value)
    fits = schema["minItems"] <= len(value) <= schema["maxItems"] and len(kinds) == len(value)
    return fits and all(map(admits, kinds, value))


def _fields(schema: Schema, value: dict[str, Any]) -> bool:
    """Whether the fields are known, complete, valid, and in the schema's order."""
    known = schema["properties"]
    in_order = [name for name in known if name in value] == list(value)
    return in_order and all(name in value for name in schema["required"]) and all(
        admits(known[name], field) for name, field in value.items()
    )  # fmt: skip


def whole(action: Action) -> Action:
    """The action with whole numbers, as the prompts ask for them."""
    places = {name: getattr(action, name, None) for name in ("target", "end")}
    boxes = {
        name: ModelBox(*(float(round(side)) for side in (box.x1, box.y1, box.x2, box.y2)))
        for name, box in places.items()
        if isinstance(box, ModelBox)
    }
    seconds = {"seconds": float(round(action.seconds))} if isinstance(action, Wait) else {}
    return action.model_copy(update={**boxes, **seconds})


@settings(max_examples=1000)
@given(actions.map(whole))
def test_whatever_grounded_writes_is_admitted(action: Action) -> None:
    assert admits(reply_schema("grounded"), json.loads(format_action(action, "grounded")))


@settings(max_examples=1000)
@given(actions.map(whole).map(as_points).filter(sayable))
def test_whatever_computer_use_writes_is_admitted(action: Action) -> None:
    call = format_action(action, "computer_use").partition("<tool_call>")[2].removesuffix("</tool_call>")
    assert admits(reply_schema("computer_use"), json.loads(call))


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("kind", [Type, Answer, Ask])
def test_a_text_that_ends_at_its_limit_may_be_cut(dialect: str, kind: type[Type | Answer | Ask]) -> None:
    form = reply_format(dialect)
    name = "question" if kind is Ask else "text"
    for size, cut in ((MAX_REPLY_TEXT, True), (MAX_REPLY_TEXT - 1, False), (MAX_REPLY_TEXT + 1, False)):
        assert form.cuts(format_action(kind(**{name: "x" * size}), dialect)) is cut


@pytest.mark.parametrize(
    "text", ["", "words", "{", '{"text": 5}', '{"arguments": "text"}', "[1]", "{" * 5000]
)
def test_other_replies_are_not_cut(text: str) -> None:
    assert not reply_format("grounded").cuts(text)
    assert not reply_format("grounded").cuts(format_action(Click(target=ModelBox.at(1, 2)), "grounded"))


def test_an_unknown_dialect_is_named() -> None:
    with pytest.raises(ValueError, match="No dialect 'xml'; choose grounded or computer_use"):
        reply_schema("xml")
