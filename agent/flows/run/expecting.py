"""Whether what a flow expects is so: at once, or within a time."""

import time
from collections.abc import Callable
from typing import Final

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.flows.finding.words import said
from qvl_agent.agent.flows.reading import beside
from qvl_agent.agent.flows.run.sight import Held, Sight
from qvl_agent.agent.flows.run.watching import Eyes
from qvl_agent.agent.flows.script.targets import Condition, Expectation
from qvl_agent.agent.flows.values import Scope, fill, holds

__all__ = ["Expecting"]

_LOOK_S: Final = 0.03
_READ_AFTER_S: Final = 0.8
"""Seconds for which recorded words are waited for by their pixels alone, before anything is read."""
_LONGEST_FILE: Final = 16 * 2**20


class Expecting:
    """Compares what is expected with what is seen."""

    def __init__(self, eyes: Eyes) -> None:
        self._eyes = eyes
        self._by_looks = False

    def holds(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        """Return whether an expectation holds now, on this sight."""
        for check in (self._words, self._absent, self._target, self._title, self._changed, self._file):
            held = check(expected, scope, sight)
            if not held.holds:
                return held
        if expected.that and not holds(expected.that, scope):
            return Held(False, f"“{expected.that}” isn't true")
        return Held(True)

    def wait_for(
        self, expected: Expectation, scope: Scope, sight: Sight, *, meanwhile: Callable[[Sight], bool]
    ) -> tuple[Held, Sight]:
        """Look until an expectation holds, or its time is over.

        Args:
            expected: what has to be so.
            scope: the variables.
            sight: the first look.
            meanwhile: called while it doesn't hold, to close what popped up; returns whether it did.
        """
        began = time.monotonic()
        until = began + expected.within
        patient = self._recorded(expected, scope)
        while True:
            self._by_looks = patient and time.monotonic() - began < min(_READ_AFTER_S, expected.within)
            held = self.holds(expected, scope, sight)
            if held.holds and expected.gone is None:
                break
            if not held.holds and time.monotonic() >= until and not self._by_looks:
                break
            if self._by_looks:
                time.sleep(_LOOK_S)
            elif not meanwhile(sight):
                if held.holds:  # nothing popped up that only hides what has to be gone
                    break
                self._eyes.rest()
            sight = self._eyes.look(change=sight.change)
        self._by_looks = False
        return held, sight

    def _recorded(self, expected: Expectation, scope: Scope) -> bool:
        """Return whether the words that are expected were recorded, so that pixels alone may show them."""
        if expected.see is None or expected.gone is not None:
            return False
        return self._eyes.was_recorded(fill(expected.see, scope))

    def is_so(self, condition: Condition, scope: Scope) -> bool:
        """Return whether a condition is so: an expression, or something to be seen now.

        What is to be seen isn't waited for, unless it says `within`.
        """
        if isinstance(condition, str):
            return holds(condition, scope)
        within = condition.within if "within" in condition.model_fields_set else 0.0
        held, _ = self.wait_for(
            condition.model_copy(update={"within": within}),
            scope,
            self._eyes.look(),
            meanwhile=lambda _: False,
        )
        return held.holds

    def _words(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        if expected.see is None:
            return Held(True)
        words = fill(expected.see, scope)
        seen = self._eyes.seen(words, sight, by_looks=self._by_looks)
        return Held(seen is True, f"“{words}” isn't to be seen")

    def _absent(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        if expected.gone is None:
            return Held(True)
        words = fill(expected.gone, scope)
        return Held(self._eyes.seen(words, sight) is False, f"“{words}” is still to be seen")

    def _target(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        if expected.target is None:
            return Held(True)
        box = sight.aimed.get(expected.target) if expected.value is not None else None
        if box is None:
            finding = self._eyes.find(expected.target, scope, sight, field=expected.value is not None)
        else:  # it was just typed into: its looks changed by that, and no window moved
            finding = Finding(box)
        if finding.box is None:
            name = expected.target.text or expected.target.near or expected.target.key
            then = " as it was recorded" if expected.target.id else ""
            return Held(False, f"“{name}” isn't found{then}: {finding.reason}", finding)
        if expected.value is None:
            return Held(True, finding=finding)
        value = fill(expected.value, scope)
        read = self._eyes.values_in(finding.box, sight)
        held = any(said(text, (value,)) is True for text in read)
        return Held(held, f"“{read[0]}” stands in “{expected.target.key}”, not “{value}”", finding)

    def _title(self, expected: Expectation, scope: Scope, _sight: Sight) -> Held:
        if expected.window is None:
            return Held(True)
        wanted = fill(expected.window, scope)
        title = self._eyes.title()
        return Held(
            wanted.casefold() in title.casefold(), f"the window in front is “{title}”, not “{wanted}”"
        )

    def _changed(self, expected: Expectation, scope: Scope, sight: Sight) -> Held:
        del scope
        if expected.changed is None:
            return Held(True)
        changed = bool(sight.change)
        return Held(
            changed is expected.changed, "nothing changed" if expected.changed else "something changed"
        )

    def _file(self, expected: Expectation, scope: Scope, _sight: Sight) -> Held:
        if expected.file is None:
            return Held(True)
        path = beside(self._eyes.path, fill(expected.file, scope))
        if not path.is_file():
            return Held(False, f"there is no file {path.name}")
        if expected.contains is None:
            return Held(True)
        wanted = fill(expected.contains, scope)
        if path.stat().st_size > _LONGEST_FILE:
            raise FlowError(f"{path} is larger than 16 MB; check a smaller file")
        return Held(
            wanted in path.read_text(encoding="utf-8", errors="replace"), f"“{wanted}” isn't in {path.name}"
        )
