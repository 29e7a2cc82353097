"""The heads of the first stage, which teach the tower: linear layers on the tower's output for each cell.

Also the code by which coordinates are written as waves.
"""

import math
from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from qvl_agent.sandbox.nano.making.network.targets import FLAGS, IGNORED, PLACES_PER_CELL, ROLES, Targets
from qvl_agent.sandbox.nano.making.network.tower import apply_linear
from qvl_agent.sandbox.nano.making.shape import GRID

__all__ = ["COARSE_WIDTH", "CODE_WIDTH", "Heads", "as_tensors", "encode_coordinates"]

CODE_WIDTH: Final = 32
"""The width of a coordinate's code."""
COARSE_WIDTH: Final = 24
"""How many numbers of the code are coarse: they tell roughly where a coordinate is."""
_FINEST: Final = 100.0
_COARSEST: Final = 2000.0
"""The shortest and the longest wavelength of the coarse numbers, in thousandths of the picture."""
_FINE_WAVES: Final = ((0.5, 1.0, 2.0), (0.5, 1.0, 2.0, 3.0))
"""The fine numbers' waves a cell, across and down: they tell where in its cell a coordinate is. They repeat
with every cell or two, so that a place within a cell has the same code wherever the cell is."""
_LABEL_WIDTH: Final = 96
"""The width of the embedding from which a label is told."""
_BOXES_CHECKED: Final = 300
"""How many boxes of a batch are read back for the share of hits."""
_CODE_WEIGHT: Final = 8.0
"""The weight of the loss of the boxes' codes; the roles' and flags' is 1."""
_OWN_PLACE_WEIGHT: Final = 8.0
"""The weight of the loss of the cell's own place, which keeps boxes from being off by one cell."""
_LABEL_WEIGHTS: Final = {"word": 0.3, "row": 0.05, "value": 0.1}
"""The weights of the losses of a widget's label, its row's label and its value."""
_READ_BACK_WEIGHT: Final = 0.5
"""The weight of the loss of the number that is read back from a cell's own code, as the language model will
do. A code that is nearly right may still be read as a place one cell away."""
_SPREAD: Final = 3.0
"""The deviation by which a right number's weight is spread over its neighbours, in thousandths."""


