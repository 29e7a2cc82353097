"""A server on loopback that looks at the pictures it is sent, finds what is asked for, and answers.

It knows each word's colour, and nothing else of the screens. How it misbehaves is up to each test: what it
does to the picture before it looks, how it writes numbers, and what it makes of its reply.
"""

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageOps
from stream_server import Answer, Answering, StreamServer, delta, ending, serving, whole

from qvl_agent.agent.doctor.pointing.screens import COLOURS

Point = tuple[float, float]
Size = tuple[int, int]


def grid(point: Point, size: Size) -> tuple[float, ...]:
    """As Qwen3-VL answers."""
    return tuple(round(1000 * at / side) for at, side in zip(point, size, strict=True))


def as_it_is(picture: Image.Image) -> Image.Image:
    return picture


def shrinking(side: int) -> Callable[[Image.Image], Image.Image]:
    """Shrink a larger picture to so many pixels on its longer side."""

    def shrink(picture: Image.Image) -> Image.Image:
        return ImageOps.contain(picture, (side, side)) if max(picture.size) > side else picture

    return shrink


def squared(picture: Image.Image) -> Image.Image:
    """Add black bars to a square."""
    return ImageOps.pad(picture, (max(picture.size),) * 2)


@dataclass
class Seeing:
    """One way to behave.

    Attributes:
        sees: what happens to a picture before it is looked at; its tokens are counted after.
        writes: how a point in a picture of some size becomes numbers.
        says: what becomes of the answer: its text; may be anything.
        key, finish: where the reply is put, and how it ends.
        counts: whether it says how many tokens there were.
        caches: whether it keeps the last prompt; None if it doesn't say.
        schema: what it does with a schema: "obeys", "ignores", "refuses".
        tile: pixels of an image token's side.
    """

    sees: Callable[[Image.Image], Image.Image] = as_it_is
    writes: Callable[[Point, Size], tuple[float, ...]] = grid
    says: Callable[[str], str] = str
    key: str = "content"
    finish: str = "stop"
    counts: bool = True
    caches: bool | None = True
    schema: str = "obeys"
    tile: int = 32
    pages: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._kept: list[tuple[str, int]] = []

    def __call__(self, to: Answering) -> None:
        self.answer(to.asked.body)(to)

    def answer(self, body: dict[str, Any]) -> Answer:
        asked = "by the schema" in json.dumps(body.get("response_format"))
        if "response_format" in body and self.schema == "refuses":
            return whole({"error": {"message": "response_format is not supported"}}, 400)
        parts = list(_parts(body))
        text = "".join(part for part in parts if isinstance(part, str))
        pictures = [part["url"] for part in parts if isinstance(part, dict)]
        if not pictures:
            reply = "Where? I see no picture."
        else:
            reply = self._pointed(text, pictures[-1], obey=asked and self.schema == "obeys")
        usage = self._usage(parts) if self.counts else {}
        events = (delta(**{self.key: reply}), ending(self.finish), {"choices": [], "usage": usage})

        def send(to: Answering) -> None:
            to.head()
            for event in events:
                to.event(event)
            to.event("[DONE]")
            to.end()

        return send

    def _pointed(self, text: str, url: str, *, obey: bool) -> str:
        word = re.findall(r'Task: Click the .*"(\w+)"', text)[-1]
        left, top, right, bottom = found(url, self.sees, word)
        picture = looked_at(url, self.sees)
        if obey:
            middle = grid(((left + right) / 2, (top + bottom) / 2), picture.size)
            return json.dumps({"point_2d": middle, "chosen": "by the schema"})
        numbers = [*self.writes((left, top), picture.size), *self.writes((right, bottom), picture.size)]
        if '"name": "computer_use"' in text:
            point = [(numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2]
            call = {"name": "computer_use", "arguments": {"action": "left_click", "coordinate": point}}
            return self.says(f"Action: click {word}\n<tool_call>\n{json.dumps(call)}\n</tool_call>")
        return self.says(json.dumps({"action": "click", "bbox_2d": numbers, "label": word}))

    def _usage(self, parts: list[str | dict[str, Any]]) -> dict[str, Any]:
        """Count the prompt, and how much of its beginning is that of the last one."""
        counted = [
            (part, len(part) // 4)
            if isinstance(part, str)
            else (part["url"], self._tokens(looked_at(part["url"], self.sees)) + 2)
            for part in parts
        ]
        same = 0
        for old, new in zip(self._kept, counted, strict=False):
            if old[0] != new[0]:
                break
            same += new[1]
        self._kept = counted
        usage: dict[str, Any] = {
            "prompt_tokens": sum(count for _, count in counted),
            "completion_tokens": 30,
        }
        if self.caches is not None:
            usage["prompt_tokens_details"] = {"cached_tokens": same if self.caches else 0}
        return usage

    def _tokens(self, picture: Image.Image) -> int:
        return round(picture.width * picture.height / self.tile**2)


def seen(picture: Image.Image, word: str) -> tuple[int, int, int, int]:
    """Find a word's colour: left, top, and one past right and bottom.

    The edges of other words can have it too, a pixel here and there: only what lies around the middle of
    all counts.
    """
    off = np.abs(np.asarray(picture, np.int16) - np.array(COLOURS[word], np.int16)).max(axis=2)
    rows, columns = np.nonzero(off < 30)
    assert rows.size, f"nothing of {word}'s colour in the picture"
    near = np.hypot(rows - np.median(rows), columns - np.median(columns)) < 120
    rows, columns = rows[near], columns[near]
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _parts(body: dict[str, Any]) -> Iterator[str | dict[str, Any]]:
    for message in body["messages"]:
        content = message["content"]
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            yield part["text"] if part["type"] == "text" else part["image_url"]


@lru_cache(32)
def looked_at(url: str, sees: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """Decode a picture, and see it as this server does. Kept, because many tests show the same."""
    return sees(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))).convert("RGB"))


@lru_cache(512)
def found(url: str, sees: Callable[[Image.Image], Image.Image], word: str) -> tuple[int, int, int, int]:
    return seen(looked_at(url, sees), word)


@contextmanager
def seeing(how: Seeing) -> Iterator[StreamServer]:
    with serving(how) as server:
        server.pages = {path: whole(page) for path, page in how.pages.items()}
        yield server
