"""An application on a virtual display in this process, so that actions and screenshots take little time.

The windows are real ones of a real X server, drawn and decorated as in every run. Only the input takes a
shorter way: see `qt_events`. `episodes` makes the training data with it.
"""

import os
import time
from contextlib import ExitStack
from typing import Final, Self

import numpy as np
from pydantic import BaseModel
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect, model_box_to_frame, model_to_desktop
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.planning.action import Action, Click, Drag, Press, Scroll, Type, Wait
from qvl_agent.sandbox.apps.protocol import Tree
from qvl_agent.sandbox.apps.tree import read_tree
from qvl_agent.sandbox.display import VirtualDisplay
from qvl_agent.sandbox.hosting.host import Host, quiet_environment
from qvl_agent.sandbox.nano import SCREEN
from qvl_agent.sandbox.nano.making.data.qt_events import QtEvents

__all__ = ["LiveApp"]

_SETTLE_S: Final = 0.03
"""How long to process events after an action."""
_DIALOG_S: Final = 1.0
"""How long a dialog may take to come to the front."""


class LiveApp:
    """One of the sandbox's applications, in this process. Qt allows one in a process, no second."""

    def __init__(self, app: str) -> None:
        self.app = app
        with ExitStack() as stack:
            display = stack.enter_context(VirtualDisplay(SCREEN))
            os.environ["DISPLAY"] = display.name
            quiet_environment()
            self._qt = QApplication(["qvl-agent-nano", "-platform", "xcb"])
            self._qt.setQuitOnLastWindowClosed(False)
            self._host = Host(self._qt, app)
            self._events = QtEvents(self._qt, self._host.window)
            self._stack = stack.pop_all()

    def set_up(self, task: str | None, seed: int) -> None:
        """Show the window for a task and a seed, as the sandbox does."""
        self._host.reset(task, seed)
        self._settle()

    def state(self) -> BaseModel:
        """Return the application's live state: it changes as the application does."""
        return self._host.state

    def tree(self) -> Tree:
        """Read the widgets that can be seen and reached now."""
        return read_tree()

    def capture(self) -> Frame:
        """Capture the whole screen: RGB of shape (800, 1280, 3)."""
        image = self._qt.primaryScreen().grabWindow(0).toImage().convertToFormat(QImage.Format.Format_RGB32)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        pixels = rows[:, : 4 * image.width()].reshape(image.height(), image.width(), 4)[..., 2::-1].copy()
        return Frame(pixels, Rect(0, 0, *SCREEN))

    def act(self, action: Action, seen: Frame) -> None:
        """Carry out an action; its coordinates are in the picture `seen`.

        Raises:
            ValueError: The action is none that does something to a window.
        """
        match action:
            case Click():
                point = model_to_desktop(action.target.centre, seen.view)
                self._events.click(point, action.button, action.count)
            case Type():
                if action.target is not None:
                    self._events.click(model_to_desktop(action.target.centre, seen.view), "left", 1)
                self._events.write(action.text, clear=action.clear, enter=action.enter)
            case Press():
                for _ in range(action.count):
                    self._events.press(action.keys)
            case Scroll(target=ModelBox() as target):
                self._events.scroll(model_to_desktop(target.centre, seen.view), action.dy)
            case Drag():
                start = model_to_desktop(action.target.centre, seen.view)
                self._events.drag(start, model_to_desktop(action.end.centre, seen.view))
            case Wait():
                self._settle(action.seconds)
            case _:
                raise ValueError(f"{action.kind} does nothing to a window")
        self._settle()

    def target_box(self, action: Action, seen: Frame) -> FrameBox | None:
        """Return the box of the picture that an action points at; None if it doesn't point."""
        target = getattr(action, "target", None)
        return None if target is None else model_box_to_frame(target, seen.view)

    def close(self) -> None:
        """End the display. May be called twice."""
        self._host.window.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _settle(self, seconds: float = _SETTLE_S) -> None:
        """Process events until the effects are painted, and any dialog is in front."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._qt.processEvents()
            time.sleep(0.002)
        modal, end = self._qt.activeModalWidget(), time.monotonic() + _DIALOG_S
        while modal is not None and self._qt.activeWindow() is not modal and time.monotonic() < end:
            self._qt.processEvents()
            time.sleep(0.002)
        self._qt.processEvents()
