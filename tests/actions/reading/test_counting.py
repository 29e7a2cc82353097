"""Which texts are the same but for a number that counts, and which say something else."""

import pytest

from qvl_agent.actions.reading.counting import Reading, counted, same_words


def readings(*texts: str, pause: float = 2.0) -> list[Reading]:
    return [(100.0 + pause * at, tuple(text.split("|"))) for at, text in enumerate(texts)]


@pytest.mark.parametrize(
    "texts",
    [
        ("Resend (59)", "Resend (57)", "Resend (56)"),
        ("Resend (59)", "Resend(57)", "resend [56"),
        ("Resend (11)", "Resend (10)", "Resend (9)"),
        ("Skip ad 120", "Skip ad 119", "Skip ad 118"),
        ("Skip 1:01", "Skip 1:00", "Skip 0:59"),
        ("Stop 00:58", "Stop 00:59", "Stop 01:01"),
        ("Accept|OK (12)", "Accept|OK (10)", "Accept|OK (9)"),
        ("12 s left|OK (12)", "10 s left|OK (10)", "9 s left|OK (9)"),
        ("重新发送（59）", "重新发送（57）", "重新发送(56)"),
    ],
)
def test_a_number_that_counts_on_is_the_same_text(texts: tuple[str, ...]) -> None:
    assert counted(readings(*texts)) == "yes"
    assert counted(readings(*texts[:2])) == "not yet"


@pytest.mark.parametrize(
    "texts",
    [
        ("Save", "Delete"),
        ("Save", "Save"),
        ("Pay 10", "Pay 1000"),
        ("Pay $10", "Pay $9", "Pay $8"),
        ("Bid 10 EUR", "Bid 11 EUR", "Bid 12 EUR"),
        ("EUR 1.0312", "EUR 1.0311", "EUR 1.0310"),
        ("Resend (59)", "Resend (57)", "Resend (58)"),
        ("Resend (59)", "Resend (57)", "Send (56)"),
        ("Resend (59)", "Resend (57)", "Resend"),
        ("Resend (59)", "Resend (57)", "Resend (5)"),
        ("OK (12)", "OK (10)|Delete all", "OK (9)"),
        ("Keep 3 files|OK (12)", "Keep 300 files|OK (10)", "Keep 300 files|OK (9)"),
        ("", ""),
        ("", "Delete"),
    ],
)
def test_everything_else_says_something_else(texts: tuple[str, ...]) -> None:
    assert counted(readings(*texts)) == "no"


def test_the_same_words_are_enough_where_only_colours_move() -> None:
    assert same_words(readings("Buy", "Buy"))
    assert same_words(readings("Resend (59)", "Resend (57)"))
    assert not same_words(readings("Buy", "Buy all"))
    assert not same_words(readings("Buy 1", "Buy 100"))
    assert same_words(readings("", "")), "an icon"
    assert not same_words(readings("", "Delete"))
