"""What a flow names outside of itself: files, other flows, keys; and patterns and other words for targets."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import FlowError, KeyNameError
from qvl_agent.actions.planning.keys import chord, modifiers
from qvl_agent.agent.flows.cells import did_you_mean
from qvl_agent.agent.flows.checks.subject import Subject, expectations, literal, parts
from qvl_agent.agent.flows.reading import Loaded, Mistake, beside, read
from qvl_agent.agent.flows.script.steps import Click, ForEach, Press, Read, Retry, Step, Use, While
from qvl_agent.agent.flows.script.walking import children, strings, targets_of, walk

__all__ = ["check_files", "sub_flows"]

_OUTPUTS: Final = (".csv", ".tsv", ".xlsx", ".jsonl", ".ndjson")


def check_files(subject: Subject) -> Iterator[Mistake]:
    """Find files, keys, patterns and other flows that don't exist or can't be used."""
    yield from _named(subject)
    yield from _data(subject)
    yield from _output(subject)
    for path, step in walk(subject.flow):
        yield from _keys(subject, path, step)
        if isinstance(step, Read) and step.read.pattern is not None:
            yield from _pattern(subject, f"{path}.read.pattern", step.read.pattern)
    yield from _aliases(subject)
    yield from _used(subject)


def _named(subject: Subject) -> Iterator[Mistake]:
    for path, step in walk(subject.flow):
        for inside, target in targets_of(step):
            if target.image is not None:
                yield from _there(subject, f"{path}.{inside}.image", target.image)
    for path, _, each in expectations(subject.flow):
        if each.file is not None:
            plain = "".join("x" if part.is_expression else part.text for part in parts(each.file))
            yield from _inside(subject, f"{path}.file", plain or each.file)


def _inside(subject: Subject, path: str, name: str) -> Iterator[Mistake]:
    try:
        beside(subject.loaded.path, name)
    except FlowError as error:
        yield subject.mistake(path, error)


def _there(subject: Subject, path: str, name: str, *, note: bool = False) -> Iterator[Mistake]:
    """Check that a file is there, in the flow's folder."""
    try:
        file = beside(subject.loaded.path, name)
    except FlowError as error:
        yield subject.mistake(path, error)
        return
    if not file.is_file():
        like = did_you_mean(file.name, _files(file.parent), "check its name, or put it there")
        yield subject.mistake(path, f"there is no file {name} beside the flow", like, note=note)


def _files(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir())[:500]
    except OSError:
        return []


def _data(subject: Subject) -> Iterator[Mistake]:
    data = subject.flow.data
    if data is None:
        return
    if subject.columns is None:
        yield from _there(subject, "data.file", data.file)
    elif data.key is not None and data.key not in subject.columns:
        remedy = did_you_mean(data.key, subject.columns, f"the columns are {', '.join(subject.columns)}")
        yield subject.mistake("data.key", f"the data has no column {data.key!r}", remedy)


def _output(subject: Subject) -> Iterator[Mistake]:
    output = subject.flow.output
    if output is None:
        return
    yield from _inside(subject, "output.file", output.file)
    if Path(output.file).suffix.lower() not in _OUTPUTS:
        message = f"{output.file} has no ending that can be written"
        yield subject.mistake("output.file", message, f"give it one of {', '.join(_OUTPUTS)}")
    if subject.flow.data is not None and Path(output.file) == Path(subject.flow.data.file):
        yield subject.mistake("output.file", "the output is the file with the data", "name another file")


def _keys(subject: Subject, path: str, step: Step) -> Iterator[Mistake]:
    try:
        if isinstance(step, Press) and "${" not in step.press:
            chord(step.press)
        elif isinstance(step, Click) and step.keys is not None:
            modifiers(step.keys)
    except KeyNameError as error:
        message, _, remedy = str(error).partition("; ")
        key = "press" if isinstance(step, Press) else "keys"
        told = remedy or (
            "write a key such as enter or f5, or ctrl+s" if key == "press" else "write ctrl, shift or alt"
        )
        yield subject.mistake(
            f"{path}.{key}", message[:1].lower() + message[1:].rstrip("."), told.rstrip(".")
        )


def _pattern(subject: Subject, path: str, pattern: str) -> Iterator[Mistake]:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        message = f"the pattern {pattern[:60]!r} can't be read ({error})"
        yield subject.mistake(
            path, message, "put a backslash before brackets and other marks that are meant as such"
        )