class Heads(nn.Module):
    """Predicts what each of a cell's five places (four patches and the cell itself) shows.

    Attributes:
        parts: How many outputs a place has for: role, flags, label, row's label, value, box.
        numbers: The codes of 0 to 999 for each side of a box, shape (4, 1000, CODE_WIDTH).
        spread: Each number's weights over its neighbours, shape (1000, 1000).
    """

    numbers: Tensor
    spread: Tensor

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.parts = [len(ROLES), 2 * len(FLAGS), _LABEL_WIDTH, _LABEL_WIDTH, _LABEL_WIDTH, 4 * CODE_WIDTH]
        self.says = nn.Linear(width, PLACES_PER_CELL * sum(self.parts))
        self.words = nn.Linear(_LABEL_WIDTH, words)
        self.where = nn.Linear(width, 2 * COARSE_WIDTH)
        both = [encode_coordinates(torch.arange(1000.0), axis) for axis in (0, 1)]
        spread = torch.exp(-((torch.arange(1000.0)[:, None] - torch.arange(1000.0)) ** 2) / (2 * _SPREAD**2))
        self.register_buffer("spread", spread / spread.sum(1, keepdim=True), persistent=False)
        self.register_buffer("numbers", torch.stack(both * 2), persistent=False)

    def forward(self, seen: Tensor, targets: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted sum of the losses, and figures: the shares of right answers.

        Args:
            seen: The tower's output for cells, shape (n, width).
            targets: By the names of `Targets`' fields, shape (n, 5, ...) each.
        """
        figures: dict[str, float] = {}
        weights = targets["weights"]
        parts = torch.split(
            apply_linear(seen, self.says).view(len(seen), PLACES_PER_CELL, -1), self.parts, -1
        )
        role, flags, *named, boxes = parts
        total = _weighted_loss("role", role, targets["role"], weights, figures)
        flags = flags.reshape(*flags.shape[:-1], len(FLAGS), 2)
        each = weights[..., None].expand(targets["flags"].shape)
        total = total + _weighted_loss("flags", flags, targets["flags"], each, figures)
        for name, part in zip(("word", "row", "value"), named, strict=True):
            known = targets[name] != IGNORED
            logits = apply_linear(part[known], self.words)
            total = total + _LABEL_WEIGHTS[name] * _weighted_loss(
                name, logits, targets[name][known], weights[known], figures
            )
        coded = boxes.reshape(len(seen), PLACES_PER_CELL, 4, CODE_WIDTH)
        total = total + self._box_loss(coded, targets["boxes"], weights, figures)
        return total + _OWN_PLACE_WEIGHT * self._own_place_loss(seen, targets["middle"]), figures

    def _own_place_loss(self, seen: Tensor, middle: Tensor) -> Tensor:
        """Return the loss of a cell's own place: of its coarse code."""
        here = apply_linear(seen, self.where).float().view(len(seen), 2, COARSE_WIDTH)
        wanted = self.numbers[torch.arange(2, device=middle.device), middle][..., :COARSE_WIDTH]
        return (here - wanted).pow(2).mean()

    def _box_loss(self, coded: Tensor, boxes: Tensor, weights: Tensor, figures: dict[str, float]) -> Tensor:
        """Return the loss of the coordinates' codes.

        Adds to `figures`, as "hits", the share of cells whose own widget's box, read back from the code, has
        its middle in the right box.
        """
        known = boxes != IGNORED
        if not known.any():
            return coded.float().sum() * 0
        sides = torch.arange(4, device=boxes.device).expand(boxes.shape)[known]
        weight = weights[..., None].expand(boxes.shape)[known]
        far = (coded[known].float() - self.numbers[sides, boxes[known]]).pow(2).mean(-1)
        total = _CODE_WEIGHT * (far * weight).sum() / weight.sum()
        own = known[:, -1].all(-1)
        if own.any():
            coded, boxes = coded[own, -1], boxes[own, -1]
            likely = torch.einsum("nsc,skc->nsk", coded.float(), self.numbers).log_softmax(-1)
            total = total - _READ_BACK_WEIGHT * (self.spread[boxes] * likely).sum(-1).mean()
            with torch.no_grad():
                figures["hits"] = float(
                    self.hits(coded[:_BOXES_CHECKED], boxes[:_BOXES_CHECKED]).float().mean()
                )
        return total

    def own(self) -> Tensor:
        """Return the weights that read everything about a cell's own widget: shape (n, width)."""
        return self.says.weight.detach().view(PLACES_PER_CELL, sum(self.parts), -1)[-1]

    def reading(self) -> Tensor:
        """Return the weights that read the codes of a cell's own widget's sides: (4, CODE_WIDTH, width)."""
        return self.own()[-4 * CODE_WIDTH :].view(4, CODE_WIDTH, -1)

    def hits(self, coded: Tensor, boxes: Tensor) -> Tensor:
        """Whether each box's middle lies in the right box: codes (n, 4, CODE_WIDTH), right numbers (n, 4)."""
        found = torch.einsum("nsc,skc->nsk", coded.float(), self.numbers).argmax(-1)
        middle = (found[:, :2] + found[:, 2:]) / 2
        return ((middle >= boxes[:, :2]) & (middle <= boxes[:, 2:])).all(-1)


def encode_coordinates(numbers: Tensor, axis: int) -> Tensor:
    """Encode coordinates from 0 to 999 as cosines and sines, across (axis 0) or down (1): (n, CODE_WIDTH).

    The coarse waves come first and are the same for both axes.
    """
    coarse = _FINEST * (_COARSEST / _FINEST) ** (torch.arange(COARSE_WIDTH // 2) / (COARSE_WIDTH // 2 - 1))
    cell = 1000 / GRID[1 - axis]
    fine = torch.tensor([cell / waves for waves in _FINE_WAVES[axis]])
    parts = [_waves(numbers, coarse), _waves(numbers, fine) * math.sqrt(2)]
    written = torch.cat(parts, -1)
    return F.pad(written, (0, CODE_WIDTH - written.shape[1]))


def as_tensors(targets: Targets) -> dict[str, Tensor]:
    """Return a picture's targets as tensors, by name."""
    names = ("role", "word", "row", "value", "flags", "boxes", "weights", "middle")
    return {name: torch.from_numpy(getattr(targets, name)) for name in names}


def _waves(numbers: Tensor, lengths: Tensor) -> Tensor:
    angles = numbers[:, None] * 2 * torch.pi / lengths
    return torch.cat([angles.cos(), angles.sin()], -1)


def _weighted_loss(
    name: str, logits: Tensor, wanted: Tensor, weights: Tensor, figures: dict[str, float]
) -> Tensor:
    """Return the weighted cross entropy of known answers; add the share of right ones to `figures`."""
    known = wanted != IGNORED
    if not known.any():
        return logits.float().sum() * 0
    logits, wanted, weights = logits[known].float(), wanted[known], weights[known]
    with torch.no_grad():
        figures[name] = float(((logits.argmax(-1) == wanted) * weights).sum() / weights.sum())
    return (F.cross_entropy(logits, wanted, reduction="none") * weights).sum() / weights.sum()
