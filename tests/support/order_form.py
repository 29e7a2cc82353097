# ruff: noqa: PLC0415, T201 - run as a program, it imports its toolkit and answers by print
"""A form for orders in a real window: a field, buttons, and a log of what was really pressed.

Run as a program, `python order_form.py LOG BUTTONS`, where BUTTONS is a JSON list of labels. A press on one
is a line of the log. The first button saves: the form then says "Order NUMBER saved". "New" empties it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Self

BUTTONS = ("Save", "Cancel", "New")


class OrderForm:
    """The form in its process; a context manager."""

    def __init__(
        self, environment: dict[str, str], log: Path, buttons: tuple[str, ...] = BUTTONS, *, popup: str = ""
    ) -> None:
        self._log = log
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(log), json.dumps(buttons), popup],
            env=environment | {"QT_IM_MODULE": "simple", "LC_ALL": "C.UTF-8"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    @property
    def pressed(self) -> list[str]:
        return self._log.read_text().splitlines() if self._log.exists() else []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()


def main(log: str, buttons: str, popup: str) -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import (
        QApplication,
        QGridLayout,
        QHBoxLayout,
        QLabel,
        QLineEdit,
        QPushButton,
        QWidget,
    )

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    application = QApplication(sys.argv[:1])
    font = application.font()
    font.setPointSize(13)
    application.setFont(font)
    window, field, said = QWidget(), QLineEdit(), QLabel("Ready")
    over = QWidget()

    def press(label: str, first: bool) -> None:
        os.write(file, f"{label} {field.text()}\n".encode())
        if first:
            said.setText(f"Order {field.text()} saved")
            if popup:
                over.show()
                over.raise_()
        elif label == "New":
            field.clear()
            said.setText("Ready")

    grid, row = QGridLayout(window), QHBoxLayout()
    grid.addWidget(QLabel("Number"), 0, 0)
    grid.addWidget(field, 0, 1)
    grid.addWidget(said, 1, 0, 1, 2)
    grid.addLayout(row, 2, 0, 1, 2)
    grid.setVerticalSpacing(30)
    for number, label in enumerate(json.loads(buttons)):
        button = QPushButton(label)
        button.setMinimumSize(140, 44)
        button.clicked.connect(lambda _=False, label=label, first=not number: press(label, first))
        row.addWidget(button)
    window.setWindowTitle("Orders")
    window.setGeometry(60, 60, 640, 300)
    window.show()
    window.activateWindow()
    layout = QGridLayout(over)
    layout.addWidget(QLabel(popup), 0, 0)
    close = QPushButton("Understood")
    close.setMinimumSize(140, 44)
    close.clicked.connect(over.hide)
    layout.addWidget(close, 1, 0)
    over.setWindowTitle("Orders")
    over.setGeometry(90, 80, 560, 240)
    field.setFocus()
    QTimer.singleShot(400, lambda: print("ready", flush=True))
    application.exec()


if __name__ == "__main__":
    main(*sys.argv[1:])
