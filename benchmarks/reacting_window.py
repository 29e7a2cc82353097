# ruff: noqa: PLC0415 - the toolkit is imported when this runs as a program
"""A window in Qt that reacts to a click when it is told to, beside something that moves; see `settling.py`.

    .venv/bin/python reacting_window.py [caret|clock|video]

It prints where its content is on the screen, obeys lines of "COLOUR FIRST_MS THEN_MS BLOCKS" on its standard
input, and answers each: the next click highlights its button after FIRST_MS, and paints the pane in that
colour THEN_MS after that; -1 for neither. If it blocks, it handles no events meanwhile, as a program at work.
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


Area = tuple[int, int, int, int]


def run(beside: str = "") -> None:
    from PySide6.QtCore import QSocketNotifier, QTimer
    from PySide6.QtWidgets import QApplication, QWidget

    app = QApplication([])
    app.setCursorFlashTime(BLINK_MS)
    window = QWidget()
    window.setWindowTitle("Reacting")
    window.setFixedSize(*SIZE)
    pane = _place(QWidget(window), PANE, COLOURS[0])
    buttons = [_place(QWidget(window), where, PLAIN) for where in BUTTONS]
    todo = [-1, -1, -1, 0]

    def highlight(button: Any) -> None:
        for each in buttons:
            _paint(each, LIT if each is button else PLAIN)

    def clicked(button: Any) -> None:
        number, first, then, blocks = todo
        if not blocks:
            if first >= 0:
                QTimer.singleShot(first, window, lambda: highlight(button))
            if then >= 0:
                QTimer.singleShot(max(first, 0) + then, window, lambda: _paint(pane, COLOURS[number]))
            return
        if first >= 0:
            time.sleep(first / 1000)
            highlight(button)
            window.repaint()
        time.sleep(then / 1000)
        _paint(pane, COLOURS[number])

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

    for button in buttons:
        button.mousePressEvent = lambda _event, button=button: clicked(button)
    _move_beside(window, beside)
    listener = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read, window)
    listener.activated.connect(obey)
    window.show()
    QTimer.singleShot(500, shown)  # the window manager has put its frame around it by then
    app.exec()


def _move_beside(window: Any, beside: str) -> None:
    """Let a caret, a clock or a video move in the window; nothing for ""."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QLabel, QLineEdit, QWidget

    ticks = iter(range(10**9))
    timer = QTimer(window)
    if beside == "caret":
        field = _place(QLineEdit("text", window), CARET)
        QTimer.singleShot(200, field.setFocus)
    elif beside == "clock":
        clock = _place(QLabel("12:00:00", window), CLOCK)
        timer.timeout.connect(lambda: clock.setText(f"12:00:{next(ticks) % 60:02}"))
        timer.start(CLOCK_MS)
    elif beside == "video":
        screen = _place(QWidget(window), VIDEO, PLAIN)
        bar = _place(QWidget(screen), (0, 0, 20, VIDEO[3]), "#203040")
        timer.timeout.connect(lambda: bar.move(next(ticks) % 8 * 20, 0))
        timer.start(FRAME_MS)


def _place(part: Any, where: Area, colour: str = "") -> Any:
    part.setGeometry(*where)
    if colour:
        _paint(part, colour)
    return part


def _paint(part: Any, colour: str) -> None:
    from PySide6.QtGui import QColor

    palette = part.palette()
    palette.setColor(part.backgroundRole(), QColor(colour))
    part.setAutoFillBackground(True)
    part.setPalette(palette)


if __name__ == "__main__":
    run(*sys.argv[1:])
