# ruff: noqa: PLC0415 - the toolkit is imported when this runs as a program
"""A window in Qt that reacts to a click when it is told to, beside something that moves; see `settling.py`.

    .venv/bin/python reacting_window.py [caret|clock|video]

It prints where its content is on the screen, obeys lines of "COLOUR FIRST_MS THEN_MS BLOCKS" on its standard
input, and answers each: the next click highlights its button after FIRST_MS, and paints the pane in that colour
THEN_MS after that; -1 for neither. If it blocks, it handles no events meanwhile, as a program at work does.
"""

import sys
import time
from typing import Any

SIZE = (600, 360)
BUTTONS = tuple((20 + 90 * number, 20, 70, 30) for number in range(6))
PANE = (200, 140, 300, 200)
CARET = (20, 140, 140, 30)
CLOCK = (20, 200, 120, 26)
VIDEO = (20, 240, 160, 100)
"""Each is left, top, width, height in the window."""
COLOURS = tuple(f"#{red:02x}{green:02x}60" for red in (60, 120, 180, 240) for green in (60, 120, 180, 240))
PLAIN, LIT = "#f4f4f4", "#b0c4de"
FRAME_MS = 33
CLOCK_MS = 250
BLINK_MS = 300


def run(beside: str = "") -> None:
    from PySide6.QtCore import QSocketNotifier, Qt, QTimer
    from PySide6.QtGui import QColor
    from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QWidget

    app = QApplication([])
    app.setCursorFlashTime(BLINK_MS)
    window = QWidget()
    window.setWindowTitle("Reacting")
    window.setFixedSize(*SIZE)

    def place(part: Any, where: tuple[int, int, int, int]) -> Any:
        part.setParent(window)
        part.setGeometry(*where)
        return part

    def colour(part: Any, name: str) -> None:
        palette = part.palette()
        palette.setColor(part.backgroundRole(), QColor(name))
        part.setAutoFillBackground(True)
        part.setPalette(palette)

    todo = [-1, -1, -1, 0]
    pane = place(QWidget(), PANE)
    colour(pane, COLOURS[0])
    buttons = [place(QWidget(), where) for where in BUTTONS]

    def clicked(button: Any) -> None:
        number, first, then, blocks = todo

        def highlight() -> None:
            for each in buttons:
                colour(each, LIT if each is button else PLAIN)

        def react() -> None:
            colour(pane, COLOURS[number])

        if not blocks:
            if first >= 0:
                QTimer.singleShot(first, Qt.TimerType.PreciseTimer, window, highlight)
            if then >= 0:
                QTimer.singleShot(max(first, 0) + then, Qt.TimerType.PreciseTimer, window, react)
            return
        if first >= 0:
            time.sleep(first / 1000)
            highlight()
            window.repaint()
        time.sleep(then / 1000)
        react()

    for button in buttons:
        colour(button, PLAIN)
        button.mousePressEvent = lambda _event, button=button: clicked(button)
    timer = QTimer(window)
    if beside == "caret":
        field = place(QLineEdit("text"), CARET)
        QTimer.singleShot(200, field.setFocus)
    elif beside in ("clock", "video"):
        part = place(
            QLabel("12:00:00") if beside == "clock" else QWidget(), CLOCK if beside == "clock" else VIDEO
        )
        bar = QWidget(part)
        colour(bar, "#203040")
        bar.setVisible(beside == "video")
        ticks = iter(range(10**9))

        def tick() -> None:
            number = next(ticks)
            if beside == "clock":
                part.setText(f"12:{number // 60 % 60:02}:{number % 60:02}")
            else:
                bar.setGeometry(number % 8 * 20, 0, 20, VIDEO[3])

        timer.timeout.connect(tick)
        timer.start(CLOCK_MS if beside == "clock" else FRAME_MS)

    def obey() -> None:
        line = sys.stdin.readline()
        if not line:
            app.quit()
            return
        todo[:] = map(int, line.split())
        print("ready", flush=True)

    def shown() -> None:
        at = window.mapToGlobal(window.rect().topLeft())
        print(at.x(), at.y(), flush=True)

    listener = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, window)
    listener.activated.connect(obey)
    window.show()
    QTimer.singleShot(500, shown)  # the window manager has put its frame around it by then
    app.exec()


if __name__ == "__main__":
    run(*sys.argv[1:])
