"""Read a flow's file: the flow, where each part of it stands, and every mistake in it at once."""

import difflib
import hashlib
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import STEP_CLASSES, STEP_KINDS
from qvl_agent.agent.flows.script.walking import targets, texts, walk
from qvl_agent.agent.flows.tree import MAX_BYTES, Location, Node, Place, TreeError, nodes, parse

__all__ = ["Loaded", "Mistake", "beside", "load", "location_of", "read", "targets", "texts", "walk"]


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """Something wrong in a file.

    Attributes:
        path: the file.
        line: the line, from 1.
        column: the column, from 1.
        message: what is wrong, in one line.
        remedy: what to write or do instead.
        note: whether it is only worth knowing, and the flow can be run as it is.
    """

    path: Path
    line: int
    column: int
    message: str
    remedy: str
    note: bool = False

    def __str__(self) -> str:
        kind = "note: " if self.note else ""
        return f"{self.path}:{self.line}:{self.column}: {kind}{self.message}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A flow that was read from a file.

    Attributes:
        flow: what it says.
        path: the file.
        digest: the SHA-256 of the file's bytes, in hexadecimal.
        tree: the file's keys and values with their places.
    """

    flow: Flow
    path: Path
    digest: str
    tree: Node = field(repr=False)

    def where(self, path: str) -> tuple[int, int]:
        """Return the line and column, from 1, of a step or of anything inside it: `steps[1].type.into`.

        What the file doesn't write out is where the nearest part around it is.
        """
        return self.tree.find(location_of(path)).place

    def mistake(self, path: str, message: str, remedy: str, *, note: bool = False) -> Mistake:
        """Return a mistake at a path of the flow."""
        return Mistake(self.path, *self.where(path), message, remedy, note=note)


def load(path: Path) -> Loaded:
    """Read a flow.

    Raises:
        FlowError: it can't be read; the message is the first mistake, with their number.
    """
    found = read(path)
    if isinstance(found, Loaded):
        return found
    more = f" (and {len(found) - 1} more: qvl-agent flow check {path})" if len(found) > 1 else ""
    raise FlowError(f"{found[0]}{more}")


def read(path: Path) -> Loaded | list[Mistake]:
    """Read a flow, or return everything that is wrong with the file's shape, in the order of its lines.

    Raises:
        FlowError: the library that reads YAML isn't installed.
    """
    try:
        data = _bytes(path)
        tree = parse(data)
    except TreeError as error:
        return [Mistake(path, *error.place, error.message, error.remedy)]
    mistakes = list(_misused_keys(path, tree))
    try:
        flow = Flow.model_validate(tree.data())
    except ValidationError as error:
        mistakes += _mistakes(path, tree, error)
    if mistakes:
        return sorted(dict.fromkeys(mistakes))
    return Loaded(flow, path, hashlib.sha256(data).hexdigest(), tree)


def beside(flow: Path, name: str) -> Path:
    """Return a file that a flow names, which must lie in the flow's folder or below it.

    Raises:
        FlowError: the name leads out of the folder, by itself or by a link.
    """
    folder = flow.parent.resolve()
    named = Path(name)
    outside = named.is_absolute() or re.match(r"[A-Za-z]:|[\\/]", name) or ".." in re.split(r"[\\/]", name)
    if outside or "\0" in name or not (folder / named).resolve().is_relative_to(folder):
        raise FlowError(f"the file {name!r} leads out of the flow's folder; name one in {folder} or below it")
    return folder / named


def location_of(path: str) -> Location:
    """Turn a path such as `steps[1].type.into` into its keys and places."""
    return tuple(int(number) if number else key for key, number in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path))


def _bytes(path: Path) -> bytes:
    start = Place(1, 1)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise TreeError(start, "this isn't a file", "name a file such as x.flow.yaml")
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it has no valid name"
        raise TreeError(start, f"the file can't be read: {why}", "check its name and its rights") from None


def _misused_keys(path: Path, tree: Node) -> Iterator[Mistake]:
    """Find keys that stand twice, and names of Python's fields, which aren't the file's."""
    for location, node in nodes(tree):
        for key, place in node.twice:
            first = node.keys[key].line
            yield Mistake(path, *place, f"{key} stands here twice, first in line {first}", "remove one")
        free = location and location[-1] in _FREE
        for key, place in node.keys.items():
            if key in _PYTHONS and not free:
                yield Mistake(path, *place, f"there is no key {key}", f"write {key.removesuffix('_')}")


