"""Choose which questions and runs the second stage is trained on, and how often.

So small a tower tells widgets apart by their place and shape long before it reads names of people, places and
programs. A question that needs a name to be read teaches it to guess. So such questions are left out, runs of
tasks that need a name are drawn seldom, and replies don't contain what would have to be read.
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
from qvl_agent.sandbox.nano.making.data.shards import MESSAGE_ID_PREFIX, has_a_name, is_seeded
from qvl_agent.sandbox.nano.making.samples import Episode, Item, Question, Shot

__all__ = ["Pool", "needs_a_name", "without_read_text", "without_read_text_in_run"]

_TASK_WEIGHTS: Final[Mapping[str, float]] = {
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
"""How often a run of a task is drawn, where that isn't 1; the demonstration most often."""
_DEMONSTRATION_WEIGHT: Final = 3.0
"""The same for a picture that the demonstration could begin with."""
_OVERLAY_WEIGHT: Final = 2.0
"""The same for a picture with an open menu or list, whose contents are seen nowhere else."""
_MIN_QUESTIONS: Final = 2
_CHECK_BOX_LABELS: Final = ("notify", "通知")
_CHECK_BOX_TEXT: Final = re.compile(r'(?<=")[^"]*?(?:: (notify)|：(通知))(?=")')
"""A chat's check box has the chat's name and one of `_CHECK_BOX_LABELS` as its label."""
_ASIDES: Final = re.compile(r"(?<=The pinned chat), .+?,(?= is unchecked)|(?<=registered) as [A-Z]-\d+")
"""Parts of replies that would have to be read and aren't needed."""
_MAX_LABEL: Final = 40
_CJK: Final = 0x2E80
_OVERLAY_ROLES: Final = ("menu item", "option")
_OVERLAY_IDS: Final = ("confirm/", "calendar/")
"""The roles and ids of widgets in a menu, list or dialog over the window."""
_ORDER: Final = ("first", "second", "third")
_DEMONSTRATION: Final = (
    ("uncheck the pinned chat", "取消勾选置顶的聊天"),
    "The pinned chat is checked; uncheck it.",
)
"""The demonstration's task in both languages, and the intent of its first reply."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The screens with questions, and the finished runs, that are drawn from.

    Attributes:
        shots: Whole screens, with the questions that may be asked.
        runs: Finished runs.
        shots_often, runs_often: The cumulative weights of each.
    """

    shots: tuple[Shot, ...]
    runs: tuple[Episode, ...]
    shots_often: tuple[float, ...]
    runs_often: tuple[float, ...]

    @classmethod
    def of(cls, episodes: Sequence[Episode], *, names: bool) -> "Pool":
        """Make a pool from runs.

        Args:
            episodes: The runs.
            names: Whether to keep questions and texts that need a name to be read.
        """
        whole = (shot for episode in episodes for shot in episode.shots if shot.whole)
        asked = (shot if names else _without_names(shot) for shot in whole)
        shots = tuple(shot for shot in asked if len(shot.questions) >= _MIN_QUESTIONS)
        finished = (episode for episode in episodes if episode.finished)
        runs = tuple(run if names else without_read_text_in_run(run) for run in finished)
        runs_often = accumulate(1.0 if names else _TASK_WEIGHTS.get(run.task, 1.0) for run in runs)
        return cls(shots, runs, tuple(accumulate(map(_weight, shots))), tuple(runs_often))

    def some_runs(self, rng: random.Random, count: int) -> list[Episode]:
        """Draw `count` runs; none if the pool has none."""
        return rng.choices(self.runs, cum_weights=self.runs_often, k=count) if self.runs else []

    def some_shots(self, rng: random.Random, count: int) -> list[Shot]:
        """Draw `count` screens; none if the pool has none."""
        return rng.choices(self.shots, cum_weights=self.shots_often, k=count) if self.shots else []


def _weight(shot: Shot) -> float:
    """Return a picture's weight; a plain one has 1."""
    if any(_DEMONSTRATION[1] in one.reply for one in shot.questions):
        return _DEMONSTRATION_WEIGHT
    return _OVERLAY_WEIGHT if any(item.role in _OVERLAY_ROLES for item in shot.items) else 1.0


