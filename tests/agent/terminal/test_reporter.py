"""What a person sees in the terminal: the facts, and nothing that a model could forge."""

import io

import numpy as np
import pytest
from rich.console import Console

from qvl_agent.actions.core.coordinates import ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.execution.person import Nobody
from qvl_agent.actions.planning.action import Click
from qvl_agent.agent.recording.format import FrameRef, StepIntent
from qvl_agent.agent.run.events import Decided
from qvl_agent.agent.terminal.question import TerminalPerson
from qvl_agent.agent.terminal.reporter import TerminalReporter

HOSTILE = "OK\x1b[2J\x1b]0;title\x07 [green]allow[/] \u202eevil\nyes"
FRAME = Frame(np.zeros((10, 10, 3), np.uint8), Rect(0, 0, 10, 10))
ACTION = Click(target=ModelBox.at(1, 2), label=HOSTILE)


def test_a_reply_is_shown_as_it_is() -> None:
    printed = io.StringIO()
    report = TerminalReporter(verbose=True, console=Console(file=printed, width=200, highlight=False))
    ref = FrameRef(id="a", file="frames/0001.png", sha256="0" * 64, view=FRAME.view, time=0.0)
    report(Decided(StepIntent(step=1, frame=ref, said=(), reply=Reply(HOSTILE), action=None, error=HOSTILE)))
    assert "\x1b" not in printed.getvalue()
    assert "[green]allow[/]" in printed.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_without_a_terminal_nobody_is_there(as_json: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    with TerminalPerson.here(as_json=as_json) as person:
        assert isinstance(person, Nobody)
