"""A window that lives: a caret, a clock, a video, buttons that light up, a list; and what comes over it.

`Living` starts one, in Tk, GTK 3 or Qt (`living_tk.py` and so on), and speaks to it: it obeys lines of JSON
on its standard input and answers each with where its parts are: {"save": [left, top, width, height], ...} on
the root window. The Tk and GTK ones run in the system's Python, where Debian's packages are.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, Self

TOOLKITS: Final = ("tk", "gtk", "qt")
SIZE: Final = (600, 360)
PARTS: Final[dict[str, tuple[int, int, int, int]]] = {
    "video": (20, 20, 200, 150),
    "save": (20, 180, 90, 30),
    "clock": (240, 20, 120, 26),
    "next": (370, 18, 80, 30),
    "entry": (240, 70, 220, 30),
    "apply": (470, 70, 90, 30),
    "list": (240, 120, 220, 200),
    "one": (480, 130, 90, 30),
    "two": (480, 164, 90, 30),
    "three": (480, 198, 90, 30),
    "plain": (30, 240, 160, 90),
}
"""Where each part is in the window: left, top, width, height."""
BUTTONS: Final = ("save", "next", "apply", "one", "two", "three")
PLAIN: Final = "#d8dce0"
"""The window's own colour."""
DIALOG: Final = (300, 130)
OK: Final = (200, 90, 80, 28)
MESSAGE: Final = (20, 20, 260, 20)
"""A dialog's size, and where its button and its message are in it."""
ROWS: Final = tuple(f"Row {number}: {number * 7919 % 10007}" for number in range(200))
FRAME_MS: Final = 33
CLOCK_MS: Final = 250

Rectangle = list[int]


class Living:
    """One such program; a context manager."""

    def __init__(self, toolkit: str, environment: dict[str, str], *, at: tuple[int, int] = (120, 90)) -> None:
        python = sys.executable if toolkit == "qt" else "/usr/bin/python3"
        self.toolkit = toolkit
        self._process = subprocess.Popen(
            [python, str(Path(__file__).with_name(f"living_{toolkit}.py")), *map(str, at)],
            env=environment | {"LC_ALL": "C.UTF-8", "GTK_THEME": "Adwaita"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Self:
        self.do("places")
        return self

    def do(self, what: str, **how: Any) -> dict[str, Rectangle]:
        """Have it do something; the answer is where its parts are then."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **how}) + "\n")
        self._process.stdin.flush()
        places: dict[str, Rectangle] = json.loads(self._process.stdout.readline())
        return places

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()


class Window:
    """What each toolkit does in its own way. Colours are "#rrggbb", places on the root window."""

    def origin(self) -> tuple[int, int]:
        """Where the window's own top left is."""
        raise NotImplementedError

    def dialog_origin(self) -> tuple[int, int] | None:
        """Where the dialog's own top left is, if one is open."""
        raise NotImplementedError

    def draw(self, tick: int) -> None:
        """Show the next picture of the video."""
        raise NotImplementedError

    def say_time(self, text: str) -> None:
        raise NotImplementedError

    def over(self, at: Rectangle, colour: str, *, managed: bool, text: str) -> None:
        """Open a window; one that isn't managed is put there without asking the window manager."""
        raise NotImplementedError

    def dialog(self, at: Rectangle, text: str) -> None:
        """Open a dialog with a message and an OK button."""
        raise NotImplementedError

    def reword(self, text: str) -> None:
        """Let the dialog say something else."""
        raise NotImplementedError

    def gone(self) -> None:
        """Close what came over."""
        raise NotImplementedError

    def scroll(self, row: int) -> None:
        raise NotImplementedError

    def move(self, x: int, y: int) -> None:
        raise NotImplementedError

    def focus(self) -> None:
        """Put the caret into the field, and the focus on the window."""
        raise NotImplementedError

    def __init__(self) -> None:
        self.playing = False
        self._ticks = 0

    def frame(self) -> None:
        """Call this every `FRAME_MS`."""
        self._ticks += 1
        if self.playing:
            self.draw(self._ticks)

    def second(self) -> None:
        """Call this every `CLOCK_MS`."""
        if self.playing:
            self.say_time(f"12:{self._ticks // 60 % 60:02}:{self._ticks % 60:02}")

    def obey(self) -> bool:
        """Do what a line of the standard input says; False at its end."""
        line = sys.stdin.readline()
        if not line:
            return False
        match json.loads(line):
            case {"do": "play", "on": on}:
                self.playing = on
            case {"do": "over", "at": at, "colour": colour, "managed": managed, "text": text}:
                self.over(at, colour, managed=managed, text=text)
            case {"do": "dialog", "at": at, "text": text}:
                self.dialog(at, text)
            case {"do": "reword", "text": text}:
                self.reword(text)
            case {"do": "scroll", "row": row}:
                self.scroll(row)
            case {"do": "move", "x": x, "y": y}:
                self.move(x, y)
            case {"do": "gone"}:
                self.gone()
            case {"do": "focus"}:
                self.focus()
        left, top = self.origin()
        places = {name: [left + x, top + y, width, height] for name, (x, y, width, height) in PARTS.items()}
        if (at := self.dialog_origin()) is not None:
            for name, (x, y, width, height) in {"ok": OK, "message": MESSAGE}.items():
                places[name] = [at[0] + x, at[1] + y, width, height]
        sys.stdout.write(json.dumps(places) + "\n")
        sys.stdout.flush()
        return True


def bars(tick: int) -> list[tuple[int, str]]:
    """Where the bars of the video's picture are, and their colours: something everywhere changes."""
    return [(x, f"#{(x * 3 + tick * 11) % 256:02x}{(tick * 7) % 256:02x}80") for x in range(0, 200, 20)]
