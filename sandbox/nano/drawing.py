"""Which questions and runs the second stage draws, and how often.

So small a tower tells widgets apart by where they are and what they look like long before it reads names
of people, places and programs. A question that only a name answers teaches it to guess; so those are left
out, and runs of tasks that hang on a name are drawn seldom.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from qvl_agent.sandbox.apps.words import CITIES, GROUPS, PEOPLE, PROGRAMS
from qvl_agent.sandbox.nano.samples import Episode, Question, Shot

__all__ = ["Pool", "hangs_on_a_name"]

_NAMES: Final = frozenset(
    name for group in (PEOPLE, GROUPS, CITIES, PROGRAMS) for both in group for name in both
) - {"Calendar", "日历"}  # the form has a button of that name
_OFTEN: Final[Mapping[str, float]] = {
    "uncheck-pinned-chat": 3.0,
    "search-and-pin": 1.5,
    "register-visit": 0.6,
    "find-version": 0.4,
    "find-reference": 0.3,
    "mute-chat": 0.15,
    "send-message": 0.15,
    "delete-chat": 0.15,
    "find-unread": 0.15,
    "set-time-zone": 0.15,
    "silence-program": 0.15,
}
"""How often a run of a task is drawn, where it isn't once; the demonstration most often."""
_LEAST_ASKED: Final = 2


@dataclass(frozen=True, slots=True)
class Pool:
    """What is drawn from: whole screens that something is asked about, and finished runs.

    Attributes:
        shots: with the questions that may be asked.
        runs: finished ones.
        often: sums of the weights of the runs up to each.
    """

    shots: tuple[Shot, ...]
    runs: tuple[Episode, ...]
    often: tuple[float, ...]

    @classmethod
    def of(cls, episodes: Sequence[Episode], *, names: bool) -> "Pool":
        """Gather it from runs.

        Args:
            episodes: the runs.
            names: whether it is also asked what only a name answers.
        """
        whole = (shot for episode in episodes for shot in episode.shots if shot.whole)
        asked = (shot if names else _without_names(shot) for shot in whole)
        shots = tuple(shot for shot in asked if len(shot.questions) >= _LEAST_ASKED)
        runs = tuple(episode for episode in episodes if episode.finished)
        often = accumulate(1.0 if names else _OFTEN.get(run.task, 1.0) for run in runs)
        return cls(shots, runs, tuple(often))

    def some_runs(self, chance: random.Random, count: int) -> list[Episode]:
        """Draw runs; none where there are none."""
        return chance.choices(self.runs, cum_weights=self.often, k=count) if self.runs else []

    def some_shots(self, chance: random.Random, count: int) -> list[Shot]:
        """Draw screens; none where there are none."""
        return chance.choices(self.shots, k=count) if self.shots else []


def hangs_on_a_name(question: Question) -> bool:
    """Whether the right reply is a single click on something that is called by a name."""
    reply = json.loads(question.reply)
    if reply["action"] != "click" or "count" in reply:
        return False
    return any(name in reply.get("label", "") for name in _NAMES)


def _without_names(shot: Shot) -> Shot:
    return replace(shot, questions=tuple(one for one in shot.questions if not hangs_on_a_name(one)))
