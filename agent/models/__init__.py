"""The seam between the agent and a model: messages in, one reply out."""

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat

__all__ = ["Formable", "Model", "OnText", "with_format"]

OnText = Callable[[str], None]
"""Gets the reply's text as it comes, piece by piece, and a thinking model's thoughts before it."""


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


@runtime_checkable
class Formable(Protocol):
    """A model whose replies can be kept to a format while they are written."""

    def with_format(self, form: ReplyFormat) -> Model:
        """Make a model of the same weights or server that keeps to the format as far as it can."""
        ...


def with_format(model: Model, form: ReplyFormat) -> Model:
    """Keep a model's replies to a format if it can do that; the model as it is otherwise.

    Either way a reply still has to be read strictly: a server may ignore what it was asked for.
    """
    return model.with_format(form) if isinstance(model, Formable) else model
