"""Harmless tasks are done with hardly a question: the benchmark, on a seed of its own."""

import pytest
from nagging import Figures, measure

from qvl_agent.sandbox.apps import APPS
from qvl_agent.sandbox.tasks import TASKS

SOME = [(app, task) for app in APPS for task in TASKS[app]][::3]
"""Every third; the benchmark takes all of them at night, on several seeds."""


def test_harmless_tasks_need_hardly_a_question_and_are_not_blocked() -> None:
    """A busy machine may draw a window late, which is looked at again once; the benchmark counts that."""
    figures = measure(SOME, [7])
    assert len(figures.questions) == len(SOME)
    assert figures.actions >= len(SOME)
    assert (figures.asked, figures.refused, figures.unsolved) == (0, [], []), figures
    assert len(figures.stale) <= 1, figures.stale


@pytest.mark.parametrize(
    "bad",
    [
        Figures({"a": 2, "b": 0, "c": 0, "d": 0, "e": 0}, actions=1000),
        Figures({"a": 1, "b": 0, "c": 0}, actions=1000),
        Figures({"a": 1, "b": 0, "c": 0, "d": 0, "e": 0}, actions=49),
        Figures({"a": 0}, actions=199, refused=["no"], stale=["changed"]),
        Figures({"a": 0}, actions=100, unsolved=["a"]),
    ],
)
def test_what_nags_or_blocks_is_not_good(bad: Figures) -> None:
    assert not bad.good
