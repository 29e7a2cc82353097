"""Stage 1: teach the vision tower what is under each of its patches.

Most batches are small cuts around single widgets, which are many times quicker than whole screens; the
share of whole screens grows.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from qvl_agent.actions.core.frame import Pixels
from qvl_agent.sandbox.nano.making.network.heads import as_tensors
from qvl_agent.sandbox.nano.making.network.start import build, build_heads, start_tower
from qvl_agent.sandbox.nano.making.network.targets import IGNORED, paint_targets
from qvl_agent.sandbox.nano.making.network.tower import PatchPositions, cut_patches, encode_pictures
from qvl_agent.sandbox.nano.making.samples import Episode, Item, Shot
from qvl_agent.sandbox.nano.making.shape import CELL, DEVIATION, GRID, MEAN
from qvl_agent.sandbox.nano.making.training.optimiser import Optimiser

__all__ = ["SeeBatch", "SeePlan", "Seeing", "dense_targets"]

_CUTS: Final = ((3, 6, 12), (3, 8, 9), (5, 8, 5))
"""Rows and columns of a cut, and how many cuts of each picture: about the same number of cells in all."""
_CUT_PICTURES: Final = 4
_WHOLE_PICTURES: Final = 2
"""Pictures of a batch of cuts, and of a batch of whole screens."""
_MOVED: Final = ((0.3, 0, 0), (0.5, 16, 16), (0.2, 192, 120))
"""(share of pictures, px across, px down) by which they are moved at most, so that edges lie anywhere."""
_TINTED: Final = 0.3
_GAIN: Final = 0.2
_OFFSET: Final = 24.0
"""The share of pictures whose colours are changed, and the greatest factor (1 ± it) and offset."""
_WIDE: Final = 0.15
"""A cut may be centred on any part of a widget that is larger than this share of the screen."""
_SAMPLE: Final = 40
"""How many pictures the patch embedding's starting weights are computed from."""


@dataclass(frozen=True, slots=True)
class SeePlan:
    """The first stage's hyperparameters.

    Attributes:
        rate: The highest learning rate.
        cuts: The share of batches that are cuts, at the beginning and at the end.
        batch: A factor on the pictures of a batch; 1 suits two CPU cores, more a GPU.
    """

    rate: float = 2e-3
    cuts: tuple[float, float] = (1.0, 0.4)
    batch: int = 1


@dataclass(frozen=True, slots=True)
class SeeBatch:
    """Cuts of one size.

    Attributes:
        patches: From `cut_patches`, shape (n, cells, 3072).
        cells: Which cells of the screen they are, shape (n, cells).
        targets: By the names of `Targets`' fields, shape (n * cells, 5, ...) each.
        whole: Whether they are whole screens.
    """

    patches: Tensor
    cells: Tensor
    targets: Mapping[str, Tensor]
    whole: bool


class Seeing:
    """The first stage: a `Learner` of the vision tower and the heads that teach it.

    Args:
        episodes: The data.
        words: The numbers of labels, from `number_labels`.
        plan: The hyperparameters.
        device: The torch device.
    """

    warm_up = 40
    final_rate = 0.05

    def __init__(
        self, episodes: Sequence[Episode], words: dict[str, int], plan: SeePlan, device: str = "cpu"
    ) -> None:
        self._shots = [shot for episode in episodes for shot in episode.shots if shot.whole and shot.items]
        self._words, self._plan, self._device = words, plan, device
        visual = build().model.visual
        start_tower(visual, self._sample())
        self._visual = visual.to(device)
        self._heads = build_heads(visual.config.out_hidden_size, len(words)).to(device)
        self._places = PatchPositions(self._visual)
        self.modules: dict[str, nn.Module] = {"visual": self._visual, "heads": self._heads}
        self.optimisers = {"visual": Optimiser(self.modules, plan.rate)}
        self.notes: dict[str, Any] = {"stage": "see", "words": words}

    def batch(self, rng: random.Random, share: float) -> SeeBatch:
        """Make a batch of cuts or of whole screens, from random pictures."""
        first, last = self._plan.cuts
        if rng.random() < first + (last - first) * share:
            rows, columns, each = rng.choice(_CUTS)
            count = _CUT_PICTURES
        else:
            (rows, columns), each, count = GRID, 1, _WHOLE_PICTURES
        pictures, cells, targets = list[Tensor](), list[Tensor](), list[dict[str, Tensor]]()
        for _ in range(count * self._plan.batch):
            shot = rng.choice(self._shots)
            shift = _shift(rng)
            pixels = _tinted(_moved(shot.pixels(), shift), rng)
            painted = as_tensors(paint_targets(shot.items, self._words, shift))
            for _ in range(each):
                row, column = _corner(rng, shot.items, rows, columns)
                cut = pixels[CELL * row : CELL * (row + rows), CELL * column : CELL * (column + columns)]
                here = (
                    (row + torch.arange(rows))[:, None] * GRID[1] + column + torch.arange(columns)
                ).flatten()
                pictures.append(torch.from_numpy(np.ascontiguousarray(cut)))
                cells.append(here)
                known = {name: target[here] for name, target in painted.items()}
                targets.append(
                    known if (rows, columns) == GRID else _in_view(known, row, column, rows, columns)
                )
        return SeeBatch(
            cut_patches(torch.stack(pictures).to(self._device), MEAN, DEVIATION),
            torch.stack(cells).to(self._device),
            {name: torch.cat([one[name] for one in targets]).to(self._device) for name in targets[0]},
            (rows, columns) == GRID,
        )

    def step(self, batch: SeeBatch, rate_share: float) -> dict[str, float]:
        """Learn from a batch; return the loss and the heads' figures."""
        seen = encode_pictures(self._visual, self._places, batch.patches, batch.cells).flatten(0, 1)
        loss, said = self._heads(seen, batch.targets)
        loss.backward()
        self.optimisers["visual"].step(self._plan.rate * rate_share)
        kind = "whole" if batch.whole else "cut"
        return {f"{kind}/{name}": value for name, value in {"loss": float(loss.detach()), **said}.items()}

    def validate(self) -> dict[str, float]:
        """Return nothing: the second stage shows what it is good for."""
        return {}

    def _sample(self) -> Tensor:
        rng = random.Random(1)
        chosen = [torch.from_numpy(rng.choice(self._shots).pixels()) for _ in range(_SAMPLE)]
        return cut_patches(torch.stack(chosen), MEAN, DEVIATION).view(-1, 3 * 16 * 16)[::7]


