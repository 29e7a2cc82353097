"""The figures of freshness, small: every change is caught, and nothing harmless stops an action."""

from freshness import measure


def test_a_few_changes_are_caught_and_a_few_harmless_ones_let_be() -> None:
    figures = measure(5, 5, seed=3)
    assert figures.unseen.total() <= 1
    assert figures.caught.total() == figures.changes.total() == 5 - figures.unseen.total(), figures.misses
    assert figures.harmless.total() == 5
    assert figures.alarmed == []
    assert len(figures.to_event) >= 5
