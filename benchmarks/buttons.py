# ruff: noqa: PLC0415 - run as a program, each kind imports its own toolkit
"""A window full of buttons: Qt, GTK 3 or Tk, in a look. Run as a program by second_opinion.py.

    python buttons.py KIND LOOK FONT SIZE

The labels come as one line of JSON; each button's middle, in the screen's pixels, goes out as one. It ends
with its standard input. GTK and Tk run in the system's Python, where Debian's packages are.
"""

import json
import sys

COLUMNS = 4
LOOKS = {
    "qt": ("fusion", "windows", "dark", "accent"),
    "gtk": ("Adwaita", "Adwaita-dark", "HighContrast", "suggested"),
    "tk": ("classic", "clam", "alt", "flat"),
}
SIZES = (9, 11, 15)
FONTS = ("DejaVu Sans", "WenQuanYi Micro Hei")


def run_qt(labels: list[str], look: str, font: str, size: int) -> None:
    from PySide6.QtCore import QSocketNotifier, QTimer
    from PySide6.QtGui import QColor, QFont, QPalette
    from PySide6.QtWidgets import QApplication, QGridLayout, QPushButton, QWidget

    app = QApplication([])
    app.setStyle("windows" if look == "windows" else "fusion")
    app.setFont(QFont(font, size))
    if look == "dark":
        palette = QPalette(QColor(45, 45, 48), QColor(37, 37, 38))
        app.setPalette(palette)
    if look == "accent":
        app.setStyleSheet("QPushButton{background:#2563eb;color:white;border-radius:6px;padding:6px 12px}")
    window = QWidget()
    grid = QGridLayout(window)
    buttons = [QPushButton(label.replace("&", "&&")) for label in labels]
    for number, button in enumerate(buttons):
        grid.addWidget(button, number // COLUMNS, number % COLUMNS)
    window.showFullScreen()

    def tell() -> None:
        middles = [button.mapToGlobal(button.rect().center()) for button in buttons]
        say([(point.x(), point.y()) for point in middles])

    QTimer.singleShot(400, tell)
    end = QSocketNotifier(0, QSocketNotifier.Type.Read, window)
    end.activated.connect(app.quit)
    app.exec()


def run_gtk(labels: list[str], look: str, font: str, size: int) -> None:
    import gi

    gi.require_version("Gtk", "3.0")
    from gi.repository import GLib, Gtk

    settings = Gtk.Settings.get_default()
    settings.set_property("gtk-theme-name", "HighContrast" if look == "HighContrast" else "Adwaita")
    settings.set_property("gtk-application-prefer-dark-theme", look == "Adwaita-dark")
    settings.set_property("gtk-font-name", f"{font} {size}")
    window, grid = Gtk.Window(), Gtk.Grid(row_spacing=4, column_spacing=6, margin=6)
    window.add(grid)
    buttons = [Gtk.Button(label=label) for label in labels]
    for number, button in enumerate(buttons):
        if look == "suggested":
            button.get_style_context().add_class("destructive-action" if number % 2 else "suggested-action")
        grid.attach(button, number % COLUMNS, number // COLUMNS, 1, 1)
    window.fullscreen()
    window.show_all()

    def tell() -> bool:
        _, left, top = window.get_window().get_origin()
        places = [button.get_allocation() for button in buttons]
        say([(left + one.x + one.width // 2, top + one.y + one.height // 2) for one in places])
        return False

    GLib.timeout_add(500, tell)
    GLib.io_add_watch(sys.stdin, GLib.PRIORITY_LOW, GLib.IO_IN | GLib.IO_HUP, lambda *_: Gtk.main_quit())
    Gtk.main()


def run_tk(labels: list[str], look: str, font: str, size: int) -> None:
    import tkinter as tk
    from tkinter import ttk

    root = tk.Tk()
    root.attributes("-fullscreen", True)
    if look in ("clam", "alt"):
        ttk.Style().theme_use(look)
        ttk.Style().configure("TButton", font=(font, size))
    buttons = []
    for number, label in enumerate(labels):
        if look in ("clam", "alt"):
            button = ttk.Button(root, text=label)
        elif look == "flat":
            button = tk.Button(root, text=label, font=(font, size), relief="flat", bg="#b3261e", fg="white")
        else:
            button = tk.Button(root, text=label, font=(font, size))
        button.grid(row=number // COLUMNS, column=number % COLUMNS, padx=4, pady=2)
        buttons.append(button)

    def tell() -> None:
        say(
            [
                (one.winfo_rootx() + one.winfo_width() // 2, one.winfo_rooty() + one.winfo_height() // 2)
                for one in buttons
            ]
        )

    root.after(500, tell)
    root.createfilehandler(sys.stdin, tk.READABLE, lambda *_: root.destroy())
    root.mainloop()


def say(middles: list[tuple[int, int]]) -> None:
    sys.stdout.write(json.dumps(middles) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    KIND, LOOK, FONT, SIZE = sys.argv[1:5]
    {"qt": run_qt, "gtk": run_gtk, "tk": run_tk}[KIND](
        json.loads(sys.stdin.readline()), LOOK, FONT, int(SIZE)
    )
