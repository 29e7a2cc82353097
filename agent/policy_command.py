"""`qvl-agent policy`: the guard's policy in force, and where each line of it comes from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.policy import Policy
from qvl_agent.agent.settings import load_settings, sources

__all__ = ["PolicyLine", "policy_lines", "policy_text"]

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One setting of the policy.

    Attributes:
        name: as a file would call it.
        value: as JSON has it.
        source: "default", "flag", the variable's name or the file's path.
    """

    name: str
    value: object
    source: str


def policy_lines(flags: Mapping[str, object], *, file: Path | None = None) -> tuple[PolicyLine, ...]:
    """Put the policy together as a run would, and say where each value comes from.

    Raises:
        SettingsError: as `load_settings` raises it.
    """
    values = load_settings(flags, file=file).policy.model_dump(mode="json")
    found = sources(flags, file=file)
    return tuple(
        PolicyLine(name, values[name], found.get(name, _DEFAULT)) for name in sorted(Policy.model_fields)
    )


def policy_text(lines: tuple[PolicyLine, ...]) -> Iterator[str]:
    """Write the lines as TOML, with the source as a comment."""
    left = [f"{line.name} = {_toml(line.value)}" for line in lines]
    width = max(map(len, left))
    for written, line in zip(left, lines, strict=True):
        yield f"{written:{width}}  # {line.source}"


def _toml(value: object) -> str:
    """Write numbers, strings, and lists of strings or regions; JSON's form of them is TOML's too."""
    match value:
        case list():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
        case _:
            return json.dumps(value, ensure_ascii=False)
