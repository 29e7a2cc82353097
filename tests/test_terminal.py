"""What a person sees in the terminal: the facts, and nothing that a model could forge."""

import io

import numpy as np
import pytest
from rich.console import Console

from qvl_agent.actions.coordinates import DesktopPoint, ModelBox, Rect
from qvl_agent.actions.frame import Frame
from qvl_agent.actions.messages import Reply
from qvl_agent.actions.outcome import Level, Verdict
from qvl_agent.actions.person import Nobody, Question
from qvl_agent.actions.schema import Click
from qvl_agent.agent.terminal import TerminalPerson, TerminalWatch
from qvl_agent.sandbox.record import FrameRef, StepIntent

HOSTILE = "OK\x1b[2J\x1b]0;title\x07 [green]allow[/] \u202eevil\nyes"
FRAME = Frame(np.zeros((10, 10, 3), np.uint8), Rect(0, 0, 10, 10))
ACTION = Click(target=ModelBox.at(1, 2), label=HOSTILE)


class Lines(io.StringIO):
    """A terminal's two ends: what is typed there, and what is printed."""

    def isatty(self) -> bool:
        return True


def person(monkeypatch: pytest.MonkeyPatch, typed: str) -> tuple[TerminalPerson, Lines]:
    monkeypatch.setattr("sys.stdin", Lines(typed))
    printed = Lines()
    return TerminalPerson(Console(file=printed, width=200, highlight=False)), printed


def question(level: Level = Level.ASK_ONCE) -> Question:
    return Question(ACTION, Verdict(level, "chord-close", "it closes a window"), FRAME, DesktopPoint(3, 4))


@pytest.mark.parametrize(
    ("typed", "said"),
    [("yes\n", "yes"), ("Y\n", "yes"), ("\n", "no"), ("", "no"), ("no\n", "no"), ("s\n", "stop")],
)
def test_only_a_typed_yes_is_a_yes(typed: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, printed = person(monkeypatch, typed)
    assert asked.approve(question()).said == said
    assert "it closes a window" in printed.getvalue()
    assert "(3, 4)" in printed.getvalue()


def test_a_label_cannot_steer_the_terminal_or_forge_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, printed = person(monkeypatch, "no\n")
    asked.approve(question())
    shown = printed.getvalue()
    assert "[green]allow[/]" in shown, "markup is shown, not obeyed"
    assert "\x1b[2J" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "⟨U+001B⟩" in shown
    assert not any(line.strip() == "yes" for line in shown.splitlines())


def test_a_reply_is_shown_as_it_is() -> None:
    printed = io.StringIO()
    watch = TerminalWatch(verbose=True, console=Console(file=printed, width=200, highlight=False))
    ref = FrameRef(id="a", file="frames/0001.png", sha256="0" * 64, view=FRAME.view, time=0.0)
    watch.decided(StepIntent(step=1, frame=ref, said=(), reply=Reply(HOSTILE), action=None, error=HOSTILE))
    assert "\x1b" not in printed.getvalue()
    assert "[green]allow[/]" in printed.getvalue()


def test_without_a_terminal_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))
    assert isinstance(TerminalPerson.here(as_json=False), Nobody)