_PYTHONS: Final = frozenset({"from_", "as_", "in_", "else_", "while_", "with_"})
_FREE: Final = frozenset({"with", "aliases", "variables"})
"""The keys below which any key may stand."""


def _mistakes(path: Path, tree: Node, error: ValidationError) -> Iterator[Mistake]:
    """Turn what pydantic found into mistakes with places."""
    for found in error.errors(include_url=False):
        if found["type"] == "too_short" and found["input"]:
            continue  # what stands in the list is wrong, and that is said of each
        place, message, remedy = _said(found, tree)
        yield Mistake(path, *place, _one_line(message), _one_line(remedy))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _without_tags(loc: Location) -> Location:
    """Leave out the kind of a step, which pydantic names between a step's place and its keys."""
    kept: list[str | int] = []
    for number, part in enumerate(loc):
        behind_step = number > 1 and isinstance(loc[number - 1], int) and loc[number - 2] in _STEP_LISTS
        if not (behind_step and part in STEP_KINDS):
            kept.append(part)
    return tuple(kept)


_STEP_LISTS: Final = frozenset({"steps", "else", "on_error"})


def _said(found: Any, tree: Node) -> tuple[Place, str, str]:
    """Return where a mistake is, what it is and what to do."""
    location = _without_tags(found["loc"])
    kind, context, node = found["type"], found.get("ctx", {}), tree.find(location)
    last = location[-1] if location else ""
    match kind:
        case "step_kind":
            return _step_kind(node)
        case "extra_forbidden":
            return _unknown_key(str(last), tree.find(location[:-1]), found["loc"])
        case "missing" if isinstance(last, str):
            return node.place, f"{last} is missing here", f"add {last}: {_EXAMPLE.get(last, '…')}"
        case "value_error":
            message, _, remedy = str(context["error"]).partition("; ")
            return node.place, message, remedy
        case "literal_error":
            known = re.findall(r"'([^']*)'", context["expected"])
            remedy = _near(node.written, known, f"write {context['expected']}")
            return node.place, f"expected {context['expected']}, and here is {_shown(node)}", remedy
        case "string_pattern_mismatch":
            remedy = _NAMES.get(str(next((part for part in location if part in _NAMES), "")), _NAME)
            if last == "[key]":
                key = str(location[-2])
                return tree.find(location[:-2]).keys[key], f"{key!r} can't be a name", remedy
            return node.place, f"{_shown(node)} can't be a name", remedy
    return node.place, *_plainly(kind, context, node, str(last))


_EXAMPLE: Final = {
    "flow": '"what it does, in words"',
    "steps": "and below it the steps, each after a dash",
    "text": '"what to type"',
    "then": '{see: "what has to stand there afterwards"}',
    "as": "the name of a variable",
    "file": '"the file\'s name"',
    "columns": "[the names of columns]",
    "see": '"what stands on it"',
    "question": '"what to ask"',
}
_NAME: Final = "use letters without accents, digits and _, a letter first"
_NAMES: Final = {
    "id": "use small letters, digits and hyphens",
    "secrets": "use small letters, digits and inner hyphens",
}


def _plainly(kind: str, context: Any, node: Node, key: str) -> tuple[str, str]:
    here = f"and here is {_shown(node)}"
    match kind:
        case "string_type" if isinstance(node.value, bool | int | float):
            return f"expected a text, {here}", f'put it in quotes: "{node.written}"'
        case "string_type" if node.value is None:
            return f"expected a text, {here}", "write one; a text that begins with # needs quotes"
        case "string_type":
            return f"expected a text, {here}", "write a text in quotes"
        case "string_too_short":
            return "the text is empty", "write one, or remove the key"
        case "string_too_long":
            return f"the text is longer than {context['max_length']} characters", "shorten it"
        case "too_short":
            return f"{key} is empty", "write something below it, each after a dash, or remove the key"
        case "greater_than_equal" | "greater_than":
            return f"{_shown(node)} is too small", f"write at least {_bound(context)}"
        case "less_than_equal" | "less_than":
            return f"{_shown(node)} is too large", f"write at most {_bound(context)}"
        case "finite_number":
            return f"expected a number, {here}", "write one in digits"
        case "model_type" if context["class_name"] in ("Target", "Expectation") and node.written:
            return f"expected a text, {here}", f'put it in quotes: "{node.written}"'
        case "model_type" | "model_attributes_type" | "dict_type":
            remedy = "write key: value, each on a line of its own"
            return f"expected keys with values, {here}", f"write {_SHAPE[key]}" if key in _SHAPE else remedy
        case "missing" | "too_long":
            return "a region has four numbers", "write [left, top, right, bottom]"
        case "tuple_type" | "list_type":
            return f"expected a list, {here}", "write [one, two], or each on a line of its own after a dash"
        case "bool_type" | "bool_parsing":
            return f"expected true or false, {here}", "write true or false"
    if kind.startswith(("int", "float")):
        return f"expected a number, {here}", "write a number without quotes"
    return f"{_shown(node)} doesn't fit here ({kind.replace('_', ' ')})", "see docs/flows.md"


