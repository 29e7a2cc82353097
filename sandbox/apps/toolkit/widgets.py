"""Small helpers and widgets that more than one application needs."""

from collections.abc import Callable

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.toolkit.style import draw_chevron

__all__ = [
    "Avatar",
    "DropDown",
    "Pane",
    "button",
    "column",
    "confirm",
    "draw_elided",
    "label",
    "row",
    "scroll_area",
]


def label(text: str, name: str = "", voice: str = "") -> QLabel:
    """Make a label; only one with a `name` is in the widget tree. `voice` selects its style."""
    made = QLabel(text)
    made.setObjectName(name)
    made.setProperty("voice", voice)
    made.setTextFormat(Qt.TextFormat.PlainText)
    return made


def button(text: str, name: str, on_click: Callable[[], None], kind: str = "") -> QPushButton:
    """Make a push button; `kind` selects its style: "main", "danger", "bare" or ""."""
    made = QPushButton(text)
    made.setObjectName(name)
    made.setProperty("kind", kind)
    made.clicked.connect(lambda *_: on_click())
    return made


def column(*items: QWidget | QLayout | int, space: int = 8, margin: int = 0) -> QVBoxLayout:
    """Lay items out from top to bottom; a number adds a stretch. `space` and `margin` in px."""
    layout = QVBoxLayout()
    _fill(layout, items, space, margin)
    return layout


def row(*items: QWidget | QLayout | int, space: int = 8, margin: int = 0) -> QHBoxLayout:
    """Lay items out from left to right; a number adds a stretch. `space` and `margin` in px."""
    layout = QHBoxLayout()
    _fill(layout, items, space, margin)
    return layout


def _fill(
    layout: QVBoxLayout | QHBoxLayout, items: tuple[QWidget | QLayout | int, ...], space: int, margin: int
) -> None:
    layout.setSpacing(space)
    layout.setContentsMargins(margin, margin, margin, margin)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, QLayout):
            layout.addLayout(item)
        else:
            layout.addWidget(item)


def scroll_area(inside: QWidget, name: str, text: str) -> QScrollArea:
    """Put a widget into a scroll area that scrolls vertically only; `text` is its accessible name."""
    area = QScrollArea()
    area.setObjectName(name)
    area.setAccessibleName(text)
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


def draw_elided(painter: QPainter, rect: QRectF, text: str, where: Qt.AlignmentFlag) -> None:
    """Draw one line of text, cut off with … where there isn't room."""
    cut = QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, int(rect.width()))
    painter.drawText(rect, where | Qt.AlignmentFlag.AlignVCenter, cut)


class Pane(QWidget):
    """The content of an application's window."""

    def on_placed(self) -> None:
        """Open what is open at the start, such as a dialog. Called once the window is in its position."""


class DropDown(QComboBox):
    """A combo box with our own arrow; its list is a separate node of the widget tree."""

    def __init__(self, name: str, text: str, appearance: Appearance) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(text)
        self.view().setObjectName(f"{name}/list")
        self.setMaxVisibleItems(12)
        self._colour = appearance.theme.muted

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        painter = QPainter(self)
        draw_chevron(painter, QRectF(self.width() - 28, 0, 20, self.height()), self._colour)
        painter.end()

    def wheelEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Ignore the wheel: over a page it is meant for the page."""


class Avatar(QWidget):
    """A coloured disc with the first letter of a name."""

    def __init__(self, appearance: Appearance, size: int) -> None:
        super().__init__()
        self._appearance, self._letter, self._hue = appearance, "", 0
        self.setFixedSize(size, size)

    def show_name(self, name: str, hue: int) -> None:
        """Show another name; `hue` is 0-359."""
        self._letter, self._hue = name[:1], hue
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's signature
        painter = QPainter(self)
        draw_avatar(painter, QRectF(self.rect()), self._letter, self._hue, self._appearance)
        painter.end()


def draw_avatar(painter: QPainter, rect: QRectF, letter: str, hue: int, appearance: Appearance) -> None:
    """Paint an avatar into a rectangle; `hue` is 0-359."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor.fromHsl(hue, 110, 95 if appearance.theme.dark else 120))
    painter.drawEllipse(rect)
    font = painter.font()
    font.setPixelSize(int(rect.height() * 0.45))
    font.setBold(True)
    painter.setFont(font)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, letter)


def confirm(parent: QWidget, name: str, text: tuple[str, str], yes: QPushButton, no: QPushButton) -> QDialog:
    """Open a modal dialog with a title and a question: `text`. Either button closes it after its slots."""
    dialog = QDialog(parent)
    dialog.setObjectName(name)
    dialog.setWindowTitle(text[0])
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    question = label(text[1], f"{name}/text")
    question.setWordWrap(True)
    question.setMinimumWidth(320)
    yes.clicked.connect(dialog.accept)
    no.clicked.connect(dialog.reject)
    no.setDefault(True)
    title = label(text[0], f"{name}/title", "title")
    dialog.setLayout(column(title, question, row(1, no, yes), space=16, margin=22))
    dialog.open()
    return dialog
