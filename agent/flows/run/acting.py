"""One step that sends input: find its targets, act through the executor, report what came of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, assert_never

from pydantic import ValidationError

from qvl_agent.actions.core.coordinates import GRID, FrameBox, ModelBox
from qvl_agent.actions.core.errors import CoordinateError, FlowError, KeyNameError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.execution.executor import ExecutionResult
from qvl_agent.actions.planning import action as actions
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.keys import chord, modifiers
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.flows.run.hands import Hands
from qvl_agent.agent.flows.run.sight import Healing, Sight
from qvl_agent.agent.flows.run.trouble import FlowHalted, StepTrouble
from qvl_agent.agent.flows.run.watching import Eyes
from qvl_agent.agent.flows.script.described import described
from qvl_agent.agent.flows.script.steps import (
    ActingStep,
    Click,
    Drag,
    Hover,
    Press,
    Scroll,
    Step,
    Type,
)
from qvl_agent.agent.flows.script.targets import Target
from qvl_agent.agent.flows.values import Scope, fill
from qvl_agent.agent.run.ending import ending_of, refusal_message

__all__ = ["Actor", "Aimed", "OnceMark", "action_of", "in_words", "on_grid", "own_targets"]

_STALE_TRIES: Final = 5
"""How often a target is looked for again because the screen changed before the input."""


_NOTHING_SENT: Final = frozenset({"stale", "refused", "parked", "dry-run"})


class OnceMark(Protocol):
    """Marks a step that must never be done twice."""

    def begin(self) -> None:
        """Note, durably, that its input is about to be sent."""
        ...

    def undo(self) -> None:
        """Note that nothing of it was sent."""
        ...


@dataclass(frozen=True)
class Aimed:
    """Where a step's targets were found, and on which screen."""

    sight: Sight
    findings: tuple[Finding, ...]

    def places(self, step: ActingStep) -> dict[Target, FrameBox]:
        """Return where each target of the step was, in pixels of the screen."""
        found = zip(own_targets(step), self.findings, strict=True)
        return {target: finding.box for target, finding in found if finding.box is not None}

    @property
    def boxes(self) -> tuple[ModelBox, ...]:
        """The targets on the grid over the screen, as actions have them."""
        frame = self.sight.frame
        return tuple(on_grid(each.box, frame.size) for each in self.findings if each.box is not None)


class Actor:
    """Does the acting steps of one run."""

    def __init__(self, eyes: Eyes, hands: Hands) -> None:
        self._eyes, self._hands = eyes, hands

    def do(
        self,
        step: ActingStep,
        path: str,
        scope: Scope,
        *,
        meanwhile: Callable[[Sight], bool],
        once: "OnceMark | None" = None,
    ) -> tuple[Aimed, ExecutionResult]:
        """Do a step once; nothing is ever sent twice.

        Args:
            step: the step.
            path: its place in the flow.
            scope: the variables.
            meanwhile: closes what popped up, where the target isn't found; returns whether it did something.
            once: marks a `once` step as begun before its input is sent, and not if none was.

        Raises:
            StepTrouble: a target wasn't found for sure, or the input wasn't sent as it should.
            FlowHalted: the guard or the person ended the run.
        """
        words = in_words(step, scope)
        sight = self._eyes.sight or self._eyes.look()
        for _ in range(_STALE_TRIES):
            aimed = self.aim(step, path, scope, sight, meanwhile=meanwhile)
            try:
                action = action_of(step, aimed.boxes, scope)
                acted = self._hands.act(
                    action,
                    aimed.sight.observation,
                    path,
                    words,
                    approved=once.begin if once else None,
                    trusted=not any(map(self._eyes.is_healed, own_targets(step))),
                )
            except CoordinateError as error:  # raised before anything is decided
                raise StepTrouble(f"it can't be pointed at: {error}", frame=aimed.sight.frame) from error
            if once is not None and acted.outcome.status in _NOTHING_SENT:
                once.undo()
            if acted.outcome.status != "stale":
                return aimed, self._sent(acted, step, aimed)
            sight = self._eyes.look()
        raise StepTrouble(
            f"the screen kept changing where it acts: {acted.outcome.detail}", frame=sight.frame
        )

    def aim(
        self,
        step: ActingStep,
        path: str,
        scope: Scope,
        sight: Sight,
        *,
        meanwhile: Callable[[Sight], bool],
    ) -> Aimed:
        """Look until every target of a step is found for sure, or the time is over.

        Raises:
            StepTrouble: one wasn't found; it has the candidates.
        """
        until = time.monotonic() + step.within
        targets = own_targets(step)
        while True:
            findings = tuple(
                self._eyes.find(target, scope, sight, field=isinstance(step, Type)) for target in targets
            )
            missing = next(
                (each for each in zip(targets, findings, strict=True) if each[1].box is None), None
            )
            if missing is None:
                return Aimed(sight, findings)
            if time.monotonic() >= until:
                target, finding = missing
                if self._healed(step, path, scope, lost=missing, sight=sight):
                    continue
                raise StepTrouble(
                    f"“{_name(target, scope)}” wasn't found: {finding.reason}",
                    finding=finding,
                    frame=sight.frame,
                )
            if not meanwhile(sight):
                self._eyes.rest()
            sight = self._eyes.look(change=sight.change)

    def _healed(
        self, step: ActingStep, path: str, scope: Scope, *, lost: tuple[Target, Finding], sight: Sight
    ) -> bool:
        """Return whether a target that wasn't found is healed, so that another search finds it.

        Raises:
            StepTrouble: this run heals, and it isn't.
        """
        target, finding = lost
        if self._eyes.healer is None or target.key in self._eyes.healer.healed:
            return False
        size = sight.frame.size
        healing = Healing(
            path,
            in_words(step, scope),
            isinstance(step, Type),
            lambda box: action_of(step, (on_grid(box, size),) * len(own_targets(step)), scope),
        )
        why = self._eyes.heal(target, finding, scope, sight, healing)
        if why:
            said = f"“{_name(target, scope)}” wasn't found: {finding.reason}; it can't be healed: {why}"
            raise StepTrouble(said, finding=finding, frame=sight.frame)
        return True

    def _sent(self, acted: ExecutionResult, step: ActingStep, aimed: Aimed) -> ExecutionResult:
        """Return the result if all of the input was sent.

        Raises:
            StepTrouble: not all was sent, or nobody knows.
            RunEnded: it was refused, or the run was stopped.
        """
        status, detail = acted.outcome.status, acted.outcome.detail
        match status:
            case "done":
                return acted
            case "refused" | "parked":
                ending = ending_of(acted.decision, "")
                raise FlowHalted(*(ending or ("refused", refusal_message(acted.decision))))
            case "dry-run":
                raise FlowHalted("dry-run", "a dry run ends where input would be sent")
            case "stopped" if not step.once:
                raise FlowHalted("stopped", detail)
            case _:
                said = f"{status}: {detail}" if detail else status
                raise StepTrouble(f"the input wasn't sent as it should: {said}", frame=aimed.sight.frame)


