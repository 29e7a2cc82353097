"""Variables and columns: whether they are there, and have a value when a step uses them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.cells import did_you_mean
from qvl_agent.agent.flows.checks.subject import Subject, parts
from qvl_agent.agent.flows.expressions import FUNCTIONS, Reference, references, unknown
from qvl_agent.agent.flows.reading import Mistake
from qvl_agent.agent.flows.script.steps import Ask, ForEach, Read, Retry, Step, When, While
from qvl_agent.agent.flows.script.walking import expressions, texts, unfilled, walk
from qvl_agent.agent.flows.values import pieces

__all__ = ["check_names"]

_STEP: Final = re.compile(r"(?:on_popup\[\d+\]\.)?steps\[\d+\](?:\.(?:steps|else|on_error)\[\d+\])*(?=\.)")
"""The path of the step that a text stands in."""
RESERVED = frozenset(
    {
        "true",
        "false",
        "none",
        "True",
        "False",
        "None",
        "and",
        "or",
        "not",
        "in",
        "is",
        "if",
        "else",
        *FUNCTIONS,
    }
)
"""Words that mean something else in an expression."""
OWN_COLUMNS = ("status", "message", "key", "row", "where")
"""The columns of an output that the queue itself has."""


@dataclass(frozen=True, slots=True)
class _Known:
    """The names at one place of a flow.

    Attributes:
        sure: those that have a value here.
        maybe: those that have one only if another step was done, with the path of that step.
        rows: those that hold a row of the data.
    """

    sure: frozenset[str]
    maybe: frozenset[tuple[str, str]] = frozenset()
    rows: frozenset[str] = frozenset()

    def adding(self, *names: str) -> Self:
        return replace(self, sure=self.sure | set(names), rows=self.rows - set(names))

    def after(self, *branches: "_Known") -> Self:
        """Return what is known after one of several branches was done."""
        sure = frozenset.intersection(*(branch.sure for branch in branches))
        maybe = {(name, "") for branch in branches for name in branch.sure - sure}
        return replace(self, sure=sure, maybe=self.maybe.union(maybe, *(branch.maybe for branch in branches)))


def check_names(subject: Subject) -> Iterator[Mistake]:
    """Find names that don't exist, or have no value yet, and texts whose `${…}` isn't right."""
    yield from _declared(subject)
    yield from _not_filled(subject)
    yield from _Walk(subject).all()
    yield from _output(subject)


def _declared(subject: Subject) -> Iterator[Mistake]:
    flow = subject.flow
    for name, variable in flow.variables.items():
        if name in RESERVED:
            yield subject.mistake(
                f"variables.{name}", f"{name} has a meaning of its own", "choose another name"
            )
        if variable.one_of and variable.default is not None and variable.default not in variable.one_of:
            listed = ", ".join(map(str, variable.one_of))
            message = f"the default of {name} is none of those that one_of allows"
            yield subject.mistake(f"variables.{name}.default", message, f"write one of {listed}")
    for path, step in walk(flow):
        for name, at in _made(step):
            if name in RESERVED:
                yield subject.mistake(
                    f"{path}.{at}", f"{name} has a meaning of its own", "choose another name"
                )
        if isinstance(step, ForEach) and step.for_each in flow.variables:
            message = f"{step.for_each} is a variable already, and would be hidden"
            yield subject.mistake(f"{path}.for_each", message, "choose another name for one of the two")


def _made(step: Step) -> Iterator[tuple[str, str]]:
    """Yield the variables that a step makes, and at which of its keys."""
    match step:
        case Read():
            yield step.read.as_, "read.as"
        case Ask():
            if step.ask.as_:
                yield step.ask.as_, "ask.as"
        case ForEach():
            yield step.for_each, "for_each"
        case _:
            return


def _not_filled(subject: Subject) -> Iterator[Mistake]:
    for path, text in unfilled(subject.flow):
        if any(part.is_expression for part in parts(text)):
            message = "${…} isn't filled in here"
            yield subject.mistake(path, message, "write what it is, or make a step for each case with when")


def _output(subject: Subject) -> Iterator[Mistake]:
    output = subject.flow.output
    if output is None or (subject.flow.data is not None and subject.columns is None):
        return
    made = [
        name for _, step in walk(subject.flow) if not isinstance(step, ForEach) for name, _ in _made(step)
    ]
    known = [*OWN_COLUMNS, *(subject.columns or ()), *made, *subject.flow.variables]
    for number, column in enumerate(output.columns):
        path = f"output.columns[{number}]"
        if column not in known:
            remedy = did_you_mean(column, known, f"there are {', '.join(dict.fromkeys(known))}")
            yield subject.mistake(path, f"nothing is called {column!r}", remedy)
        elif column in output.columns[:number]:
            yield subject.mistake(path, f"the column {column!r} stands here twice", "remove one")


class _Walk:
    """Goes through the steps in the order in which they are done, with what is known at each."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._texts: dict[str, list[tuple[str, str, bool]]] = {}
        """The texts and expressions of each step, by the step's path."""
        self._used: set[str] = set()
        self._later: dict[str, str] = {}
        for is_expression, found in ((False, texts(subject.flow)), (True, expressions(subject.flow))):
            for path, text in found:
                owner = _STEP.match(path)
                self._texts.setdefault(owner[0] if owner else "", []).append((path, text, is_expression))
        for path, step in walk(subject.flow):
            for name, _ in _made(step):
                self._later.setdefault(name, path)

    def all(self) -> Iterator[Mistake]:
        flow = self._subject.flow
        start = _Known(frozenset(flow.variables))
        outside = replace(start, maybe=frozenset((name, path) for name, path in self._later.items()))
        yield from self._uses("", outside)
        for number, handler in enumerate(flow.on_popup):
            yield from self._steps(f"on_popup[{number}].steps", handler.steps, outside, [])
        yield from self._steps("steps", flow.steps, start, [])
        for name in flow.variables:
            columns = flow.output.columns if flow.output else ()
            if name not in self._used and name not in columns:
                message, remedy = f"the variable {name} is used nowhere", "use it, or remove it"
                yield self._subject.mistake(f"variables.{name}", message, remedy, note=True)

    def _steps(
        self, path: str, steps: Iterable[Step], known: _Known, after: list[_Known]
    ) -> Iterator[Mistake]:
        """Check steps one after the other; append what is known after the last."""
        for number, step in enumerate(steps):
            here = f"{path}[{number}]"
            yield from self._uses(here, known)
            ended: list[_Known] = []
            yield from self._inside(here, step, known, ended)
            known = ended[-1]
        after.append(known)

    def _inside(self, here: str, step: Step, known: _Known, after: list[_Known]) -> Iterator[Mistake]:
        branches: list[_Known] = []
        match step:
            case Read() | Ask():
                after.append(known.adding(*(name for name, _ in _made(step))))
            case When():
                yield from self._steps(f"{here}.steps", step.steps, known, branches)
                yield from self._steps(f"{here}.else", step.else_, known, branches)
                after.append(known.after(*branches))
            case While():
                yield from self._steps(f"{here}.steps", step.steps, known, branches)
                after.append(known.after(known, *branches))
            case Retry():
                yield from self._steps(f"{here}.steps", step.steps, known, after)
            case ForEach():
                inner = known.adding(step.for_each)
                if step.in_ is None:
                    inner = replace(inner, rows=inner.rows | {step.for_each})
                yield from self._steps(f"{here}.steps", step.steps, inner, branches)
                done = inner.after(inner, *branches)
                yield from self._steps(f"{here}.on_error", step.on_error, done, [])
                left = replace(branches[0], sure=branches[0].sure - ({step.for_each} - known.sure))
                after.append(replace(known.after(known, left), rows=known.rows))
            case _:
                after.append(known)

    def _uses(self, step: str, known: _Known) -> Iterator[Mistake]:
        for path, text, is_expression in self._texts.get(step, ()):
            try:
                found = (
                    [text] if is_expression else [each.text for each in pieces(text) if each.is_expression]
                )
            except FlowError as error:
                yield self._subject.mistake(path, error)
                continue
            for expression in found:
                yield from self._expression(path, expression, known, in_text=not is_expression)

    def _expression(self, path: str, expression: str, known: _Known, *, in_text: bool) -> Iterator[Mistake]:
        if not in_text and "${" in expression:
            message = f"here stands an expression, without ${{ and }}: {expression!r}"
            yield self._subject.mistake(path, message, "write the names alone, as in row.amount > 100")
            return
        try:
            used = references(expression)
        except FlowError as error:
            yield self._subject.mistake(path, error)
            return
        for reference in used:
            self._used.add(reference.name)
            if (wrong := self._wrong(reference, known)) is not None:
                yield self._subject.mistake(path, *wrong)

    def _wrong(self, used: Reference, known: _Known) -> tuple[str, str] | None:
        """Say what is wrong with a name at this place, and the remedy."""
        name, column = used
        columns = self._subject.columns
        if name in known.rows and column is not None and columns is not None and column not in columns:
            remedy = did_you_mean(column, columns, f"the columns are {', '.join(columns)}")
            return f"the data has no column {column!r}", remedy
        if name in known.sure:
            if column is not None and name not in known.rows and name in self._subject.flow.variables:
                return f"{name} is one value and has no columns", f"write {name} alone"
            return None
        if any(name == each for each, _ in known.maybe):
            remedy = f"do it in any case before this, or give {name} a value under variables"
            return f"{name} may have no value here, as it is read only in some cases", remedy
        if (path := self._later.get(name)) is not None:
            line, _ = self._subject.loaded.where(path)
            loop = isinstance(self._step(path), ForEach)
            remedy = "move this step into that for_each" if loop else "move that step before this one"
            return f"{name} has no value here, but only from line {line} on", remedy
        message, _, remedy = unknown(name, known.sure).partition("; ")
        if name == "row":
            remedy = "it is there in the steps of for_each: row"
        return message, remedy

    def _step(self, path: str) -> Step:
        return dict(walk(self._subject.flow))[path]
