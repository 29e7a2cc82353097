"""A model that repeats recorded replies: for replays, tests and examples."""

from collections.abc import Callable, Sequence

from qvl_agent.actions.core.errors import ModelError, Stopped
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.agent.models import Model, OnText

__all__ = ["RecordedModel"]


class RecordedModel(Model):
    """A model that answers with the given replies, in their order.

    Attributes:
        name: the name of the model that gave the replies, as in the record.
    """

    def __init__(self, replies: Sequence[Reply], name: str = "recorded") -> None:
        self.name = name
        self._replies = tuple(replies)
        self._next = 0

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Return the next reply, whatever the messages are.

        Raises:
            ModelError: no reply is left.
            Stopped: `stop` returned True.
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
        """Do nothing: nothing is held."""
