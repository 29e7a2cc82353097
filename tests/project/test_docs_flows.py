"""The page about running flows: its first commands in their order, its scripts, and the snippets for CI."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from called import called
from project import ROOT

from qvl_agent.agent.cli.main import main

PAGE = (ROOT / "docs" / "flows-run.md").read_text(encoding="utf-8")
CI = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[list[str]]:
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder after the page's first commands."""
    folder = tmp_path_factory.mktemp("page")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    for said in commands(blocks("sh")[0]):
        runs = [str(path) for path in folder.glob("runs/*/")]
        words = [word for each in said for word in (runs if each == "runs/*/" else [each])]
        done = called(words, folder, environment)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    return folder


def test_the_first_commands_make_a_flow_that_runs(made: Path) -> None:
    assert (made / "visit.flow.yaml").exists()
    assert list((made / "visit.lock" / "pictures").glob("*.png"))


@pytest.mark.parametrize(
    "words", [each for block in blocks("sh")[1:] for each in commands(block)], ids=" ".join
)
def test_the_other_commands_are_understood(words: list[str]) -> None:
    command: click.Command = main
    context = None
    while isinstance(command, click.Group):
        name, *words = words
        command = command.commands[name]
    context = command.make_context("flow", words)
    assert context.params["file"]


@pytest.mark.parametrize("script", blocks("python"))
def test_the_scripts_run(script: str, made: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(made)}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=made,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip()


def test_the_ci_snippets_test_the_flows(made: Path, tmp_path: Path) -> None:
    """Both run the same line, over a good flow and a damaged one."""
    said = re.findall(r"(?:- run: |- )(pytest flows/.*)", CI)
    assert len(said) == 2
    (line,) = set(said)
    flows = tmp_path / "flows"
    flows.mkdir()
    shutil.copy(made / "visit.flow.yaml", flows)
    shutil.copytree(made / "visit.lock", flows / "visit.lock")
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *shlex.split(line)[1:]]
    good = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert good.returncode == 0, good.stdout + good.stderr
    assert (tmp_path / "flow-report" / "index.html").exists()
    assert (tmp_path / "flows.xml").exists()
    text = (flows / "visit.flow.yaml").read_text(encoding="utf-8")
    (flows / "visit.flow.yaml").write_text(text + "  - clik: nothing\n", encoding="utf-8")
    bad = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240)
    assert bad.returncode == 1, bad.stdout + bad.stderr
    assert "did you mean click" in bad.stdout
