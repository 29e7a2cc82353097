"""The executor: every action goes through `Executor.execute`, and nothing else makes approvals.

The steps are: plan -> guard -> person -> record the intent -> freshness -> dispatch -> settle -> outcome.
The first refusal ends them, nothing is sent without a recorded intent, and nothing is ever sent twice.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from qvl_agent.actions.core.coordinates import DesktopPoint, FrameBox
from qvl_agent.actions.core.errors import (
    ApprovalError,
    CoordinateError,
    DesktopError,
    FocusLostError,
    InputHeldByUserError,
    KeyNameError,
    Stopped,
    TypingError,
)
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.outcome import Level, Outcome, Verdict
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.desktops import Desktop, StopCheck
from qvl_agent.actions.execution.clearing import Clearing, Field, old_text_stays, split_plan
from qvl_agent.actions.execution.person import Consent, Nobody, Person, Question
from qvl_agent.actions.execution.precheck import Precheck
from qvl_agent.actions.execution.questions import Questions
from qvl_agent.actions.guard.judge import Scene, judge, rate_delay
from qvl_agent.actions.guard.lexicon.search import named_in, warm_up
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.guard.rules.budgets import STALE_FRAME
from qvl_agent.actions.guard.rules.windows import keys_go_to
from qvl_agent.actions.guard.scene import UncertainInput
from qvl_agent.actions.planning.action import Action, Press, Scroll, Type, Wait
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import KeyEvent, MoveEvent, Plan
from qvl_agent.actions.planning.observation import Observation
from qvl_agent.actions.planning.placeholders import NO_SECRETS, SecretTypist
from qvl_agent.actions.planning.plan import first_press, plan, pointer_goal, select_all_on
from qvl_agent.actions.reading.target_text import Reader, read_for
from qvl_agent.actions.screen.effect import Effect
from qvl_agent.actions.screen.motion import Motion

__all__ = ["Decision", "ExecutionResult", "Executor", "Facts"]

_RECENT_INPUTS = 64
_STOP_CHECK_S = 0.02
_DOUBLE_CLICK_S = 0.55
"""Longer than the toolkits' double-click times: Qt and GTK 0.4 s, Windows and Tk 0.5 s."""
_SAME_PLACE = 8
"""More logical pixels than toolkits allow between the two clicks of a double click: Qt 5, GTK 5, Tk 5,
Windows 4."""
_OLD_TEXT = "nothing showed that the old text was selected, and it may still stand there; look"


