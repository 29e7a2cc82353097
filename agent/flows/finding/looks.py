"""Compare pixels: the same or not, where something alike is, how strongly it is drawn, and its own box.

Correlation is blind to contrast: a disabled button, drawn faint, correlates with the enabled one as well as
itself. So `same` compares colours, and where a theme may have changed them, `faint` compares how strongly
the target is drawn with how strongly everything else is.
"""

from dataclasses import dataclass
from typing import Any, Final

import lazy_loader
import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Pixels

cv2 = lazy_loader.load("cv2")
"""OpenCV, loaded when it is first used."""

__all__ = [
    "FAINTER",
    "Peak",
    "changed_parts",
    "edges",
    "faint",
    "grey",
    "ink",
    "ink_colour",
    "peaks",
    "resized",
    "same",
    "surface_at",
    "text_line",
    "thing_at",
]

Grey = npt.NDArray[np.uint8]

_DIFFERENT: Final = 24
"""A channel that differs by more is another colour: noise of a picture's transfer is below it."""
_NOISE: Final = 0.001
"""The share of pixels that may be other colours without the picture showing anything else."""
_PATCH: Final = 7
_SHADE: Final = 5
"""Levels by which a patch's mean may differ: a surface that is another by more is drawn otherwise."""
_PLAIN: Final = 4.0
"""The grey levels' deviation below which a crop shows nothing that it could be recognised by."""
_LEAST_SPREAD: Final = 0.3
"""The least contrast of a place that is compared, as a share of the crop's."""
FAINTER: Final = 0.8
"""What is drawn this much weaker than it was, against all the rest, may be disabled."""
_FLOOD: Final = 10
_BLANK: Final = 0.6
"""The widest blank between two words, as a share of the letters' height."""
_REACH: Final = (1000, 240)
"""Pixels (across, down) to each side of a point that a surface is followed."""
_LEAST_EDGE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Peak:
    """A place where something alike is: its box, and the correlation of grey levels and of edges there."""

    box: FrameBox
    grey: float
    edges: float

    @property
    def score(self) -> float:
        """Return how alike it is: by grey levels, or by edges alone where a theme turned dark and light."""
        return max(min(self.grey, self.edges + 0.1), self.edges - 0.03)


