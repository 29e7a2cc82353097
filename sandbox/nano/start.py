"""Where the weights start from: with the library's own ones so small a model doesn't get going.

The patch embedding starts as a cosine transform, scaled by what real screens have of each frequency;
the position embeddings as waves that aren't drowned by the patches; each matrix by how much it takes in.
"""

import math
from typing import Any, Final

import torch
from torch import Tensor, nn
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from qvl_agent.sandbox.nano.heads import CODE, Heads, code
from qvl_agent.sandbox.nano.shape import config
from qvl_agent.sandbox.nano.tokens import SPECIAL

__all__ = ["build", "build_heads", "start_numbers", "start_tower"]

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
_LOUD_NUMBERS: Final = 0.05
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
def start_numbers(text: Any, numbers: Tensor) -> None:
    """Let tokens of close numbers start alike.

    Args:
        text: Qwen3VLTextModel.
        numbers: the tokens of 0 to 999, shape (1000,).
    """
    text.embed_tokens.weight[numbers, :CODE] = _LOUD_NUMBERS * code(torch.arange(1000.0))


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
