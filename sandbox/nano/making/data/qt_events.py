"""Send Qt the events that a mouse and a keyboard would cause, for `LiveApp`.

That is quicker than input through the X server, which would have to be waited for.
"""

from typing import Any, Final

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractItemView,
    QAbstractScrollArea,
    QApplication,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.planning.action import Button
from qvl_agent.sandbox.apps.tree import reachable_windows

__all__ = ["QtEvents"]

_BUTTONS: Final[dict[Button, Qt.MouseButton]] = {
    "left": Qt.MouseButton.LeftButton,
    "right": Qt.MouseButton.RightButton,
    "middle": Qt.MouseButton.MiddleButton,
}
_KEYS: Final = {
    "tab": Qt.Key.Key_Tab,
    "enter": Qt.Key.Key_Return,
    "esc": Qt.Key.Key_Escape,
    "a": Qt.Key.Key_A,
}
_PLAIN: Final = Qt.KeyboardModifier.NoModifier
_POINTER_MS: Final = 20
"""How long to wait after QTest moved the real pointer over a widget: an open list takes no click before."""
_NOTCH: Final = 120
"""The angle that a wheel event reports for one notch, in 1/8 degree."""


class QtEvents:
    """The mouse and the keyboard of one application.

    Args:
        qt: The application.
        window: The widget that gets a key press if no field has the cursor.
    """

    def __init__(self, qt: QApplication, window: QWidget) -> None:
        self._qt, self._window = qt, window
        self._kept_wrappers: list[QWidget] = []

    def click(self, point: DesktopPoint, button: Button, count: int) -> None:
        """Click once or twice (`count`) at a screen position."""
        window, spot = self._find_receiver(point)
        QTest.mouseMove(window, spot)
        if isinstance(window, QWidget):
            QTest.qWait(_POINTER_MS)
        if count == 2:
            QTest.mouseDClick(window, _BUTTONS[button], _PLAIN, spot)
        else:
            QTest.mouseClick(window, _BUTTONS[button], _PLAIN, spot)
        if button == "right":  # X11 sends this with the press; QTest doesn't
            self._context_menu(QPoint(point.x, point.y))

    def write(self, text: str, *, clear: bool, enter: bool) -> None:
        """Insert a text where the cursor is."""
        field = self._qt.focusWidget()
        if clear and isinstance(field, (QLineEdit, QPlainTextEdit)):
            field.selectAll()
        if isinstance(field, QLineEdit):
            field.insert(text)
        elif isinstance(field, QPlainTextEdit):
            field.insertPlainText(text)
        if enter and field is not None:
            QTest.keyClick(field, Qt.Key.Key_Return)

    def press(self, keys: tuple[str, ...]) -> None:
        """Press a key, alone or with Ctrl."""
        modifier = Qt.KeyboardModifier.ControlModifier if "ctrl" in keys else _PLAIN
        QTest.keyClick(self._qt.focusWidget() or self._window, _KEYS[keys[-1]], modifier)

    def scroll(self, point: DesktopPoint, notches: int) -> None:
        """Turn the wheel by `notches` (> 0: down)."""
        spot = QPoint(point.x, point.y)
        area: QWidget | None = self._qt.widgetAt(spot)
        while area is not None and not isinstance(area, QAbstractScrollArea):
            area = area.parentWidget()
        if area is None:
            return
        widget = area.viewport()
        turn = QPoint(0, -_NOTCH if notches > 0 else _NOTCH)
        for _ in range(abs(notches)):
            event = QWheelEvent(
                QPointF(widget.mapFromGlobal(spot)),
                QPointF(spot),
                QPoint(),
                turn,
                Qt.MouseButton.NoButton,
                _PLAIN,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            self._qt.sendEvent(widget, event)

    def drag(self, start: DesktopPoint, end: DesktopPoint) -> None:
        """Drag with the left button, between two screen positions."""
        window, spot = self._find_receiver(start)
        goal = spot + QPoint(end.x - start.x, end.y - start.y)
        QTest.mousePress(window, Qt.MouseButton.LeftButton, _PLAIN, spot)
        for step in (1, 2, 3):
            QTest.mouseMove(window, spot + (goal - spot) * step / 3)
        QTest.mouseRelease(window, Qt.MouseButton.LeftButton, _PLAIN, goal)

    def _find_receiver(self, point: DesktopPoint) -> tuple[Any, QPoint]:
        """Return what takes mouse events at a point of the screen, and the point in its own px.

        That is a window, but in a popup a widget, as QTest's events to a popup's window reach none.
        """
        spot = QPoint(point.x, point.y)
        top = reachable_windows()
        receiver: QWidget = next((window for window in top if window.geometry().contains(spot)), top[0])
        views = receiver.findChildren(QAbstractItemView)
        self._kept_wrappers = [receiver, *views]  # PySide drops a child with its parent's wrapper
        if receiver.windowType() != Qt.WindowType.Popup:
            return receiver.windowHandle(), receiver.mapFromGlobal(spot)
        if views:
            receiver = views[0].viewport()
        elif (child := receiver.childAt(receiver.mapFromGlobal(spot))) is not None:
            self._kept_wrappers.append(child)
            receiver = child
        return receiver, receiver.mapFromGlobal(spot)

    def _context_menu(self, spot: QPoint) -> None:
        if self._qt.activePopupWidget() is not None:
            return
        widget = self._qt.widgetAt(spot)
        if widget is not None:
            reason = QContextMenuEvent.Reason.Mouse
            self._qt.sendEvent(widget, QContextMenuEvent(reason, widget.mapFromGlobal(spot), spot))
