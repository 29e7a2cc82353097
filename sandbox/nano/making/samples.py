"""What the training data consists of: runs, the pictures in them, and what is on those."""

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from qvl_agent.actions.core.frame import Pixels
from qvl_agent.sandbox.nano.making.shape import CELL, PICTURE

__all__ = ["Episode", "Item", "Question", "Shot"]

_SIZE: Final = slice(16, 24)
"""Where a PNG says its width and height, four bytes each."""


@dataclass(frozen=True, slots=True)
class Item:
    """A widget in a picture: what it is, its label, its state, and (left, top, right, bottom) in it, 0-1."""

    id: str
    role: str
    label: str
    box: tuple[float, float, float, float]
    state: dict[str, bool | int | str]


@dataclass(frozen=True, slots=True)
class Question:
    """Another task for the same picture, as a run's first: the instruction and the right reply."""

    instruction: str
    reply: str


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a run, as large as the model sees it, and what is on it."""

    png: bytes
    items: tuple[Item, ...]
    questions: tuple[Question, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        stated = self.png[_SIZE]
        return int.from_bytes(stated[:4], "big"), int.from_bytes(stated[4:], "big")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of image tokens."""
        return self.size[1] // CELL, self.size[0] // CELL

    @property
    def whole(self) -> bool:
        """Whether it shows the whole screen, and isn't a close-up."""
        return self.size == PICTURE

    def pixels(self) -> Pixels:
        """Decode it: RGB of shape (height, width, 3)."""
        return np.array(Image.open(io.BytesIO(self.png)).convert("RGB"))


@dataclass(frozen=True, slots=True)
class Episode:
    """One run: `text` is the whole conversation as the model gets it, with the right replies in it.

    Attributes:
        app, task, seed: what was to be done.
        text: in ChatML, with one <|image_pad|> for each picture.
        shots: its pictures in their order.
        finished: whether the oracle ended it, and rightly; its task may be one that can't be done.
        slips: the replies, by their number, that miss on purpose; what is learnt is what comes after them.
    """

    app: str
    task: str
    seed: int
    text: str
    shots: tuple[Shot, ...]
    finished: bool
    slips: tuple[int, ...] = ()
