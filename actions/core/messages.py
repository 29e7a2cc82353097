"""The conversation with a model: the messages sent to it, and its reply."""

from dataclasses import dataclass, field
from typing import Literal

from qvl_agent.actions.core.frame import Frame

__all__ = ["Message", "Part", "Reply", "Role"]

Role = Literal["system", "user", "assistant"]
Part = str | Frame
"""A text or a picture."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation: the speaker's role, and the texts and pictures in their order."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The message's texts, joined."""
        return "".join(part for part in self.parts if isinstance(part, str))

    @property
    def pictures(self) -> tuple[Frame, ...]:
        return tuple(part for part in self.parts if isinstance(part, Frame))


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer. Made only by a Model.

    Attributes:
        text: the answer, without the reasoning.
        reasoning: what a thinking model wrote before the answer; "" if nothing.
        finish: why it ended: "stop", "length" (cut off: never an action), or a server's own word.
        prompt_tokens, cached_tokens, reply_tokens: counts; None if the backend doesn't report them.
        times: seconds by name: "first_token", "total", and others that the backend reports.
    """

    text: str
    reasoning: str = ""
    finish: str = "stop"
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    reply_tokens: int | None = None
    times: dict[str, float] = field(default_factory=dict)

    @property
    def only_thoughts(self) -> bool:
        """Return whether the model wrote thoughts and no answer; some servers sort an answer among them."""
        return bool(self.reasoning.strip()) and not self.text.strip()
