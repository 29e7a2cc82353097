"""Which questions and runs the second stage draws, and how often.

So small a tower tells widgets apart by where they are and what they look like long before it reads names
of people, places and programs. A question that only a name answers teaches it to guess; so those are left
out, runs of tasks that hang on a name are drawn seldom, and a reply doesn't say what it would have to read.
"""

import json
import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from qvl_agent.sandbox.apps.protocol import PASSIVE
from qvl_agent.sandbox.nano.making.data.samples import Episode, Item, Question, Shot
from qvl_agent.sandbox.nano.making.data.shards import MESSAGES, is_named, is_of_the_seed

__all__ = ["Pool", "hangs_on_a_name", "read_nothing", "unread"]

_OFTEN: Final[Mapping[str, float]] = {
    "uncheck-pinned-chat": 3.0,
    "search-and-pin": 2.5,
    "choose-theme": 3.0,
    "mend-email": 2.0,
    "register-visit": 2.0,
    "rewrite-notes": 2.0,
    "stop-updates": 2.0,
    "find-version": 0.3,
    "find-reference": 0.3,
    "choose-accent": 0.3,
    "set-brightness": 0.3,
    "mute-chat": 0.3,
    "send-message": 0.3,
    "delete-chat": 0.3,
    "find-unread": 0.15,
    "set-time-zone": 0.15,
    "silence-program": 0.15,
}
"""How often a run of a task is drawn, where it isn't once; the demonstration most often."""
_DEMONSTRATED: Final = 3.0
"""The same of a picture that the demonstration could begin with."""
_OPEN: Final = 2.0
"""The same of one with a menu or a list open: what is in those is to be seen nowhere else."""
_LEAST_ASKED: Final = 2
_CHECK: Final = ("notify", "通知")
_CHECK_LABELS: Final = re.compile(r'(?<=")[^"]*?(?:: (notify)|：(通知))(?=")')
"""A chat's check box is called by the chat's name and one of these."""
_ASIDE: Final = re.compile(r"(?<=The pinned chat), .+?,(?= is unchecked)|(?<=registered) as [A-Z]-\d+")
"""What a reply says besides, and would have to be read."""
_LONGEST: Final = 40
_CJK: Final = 0x2E80
_OVER: Final = ("menu item", "option")
_DIALOGS: Final = ("confirm/", "calendar/")
"""What stands over the rest of the window."""
_ORDER: Final = ("first", "second", "third")
_PINNED: Final = (
    ("uncheck the pinned chat", "取消勾选置顶的聊天"),
    "The pinned chat is checked; uncheck it.",
)
"""The demonstration's task in both languages, and what its first reply says."""


@dataclass(frozen=True, slots=True)
class Pool:
    """What is drawn from: whole screens that something is asked about, and finished runs.

    Attributes:
        shots: with the questions that may be asked.
        runs: finished ones.
        shots_often, runs_often: sums of the weights up to each.
    """

    shots: tuple[Shot, ...]
    runs: tuple[Episode, ...]
    shots_often: tuple[float, ...]
    runs_often: tuple[float, ...]

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
        finished = (episode for episode in episodes if episode.finished)
        runs = tuple(run if names else read_nothing(run) for run in finished)
        runs_often = accumulate(1.0 if names else _OFTEN.get(run.task, 1.0) for run in runs)
        return cls(shots, runs, tuple(accumulate(map(_weight, shots))), tuple(runs_often))

    def some_runs(self, rng: random.Random, count: int) -> list[Episode]:
        """Draw runs; none where there are none."""
        return rng.choices(self.runs, cum_weights=self.runs_often, k=count) if self.runs else []

    def some_shots(self, rng: random.Random, count: int) -> list[Shot]:
        """Draw screens; none where there are none."""
        return rng.choices(self.shots, cum_weights=self.shots_often, k=count) if self.shots else []


def _weight(shot: Shot) -> float:
    """How often a picture is drawn, where a plain one is once."""
    if any(_PINNED[1] in one.reply for one in shot.questions):
        return _DEMONSTRATED
    return _OPEN if any(item.role in _OVER for item in shot.items) else 1.0


