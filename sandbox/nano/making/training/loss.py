"""The loss of replies in the second stage, and figures that a person can understand."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from qvl_agent.sandbox.nano.making.network.language import Pack
from qvl_agent.sandbox.nano.making.network.tokenizer import NanoTokenizer

__all__ = ["ReplyLoss"]

_SPREAD = 2.0
"""The deviation by which a right coordinate's weight is spread over its neighbours, in thousandths."""


@dataclass(frozen=True, slots=True)
class _Coordinates:
    """A pack's coordinates: their indices among the learnt tokens (`at`), and the right numbers."""

    at: Tensor
    numbers: Tensor


class ReplyLoss:
    """Computes the loss of a pack's replies from what `read_pack` returned.

    A coordinate that is nearly right costs little: its target is spread over the numbers around it.
    """

    def __init__(self, tokenizer: NanoTokenizer, device: str = "cpu") -> None:
        self._tokenizer, self._device = tokenizer, device
        self._numbers = tokenizer.numbers.to(device)
        scale = torch.arange(1000.0)
        spread = torch.exp(-((scale[:, None] - scale) ** 2) / (2 * _SPREAD**2))
        self._spread = (spread / spread.sum(1, keepdim=True)).to(device)

    def loss(self, hidden: Tensor, words: Tensor, pack: Pack) -> tuple[Tensor, dict[str, float]]:
        """Return the mean loss of a pack's learnt tokens, and figures.

        Args:
            hidden: The last hidden states, shape (n, width).
            words: The embeddings, which are also the output head: shape (vocabulary, width).
            pack: The pack that was read.

        Returns:
            The loss, and the figures: "tokens", the share of right tokens among all but coordinates; "off",
            a coordinate's median error in thousandths; "hits", the share of boxes whose middle is in the
            right box.
        """
        at = pack.learnt.nonzero()[:, 0]
        logits = F.linear(hidden[at.to(self._device) - 1], words.to(hidden.dtype)).float()
        wanted = pack.ids[at].to(self._device)
        each = F.cross_entropy(logits, wanted, reduction="none")
        found = self._coordinates(pack, at)
        if found is not None:
            likely = logits[found.at].log_softmax(-1)[:, self._numbers]
            each = each.index_put((found.at,), -(self._spread[found.numbers] * likely).sum(-1))
        return each.mean(), self._figures(logits.detach(), wanted, found)

    def _coordinates(self, pack: Pack, at: Tensor) -> _Coordinates | None:
        if not pack.numbers:
            return None
        place = {index: number for number, index in enumerate(at.tolist())}
        numbers = [self._tokenizer.value[int(pack.ids[index])] for index in pack.numbers]
        return _Coordinates(
            torch.tensor([place[index] for index in pack.numbers], device=self._device),
            torch.tensor(numbers, device=self._device),
        )

    def _figures(self, logits: Tensor, wanted: Tensor, found: _Coordinates | None) -> dict[str, float]:
        right = (logits.argmax(-1) == wanted).float()
        if found is None:
            return {"tokens": float(right.mean())}
        others = torch.ones(len(wanted), dtype=torch.bool, device=self._device)
        others[found.at] = False
        said = logits[found.at][:, self._numbers].argmax(-1)
        off = float((said - found.numbers).abs().float().median())
        figures = {"tokens": float(right[others].mean()), "off": off}
        if len(said) % 4 == 0:  # each box's four numbers are there
            figures["hits"] = _hits(said.view(-1, 4).float(), found.numbers.view(-1, 4).float())
        return figures


def _hits(said: Tensor, right: Tensor) -> float:
    """Return the share of boxes whose middle lies in the right box; both have shape (boxes, 4)."""
    middle = (said[:, :2] + said[:, 2:]) / 2
    return float(((middle >= right[:, :2]) & (middle <= right[:, 2:])).all(-1).float().mean())
