"""Landmarks: texts that stand in the recorded picture and on the screen, which give the scale and the place.

A landmark is a text that stands once in each. The scale is the ratio of their widths that most of them
agree on. A place is believed if landmarks lead to it across and down: by the distance from them, by a
common edge (a column), by a common line (a row), or by the distance to the window's edges; it is refuted if
things that were left of it, or above it, are now on its other side.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.agent.flows.finding.words import Text, is_identifier, normal

__all__ = ["Landmark", "gap", "landmarks", "middle", "place_of", "scale_of"]

_AGREE: Final = 0.1
"""How far a landmark's ratio may be from the scale, as a share of it."""
_LEAST: Final = 3
"""Landmarks that have to agree on a scale."""
_SMALLEST, _LARGEST = 0.7, 2.1
_LEAST_WIDTH: Final = 18
_NEAREST: Final = 8


@dataclass(frozen=True, slots=True)
class Landmark:
    """A text, and its box in the recorded picture and on the screen."""

    text: str
    old: FrameBox
    new: FrameBox


def landmarks(old: Sequence[Text], new: Sequence[Text]) -> tuple[Landmark, ...]:
    """Return the texts that stand once in each of two pictures."""
    first, second = _once(old), _once(new)
    return tuple(
        Landmark(text.text, text.box, second[key].box) for key, text in first.items() if key in second
    )


def _once(texts: Sequence[Text]) -> dict[str, Text]:
    keys = [normal(text.text, exact=is_identifier(text.text)) for text in texts]
    often = Counter(keys)
    return {key: text for key, text in zip(keys, texts, strict=True) if often[key] == 1 and len(key) > 1}


def scale_of(found: Sequence[Landmark], usual: float) -> float | None:
    """Return how much larger things are drawn than they were; None if the landmarks don't agree.

    Args:
        found: the landmarks.
        usual: the scale that the screens' own scales lead to, which holds where landmarks are too few.
    """
    wide = [one for one in found if one.old.width >= _LEAST_WIDTH]
    if len(wide) < _LEAST:
        return usual if found else None
    ratios = np.array([one.new.width / one.old.width for one in wide])
    weights = np.array([float(one.old.width) for one in wide])
    order = np.argsort(ratios)
    half = np.searchsorted(np.cumsum(weights[order]), weights.sum() / 2)
    scale = float(ratios[order][min(int(half), len(ratios) - 1)])
    agreeing = int((np.abs(ratios - scale) <= _AGREE * scale).sum())
    if agreeing < _LEAST or 2 * agreeing < len(wide) or not _SMALLEST <= scale <= _LARGEST:
        return None
    return usual if abs(scale - usual) < 0.04 * usual else scale


def middle(box: FrameBox) -> tuple[float, float]:
    """Return the middle of a box."""
    return (box.left + box.right) / 2, (box.top + box.bottom) / 2


def place_of(
    old: FrameBox,
    new: FrameBox,
    found: Sequence[Landmark],
    scale: float,
    windows: tuple[tuple[int, int], tuple[int, int]],
) -> tuple[bool | None, float, str]:
    """Return whether a box lies to the landmarks as another did then, how sure that is (0-1), and why.

    Args:
        old: the target then, in pixels of its window.
        new: what may be it now, in pixels of its window.
        found: the landmarks, in the same pixels; none on the target itself.
        scale: how much larger things are drawn.
        windows: the window's (width, height) then and now.
    """
    near = sorted(found, key=lambda one: gap(one.old, old))[:_NEAREST]
    if not near:
        return None, 0.0, "no landmark is left"
    flipped = [one.text for one in near[:6] if _flipped(old, new, one)]
    if 3 * len(flipped) > min(6, len(near)):
        return False, 0.0, f"“{flipped[0]}” was on its other side"
    across = [_leads(old, new, one, scale, 0) for one in near]
    down = [_leads(old, new, one, scale, 1) for one in near]
    led = (
        sum(across) >= min(2, len(near)) or _shares_edge(old, new, near),
        sum(down) >= min(2, len(near)) or _shares_line(old, new, near, scale),
    )
    at_edge = [_at_edges(old, new, windows, axis, scale) for axis in (0, 1)]
    x, y = led[0] or at_edge[0], led[1] or at_edge[1]
    score = (sum(across) + sum(down)) / (2 * len(near))
    if x and y and any(led) and sum(across) + sum(down) and not flipped:
        return True, score, f"as {min(sum(across), sum(down))} of {len(near)} landmarks say"
    if len(near) >= _LEAST and not x and not y:
        return False, score, "no landmark leads there"
    return None, score, "the landmarks don't tell"


