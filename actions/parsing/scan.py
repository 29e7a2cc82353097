"""Split a reply into JSON values, XML calls, tagged calls and prose, and leave out its reasoning.

It takes one pass from left to right. Everything inside a JSON string or an XML parameter belongs to
it, so a `</think>` or `<tool_call>` that is to be typed is text like any other.
"""

import re
from dataclasses import dataclass
from typing import Final

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects import midscene, tool_call
from qvl_agent.actions.parsing.dialects.arguments import Call
from qvl_agent.actions.parsing.strict_json import Flaw, Json, ScanBudget, Value, read

__all__ = ["MAX_REPLY", "Found", "find"]

MAX_REPLY: Final = 256 * 1024
"""The most characters of one reply."""

_START: Final = re.compile(
    r"(?P<json>[{\[])|(?P<xml><function=)|(?P<tagged><action-type>)"
    r"|(?P<close></(?:think|thinking|thought|reasoning)>)|(?P<open><(?:think|thinking|thought|reasoning)>)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Found:
    """The parts of an answer, after its reasoning.

    Attributes:
        values: the JSON values, in order.
        calls: the calls in XML or tags, in order.
        prose: the texts before, between and after them.
        flaw: why something that looks like a call couldn't be read; "" if everything could.
    """

    values: tuple[Value, ...]
    calls: tuple[Call, ...]
    prose: tuple[str, ...]
    flaw: str = ""


def find(text: str) -> Found:
    """Split a reply into its parts; everything before the last `</think>` is reasoning and left out.

    Raises:
        ParseError: the reply is too long, isn't text, or its reasoning isn't closed.
    """
    _check(text)
    bare = text.strip()
    if bare.startswith('"'):  # JSON in a JSON string, as some servers send it
        whole = read(bare, 0, ScanBudget())
        if isinstance(whole, Json) and whole.end == len(bare) and isinstance(whole.value, str):
            text = whole.value
            _check(text)
    return _find(text)


def _check(text: str) -> None:
    if len(text) > MAX_REPLY:
        raise ParseError(
            f"Expected a reply of at most {MAX_REPLY:,} characters, got {len(text):,}; be brief."
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ParseError("Expected text, got half of a surrogate pair; answer in plain text.") from None
    if "\0" in text:
        raise ParseError("Expected text, got a NUL character; answer in plain text.")


def _find(text: str) -> Found:
    budget = ScanBudget()
    values: list[Value] = []
    calls: list[Call] = []
    prose: list[str] = []
    flaw = ""
    thinking = False
    at = gap = 0
    while match := _START.search(text, at):
        at = match.end()
        if match["open"]:
            thinking = True
            continue
        if match["close"]:
            for pieces in (values, calls, prose):
                pieces.clear()
            flaw, thinking, gap = "", False, at
            continue
        found = _read(text, match, budget)
        if isinstance(found, Flaw):
            flaw = flaw or (found.reason if found.serious else "")
            continue
        prose.append(text[gap : match.start()])
        at = gap = found.end
        if isinstance(found, Json):
            values.append(found.value)
        else:
            calls.append(found)
    if thinking:
        raise ParseError(
            "Expected an action after the reasoning, got reasoning without its end; think less, then act."
        )
    return Found(tuple(values), tuple(calls), (*prose, text[gap:]), flaw)


def _read(text: str, match: re.Match[str], budget: ScanBudget) -> Json | Call | Flaw:
    match match.lastgroup:
        case "json":
            return read(text, match.start(), budget)
        case "xml":
            return tool_call.read_tagged(text, match.end(), budget)
        case _:
            return midscene.read_tagged(text, match.end(), budget)
