"""Going in circles beside what moves by itself, in a real window: it is noticed, and work isn't flagged."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from scripted_models import DONE, Listening
from ticking_window import Ticking

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import Desktop
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.agent import Agent, Run
from qvl_agent.agent.models import OnText
from qvl_agent.agent.run.checks.dead_ends import END_AT
from qvl_agent.sandbox.display import VirtualDisplay

STEPS = 14
POLICY = Policy(max_steps=STEPS)


def play(desktop: Desktop, model: Listening, runs: Path) -> Run:
    return Agent(desktop, model, runs=runs, policy=POLICY).run("fill it in")


def told(model: Listening) -> list[str]:
    return [messages[-1].text for messages in model.told[1:]]


def test_a_text_typed_into_nothing_beside_a_clock_ends_as_a_dead_end(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    typing = json.dumps({"action": "type", "text": "hello"})
    model = Listening(*[typing] * STEPS, DONE)
    with Ticking(display.environment(), clock_ms=300):
        run = play(desktop, model, tmp_path)
    assert run.status == "stuck", told(model)
    assert run.result.steps <= END_AT + 1
    assert "but for what moves by itself: Type “hello”" in run.result.message
    assert any("times on the very same screen, but for what moves by itself" in each for each in told(model))


class Pondering(Listening):
    """Thinks for a while before its first reply, and asks meanwhile whether to stop, as every model does."""

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        end = time.monotonic() + (0.0 if self.told else 2.6)
        while time.monotonic() < end:
            stop()
            time.sleep(0.03)
        return super().reply(messages, stop=stop, on_text=on_text)


def test_a_text_of_which_nothing_is_seen_is_said_to_be_just_that(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    """What moves is learned while the model thinks, so the first step beside it is already told as it was."""
    typing = json.dumps({"action": "type", "text": "hello"})
    with Ticking(display.environment(), clock_ms=300) as window:
        model = Pondering(typing, DONE)
        run = play(desktop, model, tmp_path)
        assert told(model)[0].startswith(
            "Your last action: type: done. Nothing changed on the screen but what moves by itself, like a "
            "clock: nothing of the typed text is to be seen."
        )
        change = run.recording().steps[0].outcome.outcome.change
        assert change is not None
        assert change.boxes == ()
        assert change.by_itself
        window.do("focus")
        model = Pondering(typing, DONE)
        play(desktop, model, tmp_path)
        assert "The screen changed." in told(model)[0]
        assert window.do("say")["text"] == "hello"


@pytest.mark.nightly
def test_back_and_forth_beside_a_clock_is_a_loop_too(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    with Ticking(display.environment(), clock_ms=300) as window:
        there = json.dumps({"action": "click", "bbox_2d": window.box("idle"), "label": "Idle"})
        back = json.dumps({"action": "press", "keys": ["escape"]})
        model = Listening(*[there, back] * (2 * END_AT), DONE)
        run = play(desktop, model, tmp_path)
    assert run.status == "stuck", told(model)
    assert run.result.steps <= 2 * END_AT + 1


def test_what_works_beside_a_clock_is_work_and_no_loop(
    desktop: Desktop, display: VirtualDisplay, tmp_path: Path
) -> None:
    """The number that a button changes may stand anywhere; the clock beside it moves, and it doesn't."""
    with Ticking(display.environment(), clock_ms=300) as window:
        plus = json.dumps({"action": "click", "bbox_2d": window.box("plus"), "label": "Plus"})
        model = Listening(*[plus] * (END_AT + 1), DONE)
        run = play(desktop, model, tmp_path)
    assert run.status == "done", run.result.message
    assert not any("Note:" in each for each in told(model))
    changes = [step.outcome.outcome.change for step in run.recording().steps[:-1]]
    assert all(changes), "each click changed the number, beside the clock"
