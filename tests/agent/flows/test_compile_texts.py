"""What a compiled flow says: which texts stay, how variables stand in them, and that YAML keeps them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from qvl_agent.agent.flows.compile.literals import Literals
from qvl_agent.agent.flows.compile.stable import is_volatile, name_for, respelt, slug, stable_part
from qvl_agent.agent.flows.compile.writing import as_yaml
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.tree import parse

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp"]), min_size=1, max_size=60)


@pytest.mark.parametrize(
    ("text", "known", "part"),
    [
        ("Order is saved", "", "Order is saved"),
        ("Your reference is D-9078.", "", "Your reference is"),
        ("登记成功，编号为H-2503。", "", "登记成功，编号为"),
        ("35%", "set it to 35%", "35%"),
        ("35%", "", ""),
        ("Invoice 4711 is saved", "4711", "Invoice 4711 is saved"),
        ("Version 4.13.4 is available", "", "is available"),
        ("Last seen today", "", ""),
        ("14:05", "", ""),
        ("There is a new box under th...", "", "There is a new box under"),
        ("OK", "", ""),
        ("保存", "", "保存"),
    ],
)
def test_only_what_will_be_the_same_is_expected_again(text: str, known: str, part: str) -> None:
    assert stable_part(text, (known,)) == part


@pytest.mark.parametrize("text", ["09:03", "★09:03", "2026-05-30", "12", "5 minutes ago", "昨天", "3 天前"])
def test_what_changes_is_known_by_its_form(text: str) -> None:
    assert is_volatile(text)
    assert not is_volatile(f"Customer {slug(text, ' ')}".split()[0])


def test_names_are_a_fields_in_snake_case_and_each_is_another() -> None:
    assert name_for("Order number *", ()) == "order_number"
    assert name_for("Straße", ()) == "strae"
    assert name_for("姓名", ("text",)) == "text_2"
    assert name_for("2nd line", ()) == "value_2nd_line"
    assert name_for("Row", ()) == "value_row"


def test_a_misread_text_is_spelt_as_it_was_written() -> None:
    assert respelt("RegIstered. Your reference Is", ["x", "Registered. Your reference is D-9."]) == (
        "Registered. Your reference is"
    )
    assert respelt("Something else", ["Registered"]) == "Something else"
    assert respelt("", ["Registered"]) == ""


def test_a_value_is_found_as_words_of_their_own_and_nowhere_else() -> None:
    literals = Literals()
    for value, label in (("Mia", "Customer"), ("K-1", "Number"), ("name", "Note"), ("x", "Short")):
        literals.taken(value, label)
    assert literals.put_into("Mia has K-1") == "${customer} has ${number}"
    assert literals.put_into("Miami, K-12") == "Miami, K-12"
    assert literals.put_into("x marks the name") == "x marks the ${note}"
    assert literals.put_into("x") == "${short}"
    assert literals.filled("${customer} ${unknown}") == "Mia ${unknown}"


def test_one_literal_is_one_variable_and_secrets_are_none() -> None:
    literals = Literals()
    assert literals.taken("Mia", "Customer") == literals.taken("Mia", "Again") == "${customer}"
    assert literals.taken("a{{secret:pin}}b", "Code") == "${code}{{secret:pin}}${code_2}"
    assert (list(literals.variables), literals.secrets) == (["customer", "code", "code_2"], ["pin"])


@given(words=TEXTS, value=TEXTS, note=st.text(max_size=40))
def test_whatever_is_written_reads_back_as_the_same_flow(words: str, value: str, note: str) -> None:
    flow = Flow.model_validate(
        {
            "flow": words,
            "variables": {"it": value},
            "steps": [
                {"click": {"text": words, "row": value}, "once": True, "then": {"see": words, "within": 30}},
                {"type": {"into": words, "text": "${it}"}, "then": {"target": value, "value": words}},
                {"check": {"see": value}},
            ],
        }
    )
    text = as_yaml(flow, [note], {1: [note, note]})
    assert Flow.model_validate(parse(text.encode()).data()) == flow
    assert Flow.model_validate(YAML(typ="safe", pure=True).load(text)) == flow
    assert text.startswith("# yaml-language-server: $schema=")
    assert text == as_yaml(flow, [note], {1: [note, note]})
