"""Every form of a secret is found, in whole texts and in pieces; nothing else is touched."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from secret_encodings import ENCODINGS

from qvl_agent.actions.planning.placeholders import mark
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor, forms

VALUE = "Hünter'2 \"\\密码😀/x+y"
REDACTOR = Redactor({"pin": VALUE})
GONE = mark("pin")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_taken_out(encoding: str) -> None:
    written = f"before {ENCODINGS[encoding](VALUE)} after"
    clean = REDACTOR.text(written)
    assert GONE in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert not any(form in clean for form in forms(VALUE))


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=8, max_size=40), st.text(), st.text())
def test_no_form_of_any_value_is_left(value: str, before: str, after: str) -> None:
    if any(form in mark("pin") for form in forms(value)):
        return
    redactor = Redactor({"pin": value})
    for encode in ENCODINGS.values():
        clean = redactor.text(before + encode(value) + after)
        assert not any(form in clean.replace(GONE, "\0") for form in forms(value))


@given(st.lists(st.integers(0, 80), max_size=8))
def test_a_value_cut_into_pieces_is_found_too(cuts: list[int]) -> None:
    text = f"start {VALUE} middle {VALUE}{VALUE} end"
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    stream = REDACTOR.stream()
    shown = "".join(stream.feed(text[a:b]) for a, b in itertools.pairwise(edges)) + stream.end()
    assert shown == f"start {GONE} middle {GONE}{GONE} end"


def test_records_keep_their_own_names_and_numbers() -> None:
    redactor = Redactor({"pin": "12345678"})
    record = {
        "sha256": "a12345678f",
        "file": "frames/12345678.png",
        "n": 12345678,
        "text": ["x12345678"],
        "12345678": 1,
    }
    clean = redactor.plain(record)
    assert clean == {
        "sha256": "a12345678f",
        "file": "frames/12345678.png",
        "n": 12345678,
        "text": [f"x{GONE}"],
        GONE: 1,
    }


def test_without_secrets_nothing_changes() -> None:
    text = 'any {"text"} ' + VALUE
    assert NOTHING.text(text) == text
    assert not NOTHING
    stream = NOTHING.stream()
    assert stream.feed(text) + stream.end() == text