_SHAPE: Final = {
    "type": 'type: {into: "Name", text: "Ann"}',
    "drag": 'drag: {from: "Ann", to: "Archive"}',
    "scroll": "scroll: {down: 5}",
    "read": 'read: {near: "Total", as: total}',
    "output": "output: {file: done.csv, columns: [status]}",
    "with": "with: {name: value}",
    "aliases": 'aliases: {"Save": ["Sichern"]}',
    "variables": "variables: {name: value}",
    "data": "data: {file: rows.csv, key: number}",
}


def _bound(context: Any) -> str:
    return f"{next(iter(context.values())):g}"


def _shown(node: Node) -> str:
    match node.value:
        case dict():
            return "a group of keys"
        case list():
            return "a list"
        case None:
            return "nothing"
        case bool() | int() | float():
            return f"{node.written}, without quotes"
        case str():
            return repr(node.written if len(node.written) <= 60 else f"{node.written[:60]}…")


def _near(word: str, known: list[str], otherwise: str) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else otherwise


def _step_kind(node: Node) -> tuple[Place, str, str]:
    kinds = ", ".join(STEP_KINDS)
    if not isinstance(node.value, dict):
        if node.value is None:
            return node.place, "the step is empty", "write one behind the dash, or remove the dash"
        otherwise = f'write what to do and a colon, as in click: "Save"; steps are {kinds}'
        return node.place, f"a step can't be {_shown(node)}", _near(node.written, list(STEP_KINDS), otherwise)
    said = [key for key in node.value if key in STEP_KINDS]
    if len(said) > 1:
        message = f"this step does two things, {said[0]} and {said[1]}"
        return node.keys[said[1]], message, "make two steps, each after a dash of its own"
    shared = {"name", "then", "within", "once", "steps", "soft", "count", "else", "at_most", "as"}
    for key in node.value:
        close = difflib.get_close_matches(key.lower(), STEP_KINDS, n=1, cutoff=0.6)
        if key not in shared and (close or len(node.value) == 1):
            remedy = f"did you mean {close[0]}?" if close else f"steps are {kinds}"
            return node.keys[key], f"there is no step {key}", remedy
    return node.place, "this step doesn't say what to do", f"give it one of {kinds}"


def _unknown_key(key: str, parent: Node, loc: Location) -> tuple[Place, str, str]:
    known = list(dict.fromkeys(name for cls in _classes_at(loc[:-1]) for name in _keys(cls)))
    remedy = _near(key, known, f"the keys here are {', '.join(known)}")
    return parent.keys.get(key, parent.place), f"there is no key {key} here", remedy


def _keys(cls: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in cls.model_fields.items()]


def _classes_at(loc: Location) -> list[type[BaseModel]]:
    """Return the classes that the value at pydantic's location may be of."""
    classes: list[type[BaseModel]] = [Flow]
    for part in loc:
        if isinstance(part, int):
            continue
        if len(classes) == len(STEP_KINDS) and part in STEP_CLASSES:
            classes = [STEP_CLASSES[part]]
            continue
        below = [inner for cls in classes for inner in _inside(cls, part)]
        classes = below or classes
    return classes


def _inside(cls: type[BaseModel], key: str) -> list[type[BaseModel]]:
    for name, info in cls.model_fields.items():
        if key in (info.alias, name):
            return list(dict.fromkeys(_classes_in(info.annotation)))
    return []


def _classes_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _classes_in(part)
