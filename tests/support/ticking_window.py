# ruff: noqa: T201 - run as a program, it answers by print
"""A window in which something moves by itself: a clock, a button that counts down, and buttons that don't.

Run as a program it is a Tk window that obeys lines of JSON on its standard input, and answers each with where
its parts are on the root window, and what has come of the clicks and keys so far.
"""

import json
import subprocess
import sys
import tkinter as tk
from pathlib import Path
from typing import Any, Self

from qvl_agent.actions.core.coordinates import ModelBox

PARTS = {
    "clock": (400, 20, 160, 24),
    "plus": (20, 20, 90, 40),
    "number": (20, 80, 90, 30),
    "idle": (20, 160, 90, 40),
    "count": (180, 160, 180, 44),
    "entry": (20, 240, 300, 30),
}
SIZE = (600, 360)


class Ticking:
    """One such program; a context manager.

    Args:
        environment: its display among other things.
        clock_ms: how often the clock moves; 0 for never.
        count_ms: how often the button counts down; 0 for never.
        count: what stands on the button, with the number in the place of "{}".
        start, step: where its number starts, and what is added each time.
    """

    def __init__(
        self,
        environment: dict[str, str],
        *,
        clock_ms: int = 0,
        count_ms: int = 0,
        count: str = "Resend ({})",
        start: int = 59,
        step: int = -1,
    ) -> None:
        how = [str(clock_ms), str(count_ms), count, str(start), str(step)]
        self._process = subprocess.Popen(
            [sys.executable, __file__, *how],
            env=environment | {"LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self.do("say")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.terminate()
        self._process.wait()

    def do(self, what: str, **how: Any) -> dict[str, Any]:
        """Have it do something; the answer has its parts' places, "clicks" on the button, and the "text"."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **how}) + "\n")
        self._process.stdin.flush()
        found: dict[str, Any] = json.loads(self._process.stdout.readline())
        return found

    def box(self, part: str, size: tuple[int, int] = (1280, 800)) -> list[int]:
        """Where a part is on the model's grid."""
        left, top, width, height = self.do("say")[part]
        across, down = size
        box = (left / across, top / down, (left + width) / across, (top + height) / down)
        return [round(1000 * side) for side in box]

    def target(self, part: str) -> ModelBox:
        return ModelBox.of(*self.box(part))


def run(clock_ms: int, count_ms: int, count: str, start: int, step: int) -> None:
    root = tk.Tk()
    root.title("Ticking")
    root.geometry(f"{SIZE[0]}x{SIZE[1]}+200+120")
    state: dict[str, Any] = {"number": 0, "clicks": 0, "left": start, "seconds": 3000}
    font = ("DejaVu Sans", 13)
    number = tk.Label(root, text="0", font=font)
    parts: dict[str, Any] = {
        "clock": tk.Label(root, text="Time left 50:00", font=font),
        "number": number,
        "plus": tk.Button(root, text="Plus", font=font, takefocus=False),
        "idle": tk.Button(root, text="Idle", font=font, takefocus=False, state="disabled"),
        "count": tk.Button(root, text=count.format(start), font=font, takefocus=False),
        "entry": tk.Entry(root, font=font, insertofftime=0),
    }
    for name, part in parts.items():
        part.place(**dict(zip(("x", "y", "width", "height"), PARTS[name], strict=True)))

    def plus() -> None:
        state["number"] += 1
        number.configure(text=str(state["number"]))

    def click() -> None:
        state["clicks"] += 1

    parts["plus"].configure(command=plus)
    parts["count"].configure(command=click)

    def tick() -> None:
        state["seconds"] -= 1
        minutes, seconds = divmod(state["seconds"], 60)
        parts["clock"].configure(text=f"Time left {minutes:02}:{seconds:02}")
        root.after(clock_ms, tick)

    def count_on() -> None:
        state["left"] += step
        parts["count"].configure(text=count.format(state["left"]))
        if count_ms:
            state["timer"] = root.after(count_ms, count_on)

    if clock_ms:
        root.after(clock_ms, tick)
    if count_ms:
        state["timer"] = root.after(count_ms, count_on)

    def obey(*_: object) -> None:
        line = sys.stdin.readline()
        if not line:
            root.destroy()
            return
        match json.loads(line):
            case {"do": "rename", "text": text}:
                parts["count"].configure(text=text)
            case {"do": "count"}:  # now, and on from here
                root.after_cancel(state["timer"])
                count_on()
            case {"do": "focus"}:
                root.focus_force()
                parts["entry"].focus_set()
        root.update_idletasks()
        x, y = root.winfo_rootx(), root.winfo_rooty()
        places = {name: [x + left, y + top, *size] for name, (left, top, *size) in PARTS.items()}
        print(json.dumps({**places, "clicks": state["clicks"], "text": parts["entry"].get()}), flush=True)

    root.focus_force()
    root.update()
    root.after(200, lambda: root.createfilehandler(sys.stdin, tk.READABLE, obey))
    root.mainloop()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    run(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
