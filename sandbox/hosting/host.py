"""Run one application in this process: show its window and answer its parent over stdin and stdout.

The other side of the connection is `process.AppProcess`; `protocol` has the format.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Final, TextIO

from pydantic import BaseModel, ValidationError
from PySide6.QtCore import QEvent, QEventLoop, QObject, QPoint, QRect, QSocketNotifier, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QMainWindow
from shiboken6 import delete

from qvl_agent.actions.core.errors import QvlError, SettingsError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.planning.action import Button
from qvl_agent.sandbox.apps.appearance import Appearance
from qvl_agent.sandbox.apps.chat.state import ChatState
from qvl_agent.sandbox.apps.chat.window import ChatPane
from qvl_agent.sandbox.apps.form.state import FormState
from qvl_agent.sandbox.apps.form.window import FormPane
from qvl_agent.sandbox.apps.protocol import MousePress, Request
from qvl_agent.sandbox.apps.settings.state import SettingsState
from qvl_agent.sandbox.apps.settings.window import SettingsPane
from qvl_agent.sandbox.apps.toolkit.style import SandboxStyle, apply_appearance
from qvl_agent.sandbox.apps.toolkit.widgets import Pane
from qvl_agent.sandbox.apps.tree import read_tree, target_at
from qvl_agent.sandbox.hosting.placing import find_placing
from qvl_agent.sandbox.tasks import start_exercise

__all__ = ["Host", "channel", "make_pane", "quiet_environment", "run", "serve"]

_PLACING_S: Final = 10.0
"""How long to wait for the window manager to move a window."""
_BUTTONS: Final[dict[Qt.MouseButton, Button]] = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.RightButton: "right",
    Qt.MouseButton.MiddleButton: "middle",
}


def quiet_environment() -> None:
    """Clear the user's own Qt settings, scaling and input method from the environment."""
    for name in ("QT_STYLE_OVERRIDE", "QT_SCALE_FACTOR", "QT_IM_MODULE", "QT_QPA_PLATFORMTHEME"):
        os.environ.pop(name, None)
    os.environ["QT_ENABLE_HIGHDPI_SCALING"] = "0"
    os.environ["QT_FONT_DPI"] = "96"
    os.environ["QT_XCB_GL_INTEGRATION"] = "none"  # the raster engine: pixels don't depend on a driver
    os.environ.setdefault("QT_QPA_PLATFORM", "xcb")


