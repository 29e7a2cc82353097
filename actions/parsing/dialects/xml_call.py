"""The XML tool call of Qwen3.5 and later; every value is text, and nothing in it is escaped.

    <function=computer_use><parameter=action>left_click</parameter>
    <parameter=coordinate>[491, 91]</parameter></function>

Values that aren't texts are read as JSON. A value whose `</parameter>` is missing ends at the next
tag, unless it is a text to type, whose end would then be a guess.
"""

import re
from typing import Final

from qvl_agent.actions.parsing.dialects.call import Call
from qvl_agent.actions.parsing.strict_json import Budget, Flaw, Json, Value, read_all

__all__ = ["read"]

_NAME: Final = re.compile(r"\s*+([\w.-]{1,64})\s*+>")
_NEXT: Final = re.compile(r"\s*+(?:(<parameter=)|</function>|</tool_call>)")
_TAG: Final = re.compile(r"</parameter>|<parameter=|</?function\b|</?tool_call>")
_TEXTS: Final = frozenset({"text", "question", "summary", "reason", "label", "intent"})
"""Parameters that are taken word for word."""
_DESCRIBING: Final = frozenset({"label", "intent"})


def read(text: str, at: int, budget: Budget) -> Call | Flaw:
    """Read the call whose `<function=` ends at `at`."""
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


def _value(name: str, raw: str) -> Value:
    """Read a value: the template puts it on lines of its own, which aren't part of it."""
    text = raw.removeprefix("\n").removesuffix("\n")
    if name in _TEXTS:
        return text
    found = read_all(text)
    if isinstance(found, Json) and not (name in {"keys", "key"} and not isinstance(found.value, list)):
        return found.value
    return text.strip()