def dense_targets(shots: Sequence[Shot], words: Mapping[str, int]) -> dict[str, Tensor]:
    """Return whole screens' targets one after the other: shape (screens * cells, 5, ...) each."""
    painted = [as_tensors(paint_targets(shot.items, words)) for shot in shots]
    return {name: torch.cat([one[name] for one in painted]) for name in painted[0]}


def _in_view(targets: dict[str, Tensor], row: int, column: int, rows: int, columns: int) -> dict[str, Tensor]:
    """Ignore the targets that a cut doesn't show: of widgets not wholly in it, and of list items around."""
    boxes = targets["boxes"]
    down, across = 1000 / GRID[0], 1000 / GRID[1]
    outside = (boxes[..., 0] < column * across) | (boxes[..., 2] > (column + columns) * across)
    outside |= (boxes[..., 1] < row * down) | (boxes[..., 3] > (row + rows) * down)
    forgotten = {name: targets[name].masked_fill(outside, IGNORED) for name in ("word", "value")}
    return {
        **targets,
        **forgotten,
        "boxes": boxes.masked_fill(outside[..., None], IGNORED),
        "row": torch.full_like(targets["row"], IGNORED),
    }


def _shift(rng: random.Random) -> tuple[int, int]:
    ((_, across, down),) = rng.choices(_MOVED, [share for share, _, _ in _MOVED])
    return rng.randint(-across, across), rng.randint(-down, down)


def _moved(pixels: Pixels, shift: tuple[int, int]) -> Pixels:
    """Move a picture to the right and down; what is uncovered is black."""
    right, down = shift
    high, wide = pixels.shape[:2]
    moved = np.zeros_like(pixels)
    moved[max(0, down) : high + min(0, down), max(0, right) : wide + min(0, right)] = pixels[
        max(0, -down) : high - max(0, down), max(0, -right) : wide - max(0, right)
    ]
    return moved


def _tinted(pixels: Pixels, rng: random.Random) -> Pixels:
    """Change the colours of some pictures a little, as another theme would."""
    if rng.random() >= _TINTED:
        return pixels
    gain = np.array([1 + rng.uniform(-_GAIN, _GAIN) for _ in range(3)], np.float32)
    offset = np.array([rng.uniform(-_OFFSET, _OFFSET) for _ in range(3)], np.float32)
    changed: Pixels = (pixels * gain + offset).clip(0, 255).astype(np.uint8)
    return changed


def _corner(rng: random.Random, items: Sequence[Item], rows: int, columns: int) -> tuple[int, int]:
    """Choose a cut's first row and column, so that a random widget is about in its middle."""
    left, top, right, bottom = rng.choice(items).box
    across, down = (left + right) / 2, (top + bottom) / 2
    if right - left > _WIDE:
        across = left + rng.random() * (right - left)
    if bottom - top > _WIDE:
        down = top + rng.random() * (bottom - top)
    return (
        _within(int(down * GRID[0] - rows / 2 + rng.random()), GRID[0] - rows),
        _within(int(across * GRID[1] - columns / 2 + rng.random()), GRID[1] - columns),
    )


def _within(place: int, last: int) -> int:
    return min(max(0, place), last)
