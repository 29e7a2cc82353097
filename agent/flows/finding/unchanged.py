"""The quick way: the window looks as it did, at least about the target, so pixels alone decide.

The target, its row and label, and the landmarks about it have to be where they were, colour by colour; what
no words name has to have all about it unchanged. A list that moved by a row fails at the row's words, a
disabled twin at the colours, a translated window at the landmarks. Where other parts of the window changed,
they are searched for something that looks like the target together with its row: a second one is never
accepted.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.agent.flows.finding.landmarks import gap
from qvl_agent.agent.flows.finding.looks import FAINTER, changed_parts, grey, ink, peaks, same
from qvl_agent.agent.flows.finding.recorded import Recorded
from qvl_agent.agent.flows.finding.wanted import Clue
from qvl_agent.agent.flows.finding.words import said, says
from qvl_agent.agent.flows.lock import Seen

__all__ = ["unchanged"]

_NEAREST: Final = 8
_LEAST_SHARE: Final = 0.6
_MARGIN: Final = 3
_RIM: Final = 2
"""Pixels inside a field's box that are its edge."""
_AROUND: Final = 48
"""Logical pixels about a target without any text near, which have to be the same."""
_RIVAL: Final = 0.9


def unchanged(recorded: Recorded, window: Pixels) -> tuple[Clue, ...] | None:
    """Return what speaks for the target being where it was; None if pixels alone can't tell.

    Args:
        recorded: the target.
        window: the window's pixels now, of the recorded picture's size and scale.
    """
    picture, box = recorded.picture, recorded.box
    size = (picture.shape[1], picture.shape[0])
    if window.shape != picture.shape or not _as_then(recorded):
        return None
    if _is_all_same(picture, window):  # all was looked at when it was recorded, and nothing is otherwise
        return _clues(recorded, "the same pixels, where it was", "the whole window is as recorded")
    whole = _same_at(picture, window, box.grown(_MARGIN, size))
    if not whole and not (_may_vary(recorded) and _same_edge(picture, window, box)):
        return None
    if not whole and _is_fainter(
        picture, window, box
    ):  # another text, or a disabled field: it has to be read
        return None
    beside = [one for one in (recorded.label, recorded.key) if one is not None]
    if not all(_same_at(picture, window, one.box) for one in beside):
        return None
    if not _row_is_same(recorded, window):
        return None
    marks = sorted(recorded.rest, key=lambda one: gap(one.box, box))[:_NEAREST]
    standing = [one for one in marks if _same_at(picture, window, one.box)]
    around = box.grown(round(_AROUND * recorded.evidence.picture.scale), size)
    few = len(standing) < max(2, _LEAST_SHARE * len(marks))
    named = bool(recorded.words or beside)
    if (few or not named) and not _same_at(picture, window, around):
        return None
    if _has_rival(recorded, window, beside):
        return None
    looks = "the same pixels, where it was" if whole else "the same edges, where it was"
    return _clues(recorded, looks, f"{len(standing)} of {len(marks)} landmarks about it are the same")


def _is_all_same(picture: Pixels, window: Pixels) -> bool:
    """Compare two pictures of one shape, which may be one and the same: that needn't be compared."""
    where = [(each.__array_interface__["data"], each.strides) for each in (picture, window)]
    return where[0] == where[1] or np.array_equal(picture, window)


def _clues(recorded: Recorded, looks: str, place: str) -> tuple[Clue, ...]:
    clues = [Clue("looks", True, 1.0, looks), Clue("place", True, 1.0, place)]
    if recorded.words:
        clues.append(Clue("words", True, 1.0, f"“{recorded.evidence.text}”, as recorded"))
    if beside := [one for one in (recorded.label, recorded.key) if one is not None]:
        clues.append(Clue("row", True, 1.0, f"beside “{beside[-1].text}”, as recorded"))
    return tuple(clues)


def _as_then(recorded: Recorded) -> bool:
    """Return whether the words that are wanted are those of the recording, so that its pixels show them."""
    if recorded.words and said(recorded.evidence.text, recorded.words) is not True:
        return False
    key, label = recorded.key_words, recorded.label_words
    if key and (recorded.key is None or says(recorded.key.text, key[0]) is not True):
        return False
    return not label or recorded.label is not None


def _may_vary(recorded: Recorded) -> bool:
    """Return whether it is a field, known by its label, that may hold another text than then."""
    return recorded.evidence.text_varies and not recorded.words and recorded.label is not None


def _same_edge(picture: Pixels, window: Pixels, box: FrameBox) -> bool:
    """Return whether the edges of a field are the same, whatever stands in it."""
    size = (picture.shape[1], picture.shape[0])
    outer = box.grown(_MARGIN, size)
    strips = (
        FrameBox(outer.left, outer.top, outer.right, box.top + _RIM),
        FrameBox(outer.left, box.bottom - _RIM, outer.right, outer.bottom),
        FrameBox(outer.left, outer.top, box.left + _RIM, outer.bottom),
        FrameBox(box.right - _RIM, outer.top, outer.right, outer.bottom),
    )
    return all(_same_at(picture, window, strip) for strip in strips)


def _is_fainter(picture: Pixels, window: Pixels, box: FrameBox) -> bool:
    """Return whether what stands in a field is drawn weaker than what stood there."""
    part = slice(box.top + _RIM, box.bottom - _RIM), slice(box.left + _RIM, box.right - _RIM)
    return ink(window[part]) < FAINTER * ink(picture[part])


def _same_at(picture: Pixels, window: Pixels, box: FrameBox) -> bool:
    part = slice(box.top, box.bottom), slice(box.left, box.right)
    return same(picture[part], window[part])


def _row_is_same(recorded: Recorded, window: Pixels) -> bool:
    """Return whether at least half of the words in its row are the same; a time or a counter may go on."""
    if not recorded.row:
        return True
    kept = sum(_same_at(recorded.picture, window, one.box) for one in recorded.row)
    return 2 * kept >= len(recorded.row)


def _has_rival(recorded: Recorded, window: Pixels, beside: Sequence[Seen]) -> bool:
    """Return whether a part that changed shows something like the target with the words beside it."""
    box = recorded.box
    for one in beside[-1:]:
        box = _union(box, one.box)
    if box.width * box.height > 16 * recorded.box.width * recorded.box.height + 40_000:
        box = recorded.box
    parts = changed_parts(recorded.picture, window, max(4, min(box.width, box.height) // 2))
    if not parts:
        return False
    template = grey(recorded.picture[box.top : box.bottom, box.left : box.right])
    size = (window.shape[1], window.shape[0])
    for part in parts:
        wide = FrameBox(
            max(0, part.left - box.width),
            max(0, part.top - box.height),
            min(size[0], part.right + box.width),
            min(size[1], part.bottom + box.height),
        )
        levels = grey(window[wide.top : wide.bottom, wide.left : wide.right])
        for peak in peaks(levels, template, _RIVAL):
            found = FrameBox(
                peak.box.left + wide.left,
                peak.box.top + wide.top,
                peak.box.right + wide.left,
                peak.box.bottom + wide.top,
            )
            if found.meets(part) and not found.meets(box):
                return True
    return False


def _union(box: FrameBox, other: FrameBox) -> FrameBox:
    return FrameBox(
        min(box.left, other.left),
        min(box.top, other.top),
        max(box.right, other.right),
        max(box.bottom, other.bottom),
    )
