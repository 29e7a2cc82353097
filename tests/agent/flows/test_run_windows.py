"""Where a flow looks, in real windows: in its application's windows and menus, not in what lies over them."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qvl_agent.agent.flows.api import Flow
from qvl_agent.agent.flows.run.record import StepEnded, read_lines
from qvl_agent.agent.flows.run.runner import FlowRun
from qvl_agent.sandbox.apps.chat.state import ChatState
from qvl_agent.sandbox.session import Sandbox, open_sandbox

MUTE = """
steps:
  - click: Alice Moreau
    button: right
  - click: Mute
"""


@pytest.fixture(scope="module")
def opened() -> Iterator[Sandbox]:
    with open_sandbox("chat", seed=1) as sandbox:
        yield sandbox


@pytest.fixture
def chat(opened: Sandbox) -> Sandbox:
    opened.reset(None, 1)
    return opened


def run(text: str, chat: Sandbox, folder: Path) -> FlowRun:
    path = folder / "x.flow.yaml"
    path.write_text(f"flow: x\n{text}")
    return Flow.load(path).run(chat.desktop, runs=folder / "runs")


@pytest.mark.parametrize(
    "where",
    ["app: qvl-agent-sandbox\nwindow: Parley", ""],
    ids=["application and title", "window in front"],
)
def test_a_menu_belongs_to_the_window_that_opened_it(where: str, chat: Sandbox, tmp_path: Path) -> None:
    done = run(where + MUTE, chat, tmp_path)
    assert (done.status, done.result.message) == ("done", "")
    state = chat.state()
    assert isinstance(state, ChatState)
    assert [one.muted for one in state.chats if one.name == "Alice Moreau"] == [True]


def test_a_menu_of_another_program_is_not_the_flows(chat: Sandbox, tmp_path: Path) -> None:
    done = run("app: galculator\nsteps: [{click: Mute, within: 0s}]", chat, tmp_path)
    assert done.status == "failed"
    assert "no window of galculator" in done.result.message


def test_words_in_a_window_that_lies_over_are_not_the_flows(chat: Sandbox, tmp_path: Path) -> None:
    font = ["-fa", "DejaVu Sans Mono", "-fs", "14", "-geometry", "30x4+520+250"]
    shown = "printf 'Chat archived\\n'; exec sleep 600"
    over = subprocess.Popen(["xterm", *font, "-e", "sh", "-c", shown], env=chat.display.environment())
    try:
        while (front := chat.desktop.focused()) is None or front.program != "xterm":
            time.sleep(0.05)
        app = "app: qvl-agent-sandbox\nsteps:\n"
        everywhere = run("app: xterm\nsteps: [wait: {see: Chat archived}]", chat, tmp_path)
        own = "  - check: {see: Olivia Brown, within: 0s}\n"
        gone = run(f"{app}{own}  - check: {{gone: Chat archived, within: 0s}}", chat, tmp_path)
        seen = run(f"{app}  - check: {{see: Chat archived, within: 0s}}", chat, tmp_path)
    finally:
        over.terminate()
        over.wait(10)
    assert everywhere.status == "done", everywhere.result.message
    assert gone.status == "done", gone.result.message
    assert seen.status == "failed"


def test_the_step_that_ends_an_item_is_in_the_record(chat: Sandbox, tmp_path: Path) -> None:
    done = run("steps:\n  - when: 1 == 1\n    steps: [reject: no customer]", chat, tmp_path)
    assert [(item.status, item.message) for item in done.items] == [("business-error", "no customer")]
    steps = [line for line in read_lines(done.folder) if isinstance(line, StepEnded)]
    assert [(step.path, step.words, step.status) for step in steps] == [
        ("steps[0].steps[0]", "end this item, because its data is wrong: no customer", "done"),
        ("steps[0]", "when 1 == 1", "done"),
    ]
