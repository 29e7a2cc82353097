"""A run of scripted replies on a real display, beneath a window that keeps every event it gets."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from event_window import EventWindow, held

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.desktops import Desktop
from qvl_agent.agent import Agent, Run
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.recorded import RecordedModel

CLICK = '{"action": "click", "bbox_2d": [400, 400, 500, 500], "label": "middle"}'
CALL = '{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [450, 450]}}'
DONE = '{"action": "done", "summary": "it is so"}'
FAIL = '{"action": "fail", "reason": "enough"}'
CLICKED = [("button down", 1), ("button up", 1)]


class Scripted(RecordedModel):
    """Gives the replies in their order, and keeps what it was told; `meanwhile` runs before each."""

    def __init__(self, *replies: str | Reply, meanwhile: Callable[[int], None] = lambda _: None) -> None:
        super().__init__([one if isinstance(one, Reply) else Reply(one) for one in replies], "scripted")
        self.told: list[tuple[Message, ...]] = []
        self._meanwhile = meanwhile

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        self.told.append(tuple(messages))
        self._meanwhile(len(self.told))
        return super().reply(messages, stop=stop, on_text=on_text)

    @property
    def last_words(self) -> str:
        return self.told[-1][-1].text


class Rig:
    """Runs on a desktop, and what a client of its server got of them."""

    def __init__(self, desktop: Desktop, display: str, window: EventWindow, runs: Path) -> None:
        self.desktop = desktop
        self.display = display
        self.window = window
        self._runs = runs

    def run(self, model: Any, task: str = "do it", **setup: Any) -> Run:
        return Agent(self.desktop, model, runs=self._runs, **setup).run(task)

    def sent(self) -> list[tuple[str, int]]:
        """Every input that the window got since the last call; and nothing may be held after it."""
        assert held(self.display) == ([], 0)
        return self.window.inputs(motions=True)

    def clicks_and_keys(self) -> list[tuple[str, int]]:
        """The same without the pointer's way."""
        assert held(self.display) == ([], 0)
        return self.window.inputs()


@contextmanager
def rig_on(desktop: Desktop, display: str, runs: Path) -> Iterator[Rig]:
    with EventWindow(display) as window:
        yield Rig(desktop, display, window, runs)
