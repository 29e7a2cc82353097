"""The public names: each package's own list, docs/api.md, and what can be imported are the same."""

import importlib
import re
import subprocess
import sys

import pytest
from project import ROOT

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
SECTIONS = dict(
    re.findall(r"^## `(qvl_agent[\w.]*)`\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL)
)
FACES = {
    ".".join(("qvl_agent", *path.parent.relative_to(ROOT).parts))
    for room in ("actions", "agent", "sandbox")
    for path in (ROOT / room).rglob("__init__.pyi")
}


def on_page(package: str) -> list[str]:
    paragraphs = SECTIONS[package].strip().split("\n\n")
    return re.findall(r"`(\w+)`", paragraphs[-1])


@pytest.mark.parametrize("package", SECTIONS)
def test_a_packages_names_are_sorted_there_and_on_the_page(package: str) -> None:
    module = importlib.import_module(package)
    assert list(module.__all__) == sorted(module.__all__) == on_page(package)
    assert all(getattr(module, name) is not None for name in module.__all__)
    assert not [name for name in module.__all__ if name.startswith("_")]


def test_every_package_with_a_public_face_is_on_the_page() -> None:
    assert len(FACES) >= 10
    assert set(SECTIONS) >= FACES
    assert len(SECTIONS) >= 15


def test_importing_a_face_imports_nothing_behind_it() -> None:
    program = "import sys, qvl_agent.actions.core, qvl_agent.agent.run, qvl_agent.sandbox\n"
    program += "print([name for name in sys.modules if name.startswith('qvl_agent.') and '.frame' in name])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
