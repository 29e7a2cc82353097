"""The seam between the agent and a model: messages in, one reply out."""

from collections.abc import Callable, Sequence
from typing import Protocol

from qvl_agent.actions.messages import Message, Reply

__all__ = ["Model", "OnText"]

OnText = Callable[[str], None]
"""Gets the reply's text as it comes, piece by piece."""


class Model(Protocol):
    """Something that looks at pictures and answers.

    Attributes:
        name: what the record calls it: "oracle", "Qwen/Qwen3-VL-4B-Instruct", a server's model.
    """

    name: str

    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Answer the conversation's last turn.

        Args:
            messages: the whole conversation, append-only from step to step.
            stop: asked at least every 100 ms; when it says yes, the work is dropped.
            on_text: gets the text as it comes.

        Raises:
            ModelError: it can't be reached, or what came isn't a whole reply.
            Stopped: `stop` said so.
        """
        ...

    def close(self) -> None:
        """Let go of memory and connections. May be called twice."""
        ...
