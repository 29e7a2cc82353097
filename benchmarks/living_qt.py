# ruff: noqa: PLC0415 - the toolkit is imported when this runs as a program
"""The living window in Qt: see `living_window.py`."""

import sys
from typing import Any

from living_window import (
    BUTTONS,
    CLOCK_MS,
    DIALOG,
    FRAME_MS,
    OK,
    PARTS,
    PLAIN,
    ROWS,
    SIZE,
    Rectangle,
    Window,
    bars,
)


def run(x: int, y: int) -> None:
    from PySide6.QtCore import QRect, QSocketNotifier, Qt, QTimer
    from PySide6.QtGui import QColor, QPainter
    from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QListWidget, QPushButton, QWidget

    app = QApplication([])
    app.setStyle("Fusion")

    class Video(QWidget):
        tick = 0

        def paintEvent(self, _: object) -> None:  # noqa: N802 - Qt's name
            painter = QPainter(self)
            for at, colour in bars(self.tick):
                painter.fillRect(at, 0, 20, 150, QColor(colour))

    def coloured(window: QWidget, colour: str) -> QWidget:
        palette = window.palette()
        palette.setColor(window.backgroundRole(), QColor(colour))
        window.setPalette(palette)
        return window

    root = coloured(QWidget(), PLAIN)
    root.setWindowTitle("Living")
    root.setGeometry(x, y, *SIZE)
    parts: dict[str, QWidget] = {
        "video": Video(root),
        "clock": QLabel("12:00:00", root),
        "entry": QLineEdit(root),
        "list": QListWidget(root),
        **{name: QPushButton(name.title(), root) for name in BUTTONS},
    }
    for name, part in parts.items():
        part.setGeometry(*PARTS[name])
        if name != "entry":
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    parts["list"].addItems(ROWS)
    opened: list[QWidget] = []

    class Pyside(Window):
        message: Any = None
        question: QWidget | None = None

        def origin(self) -> tuple[int, int]:
            at = root.geometry()
            return at.x(), at.y()

        def dialog_origin(self) -> tuple[int, int] | None:
            return None if self.question is None else self.question.geometry().topLeft().toTuple()

        def draw(self, tick: int) -> None:
            parts["video"].tick = tick
            parts["video"].update()

        def say_time(self, text: str) -> None:
            parts["clock"].setText(text)

        def over(self, at: Rectangle, colour: str, *, managed: bool, text: str) -> None:
            kind = Qt.WindowType.Window if managed else Qt.WindowType.ToolTip
            window = coloured(QWidget(None, kind), colour)
            window.setWindowTitle(text or "Over")
            window.setGeometry(QRect(*at))
            if text:
                QLabel(text, window).move(2, 2)
            window.show()
            opened.append(window)

        def dialog(self, at: Rectangle, text: str) -> None:
            self.gone()
            window = self.question = coloured(QWidget(root, Qt.WindowType.Dialog), PLAIN)
            window.setWindowTitle("Question")
            window.setGeometry(*at[:2], *DIALOG)
            self.message = QLabel(text, window)
            self.message.setGeometry(20, 20, 260, 20)
            QPushButton("OK", window).setGeometry(*OK)
            window.show()
            opened.append(window)

        def reword(self, text: str) -> None:
            self.message.setText(text)

        def gone(self) -> None:
            self.question = None
            while opened:
                opened.pop().deleteLater()

        def scroll(self, row: int) -> None:
            parts["list"].verticalScrollBar().setValue(row)

        def move(self, x: int, y: int) -> None:
            root.move(x, y)

        def focus(self) -> None:
            root.activateWindow()
            parts["entry"].setFocus()

    window = Pyside()
    timers = []
    for milliseconds, what in ((FRAME_MS, window.frame), (CLOCK_MS, window.second)):
        timer = QTimer()
        timer.timeout.connect(what)
        timer.start(milliseconds)
        timers.append(timer)
    notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, root)
    notifier.activated.connect(lambda: window.obey() or app.quit())
    parts["entry"].setFocus()
    root.show()
    app.exec()


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
