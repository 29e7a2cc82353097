"""Windows of the sandbox's applications with their truth, drawn offscreen, and what may happen to them.

A `Scene` is a window's pixels and its widgets. `draw` makes one of an application, a seed and a look; an
`Edit` changes the window before it is drawn: a row deleted, a label renamed, a list scrolled. The same seed
always gives the same scene.
"""

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractScrollArea,
    QApplication,
    QLineEdit,
    QListWidget,
    QMainWindow,
    QTabBar,
    QWidget,
)

from qvl_agent.actions.core.coordinates import FrameBox, Rect
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.sandbox.apps.appearance import FONTS, THEMES, Appearance, Language
from qvl_agent.sandbox.apps.chat.state import ChatState
from qvl_agent.sandbox.apps.form.state import FormState
from qvl_agent.sandbox.apps.protocol import PASSIVE, Node
from qvl_agent.sandbox.apps.settings.state import SettingsState
from qvl_agent.sandbox.apps.toolkit.style import SandboxStyle, apply_appearance
from qvl_agent.sandbox.apps.tree import read_tree
from qvl_agent.sandbox.hosting.host import make_pane, quiet_environment

__all__ = ["Edit", "Look", "Scene", "Studio", "delete", "disable", "rename", "scroll", "type_elsewhere"]

SCREEN: Final = (1700, 1300)
_STATES: Final[dict[str, Any]] = {"chat": ChatState, "form": FormState, "settings": SettingsState}
_CONFIG: Final = (
    '{"screens":[{"name":"a","x":0,"y":0,"width":%d,"height":%d,"logicalDpi":96,'
    '"logicalBaseDpi":96,"dpr":1}]}'
)

Edit = Callable[[QWidget], None]


@dataclass(frozen=True, slots=True)
class Look:
    """How a window is drawn: what `Appearance` has, and whether it is mirrored."""

    appearance: Appearance
    mirrored: bool = False

    @classmethod
    def of(cls, app: str, seed: int) -> "Look":
        rng = random.Random(f"finding/{app}/{seed}")
        drawn = Appearance.from_seed(app, seed, (1240, 860))
        size = min(1150, drawn.window.width), min(790, drawn.window.height)
        language: Language = "zh" if rng.random() < 0.25 else "en"
        return cls(replace(drawn, window=Rect(0, 0, *size), language=language))

    def other_theme(self, rng: random.Random) -> "Look":
        now = self.appearance.theme
        others = [theme for theme in THEMES if theme.name != now.name and theme.dark != now.dark]
        return replace(self, appearance=replace(self.appearance, theme=rng.choice(others)))

    def other_font(self, rng: random.Random, low: float = 0.8, high: float = 1.5) -> "Look":
        factor = rng.uniform(low, high)
        px = max(10, round(self.appearance.font_px * factor))
        font = rng.choice(FONTS) if rng.random() < 0.3 else self.appearance.font
        window = self.appearance.window
        grown = max(1.0, factor)
        size = min(1500, round(window.width * grown)), min(1150, round(window.height * grown))
        changed = replace(self.appearance, font_px=px, font=font, window=Rect(0, 0, *size))
        return replace(self, appearance=changed)

    def other_size(self, rng: random.Random) -> "Look":
        window, px = self.appearance.window, self.appearance.font_px
        least = 40 * px + 180, 24 * px + 60
        size = (
            max(least[0], round(window.width * rng.uniform(0.8, 1.3))),
            max(least[1], round(window.height * rng.uniform(0.7, 1.3))),
        )
        return replace(self, appearance=replace(self.appearance, window=Rect(0, 0, *size)))

    def translated(self) -> "Look":
        other: Language = "en" if self.appearance.language == "zh" else "zh"
        return replace(self, appearance=replace(self.appearance, language=other))


@dataclass(frozen=True)
class Scene:
    """A window's pixels, RGB, and its widgets in pixels of the picture.

    `painted` has what else is painted on a widget, by its id: a chat's last message.
    """

    pixels: Pixels
    nodes: tuple[Node, ...]
    painted: dict[str, str] = field(default_factory=dict)

    def node(self, node_id: str) -> Node | None:
        return next((node for node in self.nodes if node.id == node_id), None)

    def hit(self, x: int, y: int) -> str:
        """Return the id of the widget that a click would reach; "" for none that reacts."""
        under = [
            node
            for node in self.nodes
            if node.role not in PASSIVE
            and node.rect.left <= x < node.rect.left + node.rect.width
            and node.rect.top <= y < node.rect.top + node.rect.height
        ]
        smallest = min(under, key=lambda node: node.rect.width * node.rect.height, default=None)
        return smallest.id if smallest else ""


