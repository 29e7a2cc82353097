"""A step in words, for the terminal, the record, the list of consequences and the pages."""

from typing import Final, assert_never

from qvl_agent.agent.flows.script.steps import (
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
from qvl_agent.agent.flows.script.targets import Condition, Expectation, Target

__all__ = ["described", "expected", "step_sentence", "target_words", "time_words"]

_CLICKS: Final = {1: "click", 2: "double-click", 3: "triple-click"}


def described(step: Step) -> str:
    """Return a step's name, or what it does; `${…}` and `{{secret:…}}` stand as they are."""
    return step.name or step_sentence(step)


def step_sentence(step: Step) -> str:
    """Return what a step does; `${…}` and `{{secret:…}}` stand as they are."""
    match step:
        case Click() | Hover() | Drag() | Type() | Press() | Scroll():
            return _input(step)
        case Wait():
            return f"wait {_until(step.wait)}"
        case Check():
            return f"check that {expected(step.check)}"
        case Read():
            return _read(step)
        case When():
            return f"when {_condition(step.when)}"
        case While():
            return f"as long as {_condition(step.while_)}, at most {_times(step.at_most)}"
        case ForEach():
            return f"for each {step.for_each} of {_listed(step)}"
        case Retry():
            return f"try up to {_times(step.retry + 1)}, with a pause of {time_words(step.pause)}"
        case Use():
            given = ", ".join(f"{name} = {value}" for name, value in step.with_.items())
            return f"do the steps of {step.use}" + (f" with {given}" if given else "")
        case Ask():
            kept = f", and keep the answer as {step.ask.as_}" if step.ask.as_ else ""
            return f"ask the person “{step.ask.question}”{kept}"
        case Do():
            return f"hand to the model: “{step.do}”"
        case Reject():
            return f"end this item, because its data is wrong: {step.reject}"
        case NextItem():
            return "end this item, and go on with the next"
        case _:
            assert_never(step)


def expected(what: Expectation) -> str:
    """Return what has to be so, and how long it may take."""
    return f"{' and '.join(_facts(what))}, within {time_words(what.within)}"


def target_words(target: Target) -> str:
    """Return how a target is named."""
    said = [f"“{target.text}”"] if target.text else []
    said += [f"what is near “{target.near}”"] if target.near and not target.text else []
    said += [f"near “{target.near}”"] if target.near and target.text else []
    said += [f"the picture {target.image}"] if target.image else []
    said += [f"the region {', '.join(map(str, target.region))}"] if target.region else []
    said += [f"what the model finds as “{target.describe}”"] if target.describe else []
    said += [f"in the row of “{target.row}”"] if target.row and target.row != target.near else []
    said += [f"in the window “{target.window}”"] if target.window else []
    return " ".join(said)


def time_words(value: float) -> str:
    """Write a duration, given in seconds, as a flow's author would."""
    if value >= 60 and value % 60 == 0:
        return f"{value / 60:g} min"
    return f"{value:g} s" if value >= 1 or value == 0 else f"{value * 1000:g} ms"


def _input(step: Click | Hover | Drag | Type | Press | Scroll) -> str:
    match step:
        case Click():
            held = f"with {step.keys} held, " if step.keys else ""
            button = "" if step.button == "left" else f" with the {step.button} button"
            return f"{held}{_CLICKS[step.count]} {target_words(step.click)}{button}"
        case Hover():
            return f"put the pointer on {target_words(step.hover)}"
        case Drag():
            return f"drag {target_words(step.drag.from_)} to {target_words(step.drag.to)}"
        case Type():
            return _typed(step)
        case Press():
            return f"press {step.press}" + (f" {_times(step.count)}" if step.count > 1 else "")
        case Scroll():
            return _scrolled(step)
        case _:
            assert_never(step)


def _typed(step: Type) -> str:
    what = step.type
    into = f" into {target_words(what.into)}" if what.into else " where the focus is"
    replacing = ", in place of what stands there" if what.clear else ""
    return f"type “{what.text}”{into}{replacing}{', then press Enter' if what.enter else ''}"


def _scrolled(step: Scroll) -> str:
    way = step.scroll
    ways = [f"{'down' if way.down > 0 else 'up'} {abs(way.down)}"] if way.down else []
    ways += [f"{'right' if way.right > 0 else 'left'} {abs(way.right)}"] if way.right else []
    over = f" over {target_words(way.over)}" if way.over else ""
    until = f", until {target_words(way.until)} is found" if way.until else ""
    return f"scroll {' and '.join(ways)}{over}{until}"


def _read(step: Read) -> str:
    what = step.read
    where = f"what stands near “{what.near}”" if what.near else f"the text of {target_words(what.target)}"  # type: ignore[arg-type]
    pattern = f", the part that fits {what.pattern}" if what.pattern else ""
    return f"read {where} as {what.as_}{pattern}"


def _listed(step: ForEach) -> str:
    if step.in_ is None:
        return "the data"
    return step.in_ if isinstance(step.in_, str) else ", ".join(map(str, step.in_)) or "an empty list"


def _until(wait: float | Expectation) -> str:
    return f"until {expected(wait)}" if isinstance(wait, Expectation) else time_words(wait)


def _condition(condition: Condition) -> str:
    return " and ".join(_facts(condition)) if isinstance(condition, Expectation) else condition


def _facts(what: Expectation) -> list[str]:
    facts = [f"“{what.see}” is seen"] if what.see else []
    facts += [f"“{what.gone}” isn't seen"] if what.gone else []
    if what.target:
        found = " looks as it was recorded" if what.target.id else " is found"
        value = f" holds “{what.value}”" if what.value else found
        facts.append(f"{target_words(what.target)}{value}")
    facts += [f"the window in front is “{what.window}”"] if what.window else []
    facts += ["the screen has changed"] if what.changed else []
    if what.file:
        facts.append(
            f"the file {what.file}" + (f" has “{what.contains}” in it" if what.contains else " exists")
        )
    facts += [f"{what.that} is true"] if what.that else []
    return facts


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")
