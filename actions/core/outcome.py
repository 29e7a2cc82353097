"""The results of an action: the guard's verdict on it, its outcome, and the change on the screen."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox

__all__ = ["Change", "Check", "Level", "Outcome", "Status", "Verdict"]


class Level(IntEnum):
    """How strictly an action is treated, from allowed to refused; ordered, so that the strictest wins."""

    ALLOW = 0
    NOTICE = 1
    ASK_ONCE = 2
    ASK_EVERY = 3
    DENY = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's decision about an action.

    Attributes:
        level: whether it is allowed, needs a person's consent, or is refused.
        rule: the name of the rule that decided; "no-rule" if no rule allowed the action.
        reason: one sentence for the person, the model and the record.
    """

    level: Level
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check's result: whether a task's goal is really reached, and why, in one sentence."""

    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two frames of one size.

    Attributes:
        boxes: boxes around the changed tiles, in frame pixels; empty if nothing changed.
        near_target: whether any of them touches the target's surroundings; None without a target.
        by_itself: boxes around what changed too, but was known to move by itself, like a clock; it doesn't
            count as a change.
    """

    boxes: tuple[FrameBox, ...] = ()
    near_target: bool | None = None
    by_itself: tuple[FrameBox, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.boxes)


Status = Literal[
    "done", "refused", "stale", "broken-off", "stopped", "failed", "dry-run", "parked", "unknown"
]
"""How an action ended.

done: all of the input was sent · refused: by the guard or the person, nothing sent · stale: the screen
changed where the action points, nothing sent · broken-off: the focus moved away or the keyboard's layout
changed in the middle, and the rest wasn't sent; or a text wouldn't have arrived unchanged · stopped: by the
person, a part may have been sent · failed: the desktop raised an error · dry-run: nothing may be sent ·
parked: nobody answered the question in time, nothing sent · unknown: the record has the intent, but no
outcome."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an action.

    Attributes:
        status: see `Status`.
        detail: one sentence of explanation; "" if the status says enough.
        planned: where the pointer was to end, in logical pixels; None if the action doesn't point.
        pointer: where it ended, read back from the desktop; None if nothing was sent.
        change: what changed on the screen; None if nothing was compared.
        quiet: whether the screen settled before the hard limit.
        times: seconds by part: "freshness", "input", "settle", and so on.
    """

    status: Status
    detail: str = ""
    planned: DesktopPoint | None = None
    pointer: DesktopPoint | None = None
    change: Change | None = None
    quiet: bool = True
    times: dict[str, float] = field(default_factory=dict)
