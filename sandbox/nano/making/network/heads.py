"""The heads that teach the tower: plain linear layers on what the language model is given of a cell."""

import math
from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from qvl_agent.sandbox.nano.making.network.targets import FLAGS, IGNORED, PLACES, ROLES, Targets
from qvl_agent.sandbox.nano.making.network.tower import linear
from qvl_agent.sandbox.nano.making.shape import GRID

__all__ = ["COARSE", "CODE", "Heads", "as_tensors", "code"]

CODE: Final = 32
"""The width of a coordinate's code."""
_WORD: Final = 96
_SOME: Final = 300
"""Boxes that are read back to say how many are right."""
_CODED: Final = 8.0
"""How much a code's distance counts beside what is said of the widget."""
_HERE: Final = 8.0
"""The same of the place of the cell itself, which keeps a box from being taken for one a cell away."""
_NAMED: Final = {"word": 0.3, "row": 0.05, "value": 0.1}
"""How much its names count."""
_READ: Final = 0.5
"""How much it counts whether the number that is read from a cell's own code is right: what the language
model will do. A code that is nearly right may still be read as a place one cell away."""
_SPREAD: Final = 3.0
"""How far a right number's weight is spread over its neighbours, in thousandths."""
COARSE: Final = 24
_FINEST: Final = 100.0
_COARSEST: Final = 2000.0
"""How many of a code's numbers say about where a coordinate is, and their wavelengths, in thousandths."""
_FINE: Final = ((0.5, 1.0, 2.0), (0.5, 1.0, 2.0, 3.0))
"""Waves a cell, across and down, that say where in its cell. They begin anew with each cell or two, so that a
place within one looks the same wherever the cell is."""


class Heads(nn.Module):
    """Says of each of a cell's five places what it shows."""

    numbers: Tensor
    spread: Tensor

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.parts = [len(ROLES), 2 * len(FLAGS), _WORD, _WORD, _WORD, 4 * CODE]
        self.says = nn.Linear(width, PLACES * sum(self.parts))
        self.words = nn.Linear(_WORD, words)
        self.where = nn.Linear(width, 2 * COARSE)
        both = [code(torch.arange(1000.0), axis) for axis in (0, 1)]
        spread = torch.exp(-((torch.arange(1000.0)[:, None] - torch.arange(1000.0)) ** 2) / (2 * _SPREAD**2))
        self.register_buffer("spread", spread / spread.sum(1, keepdim=True), persistent=False)
        self.register_buffer("numbers", torch.stack(both * 2), persistent=False)

    def forward(self, seen: Tensor, targets: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Sum the losses, and say each, and some shares of right answers.

        Args:
            seen: cells of shape (n, width).
            targets: by the names of `Targets`' fields, of shape (n, 5, ...).
        """
        said: dict[str, float] = {}
        weights = targets["weights"]
        parts = torch.split(linear(seen, self.says).view(len(seen), PLACES, -1), self.parts, -1)
        role, flags, *named, boxes = parts
        total = _judge("role", role, targets["role"], weights, said)
        flags = flags.reshape(*flags.shape[:-1], len(FLAGS), 2)
        each = weights[..., None].expand(targets["flags"].shape)
        total = total + _judge("flags", flags, targets["flags"], each, said)
        for name, part in zip(("word", "row", "value"), named, strict=True):
            known = targets[name] != IGNORED
            logits = linear(part[known], self.words)
            total = total + _NAMED[name] * _judge(name, logits, targets[name][known], weights[known], said)
        coded = boxes.reshape(len(seen), PLACES, 4, CODE)
        total = total + self._far(coded, targets["boxes"], weights, said)
        return total + _HERE * self._lost(seen, targets["middle"]), said

    def _lost(self, seen: Tensor, middle: Tensor) -> Tensor:
        """How far a cell is from knowing where it is itself."""
        here = linear(seen, self.where).float().view(len(seen), 2, COARSE)
        wanted = self.numbers[torch.arange(2, device=middle.device), middle][..., :COARSE]
        return (here - wanted).pow(2).mean()

    def _far(self, coded: Tensor, boxes: Tensor, weights: Tensor, said: dict[str, float]) -> Tensor:
        """How far the coordinates' codes are from the right ones.

        Says the share of cells whose own widget has its middle in the box that is read back from them.
        """
        known = boxes != IGNORED
        if not known.any():
            return coded.float().sum() * 0
        sides = torch.arange(4, device=boxes.device).expand(boxes.shape)[known]
        weight = weights[..., None].expand(boxes.shape)[known]
        far = (coded[known].float() - self.numbers[sides, boxes[known]]).pow(2).mean(-1)
        total = _CODED * (far * weight).sum() / weight.sum()
        own = known[:, -1].all(-1)
        if own.any():
            coded, boxes = coded[own, -1], boxes[own, -1]
            likely = torch.einsum("nsc,skc->nsk", coded.float(), self.numbers).log_softmax(-1)
            total = total - _READ * (self.spread[boxes] * likely).sum(-1).mean()
            with torch.no_grad():
                said["hits"] = float(self.hits(coded[:_SOME], boxes[:_SOME]).float().mean())
        return total

    def own(self) -> Tensor:
        """What reads all there is to know of a cell's own widget: shape (n, width)."""
        return self.says.weight.detach().view(PLACES, sum(self.parts), -1)[-1]

    def reading(self) -> Tensor:
        """What reads the code of each side of a cell's own widget: shape (4, CODE, width)."""
        return self.own()[-4 * CODE :].view(4, CODE, -1)

    def hits(self, coded: Tensor, boxes: Tensor) -> Tensor:
        """Say of which boxes the middle lies in the right one: codes (n, 4, CODE), right numbers (n, 4)."""
        found = torch.einsum("nsc,skc->nsk", coded.float(), self.numbers).argmax(-1)
        middle = (found[:, :2] + found[:, 2:]) / 2
        return ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(-1)


def code(numbers: Tensor, axis: int) -> Tensor:
    """Write coordinates from 0 to 999 as waves, across (axis 0) or down (1): shape (n, CODE).

    The coarse waves come first and are the same for both axes.
    """
    coarse = _FINEST * (_COARSEST / _FINEST) ** (torch.arange(COARSE // 2) / (COARSE // 2 - 1))
    cell = 1000 / GRID[1 - axis]
    fine = torch.tensor([cell / waves for waves in _FINE[axis]])
    parts = [_waves(numbers, coarse), _waves(numbers, fine) * math.sqrt(2)]
    written = torch.cat(parts, -1)
    return F.pad(written, (0, CODE - written.shape[1]))


def _waves(numbers: Tensor, lengths: Tensor) -> Tensor:
    angles = numbers[:, None] * 2 * torch.pi / lengths
    return torch.cat([angles.cos(), angles.sin()], -1)


def _judge(name: str, logits: Tensor, wanted: Tensor, weights: Tensor, said: dict[str, float]) -> Tensor:
    """The weighted cross entropy where the answer is known; says the weighted share of right ones."""
    known = wanted != IGNORED
    if not known.any():
        return logits.float().sum() * 0
    logits, wanted, weights = logits[known].float(), wanted[known], weights[known]
    with torch.no_grad():
        said[name] = float(((logits.argmax(-1) == wanted) * weights).sum() / weights.sum())
    return (F.cross_entropy(logits, wanted, reduction="none") * weights).sum() / weights.sum()


def as_tensors(targets: Targets) -> dict[str, Tensor]:
    """Turn a picture's targets into tensors."""
    names = ("role", "word", "row", "value", "flags", "boxes", "weights", "middle")
    return {name: torch.from_numpy(getattr(targets, name)) for name in names}
