"""Do the steps of a flow, one after the other, for one item at a time."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, assert_never

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.actions.execution.person import Person
from qvl_agent.agent.flows.run.acting import Actor, Aimed, OnceMark, in_words
from qvl_agent.agent.flows.run.readout import value_near, value_on
from qvl_agent.agent.flows.run.record import StepEnded, seen_in
from qvl_agent.agent.flows.run.trouble import FlowHalted, ItemOver, StepTrouble
from qvl_agent.agent.flows.run.watching import Eyes, Sight
from qvl_agent.agent.flows.script.flow import Flow, Handler
from qvl_agent.agent.flows.script.steps import (
    ActingStep,
    Ask,
    Check,
    Click,
    Do,
    Drag,
    ForEach,
    Hover,
    NextItem,
    Press,
    Read,
    Reject,
    Retry,
    Scroll,
    Step,
    Type,
    Use,
    Wait,
    When,
    While,
)
from qvl_agent.agent.flows.script.targets import Expectation
from qvl_agent.agent.flows.values import Scope, evaluate, fill, fill_value

__all__ = ["Interpreter", "OnceKeeper", "Services"]

_READ_WITHIN_S: Final = 10.0
_MOST_SCROLLS: Final = 200
_DEEPEST: Final = 8
"""How many flows may use one another."""


class OnceKeeper(Protocol):
    """Keeps, durably, which `once` steps of an item were begun and which are done for sure."""

    def begin_once(self, path: str) -> None:
        """Note that a step is about to send its input; on the disk when this returns."""
        ...

    def withdraw_once(self, path: str) -> None:
        """Note that nothing of a step's input was sent after all."""
        ...

    def end_once(self, path: str, values: dict[str, Any]) -> None:
        """Note that a step is done, and what has to follow was seen."""
        ...


@dataclass(frozen=True)
class Services:
    """What the interpreter needs of the run around it.

    Attributes:
        person: answers questions.
        stop: returns True once the run is to stop.
        write: records a line, and tells those who listen.
        items: goes over the data's rows with the steps of a `for_each`.
        do: hands a task to the model.
        load: reads a flow that another one uses, by its file's name.
        action: returns the number of the last action in the journal.
    """

    person: Person
    stop: Callable[[], bool]
    write: Callable[[StepEnded, Any], None]
    items: Callable[[ForEach, str, Scope], None]
    do: Callable[[str], None]
    load: Callable[[str], Flow]
    action: Callable[[], int]


