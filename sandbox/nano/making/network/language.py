"""The language model's forward pass for training on a CPU: the real weights, many questions on one picture.

A picture is read once, and the questions branch off behind it: each attends to the picture and itself only,
as if it were the run's first. The system prompt is the same in every run, so its keys and values are computed
once a step; only some of its many keys are drawn, each weighted for its share of the others. A test compares
all this with the real forward pass.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from qvl_agent.sandbox.nano.making.network.tower import apply_linear, fast_dtype, rotate_halves
from qvl_agent.sandbox.nano.making.shape import GRID

__all__ = [
    "BOX_SIDES",
    "COPYING_HEADS",
    "COPYING_LAYER",
    "HEADS_PER_SIDE",
    "IDENTITY_CHANNELS",
    "POINTING_LAYER",
    "Pack",
    "Prefix",
    "Reading",
    "picture_positions",
    "read_pack",
    "read_prefix",
]

POINTING_LAYER: Final = 3
"""The layer whose first heads are taught to attend to the target while a box is written."""
BOX_SIDES: Final = 4
HEADS_PER_SIDE: Final = 2
"""Pointing heads for each side of a box: each attends while its side is written, to copy one number."""
COPYING_LAYER: Final = 4
COPYING_HEADS: Final = 4
"""The layer, and how many of its first heads, that are taught to attend to the word to be repeated next."""
IDENTITY_CHANNELS: Final = 64
"""How many of the stream's last channels hold the token's code, and nothing else before the copying layer."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A sequence of tokens that follows the system prompt: a picture with its questions, or a run.

    A place is an index of `ids`.

    Attributes:
        ids: The tokens, shape (n,).
        positions: Their positions in time, height and width, shape (3, n).
        branch: The number of the question that a token belongs to, 0 for what all questions see, shape (n,).
        pictures: For each picture: the place of its first token, its number, how many tokens it has.
        learnt: Whether a token is to be learnt, shape (n,).
        pointings: (place, side of the box, target cell's place) where the model should attend to a cell.
        copies: (place, place of the same token as the next one) where a reply repeats what it was told.
        numbers: The places of boxes' coordinates: four for each box whose four numbers are one token each.
    """

    ids: Tensor
    positions: Tensor
    branch: Tensor
    pictures: tuple[tuple[int, int, int], ...]
    learnt: Tensor
    pointings: tuple[tuple[int, int, int], ...]
    copies: tuple[tuple[int, int], ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The system prompt's keys and values in each layer, (heads, n, width), and each key's bias, (n,)."""

    keys: list[Tensor]
    values: list[Tensor]
    bias: Tensor


class Reading(NamedTuple):
    """The result of reading a pack.

    Attributes:
        hidden: The last hidden states, shape (n, width).
        pointing_loss: The mean of -log of the share of attention on the targets, where there should be one.
        copying_loss: The same on the words to be repeated, and on the first token where nothing is.
        loudness: The RMS of the copying layer's input where replies are written; 0 if none are.
    """

    hidden: Tensor
    pointing_loss: Tensor
    copying_loss: Tensor
    loudness: Tensor


@torch.no_grad()
def read_prefix(
    text: Any,
    ids: Tensor,
    *,
    keep: int,
    dtype: torch.dtype | None = None,
    rng: torch.Generator | None = None,
) -> Prefix:
    """Compute the system prompt's keys and values, without gradients.

    Args:
        text: Qwen3VLTextModel, its weights in float32.
        ids: The system prompt's tokens, shape (n,).
        keep: How many of its keys are drawn; 0 for all.
        dtype: What to compute in; `fast_dtype` if not given.
        rng: Draws the keys, on the CPU.
    """
    count, ids = len(ids), ids.to(text.embed_tokens.weight.device)
    dtype = dtype or fast_dtype(ids.device)
    positions = torch.arange(count, device=ids.device).expand(3, count)
    hidden = text.embed_tokens(ids).to(dtype)
    cos, sin = _rotations(text, positions, dtype)
    keys, values = [], []
    for layer in text.layers:
        query, key, value = _queries_keys_values(layer, hidden, cos, sin)
        keys.append(key)
        values.append(value)
        out = F.scaled_dot_product_attention(query[None], key[None], value[None], is_causal=True)[0]
        hidden = _finish_layer(layer, hidden, out)
    bias = torch.zeros(count)
    if keep and keep < count:
        drawn = torch.cat([torch.arange(4), 4 + torch.randperm(count - 4, generator=rng)[: keep - 4]])
        bias[4:] = math.log((count - 4) / (keep - 4))
        keys, values = [key[:, drawn] for key in keys], [value[:, drawn] for value in values]
        bias = bias[drawn]
    return Prefix(keys, values, bias.to(ids.device))


def read_pack(
    text: Any, prefix: Prefix, pack: Pack, seen: list[Tensor], dtype: torch.dtype | None = None
) -> Reading:
    """Run the model over a pack.

    Args:
        text: Qwen3VLTextModel, its weights in float32.
        prefix: The system prompt, from `read_prefix`.
        pack: What follows it.
        seen: The tower's output for each picture, shape (cells, width) each.
        dtype: What to compute in; `fast_dtype` if not given.
    """
    device = text.embed_tokens.weight.device
    dtype = dtype or fast_dtype(device)
    hidden = text.embed_tokens(pack.ids.to(device)).to(dtype)
    parts, at = [], 0
    for start, which, cells in pack.pictures:
        parts += [hidden[at:start], seen[which][:cells].to(dtype)]
        at = start + cells
    hidden = torch.cat([*parts, hidden[at:]])
    cos, sin = _rotations(text, pack.positions.to(device), dtype)
    masks = _AttentionMasks(pack.branch.to(device), prefix.bias, dtype)
    pointing_loss = copying_loss = loudness = torch.zeros((), device=device)
    for number, layer in enumerate(text.layers):
        query, key, value = _queries_keys_values(layer, hidden, cos, sin)
        keys, values = torch.cat([prefix.keys[number], key], 1), torch.cat([prefix.values[number], value], 1)
        if number == POINTING_LAYER and pack.pointings:
            pointing_loss = _pointing_loss(query, keys, masks, pack.pointings, len(prefix.bias))
        if number == COPYING_LAYER and pack.learnt.any():
            copying_loss = _copying_loss(query, keys, masks, pack, len(prefix.bias))
            loudness = hidden.detach()[pack.learnt.to(device)].float().square().mean().sqrt()
        hidden = _finish_layer(layer, hidden, masks.attend(query, keys, values))
    return Reading(_rms_norm(hidden, text.norm), pointing_loss, copying_loss, loudness)


def picture_positions(start: int, grid: tuple[int, int] = GRID) -> Tensor:
    """Return the positions of the tokens of a picture that starts at position `start`: shape (3, cells)."""
    rows, columns = grid
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    return torch.stack([torch.full_like(row, start), start + row, start + column])


def _pointing_loss(
    query: Tensor,
    keys: Tensor,
    masks: "_AttentionMasks",
    pointings: tuple[tuple[int, int, int], ...],
    prefix_length: int,
) -> Tensor:
    """Return the pointing heads' loss, in nats.

    The heads of the side that is being written should attend to the target's cell; the others, to the very
    first token.
    """
    places, sides, cells = torch.tensor(pointings, device=query.device).unbind(1)
    heads = BOX_SIDES * HEADS_PER_SIDE
    own = torch.arange(heads, device=query.device)[:, None] % BOX_SIDES == sides
    shares = _log_attention(query[:heads, places], keys[:heads], masks.mask(places))
    found = shares.gather(-1, (prefix_length + cells).expand(heads, -1)[..., None])[..., 0]
    away = shares[..., 0]
    pointing_loss: Tensor = -(found[own].mean() + away[~own].mean())
    return pointing_loss


def _copying_loss(
    query: Tensor, keys: Tensor, masks: "_AttentionMasks", pack: Pack, prefix_length: int
) -> Tensor:
    """Return the copying heads' loss, in nats.

    They should attend to the word that is to be repeated next; where nothing is, to the very first token.
    """
    copied, sources = torch.tensor(pack.copies, dtype=torch.long, device=query.device).view(-1, 2).T
    learnt = pack.learnt.to(query.device).nonzero()[:, 0] - 1
    places = torch.cat([copied, new := learnt[~torch.isin(learnt, copied)]])
    wanted = torch.cat([prefix_length + sources, torch.zeros_like(new)])
    shares = _log_attention(query[:COPYING_HEADS, places], keys[:COPYING_HEADS], masks.mask(places))
    found = shares.gather(-1, wanted.expand(COPYING_HEADS, -1)[..., None])
    parts = found[:, : len(copied)], found[:, len(copied) :]
    return -torch.stack([part.mean() for part in parts if part.numel()]).sum()


def _log_attention(query: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """Return the logarithms of the attention weights: shape (heads, places, keys)."""
    scores = (query @ keys.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
    shares: Tensor = (scores + mask.float()).log_softmax(-1)
    return shares


class _AttentionMasks:
    """Which tokens attend to which. What all see and the branches are computed separately, to save time.

    The branches don't see each other.

    Args:
        branch: `Pack.branch`: first all zeros, then one branch after the other.
        bias: The biases of the prefix's keys.
        dtype: The masks' dtype.
    """

    def __init__(self, branch: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        self._branch, self._bias, self._kind = branch, bias, dtype
        sizes = torch.bincount(branch).tolist()
        self._common, sizes = sizes[0], [size for size in sizes[1:] if size]
        self._seen = len(bias) + self._common
        every = torch.arange(self._common, device=branch.device)
        self._first = self.mask(every)[:, : self._seen]
        self._rows: Tensor | None = None
        if sizes:
            self._pad(sizes)

    def _pad(self, sizes: list[int]) -> None:
        """Put the branches into a batch, each padded to the longest."""
        device, longest = self._branch.device, max(sizes)
        starts = self._common + torch.tensor([0, *sizes[:-1]], device=device).cumsum(0)
        there = torch.arange(longest, device=device) < torch.tensor(sizes, device=device)[:, None]
        self._rows = (starts[:, None] + torch.arange(longest, device=device)).where(there, 0)
        self._back = there.flatten().nonzero()[:, 0]
        may = torch.ones(longest, longest, dtype=torch.bool, device=device).tril() & there[:, None]
        own = torch.zeros_like(may, dtype=torch.float32).masked_fill(~may, -torch.inf)
        shared = torch.cat([self._bias, self._bias.new_zeros(self._common)]).expand(*own.shape[:2], -1)
        self._own = torch.cat([shared, own], -1)[:, None].to(self._kind)

    def mask(self, places: Tensor) -> Tensor:
        """Return what is added to the attention scores at some places: shape (places, prefix + n)."""
        count = len(self._branch)
        may = (self._branch[None] == 0) | (self._branch[None] == self._branch[places][:, None])
        may &= torch.arange(count, device=places.device) <= places[:, None]
        own = torch.zeros_like(may, dtype=torch.float32).masked_fill(~may, -torch.inf)
        return torch.cat([self._bias.expand(len(places), -1), own], 1).to(self._kind)

    def attend(self, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Return the attention's output: (heads, n, width). Keys and values: (heads, prefix + n, width)."""
        shared = keys[None, :, : self._seen], values[None, :, : self._seen]
        out = F.scaled_dot_product_attention(
            query[None, :, : self._common], *shared, attn_mask=self._first[None, None]
        )[0]
        if self._rows is None:
            return out
        size, at = len(self._rows), self._rows + len(self._bias)
        own = (part[:, at].transpose(0, 1) for part in (keys, values))
        every = (part.expand(size, -1, -1, -1) for part in shared)
        key, value = (torch.cat(parts, 2) for parts in zip(every, own, strict=True))
        found = F.scaled_dot_product_attention(
            query[:, self._rows].transpose(0, 1), key, value, attn_mask=self._own
        )
        return torch.cat([out, found.transpose(0, 1).flatten(1, 2)[:, self._back]], 1)


def _rotations(text: Any, positions: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    cos, sin = text.rotary_emb(torch.zeros(1, device=positions.device), positions[:, None])
    return cos[0].to(dtype), sin[0].to(dtype)


def _queries_keys_values(
    layer: Any, hidden: Tensor, cos: Tensor, sin: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return queries, keys and values with their rotations applied, shape (heads, n, width) each."""
    attention = layer.self_attn
    normed = _rms_norm(hidden, layer.input_layernorm)
    shape = (len(hidden), -1, attention.head_dim)
    query = _rms_norm(apply_linear(normed, attention.q_proj).view(shape), attention.q_norm).transpose(0, 1)
    key = _rms_norm(apply_linear(normed, attention.k_proj).view(shape), attention.k_norm).transpose(0, 1)
    value = apply_linear(normed, attention.v_proj).view(shape).transpose(0, 1)
    return rotate_halves(query, cos, sin), rotate_halves(key, cos, sin), value


def _finish_layer(layer: Any, hidden: Tensor, out: Tensor) -> Tensor:
    """Return the stream after a layer: add the attention's output `out`, then the MLP's."""
    hidden = hidden + apply_linear(out.transpose(0, 1).flatten(1), layer.self_attn.o_proj)
    normed = _rms_norm(hidden, layer.post_attention_layernorm)
    gate = F.silu(apply_linear(normed, layer.mlp.gate_proj))
    return hidden + apply_linear(gate * apply_linear(normed, layer.mlp.up_proj), layer.mlp.down_proj)


def _rms_norm(hidden: Tensor, layer: Any) -> Tensor:
    return F.rms_norm(hidden, (hidden.shape[-1],), layer.weight.to(hidden.dtype), layer.variance_epsilon)