def gap(box: FrameBox, other: FrameBox) -> float:
    """Return how far two boxes are apart; what is above or below counts as further than what is beside."""
    across = max(box.left - other.right, other.left - box.right, 0)
    down = max(box.top - other.bottom, other.top - box.bottom, 0)
    return float(across + 2 * down)


def _span(box: FrameBox, axis: int) -> tuple[int, int]:
    return (box.left, box.right) if axis == 0 else (box.top, box.bottom)


def _leads(old: FrameBox, new: FrameBox, one: Landmark, scale: float, axis: int) -> bool:
    """Return whether a landmark's distance leads to the box along an axis, by its near edges or middles."""
    (a, b), (c, d) = _span(old, axis), _span(new, axis)
    (e, f), (g, h) = _span(one.old, axis), _span(one.new, axis)
    far = abs((a + b) - (e + f)) / 2 * scale
    slack = 5 * scale + 0.05 * far
    then, now = (a + b - e - f) / 2 * scale, (c + d - g - h) / 2
    near_then, near_now = (a - f) * scale if a >= f else (b - e) * scale, (c - h) if a >= f else (d - g)
    return abs(then - now) <= slack or abs(near_then - near_now) <= slack


def _shares_edge(old: FrameBox, new: FrameBox, near: Sequence[Landmark]) -> bool:
    """Return whether two boxes that were in one column still are, by an edge or their middles."""
    for one in near:
        was = _edges(old, one.old)
        now = _edges(new, one.new)
        if any(abs(then) <= 4 and abs(later) <= 6 for then, later in zip(was, now, strict=True)):
            return True
    return False


def _edges(box: FrameBox, other: FrameBox) -> tuple[float, float, float]:
    return box.left - other.left, box.right - other.right, middle(box)[0] - middle(other)[0]


def _shares_line(old: FrameBox, new: FrameBox, near: Sequence[Landmark], scale: float) -> bool:
    """Return whether something that was in its line still is, as far off the line's middle as it was."""
    in_line = [one for one in near if min(old.bottom, one.old.bottom) - max(old.top, one.old.top) >= 6]
    return any(_leads(old, new, one, scale, 1) for one in in_line)


def _at_edges(
    old: FrameBox,
    new: FrameBox,
    windows: tuple[tuple[int, int], tuple[int, int]],
    axis: int,
    scale: float,
) -> bool:
    """Return whether the distance to the window's near or far edge is what it was."""
    (a, b), (c, d) = _span(old, axis), _span(new, axis)
    far_then, far_now = windows[0][axis] - b, windows[1][axis] - d
    return abs(a * scale - c) <= 8 * scale or abs(far_then * scale - far_now) <= 8 * scale


def _flipped(old: FrameBox, new: FrameBox, one: Landmark) -> bool:
    """Return whether something that was wholly on one side is now wholly on the other."""
    for (a, b), (c, d), (e, f), (g, h) in (
        (_span(old, axis), _span(new, axis), _span(one.old, axis), _span(one.new, axis)) for axis in (0, 1)
    ):
        if (b <= e and c >= h) or (a >= f and d <= g):
            return True
    return False
