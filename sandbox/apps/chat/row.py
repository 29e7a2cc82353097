"""One row of the chat list: avatar, name, last message, time, pin and mute icons, and a check box."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QContextMenuEvent, QEnterEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QWidget

from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.chat.state import Chat
from qvl_agent.sandbox.apps.toolkit.widgets import draw_avatar, draw_elided, row

__all__ = ["ChatRow"]

_PAD = 12


class ChatRow(QWidget):
    """One chat in the list. A click calls `on_open`, a right click `on_menu`."""

    def __init__(self, chat: Chat, appearance: Appearance) -> None:
        super().__init__()
        self.chat, self._appearance = chat, appearance
        self.chosen = self._under = False
        self.on_open: Callable[[Chat], None] = lambda _: None
        self.on_menu: Callable[[Chat, QContextMenuEvent], None] = lambda *_: None
        self.setObjectName(f"chat/{chat.id}")
        self.setAccessibleName(chat.name)
        self.setProperty("role", "list item")
        self.check = QCheckBox()
        self.check.setObjectName(f"chat/{chat.id}/check")
        self.check.setChecked(chat.checked)
        self.check.toggled.connect(self._toggle)
        self.check.setAccessibleName(appearance.pick(f"{chat.name}: notify", f"{chat.name}：通知"))
        line = row(1, self.check, margin=0)
        line.setContentsMargins(_PAD, 0, _PAD, 0)
        self.setLayout(line)
        self.setFixedHeight(2 * appearance.font_px + 36)
        self.refresh()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(220, 2 * self._appearance.font_px + 36)

    def refresh(self) -> None:
        """Repaint the row from the chat's current data."""
        chat = self.chat
        state = {
            "pinned": chat.pinned,
            "muted": chat.muted,
            "unread": chat.unread,
            "selected": self.chosen,
        }
        self.setProperty("state", state)
        self.update()

    def _toggle(self, checked: bool) -> None:
        self.chat.checked = checked

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() == Qt.MouseButton.LeftButton:
            self.on_open(self.chat)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        self.on_menu(self.chat, event)

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: ARG002, N802 - Qt's signature
        self._under = True
        self.update()

    def leaveEvent(self, event: object) -> None:  # noqa: ARG002, N802 - Qt's signature
        self._under = False
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's signature
        theme, px, chat = self._appearance.theme, self._appearance.font_px, self.chat
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.chosen or self._under:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.chosen if self.chosen else theme.hover))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(4, 1, -4, -1), 8, 8)
        disc = px + 24.0
        top = (self.height() - disc) / 2
        painter.save()
        draw_avatar(painter, QRectF(_PAD, top, disc, disc), chat.name[:1], chat.hue, self._appearance)
        painter.restore()
        left = _PAD + disc + 10
        right = self.check.x() - 10.0
        upper = QRectF(left, 8, right - left, self.height() / 2 - 6)
        lower = QRectF(left, self.height() / 2, right - left, self.height() / 2 - 8)
        self._upper_line(painter, upper)
        self._lower_line(painter, lower)
        painter.end()

    def _upper_line(self, painter: QPainter, line: QRectF) -> None:
        """Paint the name, the pin and mute icons and the time."""
        theme, font = self._appearance.theme, painter.font()
        time = self.chat.notes[-1].time if self.chat.notes else ""
        font.setPixelSize(self._appearance.font_px - 2)
        painter.setFont(font)
        painter.setPen(QColor(theme.muted))
        width = painter.fontMetrics().horizontalAdvance(time) + 2
        where = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(line.right() - width, line.y(), width, line.height()), where, time)
        right = line.right() - width - 8
        for shown, draw in ((self.chat.pinned, self._pin), (self.chat.muted, self._bell)):
            if shown:
                draw(painter, QPointF(right - 7, line.center().y()))
                right -= 20
        font.setPixelSize(self._appearance.font_px)
        font.setBold(True)
        painter.setFont(font)
        painter.setPen(QColor(theme.text))
        room = QRectF(line.x(), line.y(), right - line.x(), line.height())
        draw_elided(painter, room, self.chat.name, Qt.AlignmentFlag.AlignLeft)

    def _lower_line(self, painter: QPainter, line: QRectF) -> None:
        """Paint the last message and the number of unread ones."""
        theme, px, font = self._appearance.theme, self._appearance.font_px, painter.font()
        right = line.right()
        font.setBold(True)
        font.setPixelSize(px - 3)
        painter.setFont(font)
        if self.chat.unread:
            text = str(self.chat.unread)
            size = px + 4.0
            badge = QRectF(right - size, line.center().y() - size / 2, size, size)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.accent))
            painter.drawRoundedRect(badge, size / 2, size / 2)
            painter.setPen(QColor(theme.on_accent))
            painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)
            right = badge.left() - 8
        font.setBold(False)
        font.setPixelSize(px - 1)
        painter.setFont(font)
        painter.setPen(QColor(theme.muted))
        text = (
            self.chat.notes[-1].text if self.chat.notes else self._appearance.pick("No messages", "没有消息")
        )
        draw_elided(
            painter,
            QRectF(line.x(), line.y(), right - line.x(), line.height()),
            text,
            Qt.AlignmentFlag.AlignLeft,
        )

    def _pin(self, painter: QPainter, at: QPointF) -> None:
        painter.save()
        painter.translate(at)
        painter.rotate(35)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._appearance.theme.accent))
        painter.drawRoundedRect(QRectF(-3, -7, 6, 7), 1.5, 1.5)
        painter.drawRoundedRect(QRectF(-5, -1, 10, 2.6), 1.3, 1.3)
        painter.drawRect(QRectF(-0.8, 1, 1.6, 6))
        painter.restore()

    def _bell(self, painter: QPainter, at: QPointF) -> None:
        painter.save()
        painter.translate(at)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._appearance.theme.muted))
        painter.drawRoundedRect(QRectF(-4, -6, 8, 9), 4, 4)
        painter.drawRect(QRectF(-5, 2, 10, 1.8))
        painter.drawEllipse(QPointF(0, 5), 1.6, 1.6)
        painter.setPen(QPen(QColor(self._appearance.theme.panel), 3))
        painter.drawLine(QPointF(-6, 6), QPointF(6, -6))
        painter.setPen(QPen(QColor(self._appearance.theme.muted), 1.4))
        painter.drawLine(QPointF(-6, 6), QPointF(6, -6))
        painter.restore()
