"""A recorded run's screens: their pictures, the texts on them, and the windows that the steps were in.

Where two screens show the same pixels, the same text stands on both. So a screen is read where it differs
from the one that was read before it, and all other texts are taken from there. That is quicker, and a
recogniser that reads the same letters in two ways doesn't make a text appear or go.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from qvl_agent.actions.core.coordinates import FrameBox, FramePoint, Rect, View, model_box_to_frame
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.windows import WindowInfo
from qvl_agent.actions.planning.action import Action, Drag
from qvl_agent.actions.reading.target_text import Read, Reader
from qvl_agent.actions.screen.changes import boxes, difference, tile_map
from qvl_agent.agent.flows.finding.words import normal, read_all
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import screen_after, screen_of

__all__ = ["Moment", "Screens", "covers", "inside", "joined", "meaningful", "middle", "moment_of"]

_KEPT: Final = 6
"""Pictures that are kept in memory."""
_AROUND: Final = 16
"""Logical pixels around a change that are read with it, so that letters at its edge are whole."""
_MOSTLY: Final = 0.6
"""The share of a screen from which on all of it is read again."""
_SURE: Final = 0.8
"""The least confidence of a text that a flow may rely on."""


@dataclass(frozen=True, slots=True)
class Moment:
    """A recorded step, with what is needed to say where it acted.

    Attributes:
        index: its place among the recorded steps, from 0.
        action: what was done.
        boxes: where it acted, in pixels of `screen`: none, one, or two for a drag.
        screen: the whole screen that it was decided on.
        after: the settled screen after it; None if none was recorded.
        window: the window that it went to; None if it isn't known.
        windows: the window at each place of `boxes`.
    """

    index: int
    action: Action
    boxes: tuple[FrameBox, ...]
    screen: FrameRef
    after: FrameRef | None
    window: WindowInfo | None
    windows: tuple[WindowInfo | None, ...]

    @property
    def points(self) -> tuple[FramePoint, ...]:
        """The pixels that it pressed."""
        return tuple(middle(box) for box in self.boxes)


def moment_of(recording: Recording, index: int, action: Action) -> Moment:
    """Return a recorded step's moment."""
    step = recording.steps[index]
    screen = screen_of(recording.steps, index)
    scene = step.intent.scene
    windows = scene.windows if scene else ()
    points = _boxes_on(action, step.intent.frame.view, screen.view)
    pointed = next((window for window in windows if window is not None), None) if points else None
    window = pointed or (scene.focused if scene else None)
    after = screen_after(recording.steps, index, recording.result)
    return Moment(index, action, points, screen, after, window, tuple(windows))


def _boxes_on(action: Action, seen: View, screen: View) -> tuple[FrameBox, ...]:
    """Return every place where an action acts, in pixels of the whole screen; a zoom's grid is another."""
    targets = [getattr(action, "target", None), action.end if isinstance(action, Drag) else None]
    dx, dy = seen.origin.x - screen.origin.x, seen.origin.y - screen.origin.y
    found = [model_box_to_frame(target, seen) for target in targets if target is not None]
    return tuple(FrameBox(box.left + dx, box.top + dy, box.right + dx, box.bottom + dy) for box in found)