def action_of(step: ActingStep, boxes: tuple[ModelBox, ...], scope: Scope) -> Action:
    """Return the action that a step comes to, with its targets at some boxes, in `own_targets`' order.

    Raises:
        FlowError: a variable or a key isn't known, or the text can't be typed as a whole.
    """
    try:
        return _action_of(step, boxes, scope)
    except KeyNameError as error:
        raise FlowError(f"{described(step)}: {error}") from error
    except ValidationError as error:
        raise FlowError(f"{described(step)}: {first_error(error)}; shorten what is filled in") from error


def _action_of(step: ActingStep, boxes: tuple[ModelBox, ...], scope: Scope) -> Action:
    label = _name(targets[0], scope) if (targets := own_targets(step)) else ""
    match step:
        case Click():
            held = modifiers(step.keys) if step.keys else ()
            return actions.Click(
                target=boxes[0], button=step.button, count=step.count, modifiers=held, label=label
            )
        case Hover():
            return actions.Move(target=boxes[0], label=label)
        case Drag():
            return actions.Drag(target=boxes[0], end=boxes[1], label=label)
        case Type():
            text = fill(step.type.text, scope, lines=step.type.lines)
            if not step.type.lines and ("\n" in text or "\r" in text):
                raise FlowError(
                    f"{described(step)}: it has a line break, which would press Enter; "
                    "take it out, or allow it in the step with lines: true"
                )
            return actions.Type(
                text=text,
                target=boxes[0] if boxes else None,
                clear=step.type.clear,
                enter=step.type.enter,
                label=label,
            )
        case Press():
            return actions.Press(keys=chord(step.press), count=step.count)
        case Scroll():
            return actions.Scroll(
                target=boxes[0] if boxes else None, dx=step.scroll.right, dy=step.scroll.down, label=label
            )
        case _:
            assert_never(step)


def own_targets(step: ActingStep) -> tuple[Target, ...]:
    """Return what has to be found before a step acts."""
    match step:
        case Click():
            return (step.click,)
        case Hover():
            return (step.hover,)
        case Drag():
            return (step.drag.from_, step.drag.to)
        case Type():
            return (step.type.into,) if step.type.into else ()
        case Scroll():
            return (step.scroll.over,) if step.scroll.over else ()
        case Press():
            return ()
        case _:
            assert_never(step)


def _name(target: Target, scope: Scope) -> str:
    """Return a target's name with its variables filled in: its words, else what it is near."""
    said = target.text or target.near or target.describe
    name = fill(said, scope) if said else target.key
    return f"{name} in the row {fill(target.row, scope)}" if target.row else name


def in_words(step: Step, scope: Scope) -> str:
    """Return what a step does, with its variables filled in if they are known."""
    words = described(step)
    try:
        return fill(words, scope, lines=True)
    except FlowError:
        return words


def on_grid(box: FrameBox, size: tuple[int, int]) -> ModelBox:
    """Return a box in pixels of a frame of (width, height) `size` on the grid over it."""
    width, height = size
    return ModelBox.of(
        box.left * GRID / width, box.top * GRID / height, box.right * GRID / width, box.bottom * GRID / height
    )
