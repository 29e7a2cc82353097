"""Read calls, in any of the forms that models write them in, as a `Call` of one form.

As JSON:

    {"action": "click", …}                                     bare
    {"name": "computer_use", "arguments": {"action": …}}       Qwen's tool call, also flattened
    {"name": "click", "arguments": {…}}                        the action's name as the tool's
    {"action": {"type": "Tap", "param": {…}}}                  midscene's

As XML, the tool call of Qwen3.5 and later, in which every value is text and nothing is escaped:

    <function=computer_use><parameter=action>left_click</parameter>
    <parameter=coordinate>[491, 91]</parameter></function>

Values that aren't texts are read as JSON. A value whose `</parameter>` is missing ends at the next tag,
unless it is a text to act on, whose end would be a guess then.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from qvl_agent.actions.core.errors import ParseError
from qvl_agent.actions.parsing.dialects import computer_use, grounded, midscene
from qvl_agent.actions.parsing.dialects.arguments import REMARKS, Call
from qvl_agent.actions.parsing.strict_json import Flaw, Json, ScanBudget, Value, read_all, shown

__all__ = ["calls_in", "read_tagged", "spelt_out"]

_TOOLS: Final = ("computer_use", "mobile_use")
_ZOOM_TOOL: Final = "image_zoom_in_tool"
_ACTIONS: Final = grounded.READERS.keys() | computer_use.READERS.keys()
_REMEDY: Final = "answer with exactly one action, in the format described"
_IGNORED_BESIDE_MIDSCENE: Final = REMARKS | {
    "sleep",
    "error",
    "errors",
    "what_the_user_wants_to_do_next_by_instruction",
}
"""Keys that may stand beside the action in midscene's object, without an effect."""
_NAME: Final = re.compile(r"\s*+([\w.-]{1,64})\s*+>")
_NEXT: Final = re.compile(r"\s*+(?:(<parameter=)|</function>|</tool_call>)")
_TAG: Final = re.compile(r"</parameter>|<parameter=|</?function\b|</?tool_call>")
_TEXTS: Final = frozenset({"text", "question", "summary", "reason", "label", "intent"})
"""Parameters of the XML form whose value is text, never JSON."""
_DESCRIBING: Final = frozenset({"label", "intent"})
"""Those of them that only describe, so that a missing </parameter> does no harm."""


def calls_in(value: Value) -> Iterator[Call]:
    """Find the calls in a JSON value: an object, or a list of them.

    Raises:
        ParseError: a call stands deeper inside another object, or its form is wrong.
    """
    if isinstance(value, list):
        for item in value:
            yield from calls_in(item)
    elif isinstance(value, dict):
        call = _call(value)
        if call:
            yield call
        elif any(True for inner in value.values() for _ in calls_in(inner)):
            raise ParseError(
                f"Expected the action at the top of its object, got it inside another; {_REMEDY}."
            )


def spelt_out(call: Call) -> Call:
    """Check the tool of a call that was written in XML or tags, and return the call in the common form.

    Raises:
        ParseError: the tool isn't known.
    """
    if call.tool == midscene.TOOL:
        return _midscene(call.arguments, None)
    return _tool_call(call.tool, call.arguments)


def read_tagged(text: str, at: int, budget: ScanBudget) -> Call | Flaw:
    """Read the XML call whose `<function=` ends at index `at` of the text."""
    tool = _NAME.match(text, at)
    if not tool:
        return Flaw("expected a name after <function=", serious=True)
    arguments: dict[str, Value] = {}
    at = tool.end()
    while True:
        tag = _NEXT.match(text, at)
        if not tag:
            return Flaw("expected <parameter=…> or </function>, got something else", serious=True)
        if not tag[1]:
            return Call(tool[1], arguments, tag.end())
        name = _NAME.match(text, tag.end())
        if not name or name[1] in arguments:
            return Flaw("expected each <parameter=…> once, with its name and a >", serious=True)
        closing = _TAG.search(text, name.end())
        budget.spend((closing.end() if closing else len(text)) - name.end())
        if not closing:
            return Flaw("expected </parameter>, got the end of the reply", serious=True)
        closed = closing[0] == "</parameter>"
        if not closed and name[1] in _TEXTS - _DESCRIBING:
            return Flaw(f"expected </parameter> after {name[1]}, got {closing[0]}", serious=True)
        arguments[name[1]] = _value(name[1], text[name.end() : closing.start()])
        at = closing.end() if closed else closing.start()


