"""The vision tower's forward pass for training on a CPU: the real weights, equal pictures, no convolution.

`nn.Conv3d` is slow on a CPU, and the same product as a linear layer isn't; both frames of its time
axis are the same picture, so their weights are added. A test holds this to the real forward pass.
"""

from typing import Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - its usual name
from torch import Tensor
from transformers.models.qwen3_vl.modeling_qwen3_vl import get_vision_interpolation_indices_and_weights

from qvl_agent.agent.models.checkpoint.load import fast_bfloat16
from qvl_agent.sandbox.nano.making.shape import GRID

__all__ = ["PatchPositions", "apply_linear", "cut_patches", "encode_pictures", "fast_dtype", "rotate_halves"]

_SHORT: Final = 256
"""Up to so many patches plain attention is quicker than the fused kernel."""


class PatchPositions:
    """The position embeddings and rotations of a picture's patches, in the order of cells.

    Args:
        visual: Qwen3VLVisionModel, whose device is used.
        grid: Rows and columns of cells.

    Attributes:
        rows, columns: Each patch's row and column, shape (cells, 4).
    """

    def __init__(self, visual: Any, grid: tuple[int, int] = GRID) -> None:
        high, wide = grid
        device = visual.pos_embed.weight.device
        cells = torch.arange(high * wide)
        corner = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1])
        self.rows = (cells // wide * 2)[:, None] + corner[0]
        self.columns = (cells % wide * 2)[:, None] + corner[1]
        whole = torch.tensor([[1, 2 * high, 2 * wide]])
        indices, weights = get_vision_interpolation_indices_and_weights(
            whole,
            num_grid_per_side=visual.num_grid_per_side,
            mode=visual.interpolation_mode,
            align_corners=visual.interpolation_align_corners,
            spatial_merge_size=2,
            kwargs={},
        )
        self._indices, self._weights = indices.to(device), weights.to(device)
        positions = torch.stack([self.rows.reshape(-1), self.columns.reshape(-1)], -1).to(device)
        self._cos, self._sin = visual.rotary_pos_emb(torch.zeros(1, device=device), positions)

    def embeddings(self, visual: Any, cells: Tensor) -> Tensor:
        """Return the learnt position embeddings of cells (batch, n): shape (batch, 4 n, width)."""
        table: Tensor = (visual.pos_embed(self._indices) * self._weights[:, :, None]).sum(1)
        return table.view(-1, 4, table.shape[-1])[cells].flatten(1, 2)

    def rotations(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cosines and sines of cells (batch, n): shape (batch, 4 n, head width) each."""
        cos, sin = (part.view(-1, 4, part.shape[-1])[cells].flatten(1, 2) for part in (self._cos, self._sin))
        return cos, sin


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return what to train in: bfloat16, or float32 on a CPU that multiplies bfloat16 many times slower."""
    return torch.bfloat16 if device.type != "cpu" or fast_bfloat16(torch) else torch.float32


def cut_patches(pictures: Tensor, mean: float, deviation: float) -> Tensor:
    """Cut pictures into patches in the order of cells.

    Args:
        pictures: RGB bytes, shape (batch, height, width, 3).
        mean: The mean that is subtracted from every channel, 0-1.
        deviation: The deviation that every channel is divided by, 0-1.

    Returns:
        Each cell's four patches, channels first: shape (batch, cells, 4 * 3 * 16 * 16).
    """
    batch, height, width, _ = pictures.shape
    cut = pictures.view(batch, height // 32, 2, 16, width // 32, 2, 16, 3)
    cut = cut.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(batch, height // 32 * (width // 32), 4 * 768)
    return (cut.float() / 255 - mean) / deviation


def encode_pictures(
    visual: Any, places: PatchPositions, given: Tensor, cells: Tensor, dtype: torch.dtype | None = None
) -> Tensor:
    """Encode pictures, or parts of them of the same size.

    Args:
        visual: Qwen3VLVisionModel, its weights in float32.
        places: The positions of the whole picture's patches.
        given: Patches from `cut_patches`, shape (batch, n, 4 * 768).
        cells: Which cells of the picture they are, shape (batch, n).
        dtype: What to compute in; `fast_dtype` if not given.

    Returns:
        What the language model gets for each cell: shape (batch, n, out_hidden_size), in `dtype`.
    """
    dtype = dtype or fast_dtype(given.device)
    batch, count = cells.shape
    weight = visual.patch_embed.proj.weight.sum(2).flatten(1)
    hidden = F.linear(
        given.view(batch, count * 4, 768).to(dtype), weight.to(dtype), visual.patch_embed.proj.bias.to(dtype)
    )
    hidden = hidden + places.embeddings(visual, cells).to(dtype)
    cos, sin = (part.to(dtype)[:, :, None] for part in places.rotations(cells))
    for block in visual.blocks:
        hidden = hidden + _attend(block.attn, _norm(hidden, block.norm1), cos, sin)
        inner = F.gelu(apply_linear(_norm(hidden, block.norm2), block.mlp.linear_fc1), approximate="tanh")
        hidden = hidden + apply_linear(inner, block.mlp.linear_fc2)
    merger = visual.merger
    four = _norm(hidden, merger.norm).reshape(batch, count, -1)
    return apply_linear(F.gelu(apply_linear(four, merger.linear_fc1)), merger.linear_fc2)


def apply_linear(hidden: Tensor, layer: Any) -> Tensor:
    """Apply a linear layer in the dtype of `hidden`."""
    bias = None if layer.bias is None else layer.bias.to(hidden.dtype)
    return F.linear(hidden, layer.weight.to(hidden.dtype), bias)


def rotate_halves(hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply transformers' rotary embedding: rotate the halves of the last axis against each other."""
    half = hidden.shape[-1] // 2
    first, second = hidden[..., :half], hidden[..., half:]
    cos, sin = cos[..., :half], sin[..., :half]
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


def _norm(hidden: Tensor, layer: Any) -> Tensor:
    weight, bias = layer.weight.to(hidden.dtype), layer.bias.to(hidden.dtype)
    return F.layer_norm(hidden, layer.normalized_shape, weight, bias, layer.eps)


def _attend(attention: Any, hidden: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    batch, length, width = hidden.shape
    mixed = apply_linear(hidden, attention.qkv).view(batch, length, 3, attention.num_heads, -1)
    query, key, value = mixed.unbind(2)
    query, key = rotate_halves(query, cos, sin), rotate_halves(key, cos, sin)
    query, key, value = (part.transpose(1, 2) for part in (query, key, value))
    if length <= _SHORT:
        shares = torch.softmax(query @ key.transpose(-1, -2) * attention.scaling, -1)
        out = shares @ value
    else:
        out = F.scaled_dot_product_attention(query, key, value, scale=attention.scaling)
    return apply_linear(out.transpose(1, 2).reshape(batch, length, width), attention.proj)