def needs_a_name(question: Question, items: Sequence[Item] = ()) -> bool:
    """Whether the right reply is a single click on a widget whose label has a name or is a message."""
    reply = json.loads(question.reply)
    if reply["action"] != "click" or "count" in reply:
        return False
    label = reply.get("label", "")
    asked = label in question.instruction
    said = asked and any(item.id.startswith(MESSAGE_ID_PREFIX) and item.label == label for item in items)
    return said or has_a_name(label)


def _without_names(shot: Shot) -> Shot:
    kept = [
        replace(one, reply=without_read_text(one.reply, shot.items))
        for one in shot.questions
        if not needs_a_name(one, shot.items)
    ]
    more = (*_about_the_pinned(shot), *_about_check_boxes(shot), *_about_labels(shot))
    asked = {one.instruction: one for one in (*more, *kept)}
    return replace(shot, questions=tuple(asked.values()))


def without_read_text_in_run(run: Episode) -> Episode:
    """Return a run without the parts of its text that only reading the pictures could tell."""
    text = run.text
    for shot in run.shots:
        text = without_read_text(text, shot.items)
    return replace(run, text=text)


def without_read_text(text: str, items: Sequence[Item]) -> str:
    """Return a reply, or a run's text, without the parts that only reading the picture could tell."""
    text = _ASIDES.sub("", _CHECK_BOX_TEXT.sub(lambda found: found[1] or found[2], text))
    for item in items:
        if item.id.startswith(MESSAGE_ID_PREFIX):
            quoted = json.dumps(item.label, ensure_ascii=False)
            text = text.replace(f'"label": {quoted}', '"label": "message"')
            text = text.replace(f'on "{item.label}"', 'on "message"')
    return text


def _about_the_pinned(shot: Shot) -> Iterator[Question]:
    """Yield questions for the one pinned chat's check box, if it is in view and checked."""
    pinned = [item.id for item in shot.items if item.role == "list item" and item.state.get("pinned")]
    checks = [item for item in shot.items if item.id.endswith("/check") and item.id[:-6] in pinned]
    if len(pinned) != 1 or len(checks) != 1 or not checks[0].state.get("checked"):
        return
    for words, label in zip(_DEMONSTRATION[0], _CHECK_BOX_LABELS, strict=True):
        if checks[0].label.endswith(label):
            yield _clicking(words, _DEMONSTRATION[1], checks[0], label)


def _about_check_boxes(shot: Shot) -> Iterator[Question]:
    """Yield questions for check boxes by their order: something small to point at, with nothing to read."""
    checks = sorted((item for item in shot.items if item.role == "check box"), key=lambda item: item.box[1])
    ordered = [*zip(_ORDER, checks[:-1], strict=False), ("last", checks[-1])] if len(checks) > 1 else []
    for order, item in ordered:
        name = f"{order} check box"
        yield _clicking(f"click the {name}", f"Click the {name}.", item, name)


def _about_labels(shot: Shot) -> Iterator[Question]:
    """Yield questions for all widgets with a label of the application's own; the data don't ask for all."""
    items = [item for item in shot.items if item.role not in PASSIVE and 0 < len(item.label) <= _MAX_LABEL]
    labels = [item.label for item in items]
    chinese = any(ord(char) > _CJK for label in labels for char in label)
    over = [item for item in items if item.role in _OVERLAY_ROLES or item.id.startswith(_OVERLAY_IDS)]
    for item in over or items:
        if labels.count(item.label) == 1 and not is_seeded(item.label, item.id):
            words = f"点击“{item.label}”" if chinese else f'click "{item.label}"'
            yield _clicking(words, f'Click "{item.label}".', item, item.label)


def _clicking(words: str, intent: str, item: Item, label: str) -> Question:
    inside = [math.ceil(1000 * side) for side in item.box[:2]]
    inside += [math.floor(1000 * side) for side in item.box[2:]]
    action = {"intent": intent, "action": "click", "bbox_2d": inside, "label": label}
    return Question(words, json.dumps(action, ensure_ascii=False))
