"""The figures of typing, small: random Unicode arrives exactly, in every toolkit and on every layout."""

import pytest
from text_fields import KINDS
from typing_exact import alphabet, differing, measure


@pytest.mark.parametrize(("layouts", "seed"), [(2, 5), pytest.param(5, 5, marks=pytest.mark.nightly)])
def test_a_few_random_strings_arrive_exactly_everywhere(layouts: int, seed: int) -> None:
    """Each toolkit on so many layouts."""
    strings = layouts * len(KINDS)
    figures = measure(strings, 4, seed)
    assert figures.wrong == []
    assert figures.exact == figures.typed
    assert dict.fromkeys(figures.typed, 1) == figures.typed
    assert len(figures.typed) == strings
    assert (figures.maps_changed, figures.shift_wrong, figures.silently_wrong) == ([], [], [])
    assert figures.maps_compared == 2 * strings
    assert figures.shifted == strings
    assert figures.switched.total() == 4


def test_the_alphabet_is_all_of_unicode_that_is_text() -> None:
    letters = alphabet()
    assert len(letters) > 130_000
    assert set("a \u00e9中я😀\u0301") <= set(letters)
    assert not set("\n\x1b\x7f\u2028\ud800\uffff") & set(letters)


def test_where_two_strings_part() -> None:
    assert differing("abc", "abc").startswith("at 3 of 3")
    assert differing("abc", "axc") == "at 1 of 3: U+0062 U+0063 came as U+0078 U+0063 (3 came)"
    assert differing("abc", "ab") == "at 2 of 3: U+0063 came as - (2 came)"