def _aliases(subject: Subject) -> Iterator[Mistake]:
    flow = subject.flow
    words = [text for path, _, key, text in strings(flow) if key in _WORDS and not path.startswith("aliases")]
    plain = {literal(text).strip() for text in words} | set(words)
    for name in flow.aliases:
        if name not in plain:
            remedy = did_you_mean(name, sorted(plain), "write the words of a target, or remove it")
            message = f"no target is called “{name}”, so that its other words are never used"
            yield Mistake(subject.loaded.path, *_key(subject.loaded, name), message, remedy, note=True)


_WORDS: Final = frozenset({"text", "near", "row", "window", "see", "gone"})


def _key(loaded: Loaded, name: str) -> tuple[int, int]:
    return loaded.tree.find(("aliases",)).keys.get(name, loaded.tree.find(("aliases",)).place)


# --- other flows


def sub_flows(loaded: Loaded) -> Iterator[tuple[str, Use, Loaded | list[Mistake] | FlowError, bool]]:
    """Yield the other flows that a flow uses.

    Yields:
        The step's path and the step; the other flow, or its mistakes, or why its file can't be named; and
        whether the step is done for each row.
    """
    for path, step, around in _around("steps", loaded.flow.steps, ()):
        if isinstance(step, Use):
            looped = any(isinstance(each, ForEach) for each in around)
            try:
                yield path, step, read(beside(loaded.path, step.use)), looped
            except FlowError as error:
                yield path, step, error, looped


def _around(
    path: str, steps: tuple[Step, ...], outer: tuple[Step, ...]
) -> Iterator[tuple[str, Step, tuple[Step, ...]]]:
    for number, step in enumerate(steps):
        here = f"{path}[{number}]"
        yield here, step, outer
        for field, inner in children(step):
            yield from _around(f"{here}.{field}", inner, (*outer, step))


def _used(subject: Subject) -> Iterator[Mistake]:
    again = {
        path: each
        for path, step, around in _around("steps", subject.flow.steps, ())
        if isinstance(step, Use) and (each := _repeating(around))
    }
    for path, step, found, _ in sub_flows(subject.loaded):
        where = f"{path}.use"
        if isinstance(found, FlowError):
            yield subject.mistake(where, found)
        elif isinstance(found, list):
            if not beside(subject.loaded.path, step.use).is_file():
                yield from _there(subject, where, step.use)
            else:
                message = f"{step.use} has {len(found)} mistakes, first in line {found[0].line}"
                yield subject.mistake(where, message, f"mend them: qvl-agent flow check {step.use}")
        else:
            yield from _given(subject, path, step, found)
            if circle := _circle(found, [subject.loaded.path.resolve()]):
                message = f"the flows use each other in a circle: {' → '.join(circle)}"
                yield subject.mistake(where, message, "take one of them out")
            elif path in again and _does_once(found):
                message = f"{step.use} has a step that is done once, and {again[path]} does it again"
                yield subject.mistake(where, message, f"move it behind the {again[path]}")


def _repeating(around: tuple[Step, ...]) -> str:
    found = next((each for each in reversed(around) if isinstance(each, Retry | While)), None)
    return "" if found is None else "retry" if isinstance(found, Retry) else "while"


def _given(subject: Subject, path: str, step: Use, other: Loaded) -> Iterator[Mistake]:
    variables = other.flow.variables
    for name, value in step.with_.items():
        if name not in variables:
            remedy = did_you_mean(name, variables, f"it has {', '.join(variables) or 'none'}")
            yield subject.mistake(f"{path}.with.{name}", f"{step.use} has no variable {name}", remedy)
        elif variables[name].one_of and value not in variables[name].one_of and "${" not in str(value):
            listed = ", ".join(map(str, variables[name].one_of))
            yield subject.mistake(
                f"{path}.with.{name}", f"{name} can't be {value!r}", f"write one of {listed}"
            )
    for name, variable in variables.items():
        if variable.default is None and name not in step.with_:
            message = f"{step.use} needs the variable {name}"
            where = f"{path}.with" if step.with_ else f"{path}.use"
            yield subject.mistake(where, message, f"add {name} to with, as in with: {{{name}: …}}")


def _circle(loaded: Loaded, above: list[Path]) -> list[str]:
    """Return the names of flows that use each other; [] if none do."""
    here = loaded.path.resolve()
    if here in above:
        return [path.name for path in [*above[above.index(here) :], here]]
    for _, _, found, _ in sub_flows(loaded):
        if isinstance(found, Loaded) and (circle := _circle(found, [*above, here])):
            return circle
    return []


def _does_once(loaded: Loaded, above: tuple[Path, ...] = ()) -> bool:
    if loaded.path.resolve() in above:
        return False
    if any(getattr(step, "once", False) for _, step in walk(loaded.flow)):
        return True
    seen = (*above, loaded.path.resolve())
    return any(isinstance(found, Loaded) and _does_once(found, seen) for _, _, found, _ in sub_flows(loaded))
