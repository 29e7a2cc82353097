"""One look at the screen, and what comes of looking for something on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Change
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.reading.target_text import Read
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.flows.run.windows import OpenWindow
from qvl_agent.agent.flows.script.targets import Target

__all__ = ["Healing", "Held", "Sight"]


@dataclass
class Sight:
    """One look at the screen, with what was found out about it so far.

    Attributes:
        observation: the screen, and how the windows lie.
        windows: the open windows; None if the desktop knows none.
        change: what the step before changed; None if that isn't known.
        aimed: where that step's targets were, as long as no window moved.
    """

    observation: Observation
    windows: tuple[OpenWindow, ...] | None
    change: Change | None = None
    aimed: Mapping[Target, FrameBox] = field(default_factory=dict)
    texts: dict[FrameBox, tuple[Read, ...]] = field(default_factory=dict)

    @property
    def frame(self) -> Frame:
        return self.observation.screen


@dataclass(frozen=True)
class Healing:
    """The step whose target isn't found.

    Attributes:
        path, words: the step.
        field: whether the target is typed into.
        action: makes the step's action for another box of the screen, for the person's question.
    """

    path: str
    words: str
    field: bool
    action: Callable[[FrameBox], Action]


@dataclass(frozen=True)
class Held:
    """Whether an expectation holds, and what was seen instead, in a sentence."""

    holds: bool
    instead: str = ""
    finding: Finding | None = None
