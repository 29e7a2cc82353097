"""The flows in examples/, in real windows: what they did is judged by the application's data and the files.

A share of each runs every day, all of its items at night.
"""

import csv
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from project import ROOT

from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.agent.flows.api import Flow
from qvl_agent.agent.flows.check import check
from qvl_agent.agent.flows.consequences import trust_in
from qvl_agent.agent.flows.queue.data import rows
from qvl_agent.agent.flows.reading import load
from qvl_agent.agent.flows.run.runner import FlowRun
from qvl_agent.sandbox.apps.chat.state import ChatState
from qvl_agent.sandbox.apps.form.state import FormState
from qvl_agent.sandbox.display import VirtualDisplay
from qvl_agent.sandbox.session import open_sandbox

EXAMPLES = ROOT / "examples"
NAMES = ("chats", "letters", "sums", "visits")
START_S = 60.0
AT_NIGHT = [pytest.mark.nightly, pytest.mark.timeout(3600)]


def share_and_all(share: str) -> pytest.MarkDecorator:
    """Run a test with these items, and at night with all."""
    every = pytest.param(None, id="all", marks=AT_NIGHT)
    return pytest.mark.parametrize("only", [pytest.param(share, id="share"), every])


@contextmanager
def program(name: str, home: Path) -> Iterator[Desktop]:
    """Start a program on a display of its own, with settings of its own."""
    home.mkdir()
    with VirtualDisplay((1280, 800)) as display, closing(open_local(display.name)) as desktop:
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "LC_ALL": "C.UTF-8"}
        running = subprocess.Popen([name], env={**display.environment(), **own}, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + START_S
            while (front := desktop.focused()) is None or front.program != name:
                assert time.monotonic() < end, f"{name} didn't come up"
                assert running.poll() is None, f"{name} ended"
                time.sleep(0.05)
            yield desktop
        finally:
            running.terminate()
            running.wait(10)


def copy(name: str, folder: Path) -> Path:
    """Copy an example, as it writes beside itself, and return its flow."""
    shutil.copytree(EXAMPLES / name, folder / name)
    return folder / name / f"{name}.flow.yaml"


def run(
    path: Path, desktop: Desktop, only: str | None, variables: Mapping[str, str] | None = None
) -> FlowRun:
    """Run a flow as `--trust` does."""
    return Flow.load(path).run(
        desktop,
        variables=variables,
        only=only,
        queue=path.parent / "queue.sqlite",
        runs=path.parent / "runs",
        trust=trust_in(load(path)),
    )


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def ended(done: FlowRun) -> dict[str, tuple[str, str]]:
    """How each item ended, with the message of one that didn't end well."""
    return {item.key: (item.status, item.message) for item in done.items}


def chosen(expected: Mapping[str, tuple[str, str]], only: str | None) -> dict[str, tuple[str, str]]:
    keys = only.split(",") if only else list(expected)
    return {key: expected[key] for key in expected if key in keys}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_no_mistake_and_says_how_it_is_run(name: str) -> None:
    assert [str(mistake) for mistake in check(EXAMPLES / name / f"{name}.flow.yaml")] == []
    readme = (EXAMPLES / name / "README.md").read_text()
    assert len(readme.splitlines()) <= 12
    assert f"qvl-agent flow run examples/{name}/{name}.flow.yaml" in readme


def test_every_example_is_tried_here() -> None:
    assert sorted(path.parent.name for path in EXAMPLES.glob("*/*.flow.yaml")) == list(NAMES)


@share_and_all("V-102,V-104,V-109")
def test_visits(tmp_path: Path, only: str | None) -> None:
    path = copy("visits", tmp_path)
    visitors = {
        str(row["number"]): row
        for row in (each.values for each in rows(path.parent / "visitors.xlsx", "number", ""))
    }
    bad = {
        "V-104": "the form doesn't take the address ines.duarte at mail.example",
        "V-109": "row V-109 has no name",
        "V-117": "the form doesn't take the address karl.braun at mail.example",
        "V-123": "the form doesn't take the day 2019-05-01",
        "V-131": "the form doesn't take the address nobody",
    }
    expected = {key: ("business-error", bad[key]) if key in bad else ("done", "") for key in visitors}
    with open_sandbox("form", task="register-visit", seed=1) as sandbox:
        done = run(path, sandbox.desktop, only)
        state = sandbox.state()
    assert ended(done) == chosen(expected, only)
    assert isinstance(state, FormState)
    good = [visitors[key] for key, (status, _) in chosen(expected, only).items() if status == "done"]
    registered = [(visit.name, visit.email, visit.day) for visit in state.view.registered]
    assert registered == [(row["name"], row["email"], row["day"]) for row in good]
    written = table(path.parent / "registered.csv")
    letter, number = state.reference.split("-")
    references = [f"{letter}-{int(number) + count}" for count in range(len(good))]
    assert [line["reference"] for line in written if line["status"] == "done"] == references


@share_and_all("Alice Moreau,Wendy Zhao,Nobody Home")
@pytest.mark.nightly
def test_chats(tmp_path: Path, only: str | None) -> None:
    path = copy("chats", tmp_path)
    names = [line["name"] for line in table(path.parent / "chats.csv")]
    bad = {
        "Wendy Zhao": "Wendy Zhao is pinned, so it stays as it is",
        "Nobody Home": "there is no chat with Nobody Home",
    }
    expected = {name: ("business-error", bad[name]) if name in bad else ("done", "") for name in names}
    with open_sandbox("chat", seed=1) as sandbox:
        before = sandbox.state()
        done = run(path, sandbox.desktop, only)
        after = sandbox.state()
    assert ended(done) == chosen(expected, only)
    assert isinstance(before, ChatState)
    assert isinstance(after, ChatState)
    muted = {name for name, (status, _) in chosen(expected, only).items() if status == "done"}
    for chat in before.chats:
        if chat.name in muted:
            chat.muted, chat.unread = True, 0
    assert after.chats == before.chats
    assert {line["name"]: line["status"] for line in table(path.parent / "muted.csv")} == {
        name: status for name, (status, _) in chosen(expected, only).items()
    }


@pytest.mark.skipif(not shutil.which("galculator"), reason="needs galculator: make test installs it")
@share_and_all("S-4,S-5,S-6")
@pytest.mark.nightly
def test_sums(tmp_path: Path, only: str | None) -> None:
    path = copy("sums", tmp_path)
    results = {
        "S-1": "50", "S-2": "42", "S-3": "14", "S-4": "inf", "S-5": "23.5",
        "S-6": "", "S-7": "-10", "S-8": "110", "S-9": "15", "S-10": "0.75",
    }  # fmt: skip
    bad = {"S-4": "1 / 0 has no result", "S-6": "row S-6 has no sum"}
    expected = {key: ("business-error", bad[key]) if key in bad else ("done", "") for key in results}
    with program("galculator", tmp_path / "home") as desktop:
        done = run(path, desktop, only)
    assert ended(done) == chosen(expected, only)
    written = {line["number"]: line["result"] for line in table(path.parent / "results.csv")}
    assert written == {key: results[key] for key in chosen(expected, only)}


@pytest.mark.skipif(not shutil.which("l3afpad"), reason="needs l3afpad: make test installs it")
@share_and_all("clara.txt,kira.txt")
@pytest.mark.nightly
def test_letters(tmp_path: Path, only: str | None) -> None:
    path = copy("letters", tmp_path)
    letters = table(path.parent / "letters.csv")
    bad = {
        "kira.txt": "there is no letter kira.txt",
        "mona.txt": "“Lena” is in “Lena Vogt”, which would be replaced for ever",
    }
    expected = {
        line["file"]: ("business-error", bad[line["file"]]) if line["file"] in bad else ("done", "")
        for line in letters
    }
    folder = path.parent / "letters"
    wanted = {each.name: each.read_text() for each in folder.iterdir()}
    for line in letters:
        if line["file"] not in bad and line["file"] in chosen(expected, only):
            wanted[line["file"]] = wanted[line["file"]].replace(line["old"], line["new"])
    with program("l3afpad", tmp_path / "home") as desktop:
        done = run(path, desktop, only, {"folder": str(folder)})
    assert ended(done) == chosen(expected, only)
    assert {each.name: each.read_text() for each in folder.iterdir()} == wanted
