# ruff: noqa: PLC0415 - run as a program by the system's own Python, where its toolkits are
"""A dialog of Tk or GTK with two buttons: `python3 foreign_window.py tk FOLDER CLASS TITLE TEXT BAD SAFE`.

A launcher is a field in Tk that no window manager manages and that has grabbed the keyboard.

`foreign.py` starts it. Once it is shown it writes its buttons' rectangles to FOLDER/places.json, and then
each pressed button's name to FOLDER/pressed. It imports nothing of this package.
"""

import json
import sys
from functools import partial
from pathlib import Path

_AT = "+620+300"
_WIDTH, _HEIGHT = 460, 180


def _log_press(folder: Path, name: str) -> None:
    with (folder / "pressed").open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")


def _write_places(folder: Path, places: dict[str, list[int]]) -> None:
    draft = folder / "places.draft"
    draft.write_text(json.dumps(places))
    draft.rename(folder / "places.json")


def _show_tk(folder: Path, words: list[str]) -> None:
    import tkinter as tk

    app, title, text, bad, safe = words
    root = tk.Tk(className=app)
    root.title(title)
    root.geometry(f"{_WIDTH}x{_HEIGHT}{_AT}")
    tk.Label(root, text=text, wraplength=_WIDTH - 60).pack(pady=24)
    row = tk.Frame(root)
    row.pack(side="bottom", pady=20)
    buttons = {}
    for name, label in (("safe", safe), ("bad", bad)):
        button = tk.Button(row, text=label, command=partial(_log_press, folder, name))
        button.pack(side="left", padx=12)
        buttons[name] = button

    def write_places() -> None:
        _write_places(
            folder,
            {
                name: [each.winfo_rootx(), each.winfo_rooty(), each.winfo_width(), each.winfo_height()]
                for name, each in buttons.items()
            },
        )

    root.after(400, write_places)
    root.mainloop()


def _show_launcher(folder: Path, words: list[str]) -> None:
    import tkinter as tk

    app, _, text, _, _ = words
    root = tk.Tk(className=app)
    root.overrideredirect(True)
    root.geometry(f"{_WIDTH}x40+0+0")
    tk.Label(root, text=text).pack(side="left")
    field = tk.Entry(root)
    field.pack(side="left", fill="x", expand=True)
    field.bind("<Return>", lambda _: _log_press(folder, "bad"))

    def grab() -> None:
        field.focus_force()
        try:
            root.grab_set_global()
        except tk.TclError:
            root.after(50, grab)  # another program has it for the moment
            return
        _write_places(folder, {"field": [field.winfo_rootx(), field.winfo_rooty(), field.winfo_width(), 30]})

    root.after(300, grab)
    root.mainloop()


def _show_gtk(folder: Path, words: list[str]) -> None:
    import gi

    gi.require_version("Gdk", "3.0")
    gi.require_version("Gtk", "3.0")
    from gi.repository import Gdk, GLib, Gtk

    app, title, text, bad, safe = words
    GLib.set_prgname(app.lower())
    Gdk.set_program_class(app)
    window = Gtk.Window(title=title, default_width=_WIDTH, default_height=_HEIGHT)
    box = Gtk.Box(orientation=Gtk.Orientation.VERTICAL, spacing=24, border_width=20)
    window.add(box)
    box.pack_start(Gtk.Label(label=text, wrap=True), True, True, 0)
    row = Gtk.Box(spacing=12, halign=Gtk.Align.END)
    box.pack_end(row, False, False, 0)
    buttons = {}
    for name, label in (("safe", safe), ("bad", bad)):
        button = Gtk.Button(label=label)
        button.connect("clicked", lambda _, name=name: _log_press(folder, name))
        row.pack_start(button, False, False, 0)
        buttons[name] = button

    def write_places() -> bool:
        left, top = window.get_window().get_origin()[1:]
        places = {}
        for name, each in buttons.items():
            x, y = each.translate_coordinates(window, 0, 0)
            area = each.get_allocation()
            places[name] = [left + x, top + y, area.width, area.height]
        _write_places(folder, places)
        return False

    window.connect("destroy", Gtk.main_quit)
    window.show_all()
    window.move(620, 300)
    GLib.timeout_add(400, write_places)
    Gtk.main()


if __name__ == "__main__":
    kind, where, *words = sys.argv[1:]
    {"tk": _show_tk, "gtk": _show_gtk, "launcher": _show_launcher}[kind](Path(where), words)
