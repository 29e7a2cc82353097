"""The order of steps: what is never done, what could be done twice, and what stands in the wrong place."""

from collections.abc import Iterator, Sequence

from qvl_agent.actions.guard.lexicon.search import in_button
from qvl_agent.agent.flows.checks.subject import Subject, constant, literal
from qvl_agent.agent.flows.reading import Mistake
from qvl_agent.agent.flows.script.steps import (
    Acting,
    Click,
    ForEach,
    NextItem,
    Reject,
    Retry,
    Step,
    When,
    While,
)
from qvl_agent.agent.flows.script.walking import around_rows, children, expressions, once_outside, walk

__all__ = ["check_order"]


def check_order(subject: Subject) -> Iterator[Mistake]:
    """Find steps that are never reached, done twice, in the wrong place, or unproved."""
    lists = [("steps", subject.flow.steps)]
    lists += [(f"on_popup[{number}].steps", each.steps) for number, each in enumerate(subject.flow.on_popup)]
    for path, steps in lists:
        yield from _unreached(subject, path, steps)
        yield from _placed(subject, path, steps, around=())
    yield from _constants(subject)
    yield from _consequences(subject)
    yield from _data(subject)
    for path in once_outside(subject.flow):
        message = "a step that is done once is done again by each run and worker, as it belongs to no row"
        yield subject.mistake(f"{path}.once", message, "move it into the for_each, or into a flow of its own")


def _unreached(subject: Subject, path: str, steps: Sequence[Step]) -> Iterator[Mistake]:
    for number, step in enumerate(steps):
        if number and _ends(steps[number - 1]):
            line, _ = subject.loaded.where(f"{path}[{number - 1}]")
            message = f"this step is never done, as the step in line {line} ends the item"
            yield subject.mistake(f"{path}[{number}]", message, "remove it, or move it before that step")
            return
        for field, inner in children(step):
            yield from _unreached(subject, f"{path}[{number}].{field}", inner)


def _ends(step: Step) -> bool:
    match step:
        case NextItem() | Reject():
            return True
        case When():
            return bool(step.else_) and _ends(step.steps[-1]) and _ends(step.else_[-1])
        case Retry():
            return _ends(step.steps[-1])
        case _:
            return False


def _constants(subject: Subject) -> Iterator[Mistake]:
    for path, expression in expressions(subject.flow):
        found = constant(expression)
        if found is None:
            continue
        key = path.rsplit(".", 1)[-1]
        always = f"{expression!r} is always {str(found).lower()}"
        told = "compare a variable or a column, as in row.amount > 100"
        if key == "when":
            what = "the steps in else are never done" if found else "the steps below are never done"
            yield subject.mistake(
                path, f"{always}, so {what}" if not found or _else(subject, path) else always, told
            )
        elif key == "while":
            what = "ends only at its limit" if found else "is never done"
            yield subject.mistake(path, f"{always}, so the loop {what}", told)
        elif key == "that":
            yield subject.mistake(path, f"{always}, so it checks nothing", told)


def _else(subject: Subject, path: str) -> bool:
    step = dict(walk(subject.flow)).get(path.rsplit(".", 1)[0])
    return isinstance(step, When) and bool(step.else_)


def _placed(
    subject: Subject, path: str, steps: Sequence[Step], around: tuple[Step, ...]
) -> Iterator[Mistake]:
    for number, step in enumerate(steps):
        here = f"{path}[{number}]"
        if isinstance(step, Acting) and step.once:
            yield from _once(subject, here, around)
        looped = any(isinstance(each, ForEach) for each in around) or subject.used_in_loop
        if isinstance(step, NextItem | Reject) and not looped and not path.startswith("on_popup"):
            word = "next_item" if isinstance(step, NextItem) else "reject"
            only = subject.flow.data is None and not _loops(subject)
            remedy = "move it into a for_each" if not only else "use this flow in another one's for_each"
            yield subject.mistake(
                here, f"{word} ends an item, and there is none outside of for_each", remedy, note=only
            )
        for field, inner in children(step):
            yield from _placed(subject, f"{here}.{field}", inner, (*around, step))


def _loops(subject: Subject) -> bool:
    return any(isinstance(step, ForEach) for _, step in walk(subject.flow))


def _once(subject: Subject, path: str, around: tuple[Step, ...]) -> Iterator[Mistake]:
    loop = next((each for each in reversed(around) if isinstance(each, Retry | While)), None)
    where = f"{path}.once"
    if loop is not None:
        word = "retry" if isinstance(loop, Retry) else "while"
        message = f"a step that is done once can't stand in {word}, which does it again"
        yield subject.mistake(where, message, f"move it behind the {word}")
    elif path.startswith("on_popup"):
        message = "a step that is done once can't close a pop-up, which may come again"
        yield subject.mistake(where, message, "remove once")
    elif ".on_error[" in path:
        message = "a step that is done once can't bring the application back, which may be needed again"
        yield subject.mistake(where, message, "remove once, or move it among the steps")


def _consequences(subject: Subject) -> Iterator[Mistake]:
    outside = {path for path, _ in around_rows(subject.flow)}
    for path, step in walk(subject.flow):
        each_run = path in outside  # where nothing can be done once
        if not isinstance(step, Click) or ((step.once or each_run) and step.then):
            continue
        words = [literal(each) for each in (step.click.text, step.click.near, step.click.describe) if each]
        found = next((kind for each in words for kind in in_button(each)), None)
        if found is None or path.startswith("on_popup") or ".on_error[" in path:
            continue
        missing = [
            key for key, said in (("once: true", step.once or each_run), ("then", step.then)) if not said
        ]
        why = {"once: true": "it could be done twice", "then": "nobody sees whether it was done"}
        message = f"“{step.click.key}” {_CONSEQUENCE[found]}, and {' and '.join(why[key] for key in missing)}"
        example = ', as in then: {see: "Sent"}' if "then" in missing else ""
        remedy = f"add {' and '.join(missing)}{example}"
        yield subject.mistake(path, message, remedy, note=found not in _ALWAYS_ASKED)


_ALWAYS_ASKED = ("pay", "grant", "account")
"""Consequences that are asked about every time; the words for others, such as “Clear”, may mean little."""
_CONSEQUENCE = {
    "pay": "spends money",
    "grant": "gives somebody rights",
    "account": "changes an account",
    "delete": "deletes something",
    "publish": "publishes something",
    "send": "sends something",
    "install": "installs something",
    "final": "settles something for good",
}


def _data(subject: Subject) -> Iterator[Mistake]:
    over = [path for path, step in walk(subject.flow) if isinstance(step, ForEach) and step.in_ is None]
    if subject.flow.data is None:
        for path in over:
            message = "there is no data to go over"
            yield subject.mistake(
                f"{path}.for_each", message, "add data: {file: rows.csv}, or in: and a list"
            )
    elif not over:
        message = "no step goes over the data"
        yield subject.mistake("data", message, "add a step for_each: row, or remove data", note=True)
    for path in over[1:]:
        line, _ = subject.loaded.where(over[0])
        message = f"the data is gone over a second time, first in line {line}"
        yield subject.mistake(f"{path}.for_each", message, "move its steps into the first for_each")
