"""Write a flow as YAML for people: block style, what is small in braces, quotes only where needed."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from qvl_agent.actions.core.errors import FlowError
from qvl_agent.agent.flows.script.flow import Flow
from qvl_agent.agent.flows.script.steps import STEP_KINDS
from qvl_agent.agent.flows.tree import TreeError, parse

__all__ = ["as_yaml"]

SCHEMA: Final = "qvl-flow-1.json"
"""The schema's file in the package; `qvl-agent flow schema` prints it."""
_FLOW_KEYS: Final = (
    *("flow", "version", "app", "window", "variables", "data", "secrets", "aliases"),
    *("on_popup", "steps", "output"),
)
_STEP_KEYS: Final = ("name", *STEP_KINDS, "button", "count", "keys", "once", "then", "within")
_TIMES: Final = frozenset({"within", "pause"})
_PLAIN: Final = re.compile(r"[^\W\d_](?:[^\n\r\t:#{}\[\],&*!|<>\"%`$\\]*[^\s:#{}\[\],&*!|<>\"%`$\\])?")
"""Texts that need no quotes, in braces neither."""
_WORDS: Final = frozenset({"yes", "no", "on", "off", "y", "n", "true", "false", "null", "next_item"})
_INPUT_KEYS: Final = ("into", "text", "clear", "enter", "lines")
_SHORT: Final = 100
"""Characters up to which a mapping is written in braces."""


def as_yaml(
    flow: Flow, notes: Sequence[str] = (), comments: Mapping[int, Sequence[str]] | None = None
) -> str:
    """Return a flow as YAML that reads back as the same flow.

    Args:
        flow: the flow.
        notes: lines of comment at the top.
        comments: lines of comment before steps, by their place from 0.

    Raises:
        FlowError: the library that writes YAML isn't installed, or the flow doesn't read back as it is.
    """
    try:
        from ruamel.yaml import YAML  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise FlowError("flows need more packages: pip install 'qvl-agent[flows]'") from error
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    whole = _mapping(_ordered(_plain(flow), _FLOW_KEYS), flat=False)
    for place, lines in (comments or {}).items():
        text = "\n".join(_comment(line) for line in lines)
        whole["steps"].yaml_set_comment_before_after_key(place, before=text, indent=2)
    head = [f"yaml-language-server: $schema={SCHEMA}", *(_comment(line) for line in notes)]
    for unicode in (True, False):  # what can't be seen is refused in a file, so it is escaped
        yaml.allow_unicode = unicode
        file = io.StringIO()
        yaml.dump(whole, file)
        text = "".join(f"# {line}\n" for line in head) + file.getvalue()
        if _reads_as(text, flow):
            return text
    raise FlowError("the flow can't be written so that it reads back as it is; please report this")


def _reads_as(text: str, flow: Flow) -> bool:
    try:
        return Flow.model_validate(parse(text.encode()).data()) == flow
    except (TreeError, ValidationError):
        return False


def _comment(line: str) -> str:
    """Return a line that ends where it ends: what was read on a screen can't begin another one."""
    seen = "".join(letter if letter.isprintable() else " " for letter in line)
    return " ".join(seen.split())


def _plain(value: Any) -> Any:
    """Return a model as plain data, in the short forms that a person would write."""
    if isinstance(value, BaseModel):
        found = {
            field.alias or name: _plain(getattr(value, name))
            for name, field in type(value).model_fields.items()
            if getattr(value, name) != field.get_default(call_default_factory=True)
        }
        return next(iter(found.values())) if tuple(found) in {("text",), ("default",)} else _timed(found)
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    return value


def _timed(found: dict[str, Any]) -> dict[str, Any]:
    for name in _TIMES & found.keys():
        found[name] = f"{found[name]:g}s"
    if isinstance(then := found.get("then"), list) and len(then) == 1:
        found["then"] = then[0]
    return found


def _ordered(found: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    others = [key for key in found if key not in keys]
    return {key: found[key] for key in (*keys, *others) if key in found}


def _mapping(found: dict[str, Any], *, flat: bool) -> Any:
    from ruamel.yaml.comments import CommentedMap  # noqa: PLC0415 - an extra

    made = CommentedMap()
    for key, value in found.items():
        made[_text(key)] = _node(value, within=key)
    if flat:
        made.fa.set_flow_style()
    return made


def _node(value: Any, within: str) -> Any:
    if isinstance(value, dict):
        value = _ordered(value, _INPUT_KEYS) if within == "type" else value
        flat = within not in {"variables", "aliases"} and _short(value)
        return _mapping(value, flat=flat)
    if isinstance(value, list):
        return _sequence(value, steps=within in {"steps", "else", "on_error"})
    return _text(value) if isinstance(value, str) else value


def _sequence(values: list[Any], *, steps: bool) -> Any:
    from ruamel.yaml.comments import CommentedSeq  # noqa: PLC0415 - an extra

    made = CommentedSeq()
    for value in values:
        if steps and isinstance(value, dict):
            made.append(_mapping(_ordered(value, _STEP_KEYS), flat=False))
        else:
            made.append(_node(value, within=""))
    if not any(isinstance(value, (dict, list)) for value in values):
        made.fa.set_flow_style()
    return made


def _short(value: dict[str, Any]) -> bool:
    texts = [one for one in value.values() if isinstance(one, str)]
    return len(str(value)) <= _SHORT and not any("\n" in text for text in texts)


def _text(text: str) -> Any:
    """Return a text to write; in double quotes where it has braces or could be taken for something else."""
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString  # noqa: PLC0415 - an extra

    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else DoubleQuotedScalarString(text)
