"""Run as a program on Qt's offscreen platform: names every widget whose text is cut off or covered.

`python fitting.py 1` takes every look, `python fitting.py 4` every fourth. Prints one line a fault: the
look, the widget, what is wrong; and on stderr how many it looked at.
"""

import dataclasses
import os
import sys
from collections.abc import Iterator
from itertools import combinations

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QLabel,
    QLineEdit,
    QMainWindow,
    QTabBar,
    QTabWidget,
    QWidget,
)
from shiboken6 import delete

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.sandbox.apps.appearance import FONT_SIZES, FONTS, Appearance
from qvl_agent.sandbox.apps.toolkit.style import SandboxStyle, apply_appearance
from qvl_agent.sandbox.hosting.host import make_pane, quiet_environment
from qvl_agent.sandbox.tasks import TASKS, start_exercise

SCREEN = (1280, 800)


def main() -> None:
    quiet_environment()
    qt = QApplication(["fitting"])
    style = SandboxStyle()
    qt.setStyle(style)
    looked_at = 0
    for app, task, seed, font, font_px in list(looks())[:: int(sys.argv[1])]:
        appearance = Appearance.from_seed(app, seed, SCREEN)
        width, height = Appearance.smallest_size(font_px)
        appearance = dataclasses.replace(
            appearance,
            font=font,
            font_px=font_px,
            window=Rect(0, 0, width, min(height, SCREEN[1] - 64)),
        )
        apply_appearance(qt, style, appearance)
        window = QMainWindow()
        window.setCentralWidget(make_pane(start_exercise(app, task, seed).start, appearance))
        window.resize(appearance.window.width, appearance.window.height)
        window.show()
        qt.processEvents()
        number_seen, found = faults(window)
        looked_at += number_seen
        if (window.width(), window.height()) != (appearance.window.width, appearance.window.height):
            found.append(f"the window grew to {window.width()}x{window.height()}")
        sys.stdout.writelines(
            f"{app}/{task} {appearance.language} {font} {font_px}px: {fault}\n" for fault in found
        )
        delete(window)
    sys.stderr.write(f"looked at {looked_at} widgets\n")


def looks() -> Iterator[tuple[str, str, int, str, int]]:
    """Every application, task, seed of a language, font and font size."""
    for app, tasks in TASKS.items():
        for number, (task, seed) in enumerate((task, seed) for task in tasks for seed in (0, 2)):
            for font_px in FONT_SIZES:
                yield app, task, seed, FONTS[number % len(FONTS)], font_px


def faults(window: QMainWindow) -> tuple[int, list[str]]:
    """Look at every page of a window: the number of widgets, and what is wrong with them."""
    looked_at, found = 0, []
    tabs = window.findChild(QTabWidget)
    for page in range(tabs.count() if tabs else 1):
        if tabs:
            tabs.setCurrentIndex(page)
        for widget in [window, *window.findChildren(QWidget)]:
            if widget.isVisible() and not widget.visibleRegion().isEmpty():
                looked_at += 1
                found += faults_of(widget)
    return looked_at, found


def faults_of(widget: QWidget) -> list[str]:
    found, name = [], widget.objectName() or type(widget).__name__
    if widget.visibleRegion().boundingRect().width() < widget.width():
        found.append(f"{name} is cut off at the side")
    if isinstance(widget, QLabel | QAbstractButton | QLineEdit | QTabBar) and not wraps(widget):
        fixed = isinstance(widget, QLabel | QTabBar)
        need, have = widget.sizeHint() if fixed else widget.minimumSizeHint(), widget.size()
        if need.width() > have.width() or need.height() > have.height():
            found.append(f"{name} needs {need.toTuple()}, has {have.toTuple()}")
    if type(widget).__name__ not in {"QTabWidget", "QStackedWidget", "QMainWindow"}:
        children = [
            child
            for child in widget.children()
            if isinstance(child, QWidget) and child.isVisible() and not child.isWindow()
        ]
        found += [
            f"{one.objectName() or one} covers {other.objectName() or other} in {name}"
            for one, other in combinations(children, 2)
            if one.geometry().intersects(other.geometry())
        ]
    return found


def wraps(widget: QWidget) -> bool:
    return isinstance(widget, QLabel) and widget.wordWrap()


if __name__ == "__main__":
    main()
