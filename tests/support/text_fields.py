# ruff: noqa: PLC0415, T201 - run as a program, each kind imports its own toolkit and answers by print
"""Real text fields to type into: Tk, GTK 3, Qt, and terminals. Run as a program, this is the field.

A field answers each line on its standard input ("get", "clear") with one line of JSON: its text.
The GTK and Tk fields run in the system's Python, where Debian's packages are.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

KINDS = ("tk", "gtk", "qt", "xterm")
TERMINALS = {
    "xterm": ["xterm", "-u8", "-xrm", "*allowSendEvents: false", "-e"],
    "foot": ["foot", "--"],
}
"""The commands that run a program in one; foot is Wayland's."""


class TextField:
    """A window with one field, which has the focus; a context manager."""

    def __init__(self, kind: str, environment: dict[str, str], folder: Path) -> None:
        self.kind, self._environment = kind, environment
        self._file = folder / f"{kind}-{time.monotonic_ns()}.bytes"
        python = sys.executable if kind == "qt" else "/usr/bin/python3"
        command = [python, __file__, kind, str(self._file)]
        command = [*TERMINALS.get(kind, []), *command]
        self._process = subprocess.Popen(
            command,
            env=environment
            | {"LC_ALL": "C.UTF-8", "GTK_IM_MODULE": "gtk-im-context-simple", "QT_IM_MODULE": "simple"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        if self.kind in TERMINALS:
            wait_until(self._file.exists, f"{self.kind}'s reader")
            if self.kind == "foot":  # its reader may be there before its window
                wait_until(lambda: "foot" in focused_in_sway(self._environment), "foot's focus")
        else:
            self.text()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()

    def text(self) -> str:
        if self.kind in TERMINALS:
            return self._file.read_bytes().decode("utf-8", "replace")
        return self._ask("get")

    def clear(self) -> None:
        if self.kind in TERMINALS:
            os.truncate(self._file, 0)
        else:
            self._ask("clear")

    def _ask(self, what: str) -> str:
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def settled(self, expected: str, limit_s: float = 5.0) -> str:
        """The text, once it is as long as expected (or the limit is over)."""
        deadline = time.monotonic() + limit_s
        while len(text := self.text()) < len(expected) and time.monotonic() < deadline:
            time.sleep(0.005)
        return text


def focused_in_sway(environment: dict[str, str]) -> list[str]:
    """The application that has the keys, in a list; none if nothing has."""
    done = subprocess.run(["swaymsg", "-t", "get_tree"], env=environment, capture_output=True, check=True)
    nodes = [json.loads(done.stdout)]
    for node in nodes:
        nodes += node["nodes"] + node["floating_nodes"]
    return [node["app_id"] for node in nodes if node["focused"] and node.get("app_id")]


def wait_until(done: Callable[[], bool], what: str, limit_s: float = 20.0) -> None:
    deadline = time.monotonic() + limit_s
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_s:g} s for {what}")
        time.sleep(0.005)


def serve(get: Callable[[], str], clear: Callable[[], None]) -> bool:
    """Answer one line of standard input; False at its end."""
    line = sys.stdin.readline().strip()
    if line == "clear":
        clear()
    if line:
        print(json.dumps(get()), flush=True)
    return bool(line)


def run_tk() -> None:
    import tkinter as tk

    root = tk.Tk()
    root.title("tk field")
    entry = tk.Entry(root, width=60)
    entry.pack(padx=20, pady=20)
    entry.focus_force()

    def get() -> str:
        root.update_idletasks()  # what it says that it holds is drawn
        return entry.get()

    def answer(*_: object) -> None:
        if not serve(get, lambda: entry.delete(0, "end")):
            root.destroy()

    entry.bind("<FocusIn>", lambda _: root.createfilehandler(sys.stdin, tk.READABLE, answer))
    root.mainloop()


def run_gtk() -> None:
    import gi

    gi.require_version("Gtk", "3.0")
    from gi.repository import GLib, Gtk

    window = Gtk.Window(title="gtk field")
    entry = Gtk.Entry(width_chars=60)
    window.add(entry)

    def answer(*_: object) -> bool:
        if serve(entry.get_text, lambda: entry.set_text("")):
            return True
        Gtk.main_quit()
        return False

    def begin(*_: object) -> bool:
        entry.disconnect_by_func(begin)
        GLib.io_add_watch(sys.stdin, GLib.PRIORITY_LOW, GLib.IO_IN | GLib.IO_HUP, answer)
        return False

    entry.connect("focus-in-event", begin)
    window.connect("destroy", Gtk.main_quit)
    window.show_all()
    Gtk.main()


def run_qt() -> None:
    from PySide6.QtCore import QEvent, QObject, QSocketNotifier
    from PySide6.QtWidgets import QApplication, QLineEdit

    class Field(QLineEdit):
        notifier: QObject | None = None

        def event(self, event: QEvent) -> bool:
            if event.type() == QEvent.Type.FocusIn and self.notifier is None:
                self.notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
                self.notifier.activated.connect(lambda: serve(self.text, self.clear) or app.quit())
            return super().event(event)

    app = QApplication([])
    app.setCursorFlashTime(0)  # a picture shows the text alone, not when it was taken
    field = Field()
    field.setMaxLength(1_000_000)
    field.resize(600, 40)
    field.show()
    app.exec()


def run_reader(file: str) -> None:
    import tty

    tty.setraw(0)
    with Path(file).open("ab", buffering=0) as out:
        while data := os.read(0, 65536):
            out.write(data)


if __name__ == "__main__":
    if sys.argv[1] in TERMINALS:
        run_reader(sys.argv[2])
    else:
        {"tk": run_tk, "gtk": run_gtk, "qt": run_qt}[sys.argv[1]]()
