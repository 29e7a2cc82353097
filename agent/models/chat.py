"""The chat format of Qwen3-VL: its markers, its ChatML, and the end of its thinking."""

import json
import re
from collections.abc import Sequence
from typing import Final

from qvl_agent.actions.core.messages import Message

__all__ = [
    "END_OF_THINKING",
    "IMAGE_PAD",
    "THINK",
    "answer_in",
    "chatml",
    "plain",
    "split_server_text",
    "split_thinking",
]

IMAGE_PAD: Final = "<|image_pad|>"
"""The marker of one image token; a rendered prompt has one for each picture."""
PICTURE: Final = f"<|vision_start|>{IMAGE_PAD}<|vision_end|>"
THINK: Final = "<think>"
END_OF_THINKING: Final = "</think>"
_MARKER: Final = re.compile(r"<\|(\w+)\|>")
_END_LINE: Final = re.compile(r"^[ \t]*</think>[ \t]*$", re.MULTILINE)
_ANSWER_START: Final = re.compile(r"\s*(?:[{\[]|```|<tool_call>)")
_MAX_CANDIDATES: Final = 50


def plain(text: str) -> str:
    """Make control markers in a text harmless: <|im_end|> becomes <|im_end |>.

    A tokenizer reads the markers wherever they stand, so a file name on the screen could otherwise end
    our turn and begin another role's, or shift which pictures belong where.
    """
    return _MARKER.sub(r"<|\1 |>", text)


def chatml(messages: Sequence[Message]) -> str:
    """Render a conversation as Qwen3-VL-Instruct's own template does, for a checkpoint without one."""
    turns = (f"<|im_start|>{message.role}\n{_content(message)}<|im_end|>\n" for message in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


def _content(message: Message) -> str:
    return "".join(plain(part) if isinstance(part, str) else PICTURE for part in message.parts)


def split_thinking(text: str) -> tuple[str, str]:
    """Split a thinking model's text into (reasoning, answer); without </think> all of it is reasoning."""
    reasoning, _, answer = text.removeprefix(THINK).partition(END_OF_THINKING)
    return reasoning.strip(), answer.strip()


def split_server_text(text: str) -> tuple[str, str]:
    """Split the content of a server's reply into (reasoning, answer), if the server didn't split it.

    Whether the prompt ended in an open <think> isn't known here. A </think> counts only on a line of
    its own, before anything that looks like an answer: inside typed text it is just text.
    """
    if text.lstrip().startswith(THINK):
        return split_thinking(text.lstrip())
    if (end := _END_LINE.search(text)) and not _ANSWER_START.match(text):
        return text[: end.start()].strip(), text[end.end() :].strip()
    return "", text


def answer_in(reasoning: str) -> str:
    """Find the whole answer at the end of a reasoning, where some servers put it; "" if there is none.

    Only a complete tool call or JSON value that ends the text counts; the parser decides whether it is a
    valid action.
    """
    text = reasoning.strip()
    if text.endswith("</tool_call>") and (start := text.rfind("<tool_call>")) >= 0:
        return text[start:]
    text = text.removesuffix("```").rstrip()
    for start in [match.start() for match in re.finditer(r"^[ \t]*[{\[]", text, re.MULTILINE)][
        -_MAX_CANDIDATES:
    ]:
        if _is_json(text[start:]):
            return text[start:].strip()
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
