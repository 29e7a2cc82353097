"""A small window of our own to try a desktop's input in: it tells what arrives.

The window is a program of its own, so that the guard judges it as any other. It writes a line of JSON once it
is shown, and for each press, text and turn of the wheel that comes.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from qvl_agent.actions.core.errors import DesktopError

__all__ = ["MARK", "MARK_PX", "TITLE", "Trial"]

TITLE: Final = "qvl-agent tries its hands"
MARK: Final = (0xD6, 0x1F, 0x8C)
"""The colour of the mark that is to be clicked, which hardly anything else has."""
MARK_PX: Final = 40
"""The mark's width and height, in logical pixels; it is in the window's middle."""
_SHOWN_S: Final = 10.0
_END_S: Final = 2.0


class Trial:
    """The window, and what it has told; a context manager.

    Args:
        module: the program that shows it.
        display: the display that it is shown on.

    Attributes:
        presses: where a button was pressed, in logical pixels from the mark's middle.
        typed: the text that came.
        scrolled: the notches that came, downwards minus upwards.

    Raises:
        DesktopError: it isn't shown.
    """

    def __init__(self, module: str, display: str) -> None:
        self.presses: list[tuple[float, float]] = []
        self.typed = ""
        self.scrolled = 0
        self._news = threading.Condition()
        self._shown = self._ended = False
        self._said = ""
        package = Path(__file__).parents[3]
        path = os.pathsep.join(filter(None, (str(package), os.environ.get("PYTHONPATH"))))
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, display],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"PYTHONPATH": path},
        )
        threading.Thread(target=self._listen, name="qvl-agent trial", daemon=True).start()

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            with self._news:
                self._take(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _take(self, line: str) -> None:
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            self._said = line.strip()
            return
        match told:
            case {"shown": True}:
                self._shown = True
            case {"press": [x, y]}:
                self.presses.append((x, y))
            case {"text": text}:
                self.typed += text
            case {"notches": number}:
                self.scrolled += number

    def wait(self, so: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so, at most some seconds; return whether it is."""
        with self._news:
            return self._news.wait_for(lambda: so() or self._ended, seconds) and so()

    def __enter__(self) -> Self:
        if not self.wait(lambda: self._shown, _SHOWN_S):
            self.close()
            raise DesktopError(f"a window of our own isn't shown: {self._said or 'it never got the keys'}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the window."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None and self._ended:
            self._process.stdout.close()
