"""Run a dialog of Tk or GTK in its own process, which may run under any program's name."""

import json
import shutil
import subprocess
import time
from importlib import resources
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.sandbox.attacks.scenario import ForeignDialog

__all__ = ["RunningForeignDialog"]

_PYTHON: Final = "/usr/bin/python3"
"""The system's Python, which has the system's toolkits."""
_READY_S: Final = 20.0


class RunningForeignDialog:
    """A running dialog; `close` ends it.

    Raises:
        DesktopError: The dialog didn't come up.
    """

    def __init__(self, data: ForeignDialog, environment: dict[str, str], folder: Path) -> None:
        self._folder = folder
        python = Path(_PYTHON).resolve()
        if data.program:
            python = Path(shutil.copy(python, folder / data.program))
        script = resources.files("qvl_agent.sandbox.attacks.windows") / "foreign_window.py"
        with resources.as_file(script) as path:
            self._process = subprocess.Popen(
                [python, path, data.kind, folder, data.app, data.title, data.text, data.bad, data.safe],
                env=environment | {"PYTHONHOME": "/usr", "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_S
        while not (folder / "places.json").exists():
            if time.monotonic() > deadline or self._process.poll() is not None:
                self.close()
                raise DesktopError(f"no {data.kind} dialog came up; install python3-tk and python3-gi")
            time.sleep(0.02)

    def places(self) -> dict[str, Rect]:
        """Return the rectangles of the buttons "bad" and "safe", or of the "field", in screen px."""
        found = json.loads((self._folder / "places.json").read_text(encoding="utf-8"))
        return {name: Rect(*box) for name, box in found.items()}

    def pressed(self) -> list[str]:
        """Return the names of the buttons that were pressed, in order."""
        file = self._folder / "pressed"
        return file.read_text(encoding="utf-8").split() if file.exists() else []

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