def _call(value: dict[str, Value]) -> Call | None:
    """Read an object as a call, whose form its keys show; None if it is no call."""
    name, action = value.get("name"), value.get("action")
    named = isinstance(name, str) and name.strip() in _TOOLS
    if "arguments" in value or (named and action is None):
        _refuse_other_keys(value, REMARKS | {"name", "arguments"})
        return _tool_call(name, value.get("arguments"))
    if isinstance(action, dict):
        _refuse_other_keys(value, _IGNORED_BESIDE_MIDSCENE | {"action"})
        return _midscene(action, value.get("log"))
    if "action" in value:
        rest = {key: given for key, given in value.items() if key != "name" or not named}
        return Call(str(name).strip() if named else "", rest)
    if isinstance(value.get("type"), str) and "param" in value:
        return _midscene(value, None)
    return None


def _tool_call(name: Value, given: Value) -> Call:
    """Read a tool's name and its arguments; they may be JSON in a string, as in OpenAI's API."""
    arguments = given
    if isinstance(given, str):
        inner = read_all(given)
        arguments = inner.value if isinstance(inner, Json) else given
    if not isinstance(name, str) or not isinstance(arguments, dict):
        got = f"{shown(name)} and {shown(given)}"
        raise ParseError(f'Expected a "name" and an object of "arguments", got {got}; {_REMEDY}.')
    tool = name.strip()
    if tool == _ZOOM_TOOL:
        return _zoom(arguments)
    if tool in _ACTIONS and "action" not in arguments:
        return Call("", {**arguments, "action": tool})
    if tool not in _TOOLS:
        raise ParseError(f"Expected the tool computer_use, got {shown(tool)}; {_REMEDY}.")
    return Call(tool, arguments)


def _zoom(arguments: Mapping[str, Value]) -> Call:
    if arguments.get("img_idx", 0) != 0:
        raise ParseError("Expected a zoom into the newest picture, got another img_idx; leave it out.")
    return Call("", {key: value for key, value in arguments.items() if key != "img_idx"} | {"action": "zoom"})


def _midscene(action: Mapping[str, Value], log: Value) -> Call:
    _refuse_other_keys(action, {"type", "param"}, "its places may be pixels")
    kind, param = action.get("type"), action.get("param")
    known = isinstance(kind, str) and kind.strip().lower() in midscene.READERS
    if not isinstance(kind, str) or not known or not isinstance(param, dict):
        raise ParseError(
            f"Expected an action, got {shown(kind)}; choose one of {', '.join(grounded.READERS)}."
        )
    intent: dict[str, Value] = {"intent": log} if isinstance(log, str) else {}
    return Call(midscene.TOOL, midscene.flattened(kind, param) | intent)


def _refuse_other_keys(given: Iterable[str], allowed: Iterable[str], why: str = "") -> None:
    over = [key for key in given if key not in allowed]
    if over:
        because = f", and {why}" if why else ""
        raise ParseError(
            f'Expected nothing else beside the call, got "{shown(over[0])}"{because}; {_REMEDY}.'
        )


def _value(name: str, raw: str) -> Value:
    """Read a parameter's value; the line breaks that Qwen's template puts around it aren't part of it."""
    text = raw.removeprefix("\n").removesuffix("\n")
    if name in _TEXTS:
        return text
    found = read_all(text)
    if isinstance(found, Json) and not (name in {"keys", "key"} and not isinstance(found.value, list)):
        return found.value
    return text.strip()
