"""The oracle: a stand-in for a model that solves the sandbox's tasks from the widget tree, not the pixels.

It replies in Qwen3-VL's own formats. It shows that everything except the model works, and makes nano's
training data. It can do nothing but the sandbox's tasks.
"""

import time
from collections.abc import Callable, Sequence
from typing import Self

from qvl_agent.actions.core.coordinates import View
from qvl_agent.actions.core.errors import CoordinateError, ModelError, Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects import as_points, format_action
from qvl_agent.sandbox.session import Sandbox
from qvl_agent.sandbox.tasks.widget_actions import WidgetActions

__all__ = ["Oracle"]


class Oracle:
    """A model that solves one sandbox's task.

    Attributes:
        name: "oracle".
        target_ids: For each reply, the ids of the widgets that it presses, one for each press.
        loading: None: it can answer at once.
        memory_bytes: None: it has no weights.
    """

    loading: float | None = None
    memory_bytes: int | None = None

    def __init__(self, sandbox: Sandbox, dialect: str = "grounded") -> None:
        self.name = "oracle"
        self.target_ids: list[tuple[str, ...]] = []
        self._sandbox, self._dialect = sandbox, dialect
        self._points = dialect == "computer_use"  # it names a point, not a box

    def reply(
        self,
        messages: Sequence[Message],
        *,
        stop: Callable[[], bool],
        on_text: Callable[[str], None] | None = None,
    ) -> Reply:
        """Reply with the task's next action, in the coordinates of the last picture.

        Raises:
            ModelError: The messages have another task than the sandbox's, or no picture, or the widget
                can't be pointed at in it.
            Stopped: `stop` returned True.
        """
        if stop():
            raise Stopped("stopped while the oracle was asked")
        instruction = self._sandbox.instruction
        if not any(instruction in message.text for message in messages):
            raise ModelError(f"the oracle knows one task on this desktop: say {instruction!r}")
        start = time.perf_counter()
        actions = WidgetActions(_last_view(messages), self._sandbox.tree())
        try:
            action = self._sandbox.exercise.next_action(actions, self._sandbox.state())
            text = format_action(as_points(action) if self._points else action, self._dialect)
        except (CoordinateError, ValueError) as error:
            raise ModelError(f"the oracle can't say what to do: {error}") from error
        self.target_ids.append(tuple(actions.target_ids))
        if on_text is not None:
            on_text(text)
        return Reply(text=text, times={"total": time.perf_counter() - start})

    def with_format(self, form: object) -> Self:
        """Return itself: it replies in one format anyway."""
        del form
        return self

    def picture_tokens(self, size: tuple[int, int]) -> int | None:
        """Return None: pictures cost it nothing."""
        del size
        return None

    def close(self) -> None:
        """Do nothing: whoever opened the sandbox closes it."""


def _last_view(messages: Sequence[Message]) -> View:
    for message in reversed(messages):
        if message.pictures:
            return message.pictures[-1].view
    raise ModelError("the oracle was asked without a picture")
