"""What the guard knows of the moment: plain facts, recorded beside each decision."""

from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.planning.events import Plan
from qvl_agent.actions.reading.target_text import TargetText

__all__ = ["Scene", "UncertainInput"]


@dataclass(frozen=True, slots=True)
class UncertainInput:
    """Input of which nobody knows whether it was sent: all of it, a part or nothing.

    Attributes:
        step: when it was to be sent.
        plan: the events.
        label: what its target was called; "" if it had none.
    """

    step: int
    plan: Plan
    label: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts of the moment that the guard judges by; recorded, so that a replay judges the same.

    Attributes:
        view: the frame that the model saw.
        geometry: the monitors now.
        frame_age_s: how long ago the screen was last known to look like that frame.
        step: this step's number, from 1.
        elapsed_s: since the run began.
        tokens: the model's tokens so far, prompt and reply.
        approvals: how often a person was asked so far.
        inputs_s_ago: how long ago the latest inputs were, newest first.
        off_limits: regions found at run time (our own window and terminal); the policy's come on top.
        granted: rules that a person allowed once for this run.
        windows: the window under each point that the plan moves to, in their order; None where none is
            known.
        focused: the window that the keys go to; None if it isn't known.
        asked_for: kinds of consequence that the person's own task names, so that they need no question.
        texts: what stands in the pixels at each place that the plan presses a button at, in their order;
            empty if nothing was read.
        reader: what read it, or why it couldn't; "" if there is none.
        unsure: the input before, while nobody knows whether it was sent and no other was since.
        platform: the desktop's system as `sys.platform` says it; chords mean other things elsewhere.
    """

    view: View
    geometry: Geometry
    frame_age_s: float = 0.0
    step: int = 1
    elapsed_s: float = 0.0
    tokens: int = 0
    approvals: int = 0
    inputs_s_ago: tuple[float, ...] = ()
    off_limits: tuple[Rect, ...] = ()
    granted: frozenset[str] = frozenset()
    windows: tuple[WindowInfo | None, ...] = ()
    focused: WindowInfo | None = None
    asked_for: frozenset[str] = frozenset()
    texts: tuple[TargetText, ...] = ()
    reader: str = ""
    unsure: UncertainInput | None = None
    platform: str = "linux"
