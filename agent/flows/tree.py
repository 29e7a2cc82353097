"""A YAML text as a tree in which each key and value knows its line and column.

A flow is written by a person, and comes from others too: only plain YAML 1.2 is taken. Anchors, aliases,
tags, directives and a second document are refused, so that what one reads is what is there, and a small file
can't unfold to a huge one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from qvl_agent.actions.core.errors import FlowError

__all__ = ["Location", "Node", "Place", "TreeError", "nodes", "parse"]

MAX_BYTES: Final = 256 * 1024
"""The largest file, in bytes; about 2,500 steps."""
_MAX_DEPTH: Final = 60
_TEXT: Final = "tag:yaml.org,2002:str"
_CONSTRUCTED: Final = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float"))
"""What isn't a text if it stands without quotes; a date stays one."""
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_END: Final = r"\r\n|[\n\r\x85\u2028\u2029]"
_QUOTE_IT: Final = 'put the text in quotes, as in click: "Save"'

Location = tuple[str | int, ...]
"""The keys, and the places in lists from 0, that lead to a value."""


class Place(NamedTuple):
    """A line and a column, both from 1."""

    line: int
    column: int


class TreeError(FlowError):
    """What is wrong with the YAML itself, at one place.

    Attributes:
        place: where.
        message: what is wrong.
        remedy: what to write instead.
    """

    def __init__(self, place: Place, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.place = place
        self.message = message
        self.remedy = remedy


@dataclass(slots=True)
class Node:
    """A value in the file.

    Attributes:
        place: where it begins.
        value: its parts by their keys, or in their order; for a single value that value.
        keys: where each key stands.
        written: a single value as it is written, without its quotes.
        twice: the keys that stand there a second time, and where; what follows them isn't kept.
        cut: whether a comment without a blank behind its # follows it: "Invoice #5" without quotes.
    """

    place: Place
    value: "dict[str, Node] | list[Node] | str | int | float | bool | None"
    keys: dict[str, Place] = field(default_factory=dict)
    written: str = ""
    twice: list[tuple[str, Place]] = field(default_factory=list)
    cut: bool = False

    def data(self) -> Any:
        """Return the value as plain Python data."""
        if isinstance(self.value, dict):
            return {key: node.data() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.data() for node in self.value]
        return self.value

    def find(self, location: Location) -> "Node":
        """Return the node at a location; parts of it that the file doesn't write out are skipped."""
        node = self
        for part in location:
            node = node.part(part) or node
        return node

    def part(self, part: str | int) -> "Node | None":
        """Return a part by its key or its place in the list; None if it isn't there."""
        if isinstance(self.value, dict) and isinstance(part, str):
            return self.value.get(part)
        if isinstance(self.value, list) and isinstance(part, int) and part < len(self.value):
            return self.value[part]
        return None


def nodes(node: Node, location: Location = ()) -> Iterator[tuple[Location, Node]]:
    """Yield every node of a tree with its location, in the file's order."""
    yield location, node
    if isinstance(node.value, dict | list):
        parts = node.value.items() if isinstance(node.value, dict) else enumerate(node.value)
        for part, child in parts:
            yield from nodes(child, (*location, part))


def parse(data: bytes) -> Node:
    """Read a YAML file's bytes.

    Raises:
        TreeError: it isn't plain YAML, or is too large.
        FlowError: the library that reads YAML isn't installed.
    """
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415 - an extra
        from ruamel.yaml.error import MarkedYAMLError  # noqa: PLC0415
    except ImportError as error:
        raise FlowError("flows need more packages: pip install 'qvl-agent[flows]'") from error
    text = _text(data)
    yaml = YAML(typ="safe", pure=True)
    builder = _Builder(yaml, text)
    try:
        return builder.built(yaml.parse(text))
    except MarkedYAMLError as error:
        raise _explained(error, text, builder.last_quote) from None


def _text(data: bytes) -> str:
    start = Place(1, 1)
    if len(data) > MAX_BYTES:
        size = f"is larger than {MAX_BYTES // 1024} KiB"
        raise TreeError(
            start, f"the file {size}", "move steps into files of their own, and name them with use"
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:64]:
        raise TreeError(start, "the file isn't saved as UTF-8", "save it again, with the encoding UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        message = "a character here isn't saved as UTF-8"
        raise TreeError(
            _place_after(before), message, "save the file again, with the encoding UTF-8"
        ) from None
    if found := _UNPRINTABLE.search(text):
        message = f"a character that can't be seen stands here (U+{ord(found[0]):04X})"
        raise TreeError(_place_after(text[: found.start()]), message, "delete it")
    return text


def _place_after(text: str) -> Place:
    lines = re.split(_LINE_END, text)
    return Place(len(lines), len(lines[-1]) + 1)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Builder:
    """Makes the tree from the parser's events, without recursion."""

    def __init__(self, yaml: Any, text: str) -> None:
        self._yaml = yaml
        self._lines = re.split(_LINE_END, text)
        self._open: list[Node] = []
        self._key: list[tuple[str, Place] | None] = []
        """For each open node the key whose value comes next."""
        self._root: Node | None = None
        self.last_quote: Place | None = None
        """Where the last text began, if it is in quotes and goes over several lines."""

    def built(self, events: Any) -> Node:
        for event in events:
            kind = type(event).__name__
            self._refuse(event, kind)
            if kind == "ScalarEvent":
                self._add(event)
            elif kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._begin(Node(_place(event.start_mark), {} if kind.startswith("M") else []))
            elif kind in ("MappingEndEvent", "SequenceEndEvent"):
                self._open.pop()
                self._key.pop()
        if self._root is None:
            raise TreeError(
                Place(1, 1), "the file is empty", "begin it with flow: and what it does, in words"
            )
        return self._root

    def _refuse(self, event: Any, kind: str) -> None:
        place = _place(event.start_mark)
        if kind == "AliasEvent":
            message = "a text that begins with * refers to another place, and nothing here can"
            raise TreeError(place, message, _QUOTE_IT)
        if getattr(event, "anchor", None):
            raise TreeError(place, "a text can't begin with &, which names a place", _QUOTE_IT)
        if getattr(event, "tag", None) and kind != "DocumentStartEvent":
            raise TreeError(place, "a text can't begin with !, which names a kind of value", _QUOTE_IT)
        if kind == "DocumentStartEvent":
            if event.version or event.tags:
                raise TreeError(Place(1, 1), "the file begins with %, an instruction", "remove the line")
            if self._root is not None:
                message = "a second document begins here"
                raise TreeError(place, message, "remove the line ---, or make two files")

    def _add(self, event: Any) -> None:
        over_lines = event.style in ("'", '"') and event.start_mark.line < event.end_mark.line
        self.last_quote = _place(event.start_mark) if over_lines else None
        if self._open and isinstance(self._open[-1].value, dict) and self._key[-1] is None:
            self._key[-1] = (event.value, _place(event.start_mark))
        else:
            rest = self._lines[event.end_mark.line][event.end_mark.column :] if event.implicit[0] else ""
            cut = re.match(r"\s+#[^\s#]", rest) is not None
            self._put(Node(_place(event.start_mark), self._resolved(event), written=event.value, cut=cut))

    def _begin(self, node: Node) -> None:
        if self._open and isinstance(self._open[-1].value, dict) and self._key[-1] is None:
            message = "a key can't be in brackets"
            raise TreeError(
                node.place, message, 'put a text that begins with { or [ in quotes: "{{secret:name}}"'
            )
        if len(self._open) >= _MAX_DEPTH:
            message = f"more than {_MAX_DEPTH} levels lie in each other"
            raise TreeError(node.place, message, "move steps into files of their own, and name them with use")
        self._put(node)
        self._open.append(node)
        self._key.append(None)

    def _put(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict) and (key := self._key[-1]):
            self._key[-1] = None
            if key[0] in parent.value:
                parent.twice.append(key)
            else:
                parent.value[key[0]] = node
                parent.keys[key[0]] = key[1]

    def _resolved(self, event: Any) -> Any:
        """Return a single value: without quotes a number, true, false or nothing; else a text."""
        if not event.implicit[0]:
            return event.value
        from ruamel.yaml.nodes import ScalarNode  # noqa: PLC0415 - an extra

        tag = str(self._yaml.resolver.resolve(ScalarNode, event.value, event.implicit))
        if tag not in _CONSTRUCTED:
            return event.value
        try:
            return self._yaml.constructor.construct_object(
                ScalarNode(tag, event.value, event.start_mark, event.end_mark), deep=True
            )
        except (ValueError, OverflowError):
            return event.value


def _explained(error: Any, text: str, last_quote: Place | None) -> TreeError:
    """Say in plain words what the library found wrong."""
    problem, context = error.problem or "", error.context or ""
    place = _place(error.problem_mark or error.context_mark)
    begun = _place(error.context_mark) if error.context_mark else place
    lines = re.split(_LINE_END, text)
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    before, after = line[: place.column - 1], line[place.column - 1 :]
    if "'\\t'" in problem or "\t" in line[: len(line) - len(line.lstrip())]:
        return TreeError(place, "this line is indented with a tab", "use blanks")
    if last_quote is not None and before.rstrip().endswith(('"', "'")):
        return TreeError(last_quote, "the quote that begins here isn't closed in its line", _CLOSE_IT)
    if "quoted scalar" in context and ("unexpected end" in problem or "document separator" in problem):
        return TreeError(begun, "the quote that begins here isn't closed", _CLOSE_IT)
    if found := re.search(r"found character '(.)'", problem):
        return TreeError(place, f"a text can't begin with {found[1]}", _QUOTE_IT)
    if "flow mapping" in context or "flow sequence" in context:
        if before.endswith("$") and after.startswith("{"):
            message = "${…} stands without quotes between brackets"
            return TreeError(place, message, 'put the text in quotes, as in {see: "Invoice ${row.number}"}')
        message = f"the bracket that begins here isn't closed before line {place.line}, column {place.column}"
        return TreeError(begun, message, "close it, or put a text with a comma, colon or bracket in quotes")
    if "expected <block end>" in problem and not before.rstrip().endswith(('"', "'")):
        message = f"this line's indentation doesn't fit what begins in line {begun.line}"
        return TreeError(place, message, "indent it like the line that it belongs with")
    for words, message, remedy in _EXPLAINED:
        if words in problem or words in context:
            return TreeError(begun if words.startswith("could not find") else place, message, remedy)
    return TreeError(place, problem or "this isn't YAML", _QUOTE_IT)


_CLOSE_IT: Final = "add the closing quote"
_EXPLAINED: Final = (
    (
        "escape",
        "a backslash in double quotes begins a special character, and this one doesn't exist",
        "use single quotes, as in '\\d+'",
    ),
    (
        "mapping values",
        "a second colon stands here, or the line's indentation is wrong",
        'put a text with a colon in quotes, as in click: "Save: now"',
    ),
    ("expected <block end>", "text follows the closing quote", "put all of the text in one pair of quotes"),
    ("could not find expected ':'", "a colon is missing behind this", "write key: value"),
    ("block node", "a value was expected here", _QUOTE_IT),
    ("sequence entries", "a list can't begin behind a key in its line", "begin it in the next line"),
)
"""Words of the library's messages, what they mean, and what to write instead."""
