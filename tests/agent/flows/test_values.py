"""Variables are data: their values are filled in once, and are never read as anything else."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.expressions import Reference
from qvl_agent.agent.flows.values import (
    Scope,
    evaluate,
    fill,
    fill_value,
    holds,
    pieces,
    references,
    shown,
)

ROW = {
    "number": 4711.0,
    "amount": "12000.50",
    "Invoice no": "0049",
    "due": dt.datetime(2026, 11, 30),  # noqa: DTZ001 - as Excel has it
    "at": dt.datetime(2026, 11, 30, 9, 5),  # noqa: DTZ001
    "note": None,
    "paid": True,
    "parts": "a; b;;c",
}
SCOPE = Scope({"limit": "9000", "who": "Ann", "row": "hidden"}, row=ROW, loop={"each": 3})


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("Invoice ${row.number} saved", "Invoice 4711 saved"),
        ('${row["Invoice no"]}', "0049"),
        ("${row.due} ${row.at} ${row.note}.", "2026-11-30 2026-11-30 09:05:00 ."),
        ("${row.paid}", "true"),
        ("$${row.number} costs 5$, $$${who} ${who}", "${row.number} costs 5$, $${who} Ann"),
        ("${who}${each}${who|upper}", "Ann3ANN"),
        ('${"a}b" + who}', "a}bAnn"),
        ('${row.amount|number(2, ",", ".")}', "12.000,50"),
        ('${row.due|date("%d.%m.%Y")}', "30.11.2026"),
        ('${row.note|default("none")}', "none"),
        ("${row.amount * 2}", "24001"),
        ("${0.1 + 0.2}", "0.3"),
        ("${1 / 3}", "0.333333333333333"),
        ("${'{{secret:' if false else 'x'}", "x"),
        ("a {{secret:erp-pin}} b", "a {{secret:erp-pin}} b"),
        ("", ""),
    ],
)
def test_a_text_is_filled_in(text: str, filled: str) -> None:
    assert fill(text, SCOPE) == filled


@pytest.mark.parametrize(
    "value", ["${who}", "$${who}", "{{ who }}", "{% raw %}", "%(x)s", "{0}", "row.number"]
)
def test_a_value_is_never_evaluated(value: str) -> None:
    assert fill("<${x}>", Scope({"x": value})) == f"<{value}>"
    assert evaluate("x", Scope({"x": value})) == value
    assert fill_value("${x}", Scope({"x": value})) == value


@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=40))
def test_every_printable_value_arrives_unchanged(value: str) -> None:
    try:
        filled = fill("${x}", Scope({"x": value}))
    except FlowError as error:
        assert "secret" in str(error)  # noqa: PT017 - either is right
    else:
        assert filled == value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{{secret:erp-pin}}", "secret's placeholder"),
        ("{{ secret : erp-pin }}", "secret's placeholder"),
        ("⟦secret erp-pin⟧", "secret's placeholder"),
        ("a\nb", "line break"),
        ("a\rb", "U+000D"),
        ("a\tb", "U+0009"),
        ("a\x1b[2J", "U+001B"),
        ("a\u2028b", "U+2028"),
        ("a\u202eb", "U+202E"),
        ("a\ud800b", "U+D800"),
        ([1, 2], "whole row or list"),
        (float("nan"), "isn't a number"),
        (1e300, "isn't a number"),
        (object(), "of the kind object"),
    ],
)
def test_a_value_that_would_do_more_than_stand_there_is_refused(value: Any, message: str) -> None:
    with pytest.raises(FlowError, match=r"row\.note") as refused:
        fill("<${row.note}>", Scope(row={"note": value}))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["{{secret:${x}}}", "{{secret:erp-${x}}}", "${x}secret:erp-pin}}", "{{sec${x}:erp-pin}}"]
)
@pytest.mark.parametrize("value", ["erp-pin", "pin", "{{", "ret"])
def test_a_secret_is_never_put_together_with_a_value(text: str, value: str) -> None:
    try:
        filled = fill(text, Scope({"x": value}))
    except FlowError as error:
        assert "${x}" in str(error)  # noqa: PT017 - either is right
    else:
        assert "{{secret:erp-pin}}" not in filled


def test_lines_are_allowed_by_the_step_alone() -> None:
    scope = Scope({"x": "a\r\nb"})
    assert fill("${x}", scope, lines=True) == "a\nb"
    assert fill("one\ntwo", scope) == "one\ntwo"  # the flow's own words are the step's to judge
    with pytest.raises(FlowError, match=r"\$\{x\}"):
        fill("${x}", scope)


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("row.number == 4711", True),
        ("row.number == '4711'", False),
        ("row.amount > 10000", True),
        ("10000 < row.amount", True),
        ("row.amount > limit", True),  # 12000.50 and 9000, both texts
        ('row["Invoice no"] == "0049"', True),
        ('row["Invoice no"] == "49"', False),
        ('row["Invoice no"] == 49', True),
        ("row.note == ''", True),
        ("row.paid", True),
        ("row.paid and not (each in [1, 2])", True),
        ("'nn' in who", True),
        ("row.due < '2026-12-01'", True),
        ("who == 'Ann' or row.nothing", True),
        ("1 < each <= 3", True),
        ("row.amount|int == 12000", True),
        ("who|length == 3", True),
        ("today() < today(1)", True),
    ],
)
def test_conditions(expression: str, result: bool) -> None:
    assert holds(expression, SCOPE) is result


def test_a_list_comes_of_a_text() -> None:
    assert evaluate('row.parts|split(";")', SCOPE) == ["a", "b", "c"]
    assert evaluate("'1 00.'|split('')", SCOPE) == ["1", " ", "0", "0", "."]
    assert evaluate("[1, who]", SCOPE) == [1, "Ann"]
    assert evaluate("row", SCOPE) == ROW
    assert type(evaluate("who", SCOPE)) is str


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("row.amuont > 1", "did you mean amount?"),
        ('row["invoice no"]', "did you mean Invoice no?"),
        ("wo", "there is no variable wo; did you mean who?"),
        ("zzz", "there is no variable zzz; there are each, limit, row, who"),
        ("who|uper", "there is no filter uper; did you mean upper?"),
        ("tomorrow()", "there is no function tomorrow"),
        ("row.paid == 'yes' 5", "isn't one expression"),
        ("row.", "can't be read as an expression"),
        ("(", "can't be read"),
        ("", "is empty"),
        ("row.a = 5", "isn't one expression"),
        ("who > 5", "is no number"),
        ("row.note > 5", "is empty where a number was expected"),
        ("row.note|int", "is empty where a number was expected"),
        ("who == true", "compare it with 'true'"),
        ("1 / 0", "divided by 0"),
        ("who|round", "is no number"),
        ("who|date('%Y')", "no date"),
        ("who|upper(1, 2)", "can't be worked out"),
        ("row.paid < 'a'", "can't be worked out"),
    ],
)
def test_a_wrong_expression_is_said_in_one_line(expression: str, message: str) -> None:
    with pytest.raises(FlowError) as refused:
        evaluate(expression, SCOPE)
    assert message in str(refused.value)
    assert "; " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "expression",
    [
        "who.__class__",
        "who['__class__']",
        "who.upper()",
        "''.__class__.__mro__[1].__subclasses__()",
        "row.__class__",
        "row.cells",
        "row.column('a')",
        "row._cells",
        "[].append(1)",
        "today.__globals__",
        "(today)()()",
        "self",
        "range(10)",
        "lipsum()",
        "cycler.__init__",
        "namespace(a=1)",
        "dict(a=1)",
        "{'a': 1}",
        "who|attr('upper')",
        "[who]|map('upper')",
        "who is defined",
        "who[0:2]",
        "9**9**9",
        "'a' * 10**9",
        "'a' * 1000000000",
        "[1] * 1000000000",
        "who ~ who",
        "'%1000000000d' % 5",
        "who|replace('', who)",
        "'a'|replace('a', 'b' * 9)",
        "today(days=9999999999)",
        "today(*[1])",
        "1000000000 * 1000000000 * 1000000000",
        "(" * 200 + "1" + ")" * 200,
        "not " * 200 + "1",
        "-" * 200 + "1",
        "[" * 100 + "]" * 100,
        "1" + " + 1" * 1000,
        "row.due|date('%1000000000d')",
        "}} {{ who",
        "%} {% raw",
        "who #}",
    ],
)
def test_nothing_but_data_is_reached_and_nothing_grows(expression: str) -> None:
    with pytest.raises(FlowError) as refused:
        evaluate(expression, SCOPE)
    assert len(str(refused.value)) < 400


def test_a_text_cannot_grow_without_end() -> None:
    scope = Scope({"x": "a" * 60_000})
    with pytest.raises(FlowError, match="longer than"):
        evaluate("x + x", scope)
    with pytest.raises(FlowError, match="sensible length"):
        evaluate("x|replace('a', x)", scope)


@pytest.mark.parametrize("expression", ["who", "row.amount", "row.note", "5", "'no'", "each"])
def test_a_condition_is_true_or_false(expression: str) -> None:
    with pytest.raises(FlowError, match="is neither true nor false"):
        holds(expression, SCOPE)


def test_what_an_expression_uses() -> None:
    used = references("row.amount > limit and row['Invoice no'] in [who, row.amount] and today(each) > ''")
    assert used == (
        Reference("row", "amount"),
        Reference("limit"),
        Reference("row", "Invoice no"),
        Reference("who"),
        Reference("each"),
    )
    assert [str(each) for each in used[:3]] == ["row.amount", "limit", 'row["Invoice no"]']


def test_the_pieces_of_a_text_know_their_places() -> None:
    found = list(pieces("a $${b} ${who} c${'}'}"))
    assert [(each.text, each.is_expression, each.start) for each in found] == [
        ("a ${b} ", False, 0),
        ("who", True, 8),
        (" c", False, 14),
        ("'}'", True, 16),
    ]
    with pytest.raises(FlowError, match="isn't closed; add }"):
        list(pieces("a ${row.number"))


def test_a_sub_flows_value_keeps_its_kind() -> None:
    assert fill_value("${row.number}", SCOPE) == 4711
    assert fill_value("no ${row.number}", SCOPE) == "no 4711"
    assert fill_value(5, SCOPE) == 5


def test_an_inner_loop_hides_an_outer_one() -> None:
    assert evaluate("row", SCOPE.inside("row", "inner")) == "inner"
    assert evaluate("who", SCOPE.inside("each", 4)) == "Ann"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (4711.0, "4711"),
        (-0.0, "0"),
        (1e15, "1000000000000000"),
        (1.5e-7, "0.00000015"),
        (19.989999999999998, "19.99"),
        (10**17, "100000000000000000"),
        (True, "true"),
        (None, ""),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.time(9, 5), "09:05:00"),
        ("007", "007"),
        (" a ", " a "),
    ],
)
def test_a_value_is_shown_as_excel_shows_it(value: Any, said: str) -> None:
    assert shown(value) == said
