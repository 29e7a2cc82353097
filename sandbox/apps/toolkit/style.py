"""Paint the applications: a Qt style sheet made from an appearance, and the check marks it can't draw.

Based on Qt's Fusion style. Nothing is animated, so that every screenshot shows the final state.
"""

from string import Template
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen, QPolygonF
from PySide6.QtWidgets import QApplication, QProxyStyle, QStyle, QStyleOption, QWidget

from qvl_agent.sandbox.apps.appearance import THEMES, Appearance, Theme

__all__ = ["SandboxStyle", "apply_appearance", "draw_chevron", "style_sheet"]

_SHEET: Final = Template("""
QWidget { color: $text; font-family: "$font", "WenQuanYi Micro Hei", "DejaVu Sans", "Noto Sans CJK SC",
  sans-serif; font-size: ${px}px; }
QMainWindow, QDialog { background: $window; }
QLabel { background: transparent; }
QLabel[voice="muted"] { color: $muted; }
QLabel[voice="small"] { color: $muted; font-size: ${small}px; }
QLabel[voice="title"] { font-size: ${title}px; font-weight: bold; }
QLabel[voice="heading"] { font-weight: bold; }
QLabel[voice="error"] { color: $danger; font-size: ${small}px; }
QLabel[voice="good"] { color: $accent; font-weight: bold; }
QFrame[panel="true"] { background: $panel; border: 1px solid $line; border-radius: 10px; }
QFrame#calendar { border-radius: 0; }
QFrame[panel="flat"] { background: $panel; border: none; }
QFrame[rule="true"] { background: $line; border: none; max-height: 1px; min-height: 1px; }
QScrollArea, QScrollArea > QWidget > QWidget { background: transparent; border: none; }
QLineEdit, QPlainTextEdit, QComboBox { background: $field; border: 1px solid $line; border-radius: 7px;
  padding: ${pad}px 10px; selection-background-color: $accent; selection-color: $on_accent; }
QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus { border: 1px solid $accent; }
QLineEdit[wrong="true"] { border: 1px solid $danger; }
QLineEdit:disabled, QComboBox:disabled { color: $muted; }
QPlainTextEdit { padding: 4px 6px; }
QComboBox { padding-right: 30px; combobox-popup: 0; }
QCheckBox::indicator, QRadioButton::indicator { width: 19px; height: 19px; }
QComboBox::drop-down { border: none; width: 0px; }
QComboBox QAbstractItemView { background: $panel; border: 1px solid $line; padding: 4px; outline: none; }
QAbstractItemView::item { min-height: ${row}px; padding: 0 8px; border-radius: 6px; color: $text; }
QAbstractItemView::item:hover { background: $hover; }
QAbstractItemView::item:selected { background: $chosen; color: $text; }
QListWidget { background: $field; border: 1px solid $line; border-radius: 8px; padding: 4px; outline: none; }
QPushButton { background: $field; border: 1px solid $line; border-radius: 7px; padding: ${pad}px 16px; }
QPushButton:hover { background: $hover; }
QPushButton:focus { border: 1px solid $accent; }
QPushButton:disabled { color: $muted; }
QPushButton[kind="main"] { background: $accent; color: $on_accent; border: 1px solid $accent; }
QPushButton[kind="danger"] { background: $danger; color: $on_accent; border: 1px solid $danger; }
QPushButton[kind="bare"] { background: transparent; border: none; padding: ${pad}px 8px; }
QPushButton[kind="bare"]:hover { background: $hover; }
QPushButton[kind="day"] { background: transparent; border: none; padding: 0; border-radius: 6px; }
QPushButton[kind="day"]:hover { background: $hover; }
QPushButton[kind="day"]:checked { background: $accent; color: $on_accent; }
QPushButton[kind="day"]:disabled { color: $line; }
QCheckBox, QRadioButton { spacing: 9px; background: transparent; }
QTabWidget::pane { border: 1px solid $line; border-radius: 10px; background: $panel; top: -1px; }
QTabBar { background: transparent; }
QTabBar::tab { background: transparent; border: none; border-bottom: 2px solid transparent; color: $muted;
  padding: ${pad}px 14px; margin-right: 4px; }
QTabBar::tab:hover { color: $text; }
QTabBar::tab:selected { color: $accent; border-bottom: 2px solid $accent; }
QMenu { background: $panel; border: 1px solid $line; padding: 5px; }
QMenu::item { padding: ${pad}px 26px ${pad}px 14px; border-radius: 6px; }
QMenu::item:selected { background: $chosen; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }
QSlider::groove:horizontal { height: 6px; border-radius: 3px; background: $line; }
QSlider::sub-page:horizontal { background: $accent; border-radius: 3px; }
QSlider::handle:horizontal { background: $panel; border: 2px solid $accent; width: 14px; height: 14px;
  margin: -6px 0; border-radius: 9px; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 2px; }
QScrollBar::handle:vertical { background: $line; border-radius: 4px; min-height: 28px; }
QScrollBar::handle:vertical:hover { background: $muted; }
QScrollBar::add-line, QScrollBar::sub-line { height: 0; width: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }
QToolTip { background: $panel; color: $text; border: 1px solid $line; padding: 4px; }
""")


