# ruff: noqa: PLC0415, T201 - run as a program, it imports its toolkit and answers by print
"""An application that counts: numbered buttons and a field, and a log that only grows.

Run as a program, `python counting_app.py LOG`. Each button press and each key that reaches a widget is one
line of the log, written before the widget sees it: `press 7`, `release 7`, `key a`. On standard output
it says first where its widgets are; then it answers each line on standard input once it has taken all
that the X server had for it.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Self

BUTTONS = 30
Box = tuple[int, int, int, int]


@dataclass
class Counted:
    """What the widgets got so far."""

    presses: Counter[int]
    releases: Counter[int]
    keys: Counter[str]


def counted(log: Path, since: int = 0) -> Counted:
    """Count the log's lines from a byte on."""
    found: dict[str, Counter[str]] = {"press": Counter(), "release": Counter(), "key": Counter()}
    for line in log.read_bytes()[since:].decode().splitlines():
        kind, what = line.split(" ", 1)
        found[kind][what] += 1
    presses, releases = (
        Counter({int(number): times for number, times in found[kind].items()})
        for kind in ("press", "release")
    )
    return Counted(presses, releases, found["key"])


class CountingApp:
    """The application in its process; a context manager.

    Attributes:
        boxes: each button's x, y, width and height on the screen, in their order; the field's at the end.
    """

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        self.log = log
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(log)],
            env=environment | {"QT_IM_MODULE": "simple", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.boxes: list[Box] = [tuple(box) for box in self._answer()]

    def sync(self) -> None:
        """Wait until it has taken all that was sent to it."""
        self._process.stdin.write("sync\n")
        self._process.stdin.flush()
        self._answer()

    def _answer(self) -> list[list[int]]:
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()


def main(log: str) -> None:
    from PySide6.QtCore import QEvent, QObject, QSocketNotifier, Qt, QTimer
    from PySide6.QtWidgets import QApplication, QGridLayout, QLineEdit, QPushButton, QWidget

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    application = QApplication(sys.argv[:1])
    window, field = QWidget(), QLineEdit()
    window.setWindowFlags(Qt.WindowType.FramelessWindowHint)
    buttons = [QPushButton(str(number)) for number in range(BUTTONS)]
    kinds = {
        QEvent.Type.MouseButtonPress: "press",
        QEvent.Type.MouseButtonDblClick: "press",
        QEvent.Type.MouseButtonRelease: "release",
    }
    numbers = {button: number for number, button in enumerate(buttons)}

    class Log(QObject):
        def eventFilter(self, what: QObject, event: QEvent) -> bool:
            line = ""
            if what in numbers and event.type() in kinds:
                line = f"{kinds[event.type()]} {numbers[what]}"
            elif what is field and event.type() == QEvent.Type.KeyPress:
                line = f"key {event.text()}"
            if line:
                os.write(file, f"{line}\n".encode())
            return False

    grid, watcher = QGridLayout(window), Log()
    for number, button in enumerate(buttons):
        button.setMinimumHeight(60)
        button.clicked.connect(lambda _=False, button=button: button.setText(button.text() + "·"))
        grid.addWidget(button, number // 6, number % 6)
    grid.addWidget(field, BUTTONS // 6, 0, 1, 6)
    for widget in (*buttons, field):
        widget.installEventFilter(watcher)
    window.setGeometry(40, 40, 700, 480)
    window.show()
    window.activateWindow()
    field.setFocus()

    def places() -> list[list[int]]:
        corners = [(widget.mapToGlobal(widget.rect().topLeft()), widget) for widget in (*buttons, field)]
        return [[at.x(), at.y(), widget.width(), widget.height()] for at, widget in corners]

    def answer() -> None:
        if not sys.stdin.readline():
            application.quit()
            return
        application.sync()  # what the X server had sent by now has been read
        application.processEvents()
        print("[]", flush=True)

    told = QSocketNotifier(0, QSocketNotifier.Type.Read)
    told.activated.connect(lambda *_: answer())
    QTimer.singleShot(300, lambda: print(json.dumps(places()), flush=True))
    application.exec()


if __name__ == "__main__":
    main(sys.argv[1])
