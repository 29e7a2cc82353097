# ruff: noqa: PLC0415, T201 - run as a program, it imports Qt and answers by print
"""A Qt window over a whole screen that keeps every input event it gets. Run as a program, this is it.

It answers each line on its standard input with one line of JSON: "events" with what came since, and
"fill LEFT TOP WIDTH HEIGHT RRGGBB" once it is drawn.
"""

import json
import subprocess
import sys
import time
from typing import Any, Self


class WholeWindow:
    """Over everything on a screen, the first if none is named, and with the keyboard's focus."""

    def __init__(self, environment: dict[str, str], output: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, output],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.terminate()
        self._process.wait()

    def _ask(self, line: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def events(self) -> list[tuple[str, Any]]:
        """What came since the last call: ("motion", [x, y]), ("button down", 1), ("scroll", [dx, dy])."""
        return [(what, value) for what, value in self._ask("events")]

    def until(self, what: str, number: int = 1, seconds: float = 10) -> list[tuple[str, Any]]:
        """What came until so many events of a kind have come."""
        seen: list[tuple[str, Any]] = []
        deadline = time.monotonic() + seconds
        while sum(kind == what for kind, _ in seen) < number:
            if time.monotonic() > deadline:
                raise TimeoutError(f"waited in vain for {number} {what}: {seen}")
            seen += self.events()
            time.sleep(0.005)
        return seen

    def flip(self, colour: int) -> None:
        """Draw a corner in a colour at the next press."""
        self._ask(f"flip {colour:06x}")

    def fill(self, left: int, top: int, width: int, height: int, colour: int) -> None:
        """Draw a rectangle, in logical pixels."""
        self._ask(f"fill {left} {top} {width} {height} {colour:06x}")


def run() -> None:
    from PySide6.QtCore import QEvent, QObject, QSocketNotifier, Qt, QTimer
    from PySide6.QtGui import QColor, QKeySequence, QPainter, QPaintEvent
    from PySide6.QtWidgets import QApplication, QWidget

    events: list[tuple[str, Any]] = []
    drawn: list[tuple[list[int], str]] = []
    corner: list[str] = []
    names = {
        QEvent.Type.MouseButtonPress: "button down",
        QEvent.Type.MouseButtonDblClick: "button down",
        QEvent.Type.MouseButtonRelease: "button up",
        QEvent.Type.KeyPress: "key down",
        QEvent.Type.KeyRelease: "key up",
    }

    class Area(QWidget):
        def paintEvent(self, _event: QPaintEvent) -> None:
            painter = QPainter(self)
            painter.fillRect(self.rect(), Qt.GlobalColor.white)
            for rect, colour in drawn:
                painter.fillRect(*rect, QColor(colour))

    class Log(QObject):
        def eventFilter(self, watched: QObject, event: Any) -> bool:
            if watched is not area:
                return False
            if event.type() == QEvent.Type.MouseMove:
                events.append(("motion", [event.position().x(), event.position().y()]))
            elif event.type() == QEvent.Type.Wheel:
                events.append(("scroll", [event.angleDelta().x() / -120, event.angleDelta().y() / -120]))
            elif name := names.get(event.type()):
                button = name.startswith("button")
                if name == "button down" and corner:
                    drawn.append(([0, 0, 40, 40], f"#{corner.pop()}"))
                    area.update()
                if button or not event.isAutoRepeat():
                    value = event.button().name if button else QKeySequence(event.key()).toString()
                    events.append((name, value))
            return False

    def answer() -> None:
        word, *rest = sys.stdin.readline().split() or [""]
        if word == "events":
            print(json.dumps(events), flush=True)
            events.clear()
        elif word == "flip":
            corner.append(rest[0])
            print("true", flush=True)
        elif word == "fill":
            drawn.append(([int(each) for each in rest[:4]], f"#{rest[4]}"))
            area.repaint()
            print("true", flush=True)
        else:
            app.quit()

    def ready() -> None:
        if area.isActiveWindow():
            print("ready", flush=True)
        else:
            QTimer.singleShot(10, ready)

    app = QApplication(["events"])
    area = Area()
    area.setMouseTracking(True)
    area.setWindowTitle("events")
    log = Log()
    app.installEventFilter(log)
    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(answer)
    area.create()
    for screen in app.screens():
        if screen.name() == sys.argv[1]:
            area.windowHandle().setScreen(screen)
    area.showFullScreen()
    ready()
    app.exec()


if __name__ == "__main__":
    run()
