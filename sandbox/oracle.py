"""A stand-in for a model: it reads the sandbox's widget tree and answers in Qwen3-VL's own formats.

It shows that everything but the model works, and gives examples of right answers. It solves the
sandbox's tasks and nothing else, and never sees the picture's pixels.
"""

import time
from collections.abc import Callable, Sequence
from typing import Self

from qvl_agent.actions.core.coordinates import View
from qvl_agent.actions.core.errors import CoordinateError, ModelError, Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects import as_points, format_action
from qvl_agent.sandbox.session import Sandbox
from qvl_agent.sandbox.tasks.widget_actions import Hand

__all__ = ["Oracle"]


class Oracle:
    """A model for one sandbox.

    Attributes:
        name: "oracle".
        aimed: for each answer, the ids of the widgets that it means to press on, one for each press.
    """

    def __init__(self, sandbox: Sandbox, dialect: str = "grounded") -> None:
        self.name = "oracle"
        self.aimed: list[tuple[str, ...]] = []
        self._sandbox, self._dialect = sandbox, dialect
        self._points = dialect == "computer_use"  # which names a place, not a box

    def reply(
        self,
        messages: Sequence[Message],
        *,
        stop: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Answer with the task's next action, over the last picture.

        Raises:
            ModelError: it was given another task than the sandbox's, or no picture, or it can't point
                at the widget in it.
            Stopped: `stop` said so.
        """
        if stop():
            raise Stopped("stopped while the oracle was asked")
        instruction = self._sandbox.instruction
        if not any(instruction in message.text for message in messages):
            raise ModelError(f"the oracle knows one task on this desktop: say {instruction!r}")
        start = time.perf_counter()
        hand = Hand(_last_view(messages), self._sandbox.tree())
        try:
            action = self._sandbox.exercise.next_action(hand, self._sandbox.state())
            text = format_action(as_points(action) if self._points else action, self._dialect)
        except (CoordinateError, ValueError) as error:
            raise ModelError(f"the oracle can't say what to do: {error}") from error
        self.aimed.append(tuple(hand.aimed))
        if on_text is not None:
            on_text(text)
        return Reply(text=text, times={"total": time.perf_counter() - start})

    def with_format(self, form: object) -> Self:
        """Return itself: it answers in one format anyway."""
        del form
        return self

    def picture_tokens(self, size: tuple[int, int]) -> int | None:
        """Return None: pictures cost it nothing."""
        del size
        return None

    def close(self) -> None:
        """Do nothing: the sandbox is its owner's to close."""


def _last_view(messages: Sequence[Message]) -> View:
    for message in reversed(messages):
        if message.pictures:
            return message.pictures[-1].view
    raise ModelError("the oracle was asked without a picture")
