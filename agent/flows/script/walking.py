"""Every step, target and text of a flow, each with its path.

A step's path says where it stands: `steps[1].steps[3]`, `on_popup[0].steps[0]`, `steps[1].on_error[0]`.
The path of a text goes on to it: `steps[1].type.into.text`.
"""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from qvl_agent.agent.flows.script.flow import Data, Flow, Output, Variable
from qvl_agent.agent.flows.script.steps import (
    Acting,
    Ask,
    Click,
    ForEach,
    Press,
    Read,
    Retry,
    Step,
    Use,
    When,
    While,
)
from qvl_agent.agent.flows.script.targets import Expectation, Target

__all__ = [
    "around_rows",
    "children",
    "expressions",
    "once_outside",
    "strings",
    "targets",
    "targets_of",
    "texts",
    "unfilled",
    "walk",
]

_EXPRESSIONS: Final = {(When, "when"), (While, "while"), (ForEach, "in"), (Expectation, "that")}
"""The fields, by their names in a file, that hold an expression if they hold a text."""
_AS_WRITTEN: Final = {
    (Click, "keys"),
    (Click, "button"),
    (Press, "press"),
    (Use, "use"),
    (ForEach, "for_each"),
    (Read.What, "as"),
    (Read.What, "pattern"),
    (Ask.Question, "as"),
    (Target, "id"),
    (Target, "image"),
}
"""The fields in which nothing is filled in, because a value must not choose a key, a file or a name."""
_STEPS: Final = ("steps", "else", "on_error")


def walk(flow: Flow) -> Iterator[tuple[str, Step]]:
    """Yield every step with its path: the pop-up handlers' steps first; a step before those inside it."""
    for number, handler in enumerate(flow.on_popup):
        yield from _walked(f"on_popup[{number}].steps", handler.steps)
    yield from _walked("steps", flow.steps)


def around_rows(flow: Flow) -> Iterator[tuple[str, Step]]:
    """Yield the steps of a flow over rows that no row has, with their paths; none of a flow without rows.

    The queue keeps what was done for a row; what stands around the rows is done by every run and worker.
    """
    over = [path for path, step in walk(flow) if isinstance(step, ForEach) and step.in_ is None]
    for path, step in walk(flow):
        if over and path.startswith("steps") and not any(path.startswith(f"{each}.") for each in over):
            yield path, step


def once_outside(flow: Flow) -> Iterator[str]:
    """Yield the paths of `once` steps that stand around the rows: each run would do them again."""
    for path, step in around_rows(flow):
        if isinstance(step, Acting) and step.once:
            yield path


def _walked(path: str, steps: tuple[Step, ...]) -> Iterator[tuple[str, Step]]:
    for number, step in enumerate(steps):
        here = f"{path}[{number}]"
        yield here, step
        for field, inner in children(step):
            yield from _walked(f"{here}.{field}", inner)


def children(step: Step) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Yield the lists of steps that a step has, by their keys in a file: steps, else, on_error."""
    match step:
        case When():
            yield "steps", step.steps
            yield "else", step.else_
        case ForEach():
            yield "steps", step.steps
            yield "on_error", step.on_error
        case While() | Retry():
            yield "steps", step.steps
        case _:
            return


def targets(flow: Flow) -> Iterator[tuple[str, Step, Target]]:
    """Yield every target with its step and the step's path; a step may have several."""
    for path, step in walk(flow):
        for _, target in targets_of(step):
            yield path, step, target


def targets_of(step: Step) -> Iterator[tuple[str, Target]]:
    """Yield a step's own targets with their paths inside it, such as `drag.from`; none of inner steps."""
    for path, value in _own(step):
        yield from _found(path, value)


def _own(step: Step) -> Iterator[tuple[str, Any]]:
    for name, field in type(step).model_fields.items():
        key = field.alias or name
        if key not in _STEPS:
            yield key, getattr(step, name)


def _found(path: str, value: Any) -> Iterator[tuple[str, Target]]:
    if isinstance(value, Target):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _found(f"{path}.{field.alias or name}", getattr(value, name))
    elif isinstance(value, tuple):
        for number, part in enumerate(value):
            yield from _found(f"{path}[{number}]", part)


def texts(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield every text in which a step's `${…}` is filled in and has some, with its path."""
    for path, owner, key, text in strings(flow):
        if "${" in text and not _as_written(owner, key) and not _is_expression(path, owner, key):
            yield path, text


def unfilled(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield every text that has `${…}` where nothing is filled in, with its path."""
    for path, owner, key, text in strings(flow):
        if "${" in text and _as_written(owner, key):
            yield path, text


def expressions(flow: Flow) -> Iterator[tuple[str, str]]:
    """Yield every expression that stands without `${…}`, with its path: `when`, `while`, `in`, `that`."""
    for path, owner, key, text in strings(flow):
        if _is_expression(path, owner, key):
            yield path, text


def _is_expression(path: str, owner: type, key: str) -> bool:
    return (owner, key) in _EXPRESSIONS and path.endswith(f".{key}")  # in a list after `in` are plain values


def _as_written(owner: type, key: str) -> bool:
    return issubclass(owner, Flow | Data | Output | Variable) or (owner, key) in _AS_WRITTEN


def strings(
    value: Any, path: str = "", owner: type = Flow, key: str = ""
) -> Iterator[tuple[str, type, str, str]]:
    """Yield every text in a value: its path, the class that has it as a field, its key in a file, itself."""
    if isinstance(value, str):
        yield path, owner, key, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            alias = field.alias or name
            below = f"{path}.{alias}" if path else alias
            yield from strings(getattr(value, name), below, type(value), alias)
    elif isinstance(value, dict):
        for part, inner in value.items():
            yield from strings(inner, f"{path}.{part}", owner, key)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from strings(inner, f"{path}[{number}]", owner, key)
