"""The weights that the training starts with: from the library's own ones so small a model hardly learns.

The patch embedding starts as a cosine transform, scaled by how much real screens have of each frequency; the
position embeddings as waves that are large enough beside the patches; some heads of the tower attend to a
neighbouring patch, as a convolution would; the deviation of each matrix depends on its number of inputs.
The `tie_…` functions set weights that aren't learnt, and are called again after every step.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from qvl_agent.sandbox.nano.making.network.heads import COARSE_WIDTH, CODE_WIDTH, Heads, encode_coordinates
from qvl_agent.sandbox.nano.making.network.language import BOX_SIDES, HEADS_PER_SIDE, POINTING_LAYER
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL
from qvl_agent.sandbox.nano.making.shape import config

__all__ = ["build", "build_heads", "start_pointing", "start_tower", "tie_numbers", "tie_pointing"]

_PATCH_PX: Final = 16
"""The side of a patch, in px."""
_BRIGHTNESS: Final = 144
_COLOUR: Final = 24
"""How many frequencies the patch embedding has: of the brightness, and of each of two colour differences."""
_FREQUENCY_DEVIATION: Final = 0.7
"""The deviation of each frequency over real patches."""
_TABLE_SIDE: Final = 48
"""Rows, and columns, of the table of position embeddings."""
_PLACES_AMPLITUDE: Final = 0.35
"""The amplitude of the position embeddings' waves."""
_POINTING_NORM: Final = 1.5
"""The pointing layer's first query and key norm weights: larger ones make the attention sharper."""
_POINTING_GAIN: Final = 500.0
"""The gain with which the pointing heads write what they read into the stream."""
_CELLS_FACTOR: Final = 60.0
"""The factor on the tower's output after the first stage. Without it, what the language model's first layers
add would drown a cell before the pointing heads read it."""
_NUMBERS_FACTOR: Final = 0.15
"""The factor on the codes in the embeddings of numbers."""
_NEAR: Final = ((0, -1), (0, 1), (-1, 0), (1, 0))
"""Neighbours of a patch: (rows down, columns to the right)."""
_FAR: Final = ((0, -2), (0, 2), (-2, 0), (2, 0))
_NEIGHBOURS: Final = (_NEAR, _NEAR, _FAR)
"""The neighbours that the first heads of each of the first layers attend to; other heads start anywhere."""
_SHARPNESS: Final = 6.0
_CONTENT_FACTOR: Final = 0.15
"""How sharply those heads attend there, and the factor on their other query and key weights."""
_RESIDUAL: Final = ("attn.proj", "linear_fc2", "o_proj", "down_proj")
"""In the names of matrices that write into the residual stream."""


def build(token_ids: dict[str, int] | None = None, *, seed: int = 0) -> Any:
    """Make the model with its starting weights: Qwen3VLForConditionalGeneration in float32.

    Args:
        token_ids: The tokenizer's ids of the special tokens, by name; None if only the tower is used.
        seed: The same seed gives the same weights.
    """
    ids = token_ids or {name: number for number, name in enumerate(SPECIAL)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**config(ids)))
        visual, text = model.model.visual, model.model.language_model
        for layers in (visual.blocks, text.layers):
            _start_layers(layers)
        _start_neighbours(visual)
        for weight in visual.merger.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=weight.shape[1] ** -0.5)
    return model


