"""Do the steps of a flow, one after the other, for one item at a time."""

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, assert_never

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.run.acting import Actor, in_words
from qvl_agent.agent.flows.run.expecting import Expecting
from qvl_agent.agent.flows.run.once import OnceKeeper, OnceSteps
from qvl_agent.agent.flows.run.readout import value_near, value_on
from qvl_agent.agent.flows.run.record import StepEnded, seen_in
from qvl_agent.agent.flows.run.services import Note, Services
from qvl_agent.agent.flows.run.sight import Sight
from qvl_agent.agent.flows.run.trouble import FlowHalted, ItemOver, StepTrouble
from qvl_agent.agent.flows.run.variables import given
from qvl_agent.agent.flows.run.watching import Eyes
from qvl_agent.agent.flows.script.flow import Flow, Handler
from qvl_agent.agent.flows.script.steps import (
    MOST_USES,
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
from qvl_agent.agent.flows.script.targets import Condition, Expectation
from qvl_agent.agent.flows.values import Scope, evaluate, fill, fill_value

__all__ = ["Interpreter"]

_READ_WITHIN_S: Final = 10.0
_MOST_SCROLLS: Final = 200


class Interpreter:
    """Does the steps of one flow.

    Attributes:
        key: the key of the item that is done; "" outside of items.
        stuck_at: the path of the step whose values couldn't be filled in; "" if there was none.
        soft: the soft checks of the item that don't hold, each as a sentence.
        after: the path of the step after which an interrupted item goes on; "" for its beginning.
    """

    def __init__(self, flow: Flow, eyes: Eyes, actor: Actor, services: Services) -> None:
        self.key, self.after, self.stuck_at = "", "", ""
        self.soft: list[str] = []
        self._once = OnceSteps()
        self._flow, self._eyes, self._actor, self._services = flow, eyes, actor, services
        self._expecting = Expecting(eyes)
        self._popups: Counter[int] = Counter()
        self._in_popup = False
        self._attempt, self._depth = 1, 0

    def begin_item(self, key: str, keeper: OnceKeeper | None, after: str = "") -> None:
        """Begin an item, or go on with it after a step."""
        self.key, self.after, self.stuck_at = key, after, ""
        self.soft = []
        self._once = OnceSteps(keeper)
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
        note = Note()
        try:
            self._do(step, path, scope, note)
        except StepTrouble as trouble:
            if not trouble.path:  # the innermost step is the one that failed
                trouble.path = path
                self._write(step, path, scope, note, began=began, first=first, trouble=trouble)
            raise
        except FlowError as error:
            if not self.stuck_at:
                self.stuck_at = path
                failed = StepTrouble(str(error), path)
                self._write(step, path, scope, note, began=began, first=first, trouble=failed)
            raise
        except ItemOver:
            self._write(step, path, scope, note, began=began, first=first)
            raise
        self._write(step, path, scope, note, began=began, first=first)

    def _do(self, step: Step, path: str, scope: Scope, note: Note) -> None:
        match step:
            case Scroll() if step.scroll.until is not None:
                self._scroll(step, path, scope, note)
            case Click() | Hover() | Drag() | Type() | Press() | Scroll():
                self._act(step, path, scope, note)
            case Wait():
                self._wait(step, scope)
            case Check():
                self._check(step, path, scope, note)
            case Read():
                self._read(step, scope)
            case When():
                self._when(step, path, scope)
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

    def _act(self, step: ActingStep, path: str, scope: Scope, note: Note) -> None:
        mark = self._once.mark(path) if step.once else None
        try:
            aimed, acted = self._actor.do(step, path, scope, meanwhile=self._close_popups, once=mark)
            note.aimed, note.action = aimed, self._services.action()
            sight = self._eyes.look(
                acted.frame, acted.outcome.change, step=self._services.action(), aimed=aimed.places(step)
            )
            self._expect(step.then, scope, sight)
            if mark is not None:
                mark.end(dict(scope.variables))
        except StepTrouble as trouble:
            trouble.parks = trouble.parks or (mark is not None and mark.begun)
            raise
        except (ItemOver, FlowError) as error:
            if mark is None or not mark.begun:
                raise
            raise StepTrouble(str(error) or "a pop-up's steps ended the item", parks=True) from error

    def _expect(self, expected: Sequence[Expectation], scope: Scope, sight: Sight) -> None:
        """Wait for each expectation.

        Raises:
            StepTrouble: one didn't come true in its time.
        """
        for each in expected:
            held, sight = self._expecting.wait_for(each, scope, sight, meanwhile=self._close_popups)
            if not held.holds:
                raise StepTrouble(
                    f"{held.instead} within {each.within:g} s", finding=held.finding, frame=sight.frame
                )

    def _scroll(self, step: Scroll, path: str, scope: Scope, note: Note) -> None:
        until = step.scroll.until
        if until is None:
            raise AssertionError("a scroll without an end")
        for _ in range(_MOST_SCROLLS):
            sight = self._eyes.look()
            finding = self._eyes.find(until, scope, sight)
            if finding.box is not None:
                return
            aimed, acted = self._actor.do(step, path, scope, meanwhile=self._close_popups)
            note.aimed, note.action = aimed, self._services.action()
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
        self._pause(step.wait)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self._services.stop():
                raise FlowHalted("stopped", "stopped by the person")
            time.sleep(min(left, 0.1))
        self._eyes.look()

    def _check(self, step: Check, path: str, scope: Scope, note: Note) -> None:
        try:
            self._expect((step.check,), scope, self._eyes.look())
        except StepTrouble as trouble:
            if not step.soft or trouble.path:  # with a path it is a pop-up's step that failed
                raise
            note.soft = trouble
            self.soft.append(f"{path}: {trouble.message}")

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

    def _is_so(self, condition: Condition, scope: Scope) -> bool:
        """Return whether a condition is so, once no pop-up that the flow knows hides what it is about."""
        if not isinstance(condition, str):
            while self._close_popups(self._eyes.look()):
                pass
        return self._expecting.is_so(condition, scope)

    def _when(self, step: When, path: str, scope: Scope) -> None:
        # An item goes on in the branch in which it was, whatever is so by now.
        inside = self.after.startswith(f"{path}.steps[") if self.after else self._is_so(step.when, scope)
        name = "steps" if inside else "else"
        self.steps(step.steps if inside else step.else_, f"{path}.{name}", scope)

    def _while(self, step: While, path: str, scope: Scope) -> None:
        for round_ in range(step.at_most):
            here = f"{path}@{round_ + 1}"
            if self._is_before(here):
                continue
            if not self.after and not self._is_so(step.while_, scope):
                return
            self.steps(step.steps, f"{here}.steps", scope)
        if self._is_so(step.while_, scope):
            raise StepTrouble(f"it is still so after {step.at_most} times; raise at_most if that is right")

    def _for_each(self, step: ForEach, path: str, scope: Scope) -> None:
        values = evaluate(step.in_, scope) if isinstance(step.in_, str) else step.in_
        if not isinstance(values, (list, tuple)):
            raise FlowError(f"{path}: for_each needs a list, got {type(values).__name__}")
        for round_, value in enumerate(values):
            here = f"{path}@{round_ + 1}"
            if self._is_before(here):
                continue
            inside = scope.inside(step.for_each, value)
            try:
                self.steps(step.steps, f"{here}.steps", inside)
            except StepTrouble:
                self._bring_back(step, here, inside)
                raise

    def _bring_back(self, step: ForEach, path: str, scope: Scope) -> None:
        """Do the steps after a failure; what failed is told, and not that these did."""
        self.after = ""
        with suppress(ItemOver, StepTrouble):
            self.steps(step.on_error, f"{path}.on_error", scope)

    def _retry(self, step: Retry, path: str, scope: Scope) -> None:
        # What is done once isn't repeated, whether it was done now or before the item was interrupted.
        repeats = not self.after.startswith(f"{path}.")
        begun, outer = self._once.begun, self._attempt
        for attempt in range(1, step.retry + 2):
            self._attempt, noted = attempt, len(self.soft)
            try:
                self.steps(step.steps, f"{path}.steps", scope)
            except StepTrouble as trouble:
                once = not repeats or self._once.begun != begun
                if trouble.parks or once or attempt > step.retry:
                    raise
                del self.soft[noted:]
                self._pause(step.pause)
            else:
                break
        self._attempt = outer

    def _use(self, step: Use, path: str, scope: Scope) -> None:
        try:
            used = self._services.load(step.use, self._eyes.path)
        except FlowError as error:  # no row's fault
            raise FlowHalted("failed", f"{path}: {error}") from error
        values = {name: fill_value(value, scope) for name, value in step.with_.items()}
        inner = Scope(given(used.flow, values, "with: {{{name}: VALUE}}"))
        if self._depth >= MOST_USES:
            raise FlowHalted(
                "failed", f"{path}: flows use one another {MOST_USES} deep; does one use itself?"
            )
        self._depth += 1
        try:
            with self._eyes.of(used):
                self.steps(used.flow.steps, f"{path}.use", inner)
        finally:
            self._depth -= 1

    def _ask(self, step: Ask, scope: Scope) -> None:
        question = fill(step.ask.question, scope)
        answer = self._services.person.answer(question, stop=self._services.stop)
        if answer is None and self._services.stop():
            raise FlowHalted("stopped", "stopped by the person")
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
            if not self._expecting.holds(Expectation(see=handler.see), Scope(), sight).holds:
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
        note: Note,
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
            action=note.action or (last if trouble and last > first and isinstance(step, ActingStep) else 0),
            attempt=self._attempt,
            found=tuple(seen_in(each) for each in findings),
            seconds=round(time.monotonic() - began, 4),
        )
        self._services.write(line, shown.frame if shown else None)