class Host(QObject):
    """One application's window, rebuilt on every reset, and its log of mouse presses."""

    def __init__(self, qt: QApplication, app: str) -> None:
        super().__init__()
        self._qt, self._app, self._style = qt, app, SandboxStyle()
        qt.setStyle(self._style)
        self._window = QMainWindow()
        self._window.setObjectName("window")
        self._placing = find_placing()
        self._presses: list[MousePress] = []
        self._state: BaseModel | None = None
        for effect in (
            Qt.UIEffect.UI_AnimateMenu,
            Qt.UIEffect.UI_AnimateCombo,
            Qt.UIEffect.UI_AnimateTooltip,
        ):
            qt.setEffectEnabled(effect, False)
        qt.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Log each mouse press once: when it reaches a window, before any widget has reacted.

        For the second press of a double click Qt sends two events: a press, then a double click.
        """
        if watched.isWindowType() and isinstance(event, QMouseEvent):
            if event.type() == QEvent.Type.MouseButtonPress:
                at = event.globalPosition().toPoint()
                button = _BUTTONS.get(event.button(), "middle")
                there = at + self._shift_of(watched)
                self._presses.append(MousePress(target_at(at), there.x(), there.y(), button, held=True))
            elif event.type() == QEvent.Type.MouseButtonDblClick and self._presses:
                self._presses[-1] = replace(self._presses[-1], double=True)
            elif event.type() == QEvent.Type.MouseButtonRelease and self._presses:
                self._presses[-1] = replace(self._presses[-1], held=False)
        return False

    def _shift_of(self, handle: QObject) -> QPoint:
        for window in QApplication.topLevelWidgets():
            if window.windowHandle() is handle:
                return self._placing.shift(window)
        return QPoint()

    @property
    def window(self) -> QMainWindow:
        """Return the application's main window."""
        return self._window

    @property
    def state(self) -> BaseModel:
        """Return the application's live state: it changes as the application does.

        Raises:
            SettingsError: `reset` was never called, so nothing is shown.
        """
        if self._state is None:
            raise SettingsError("expected a task and a seed to be shown before the state is asked for")
        return self._state

    def answer(self, line: bytes) -> dict[str, object]:
        """Carry out one request (a line of JSON) and return the answer to send back."""
        try:
            request = Request.model_validate_json(line)
        except ValidationError as error:
            return {"error": f"not a request: {first_error(error).message}"}
        self._qt.processEvents()
        try:
            return {"ok": self._do(request)}
        except QvlError as error:
            return {"error": str(error)}

    def _do(self, request: Request) -> object:
        match request.do:
            case "tree":
                return asdict(read_tree(self._placing.shift))
            case "state":
                return None if self._state is None else self._state.model_dump()
            case "clicks":
                return [asdict(press) for press in self._presses]
            case "reset":
                self.reset(request.task, request.seed)
                return None
            case "quit":
                self._qt.quit()
                return None

    def reset(self, task: str | None, seed: int) -> None:
        """Rebuild the window for a task and a seed: data, appearance and position."""
        exercise = start_exercise(self._app, task, seed)
        self._close_others()
        screen = self._qt.primaryScreen().geometry()
        appearance = Appearance.from_seed(self._app, seed, (screen.width(), screen.height()))
        self._state = exercise.start
        if (old := self._window.centralWidget()) is not None:
            delete(old)  # now: a new style sheet would be worked out for the old widgets too
        apply_appearance(self._qt, self._style, appearance)
        pane = make_pane(exercise.start, appearance)
        self._window.setCentralWidget(pane)
        self._window.setWindowTitle(pane.windowTitle())
        self._place(
            QRect(
                appearance.window.left,
                appearance.window.top,
                appearance.window.width,
                appearance.window.height,
            )
        )
        self._window.setFocus()  # no field has the cursor yet, whatever had it before
        pane.on_placed()
        front = self._qt.activeModalWidget() or self._window  # a dialog that is open from the start
        self._wait_until(lambda: self._qt.activeWindow() is front)
        front.repaint()
        self._presses.clear()

    def _close_others(self) -> None:
        """Close every popup and window except the main one; closing a menu may uncover another."""
        while (popup := QApplication.activePopupWidget()) is not None:
            popup.close()
        for window in QApplication.topLevelWidgets():
            if window is not self._window:
                window.close()
                window.deleteLater()
        self._qt.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    def _place(self, wanted: QRect) -> None:
        """Move the window and wait until it is there and painted."""
        self._window.setGeometry(wanted)
        self._window.show()
        self._wait_until(lambda: self._placing.put(self._window, wanted))
        self._window.repaint()

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        """Process events until `ready` returns True, or `_PLACING_S` have passed."""
        deadline = time.monotonic() + _PLACING_S
        while not ready() and time.monotonic() < deadline:
            self._qt.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        self._qt.processEvents()


def make_pane(state: BaseModel, appearance: Appearance) -> Pane:
    """Build the widget that shows a state; the state's type decides which application it is.

    Raises:
        SettingsError: no application has such a state.
    """
    match state:
        case ChatState():
            return ChatPane(state, appearance)
        case SettingsState():
            return SettingsPane(state, appearance)
        case FormState():
            return FormPane(state, appearance)
    raise SettingsError(f"no window for {type(state).__name__}")


def run(app: str, task: str | None, seed: int) -> int:
    """Show an application until it is asked to quit or its parent is gone.

    Returns:
        The process's exit status.
    """
    with channel() as answers:
        qt = QApplication(["qvl-agent-sandbox", "-platform", os.environ["QT_QPA_PLATFORM"]])
        qt.setQuitOnLastWindowClosed(False)
        host = Host(qt, app)
        host.reset(task, seed)
        return serve(qt, host.answer, answers)


@contextmanager
def channel() -> Iterator[TextIO]:
    """Yield stdout for the answers alone: what libraries print goes to stderr. Also clears Qt's settings."""
    quiet_environment()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        yield answers


def serve(qt: QApplication, answer: Callable[[bytes], dict[str, object]], answers: TextIO) -> int:
    """Answer each line on stdin with a line on `answers`, until the parent closes its end or dies.

    Returns:
        The process's exit status.
    """
    pending = bytearray()

    def read() -> None:
        part = os.read(sys.stdin.fileno(), 65536)
        pending.extend(part)
        while b"\n" in pending:
            line, _, rest = bytes(pending).partition(b"\n")
            pending[:] = rest
            answers.write(json.dumps(answer(line), ensure_ascii=False) + "\n")
            answers.flush()
        if not part:
            qt.quit()

    notifier = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(read)
    answers.write(json.dumps({"ok": "ready"}) + "\n")
    answers.flush()
    return qt.exec()