@dataclass(frozen=True, slots=True)
class Facts:
    """The loop's part of the facts that the guard judges by: the step's number, seconds and tokens so far."""

    step: int
    elapsed_s: float
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about an action, before anything is sent.

    Attributes:
        action: the action that is decided about.
        scene: the facts that the guard judged by.
        plan: the events that would be sent.
        verdict: the guard's verdict.
        approved: the approval; None if nothing may be sent or there is nothing to send.
        refused_by: "" if it may be done, else "guard", "person", or "nobody" if the run is parked.
        consent: the person's answer; None if nobody was asked.
        times: seconds by part: "read", "guard".
    """

    action: Action
    scene: Scene
    plan: Plan
    verdict: Verdict
    approved: Approved | None = None
    refused_by: str = ""
    consent: Consent | None = None
    times: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecutionResult:
    """The decision about an action, its outcome, and the settled screen if one was captured."""

    decision: Decision
    outcome: Outcome
    frame: Frame | None = None


class Executor:
    """Decides about actions and carries them out on one desktop, for one run."""

    def __init__(
        self,
        desktop: Desktop,
        policy: Policy,
        *,
        person: Person | None = None,
        reader: Reader | None = None,
        task: str = "",
        secrets: SecretTypist = NO_SECRETS,
        asked: int = 0,
        unsure: UncertainInput | None = None,
        stop: StopCheck = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        motion: Motion | None = None,
    ) -> None:
        self._desktop = desktop
        self._policy = policy
        self._questions = Questions(
            person or Nobody(), policy.profile, desktop=desktop, stop=stop, clock=clock
        )
        self._reader = reader
        warm_up()
        if reader is not None:
            reader.warm_up()
        self._asked_for = named_in(task)
        self._secrets = secrets
        self._stop = stop
        self._clock = clock
        self._sleep = sleep
        self._inputs: deque[float] = deque(maxlen=_RECENT_INPUTS)
        self._questions.count = asked
        self._unsure = unsure
        motion = motion or Motion()
        self._precheck = Precheck(desktop, reader, motion=motion, stop=stop, clock=clock, sleep=sleep)
        self._effect = Effect(
            motion, desktop.grab, stop=stop, clock=clock, sleep=sleep, damage=desktop.damage
        )
        self._clicked: tuple[float, DesktopPoint] | None = None

    @property
    def asked_most(self) -> str:
        """The rule that asked the person most in this run, and how to need fewer questions; "" if none."""
        return self._questions.most()

    def scene(self, observation: Observation, facts: Facts, frame_age_s: float, events: Plan = ()) -> Scene:
        """Collect the facts of the moment that the guard judges a plan by.

        Args:
            observation: what the model saw.
            facts: the run so far.
            frame_age_s: seconds since the screen was last known to look like the model's picture.
            events: the plan; empty if nothing is to be sent.
        """
        now = self._clock()
        return Scene(
            view=observation.seen.view,
            geometry=self._desktop.geometry(),
            frame_age_s=frame_age_s,
            step=facts.step,
            elapsed_s=facts.elapsed_s,
            tokens=facts.tokens,
            approvals=self._questions.count,
            inputs_s_ago=tuple(now - sent for sent in reversed(self._inputs)),
            off_limits=self._desktop.off_limits(),
            granted=self._questions.granted,
            windows=self._windows(events),
            focused=self._desktop.focused() if events else None,
            asked_for=self._asked_for,
            unsure=self._unsure if events else None,
            platform=self._desktop.platform,
        )

    def _windows(self, events: Plan) -> tuple[WindowInfo | None, ...]:
        return tuple(self._desktop.window_at(event.point) for event in events if isinstance(event, MoveEvent))

    def execute(
        self, action: Action, observation: Observation, facts: Facts, record: Callable[[Decision], None]
    ) -> ExecutionResult:
        """Decide about an action, record the decision, and carry the action out if it may be done.

        Args:
            action: the action, on the grid over `observation.seen`.
            observation: what the model saw.
            facts: the run so far.
            record: writes the decision durably; if it raises, nothing is sent.

        Raises:
            CoordinateError: the target can't be mapped; nothing was decided or sent.
        """
        decision = self._decide(action, observation, facts)
        record(decision)
        if decision.verdict.rule == STALE_FRAME:
            return ExecutionResult(decision, Outcome("stale", decision.verdict.reason))
        if decision.refused_by:
            waits = decision.refused_by == "nobody"
            return ExecutionResult(
                decision, Outcome("parked" if waits else "refused", decision.verdict.reason)
            )
        if decision.plan and self._policy.profile == "dry-run":
            goal = pointer_goal(decision.plan)
            return ExecutionResult(decision, Outcome("dry-run", "nothing was sent", planned=goal))
        if isinstance(action, Wait):
            return ExecutionResult(decision, *self._wait(action, observation))
        if decision.approved is None:
            return ExecutionResult(decision, Outcome("done"))
        return ExecutionResult(decision, *self._carry_out(decision, decision.approved, observation))

    def _decide(self, action: Action, observation: Observation, facts: Facts) -> Decision:
        start = self._clock()
        placeless = isinstance(action, Scroll) and action.target is None
        at = self._desktop.scroll_place(observation.screen.monitor) if placeless else None
        select_all = select_all_on(self._desktop.platform)
        events = plan(action, observation.seen.view, select_all=select_all, scroll_at=at)
        scene = self.scene(observation, facts, self._age(action, observation), events)
        scene = replace(scene, scroll_at=at)
        times = {}
        if self._reader is not None:
            begun = self._clock()
            texts, name = read_for(self._reader, action, observation)
            scene = replace(scene, texts=texts, reader=name)
            times["read"] = self._clock() - begun
        verdict = judge(action, events, scene, self._policy)
        times["guard"] = self._clock() - start - times.get("read", 0.0)
        decision = Decision(action, scene, events, verdict, times=times)
        if verdict.level is Level.DENY:
            return replace(decision, refused_by="guard")
        if verdict.level is not Level.ALLOW and self._policy.profile != "dry-run":
            decision = replace(
                decision, consent=(said := self._questions.ask(_question(decision, observation)))
            )
            if not said.yes:
                return replace(decision, refused_by="nobody" if said.said == "late" else "person")
        if not events or self._policy.profile == "dry-run":
            return decision  # nothing to permit
        approved = Approved(
            events, observation.seen.id, scene.geometry, secrets=self._secrets, clock=self._clock
        )
        return replace(decision, approved=approved)

    def _age(self, action: Action, observation: Observation) -> float:
        """Return the seconds since the action's place was last known to look as the model saw it.

        A model may think for longer than a frame is valid: then the place is compared again.
        """
        age = max(0.0, self._clock() - observation.screen.time)
        if age <= self._policy.max_frame_age_s or self._precheck.pixels(action, observation):
            return age
        return 0.0

    def _carry_out(
        self, decision: Decision, approved: Approved, observation: Observation
    ) -> tuple[Outcome, Frame | None]:
        goal = pointer_goal(decision.plan)
        times: dict[str, float] = {}
        self._pause(max(rate_delay(decision.scene, self._policy), self._until_next_click(decision.plan)))
        start = self._clock()
        changed = self._precheck.changed(decision.action, decision.plan, decision.scene, observation)
        times["freshness"] = self._clock() - start
        if changed:
            return Outcome("stale", changed, planned=goal, times=times), None
        start = self._clock()
        self._inputs.append(start)
        self._unsure = UncertainInput(decision.scene.step, decision.plan, decision.action.label)
        unselected: Frame | None = None
        places = observation.boxes(decision.action)
        self._effect.sending()
        try:
            if isinstance(decision.action, Type) and decision.action.clear:
                unselected = self._replace_text(decision, approved, observation)
            else:
                self._desktop.perform(approved, self._stop)
        except Stopped:
            return Outcome("stopped", "stopped in the middle of the input", planned=goal, times=times), None
        except (FocusLostError, TypingError) as error:
            return Outcome("broken-off", str(error), planned=goal, times=times), None
        except (ApprovalError, CoordinateError, DesktopError, KeyNameError) as error:
            if not isinstance(error, DesktopError) or isinstance(error, InputHeldByUserError):
                self._unsure = None  # these errors are raised before the first event
            return Outcome("failed", str(error), planned=goal, times=times), None
        finally:
            self._effect.sent(places)
        self._unsure = None
        if (pressed := first_press(decision.plan)) is not None:
            self._clicked = (self._clock(), pressed)
        pointer = self._desktop.pointer() if goal and self._desktop.capabilities.pointer else None
        times["input"] = self._clock() - start
        outcome = Outcome(
            "done", _pointer_deviation(goal, pointer), planned=goal, pointer=pointer, times=times
        )
        outcome, frame = self._settled(outcome, observation.screen, places)
        box = observation.box(decision.action)
        if unselected is not None and frame is not None and old_text_stays(unselected, frame, box):
            outcome = replace(outcome, detail=_OLD_TEXT)
        return outcome, frame

    def _replace_text(self, decision: Decision, approved: Approved, observation: Observation) -> Frame | None:
        """Type over a field's text; return the screen before it if the field seemed to have no text."""
        parts = split_plan(decision.plan)
        case = Case(decision.action, decision.plan, decision.scene, self._policy)
        clearing = Clearing(
            self._desktop,
            lambda events: self._approve_chord(events, observation, case),
            stop=self._stop,
            clock=self._clock,
            sleep=self._sleep,
        )
        deleted = any(isinstance(event, KeyEvent) for event in parts.rest[:1])
        box = observation.box(decision.action)
        field = Field(box, pointer_goal(parts.click), self._precheck.moving, deleted)
        window = keys_go_to(case)
        return clearing.replace_text(parts, approved.split(*parts), window, observation.screen, field)

    def _approve_chord(self, events: Plan, observation: Observation, case: Case) -> Approved:
        """Approve a chord that selects text and isn't in the plan, if it needn't be asked about."""
        keys = tuple(event.key for event in events if isinstance(event, KeyEvent) and event.down)
        scene = replace(case.scene, windows=(), focused=self._desktop.focused(), texts=())
        verdict = judge(Press(keys=keys), events, scene, case.policy)
        if verdict.level > Level.NOTICE:
            raise TypingError(f"nothing was typed: the old text couldn't be selected, as {verdict.reason}")
        return Approved(events, observation.seen.id, scene.geometry, clock=self._clock)

    def _until_next_click(self, events: Plan) -> float:
        """Return the seconds to wait so that two presses on one place aren't taken for a double click."""
        pressed = first_press(events)
        if self._clicked is None or pressed is None:
            return 0.0
        clicked, place = self._clicked
        near = max(abs(pressed.x - place.x), abs(pressed.y - place.y)) <= _SAME_PLACE
        return max(0.0, clicked + _DOUBLE_CLICK_S - self._clock()) if near else 0.0

    def _settled(
        self, outcome: Outcome, before: Frame, places: tuple[FrameBox, ...], *, waited: bool = False
    ) -> tuple[Outcome, Frame | None]:
        try:
            settled = self._effect.settled(before, places, waited=waited)
        except DesktopError as error:
            return replace(outcome, detail=f"the screen can't be seen any more: {error}", quiet=False), None
        self._precheck.moving = settled.moving
        times = {**outcome.times, "settle": settled.seconds}
        return replace(outcome, change=settled.change, quiet=settled.quiet, times=times), settled.frame

    def newer(self, frame: Frame) -> Frame | None:
        """Return the screen as it is now if it is known to have changed since it settled; else None."""
        return self._effect.newer(frame)

    def _wait(self, action: Wait, observation: Observation) -> tuple[Outcome, Frame | None]:
        start = self._clock()
        self._pause(action.seconds)
        outcome = Outcome("done", times={"wait": self._clock() - start})
        return self._settled(outcome, observation.screen, (), waited=True)

    def _pause(self, seconds: float) -> None:
        end = self._clock() + seconds
        while not self._stop() and (left := end - self._clock()) > 0:
            self._sleep(min(left, _STOP_CHECK_S))


def _question(decision: Decision, observation: Observation) -> Question:
    action, scene, goal = decision.action, decision.scene, pointer_goal(decision.plan)
    window = next((window for window in scene.windows if window), scene.focused)
    return Question(action, decision.verdict, observation.screen, goal, observation.boxes(action), window)


def _pointer_deviation(goal: DesktopPoint | None, pointer: DesktopPoint | None) -> str:
    if goal is None or pointer is None:
        return ""
    if max(abs(goal.x - pointer.x), abs(goal.y - pointer.y)) <= 1:
        return ""
    return f"the pointer ended at ({pointer.x}, {pointer.y}) instead of ({goal.x}, {goal.y})"
