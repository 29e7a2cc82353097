"""Whether a server really holds a reply to a JSON schema: many take the request and don't."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from qvl_agent.actions.core.messages import Message
from qvl_agent.agent.models.openai.server import OpenAIModel

__all__ = ["PROBE", "SchemaCheck", "check_schema"]

SchemaCheck = Literal["obeyed", "ignored", "refused", "unfinished"]

_WORD: Final = "by the schema"
PROBE: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "point_2d": {
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 1000},
            "minItems": 2,
            "maxItems": 2,
        },
        "chosen": {"type": "string", "enum": [_WORD]},
    },
    "required": ["point_2d", "chosen"],
    "additionalProperties": False,
}
"""Asks for a key and a word that stand nowhere in the prompt: only a forced reply has them."""


def check_schema(model: OpenAIModel, messages: Sequence[Message], stop: Callable[[], bool]) -> SchemaCheck:
    """Ask with the schema, and look whether the answer could have come without it.

    Raises:
        ModelError, Stopped: as the model's `reply`.
    """
    constrained = model.with_schema(PROBE)
    reply = constrained.reply(messages, stop=stop)
    if constrained.schema_form is None:
        return "refused"
    if reply.finish == "length":
        return "unfinished"
    return "obeyed" if _fits(reply.text) else "ignored"


def _fits(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.keys() == {"point_2d", "chosen"} and value["chosen"] == _WORD
