"""The heads that teach the tower: plain linear layers on what the language model is given of a cell."""

from collections.abc import Mapping
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor, nn

from qvl_agent.sandbox.nano.targets import FLAGS, IGNORED, ROLES, Targets
from qvl_agent.sandbox.nano.tower import linear

__all__ = ["CODE", "Heads", "as_tensors", "code"]

CODE: Final = 64
"""The width of a coordinate's code."""
_WORD: Final = 96
_CLOSE: Final = 6
"""Thousandths of the picture that a coordinate may be off and count as near."""
_SOME: Final = 1500
"""Codes that are read back to say how many are near."""
_CODED: Final = 8
"""How much a code's distance counts beside a plain number's."""


class Heads(nn.Module):
    """Says of each of a cell's four patches what it shows."""

    numbers: Tensor

    def __init__(self, width: int, words: int) -> None:
        super().__init__()
        self.parts = [len(ROLES), 2 * len(FLAGS), _WORD, _WORD, _WORD, 4 * CODE]
        self.says = nn.Linear(width, 4 * sum(self.parts))
        self.places = nn.Linear(width, 4 * 4)
        self.words = nn.Linear(_WORD, words)
        self.register_buffer("numbers", code(torch.arange(1000.0)), persistent=False)

    def forward(self, seen: Tensor, targets: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Sum the losses, and say each, and some shares of right answers.

        Args:
            seen: cells of shape (n, width).
            targets: by the names of `Targets`' fields, of shape (n, 4, ...).
        """
        said: dict[str, float] = {}
        weights = targets["weights"]
        parts = torch.split(linear(seen, self.says).view(len(seen), 4, -1), self.parts, -1)
        role, flags, *named, boxes = parts
        total = _judge("role", role, targets["role"], weights, said)
        flags = flags.reshape(*flags.shape[:-1], len(FLAGS), 2)
        each = weights[..., None].expand(targets["flags"].shape)
        total = total + _judge("flags", flags, targets["flags"], each, said)
        for name, part in zip(("word", "row", "value"), named, strict=True):
            known = targets[name] != IGNORED
            logits = linear(part[known], self.words)
            total = total + _judge(name, logits, targets[name][known], weights[known], said)
        coded = boxes.reshape(len(seen), 4, 4, CODE)
        places = self.places(seen.float()).view(len(seen), 4, 4)
        return total + self._far(coded, places, targets["boxes"], weights, said), said

    def _far(
        self, coded: Tensor, places: Tensor, boxes: Tensor, weights: Tensor, said: dict[str, float]
    ) -> Tensor:
        """How far the coordinates are, as plain numbers from -1 to 1 and as codes.

        Says the plain ones' median distance in thousandths, and the shares of both that are near.
        """
        known = boxes != IGNORED
        if not known.any():
            return coded.float().sum() * 0
        wanted, weight = boxes[known], weights[..., None].expand(boxes.shape)[known]
        plain = (places[known].float() - (wanted.float() / 500 - 1)).abs()
        far = (coded[known].float() - self.numbers[wanted]).pow(2).mean(-1)
        with torch.no_grad():
            off = plain * 500
            said["off"], said["near"] = float(off.median()), float((off <= _CLOSE).float().mean())
            nearest = (coded[known].float()[:_SOME] @ self.numbers.T).argmax(-1)
            said["coded"] = float(((nearest - wanted[:_SOME]).abs() <= _CLOSE).float().mean())
        return ((plain + _CODED * far) * weight).sum() / weight.sum()


def code(numbers: Tensor) -> Tensor:
    """Write numbers from 0 to 999 as waves, coarse to fine: shape (n, CODE), of length sqrt(CODE / 2)."""
    wavelengths = 2000.0 * (16.0 / 2000.0) ** (torch.arange(CODE // 2) / (CODE // 2 - 1))
    angles = numbers[:, None] * 2 * torch.pi / wavelengths
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
    names = ("role", "word", "row", "value", "flags", "boxes", "weights")
    return {name: torch.from_numpy(getattr(targets, name)) for name in names}
