"""What really happened: the verdict on an action, and what its input came to."""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox

__all__ = ["Change", "Check", "Level", "Outcome", "Status", "Verdict"]


class Level(IntEnum):
    """How far an action may go without a person; ordered, so that the strictest wins."""

    ALLOW = 0
    NOTICE = 1
    ASK_ONCE = 2
    ASK_EVERY = 3
    DENY = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """The guard's decision.

    Attributes:
        level: what it takes to go on.
        rule: the name of the rule that decided; "no-rule" refuses what nothing allowed.
        reason: one sentence for the person, the model and the record.
    """

    level: Level
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """A checker's verdict on the real state of what a task was about, and why in one sentence."""

    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """How two frames of one size differ.

    Attributes:
        boxes: where, as boxes of changed tiles in frame pixels; empty if nothing changed.
        near_target: whether any touches the target's surroundings; None without a target.
    """

    boxes: tuple[FrameBox, ...] = ()
    near_target: bool | None = None

    def __bool__(self) -> bool:
        return bool(self.boxes)


Status = Literal[
    "done", "refused", "stale", "broken-off", "stopped", "failed", "dry-run", "parked", "unknown"
]
"""done: the input was sent, whole · refused: by the guard or the person, nothing sent · stale: the
screen changed under the target, nothing sent · broken-off: the focus moved away or the keyboard's layout
changed in the middle, and the rest wasn't sent; or a text wouldn't have arrived as it is · stopped: by the
person, perhaps half sent · failed: the desktop raised · dry-run: nothing may be sent · parked: nobody
answered the question in time, nothing sent · unknown: an intent whose outcome was never written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Attributes:
        status: see `Status`.
        detail: one sentence where the status needs it.
        planned: where the pointer was to end; None if the action doesn't point.
        pointer: where it did end, read back from the desktop; None if nothing was sent.
        change: what changed on the screen; None if nothing was compared.
        quiet: whether the screen had settled before the hard cap.
        times: seconds by part: "freshness", "input", "settle", and so on.
    """

    status: Status
    detail: str = ""
    planned: DesktopPoint | None = None
    pointer: DesktopPoint | None = None
    change: Change | None = None
    quiet: bool = True
    times: dict[str, float] = field(default_factory=dict)