def grey(pixels: Pixels) -> Grey:
    """Return the grey levels of RGB pixels."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def edges(levels: Grey) -> npt.NDArray[np.float32]:
    """Return how strong the edges are, whichever side is the darker one: a dark theme has the same."""
    blurred = cv2.GaussianBlur(levels, (3, 3), 0)
    across = cv2.Sobel(blurred, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(blurred, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(across, down), dtype=np.float32)


def same(one: Pixels, other: Pixels) -> bool:
    """Return whether two pictures of one size show the same, but for noise and a blinking caret."""
    if one.shape != other.shape:
        return False
    if np.array_equal(one, other):
        return True
    apart = _apart(one, other)
    if np.asarray(cv2.blur(apart, (_PATCH, _PATCH))).max(initial=0) > _SHADE:
        return _is_caret(apart)
    different = int((apart > _DIFFERENT).sum())
    return different <= _NOISE * apart.size or _is_caret(apart)


def _apart(one: Pixels, other: Pixels) -> npt.NDArray[np.uint8]:
    """Return how far two pictures are apart at each pixel, in the channel that differs most."""
    first, second = np.ascontiguousarray(one), np.ascontiguousarray(other)
    red, green, blue = cv2.split(cv2.absdiff(first, second))
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8)


def _is_caret(apart: npt.NDArray[np.uint8]) -> bool:
    """Return whether all that differs is one thin upright line."""
    rows, columns = np.nonzero(apart > _SHADE)
    if not len(columns):
        return True
    wide, high = int(columns.max() - columns.min()) + 1, int(rows.max() - rows.min()) + 1
    return wide <= 2 and high >= 5 and len(columns) >= 0.9 * wide * high


def changed_parts(one: Pixels, other: Pixels, reach: int) -> tuple[FrameBox, ...]:
    """Return the parts where two pictures of one size differ; parts closer than `reach` pixels are one."""
    if np.array_equal(one, other):
        return ()
    mask = np.asarray(_apart(one, other) > _SHADE, dtype=np.uint8)
    if not mask.any():
        return ()
    joined = cv2.dilate(mask, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    return tuple(
        FrameBox(int(x), int(y), int(x + width), int(y + height)) for x, y, width, height, _ in stats[1:count]
    )


def peaks(levels: Grey, template: Grey, least: float, most: int = 12) -> tuple[Peak, ...]:
    """Return where a template is found in a picture, the best first, at most one in the template's size.

    A template that shows nothing, or doesn't fit, is found nowhere.
    """
    height, width = template.shape
    if height > levels.shape[0] or width > levels.shape[1] or float(template.std()) < _PLAIN:
        return ()
    by_grey = _correlation(levels, template)
    # Next to a crop's border its edges can't be told, as what lies beyond isn't in it.
    rim = 2 if min(width, height) > 8 else 0
    inner = edges(template)[rim : height - rim, rim : width - rim]
    by_edges = _correlation(edges(levels), inner)[rim : rim + by_grey.shape[0], rim : rim + by_grey.shape[1]]
    both = np.maximum(by_grey, by_edges)
    found: list[Peak] = []
    while len(found) < most:
        _, score, _, (x, y) = cv2.minMaxLoc(both)
        if score < least:
            break
        found.append(Peak(FrameBox(x, y, x + width, y + height), float(by_grey[y, x]), float(by_edges[y, x])))
        top, left = max(0, y - height // 2), max(0, x - width // 2)
        both[top : y + height // 2 + 1, left : x + width // 2 + 1] = -1.0
    return tuple(sorted(found, key=lambda one: -one.score))


def _correlation(levels: Any, template: Any) -> npt.NDArray[np.float32]:
    """Return the correlation at each place; 0 where too little is drawn: there OpenCV gives any number."""
    found = np.asarray(cv2.matchTemplate(levels, template, cv2.TM_CCOEFF_NORMED))
    height, width = template.shape
    plain = np.asarray(levels, dtype=np.float32)
    mean = np.asarray(cv2.boxFilter(plain, cv2.CV_64F, (width, height), anchor=(0, 0)))
    squares = np.asarray(cv2.boxFilter(plain * plain, cv2.CV_64F, (width, height), anchor=(0, 0)))
    rows, columns = found.shape
    spread = np.sqrt(np.maximum(squares - mean * mean, 0.0))[:rows, :columns]
    drawn = (spread >= _LEAST_SPREAD * float(template.std())) & np.isfinite(found)
    return np.where(drawn, found, np.float32(0.0)).astype(np.float32)


def ink(pixels: Pixels) -> float:
    """Return how strongly something is drawn on its surface, in grey levels (0-255)."""
    if pixels.size == 0:
        return 0.0
    levels = grey(pixels).ravel()
    surface = float(np.median(levels))
    apart = np.abs(levels.astype(np.float32) - surface)
    return float(np.percentile(apart, 98))


def ink_colour(pixels: Pixels) -> npt.NDArray[np.float64]:
    """Return the colour that something is drawn in on its surface, RGB."""
    if pixels.size == 0:
        return np.zeros(3)
    levels = grey(pixels).astype(np.float32)
    apart = np.abs(levels - float(np.median(levels)))
    drawn = apart >= 0.8 * float(np.percentile(apart, 98))
    return np.asarray(pixels[drawn].mean(axis=0), dtype=np.float64)


def resized(crop: Any, scale: float) -> Any:
    """Return a grey crop at another scale."""
    if scale == 1.0:
        return crop
    size = max(3, round(crop.shape[1] * scale)), max(3, round(crop.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(crop, size, interpolation=way)


def faint(then: float, now: float, others_then: list[float], others_now: list[float]) -> bool:
    """Return whether something is drawn weaker than it was, if all the rest isn't.

    Args:
        then: its `ink` then.
        now: its `ink` now.
        others_then: that of the landmarks then; none means that nothing else changed.
        others_now: that of the same landmarks now.
    """
    pairs = [new / old for old, new in zip(others_then, others_now, strict=True) if old > 0]
    usual = float(np.median(pairs)) if pairs else 1.0
    return then > 0 and usual > 0 and now / then < FAINTER * usual


def surface_at(pixels: Pixels, x: int, y: int) -> FrameBox | None:
    """Return the box of the surface of one colour at a pixel, if it has edges of its own as a field has.

    Letters on it don't end it. None if it is the page itself, or no rectangle.
    """
    top, left = max(0, y - _REACH[1]), max(0, x - _REACH[0])
    picture = pixels[top : y + _REACH[1], left : x + _REACH[0]].copy()
    x, y = x - left, y - top
    best: FrameBox | None = None
    for seed in _seeds(picture, x, y):
        mask = np.zeros((picture.shape[0] + 2, picture.shape[1] + 2), np.uint8)
        flags = 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
        bound = (_FLOOD,) * 3
        _, _, _, rect = cv2.floodFill(picture, mask, seed, (0, 0, 0), bound, bound, flags)
        box = _rectangle(mask[1:-1, 1:-1], rect)
        if box and not (box.left <= x < box.right and box.top <= y < box.bottom):
            box = None
        if box and (best is None or box.width * box.height < best.width * best.height):
            best = box
    if best is None:
        return None
    return FrameBox(best.left + left, best.top + top, best.right + left, best.bottom + top)


def _seeds(picture: Pixels, x: int, y: int) -> list[tuple[int, int]]:
    """Return pixels of the two most frequent colours about a pixel: the surface's, and maybe the letters'."""
    top, left = max(0, y - 5), max(0, x - 8)
    patch = picture[top : y + 6, left : x + 9].astype(np.int16)
    rest = patch.reshape(-1, 3)
    where = np.arange(len(rest))
    found: list[tuple[int, int]] = []
    while len(rest) and len(found) < 2:
        colours, counts = np.unique(rest // 4, axis=0, return_counts=True)
        often = colours[np.argmax(counts)] * 4 + 2
        like = (np.abs(rest - often) <= _FLOOD).all(axis=1)
        if not like.any():
            break
        spot = int(where[like][like.sum() // 2])
        found.append((left + spot % patch.shape[1], top + spot // patch.shape[1]))
        rest, where = rest[~like], where[~like]
    return found


def _rectangle(mask: Any, rect: Any) -> FrameBox | None:
    left, top, width, height = (int(value) for value in rect)
    if width < 6 or height < 6:
        return None
    rows, columns = mask.shape
    if left <= 1 or top <= 1 or left + width >= columns - 1 or top + height >= rows - 1:
        return None
    part = mask[top : top + height, left : left + width] > 0
    edge = int(part[0].sum() + part[-1].sum() + part[:, 0].sum() + part[:, -1].sum())
    if edge < _LEAST_EDGE * 2 * (width + height):
        return None
    return FrameBox(left, top, left + width, top + height)


def text_line(pixels: Pixels, box: FrameBox, x: int | None = None) -> FrameBox:
    """Return the box of the letters alone in the box of a text that was read.

    A recogniser's box often has a check box or a neighbour's edge in it, once more and once less.

    Args:
        pixels: the picture.
        box: the text's box.
        x: a column; the letters there are meant. Without it the widest group of letters is.
    """
    groups: list[FrameBox] = []
    for one in sorted(_drawn(pixels, box, 2), key=lambda each: each.left):
        last = groups[-1] if groups else None
        if last is not None and one.left - last.right <= _BLANK * min(
            max(last.height, one.height), box.height
        ):
            groups[-1] = FrameBox(
                last.left, min(last.top, one.top), max(last.right, one.right), max(last.bottom, one.bottom)
            )
        else:
            groups.append(one)
    if not groups:
        return box
    if x is not None:
        return min(groups, key=lambda one: _away(one, x, (one.top + one.bottom) // 2))
    return max(groups, key=lambda one: one.width)


def _drawn(pixels: Pixels, box: FrameBox, least: int) -> list[FrameBox]:
    """Return the boxes of what is drawn on the most frequent colour of a part of a picture."""
    part = pixels[box.top : box.bottom, box.left : box.right]
    if part.size == 0:
        return []
    colours, counts = np.unique(part.reshape(-1, 3) // 8, axis=0, return_counts=True)
    page = colours[np.argmax(counts)].astype(np.int16) * 8 + 4
    drawn = (np.abs(part.astype(np.int16) - page) > _FLOOD + 4).any(axis=2).astype(np.uint8)
    joined = cv2.morphologyEx(drawn, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(joined)
    return [
        FrameBox(
            box.left + int(one[0]),
            box.top + int(one[1]),
            box.left + int(one[0] + one[2]),
            box.top + int(one[1] + one[3]),
        )
        for one in stats[1:count]
        if one[2] >= least and one[3] >= least
    ]


def thing_at(pixels: Pixels, x: int, y: int, reach: int) -> FrameBox | None:
    """Return the box of the small thing at a pixel, or nearest to it: an icon, a check box, a mark.

    Args:
        pixels: the picture.
        x: the pixel's column.
        y: the pixel's row.
        reach: the most pixels to each side that it takes.
    """
    size = pixels.shape[1], pixels.shape[0]
    around = FrameBox(x, y, x + 1, y + 1).grown(2 * reach, size)
    boxes = [one for one in _drawn(pixels, around, 4) if one.width <= 2 * reach and one.height <= 2 * reach]
    if not boxes:
        return None
    gap, _, index = min((_away(box, x, y), -box.width * box.height, i) for i, box in enumerate(boxes))
    return boxes[index] if gap <= reach // 2 else None


def _away(box: FrameBox, x: int, y: int) -> int:
    return max(box.left - x, x - box.right + 1, box.top - y, y - box.bottom + 1, 0)
