"""The seam between the agent and a model: messages in, one reply out."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

from qvl_agent.actions.dialects.schema import ReplyFormat
from qvl_agent.actions.errors import SettingsError
from qvl_agent.actions.messages import Message, Reply

__all__ = ["Formable", "Kind", "Model", "OnText", "open_model", "with_format"]

Kind = Literal["transformers", "openai"]
"""transformers: a checkpoint in this process · openai: a server that speaks OpenAI's protocol."""

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


def open_model(
    kind: Kind,
    name: str,
    *,
    base_url: str | None = None,
    api_key: str | None = None,
    max_picture_tokens: int = 2048,
    max_new_tokens: int = 1024,
    temperature: float = 0.0,
    device: str = "auto",
    dtype: str = "auto",
    timeout_s: float = 300.0,
    allow_remote: bool = False,
    local_files_only: bool = False,
) -> Model:
    """Open a model; loading a checkpoint can take a minute.

    Args:
        kind: "transformers" or "openai".
        name: a checkpoint's folder or hub id; or what the server calls its model.
        base_url: the server's address; openai alone, and needed there.
        api_key: for the server; openai alone.
        max_picture_tokens: each picture is resized to at most so many image tokens.
        max_new_tokens: of a reply.
        temperature: 0 decodes greedily.
        device: "auto" or torch's name for one; transformers alone.
        dtype: "auto" or torch's name for one; transformers alone.
        timeout_s: for a whole reply; openai alone.
        allow_remote: let a server that isn't on this machine have the pictures; openai alone.
        local_files_only: never download a checkpoint; transformers alone.

    Raises:
        SettingsError: an unknown kind, no base_url, or a server elsewhere without leave.
        ModelError: the checkpoint can't be found or loaded.
    """
    match kind:
        case "transformers":
            from qvl_agent.agent.models.transformers_local import TransformersModel  # noqa: PLC0415 - heavy

            return TransformersModel(
                name,
                device=device,
                dtype=dtype,
                max_picture_tokens=max_picture_tokens,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                local_files_only=local_files_only,
            )
        case "openai":
            if not base_url:
                raise SettingsError(
                    "the openai backend needs a server's URL, such as http://127.0.0.1:8000/v1"
                )
            from qvl_agent.agent.models.openai_server import OpenAIModel  # noqa: PLC0415 - heavy

            return OpenAIModel(
                base_url,
                name,
                api_key=api_key,
                max_picture_tokens=max_picture_tokens,
                max_new_tokens=max_new_tokens,
                temperature=temperature,
                timeout_s=timeout_s,
                allow_remote=allow_remote,
            )
        case _:
            raise SettingsError(f"no model backend {kind!r}; choose transformers or openai")
