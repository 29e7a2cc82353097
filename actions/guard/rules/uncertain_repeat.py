"""A rule about repeated input: input that may have been sent already is repeated only with consent."""

from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.scene import UncertainInput
from qvl_agent.actions.planning.events import MoveEvent, Plan

__all__ = ["UNKNOWN_FATE", "unknown_fate"]

UNKNOWN_FATE: Final = "unknown-fate"
_NEAR: Final = 32
"""Logical pixels within which two points are the same place; a model seldom hits the same pixel again."""


def unknown_fate(case: Case) -> Verdict | None:
    """Ask before the same input is repeated right after it may or may not have been sent."""
    unsure = case.scene.unsure
    if unsure is None or not _same(case, unsure):
        return None
    return Verdict(
        Level.ASK_EVERY,
        UNKNOWN_FATE,
        f"step {unsure.step} was about to do the same, and nobody knows whether it did; it may happen twice",
    )


def _same(case: Case, unsure: UncertainInput) -> bool:
    """Return whether the events are the same, at about the same place or on a target with the same label."""
    events = _without_moves(case.plan)
    if not events or events != _without_moves(unsure.plan):
        return False  # moves alone may be repeated
    label = case.action.label
    return (label != "" and label == unsure.label) or _near(_points(case.plan), _points(unsure.plan))


def _without_moves(plan: Plan) -> Plan:
    return tuple(event for event in plan if not isinstance(event, MoveEvent))


def _points(plan: Plan) -> list[MoveEvent]:
    return [event for event in plan if isinstance(event, MoveEvent)]


def _near(one: list[MoveEvent], other: list[MoveEvent]) -> bool:
    return len(one) == len(other) and all(
        max(abs(here.point.x - there.point.x), abs(here.point.y - there.point.y)) <= _NEAR
        for here, there in zip(one, other, strict=True)
    )
