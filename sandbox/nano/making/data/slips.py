"""Clicks that miss on purpose: so that a run shows what comes after one, which the oracle's never would.

The reply itself isn't learnt; what is, is how the run goes on from the screen that it left.
"""

import random
from typing import Final

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.planning.action import Action, Click, Type
from qvl_agent.sandbox.apps.protocol import Node
from qvl_agent.sandbox.tasks.hand import Hand

__all__ = ["Slips"]

_SLIPPING: Final = 0.5
"""The share of runs that may have slips."""
_OFTEN: Final = 0.35
"""The share of such a run's clicks that are slips, until it has had them all."""
_MOST: Final = 2
"""In a run."""
_ALIKE: Final = 0.5
"""How many slips hit another widget of the target's kind; the others land beside the target."""


class Slips:
    """The slips of one run.

    Args:
        chance: what chooses them.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._left = _MOST if chance.random() < _SLIPPING else 0

    def instead(self, action: Action, hand: Hand) -> Action | None:
        """Give an action that says the same and points elsewhere; None where it isn't to slip."""
        if not self._left or not isinstance(action, (Click, Type)) or not hand.aimed:
            return None
        meant = hand.tree.get(hand.aimed[-1])
        if meant is None or self._chance.random() >= _OFTEN:
            return None
        where = self._elsewhere(meant, hand)
        if not _in_window(where, hand):
            return None
        try:
            target = hand.box(where)
        except CoordinateError:  # too small
            return None
        self._left -= 1
        return action.model_copy(update={"target": target})

    def _elsewhere(self, meant: Node, hand: Hand) -> Rect:
        alike = [
            node
            for node in hand.tree.nodes
            if node.role == meant.role and node.id != meant.id and hand.sees(node.id)
        ]
        if alike and self._chance.random() < _ALIKE:
            return self._chance.choice(alike).rect
        return self._beside(meant.rect)

    def _beside(self, rect: Rect) -> Rect:
        far = self._chance.choice((-1, 1)) * self._chance.uniform(0.7, 2.0)
        if self._chance.random() < 0.5:
            return Rect(rect.left + round(far * rect.width), rect.top, rect.width, rect.height)
        return Rect(rect.left, rect.top + round(far * rect.height), rect.width, rect.height)


def _in_window(rect: Rect, hand: Hand) -> bool:
    """Whether its middle lies among what the window shows."""
    x, y = rect.left + rect.width // 2, rect.top + rect.height // 2
    rects = [node.rect for node in hand.tree.nodes]
    across = min(one.left for one in rects) <= x < max(one.left + one.width for one in rects)
    return across and min(one.top for one in rects) <= y < max(one.top + one.height for one in rects)
