"""The figures of typing, small: random Unicode arrives exactly, in every toolkit and on every layout."""

from text_fields import KINDS
from typing_exact import LAYOUTS, alphabet, differing, measure


def test_a_few_random_strings_arrive_exactly_everywhere() -> None:
    figures = measure(20, 4, seed=5)
    assert figures.wrong == []
    assert figures.exact == figures.typed
    assert dict.fromkeys(figures.typed, 1) == figures.typed
    assert len(figures.typed) == len(KINDS) * len(LAYOUTS)
    assert (figures.maps_changed, figures.shift_wrong, figures.silently_wrong) == ([], [], [])
    assert figures.maps_compared == 40
    assert figures.shifted == 20
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
