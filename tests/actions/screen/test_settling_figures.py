"""The figures of settling, small: no step looks before the window has reacted."""

import pytest
from settling import measure


@pytest.mark.parametrize("case", ["plain", "clock", "at work"])
def test_no_step_looks_before_the_reaction(case: str) -> None:
    figures = measure(case, 3, seed=7)["damage"]
    assert figures.steps == 3
    assert figures.early == []
