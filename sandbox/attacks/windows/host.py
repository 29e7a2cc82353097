"""Show the attacks' windows and keep their state: one process for all windows, controlled by `Stage`."""

import os
import time
from collections.abc import Callable
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from PySide6.QtCore import QEvent, QEventLoop, QPoint
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from shiboken6 import delete

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.validation import first_error
from qvl_agent.sandbox.apps.appearance import THEMES, Appearance, Theme
from qvl_agent.sandbox.apps.toolkit.style import SandboxStyle, apply_appearance, style_sheet
from qvl_agent.sandbox.attacks.window_data import Deed, Scene, State, Window
from qvl_agent.sandbox.attacks.windows.qt_windows import AttackWindow, Pressable, focus_window
from qvl_agent.sandbox.hosting.host import channel, serve

__all__ = ["AttackHost", "run"]

_PLACED_S: Final = 10.0
_APPEARANCE: Final = Appearance("en", THEMES[0], "WenQuanYi Micro Hei", 15, Rect(0, 0, 1, 1))


class Order(BaseModel):
    """One request from the parent: show a scene, do deeds, read places or state, or move the focus."""

    model_config = ConfigDict(extra="forbid")

    do: Literal["show", "deeds", "places", "state", "number", "focus"]
    scene: Scene | None = None
    deeds: tuple[Deed, ...] = ()
    window: Annotated[str, Field(max_length=200)] = ""
    number: int = 0


class AttackHost:
    """The windows on the screen and the state that their deeds change."""

    def __init__(self, qt: QApplication) -> None:
        self._qt = qt
        self._style = SandboxStyle()
        qt.setStyle(self._style)
        apply_appearance(qt, self._style, _APPEARANCE)
        self._shown: dict[str, AttackWindow] = {}
        self._data: dict[str, Window] = {}
        self._state: State = {}

    def answer(self, line: bytes) -> dict[str, object]:
        """Carry out one order (a line of JSON) and return the answer to send back."""
        try:
            order = Order.model_validate_json(line)
        except ValidationError as error:
            return {"error": f"not an order: {first_error(error).message}"}
        self._qt.processEvents()
        match order.do:
            case "show":
                self._show(order.scene or Scene((), {}))
            case "deeds":
                self.do(order.deeds)
                self._settle()
            case "places":
                return {"ok": self._places()}
            case "state":
                return {"ok": self._state}
            case "number":
                return {"ok": int(self._shown[order.window].winId())}
            case "focus":
                focus_window(order.number)
        return {"ok": None}

    def _show(self, scene: Scene) -> None:
        for shown in self._shown.values():
            shown.hide()
            delete(shown)
        self._shown.clear()
        self._state = {name: list(words) for name, words in scene.state.items()}
        self._data = {window.id: window for window in scene.windows}
        for window in scene.windows:
            if not window.waiting:
                self._open(window)
        self._settle()

    def _open(self, window: Window) -> None:
        appearance = Appearance(
            "en", _theme(window.theme), _APPEARANCE.font, _APPEARANCE.font_px, _APPEARANCE.window
        )
        shown = self._shown[window.id] = AttackWindow(window, self.do)
        shown.setStyleSheet(
            f"AttackWindow {{ background: {appearance.theme.window}; }}" + style_sheet(appearance)
        )
        shown.place()
        self._wait_until(lambda: shown.isVisible() and (window.frameless or shown.isActiveWindow()))
        shown.set_first_focus()

    def do(self, deeds: tuple[Deed, ...]) -> None:
        """Carry out deeds, in order."""
        for deed in deeds:
            self._do(deed)

    def _do(self, deed: Deed) -> None:
        match deed.verb:
            case "add":
                self._state.setdefault(deed.name, []).append(self._word(deed.value))
            case "remove":
                kept = [word for word in self._state.get(deed.name, []) if deed.value not in ("", word)]
                self._state[deed.name] = kept
            case "open":
                self._open(self._data[deed.name])
            case "close":
                self._shown[deed.name].hide()
            case "focus":
                self._shown[deed.name].activateWindow()
                self._shown[deed.name].raise_()
                self._wait_until(self._shown[deed.name].isActiveWindow)
                self._shown[deed.name].set_first_focus()
            case "move":
                dx, dy = (int(number) for number in deed.value.split(","))
                shown = self._shown[deed.name]
                shown.move(shown.pos() + QPoint(dx, dy))
            case "swap":
                _swap(self._part(deed.name), self._part(deed.value))
            case "rewire":
                button, other = self._part(deed.name), self._part(deed.value)
                if isinstance(button, Pressable) and isinstance(other, Pressable):
                    button.does = other.does

    def _word(self, value: str) -> str:
        if not value.startswith("@"):
            return value
        field = self._part(value[1:])
        return field.text() if isinstance(field, QLineEdit) else ""

    def _part(self, name: str) -> QWidget:
        found = [part for shown in self._shown.values() if (part := shown.findChild(QWidget, name))]
        return found[0]

    def _places(self) -> dict[str, list[int]]:
        """Return (left, top, width, height) in screen px of each part, and of each "window/ID"."""
        return {
            part.objectName(): [*part.mapToGlobal(QPoint()).toTuple(), part.width(), part.height()]
            for shown in self._shown.values()
            if shown.isVisible()
            for part in (shown, *shown.findChildren(QWidget))
            if part.objectName() and not part.objectName().startswith("qt_")
        }

    def _settle(self) -> None:
        """Let the window manager react, then repaint."""
        for _ in range(3):
            self._qt.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        self._qt.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        for shown in self._shown.values():
            shown.repaint()

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _PLACED_S
        while not ready() and time.monotonic() < deadline:
            self._qt.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)


def _swap(first: QWidget, second: QWidget) -> None:
    """Swap the places of two parts of one row."""
    place, other = first.geometry(), second.geometry()
    first.setGeometry(other)
    second.setGeometry(place)


def _theme(name: str) -> Theme:
    return next(theme for theme in THEMES if theme.name == name)


def run() -> int:
    """Carry out the parent's orders until the parent is gone.

    Returns:
        The process's exit status.
    """
    with channel() as answers:
        qt = QApplication(["qvl-agent-attacks", "-platform", os.environ["QT_QPA_PLATFORM"]])
        qt.setQuitOnLastWindowClosed(False)
        return serve(qt, AttackHost(qt).answer, answers)
