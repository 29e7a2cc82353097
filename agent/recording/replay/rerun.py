"""The replay of a recorded run: its replies go through parser, planner and guard again, and are compared.

It needs no screen, model or GPU, and sends nothing: a `ReplayDesktop` refuses all input.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from qvl_agent.actions.core.coordinates import DesktopPoint, Rect, rect_to_frame_box
from qvl_agent.actions.core.errors import (
    ApprovalError,
    CoordinateError,
    DesktopError,
    ParseError,
    RecordingError,
)
from qvl_agent.actions.core.frame import Frame, Geometry
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.windows import Layout, WindowInfo
from qvl_agent.actions.desktops import Capabilities, Desktop, StopCheck
from qvl_agent.actions.guard.judge import judge
from qvl_agent.actions.parsing.closer_look import refined
from qvl_agent.actions.parsing.reply import read_reply
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.plan import plan, select_all_on
from qvl_agent.agent.recording.format import CloserLook, Manifest, StepIntent
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.replay.compare import MIN_OVERLAP, Difference, Redone, compare
from qvl_agent.agent.recording.steps import RecordedStep, screen_of

__all__ = ["ReplayDesktop", "ReplayReport", "ReplayedStep", "Think", "replay", "replay_step"]

Think = Callable[[RecordedStep, Recording], Reply]
"""A function that answers a recorded step anew, from what the model was shown (`Recording.messages`)."""


@dataclass(frozen=True, slots=True)
class ReplayedStep:
    """One step as it was recorded, and as it was replayed."""

    step: int
    recorded: RecordedStep
    reply: Reply
    redone: Redone
    differences: tuple[Difference, ...]

    @property
    def agreed(self) -> bool:
        return not self.differences


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """A whole replay.

    Attributes:
        recording: the recording that was replayed.
        live: whether a live model answered; else the recorded replies were taken.
        steps: one for each recorded step.
    """

    recording: Recording
    live: bool
    steps: tuple[ReplayedStep, ...]

    @property
    def agreed(self) -> bool:
        return bool(self.steps) and all(step.agreed for step in self.steps)


def replay(
    recording: Recording, think: Think | None = None, *, min_overlap: float = MIN_OVERLAP
) -> ReplayReport:
    """Run every step of a recording again and compare it with the recorded one.

    Args:
        recording: the recording; all its frames are checked first, so that a broken one never passes.
        think: asks a live model; None takes the recorded replies, and then all must be identical. A
            live model isn't asked to look closer, so it is compared with the recorded first answers.
        min_overlap: for live models, the least overlap of boxes; see `compare.same_place`.

    Raises:
        RecordingError: a frame is missing or changed.
        ModelError: as `think` raises it.
    """
    recording.check_frames()
    steps: list[ReplayedStep] = []
    for recorded in recording.steps:
        reply = recorded.intent.reply if think is None else think(recorded, recording)
        manifest = recording.manifest_at(recorded.intent.step)
        intent = recorded.intent if think is None else _first_look(recorded.intent, manifest)
        redone = replay_step(intent, manifest, reply)
        differences = compare(intent, redone, exact=think is None, min_overlap=min_overlap)
        steps.append(ReplayedStep(recorded.intent.step, recorded, reply, redone, differences))
    return ReplayReport(recording, think is not None, tuple(steps))


def replay_step(intent: StepIntent, manifest: Manifest, reply: Reply | None = None) -> Redone:
    """Take a reply (None: the recorded one) through parser, closer look, planner and guard again.

    It has no side effects.
    """
    reply = reply or intent.reply
    try:
        action = _with_closer_look(read_reply(reply, pixel_space=manifest.pixel_space), intent, manifest)
        events = plan(
            action,
            intent.frame.view,
            select_all=select_all_on(manifest.platform),
            scroll_at=intent.scene.scroll_at if intent.scene else None,
        )
    except (ParseError, CoordinateError) as error:
        return Redone(None, str(error))
    if intent.scene is None:
        return Redone(action, "", events)
    return Redone(action, "", events, judge(action, events, intent.scene, manifest.policy))


def _with_closer_look(action: Action, intent: StepIntent, manifest: Manifest) -> Action:
    """Move the target by the recorded reply to the closer look, as this program reads it now."""
    match intent.closer:
        case CloserLook(reply=Reply() as second, frame=crop):
            try:
                return refined(action, second, crop.view, intent.frame.view, pixel_space=manifest.pixel_space)
            except (ParseError, CoordinateError):
                return action
        case _:
            return action


def _first_look(intent: StepIntent, manifest: Manifest) -> StepIntent:
    """Return the step as it was before the closer look, if there was one."""
    if intent.closer is None:
        return intent
    first = replay_step(intent.model_copy(update={"closer": None}), manifest)
    return intent.model_copy(update={"action": first.action, "plan": first.plan, "closer": None})


class ReplayDesktop(Desktop):
    """A desktop that shows a recording: choose a step with `at`, and `grab` returns its screen.

    It never goes to another step by itself, and no input can be sent.
    """

    capabilities = Capabilities(windows=True, pointer=True)

    def __init__(self, recording: Recording) -> None:
        self.name = "replay"
        self.platform = recording.manifest.platform
        self._recording = recording
        self._index = 0

    def at(self, step: int) -> None:
        """Go to a step, by its number in the journal.

        Raises:
            RecordingError: there is no such step.
        """
        numbers = [recorded.intent.step for recorded in self._recording.steps]
        if step not in numbers:
            raise RecordingError(f"no step {step} in the recording; it has {numbers[0]} to {numbers[-1]}")
        self._index = numbers.index(step)

    def geometry(self) -> Geometry:
        """Return the recorded monitors, or only the captured one if the step has no scene."""
        intent = self._intent
        return intent.scene.geometry if intent.scene else Geometry((intent.frame.view.monitor,))

    def off_limits(self) -> tuple[Rect, ...]:
        """Return the regions that were off limits."""
        return self._intent.scene.off_limits if self._intent.scene else ()

    def window_at(self, point: DesktopPoint) -> WindowInfo | None:
        """Return the window that was at a point, if this step pointed at that window."""
        if self._intent.scene is None:
            return None
        known = [window for window in self._intent.scene.windows if window is not None]
        return next((window for window in known if window.rect is not None and point in window.rect), None)

    def focused(self) -> WindowInfo | None:
        """Return the window that had the keyboard focus."""
        return self._intent.scene.focused if self._intent.scene else None

    def layout(self) -> Layout | None:
        """Return None: the layout isn't recorded, and nothing can cover a recorded screen."""
        return None

    def grab(self, region: Rect | None = None) -> Frame:
        """Return the step's whole screen, even after a zoom, with the present time as its time of capture.

        Raises:
            DesktopError: the region isn't on the recorded monitor.
            RecordingError: the frame is missing or changed.
        """
        frame = replace(
            self._recording.frame(screen_of(self._recording.steps, self._index)), time=time.monotonic()
        )
        if region is None:
            return frame
        try:
            return frame.crop(rect_to_frame_box(region, frame.view))
        except CoordinateError as error:
            raise DesktopError(str(error)) from error

    def pointer(self) -> DesktopPoint:
        """Return where the pointer ended before this step; the monitor's top left if that isn't known."""
        for recorded in reversed(self._recording.steps[: self._index]):
            if recorded.outcome.outcome.pointer is not None:
                return recorded.outcome.outcome.pointer
        monitor = self._intent.frame.view.monitor
        return DesktopPoint(monitor.left, monitor.top)

    def perform(self, approved: Approved, stop: StopCheck) -> None:
        """Refuse all input.

        Raises:
            ApprovalError: always.
        """
        del stop
        raise ApprovalError(f"a recording takes no input; approval {approved.id} was not used")

    def release(self) -> None:
        """Do nothing: no key or button is ever held."""

    def close(self) -> None:
        """Do nothing: nothing is open."""

    @property
    def _intent(self) -> StepIntent:
        return self._recording.steps[self._index].intent
