"""What lets the model repeat a word just as it was told: built into its weights, and not learnt.

The stream's last channels are kept for a code of the token that came in. No layer writes to them before the
copying heads do, as what the layers add to the others is a hundred times as loud and drowns the token. Those
heads bring the code of the token that they look at, and that token is said.
"""

import math
import random
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from qvl_agent.sandbox.nano.making.network.heads import Heads
from qvl_agent.sandbox.nano.making.network.language import COPIER, COPIERS, IDENTITY
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL

__all__ = ["identities", "start_copying", "tie_copying"]

_LOUD: Final = 0.7
"""The length of a token's code."""
_COPIED: Final = 60.0
"""How loud what the copying heads find is, by the loudness of the stream squared: of where they look, which
they divide by, and of where they write."""
_STREAM: Final = 0.5
"""The loudness that the stream starts with, about."""
_NEW: Final = 0.05
"""The share of a new loudness that counts."""
_TEAMS: Final = 2
"""So many times the copying heads carry a code."""
_LEAST: Final = 1e-6
"""What counts as no spread of cells, of the greatest."""


def identities(bare: Mapping[int, str]) -> Tensor:
    """Give each token a code that no other is like: shape (tokens, IDENTITY).

    A word with a space before it has the word's own. Special tokens have none, so that looking at one copies
    nothing.

    Args:
        bare: each token's text without the space before it.
    """
    codes = torch.zeros(len(bare), IDENTITY)
    for token, word in bare.items():
        if word not in SPECIAL:
            bits = random.Random(f"nano/{word}").getrandbits(IDENTITY)
            codes[token] = torch.tensor([1.0 if bits >> bit & 1 else -1.0 for bit in range(IDENTITY)])
    return codes * (_LOUD / math.sqrt(IDENTITY))


@torch.no_grad()
def start_copying(visual: Any, heads: Heads, text: Any, seen: Tensor) -> None:
    """Keep the codes' channels free of what is seen, and let the copying heads be as loud as the stream.

    What the first stage's heads read of a cell is laid into the other channels, as little changed as can be:
    reduced-rank regression of what they read on the cells.

    Args:
        visual: Qwen3VLVisionModel, as the first stage taught it.
        heads: those of the first stage.
        text: Qwen3VLTextModel.
        seen: cells of some pictures, shape (n, width).
    """
    cells, kept = seen.double(), seen.shape[1] - IDENTITY
    moments = cells.T @ cells / len(cells)
    sizes, ways = torch.linalg.eigh(moments)
    sizes = sizes.clamp(min=float(sizes.max()) * _LEAST).sqrt()
    root, inverse = (ways * each @ ways.T for each in (sizes, 1 / sizes))
    read = torch.cat([heads.own().double(), heads.where.weight.double()])
    most = torch.linalg.svd(read @ root, full_matrices=False)[2][:kept]
    room = torch.linalg.qr(root @ most.T)[0]  # the directions that are kept: shape (width, kept)
    moved = torch.zeros_like(moments)
    moved[:kept] = room.T @ root @ most.T @ most @ inverse
    last = visual.merger.linear_fc2
    for given in (last.weight, last.bias):
        given.copy_(moved @ given.double())
    for head in (heads.says, heads.where):
        weight = head.weight.double() @ room
        head.weight.zero_()[:, :kept] = weight
    text.layers[COPIER].self_attn.o_proj.weight[-IDENTITY, 0] = _gain(_STREAM)


@torch.no_grad()
def tie_copying(text: Any, codes: Tensor, loudness: float | None = None) -> None:
    """Let the copying heads say just the token that they look at.

    Its code stands in channels that no layer before theirs writes to.

    Args:
        text: Qwen3VLTextModel.
        codes: as `identities` gives them.
        loudness: of the stream that they write to, as `text.read` found it.
    """
    text.embed_tokens.weight[: len(codes), -IDENTITY:] = codes
    for layer in text.layers[:COPIER]:
        layer.self_attn.o_proj.weight[-IDENTITY:] = 0
        layer.mlp.down_proj.weight[-IDENTITY:] = 0
    layer = text.layers[COPIER]
    attention, given = layer.self_attn, layer.input_layernorm.weight[-IDENTITY:]
    size = attention.head_dim
    parts = COPIERS // _TEAMS  # so many heads carry a code together
    gain = attention.o_proj.weight[-IDENTITY, 0].clone()
    if loudness is not None:
        gain += _NEW * (_gain(loudness) - gain)
    for head in range(COPIERS):
        rows, part = slice(head * size, (head + 1) * size), head % parts * size
        carried = torch.eye(IDENTITY, device=given.device)[part : part + size]
        attention.v_proj.weight[rows] = 0
        attention.v_proj.weight[rows, -IDENTITY:] = carried / given
        attention.o_proj.weight[:, rows] = 0
        attention.o_proj.weight[-IDENTITY:, rows] = carried.T * gain


def _gain(loudness: float) -> float:
    """Say how loud each copying head is made."""
    return _COPIED * loudness**2 / _TEAMS
