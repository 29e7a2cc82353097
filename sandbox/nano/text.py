"""The language model for training on a CPU: the real weights, many questions about one picture at once.

A picture is read once, and the questions branch off behind it: each sees the picture and itself only,
as if it were the run's first. The system prompt is the same in every run, so that its keys and values
are worked out once a step; of its many keys only some are drawn, each standing for its share of the
others. A test holds this to the real forward pass.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from qvl_agent.sandbox.nano.shape import GRID
from qvl_agent.sandbox.nano.tower import linear, rotated

__all__ = ["POINTER", "Prefix", "Sequence", "picture_positions", "read", "read_prefix"]

POINTER: Final = 3
"""The layer whose first heads are taught to look at the target while a box is written."""
_POINTING_HEADS: Final = 5


@dataclass(frozen=True, slots=True)
class Sequence:
    """What follows the system prompt.

    Attributes:
        ids: the tokens, shape (n,).
        positions: in time, height and width, shape (3, n).
        branch: 0 for what all see, else the number of the question, shape (n,).
        pictures: of each picture: the place of its first token, its number, how many tokens it has.
        learnt: whether a token is to be learnt, shape (n,).
        looks: (place in the ids, cells' places in the ids) where the model should look at a target.
        numbers: the places of boxes' coordinates, four of each box that has four of one token.
    """

    ids: Tensor
    positions: Tensor
    branch: Tensor
    pictures: tuple[tuple[int, int, int], ...]
    learnt: Tensor
    looks: tuple[tuple[int, Tensor], ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The system prompt's keys and values a layer, shape (heads, n, width), and the weight of each key."""

    keys: list[Tensor]
    values: list[Tensor]
    bias: Tensor


@torch.no_grad()
def read_prefix(
    text: Any,
    ids: Tensor,
    *,
    keep: int,
    kind: torch.dtype = torch.bfloat16,
    chance: torch.Generator | None = None,
) -> Prefix:
    """Work out the system prompt.

    Args:
        text: Qwen3VLTextModel, its weights in float32.
        ids: its tokens, shape (n,).
        keep: how many of its keys are drawn; 0 for all.
        kind: what is computed in.
        chance: what draws them, on the CPU.
    """
    count, ids = len(ids), ids.to(text.embed_tokens.weight.device)
    positions = torch.arange(count, device=ids.device).expand(3, count)
    hidden = text.embed_tokens(ids).to(kind)
    cos, sin = _rotations(text, positions, kind)
    keys, values = [], []
    for layer in text.layers:
        query, key, value = _projected(layer, hidden, cos, sin)
        keys.append(key)
        values.append(value)
        out = F.scaled_dot_product_attention(query[None], key[None], value[None], is_causal=True)[0]
        hidden = _after(layer, hidden, out)
    bias = torch.zeros(count)
    if keep and keep < count:
        drawn = torch.cat([torch.arange(4), 4 + torch.randperm(count - 4, generator=chance)[: keep - 4]])
        bias[4:] = math.log((count - 4) / (keep - 4))
        keys, values = [key[:, drawn] for key in keys], [value[:, drawn] for value in values]
        bias = bias[drawn]
    return Prefix(keys, values, bias.to(ids.device))


def read(
    text: Any, prefix: Prefix, sequence: Sequence, seen: list[Tensor], kind: torch.dtype = torch.bfloat16
) -> tuple[Tensor, Tensor]:
    """Read what follows the system prompt.

    Args:
        text: Qwen3VLTextModel, its weights in float32.
        prefix: as `read_prefix` made it.
        sequence: the rest.
        seen: the cells of each picture, shape (cells, width).
        kind: what is computed in.

    Returns:
        the last hidden states of shape (n, width), and the mean of -log of the share of attention that
        falls on the targets.
    """
    device = text.embed_tokens.weight.device
    hidden = text.embed_tokens(sequence.ids.to(device)).to(kind)
    parts, at = [], 0
    for start, which, cells in sequence.pictures:
        parts += [hidden[at:start], seen[which][:cells].to(kind)]
        at = start + cells
    hidden = torch.cat([*parts, hidden[at:]])
    cos, sin = _rotations(text, sequence.positions.to(device), kind)
    mask = _mask(sequence.branch.to(device), prefix.bias).to(kind)
    missed = torch.zeros((), device=device)
    for number, layer in enumerate(text.layers):
        query, key, value = _projected(layer, hidden, cos, sin)
        keys, values = torch.cat([prefix.keys[number], key], 1), torch.cat([prefix.values[number], value], 1)
        if number == POINTER and sequence.looks:
            missed = _missed(query, keys, mask, sequence.looks, len(prefix.bias))
        given = query[None], keys[None], values[None]
        out = F.scaled_dot_product_attention(*given, attn_mask=mask[None, None])[0]
        hidden = _after(layer, hidden, out)
    return _rms(hidden, text.norm), missed


def picture_positions(start: int, grid: tuple[int, int] = GRID) -> Tensor:
    """Positions of a picture's tokens that begins at `start`: shape (3, cells)."""
    rows, columns = grid
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    return torch.stack([torch.full_like(row, start), start + row, start + column])


def _missed(
    query: Tensor, keys: Tensor, mask: Tensor, looks: tuple[tuple[int, Tensor], ...], before: int
) -> Tensor:
    """How far the pointing heads are from looking at the targets, in nats."""
    places = torch.tensor([place for place, _ in looks])
    scores = query[:_POINTING_HEADS, places] @ keys[:_POINTING_HEADS].transpose(-1, -2)
    scores = scores.float() * query.shape[-1] ** -0.5 + mask[places].float()
    everything = scores.logsumexp(-1)
    lost = [
        everything[:, row] - scores[:, row, before + cells].logsumexp(-1)
        for row, (_, cells) in enumerate(looks)
    ]
    return torch.stack(lost).mean()


def _mask(branch: Tensor, bias: Tensor) -> Tensor:
    """What is added to the scores: shape (n, prefix + n)."""
    count = len(branch)
    may = (branch[None] == 0) | (branch[None] == branch[:, None])
    may &= torch.ones_like(may).tril()
    own = torch.zeros_like(may, dtype=torch.float32).masked_fill(~may, -torch.inf)
    return torch.cat([bias.expand(count, -1), own], 1)


def _rotations(text: Any, positions: Tensor, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    cos, sin = text.rotary_emb(torch.zeros(1, device=positions.device), positions[:, None])
    return cos[0].to(kind), sin[0].to(kind)


def _projected(layer: Any, hidden: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, shape (heads, n, width)."""
    attention = layer.self_attn
    normed = _rms(hidden, layer.input_layernorm)
    shape = (len(hidden), -1, attention.head_dim)
    query = _rms(linear(normed, attention.q_proj).view(shape), attention.q_norm).transpose(0, 1)
    key = _rms(linear(normed, attention.k_proj).view(shape), attention.k_norm).transpose(0, 1)
    value = linear(normed, attention.v_proj).view(shape).transpose(0, 1)
    return rotated(query, cos, sin), rotated(key, cos, sin), value


def _after(layer: Any, hidden: Tensor, out: Tensor) -> Tensor:
    """Add what attention found, and what the MLP makes of it."""
    hidden = hidden + linear(out.transpose(0, 1).flatten(1), layer.self_attn.o_proj)
    normed = _rms(hidden, layer.post_attention_layernorm)
    gate = F.silu(linear(normed, layer.mlp.gate_proj))
    return hidden + linear(gate * linear(normed, layer.mlp.up_proj), layer.mlp.down_proj)


def _rms(hidden: Tensor, layer: Any) -> Tensor:
    return F.rms_norm(hidden, (hidden.shape[-1],), layer.weight.to(hidden.dtype), layer.variance_epsilon)
