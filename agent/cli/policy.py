"""The lines of `qvl-agent policy`: the policy in force, the source of each line, and every rule."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.catalogue import CATALOGUE, RuleEntry
from qvl_agent.actions.guard.judge import apply_profile
from qvl_agent.actions.guard.policy import Policy, Profile
from qvl_agent.actions.reading.rapidocr import Ocr, installed
from qvl_agent.agent.settings import load_settings, sources

__all__ = ["PolicyLine", "RuleLine", "policy_lines", "policy_text", "rule_lines", "rule_text"]

_DEFAULT = "default"
_SAID = {
    Level.ALLOW: "allow",
    Level.NOTICE: "notice",
    Level.ASK_ONCE: "ask once",
    Level.ASK_EVERY: "ask every time",
    Level.DENY: "deny",
}


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """One setting of the policy.

    Attributes:
        name: the setting's name in a settings file.
        value: a value that JSON can hold.
        source: "default", "flag", the variable's name or the file's path.
    """

    name: str
    value: object
    source: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """One rule of the guard, with its levels in the profile in force.

    Attributes:
        rule: the name that verdicts give it; a star stands for the rest of the name.
        levels: the levels that it may give, such as ("ask once", "deny").
        about: what the rule is about.
    """

    rule: str
    levels: tuple[str, ...]
    about: str


def policy_lines(flags: Mapping[str, object], *, file: Path | None = None) -> tuple[PolicyLine, ...]:
    """Build the policy as a run would, and find where each value comes from.

    Raises:
        SettingsError: as `load_settings` raises it.
    """
    values = load_settings(flags, file=file).policy.model_dump(mode="json")
    found = sources(flags, file=file)
    return tuple(
        PolicyLine(name, values[name], found.get(name, _DEFAULT)) for name in sorted(Policy.model_fields)
    )


def rule_lines(flags: Mapping[str, object], *, file: Path | None = None) -> tuple[RuleLine, ...]:
    """List every rule of the guard, and in a last line whether the text on targets is read.

    Raises:
        SettingsError: as `load_settings` raises it.
    """
    settings = load_settings(flags, file=file)
    rules = [RuleLine(entry.name, _levels(entry, settings.profile), entry.about) for entry in CATALOGUE]
    source = sources(flags, file=file).get("ocr", _DEFAULT)
    about = f"the text on a target counts beside its label ({source})"
    return (*rules, RuleLine("ocr", (_ocr(settings.ocr),), about))


def _levels(entry: RuleEntry, profile: Profile) -> tuple[str, ...]:
    levels = (apply_profile(Verdict(level, entry.name, ""), profile).level for level in entry.levels)
    return tuple(dict.fromkeys(_SAID[level] for level in levels))


def _ocr(ocr: Ocr) -> str:
    if ocr == "never":
        return "off"
    return "on" if installed() else "not installed"


def rule_text(lines: tuple[RuleLine, ...]) -> Iterator[str]:
    """Write the rules as TOML comments, so that the whole output stays a valid settings file."""
    yield ""
    yield "# the rules, the strictest wins:"
    names, levels = max(len(line.rule) for line in lines), max(len(", ".join(line.levels)) for line in lines)
    for line in lines:
        yield f"# {line.rule:{names}}  {', '.join(line.levels):{levels}}  {line.about}"


def policy_text(lines: tuple[PolicyLine, ...]) -> Iterator[str]:
    """Write the policy's lines as TOML, each with its source as a comment."""
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