def style_sheet(appearance: Appearance) -> str:
    """Return the style sheet with an appearance's colours and sizes filled in."""
    theme, px = appearance.theme, appearance.font_px
    colours = {
        name: getattr(theme, name)
        for name in (
            "window", "panel", "field", "text", "muted", "line",
            "accent", "on_accent", "hover", "chosen", "danger",
        )
    }  # fmt: skip
    return _SHEET.substitute(
        colours,
        font=appearance.font,
        px=px,
        small=px - 2,
        title=px + 6,
        pad=max(4, px // 2 - 1),
        row=px + 14,
    )


def apply_appearance(app: QApplication, style: "SandboxStyle", appearance: Appearance) -> None:
    """Apply an appearance's palette, font and style sheet to the whole application."""
    style.theme = theme = appearance.theme
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: theme.window,
        QPalette.ColorRole.WindowText: theme.text,
        QPalette.ColorRole.Base: theme.field,
        QPalette.ColorRole.Text: theme.text,
        QPalette.ColorRole.Button: theme.panel,
        QPalette.ColorRole.ButtonText: theme.text,
        QPalette.ColorRole.Highlight: theme.accent,
        QPalette.ColorRole.HighlightedText: theme.on_accent,
        QPalette.ColorRole.PlaceholderText: theme.muted,
        QPalette.ColorRole.Mid: theme.line,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    app.setPalette(palette)
    font = QFont([appearance.font, "WenQuanYi Micro Hei", "DejaVu Sans"])
    font.setPixelSize(appearance.font_px)
    app.setFont(font)
    app.setStyleSheet(style_sheet(appearance))


def draw_chevron(painter: QPainter, rect: QRectF, colour: str) -> None:
    """Draw a drop-down's small arrow in the middle of a rectangle."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    pen = QPen(QColor(colour), 1.8)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    centre = rect.center()
    left, right = QPointF(centre.x() - 4, centre.y() - 2), QPointF(centre.x() + 4, centre.y() - 2)
    painter.drawPolyline(QPolygonF([left, QPointF(centre.x(), centre.y() + 2.5), right]))


class SandboxStyle(QProxyStyle):
    """Qt's Fusion style with our own check and radio marks, in the colours of `theme`."""

    def __init__(self) -> None:
        super().__init__("Fusion")
        self.theme: Theme = THEMES[0]

    def drawPrimitive(  # noqa: N802 - Qt's name
        self,
        element: QStyle.PrimitiveElement,
        option: QStyleOption,
        painter: QPainter,
        widget: QWidget | None = None,
    ) -> None:
        match element:
            case QStyle.PrimitiveElement.PE_IndicatorCheckBox:
                self._mark(option, painter, radius=5)
            case QStyle.PrimitiveElement.PE_IndicatorRadioButton:
                self._mark(option, painter, radius=9)
            case QStyle.PrimitiveElement.PE_FrameFocusRect:
                pass
            case _:
                super().drawPrimitive(element, option, painter, widget)

    def _mark(self, option: QStyleOption, painter: QPainter, *, radius: int) -> None:
        state = option.state
        chosen = bool(state & QStyle.StateFlag.State_On)
        theme = self.theme
        box = QRectF(option.rect).adjusted(1, 1, -1, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        edge = theme.accent if chosen or state & QStyle.StateFlag.State_HasFocus else theme.muted
        painter.setPen(QPen(QColor(edge), 1.5))
        painter.setBrush(QColor(theme.accent if chosen else theme.field))
        painter.drawRoundedRect(box, radius, radius)
        if chosen and radius > 5:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.on_accent))
            painter.drawEllipse(box.center(), 3.5, 3.5)
        elif chosen:
            pen = QPen(QColor(theme.on_accent), 2.2)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            points = ((0.24, 0.52), (0.43, 0.71), (0.76, 0.32))
            painter.drawPolyline(
                QPolygonF([QPointF(box.x() + box.width() * x, box.y() + box.height() * y) for x, y in points])
            )
        painter.restore()
