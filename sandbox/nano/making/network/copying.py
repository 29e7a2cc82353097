"""Weights that let the model repeat a word exactly: set by hand, not learnt.

The last channels of the residual stream hold a code of the input token. No layer before the copying heads
writes to them, as what the layers add to the other channels is a hundred times as large as the token's
embedding. The copying heads fetch the code of the token that they attend to, which makes it the output.
"""

import math
import random
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

from qvl_agent.sandbox.nano.making.network.heads import Heads
from qvl_agent.sandbox.nano.making.network.language import COPYING_HEADS, COPYING_LAYER, IDENTITY_CHANNELS
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL

__all__ = ["identity_codes", "start_copying", "tie_copying"]

_LOUD: Final = 0.7
"""The norm of a token's code."""
_COPIED: Final = 60.0
"""The copying heads' gain over the square of the stream's RMS: once for the position that they read, whose
norm layer divides by it, and once for the position that they write to."""
_STREAM: Final = 0.5
"""The approximate RMS of the stream at the start."""
_NEW: Final = 0.05
"""The weight of a new RMS in the running mean of the gain."""
_TEAMS: Final = 2
"""How many copies of a code the copying heads carry in all."""
_LEAST: Final = 1e-6
"""The least variance of cells that counts, as a share of the greatest."""


def identity_codes(bare: Mapping[int, str]) -> Tensor:
    """Return a random code for each token: shape (tokens, IDENTITY_CHANNELS).

    A word has the same code with and without a space before it. Special tokens have the code 0, so that
    attending to one copies nothing.

    Args:
        bare: Each token's text without the space before it, by the token.
    """
    codes = torch.zeros(len(bare), IDENTITY_CHANNELS)
    for token, word in bare.items():
        if word not in SPECIAL:
            bits = random.Random(f"nano/{word}").getrandbits(IDENTITY_CHANNELS)
            codes[token] = torch.tensor(
                [1.0 if bits >> bit & 1 else -1.0 for bit in range(IDENTITY_CHANNELS)]
            )
    return codes * (_LOUD / math.sqrt(IDENTITY_CHANNELS))


@torch.no_grad()
def start_copying(visual: Any, heads: Heads, text: Any, seen: Tensor) -> None:
    """Move what the tower gives out of the codes' channels, and set the copying heads' first gain.

    What the first stage's heads read from a cell is moved into the other channels with the least change:
    by reduced-rank regression of what they read on the cells. All changes are made in place.

    Args:
        visual: Qwen3VLVisionModel, trained in the first stage.
        heads: The first stage's heads.
        text: Qwen3VLTextModel.
        seen: The tower's output for cells of some pictures, shape (n, width).
    """
    cells, kept = seen.double(), seen.shape[1] - IDENTITY_CHANNELS
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
    text.layers[COPYING_LAYER].self_attn.o_proj.weight[-IDENTITY_CHANNELS, 0] = _gain(_STREAM)


@torch.no_grad()
def tie_copying(text: Any, codes: Tensor, loudness: float | None = None) -> None:
    """Set the weights so that the copying heads output the token that they attend to; done after every step.

    Args:
        text: Qwen3VLTextModel, changed in place.
        codes: The tokens' codes, from `identity_codes`.
        loudness: The RMS of the stream that they write to (`Reading.loudness`); None leaves the gain.
    """
    text.embed_tokens.weight[: len(codes), -IDENTITY_CHANNELS:] = codes
    for layer in text.layers[:COPYING_LAYER]:
        layer.self_attn.o_proj.weight[-IDENTITY_CHANNELS:] = 0
        layer.mlp.down_proj.weight[-IDENTITY_CHANNELS:] = 0
    layer = text.layers[COPYING_LAYER]
    attention, given = layer.self_attn, layer.input_layernorm.weight[-IDENTITY_CHANNELS:]
    size = attention.head_dim
    parts = COPYING_HEADS // _TEAMS  # so many heads carry a code together
    gain = attention.o_proj.weight[-IDENTITY_CHANNELS, 0].clone()
    if loudness is not None:
        gain += _NEW * (_gain(loudness) - gain)
    for head in range(COPYING_HEADS):
        rows, part = slice(head * size, (head + 1) * size), head % parts * size
        carried = torch.eye(IDENTITY_CHANNELS, device=given.device)[part : part + size]
        attention.v_proj.weight[rows] = 0
        attention.v_proj.weight[rows, -IDENTITY_CHANNELS:] = carried / given
        attention.o_proj.weight[:, rows] = 0
        attention.o_proj.weight[-IDENTITY_CHANNELS:, rows] = carried.T * gain


def _gain(loudness: float) -> float:
    """Return each copying head's gain for a stream of this RMS."""
    return _COPIED * loudness**2 / _TEAMS
