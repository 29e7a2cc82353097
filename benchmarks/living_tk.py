# ruff: noqa: PLC0415 - the toolkit is imported when this runs as a program
"""The living window in Tk: see `living_window.py`."""

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
    import tkinter as tk

    root = tk.Tk()
    root.title("Living")
    root.configure(bg=PLAIN)
    root.geometry(f"{SIZE[0]}x{SIZE[1]}+{x}+{y}")
    parts: dict[str, Any] = {
        "video": tk.Canvas(root, highlightthickness=0),
        "clock": tk.Label(root, text="12:00:00", bg=PLAIN),
        "entry": tk.Entry(root),
        "list": tk.Listbox(root, activestyle="none"),
        **{name: tk.Button(root, text=name.title(), takefocus=False) for name in BUTTONS},
    }
    for name, part in parts.items():
        left, top, width, height = PARTS[name]
        part.place(x=left, y=top, width=width, height=height)
    parts["list"].insert("end", *ROWS)
    stripes = [parts["video"].create_rectangle(at, 0, at + 20, 150, width=0) for at, _ in bars(0)]
    opened: list[Any] = []

    class Tk(Window):
        message: Any = None
        question: Any = None

        def origin(self) -> tuple[int, int]:
            root.update_idletasks()
            return root.winfo_rootx(), root.winfo_rooty()

        def dialog_origin(self) -> tuple[int, int] | None:
            if self.question is None:
                return None
            self.question.update_idletasks()
            return self.question.winfo_rootx(), self.question.winfo_rooty()

        def draw(self, tick: int) -> None:
            for stripe, (_, colour) in zip(stripes, bars(tick), strict=True):
                parts["video"].itemconfigure(stripe, fill=colour)

        def say_time(self, text: str) -> None:
            parts["clock"].configure(text=text)

        def over(self, at: Rectangle, colour: str, *, managed: bool, text: str) -> None:
            window = tk.Toplevel(root, bg=colour)
            window.title(text or "Over")
            window.overrideredirect(not managed)
            left, top, width, height = at
            window.geometry(f"{width}x{height}+{left}+{top}")
            if text:
                tk.Label(window, text=text, bg=colour).place(x=2, y=2)
            opened.append(window)

        def dialog(self, at: Rectangle, text: str) -> None:
            self.gone()
            window = tk.Toplevel(root, bg=PLAIN)
            window.title("Question")
            window.transient(root)
            self.question = window
            window.geometry(f"{DIALOG[0]}x{DIALOG[1]}+{at[0]}+{at[1]}")
            self.message = tk.Label(window, text=text, bg=PLAIN)
            self.message.place(x=20, y=20)
            button = tk.Button(window, text="OK", takefocus=False)
            button.place(x=OK[0], y=OK[1], width=OK[2], height=OK[3])
            opened.append(window)

        def reword(self, text: str) -> None:
            self.message.configure(text=text)

        def gone(self) -> None:
            self.question = None
            while opened:
                opened.pop().destroy()

        def scroll(self, row: int) -> None:
            parts["list"].yview(row)

        def move(self, x: int, y: int) -> None:
            root.geometry(f"+{x}+{y}")

        def focus(self) -> None:
            root.focus_force()
            parts["entry"].focus_set()

    window = Tk()

    def every(milliseconds: int, what: Callable[[], None]) -> None:
        what()
        root.after(milliseconds, every, milliseconds, what)

    def obey(*_: object) -> None:
        if not window.obey():
            root.destroy()

    root.update()
    every(FRAME_MS, window.frame)
    every(CLOCK_MS, window.second)
    root.after(200, lambda: root.createfilehandler(sys.stdin, tk.READABLE, obey))
    root.mainloop()


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
