"""Build an attack's windows in Qt from their description in `window_data.py`.

With two functions for what Qt can't do on X11: set a window's class, and take the focus without asking the
window manager. They call Xlib by ctypes.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QCloseEvent, QKeySequence, QMouseEvent, QShortcut
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from qvl_agent.sandbox.apps.toolkit.widgets import column, label, row
from qvl_agent.sandbox.attacks.window_data import Deed, Part, Window

__all__ = ["AttackWindow", "Pressable", "focus_window", "name_application"]

Do = Callable[[tuple[Deed, ...]], None]
"""Carries out deeds."""
_VOICES: Final = {"title": "title", "muted": "muted", "alarm": "error"}
_BUTTONS: Final = {
    "button": "", "main": "main", "danger": "danger", "link": "bare", "file": "bare",
    "small": "main", "faint": "", "large": "main",
}  # fmt: skip
_SHEETS: Final = {
    "small": "font-size: 9px",
    "faint": "color: #a8a0ac",
    "large": "font-size: 30px; padding: 24px",
}
_MARGIN: Final = 18
_WM_CLASS: Final = 67
_STRING: Final = 31
"""Predefined atoms of X11/Xatom.h."""
_BITS: Final = 8
_REPLACE: Final = 0
_REVERT_TO_PARENT: Final = 2


class AttackWindow(QWidget):
    """One window of an attack.

    Attributes:
        data: Its description.
    """

    def __init__(self, data: Window, do: Do) -> None:
        flags = Qt.WindowType.Window
        if data.frameless:
            flags = Qt.WindowType.ToolTip | Qt.WindowType.FramelessWindowHint
        super().__init__(None, flags)
        self.data = data
        self._do = do
        self.setObjectName(f"window/{data.id}")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle(data.title)
        self.setLayout(self._rows())
        for chord, deeds in data.keys.items():
            QShortcut(QKeySequence(chord), self).activated.connect(lambda deeds=deeds: do(deeds))

    def _rows(self) -> QVBoxLayout:
        rows: list[QWidget | int] = []
        for parts in self.data.rows:
            if parts == (Part("space"),):
                rows.append(1)
                continue
            line = QWidget()
            line.setLayout(row(*(1 if part.kind == "space" else self._widget(part) for part in parts)))
            rows.append(line)
        end = () if 1 in rows else (1,)
        return column(*rows, *end, space=10, margin=_MARGIN)

    def _widget(self, part: Part) -> QWidget:
        match part.kind:
            case "title" | "text" | "muted" | "alarm":
                words: QLabel = label(part.text, part.id, _VOICES.get(part.kind, ""))
                words.setWordWrap(part.kind != "title")
                return words
            case "field" | "password":
                return self._field(part)
            case "rule" | "space":
                line = QFrame()
                line.setProperty("rule", "true")
                return line
            case _:
                return Pressable(part, self._do)

    def _field(self, part: Part) -> QLineEdit:
        field = QLineEdit()
        field.setMaxLength(1_000_000)
        field.setObjectName(part.id)
        field.setPlaceholderText(part.text)
        if part.kind == "password":
            field.setEchoMode(QLineEdit.EchoMode.Password)
        field.returnPressed.connect(lambda: self._do(part.does))
        return field

    def place(self) -> None:
        """Show it in its position, with its window class."""
        name_application(int(self.winId()), self.data.app)
        rect = self.data.rect
        self.setGeometry(rect.left, rect.top, rect.width, rect.height)
        self.show()

    def set_first_focus(self) -> None:
        """Put the cursor into the field that the description names, or nowhere."""
        field = self.findChild(QWidget, self.data.start) if self.data.start else None
        (field or self).setFocus()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        super().closeEvent(event)
        if event.spontaneous():
            self._do(self.data.on_close)


class Pressable(QPushButton):
    """A button that also reacts to the right mouse button and to being dragged onto another part."""

    def __init__(self, part: Part, do: Do) -> None:
        super().__init__(part.text)
        self.part, self.does = part, part.does
        self._do = do
        self.setObjectName(part.id)
        self.setProperty("kind", _BUTTONS[part.kind])
        self.setStyleSheet(_SHEETS.get(part.kind, ""))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.clicked.connect(lambda *_: self._do(self.does))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        super().mouseReleaseEvent(event)
        if event.button() == Qt.MouseButton.RightButton and self.part.right:
            self._do(self.part.right)
            return
        at = event.globalPosition().toPoint()
        for target, deeds in self.part.drops.items():
            for window in QApplication.topLevelWidgets():
                found = window.findChild(QWidget, target)
                if found is not None and QRect(found.mapToGlobal(QPoint()), found.size()).contains(at):
                    self._do(deeds)
                    return


def name_application(window: int, app: str) -> None:
    """Set a window's WM_CLASS: instance name and class, each ending in a zero byte (ICCCM 4.1.2.5)."""
    library, display = _xlib()
    words = app.encode()
    value = words.lower() + b"\0" + words + b"\0"
    library.XChangeProperty(display, window, _WM_CLASS, _STRING, _BITS, _REPLACE, value, len(value))
    library.XSync(display, 0)


def focus_window(window: int) -> None:
    """Raise any client's window and give it the keyboard focus, without asking the window manager."""
    library, display = _xlib()
    library.XRaiseWindow(display, window)
    library.XSetInputFocus(display, window, _REVERT_TO_PARENT, 0)
    library.XSync(display, 0)


@cache
def _xlib() -> tuple[ctypes.CDLL, int]:
    library = ctypes.CDLL("libX11.so.6")
    library.XOpenDisplay.restype = ctypes.c_void_p
    library.XChangeProperty.argtypes = [
        ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_int, ctypes.c_int,
        ctypes.c_char_p, ctypes.c_int,
    ]  # fmt: skip
    library.XRaiseWindow.argtypes = [ctypes.c_void_p, ctypes.c_ulong]
    library.XSetInputFocus.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_ulong]
    library.XSync.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library, library.XOpenDisplay(None)
