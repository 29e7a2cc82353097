"""The language model for training on a CPU: the real weights, many questions about one picture at once.

A picture is read once, and the questions branch off behind it: each sees the picture and itself only,
as if it were the run's first. The system prompt is the same in every run, so that its keys and values
are worked out once a step; of its many keys only some are drawn, each standing for its share of the
others. A test holds this to the real forward pass.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor

from qvl_agent.sandbox.nano.making.network.shape import GRID
from qvl_agent.sandbox.nano.making.network.tower import linear, rotated

__all__ = [
    "COPIER",
    "COPIERS",
    "IDENTITY",
    "OF_A_SIDE",
    "POINTER",
    "SIDES",
    "Prefix",
    "Reading",
    "Sequence",
    "picture_positions",
    "read",
    "read_prefix",
]

POINTER: Final = 3
"""The layer whose first heads are taught to look at the target while a box is written."""
SIDES: Final = 4
OF_A_SIDE: Final = 2
"""Heads for each side of a box: each looks while its side is written, and so has one number to copy."""
COPIER: Final = 4
COPIERS: Final = 4
"""The layer, and how many of its first heads, that are taught to look at the word to be repeated next."""
IDENTITY: Final = 64
"""The last channels of the stream: a code of the token, and nothing else before the copying layer."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """What follows the system prompt.

    Attributes:
        ids: the tokens, shape (n,).
        positions: in time, height and width, shape (3, n).
        branch: 0 for what all see, else the number of the question, shape (n,).
        pictures: of each picture: the place of its first token, its number, how many tokens it has.
        learnt: whether a token is to be learnt, shape (n,).
        looks: (place in the ids, side of the box, the cell's place in the ids) where the model should look
            at a target.
        copies: (place in the ids, place of the next token's like) where a reply repeats what it was told.
        numbers: the places of boxes' coordinates, four of each box that has four of one token.
    """

    ids: Tensor
    positions: Tensor
    branch: Tensor
    pictures: tuple[tuple[int, int, int], ...]
    learnt: Tensor
    looks: tuple[tuple[int, int, int], ...]
    copies: tuple[tuple[int, int], ...]
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """The system prompt's keys and values a layer, shape (heads, n, width), and the weight of each key."""

    keys: list[Tensor]
    values: list[Tensor]
    bias: Tensor


class Reading(NamedTuple):
    """What reading gives.

    Attributes:
        hidden: the last hidden states, shape (n, width).
        missed: the mean of -log of the share of attention that falls on targets where it should.
        uncopied: the same on what is to be repeated, or on nothing where nothing is.
        loudness: of the stream where replies are written, as it comes to the copying layer; 0 if none are.
    """

    hidden: Tensor
    missed: Tensor
    uncopied: Tensor
    loudness: Tensor


@torch.no_grad()
def read_prefix(
    text: Any,
    ids: Tensor,
    *,
    keep: int,
    kind: torch.dtype = torch.bfloat16,
    rng: torch.Generator | None = None,
) -> Prefix:
    """Work out the system prompt.

    Args:
        text: Qwen3VLTextModel, its weights in float32.
        ids: its tokens, shape (n,).
        keep: how many of its keys are drawn; 0 for all.
        kind: what is computed in.
        rng: what draws them, on the CPU.
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
        drawn = torch.cat([torch.arange(4), 4 + torch.randperm(count - 4, generator=rng)[: keep - 4]])
        bias[4:] = math.log((count - 4) / (keep - 4))
        keys, values = [key[:, drawn] for key in keys], [value[:, drawn] for value in values]
        bias = bias[drawn]
    return Prefix(keys, values, bias.to(ids.device))


def read(
    text: Any, prefix: Prefix, sequence: Sequence, seen: list[Tensor], kind: torch.dtype = torch.bfloat16
) -> Reading:
    """Read what follows the system prompt.

    Args:
        text: Qwen3VLTextModel, its weights in float32.
        prefix: as `read_prefix` made it.
        sequence: the rest.
        seen: the cells of each picture, shape (cells, width).
        kind: what is computed in.
    """
    device = text.embed_tokens.weight.device
    hidden = text.embed_tokens(sequence.ids.to(device)).to(kind)
    parts, at = [], 0
    for start, which, cells in sequence.pictures:
        parts += [hidden[at:start], seen[which][:cells].to(kind)]
        at = start + cells
    hidden = torch.cat([*parts, hidden[at:]])
    cos, sin = _rotations(text, sequence.positions.to(device), kind)
    layout = _Layout(sequence.branch.to(device), prefix.bias, kind)
    missed = uncopied = loudness = torch.zeros((), device=device)
    for number, layer in enumerate(text.layers):
        query, key, value = _projected(layer, hidden, cos, sin)
        keys, values = torch.cat([prefix.keys[number], key], 1), torch.cat([prefix.values[number], value], 1)
        if number == POINTER and sequence.looks:
            missed = _missed(query, keys, layout, sequence.looks, len(prefix.bias))
        if number == COPIER and sequence.learnt.any():
            uncopied = _uncopied(query, keys, layout, sequence, len(prefix.bias))
            loudness = hidden.detach()[sequence.learnt.to(device)].float().square().mean().sqrt()
        hidden = _after(layer, hidden, layout.attend(query, keys, values))
    return Reading(_rms(hidden, text.norm), missed, uncopied, loudness)


def picture_positions(start: int, grid: tuple[int, int] = GRID) -> Tensor:
    """Positions of a picture's tokens that begins at `start`: shape (3, cells)."""
    rows, columns = grid
    row = torch.arange(rows).repeat_interleave(columns)
    column = torch.arange(columns).repeat(rows)
    return torch.stack([torch.full_like(row, start), start + row, start + column])


def _missed(
    query: Tensor, keys: Tensor, layout: "_Layout", looks: tuple[tuple[int, int, int], ...], before: int
) -> Tensor:
    """How far the pointing heads are from looking where they should, in nats.

    Those of the side that is written look at the target's cell; the others, at the very first token.
    """
    places, sides, cells = torch.tensor(looks, device=query.device).unbind(1)
    heads = SIDES * OF_A_SIDE
    own = torch.arange(heads, device=query.device)[:, None] % SIDES == sides
    shares = _shares(query[:heads, places], keys[:heads], layout.mask(places))
    found = shares.gather(-1, (before + cells).expand(heads, -1)[..., None])[..., 0]
    away = shares[..., 0]
    missed: Tensor = -(found[own].mean() + away[~own].mean())
    return missed


def _uncopied(query: Tensor, keys: Tensor, layout: "_Layout", sequence: Sequence, before: int) -> Tensor:
    """How far the copying heads are from looking where they should, in nats.

    At what is to be repeated next; and where nothing is, at the very first token.
    """
    copied, sources = torch.tensor(sequence.copies, dtype=torch.long, device=query.device).view(-1, 2).T
    learnt = sequence.learnt.to(query.device).nonzero()[:, 0] - 1
    places = torch.cat([copied, new := learnt[~torch.isin(learnt, copied)]])
    wanted = torch.cat([before + sources, torch.zeros_like(new)])
    shares = _shares(query[:COPIERS, places], keys[:COPIERS], layout.mask(places))
    found = shares.gather(-1, wanted.expand(COPIERS, -1)[..., None])
    parts = found[:, : len(copied)], found[:, len(copied) :]
    return -torch.stack([part.mean() for part in parts if part.numel()]).sum()


def _shares(query: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
    """The logarithms of the shares of attention: shape (heads, places, keys)."""
    scores = (query @ keys.transpose(-1, -2)).float() * query.shape[-1] ** -0.5
    shares: Tensor = (scores + mask.float()).log_softmax(-1)
    return shares


class _Layout:
    """Who may look at whom, apart for what all see and for the branches, which don't see each other.

    Args:
        branch: as in `Sequence`: first all zeros, then one branch after the other.
        bias: of the prefix's keys.
        kind: of the masks.
    """

    def __init__(self, branch: Tensor, bias: Tensor, kind: torch.dtype) -> None:
        self._branch, self._bias, self._kind = branch, bias, kind
        sizes = torch.bincount(branch).tolist()
        self._common, sizes = sizes[0], [size for size in sizes[1:] if size]
        self._seen = len(bias) + self._common
        every = torch.arange(self._common, device=branch.device)
        self._first = self.mask(every)[:, : self._seen]
        self._rows: Tensor | None = None
        if sizes:
            self._pad(sizes)

    def _pad(self, sizes: list[int]) -> None:
        """Lay the branches beside each other, all as long as the longest."""
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
        """What is added to the scores of some queries: shape (places, prefix + n)."""
        count = len(self._branch)
        may = (self._branch[None] == 0) | (self._branch[None] == self._branch[places][:, None])
        may &= torch.arange(count, device=places.device) <= places[:, None]
        own = torch.zeros_like(may, dtype=torch.float32).masked_fill(~may, -torch.inf)
        return torch.cat([self._bias.expand(len(places), -1), own], 1).to(self._kind)

    def attend(self, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """Attend: queries of shape (heads, n, width), keys and values (heads, prefix + n, width)."""
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
