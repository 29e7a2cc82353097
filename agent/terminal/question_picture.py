"""The picture of a question to the person: the target with its surroundings, and a mark on it."""

from typing import Final

from PIL import Image, ImageDraw

from qvl_agent.actions.core.coordinates import FrameBox, Rect, View, desktop_to_frame
from qvl_agent.actions.core.errors import CoordinateError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.execution.person import Question

__all__ = ["question_picture"]

_MARK: Final = "#ff2a2a"
_HALO: Final = "#ffffff"
_GAP: Final = 3


def question_picture(question: Question, around: tuple[int, int], line: int = 2) -> Image.Image:
    """Cut out the part of the screen that the question is about, and mark the target in it.

    A target gets a frame, and ticks outside the frame point at the point that would be clicked. For keys,
    which go to a window, the whole window is shown; without a window the whole screen.

    Args:
        question: the question.
        around: the least width and height in pixels, as far as the screen reaches.
        line: the width of the lines in pixels.
    """
    frame = question.frame
    if not question.boxes:
        return frame.crop(_window(question, frame) or frame.box).image()
    part = _around(question.boxes, around, frame.size)
    picture = frame.crop(part).image()
    draw = ImageDraw.Draw(picture)
    for box in question.boxes:
        _outline(draw, _shifted(box, part), line)
    if question.goal is not None:
        try:
            point = desktop_to_frame(question.goal, frame.view)
        except CoordinateError:
            return picture
        _ticks(draw, point.x - part.left, point.y - part.top, _shifted(question.boxes[-1], part), line)
    return picture


def _shifted(box: FrameBox, part: FrameBox) -> FrameBox:
    return FrameBox(box.left - part.left, box.top - part.top, box.right - part.left, box.bottom - part.top)


def _around(boxes: tuple[FrameBox, ...], least: tuple[int, int], size: tuple[int, int]) -> FrameBox:
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    first, last = _stretch(left, right, least[0], size[0])
    upper, lower = _stretch(top, bottom, least[1], size[1])
    return FrameBox(first, upper, last, lower)


def _stretch(start: int, end: int, least: int, size: int) -> tuple[int, int]:
    """Widen a span to four thirds of its length and at least `least`, inside 0 to `size`."""
    length = min(size, max(least, (end - start) * 4 // 3))
    begin = min(max(0, (start + end - length) // 2), size - length)
    return begin, begin + length


def _outline(draw: ImageDraw.ImageDraw, box: FrameBox, line: int) -> None:
    for colour, gap, width in ((_HALO, _GAP + 1 + line, line + 2), (_MARK, _GAP + line, line)):
        draw.rectangle(
            (box.left - gap, box.top - gap, box.right - 1 + gap, box.bottom - 1 + gap),
            outline=colour,
            width=width,
        )


def _ticks(draw: ImageDraw.ImageDraw, x: int, y: int, box: FrameBox, line: int) -> None:
    """Draw ticks that point at (x, y) from outside its box, so that nothing in the box is hidden."""
    near, far = _GAP + 2 * line, _GAP + 7 * line
    for colour, width in ((_HALO, line + 2), (_MARK, line)):
        for side, out in ((box.left, -1), (box.right, 1)):
            draw.line((side + out * near, y, side + out * far, y), fill=colour, width=width)
        for side, out in ((box.top, -1), (box.bottom, 1)):
            draw.line((x, side + out * near, x, side + out * far), fill=colour, width=width)


def _window(question: Question, frame: Frame) -> FrameBox | None:
    rect = question.window.rect if question.window else None
    return None if rect is None else _on_frame(rect, frame.view)


def _on_frame(rect: Rect, view: View) -> FrameBox | None:
    left = max(0, round((rect.left - view.monitor.left) * view.scale))
    top = max(0, round((rect.top - view.monitor.top) * view.scale))
    right = min(view.width, round((rect.left + rect.width - view.monitor.left) * view.scale))
    bottom = min(view.height, round((rect.top + rect.height - view.monitor.top) * view.scale))
    return FrameBox(left, top, right, bottom) if left < right and top < bottom else None
