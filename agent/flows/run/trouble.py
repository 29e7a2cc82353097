"""The ways in which a step ends otherwise than well, and what each means for its item."""

from dataclasses import dataclass
from typing import Literal

from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.run.ending import RunEnded

__all__ = ["FlowHalted", "ItemOver", "ItemStatus", "StepTrouble"]

ItemStatus = Literal["done", "skipped", "business-error", "application-error", "parked"]
"""How an item ended. done: every step was done and held · skipped: a step ended it early on purpose ·
business-error: its data is wrong, and doing it again won't help · application-error: something wasn't
found, or didn't come about · parked: nobody knows whether a `once` step was done, so a person decides."""


class ItemOver(Exception):  # noqa: N818 - the end of an item, not always a failure
    """An item ends early, on purpose or for its data's sake.

    Attributes:
        status: how it ends.
        message: why, in a sentence; "" if nothing is to be said.
    """

    def __init__(self, status: ItemStatus, message: str = "") -> None:
        super().__init__(message)
        self.status: ItemStatus = status
        self.message = message


@dataclass
class StepTrouble(Exception):  # noqa: N818 - it may be retried, or parks an item
    """A step couldn't be done, or what had to follow didn't.

    Attributes:
        message: what went wrong, in a sentence.
        path: the step's place in the flow; filled in by the interpreter.
        finding: the search that failed, with its candidates; None if nothing was searched.
        frame: the last screen; None if none was taken.
        parks: whether it isn't known if a `once` step was done, so that nothing may be tried again.
    """

    message: str
    path: str = ""
    finding: Finding | None = None
    frame: Frame | None = None
    parks: bool = False

    def __str__(self) -> str:
        return self.message


class FlowHalted(RunEnded):
    """The whole run ends here: stopped by the person, refused by the guard, no screen any more."""
