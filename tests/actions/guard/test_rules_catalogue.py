"""The rules in the code, in the catalogue and on the page are the same, and so are the default numbers."""

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from project import ROOT
from pydantic import ValidationError

from qvl_agent.actions.core.coordinates import ModelBox
from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.guard.catalogue import CATALOGUE, entry_of
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.guard.rules.text import LONG_TEXT
from qvl_agent.actions.planning.action import Scroll, Wait

PAGE = (ROOT / "docs/guard.md").read_text(encoding="utf-8")
CODE = (ROOT / "actions/guard/judge.py", *sorted((ROOT / "actions/guard/rules").glob("*.py")))


def named(node: ast.expr, names: dict[str, str]) -> str:
    """Read a rule's name; what is filled in at run time becomes a star."""
    match node:
        case ast.Constant(value=str(name)):
            return name
        case ast.JoinedStr(values=parts):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in parts)
        case ast.Name(id=name) if name in names:
            return names[name]
        case _:
            return ""


def verdicts(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {**CONSTANTS, "rule": "window-*" if path.stem == "windows" else ""}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            place = {"deny": 0, "Verdict": 1}.get(node.func.id)
            if place is not None and (name := named(node.args[place], names)):
                yield name


def constants(path: Path) -> Iterator[tuple[str, str]]:
    """A rule's name may stand in a constant."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(value))):
                yield name, value


CONSTANTS = dict(constant for path in CODE for constant in constants(path))
IN_CODE = {name for path in CODE for name in verdicts(path)}


def test_every_rule_in_the_code_is_in_the_catalogue() -> None:
    assert len(IN_CODE) > 30
    for name in IN_CODE:
        known = entry_of(name) or any(fnmatchcase(entry.name, name) for entry in CATALOGUE)
        assert known, f"add {name} to actions/guard/catalogue.py and docs/guard.md"


def test_every_rule_in_the_catalogue_is_in_the_code() -> None:
    for entry in CATALOGUE:
        family = f"{entry.name.split('-')[0]}-*"
        assert entry.name in IN_CODE or family in IN_CODE, f"no rule is called {entry.name}"


def test_the_page_names_every_rule_and_no_other() -> None:
    rows = [line.split("|") for line in PAGE.splitlines() if re.match(r"\| (?:\d+|–) \|", line)]
    on_page = {(row[1].strip(), name) for row in rows for name in re.findall(r"`([^`]+)`", row[3])}
    assert on_page == {(str(entry.check or "–"), entry.name) for entry in CATALOGUE}
    assert [row[1].strip() for row in rows] == [*map(str, range(1, 25)), "–"]
    for row in rows:
        tests = re.findall(r"`tests/([\w/]+test_\w+\.py)`", row[5])
        assert tests, row
        assert all((ROOT / "tests" / test).exists() for test in tests), row


@pytest.mark.parametrize(
    ("rule", "levels"),
    [
        ("consequence-pay", (Level.ASK_EVERY,)),
        ("chord-alt+f4", (Level.ASK_ONCE, Level.ASK_EVERY, Level.DENY)),
        ("secret-window", (Level.DENY,)),
        ("secret-bank+mail", (Level.ASK_ONCE,)),
        ("budget-steps", (Level.DENY,)),
    ],
)
def test_an_exact_name_goes_before_a_star(rule: str, levels: tuple[Level, ...]) -> None:
    entry = entry_of(rule)
    assert entry is not None
    assert entry.levels == levels
    assert entry_of("nothing") is None


def test_the_default_numbers() -> None:
    policy = Policy()
    assert (policy.max_steps, policy.max_seconds, policy.max_tokens) == (50, 900, 200_000)
    assert (policy.max_approvals, policy.max_frame_age_s) == (5, 30)
    assert (policy.actions_per_second, policy.burst, LONG_TEXT) == (5, 10, 5_000)
    box = ModelBox.at(1, 1)
    assert (Scroll(target=box, dy=20).dy, Scroll(target=box, dx=-20).dx, Wait(seconds=60).seconds) == (
        20,
        -20,
        60,
    )
    for wrong in ({"dy": 21}, {"dx": -21}):
        with pytest.raises(ValidationError):
            Scroll(target=box, **wrong)
    with pytest.raises(ValidationError):
        Wait(seconds=60.1)
