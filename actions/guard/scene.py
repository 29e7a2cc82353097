"""The facts of the moment that the guard judges by; they are recorded beside each decision."""

from dataclasses import dataclass

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect, View
from qvl_agent.actions.core.frame import Geometry
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.planning.events import Plan
from qvl_agent.actions.reading.target_text import TargetText

__all__ = ["Scene", "UncertainInput"]


@dataclass(frozen=True, slots=True)
class UncertainInput:
    """Input of which it isn't known whether all, a part or nothing was sent.

    Attributes:
        step: the number of the step that was to send it.
        plan: its events.
        label: the model's name for its target; "" if it had none.
    """

    step: int
    plan: Plan
    label: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The facts of the moment that the guard judges by; recorded, so that a replay judges the same.

    Attributes:
        view: how the frame that the model saw lies on the desktop.
        geometry: the monitors now.
        frame_age_s: seconds since the screen was last known to look like that frame.
        step: this step's number, from 1.
        elapsed_s: seconds since the run began.
        tokens: the model's tokens so far, prompt and reply.
        approvals: how often a person was asked so far.
        inputs_s_ago: the ages of the latest inputs in seconds, newest first.
        off_limits: regions of our own window and terminal, found at run time; the policy's regions are
            forbidden too.
        granted: rules that a person allowed for the whole run.
        windows: the window under each point that the plan moves to, in their order; None where none is
            known.
        focused: the window that the keys go to; None if it isn't known.
        asked_for: kinds of consequence that the person's own task names, so that they need no question; also
            "pay: placeorder", a kind that is asked for by one button alone.
        texts: the text read from the pixels at each place where the plan presses a mouse button, in their
            order; empty if nothing was read.
        reader: the name of the reader of `texts`, with the reason if it failed; "" if there is none.
        unsure: the input before this one, if it isn't known whether it was sent; None otherwise.
        scroll_at: where a scroll without a target goes; None if nobody knows, or for other actions.
        platform: the desktop's system, as in `sys.platform`; a chord's meaning depends on it.
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
    scroll_at: DesktopPoint | None = None
    platform: str = "linux"