def hangs_on_a_name(question: Question, items: Sequence[Item] = ()) -> bool:
    """Whether the right reply is a single click on what is called by a name, or is a message."""
    reply = json.loads(question.reply)
    if reply["action"] != "click" or "count" in reply:
        return False
    label = reply.get("label", "")
    asked = label in question.instruction
    said = asked and any(item.id.startswith(MESSAGES) and item.label == label for item in items)
    return said or is_named(label)


def _without_names(shot: Shot) -> Shot:
    kept = [
        replace(one, reply=unread(one.reply, shot.items))
        for one in shot.questions
        if not hangs_on_a_name(one, shot.items)
    ]
    more = (*_about_the_pinned(shot), *_about_check_boxes(shot), *_about_labels(shot))
    asked = {one.instruction: one for one in (*more, *kept)}
    return replace(shot, questions=tuple(asked.values()))


def read_nothing(run: Episode) -> Episode:
    """Leave out of a run's words what its replies say from reading alone."""
    text = run.text
    for shot in run.shots:
        text = unread(text, shot.items)
    return replace(run, text=text)


def unread(text: str, items: Sequence[Item]) -> str:
    """Leave out of a reply, or of a run's words, what is only to be known by reading."""
    text = _ASIDE.sub("", _CHECK_LABELS.sub(lambda found: found[1] or found[2], text))
    for item in items:
        if item.id.startswith(MESSAGES):
            quoted = json.dumps(item.label, ensure_ascii=False)
            text = text.replace(f'"label": {quoted}', '"label": "message"')
            text = text.replace(f'on "{item.label}"', 'on "message"')
    return text


def _about_the_pinned(shot: Shot) -> Iterator[Question]:
    """Ask for the one pinned chat's check box, where it is in view and checked."""
    pinned = [item.id for item in shot.items if item.role == "list item" and item.state.get("pinned")]
    checks = [item for item in shot.items if item.id.endswith("/check") and item.id[:-6] in pinned]
    if len(pinned) != 1 or len(checks) != 1 or not checks[0].state.get("checked"):
        return
    for words, label in zip(_PINNED[0], _CHECK, strict=True):
        if checks[0].label.endswith(label):
            yield _clicking(words, _PINNED[1], checks[0], label)


def _about_check_boxes(shot: Shot) -> Iterator[Question]:
    """Ask for check boxes by their order: pointing at something small, with nothing to read."""
    checks = sorted((item for item in shot.items if item.role == "check box"), key=lambda item: item.box[1])
    ordered = [*zip(_ORDER, checks[:-1], strict=False), ("last", checks[-1])] if len(checks) > 1 else []
    for order, item in ordered:
        name = f"{order} check box"
        yield _clicking(f"click the {name}", f"Click the {name}.", item, name)


def _about_labels(shot: Shot) -> Iterator[Question]:
    """Ask for everything that has a label of the application's own: not all were asked for in the data."""
    items = [item for item in shot.items if item.role not in PASSIVE and 0 < len(item.label) <= _LONGEST]
    labels = [item.label for item in items]
    chinese = any(ord(char) > _CJK for label in labels for char in label)
    over = [item for item in items if item.role in _OVER or item.id.startswith(_DIALOGS)]
    for item in over or items:
        if labels.count(item.label) == 1 and not is_of_the_seed(item.label, item.id):
            words = f"点击“{item.label}”" if chinese else f'click "{item.label}"'
            yield _clicking(words, f'Click "{item.label}".', item, item.label)


def _clicking(words: str, intent: str, item: Item, label: str) -> Question:
    inside = [math.ceil(1000 * side) for side in item.box[:2]]
    inside += [math.floor(1000 * side) for side in item.box[2:]]
    action = {"intent": intent, "action": "click", "bbox_2d": inside, "label": label}
    return Question(words, json.dumps(action, ensure_ascii=False))
