"""The JSON schema of a flow's file, by which editors complete and check what is written.

It is made from the classes of `script/`, and says what a file may say: a target as a text or as keys, one
expectation or several, 20s for a time. Draft 2020-12. What it can't say, `check` finds.
"""

import ast
import inspect
import itertools
import json
import textwrap
from typing import Any, Final

from pydantic import BaseModel

from qvl_agent.agent.flows.script.flow import Data, Flow, Handler, Output, Variable
from qvl_agent.agent.flows.script.steps import STEP_CLASSES, Ask, Drag, Input, Read, Scroll
from qvl_agent.agent.flows.script.targets import Expectation, Target

__all__ = ["FILE", "schema", "schema_text"]

FILE: Final = "qvl-flow-1.json"
"""The name of the schema's file in the package."""

_NAMES: Final[dict[type[BaseModel], str]] = {
    Drag.Way: "DragWay",
    Scroll.Way: "ScrollWay",
    Read.What: "ReadWhat",
    Ask.Question: "Question",
}
_CLASSES: Final[list[type[BaseModel]]] = [
    *(Flow, Handler, Data, Output, Variable, Target, Expectation, Input),
    *_NAMES,
    *STEP_CLASSES.values(),
]
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": 1000}
_SHORT: Final[dict[str, dict[str, Any]]] = {
    "Target": _TEXT,
    "Expectation": _TEXT,
    "Data": _TEXT,
    "Question": _TEXT,
    "Variable": {"type": ["string", "number", "boolean", "null"]},
}
"""What may stand in a file instead of a class's keys."""
_CONDITIONS: Final = ("when", "while", "wait")
_ONE_OF_KEYS: Final = {
    "Target": ("text", "near", "image", "region", "describe"),
    "Expectation": ("see", "gone", "target", "window", "changed", "file", "that"),
    "ScrollWay": ("down", "right"),
}
"""Keys of which a class needs at least one."""


def schema() -> dict[str, Any]:
    """Return the schema of a flow's file."""
    made = _named_shortly(Flow.model_json_schema(by_alias=True))
    described = {_name(cls): _docs(cls) for cls in _CLASSES}
    parts = made.pop("$defs")
    for name, part in {**parts, "Flow": made}.items():
        for key, about in described[name].items():
            if key in part.get("properties", {}):
                part["properties"][key]["description"] = about
    steps = [{"$ref": f"#/$defs/{_name(cls)}"} for cls in STEP_CLASSES.values()]
    parts["Step"] = {"title": "Step", "description": "One step.", "anyOf": [*steps, {"const": "next_item"}]}
    parts = {name: _tidied(part, steps) for name, part in parts.items()}
    for name, keys in _ONE_OF_KEYS.items():
        parts[name]["anyOf"] = [{"required": [key]} for key in keys]
    parts["Expectation"]["dependentRequired"] = {"contains": ["file"], "value": ["target"]}
    parts["ReadWhat"]["oneOf"] = [{"required": ["near"]}, {"required": ["target"]}]
    for name, short in _SHORT.items():
        keyed = parts[name]
        parts[name] = {key: keyed.pop(key) for key in ("title", "description")}
        parts[name]["anyOf"] = [short, {"$ref": f"#/$defs/{name}Keys"}]
        parts[f"{name}Keys"] = keyed
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_tidied(made, steps),
        "$defs": dict(sorted(parts.items())),
    }


def schema_text() -> str:
    """Return the schema as the text of its file."""
    return json.dumps(schema(), ensure_ascii=False, indent=1) + "\n"


def _named_shortly(made: dict[str, Any]) -> dict[str, Any]:
    """Give the nested classes the names that they have here; pydantic's are those of modules."""
    text = json.dumps(made)
    for key in made["$defs"]:
        for cls, name in _NAMES.items():
            if key == cls.__name__ or key.endswith(cls.__qualname__.replace(".", "__")):
                text = text.replace(f'"{key}"', f'"{name}"').replace(f'/{key}"', f'/{name}"')
    named: dict[str, Any] = json.loads(text)
    return named


def _name(cls: type[BaseModel]) -> str:
    return _NAMES.get(cls, cls.__name__)


def _docs(cls: type[BaseModel]) -> dict[str, str]:
    """Return what the docstrings below a class's fields say, by the fields' names in a file."""
    found: dict[str, str] = {}
    for base in reversed(
        [each for each in cls.__mro__ if issubclass(each, BaseModel) and each is not BaseModel]
    ):
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(base))).body
        lines = body.body if isinstance(body, ast.ClassDef) else []
        for field, below in itertools.pairwise(lines):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                name = field.target.id
                alias = cls.model_fields[name].alias or name if name in cls.model_fields else name
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
                    found[alias] = " ".join(str(below.value.value).split())
    return found


def _tidied(part: Any, steps: list[dict[str, str]]) -> Any:
    """Write a part of pydantic's schema as a file may say it."""
    if isinstance(part, list):
        return [_tidied(each, steps) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("oneOf") == steps:
        return {"$ref": "#/$defs/Step"}
    kept = {key: _tidied(value, steps) for key, value in part.items()}
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    if "properties" in kept:
        kept["properties"] = {key: _said(key, value) for key, value in kept["properties"].items()}
    return kept


def _said(key: str, said: dict[str, Any]) -> dict[str, Any]:
    """Write one key: nothing is written for nothing, one expectation without a list."""
    nothing = {"type": "null"}
    if nothing in said.get("anyOf", ()):
        options = [each for each in said.pop("anyOf") if each != nothing]
        said = {**said, **(options[0] if len(options) == 1 else {"anyOf": options})}
        said.pop("default", None)
    if key in _CONDITIONS:  # a text alone is an expression, or a time
        texts = [{"type": "boolean"}] if key != "wait" else []
        options = [each for each in said.pop("oneOf") if "$ref" not in each]
        said["anyOf"] = [*options, *texts, {"$ref": "#/$defs/ExpectationKeys"}]
    if key == "then":
        several = {name: said.pop(name) for name in ("type", "items", "minItems") if name in said}
        said["anyOf"] = [{"$ref": "#/$defs/Expectation"}, several]
    return said
