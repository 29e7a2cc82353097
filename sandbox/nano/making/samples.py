"""The classes of the training data: runs, their pictures, and each picture's widgets and questions."""

import io
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from qvl_agent.actions.core.frame import Pixels
from qvl_agent.sandbox.nano.making.shape import CELL, PICTURE

__all__ = ["Episode", "Item", "Question", "Shot"]

_SIZE: Final = slice(16, 24)
"""Where a PNG file has its width and height, four bytes each."""


@dataclass(frozen=True, slots=True)
class Item:
    """A widget in a picture, as `protocol.Node`; `box` is (left, top, right, bottom), from 0 to 1."""

    id: str
    role: str
    label: str
    box: tuple[float, float, float, float]
    state: dict[str, bool | int | str]


@dataclass(frozen=True, slots=True)
class Question:
    """Another task for the same picture, as if it were a run's first: the instruction and the right reply."""

    instruction: str
    reply: str


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of a run, in the size in which the model sees it, with its widgets and questions."""

    png: bytes
    items: tuple[Item, ...]
    questions: tuple[Question, ...]

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height in px."""
        stated = self.png[_SIZE]
        return int.from_bytes(stated[:4], "big"), int.from_bytes(stated[4:], "big")

    @property
    def grid(self) -> tuple[int, int]:
        """Return the rows and columns of image tokens."""
        return self.size[1] // CELL, self.size[0] // CELL

    @property
    def whole(self) -> bool:
        """Whether it shows the whole screen, not a close-up."""
        return self.size == PICTURE

    def pixels(self) -> Pixels:
        """Decode the PNG to RGB bytes, shape (height, width, 3)."""
        return np.array(Image.open(io.BytesIO(self.png)).convert("RGB"))


@dataclass(frozen=True, slots=True)
class Episode:
    """One run of the oracle.

    Attributes:
        app, task, seed: The task.
        text: The whole conversation as the model gets it, with the replies, in ChatML, with one
            <|image_pad|> for each picture.
        shots: Its pictures, in order.
        finished: Whether the oracle ended it, and rightly (rightly failed, if the task can't be done).
        slips: The numbers of the replies that miss on purpose. They aren't learnt, what follows them is.
    """

    app: str
    task: str
    seed: int
    text: str
    shots: tuple[Shot, ...]
    finished: bool
    slips: tuple[int, ...] = ()
