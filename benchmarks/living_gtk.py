# ruff: noqa: PLC0415 - the toolkit is imported when this runs as a program
"""The living window in GTK 3: see `living_window.py`."""

import sys
from collections.abc import Callable
from typing import Any

from living_window import (
    BUTTONS,
    CLOCK_MS,
    DIALOG,
    FRAME_MS,
    OK,
    PARTS,
    PLAIN,
    ROWS,
    SIZE,
    Rectangle,
    Window,
    bars,
)


def run(x: int, y: int) -> None:
    import gi

    gi.require_version("Gdk", "3.0")
    gi.require_version("Gtk", "3.0")
    from gi.repository import Gdk, GdkPixbuf, GLib, Gtk

    style = Gtk.CssProvider()
    screen = Gdk.Screen.get_default()
    Gtk.StyleContext.add_provider_for_screen(screen, style, Gtk.STYLE_PROVIDER_PRIORITY_USER)
    style.load_from_data(f"window {{ background: {PLAIN}; }}".encode())

    def fixed(window: Any, places: dict[Any, tuple[int, int, int, int]]) -> None:
        inside = Gtk.Fixed()
        window.add(inside)
        for part, (left, top, width, height) in places.items():
            part.set_size_request(width, height)
            inside.put(part, left, top)
        window.show_all()

    root = Gtk.Window(title="Living")
    root.set_default_size(*SIZE)
    root.move(x, y)
    store = Gtk.ListStore(str)
    for row in ROWS:
        store.append([row])
    rows = Gtk.TreeView(model=store, headers_visible=False)
    rows.append_column(Gtk.TreeViewColumn("", Gtk.CellRendererText(), text=0))
    scrolled = Gtk.ScrolledWindow(overlay_scrolling=False)
    scrolled.add(rows)
    video, clock, entry = Gtk.Image(), Gtk.Label(label="12:00:00"), Gtk.Entry()
    buttons = {name: Gtk.Button(label=name.title(), can_focus=False) for name in BUTTONS}
    fixed(
        root,
        {
            video: PARTS["video"],
            clock: PARTS["clock"],
            entry: PARTS["entry"],
            scrolled: PARTS["list"],
            **{button: PARTS[name] for name, button in buttons.items()},
        },
    )
    opened: list[Any] = []

    class Gtk3(Window):
        message: Any = None
        question: Any = None

        def origin(self) -> tuple[int, int]:
            _, left, top = root.get_window().get_origin()
            return left, top

        def dialog_origin(self) -> tuple[int, int] | None:
            if self.question is None:
                return None
            _, left, top = self.question.get_window().get_origin()
            return left, top

        def draw(self, tick: int) -> None:
            row = b"".join(bytes.fromhex(colour[1:]) * 20 for _, colour in bars(tick))
            picture = (GLib.Bytes.new(row * 150), GdkPixbuf.Colorspace.RGB, False, 8, 200, 150, 600)
            video.set_from_pixbuf(GdkPixbuf.Pixbuf.new_from_bytes(*picture))

        def say_time(self, text: str) -> None:
            clock.set_text(text)

        def over(self, at: Rectangle, colour: str, *, managed: bool, text: str) -> None:
            window = Gtk.Window(type=Gtk.WindowType.TOPLEVEL if managed else Gtk.WindowType.POPUP)
            window.set_title(text or "Over")
            window.set_default_size(at[2], at[3])
            window.set_size_request(at[2], at[3])
            window.move(at[0], at[1])
            coloured = Gtk.CssProvider()
            coloured.load_from_data(f"* {{ background: {colour}; }}".encode())
            window.get_style_context().add_provider(coloured, Gtk.STYLE_PROVIDER_PRIORITY_USER)
            if text:
                window.add(Gtk.Label(label=text, xalign=0))
            window.show_all()
            opened.append(window)

        def dialog(self, at: Rectangle, text: str) -> None:
            self.gone()
            window = Gtk.Window(title="Question", resizable=False, transient_for=root)
            window.set_type_hint(Gdk.WindowTypeHint.DIALOG)
            self.question = window
            window.set_size_request(*DIALOG)
            window.move(at[0], at[1])
            self.message = Gtk.Label(label=text, xalign=0)
            button = Gtk.Button(label="OK", can_focus=False)
            fixed(window, {self.message: (20, 20, 260, 20), button: OK})
            opened.append(window)

        def reword(self, text: str) -> None:
            self.message.set_text(text)

        def gone(self) -> None:
            self.question = None
            while opened:
                opened.pop().destroy()

        def scroll(self, row: int) -> None:
            rows.scroll_to_cell(Gtk.TreePath(row), None, use_align=True, row_align=0.0, col_align=0.0)

        def move(self, x: int, y: int) -> None:
            root.move(x, y)

        def focus(self) -> None:
            root.present()
            entry.grab_focus()

    window = Gtk3()

    def every(milliseconds: int, what: Callable[[], None]) -> None:
        GLib.timeout_add(milliseconds, lambda: (what(), True)[1])

    def obey(*_: object) -> bool:
        if window.obey():
            return True
        Gtk.main_quit()
        return False

    entry.grab_focus()
    every(FRAME_MS, window.frame)
    every(CLOCK_MS, window.second)
    waiting = (sys.stdin, GLib.PRIORITY_LOW, GLib.IO_IN | GLib.IO_HUP, obey)
    GLib.timeout_add(300, lambda: GLib.io_add_watch(*waiting) and False)
    Gtk.main()


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
