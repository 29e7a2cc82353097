"""Our own windows, whose a window is, and what its program does with input: what backends share.

Our own windows are those of this process and the terminal that it was started from. The terminal shows each
step and each question. A model that saw it would read its own words as if somebody else had written them, and
its changes would count as changes of the screen.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Pixels

__all__ = [
    "GREY",
    "OwnCover",
    "ancestors",
    "libraries_of",
    "our_processes",
    "polls",
    "program_of",
    "readable",
    "without",
]

_LONGEST_TITLE: Final = 300
GREY: Final = 128
"""The value of each channel of the colour that our windows are painted over with."""
_SEEN_S: Final = 0.1
"""Seconds for which the places of our visible windows aren't asked for again."""
_NONE_S: Final = 0.5
"""The same if none of our windows is visible; to ask takes some milliseconds."""
_QUEUES: Final = ("/libQt5Widgets.", "/libQt6Widgets.", "/libgtk-3.", "/libgtk-4.", "/libtk8", "/libXt.")
"""Libraries of toolkits that get each event in its turn, however short a press is."""
_POLLS: Final = (
    "/libSDL", "/libglfw", "/libsfml-window", "/liballegro", "/UnityPlayer", "/libxul.", "/libcef.",
    "/chrome", "/chromium", "/libffmpeg.so", "/libQt5WebEngineCore.", "/libQt6WebEngineCore.",
    "/libwebkit2gtk",
)  # fmt: skip
"""Libraries of games and browsers, of whose programs some look at the mouse and the keys once a frame."""


class OwnCover:
    """Paints over our own windows in captures."""

    def __init__(self, find: Callable[[], tuple[Rect, ...]]) -> None:
        """Store the function that finds the visible parts of our windows, in logical pixels."""
        self._find = find
        self._regions: tuple[Rect, ...] = ()
        self._until = 0.0

    def paint(self, pixels: Pixels, area: Rect, scale: float = 1.0) -> None:
        """Paint over our windows in a capture.

        Args:
            pixels: the capture, RGB of shape (height, width, 3); it is changed in place.
            area: the captured rectangle, in logical pixels.
            scale: the capture's pixels for one logical pixel.
        """
        now = time.monotonic()
        if now >= self._until:
            self._regions = self._find()
            self._until = now + (_SEEN_S if self._regions else _NONE_S)
        height, width = pixels.shape[:2]
        for region in self._regions:
            left, top = max(region.left - area.left, 0), max(region.top - area.top, 0)
            right = region.left + region.width - area.left
            bottom = region.top + region.height - area.top
            columns = slice(math.floor(left * scale), min(math.ceil(max(right, 0) * scale), width))
            rows = slice(math.floor(top * scale), min(math.ceil(max(bottom, 0) * scale), height))
            pixels[rows, columns] = GREY


def without(rect: Rect, covers: Sequence[Rect]) -> list[Rect]:
    """Return the parts of a rectangle that others don't cover, as rectangles that don't overlap."""
    left = [rect]
    for cover in covers:
        left = [part for piece in left for part in _cut(piece, cover)]
    return left


def readable(text: str) -> str:
    """Remove what controls a terminal: the title is shown to the person, and a page may have chosen it."""
    return "".join(character for character in text if character.isprintable())[:_LONGEST_TITLE]


def our_processes(with_windows: set[int]) -> set[int]:
    ours = {os.getpid()}
    for parent in ancestors():
        if parent in with_windows:
            ours.add(parent)
            break
    return ours


def ancestors() -> Iterator[int]:
    """List our ancestors' process ids, nearest first, by the fourth field of /proc/PID/stat, proc(5)."""
    pid = os.getppid()
    while pid > 1:
        yield pid
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pid = int(stat.rpartition(")")[2].split()[1])


def _cut(rect: Rect, cover: Rect) -> Iterator[Rect]:
    right, bottom = rect.left + rect.width, rect.top + rect.height
    top_edge = min(max(cover.top, rect.top), bottom)
    bottom_edge = min(max(cover.top + cover.height, rect.top), bottom)
    left_edge = min(max(cover.left, rect.left), right)
    right_edge = min(max(cover.left + cover.width, rect.left), right)
    if left_edge >= right_edge or top_edge >= bottom_edge:
        yield rect
        return
    for x1, y1, x2, y2 in (
        (rect.left, rect.top, right, top_edge),
        (rect.left, bottom_edge, right, bottom),
        (rect.left, top_edge, left_edge, bottom_edge),
        (right_edge, top_edge, right, bottom_edge),
    ):
        if x1 < x2 and y1 < y2:
            yield Rect(x1, y1, x2 - x1, y2 - y1)


def program_of(pid: int | None) -> str:
    """Return the name of a process's executable, or its short name if it runs as another user; else ""."""
    if pid is None:
        return ""
    try:
        return Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        pass
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def libraries_of(process: int | None) -> str:
    """Return what a process has loaded, by proc(5), "maps"; "" if it isn't known."""
    try:
        return Path(f"/proc/{process}/maps").read_text(errors="replace") if process else ""
    except OSError:
        return ""


def polls(process: int | None) -> bool:
    """Return whether a program may look at the mouse and the keys only once a frame.

    Such a program doesn't see a press that ends before it looks. A program that isn't known may be one.
    """
    loaded = libraries_of(process)
    return not any(each in loaded for each in _QUEUES) or any(each in loaded for each in _POLLS)
