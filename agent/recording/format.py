"""The format of a recorded run on disk.

A run is a folder: `manifest.json`, `journal.jsonl` (a `StepIntent` and then a `StepOutcome` for each
step, a `RunResult` at the end, a `RunResumed` where it went on after that) and `frames/*.png`. These
classes are the only readers and writers of that format; `recording.py` stores and loads them.
"""

import math
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from qvl_agent.actions.core.coordinates import ModelBox, View
from qvl_agent.actions.core.messages import Reply, Role
from qvl_agent.actions.core.outcome import Outcome, Verdict
from qvl_agent.actions.execution.person import Consent
from qvl_agent.actions.guard.judge import Scene
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.events import Event

__all__ = [
    "FORMAT",
    "CloserLook",
    "FrameRef",
    "Line",
    "Manifest",
    "RunResult",
    "RunResumed",
    "RunStatus",
    "StepIntent",
    "StepOutcome",
    "Turn",
    "Verification",
    "VerifiedBy",
]

FORMAT: Final = 1
"""The version of the format; a reader refuses any other."""
RunStatus = Literal[
    "done",
    "failed",
    "refused",
    "stuck",
    "parked",
    "budget",
    "stopped",
    "dry-run",
    "model-error",
    "desktop-error",
    "crashed",
]
"""How a run ended. done: the model claims that the task is done, `verified` says more · failed: the model
gave up · refused: the guard or the person stopped it · stuck: it did the same again and again, or nothing
that changed anything · parked: a question wasn't answered in time, so the action wasn't done, and the run
can go on · budget: out of steps, time, tokens or questions · stopped: by the person · dry-run: ended where
input would have been sent · model-error, desktop-error: the model or the desktop failed · crashed: an error
of this program."""
VerifiedBy = Literal["", "checker", "model"]
"""Who said whether a claim holds: a checker that reads the application's own state · the model, asked
over a fresh screen · "" nobody was asked."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _sound(view: View) -> View:
    if not (view.width > 0 and view.height > 0 and 0 < view.scale < math.inf):
        raise ValueError(f"no picture has a size of {view.width}x{view.height} at scale {view.scale}")
    return view


class FrameRef(_Record):
    """A reference to a stored frame: its file in the run's folder, its checksum, its place on the desktop."""

    id: str
    file: Annotated[str, Field(pattern=r"^frames/[0-9]{1,9}\.png$")]
    """Only digits, so that no path leads out of the folder and no name means a device."""
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    view: Annotated[View, AfterValidator(_sound)]
    time: float
    """Seconds since the run began."""


class Turn(_Record):
    """One message that was added to the conversation; its pictures are references."""

    role: Role
    parts: tuple[str | FrameRef, ...]


class Manifest(_Record):
    """The run's task, desktop, model and policy."""

    format: int = FORMAT
    program: str
    """The version of qvl-agent."""
    created: str
    """UTC, ISO 8601."""
    task: str
    desktop: str
    model: str
    dialect: str
    pixel_space: bool = False
    """The model answers in pixels, so its coordinates were refused."""
    policy: Policy
    platform: str = ""
    flow: str = ""
    """The file of the flow that was run; "" for a task that a model did."""


class CloserLook(_Record):
    """A second look at a small target: a question about a close-up, outside the run's conversation."""

    frame: FrameRef
    """The close-up; its view maps the answer's coordinates."""
    said: tuple[Turn, ...]
    """All messages of that conversation, without the reply."""
    reply: Reply | None
    """None if the model failed."""
    target: ModelBox | None = None
    """The moved target, over the step's frame; None if the first one was kept."""
    kept: str = ""
    """Why the first target was kept; "" if it was moved."""


class StepIntent(_Record):
    """All that led to the decision of a step; it is on the disk before anything is sent."""

    type: Literal["intent"] = "intent"
    step: int
    frame: FrameRef
    """The picture that the model saw last; its view maps the action's coordinates."""
    said: tuple[Turn, ...]
    """The messages added since the step before, without the reply."""
    reply: Reply
    action: Action | None
    """The action to do; after a closer look its target is the moved one."""
    closer: CloserLook | None = None
    """The second look at its target, if there was one."""
    error: str = ""
    """Why there is no action: the ParseError or CoordinateError that the model was told."""
    scene: Scene | None = None
    plan: tuple[Event, ...] = ()
    verdict: Verdict | None = None
    consent: Consent | None = None
    """The person's answer about the action; None if nobody was asked."""
    approval: str = ""
    """The approval's id; "" if nothing may be sent."""
    times: dict[str, float] = Field(default_factory=dict)
    """Seconds by part of the step, up to here."""


class StepOutcome(_Record):
    """The outcome of a step; written after its action."""

    type: Literal["outcome"] = "outcome"
    step: int
    outcome: Outcome
    frame: FrameRef | None = None
    """The settled screen afterwards; the next step's frame, unless that is a zoom."""


class Verification(_Record):
    """A question to the model, outside the run's conversation, about its claim that the task is done.

    It led to no input, so a replay, which goes over the steps, doesn't ask it again; its screen is checked.
    """

    frame: FrameRef
    """The fresh screen."""
    said: tuple[Turn, ...]
    """All messages of that conversation, without the reply."""
    reply: Reply | None
    """None if the model failed."""
    error: str = ""
    """The reason for which there is no judgement; "" if there is one."""
    seconds: float = 0.0


class RunResult(_Record):
    """The end of a run: the journal's last line, unless the run went on."""

    type: Literal["result"] = "result"
    status: RunStatus
    message: str = ""
    """The model's summary, answer or reason, or the error."""
    answer: str | None = None
    verified: bool | None = None
    """Whether the claim held when it was checked; None if nothing checked, or nothing could tell."""
    check: str = ""
    """The checker's finding, or the model's, in a sentence."""
    verified_by: VerifiedBy = ""
    """Who gave `verified`; a checker in a record without this field. "model" even for a useless answer."""
    verification: Verification | None = None
    """The question to the model, if it was asked."""
    steps: int = 0
    seconds: float = 0.0
    frame: FrameRef | None = None
    """The last screen that was captured."""


class RunResumed(_Record):
    """The line between the end of a run, or its cut-off, and the steps with which it goes on."""

    type: Literal["resumed"] = "resumed"
    after: int
    """The number of the last step before it, from which the steps are numbered on; 0 if there was none."""
    ended: RunStatus | None
    """How the run had ended; None if it was cut off."""
    torn: str = ""
    """A sentence on a last line that a crash had cut off, and that was left out; "" if there was none."""
    note: str = ""
    """What the person and the model were told of an action that may or may not have been done."""
    manifest: Manifest
    """The manifest that holds from here on: same task and dialect, maybe another desktop, model or policy."""


Line = Annotated[StepIntent | StepOutcome | RunResult | RunResumed, Field(discriminator="type")]
