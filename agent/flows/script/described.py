"""A step in a few words, for the terminal, the record and the list of consequences."""

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

__all__ = ["described"]


def described(step: Step) -> str:
    """Return what a step does, in a few words; `${…}` stand as they are."""
    if step.name:
        return step.name
    match step:
        case Click():
            return f"click “{step.click.key}”"
        case Hover():
            return f"hover over “{step.hover.key}”"
        case Drag():
            return f"drag “{step.drag.from_.key}” to “{step.drag.to.key}”"
        case Type():
            into = f" into “{step.type.into.key}”" if step.type.into else ""
            return f"type “{step.type.text}”{into}"
        case Press():
            return f"press {step.press}"
        case Scroll():
            return f"scroll {'down' if step.scroll.down >= 0 else 'up'}" if step.scroll.down else "scroll"
        case Wait():
            return "wait"
        case Check():
            return "check"
        case Read():
            return f"read {step.read.as_}"
        case When():
            return "when"
        case While():
            return "while"
        case ForEach():
            return f"for each {step.for_each}"
        case Retry():
            return f"try up to {step.retry + 1} times"
        case Use():
            return f"use {step.use}"
        case Ask():
            return f"ask “{step.ask.question}”"
        case Do():
            return f"do “{step.do}”"
        case Reject():
            return f"reject: {step.reject}"
        case NextItem():
            return "next item"
