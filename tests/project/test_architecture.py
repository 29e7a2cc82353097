"""The rules of the house: who may import whom, and that importing does nothing."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from project import ROOT

ROOMS = ("actions", "prompts", "sandbox", "agent")
MAY_IMPORT = {
    "actions": {"actions"},
    "prompts": {"prompts"},
    "sandbox": {"sandbox", "actions"},
    "agent": {"agent", "sandbox", "actions", "prompts"},
}
NANO_MAY_IMPORT = MAY_IMPORT["sandbox"] | {"agent", "prompts"}
"""What trains a model asks it in the very words of the loop; the rest of the sandbox knows no agent."""
WRAPPERS = (
    "sandbox.apps",
    "sandbox.hosting",
    "sandbox.attacks.windows",
    "actions.desktops.x11",
    "actions.desktops.native",
    "sandbox.nano.making.data",
    "sandbox.nano.making.export",
    "sandbox.nano.making.network",
    "sandbox.nano.making.training",
)
"""What is made of torch, Qt or Xlib throughout; the rest loads them when they are needed."""
NOT_PACKED = ("qvl_agent.sandbox.attacks", "qvl_agent.sandbox.nano.making")
"""What users never run: the attacks, and how nano is made."""
INPUT_LIBRARIES = {"mss", "pyautogui", "pynput", "Xlib"}


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add(node.module or "")
    return names


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("qvl_agent", *(part for part in parts if part != "__init__")))


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    nano = path.is_relative_to(ROOT / "sandbox" / "nano")
    allowed = NANO_MAY_IMPORT if nano else MAY_IMPORT[room]
    for name in imported(path):
        if name.startswith("qvl_agent."):
            assert name.split(".")[1] in allowed, f"{room} imports {name}"
        else:
            assert name.split(".")[0] not in ROOMS, f"{path} imports the bare name {name}"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_of_nano_the_rest_knows_only_where_it_lies(path: Path) -> None:
    """It imports the agent: nothing but its light front module may be imported back."""
    if path.is_relative_to(ROOT / "sandbox" / "nano"):
        return
    assert not {name for name in imported(path) if name.startswith("qvl_agent.sandbox.nano.")}


def test_nanos_front_module_imports_nothing_of_the_project() -> None:
    front = ROOT / "sandbox" / "nano" / "__init__.py"
    assert not {name for name in imported(front) if name.startswith("qvl_agent")}


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_only_the_desktops_touch_screen_and_input(path: Path) -> None:
    if path.is_relative_to(ROOT / "actions" / "desktops"):
        return
    assert not {name.split(".")[0] for name in imported(path)} & INPUT_LIBRARIES


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_model_text_can_never_become_code(path: Path) -> None:
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not calls & {"eval", "exec", "compile", "__import__"}


def test_every_package_on_the_disk_is_packed() -> None:
    """One that is missing from the list works when installed editable, and is absent from the wheel."""
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    on_disk = {dotted(path) for path in modules() if path.name == "__init__.py"}
    assert listed == {name for name in on_disk if not name.startswith(NOT_PACKED)}
    folders = {path.parent for path in modules()}
    assert all((folder / "__init__.py").exists() for folder in folders)


def test_importing_every_module_does_nothing() -> None:
    """No output, no thread, no child, no file written; none of the heavy libraries comes along.

    The modules that wrap such a library are imported too, but after the check for the rest.
    """
    light = [
        dotted(path)
        for path in modules()
        if not any(dotted(path).startswith(f"qvl_agent.{wrapper}") for wrapper in WRAPPERS)
    ]
    program = f"""
import importlib, sys, threading, os
before = set(os.listdir("."))
for name in {light!r}:
    importlib.import_module(name)
libraries = {{"torch", "transformers", "PySide6", "Xlib", "mss", "pyautogui", "pynput", "rapidocr", "cv2"}}
heavy = libraries & set(sys.modules)
assert not heavy, heavy
assert threading.active_count() == 1
assert set(os.listdir(".")) == before
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
