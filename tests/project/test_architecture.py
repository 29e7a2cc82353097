"""The rules of the house that import-linter's contracts (`make lint`) can't state."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from project import ROOT

ROOMS = ("actions", "prompts", "sandbox", "agent")
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


def modules() -> list[Path]:
    return sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("qvl_agent", *(part for part in parts if part != "__init__")))


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
heavy = {{name for name in libraries & set(sys.modules) if type(sys.modules[name]).__name__ != "_LazyModule"}}
assert not heavy, heavy
assert threading.active_count() == 1
assert set(os.listdir(".")) == before
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("modules", "late"),
    [
        # Nothing is sent before the watchdog is ready, so its own process has to start quickly ...
        ("qvl_agent.actions.desktops.x11.watcher.watcher", {"numpy", "PIL", "qvl_agent.actions.planning"}),
        # ... and it is started before what only the run itself needs is imported.
        (
            "qvl_agent.agent.opening, qvl_agent.agent.cli.runner, qvl_agent.agent.cli.secret_values",
            {
                *("rich", "httpx2", "psutil", "jinja2", "qvl_agent.agent.run.agent"),
                *("qvl_agent.actions.guard.judge", "qvl_agent.agent.recording.format"),
                *("qvl_agent.agent.models.choice.auto", "qvl_agent.sandbox.session"),
            },
        ),
    ],
)
def test_what_is_needed_later_is_imported_later(modules: str, late: set[str]) -> None:
    program = f"import sys, {modules}; print(sorted({late!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


FORBIDDEN = {
    "actions/guard/policy.py": "qvl_agent.actions.desktops.protocol",
    "actions/screen/sanity.py": "qvl_agent.actions.planning.keys",
    "actions/execution/person.py": "Xlib",
    "agent/models/recorded.py": "qvl_agent.agent.settings",
    "agent/run/history.py": "qvl_agent.agent.models.openai.server",
    "agent/recording/steps.py": "qvl_agent.agent.run.history",
    "agent/report/page.py": "qvl_agent.actions.desktops.x11.capture",
    "sandbox/oracle.py": "qvl_agent.agent.opening",
    "sandbox/session.py": "qvl_agent.sandbox.attacks.scenario",
    "sandbox/display.py": "qvl_agent.sandbox.nano.making.samples",
    "sandbox/nano/__init__.py": "qvl_agent.actions.core.frame",
}
"""An import that each contract forbids, and where it is tried."""


def test_each_contract_finds_what_it_forbids(tmp_path: Path) -> None:
    """A copy of the house with a forbidden import in each of these modules; as it is, `make lint` passes."""
    for path in modules():
        copy = tmp_path / "qvl_agent" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8")
        name = FORBIDDEN.get(path.relative_to(ROOT).as_posix())
        copy.write_text(f"{text}\nimport {name}\n" if name else text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tmp_path), "COLUMNS": "300"},
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        assert f"{contract['name']} BROKEN" in done.stdout, done.stdout