def build_heads(width: int, words: int, *, seed: int = 0) -> Heads:
    """Make the first stage's heads, for `words` labels and one class for all other labels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Heads(width, words + 1)


@torch.no_grad()
def start_tower(visual: Any, sample: Tensor) -> None:
    """Set the patch embedding and the position embeddings.

    Args:
        visual: Qwen3VLVisionModel, changed in place.
        sample: Patches of real screens from `cut_patches`, shape (n, 3 * 16 * 16).
    """
    waves = _cosine_transform()
    found = sample @ waves.T
    waves = waves / found.std(0)[:, None].clamp(min=1e-2) * _FREQUENCY_DEVIATION
    embedding = visual.patch_embed.proj
    for moment in range(2):  # both are the same picture
        embedding.weight[:, :, moment] = waves.view(-1, 3, _PATCH_PX, _PATCH_PX) / 2
    embedding.bias.copy_(-(sample @ waves.T).mean(0))
    visual.pos_embed.weight.copy_(_position_waves(visual.pos_embed.weight.shape[1]) * _PLACES_AMPLITUDE)


@torch.no_grad()
def start_pointing(visual: Any, heads: Heads, text: Any) -> None:
    """Scale the tower's output up and its heads down by the same factor, and sharpen the pointing layer.

    All are changed in place.

    Args:
        visual: Qwen3VLVisionModel, trained in the first stage.
        heads: The first stage's heads.
        text: Qwen3VLTextModel.
    """
    for given in visual.merger.linear_fc2.parameters():
        given.mul_(_CELLS_FACTOR)
    for head in (heads.says, heads.where):
        head.weight.div_(_CELLS_FACTOR)
    attention = text.layers[POINTING_LAYER].self_attn
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight.fill_(_POINTING_NORM)


@torch.no_grad()
def tie_numbers(text: Any, numbers: Tensor) -> None:
    """Set the embeddings of numbers to their codes as coordinates, so that close numbers are alike.

    Args:
        text: Qwen3VLTextModel, changed in place.
        numbers: The tokens of 0 to 999, shape (1000,).
    """
    across, down = (encode_coordinates(torch.arange(1000.0), axis) for axis in (0, 1))
    both = torch.cat([across, down[:, COARSE_WIDTH:]], -1) * _NUMBERS_FACTOR
    weight = text.embed_tokens.weight
    weight[numbers] = weight[numbers].mean(0)
    weight[numbers, : both.shape[1]] = both


@torch.no_grad()
def tie_pointing(text: Any, heads: Heads) -> None:
    """Set the pointing heads to read a box's side from the attended cell, as the first stage's heads do.

    They write it as the code that the embeddings of numbers have: see `tie_numbers`.

    Args:
        text: Qwen3VLTextModel, changed in place.
        heads: The first stage's heads in their current state.
    """
    layer = text.layers[POINTING_LAYER]
    attention, given = layer.self_attn, layer.input_layernorm.weight
    size = attention.head_dim
    for side, reading in enumerate(heads.reading()):
        fine = (
            slice(COARSE_WIDTH, CODE_WIDTH)
            if side % 2 == 0
            else slice(CODE_WIDTH, 2 * CODE_WIDTH - COARSE_WIDTH)
        )
        for number in range(HEADS_PER_SIDE):
            first = (side + BOX_SIDES * number) * size
            attention.v_proj.weight[first : first + CODE_WIDTH] = reading / given
            columns = attention.o_proj.weight[:, first : first + CODE_WIDTH]
            columns.zero_()
            gain = torch.eye(CODE_WIDTH, device=reading.device) * (_POINTING_GAIN / HEADS_PER_SIDE)
            columns[:COARSE_WIDTH] = gain[:COARSE_WIDTH]
            columns[fine] = gain[COARSE_WIDTH:]


def _start_layers(layers: nn.ModuleList) -> None:
    for name, weight in layers.named_parameters():
        if weight.ndim == 2:
            deviation = float(weight.shape[1] ** -0.5)
            if any(part in name for part in _RESIDUAL):
                deviation /= math.sqrt(2 * len(layers))
            nn.init.normal_(weight, std=deviation)


@torch.no_grad()
def _start_neighbours(visual: Any) -> None:
    """Set biases so that heads attend to a neighbour: with rotations, scores are highest at equal angles."""
    width, heads = visual.config.hidden_size, visual.config.num_heads
    size = width // heads
    speeds = 10_000.0 ** -(torch.arange(size // 4) / (size // 4))
    for block, neighbours in zip(visual.blocks, _NEIGHBOURS, strict=False):
        weight, bias = block.attn.qkv.weight, block.attn.qkv.bias
        for head, (down, right) in enumerate(neighbours):
            angles = torch.cat([speeds * down, speeds * right])
            loud = math.sqrt(_SHARPNESS * math.sqrt(size))
            query, key = (slice(start, start + size) for start in (head * size, width + head * size))
            weight[query] *= _CONTENT_FACTOR
            weight[key] *= _CONTENT_FACTOR
            bias[query] = torch.cat([torch.ones(size // 2), torch.zeros(size // 2)]) * loud
            bias[key] = torch.cat([angles.cos(), -angles.sin()]) * loud


def _cosine_transform() -> Tensor:
    """Return the lowest frequencies of a patch, channels first: (_BRIGHTNESS + 2 * _COLOUR, 3 * 16 * 16)."""
    step = torch.arange(_PATCH_PX)
    cosines = torch.cos(math.pi * (2 * step + 1) * step[:, None] / (2 * _PATCH_PX)) * math.sqrt(2 / _PATCH_PX)
    cosines[0] /= math.sqrt(2)
    pairs = sorted(
        ((down, across) for down in range(_PATCH_PX) for across in range(_PATCH_PX)),
        key=lambda pair: (sum(pair), pair),
    )
    channels = ((1 / 3, 1 / 3, 1 / 3), (0.5, -0.5, 0.0), (-0.25, -0.25, 0.5))
    counts = (_BRIGHTNESS, _COLOUR, _COLOUR)
    waves = [
        torch.tensor(weights)[:, None, None] * torch.outer(cosines[down], cosines[across])
        for weights, count in zip(channels, counts, strict=True)
        for down, across in pairs[:count]
    ]
    return torch.stack(waves).flatten(1)


def _position_waves(width: int) -> Tensor:
    """Return waves along the rows, then along the columns: shape (_TABLE_SIDE ** 2, width)."""
    frequencies = torch.exp(-torch.linspace(0, math.log(_TABLE_SIDE), width // 4))
    angles = torch.arange(_TABLE_SIDE)[:, None] * frequencies * 1.5
    waves = torch.cat([angles.sin(), angles.cos()], -1)
    shape = (_TABLE_SIDE, _TABLE_SIDE, width // 2)
    return torch.cat([waves[:, None].expand(shape), waves[None].expand(shape)], -1).reshape(-1, width)