class Screens:
    """Reads the screens of one run, each once."""

    def __init__(self, recording: Recording, reader: Reader | None) -> None:
        self._recording = recording
        self._reader = reader
        self._frames: OrderedDict[str, Frame] = OrderedDict()
        self._texts: dict[str, tuple[Read, ...]] = {}
        self._latest: str = ""
        self._latest_ref: FrameRef | None = None

    def frame(self, ref: FrameRef) -> Frame:
        """Return a screen's picture.

        Raises:
            RecordingError: it is missing or was changed.
        """
        if ref.sha256 not in self._frames:
            self._frames[ref.sha256] = self._recording.frame(ref)
            while len(self._frames) > _KEPT:
                self._frames.popitem(last=False)
        self._frames.move_to_end(ref.sha256)
        return self._frames[ref.sha256]

    def texts(self, ref: FrameRef) -> tuple[Read, ...]:
        """Return the lines of text on a screen, from the top left; none without a reader.

        Raises:
            ReadingError: the reader failed.
        """
        if self._reader is None:
            return ()
        if ref.sha256 not in self._texts:
            self._texts[ref.sha256] = self._read(self._reader, ref)
        self._latest_ref = ref
        return self._texts[ref.sha256]

    def _read(self, reader: Reader, ref: FrameRef) -> tuple[Read, ...]:
        frame, latest = self.frame(ref), self._latest_ref
        known = self._texts[latest.sha256] if latest else ()
        if latest is None or latest.view != ref.view:
            return read_all(frame, frame.box, reader)
        changed = boxes(tile_map(self.frame(latest), frame), frame.size)
        regions = _whole_lines(changed, known, frame)
        width, height = frame.size
        if sum(box.width * box.height for box in regions) > _MOSTLY * width * height:
            return read_all(frame, frame.box, reader)
        kept = [line for line in known if not any(line.box.meets(box) for box in regions)]
        found = [line for box in regions for line in read_all(frame, box, reader)]
        return tuple(sorted([*kept, *found], key=lambda line: (line.box.top, line.box.left)))

    def differs(self, first: FrameRef, second: FrameRef, box: FrameBox) -> bool:
        """Return whether two screens differ inside a box."""
        if first.sha256 == second.sha256:
            return False
        if first.view != second.view:
            return True
        part = slice(box.top, box.bottom), slice(box.left, box.right)
        return not np.array_equal(self.frame(first).pixels[part], self.frame(second).pixels[part])

    def changes(self, first: FrameRef, second: FrameRef) -> tuple[FrameBox, ...]:
        """Return boxes around what differs between two screens, in the second one's pixels."""
        if first.sha256 == second.sha256:
            return ()
        before, after = self.frame(first), self.frame(second)
        return boxes(tile_map(before, after), after.size)

    def extent(self, first: FrameRef, second: FrameRef, near: FrameBox) -> FrameBox | None:
        """Return the box around the pixels that differ inside another box; None if none do."""
        found = difference(self.frame(first), self.frame(second))
        part = found[near.top : near.bottom, near.left : near.right]
        if not part.any():
            return None
        ys, xs = np.nonzero(part.any(axis=1))[0], np.nonzero(part.any(axis=0))[0]
        return FrameBox(
            near.left + int(xs[0]),
            near.top + int(ys[0]),
            near.left + int(xs[-1]) + 1,
            near.top + int(ys[-1]) + 1,
        )

    def window_box(self, ref: FrameRef, window: WindowInfo | None) -> FrameBox:
        """Return a window's box in a screen's pixels, without what is off the screen; unknown: the screen."""
        view = ref.view
        rect = window.rect if window is not None else None
        found = _on_frame(rect, view) if rect is not None else None
        return found or FrameBox(0, 0, view.width, view.height)


def _on_frame(rect: Rect, view: View) -> FrameBox | None:
    left = round((rect.left - view.monitor.left) * view.scale)
    top = round((rect.top - view.monitor.top) * view.scale)
    right, bottom = left + round(rect.width * view.scale), top + round(rect.height * view.scale)
    box = (max(0, left), max(0, top), min(view.width, right), min(view.height, bottom))
    return FrameBox(*box) if box[2] - box[0] > 1 and box[3] - box[1] > 1 else None


def _whole_lines(changed: Sequence[FrameBox], known: Sequence[Read], frame: Frame) -> list[FrameBox]:
    """Return the parts to read again: the changes with some room, and every known line that they touch."""
    regions = [box.grown(round(_AROUND * frame.scale), frame.size) for box in changed]
    while True:
        grown = [_with(box, [line.box for line in known if line.box.meets(box)]) for box in regions]
        merged = _merged(grown)
        if merged == regions:
            return merged
        regions = merged


def _merged(regions: Sequence[FrameBox]) -> list[FrameBox]:
    found: list[FrameBox] = []
    for box in regions:
        whole = box
        while touching := [other for other in found if other.meets(whole)]:
            found = [other for other in found if other not in touching]
            whole = _with(whole, touching)
        found.append(whole)
    return found


def _with(box: FrameBox, others: Sequence[FrameBox]) -> FrameBox:
    every = [box, *others]
    return FrameBox(
        min(one.left for one in every),
        min(one.top for one in every),
        max(one.right for one in every),
        max(one.bottom for one in every),
    )


def joined(first: FrameBox, second: FrameBox) -> FrameBox:
    """Return the box around two boxes."""
    return _with(first, [second])


def middle(box: FrameBox) -> FramePoint:
    """Return a box's middle pixel, where a pointer is put."""
    return FramePoint((box.left + box.right) // 2, (box.top + box.bottom) // 2)


def covers(box: FrameBox, point: FramePoint) -> bool:
    """Return whether a pixel lies in a box."""
    return box.left <= point.x < box.right and box.top <= point.y < box.bottom


def inside(lines: Sequence[Read], box: FrameBox) -> tuple[Read, ...]:
    """Return the lines whose middle lies in a box."""
    return tuple(line for line in lines if covers(box, middle(line.box)))


def meaningful(line: Read) -> bool:
    """Return whether a flow may rely on a line: it was read for sure, and says more than a single letter."""
    letters = [letter for letter in normal(line.text) if letter.isalnum()]
    few = len(letters) < 2 and not any(letter > "\u2e80" for letter in letters)
    return line.confidence >= _SURE and not few and "${" not in line.text