class Interpreter:
    """Does the steps of one flow.

    Attributes:
        key: the key of the item that is done; "" outside of items.
        keeper: keeps the item's `once` steps.
        after: the path of the step after which an interrupted item goes on; "" for its beginning.
    """

    def __init__(self, flow: Flow, eyes: Eyes, actor: Actor, services: Services) -> None:
        self.key, self.after = "", ""
        self.keeper: OnceKeeper | None = None
        self._flow, self._eyes, self._actor, self._services = flow, eyes, actor, services
        self._popups: Counter[int] = Counter()
        self._in_popup = False
        self._attempt, self._depth = 1, 0

    def begin_item(self, key: str, keeper: OnceKeeper | None, after: str = "") -> None:
        """Begin an item, or go on with it after a step."""
        self.key, self.keeper, self.after = key, keeper, after
        self._popups.clear()
        self._attempt = 1

    def steps(self, steps: Sequence[Step], path: str, scope: Scope) -> None:
        """Do steps in their order.

        Raises:
            StepTrouble: one couldn't be done; the rest wasn't tried.
            ItemOver: the item ends here.
            FlowHalted: the run ends here.
        """
        for number, step in enumerate(steps):
            here = f"{path}[{number}]"
            if self.after and not self.after.startswith((f"{here}.", f"{here}@")):
                self.after = "" if self.after == here else self.after
                continue
            self.step(step, here, scope)

    def _is_before(self, path: str) -> bool:
        """Return whether a round of a loop was over before the step after which an item goes on."""
        return bool(self.after) and not self.after.startswith(f"{path}.")

    def step(self, step: Step, path: str, scope: Scope) -> None:
        """Do one step, and record how it ended."""
        if self._services.stop():
            raise FlowHalted("stopped", "stopped by the person")
        began, first = time.monotonic(), self._services.action()
        note = _Note()
        try:
            self._do(step, path, scope, note)
        except StepTrouble as trouble:
            if not trouble.path:  # the innermost step is the one that failed
                trouble.path = path
                self._write(step, path, scope, note, began=began, first=first, trouble=trouble)
            raise
        self._write(step, path, scope, note, began=began, first=first)

    def _do(self, step: Step, path: str, scope: Scope, note: "_Note") -> None:
        match step:
            case Scroll() if step.scroll.until is not None:
                self._scroll(step, path, scope, note)
            case Click() | Hover() | Drag() | Type() | Press() | Scroll():
                self._act(step, path, scope, note)
            case Wait():
                self._wait(step, scope)
            case Check():
                self._check(step, scope, note)
            case Read():
                self._read(step, scope)
            case When():
                inside = self.after or self._eyes.is_so(step.when, scope)
                self.steps(
                    step.steps if inside else step.else_, f"{path}.{'steps' if inside else 'else'}", scope
                )
            case While():
                self._while(step, path, scope)
            case ForEach() if step.in_ is None:
                self._services.items(step, path, scope)
            case ForEach():
                self._for_each(step, path, scope)
            case Retry():
                self._retry(step, path, scope)
            case Use():
                self._use(step, path, scope)
            case Ask():
                self._ask(step, scope)
            case Do():
                self._services.do(fill(step.do, scope))
                self._expect(step.then, scope, self._eyes.look())
            case Reject():
                raise ItemOver("business-error", fill(step.reject, scope))
            case NextItem():
                raise ItemOver("skipped")
            case _:
                assert_never(step)

    def _act(self, step: ActingStep, path: str, scope: Scope, note: "_Note") -> None:
        mark = _Mark(self.keeper, path) if step.once else None
        try:
            aimed, acted = self._actor.do(step, path, scope, meanwhile=self._close_popups, once=mark)
            note.aimed = aimed
            sight = self._eyes.look(
                acted.frame, acted.outcome.change, step=self._services.action(), aimed=aimed.places(step)
            )
            self._expect(step.then, scope, sight)
        except StepTrouble as trouble:
            trouble.parks = trouble.parks or (mark is not None and mark.begun)
            raise
        if mark is not None and self.keeper is not None:
            self.keeper.end_once(path, dict(scope.variables))

    def _expect(self, expected: Sequence[Expectation], scope: Scope, sight: Sight) -> None:
        """Wait for each expectation.

        Raises:
            StepTrouble: one didn't come true in its time.
        """
        for each in expected:
            held, sight = self._eyes.wait_for(each, scope, sight, meanwhile=self._close_popups)
            if not held.holds:
                raise StepTrouble(
                    f"{held.instead} within {each.within:g} s", finding=held.finding, frame=sight.frame
                )

    def _scroll(self, step: Scroll, path: str, scope: Scope, note: "_Note") -> None:
        until = step.scroll.until
        if until is None:
            raise AssertionError("a scroll without an end")
        for _ in range(_MOST_SCROLLS):
            sight = self._eyes.look()
            finding = self._eyes.find(until, scope, sight)
            if finding.box is not None:
                return
            aimed, acted = self._actor.do(step, path, scope, meanwhile=self._close_popups)
            note.aimed = aimed
            if not acted.outcome.change:
                raise StepTrouble(
                    f"scrolled to the end, and “{until.key}” wasn't found: {finding.reason}",
                    finding=finding,
                    frame=sight.frame,
                )
        raise StepTrouble(f"scrolled {_MOST_SCROLLS} times, and “{until.key}” wasn't found")

    def _wait(self, step: Wait, scope: Scope) -> None:
        if isinstance(step.wait, Expectation):
            self._expect((step.wait,), scope, self._eyes.look())
            return
        end = time.monotonic() + step.wait
        while (left := end - time.monotonic()) > 0:
            if self._services.stop():
                raise FlowHalted("stopped", "stopped by the person")
            time.sleep(min(left, 0.1))
        self._eyes.look()

    def _check(self, step: Check, scope: Scope, note: "_Note") -> None:
        try:
            self._expect((step.check,), scope, self._eyes.look())
        except StepTrouble as trouble:
            if not step.soft:
                raise
            note.soft = trouble

    def _read(self, step: Read, scope: Scope) -> None:
        what, until = step.read, time.monotonic() + _READ_WITHIN_S
        while True:
            sight = self._eyes.look()
            if what.target is not None:
                finding = self._eyes.find(what.target, scope, sight, field=True)
                value, why = value_on(self._eyes, finding, sight, what.pattern)
            else:
                finding = None
                value, why = value_near(self._eyes, fill(what.near or "", scope), sight, what.pattern)
            if value is not None:
                scope.variables[what.as_] = value
                return
            if time.monotonic() >= until:
                raise StepTrouble(f"{what.as_} couldn't be read: {why}", finding=finding, frame=sight.frame)
            if not self._close_popups(sight):
                self._eyes.rest()

    def _while(self, step: While, path: str, scope: Scope) -> None:
        for round_ in range(step.at_most):
            here = f"{path}@{round_ + 1}"
            if self._is_before(here):
                continue
            if not self.after and not self._eyes.is_so(step.while_, scope):
                return
            self.steps(step.steps, f"{here}.steps", scope)
        if self._eyes.is_so(step.while_, scope):
            raise StepTrouble(f"it is still so after {step.at_most} times; raise at_most if that is right")

    def _for_each(self, step: ForEach, path: str, scope: Scope) -> None:
        values = evaluate(step.in_, scope) if isinstance(step.in_, str) else step.in_
        if not isinstance(values, (list, tuple)):
            raise FlowError(f"{path}: for_each needs a list, got {type(values).__name__}")
        for round_, value in enumerate(values):
            here = f"{path}@{round_ + 1}"
            if not self._is_before(here):
                self.steps(step.steps, f"{here}.steps", scope.inside(step.for_each, value))

    def _retry(self, step: Retry, path: str, scope: Scope) -> None:
        for attempt in range(1, step.retry + 2):
            self._attempt = attempt
            try:
                self.steps(step.steps, f"{path}.steps", scope)
            except StepTrouble as trouble:
                if trouble.parks or attempt > step.retry:
                    raise
                time.sleep(step.pause)
                self._eyes.look()
            else:
                self._attempt = 1
                return

    def _use(self, step: Use, path: str, scope: Scope) -> None:
        flow = self._services.load(step.use)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FlowError(f"{path}: flows use one another {_DEEPEST} deep; does one use itself?")
        given = {name: fill_value(value, scope) for name, value in step.with_.items()}
        defaults = {name: each.default for name, each in flow.variables.items()}
        inner = replace(scope, variables={**defaults, **given}, loop={})
        try:
            self.steps(flow.steps, f"{path}.use", inner)
        finally:
            self._depth -= 1

    def _ask(self, step: Ask, scope: Scope) -> None:
        question = fill(step.ask.question, scope)
        answer = self._services.person.answer(question, stop=self._services.stop)
        if answer is None:
            raise FlowHalted("parked", f"the flow asked, and nobody answered: {question}")
        if step.ask.as_:
            scope.variables[step.ask.as_] = answer
        self._eyes.look()

    def _close_popups(self, sight: Sight) -> bool:
        """Do the steps of the first handler whose words are to be seen; return whether there was one."""
        if self._in_popup:
            return False
        for number, handler in enumerate(self._flow.on_popup):
            if not self._eyes.holds(Expectation(see=handler.see), Scope(), sight).holds:
                continue
            self._popups[number] += 1
            if self._popups[number] > handler.at_most:
                raise StepTrouble(
                    f"“{handler.see}” came more than {handler.at_most} times", frame=sight.frame
                )
            self._close_popup(handler, number)
            return True
        return False

    def _close_popup(self, handler: Handler, number: int) -> None:
        after, self.after, self._in_popup = self.after, "", True
        try:
            self.steps(handler.steps, f"on_popup[{number}].steps", Scope())
        finally:
            self.after, self._in_popup = after, False

    def _write(
        self,
        step: Step,
        path: str,
        scope: Scope,
        note: "_Note",
        *,
        began: float,
        first: int,
        trouble: StepTrouble | None = None,
    ) -> None:
        last = self._services.action()
        shown = trouble or note.soft
        findings = note.aimed.findings if note.aimed else ()
        if shown is not None and shown.finding is not None:
            findings = (shown.finding,)
        line = StepEnded(
            key=self.key,
            path=path,
            words=in_words(step, scope),
            status="failed" if trouble else "noted" if note.soft else "done",
            message=shown.message if shown else "",
            action=last if last > first and isinstance(step, ActingStep) else 0,
            attempt=self._attempt,
            found=tuple(seen_in(each) for each in findings),
            seconds=round(time.monotonic() - began, 4),
        )
        self._services.write(line, shown.frame if shown else None)


class _Mark(OnceMark):
    """Whether the input of a `once` step may have been sent; kept durably where an item is done."""

    def __init__(self, keeper: OnceKeeper | None, path: str) -> None:
        self.begun = False
        self._keeper, self._path = keeper, path

    def begin(self) -> None:
        if self._keeper is not None:
            self._keeper.begin_once(self._path)
        self.begun = True

    def undo(self) -> None:
        if self._keeper is not None and self.begun:
            self._keeper.withdraw_once(self._path)
        self.begun = False


@dataclass
class _Note:
    """What is worth recording about a step, gathered while it is done."""

    aimed: Aimed | None = None
    soft: StepTrouble | None = None