class Studio:
    """Draws windows offscreen; Qt allows one in a process."""

    def __init__(self) -> None:
        quiet_environment()
        self._folder = TemporaryDirectory()
        config = Path(self._folder.name) / "screens.json"
        config.write_text(_CONFIG % SCREEN)
        os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={config}"
        os.environ["QT_LOGGING_RULES"] = "*.debug=false;*.warning=false"
        made = QApplication.instance()
        self._qt = made if isinstance(made, QApplication) else QApplication(["qvl-agent-finding"])
        self._style = SandboxStyle()
        self._qt.setStyle(self._style)
        self._window: QMainWindow | None = None

    def draw(
        self,
        app: str,
        seed: int,
        look: Look,
        edits: Sequence[Edit] = (),
        change: Callable[[Any], None] | None = None,
    ) -> Scene:
        """Draw an application's window.

        Args:
            app: chat, form or settings.
            seed: what its data are drawn from.
            look: how it is drawn.
            edits: what is done to its widgets.
            change: what is done to its data first.
        """
        state = _STATES[app].from_seed(seed, look.appearance.language)
        if change is not None:
            change(state)
        self._close()
        self._qt.setLayoutDirection(
            Qt.LayoutDirection.RightToLeft if look.mirrored else Qt.LayoutDirection.LeftToRight
        )
        apply_appearance(self._qt, self._style, look.appearance)
        window = self._window = QMainWindow()
        window.setObjectName("window")
        window.setCentralWidget(make_pane(state, look.appearance))
        window.setGeometry(0, 0, look.appearance.window.width, look.appearance.window.height)
        window.show()
        self._settle()
        for edit in edits:
            edit(window)
        self._settle()
        corner = window.mapToGlobal(QPoint(0, 0))
        return Scene(
            _grab(window),
            tuple(
                replace(
                    node,
                    rect=replace(node.rect, left=node.rect.left - corner.x(), top=node.rect.top - corner.y()),
                )
                for node in read_tree().nodes
            ),
            {f"chat/{chat.id}": chat.notes[-1].text for chat in getattr(state, "chats", ()) if chat.notes},
        )

    def _settle(self) -> None:
        for _ in range(4):
            self._qt.processEvents()

    def _close(self) -> None:
        if self._window is not None:
            self._window.close()
            self._window.deleteLater()
            self._window = None
            self._qt.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def _grab(window: QWidget) -> Pixels:
    image = window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return np.ascontiguousarray(
        rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)[..., 2::-1]
    )


def box_of(node: Node) -> FrameBox:
    rect = node.rect
    return FrameBox(rect.left, rect.top, rect.left + rect.width, rect.top + rect.height)


def _part(window: QWidget, node_id: str) -> tuple[QWidget | None, int]:
    """Return the widget that a node stands for, and its row or tab in it (-1 for the widget itself)."""
    widget = window.findChild(QWidget, node_id)
    if widget is not None:
        return widget, -1
    name, _, item = node_id.rpartition("/")
    holder = window.findChild(QWidget, name) if name else None
    if isinstance(holder, QListWidget):
        rows = [
            row for row in range(holder.count()) if holder.item(row).data(Qt.ItemDataRole.UserRole) == item
        ]
        return holder, rows[0] if rows else -1
    if isinstance(holder, QTabBar):
        tabs = [index for index in range(holder.count()) if holder.tabData(index) == item]
        return holder, tabs[0] if tabs else -1
    return None, -1


def delete(node_id: str) -> Edit:
    """Take a widget away; what is below moves up."""

    def edit(window: QWidget) -> None:
        widget, row = _part(window, node_id)
        match widget:
            case QListWidget() if row >= 0:
                widget.takeItem(row)
            case QTabBar() if row >= 0:
                widget.setTabVisible(row, False)
            case QWidget():
                if node_id.startswith("chat/") and widget.parentWidget() is not None:
                    widget = window.findChild(QWidget, "/".join(node_id.split("/")[:2])) or widget
                widget.hide()

    return edit


def disable(node_id: str) -> Edit:
    """Disable a widget."""

    def edit(window: QWidget) -> None:
        widget, row = _part(window, node_id)
        if isinstance(widget, QTabBar) and row >= 0:
            widget.setTabEnabled(row, False)
        elif widget is not None and row < 0:
            widget.setEnabled(False)

    return edit


def rename(node_id: str, text: str) -> Edit:
    """Give a widget another text."""

    def edit(window: QWidget) -> None:
        widget, row = _part(window, node_id)
        match widget:
            case QListWidget() if row >= 0:
                widget.item(row).setText(text)
            case QTabBar() if row >= 0:
                widget.setTabText(row, text)
            case QAbstractButton() if widget.text():
                widget.setText(text)

    return edit


def scroll(name: str, pixels: int) -> Edit:
    """Scroll an area down."""

    def edit(window: QWidget) -> None:
        area = window.findChild(QAbstractScrollArea, name)
        if area is not None:
            area.verticalScrollBar().setValue(area.verticalScrollBar().value() + pixels)

    return edit


def type_elsewhere(skip: Sequence[str], rng: random.Random) -> Edit:
    """Type into other fields, and switch other check boxes."""
    words = ("hello world", "4711", "see you", "invoice 22", "nobody@example.org")

    def edit(window: QWidget) -> None:
        for line in window.findChildren(QLineEdit):
            if line.objectName() not in skip and line.objectName() != "search" and rng.random() < 0.7:
                line.setText(rng.choice(words))
        for box in window.findChildren(QAbstractButton):
            if box.objectName() not in skip and box.isCheckable() and rng.random() < 0.3:
                box.setChecked(not box.isChecked())

    return edit
