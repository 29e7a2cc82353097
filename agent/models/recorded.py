"""A model that says again what was recorded: for replays, tests and examples."""

from collections.abc import Callable, Sequence

from qvl_agent.actions.core.errors import ModelError, Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.models import Model, OnText

__all__ = ["RecordedModel"]


class RecordedModel(Model):
    """Answers with the given replies, in their order.

    Attributes:
        name: the model that gave the replies, as the record calls it.
    """

    def __init__(self, replies: Sequence[Reply], name: str = "recorded") -> None:
        self.name = name
        self._replies = tuple(replies)
        self._next = 0

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Give the next reply, whatever was said.

        Raises:
            ModelError: there is none left.
            Stopped: `stop` said so.
        """
        del messages
        if stop():
            raise Stopped("stopped while the model was at work")
        if self._next == len(self._replies):
            raise ModelError(
                f"the recording has {self._next} replies and the run asks for one more; record it again"
            )
        reply = self._replies[self._next]
        self._next += 1
        if on_text is not None:
            on_text(reply.text)
        return reply

    def close(self) -> None:
        """Nothing to let go of."""
