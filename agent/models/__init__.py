"""The interface between the agent and a model: messages in, one reply out."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat

__all__ = ["Model", "OnText"]

OnText = Callable[[str], None]
"""A function that gets the reply's text piece by piece, and a thinking model's thoughts before it."""


class Model(Protocol):
    """A model that looks at pictures and answers.

    A backend subclasses it and implements `reply` and `close`; the other methods have defaults.

    Attributes:
        name: its name in records: "oracle", "Qwen/Qwen3-VL-4B-Instruct", a server's model.
    """

    name: str

    @abstractmethod
    def reply(
        self, messages: Sequence[Message], *, stop: Callable[[], bool], on_text: OnText | None = None
    ) -> Reply:
        """Answer the conversation's last turn.

        Args:
            messages: the whole conversation, append-only from step to step.
            stop: called at least every 100 ms; once it returns True, the work is abandoned.
            on_text: called with each piece of the text.

        Raises:
            ModelError: the model can't be reached, or its reply isn't whole.
            Stopped: `stop` returned True.
        """

    def with_format(self, form: ReplyFormat) -> "Model":
        """Return a model of the same weights or server whose replies keep to a format, as far as it can.

        A reply still has to be read strictly: a server may ignore the format that it was asked for.
        """
        del form
        return self

    def picture_tokens(self, size: tuple[int, int]) -> int | None:
        """Return the image tokens that a picture of (width, height) pixels costs; None if it isn't known."""
        del size
        return None

    @property
    def loading(self) -> float | None:
        """Return the share of it that is loaded, from 0 to 1, while it can't answer yet; None once it can."""
        return None

    @property
    def memory_bytes(self) -> int | None:
        """Return the bytes of memory that it takes on this machine now; None if it runs elsewhere."""
        return None

    @abstractmethod
    def close(self) -> None:
        """Release memory and connections. May be called twice."""
