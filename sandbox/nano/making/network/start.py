"""Where the weights start from: with the library's own ones so small a model doesn't get going.

The patch embedding starts as a cosine transform, scaled by what real screens have of each frequency;
the position embeddings as waves that aren't drowned by the patches; some heads of the tower as looks at
its neighbours, which makes of it a network of convolutions; each matrix by how much it takes in.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from qvl_agent.sandbox.nano.making.network.heads import COARSE, CODE, Heads, code
from qvl_agent.sandbox.nano.making.network.language import OF_A_SIDE, POINTER, SIDES
from qvl_agent.sandbox.nano.making.network.tokenizer import SPECIAL
from qvl_agent.sandbox.nano.making.shape import config

__all__ = ["build", "build_heads", "start_pointing", "start_tower", "tie_numbers", "tie_pointing"]

_SIDE: Final = 16
"""Of a patch, in pixels."""
_BRIGHTNESS: Final = 144
_COLOUR: Final = 24
"""How many frequencies it starts with: of the brightness, and of each of two differences of colours."""
_LOUD: Final = 0.7
"""The deviation that each of them starts with over real patches."""
_PLACES: Final = 48
"""Rows, and columns, of position embeddings."""
_LOUD_PLACES: Final = 0.35
_FIRM: Final = 1.5
_POINTED: Final = 500.0
"""How sharply the pointing heads look, and how loud what they find is in the stream of the layers."""
_LOUD_CELLS: Final = 60.0
"""How many times louder the language model is given a cell than by the first stage: or else what its first
layers add would drown it before the pointing heads look."""
_LOUD_NUMBERS: Final = 0.15
_NEAR: Final = ((0, -1), (0, 1), (-1, 0), (1, 0))
"""Neighbours of a patch: rows down, columns to the right."""
_FAR: Final = ((0, -2), (0, 2), (-2, 0), (2, 0))
_NEIGHBOURS: Final = (_NEAR, _NEAR, _FAR)
"""Which neighbour each of the first heads of the first layers looks at; the others may look anywhere."""
_SHARP: Final = 6.0
_CONTENT: Final = 0.15
"""How firmly they look there, and the share that is left of what else would draw them."""
_RESIDUAL: Final = ("attn.proj", "linear_fc2", "o_proj", "down_proj")
"""What writes into the stream that all layers share."""


def build(token_ids: dict[str, int] | None = None, *, seed: int = 0) -> Any:
    """Make the model: Qwen3VLForConditionalGeneration in float32, its matrices as they start.

    Args:
        token_ids: the tokenizer's ids of the special tokens, by name; none for one that only has to see.
        seed: the same seed starts the same.
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
    """Make the heads that teach the tower, for so many words and the one that is none of them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Heads(width, words + 1)


def _start_layers(layers: nn.ModuleList) -> None:
    for name, weight in layers.named_parameters():
        if weight.ndim == 2:
            deviation = float(weight.shape[1] ** -0.5)
            if any(part in name for part in _RESIDUAL):
                deviation /= math.sqrt(2 * len(layers))
            nn.init.normal_(weight, std=deviation)


@torch.no_grad()
def _start_neighbours(visual: Any) -> None:
    """Let biases turn the rotary embedding into looks at a neighbour: keys fit best at equal angles."""
    width, heads = visual.config.hidden_size, visual.config.num_heads
    size = width // heads
    speeds = 10_000.0 ** -(torch.arange(size // 4) / (size // 4))
    for block, neighbours in zip(visual.blocks, _NEIGHBOURS, strict=False):
        weight, bias = block.attn.qkv.weight, block.attn.qkv.bias
        for head, (down, right) in enumerate(neighbours):
            angles = torch.cat([speeds * down, speeds * right])
            loud = math.sqrt(_SHARP * math.sqrt(size))
            query, key = (slice(start, start + size) for start in (head * size, width + head * size))
            weight[query] *= _CONTENT
            weight[key] *= _CONTENT
            bias[query] = torch.cat([torch.ones(size // 2), torch.zeros(size // 2)]) * loud
            bias[key] = torch.cat([angles.cos(), -angles.sin()]) * loud


@torch.no_grad()
def start_tower(visual: Any, sample: Tensor) -> None:
    """Start the patch embedding and the position embeddings.

    Args:
        visual: Qwen3VLVisionModel.
        sample: patches of real screens, shape (n, 3 * 16 * 16), as `tower.patches` cuts them.
    """
    waves = _waves()
    found = sample @ waves.T
    waves = waves / found.std(0)[:, None].clamp(min=1e-2) * _LOUD
    embedding = visual.patch_embed.proj
    for moment in range(2):  # both are the same picture
        embedding.weight[:, :, moment] = waves.view(-1, 3, _SIDE, _SIDE) / 2
    embedding.bias.copy_(-(sample @ waves.T).mean(0))
    visual.pos_embed.weight.copy_(_places(visual.pos_embed.weight.shape[1]) * _LOUD_PLACES)


@torch.no_grad()
def tie_numbers(text: Any, numbers: Tensor) -> None:
    """Let tokens of close numbers be alike.

    Args:
        text: Qwen3VLTextModel.
        numbers: the tokens of 0 to 999, shape (1000,).
    """
    across, down = (code(torch.arange(1000.0), axis) for axis in (0, 1))
    both = torch.cat([across, down[:, COARSE:]], -1) * _LOUD_NUMBERS
    weight = text.embed_tokens.weight
    weight[numbers] = weight[numbers].mean(0)
    weight[numbers, : both.shape[1]] = both


@torch.no_grad()
def start_pointing(visual: Any, heads: Heads, text: Any) -> None:
    """Let the tower speak up, its heads hear the same as before, and the pointing layer look firmly.

    Args:
        visual: Qwen3VLVisionModel, as the first stage taught it.
        heads: those of the first stage.
        text: Qwen3VLTextModel.
    """
    for given in visual.merger.linear_fc2.parameters():
        given.mul_(_LOUD_CELLS)
    for head in (heads.says, heads.where):
        head.weight.div_(_LOUD_CELLS)
    attention = text.layers[POINTER].self_attn
    for norm in (attention.q_norm, attention.k_norm):
        norm.weight.fill_(_FIRM)


@torch.no_grad()
def tie_pointing(text: Any, heads: Heads) -> None:
    """Let the pointing heads say of the cell that they look at what the first stage's heads read from it.

    It says it as the waves that the tokens of numbers start as: `tie_numbers`.

    Args:
        text: Qwen3VLTextModel.
        heads: as they are by now.
    """
    layer = text.layers[POINTER]
    attention, given = layer.self_attn, layer.input_layernorm.weight
    size = attention.head_dim
    for side, reading in enumerate(heads.reading()):
        fine = slice(COARSE, CODE) if side % 2 == 0 else slice(CODE, 2 * CODE - COARSE)
        for number in range(OF_A_SIDE):
            first = (side + SIDES * number) * size
            attention.v_proj.weight[first : first + CODE] = reading / given
            columns = attention.o_proj.weight[:, first : first + CODE]
            columns.zero_()
            gain = torch.eye(CODE, device=reading.device) * (_POINTED / OF_A_SIDE)
            columns[:COARSE] = gain[:COARSE]
            columns[fine] = gain[COARSE:]


def _waves() -> Tensor:
    """The lowest frequencies of a patch, channels first: shape (_BRIGHTNESS + 2 * _COLOUR, 3 * 16 * 16)."""
    step = torch.arange(_SIDE)
    cosines = torch.cos(math.pi * (2 * step + 1) * step[:, None] / (2 * _SIDE)) * math.sqrt(2 / _SIDE)
    cosines[0] /= math.sqrt(2)
    pairs = sorted(
        ((down, across) for down in range(_SIDE) for across in range(_SIDE)),
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


def _places(width: int) -> Tensor:
    """Waves along the rows, then along the columns: shape (_PLACES ** 2, width)."""
    frequencies = torch.exp(-torch.linspace(0, math.log(_PLACES), width // 4))
    angles = torch.arange(_PLACES)[:, None] * frequencies * 1.5
    waves = torch.cat([angles.sin(), angles.cos()], -1)
    shape = (_PLACES, _PLACES, width // 2)
    return torch.cat([waves[:, None].expand(shape), waves[None].expand(shape)], -1).reshape(-1, width)
