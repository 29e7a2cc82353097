"""Put an application's windows where they are wanted, and tell where they are on the screen.

An X window knows its place. A Wayland window doesn't, and Qt has each at (0, 0): so sway is asked.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any, Final, Protocol

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QWidget

from qvl_agent.actions.core.errors import DesktopError

__all__ = ["Placing", "XPlacing", "find_placing"]

_ANSWER_S: Final = 5.0
_FRESH_S: Final = 0.02
"""Seconds for which what sway said counts as how things are."""


class Placing(Protocol):
    """Where windows are."""

    def put(self, window: QWidget, wanted: QRect) -> bool:
        """Bring a window that is shown nearer to its place; return whether it is there and has the keys."""

    def shift(self, window: QWidget) -> QPoint:
        """Return what has to be added to Qt's global coordinates of a window for those of the screen."""


class XPlacing:
    """Windows that know their places."""

    def put(self, window: QWidget, wanted: QRect) -> bool:
        if window.geometry() != wanted:
            window.setGeometry(wanted)
        return window.geometry() == wanted and window.isActiveWindow()

    def shift(self, window: QWidget) -> QPoint:
        del window
        return QPoint()


class SwayPlacing:
    """Windows under sway, which are known there by this process and their titles."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Any]] = {}
        self._until = 0.0

    def put(self, window: QWidget, wanted: QRect) -> bool:
        if window.size() != wanted.size():
            window.resize(wanted.size())
        self._until = 0.0
        node = self._node(window)
        if node is None:
            return False
        there = _content(node)
        if there.topLeft() != wanted.topLeft():
            frame, off = node["rect"], wanted.topLeft() - there.topLeft()
            bar = node["deco_rect"]["height"]
            at = f"{frame['x'] + off.x()} {frame['y'] - bar + off.y()}"
            _swaymsg(f"[con_id={node['id']}] move absolute position {at}")
            return False
        if not node["focused"]:
            _swaymsg(f"[con_id={node['id']}] focus")
        return there == wanted and window.size() == wanted.size() and window.isActiveWindow()

    def shift(self, window: QWidget) -> QPoint:
        """See `Placing.shift`; a popup is placed by its window, as Qt knows its place in that."""
        while window.windowType() == Qt.WindowType.Popup and (parent := window.parentWidget()) is not None:
            window = parent.window()
        node = self._node(window)
        return QPoint() if node is None else _content(node).topLeft() - window.mapToGlobal(QPoint())

    def _node(self, window: QWidget) -> dict[str, Any] | None:
        if time.monotonic() > self._until:
            tree = json.loads(_swaymsg("-t", "get_tree"))
            self._seen = {node["name"]: node for node in _nodes(tree) if node.get("pid") == os.getpid()}
            self._until = time.monotonic() + _FRESH_S
        return self._seen.get(window.windowTitle())


def find_placing() -> Placing:
    """Return what fits the display of this process."""
    return SwayPlacing() if os.environ.get("SWAYSOCK") else XPlacing()


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for inner in node["nodes"] + node["floating_nodes"]:
        yield from _nodes(inner)


def _content(node: dict[str, Any]) -> QRect:
    """Return where a window is on the screen without its frame."""
    frame, inside = node["rect"], node["window_rect"]
    return QRect(frame["x"] + inside["x"], frame["y"] + inside["y"], inside["width"], inside["height"])


def _swaymsg(*words: str) -> str:
    done = subprocess.run(
        ["swaymsg", "--raw", *words], capture_output=True, text=True, check=False, timeout=_ANSWER_S
    )
    if done.returncode:
        raise DesktopError(f"sway refuses {words[-1]!r}: {(done.stdout + done.stderr).strip()}")
    return done.stdout
