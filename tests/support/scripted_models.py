"""Models that answer what a test wrote down, and what they were told."""

import time
from collections.abc import Callable, Sequence

from qvl_agent.actions.core.errors import Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.models import OnText
from qvl_agent.agent.models.recorded import RecordedModel
from qvl_agent.agent.run.events import RunEvent, Warned

CLICK = '{"action": "click", "bbox_2d": [400, 400, 500, 500], "label": "middle"}'


DONE = '{"action": "done", "summary": "it is so"}'


class Listening(RecordedModel):
    """Scripted replies; keeps what it was told, and may do something before it answers."""

    def __init__(self, *texts: str, meanwhile: Callable[[], None] = lambda: None, **fields: str) -> None:
        super().__init__([Reply(text, **fields) for text in texts], "scripted")
        self.told: list[tuple[Message, ...]] = []
        self._meanwhile = meanwhile

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        self.told.append(tuple(messages))
        self._meanwhile()
        return super().reply(messages, stop=stop, on_text=on_text)

    @property
    def last_words(self) -> str:
        return self.told[-1][-1].text


class Warnings:
    """A subscriber that keeps what the person was warned of."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def __call__(self, event: RunEvent) -> None:
        if isinstance(event, Warned):
            self.warnings.append(event.sentence)


class Thinking(RecordedModel):
    """Thinks until it is stopped, or too long; something happens meanwhile."""

    def __init__(self, meanwhile: Callable[[], object], *texts: str) -> None:
        super().__init__([Reply(text) for text in texts or (DONE,)], "scripted")
        self._meanwhile = meanwhile
        self.waited = 0.0

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        self._meanwhile()
        start = time.monotonic()
        while (spent := time.monotonic() - start) < (10.0 if self.expects_stop else 0.3):
            if stop():
                self.waited = spent
                raise Stopped("stopped while the model was at work")
            time.sleep(0.001)
        return super().reply(messages, stop=stop, on_text=on_text)

    expects_stop = True
