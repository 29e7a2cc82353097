"""What each kind of desktop can do: one table, of what really ran.

    .venv/bin/python benchmarks/desktops.py [--strings 200] [--boxes 200] [--seeds 1] [--only sway] [--readme]

A Qt window over the whole screen draws what it is told and keeps what it gets. Each backend captures it,
clicks, drags, scrolls and types in it:

    capture      the median time of one capture
    click, seen  the median time from the start of a click to a capture in which the window has changed
    typed        random strings in a Qt field that arrived exactly, or were refused before any key
    boxes        random boxes in the picture whose middle was pointed at within a logical pixel
    killed       what was released after SIGKILL with a key and a mouse button down
    tasks        the sandbox's tasks that the oracle solved without a wrong click; where the sandbox can be

`--readme` puts the table into README.md. What can't run here is left out with its reason. Exits 1 if a string
arrived otherwise than it was sent, or a click missed.
"""

import argparse
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

sys.path.append(str(Path(__file__).parent.parent / "tests/support"))
from gnome_session import GnomeSession, lacking
from text_fields import TextField
from typing_exact import alphabet, random_text
from whole_window import WholeWindow
from x_servers import free_port, tigervnc

from qvl_agent.actions.core.coordinates import DesktopPoint, FramePoint, frame_to_desktop
from qvl_agent.actions.core.errors import NoScreenError, TypingError
from qvl_agent.actions.desktops import Desktop, open_local, open_vnc, wait_for_window_manager
from qvl_agent.actions.guard.policy import Policy
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, Event, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.agent import Agent
from qvl_agent.sandbox.apps import APPS
from qvl_agent.sandbox.display import VirtualDisplay, WaylandDisplay
from qvl_agent.sandbox.oracle import Oracle
from qvl_agent.sandbox.session import SandboxDesktop, open_sandbox
from qvl_agent.sandbox.tasks import TASKS

ROOT: Final = Path(__file__).parent.parent
SIZE: Final = (1280, 800)
LOOKS: Final = 50
CLICKS: Final = 20
WAIT_S: Final = 5.0
SHOWN_S: Final = 1.0
"""Until a window is where it belongs: GNOME moves it there, and gives it no input meanwhile."""
MARKS: Final = ("<!-- desktops: made by benchmarks/desktops.py -->", "<!-- /desktops -->")
PRESS, RELEASE = ButtonEvent("left", down=True), ButtonEvent("left", down=False)


@dataclass(frozen=True, slots=True)
class Backend:
    """A running desktop.

    Attributes:
        name: for the table.
        desktop: ours.
        environment: for programs that are to be on it.
        killed: a program that opens it, holds "a" and the left button, and prints "held".
        wayland: whether the sandbox can be on such a desktop, and on which; None if it can't.
        agrees: the person's consent to another program, where one is asked for.
    """

    name: str
    desktop: Desktop
    environment: dict[str, str]
    killed: str
    wayland: bool | None
    agrees: Callable[[], None] = lambda: None


@contextmanager
def x11() -> Iterator[Backend]:
    with VirtualDisplay(SIZE) as display, closing(open_local(display.name)) as desktop:
        yield Backend("X11 (Xvfb, openbox)", desktop, display.environment(), _holding(display.name), False)


@contextmanager
def sway() -> Iterator[Backend]:
    with WaylandDisplay(SIZE) as session, closing(open_local(session.name)) as desktop:
        program = _holding(session.name)
        yield Backend("Wayland (sway)", desktop, session.environment(), program, True)


@contextmanager
def vnc() -> Iterator[Backend]:
    port = free_port()
    with tigervnc(size=f"{SIZE[0]}x{SIZE[1]}", port=port) as name, ExitStack() as stack:
        environment = os.environ | {"DISPLAY": name}
        manager = subprocess.Popen(["openbox"], env=environment, stderr=subprocess.DEVNULL)
        stack.callback(lambda: (manager.terminate(), manager.wait()))
        wait_for_window_manager(name, 20)
        address = f"vnc://localhost:{port}"
        desktop = stack.enter_context(closing(open_vnc(address, str)))
        yield Backend("VNC (TigerVNC)", desktop, environment, _holding(address), None)


@contextmanager
def gnome() -> Iterator[Backend]:
    if why := lacking():
        raise NoScreenError(why)
    with GnomeSession() as session, ExitStack() as stack:
        before = dict(os.environ)
        stack.callback(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update(session.environment())
        agreed = threading.Thread(target=session.person.agrees)
        agreed.start()
        desktop = stack.enter_context(closing(open_local("wayland-0")))
        agreed.join()
        name, environment = "Wayland (GNOME 43, by the portal)", session.environment()
        yield Backend(name, desktop, environment, _holding("wayland-0"), None, session.person.agrees)


def _holding(name: str) -> str:
    return f"""
import time
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent
from qvl_agent.agent import open_desktop
with open_desktop({name!r}) as desktop:
    def stop():
        global asked
        asked += 1
        if asked == 3:
            print("held", flush=True)
            time.sleep(60)
        return False
    asked = 0
    held = KeyEvent("a", down=True), ButtonEvent("left", down=True), ButtonEvent("left", down=False)
    desktop.perform(Approved(held, "bench", desktop.geometry()), stop)
"""


BACKENDS: Final[dict[str, Callable[[], "contextmanager[Backend]"]]] = {
    "x11": x11,
    "sway": sway,
    "gnome": gnome,
    "vnc": vnc,
}  # type: ignore[type-arg]


class Measuring:
    """Measures one backend."""

    def __init__(self, backend: Backend, dice: random.Random) -> None:
        self.backend, self._dice = backend, dice
        self._desktop = backend.desktop
        self.good = True

    def _send(self, *events: Event) -> None:
        self._desktop.perform(Approved(events, "bench", self._desktop.geometry()), lambda: False)

    def wake(self) -> None:
        """Press a key that does nothing: a session without a keyboard gives no window the keys."""
        self._send(KeyEvent("shift", down=True), KeyEvent("shift", down=False))

    def captures(self) -> str:
        times = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            self._desktop.grab()
            times.append(time.perf_counter() - began)
        return f"{statistics.median(times) * 1000:.0f} ms"

    def clicks(self, window: WholeWindow) -> str:
        times = []
        for number in range(CLICKS):
            window.flip(0x300000 + number)
            self._send(MoveEvent(DesktopPoint(600 + number, 400)))
            began = time.perf_counter()
            self._send(PRESS, RELEASE)
            self._await(0x300000 + number)
            times.append(time.perf_counter() - began)
        window.events()
        return f"{statistics.median(times) * 1000:.0f} ms"

    def _await(self, colour: int) -> tuple[int, int, int, int]:
        """Wait until a colour is in the picture, and return its left, top, right and bottom."""
        wanted = np.frombuffer(colour.to_bytes(3, "big"), np.uint8)
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            rows, columns = np.where((self._desktop.grab().pixels == wanted).all(axis=2))
            if len(rows):
                return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
        raise TimeoutError(f"{self.backend.name} never showed {colour:06x}")

    def boxes(self, window: WholeWindow, count: int) -> str:
        hit = 0
        for number in range(count):
            width, height = self._dice.randrange(8, 60), self._dice.randrange(8, 60)
            left, top = self._dice.randrange(SIZE[0] - width), self._dice.randrange(SIZE[1] - height)
            window.fill(0, 0, *SIZE, 0xFFFFFF)
            window.fill(left, top, width, height, 0x200000 + number)
            x1, y1, x2, y2 = self._await(0x200000 + number)
            window.events()
            view = self._desktop.grab().view
            self._send(MoveEvent(frame_to_desktop(FramePoint((x1 + x2) // 2, (y1 + y2) // 2), view)))
            x, y = window.until("motion")[-1][1]
            hit += abs(x - left - width / 2) <= 1 and abs(y - top - height / 2) <= 1
        self.good &= hit == count
        return f"{hit} of {count}"

    def drag(self, window: WholeWindow) -> str:
        self._send(MoveEvent(DesktopPoint(100, 100)))
        window.until("motion")
        self._send(PRESS, MoveEvent(DesktopPoint(300, 200)), RELEASE)
        seen = window.until("button up")
        between = sum(what == "motion" for what, _ in seen)
        last = [value for what, value in seen if what == "motion"][-1:]
        good = between > 5 and [int(each) for each in (last or [[0, 0]])[0]] == [300, 200]
        return "yes" if good else f"{between} motions, to {last}"

    def scroll(self, window: WholeWindow) -> str:
        good = True
        for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            self._send(WheelEvent(dx, dy))
            good &= ("scroll", [dx, dy]) in window.until("scroll")
        return "both ways" if good else "not all"

    def killed(self, window: WholeWindow) -> str:
        command = [sys.executable, "-c", self.backend.killed]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            self.backend.agrees()
            said = process.stdout.readline()
            window.until("button down")
            process.kill()
        assert said == "held\n", said
        time.sleep(1.5)
        up = {what for what, _ in window.events()}
        self._send(PRESS, RELEASE)
        words = [word for word, what in (("key", "key up"), ("button", "button up")) if what in up]
        return " and ".join(words) or "nothing"

    def typed(self, count: int) -> str:
        ascii_only = "".join(map(chr, range(32, 127)))
        plain, exact, refused = 0, 0, 0
        with (
            tempfile.TemporaryDirectory() as folder,
            TextField("qt", self.backend.environment, Path(folder)) as field,
        ):
            for _ in range(count):
                text = "".join(self._dice.choices(ascii_only, k=30))
                field.clear()
                self._send(TextEvent(text))
                plain += field.settled(text) == text
            letters = alphabet()
            for _ in range(count):
                text = random_text(self._dice, letters)
                field.clear()
                try:
                    self._send(TextEvent(text))
                except TypingError:
                    refused += field.text() == ""
                    continue
                exact += field.settled(text) == text
        self.good &= exact + refused == count == plain
        rest = f", {refused} refused" if refused else ""
        return f"ASCII {plain} of {count}; Unicode {exact} of {count}{rest}"

    def tasks(self, seeds: int) -> str:
        if self.backend.wayland is None:
            return "-"
        solved = runs = 0
        with tempfile.TemporaryDirectory() as folder:
            for app in APPS:
                with open_sandbox(app, wayland=self.backend.wayland) as sandbox:
                    for task in TASKS[app]:
                        for seed in range(seeds):
                            sandbox.reset(task, seed)
                            oracle = Oracle(sandbox)
                            agent = Agent(
                                SandboxDesktop(sandbox, f"sandbox:{app}"),
                                oracle,
                                policy=Policy(actions_per_second=1000, burst=1000),
                                runs=Path(folder),
                            )
                            run = agent.run(sandbox.instruction)
                            check = sandbox.check(run.answer, failed=run.status == "failed")
                            runs, solved = runs + 1, solved + check.passed
        self.good &= solved == runs
        return f"{solved} of {runs}"


HEADS: Final = (
    "desktop",
    "capture",
    "click, seen",
    "typed exactly",
    "windows",
    "boxes within 1 px",
    "drag",
    "scroll",
    "released if killed",
    "sandbox tasks",
)


def row(backend: Backend, options: argparse.Namespace) -> tuple[list[str], bool]:
    """Measure one backend; return its row, and whether all was exact."""
    measuring = Measuring(backend, random.Random(options.seed))
    measuring.wake()
    with WholeWindow(backend.environment) as window:
        time.sleep(SHOWN_S)
        cells = [measuring.captures(), measuring.clicks(window)]
        boxes = measuring.boxes(window, options.boxes)
        rest = [measuring.drag(window), measuring.scroll(window), measuring.killed(window)]
    windows = "known" if backend.desktop.capabilities.windows else "not told"
    typed = measuring.typed(options.strings)
    cells += [typed, windows, boxes, *rest, measuring.tasks(options.seeds)]
    return [backend.name, *cells], measuring.good


def main() -> int:
    """Measure what can run here, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strings", type=int, default=200)
    parser.add_argument("--boxes", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(BACKENDS))
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    rows, good = [], True
    for name, opened in BACKENDS.items():
        if options.only not in (None, name):
            continue
        try:
            with opened() as backend:
                cells, exact = row(backend, options)
        except (NoScreenError, FileNotFoundError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        rows.append(cells)
        good &= exact
        print("  ".join(cells), file=sys.stderr, flush=True)
    lines = ["| " + " | ".join(HEADS) + " |", "|" + "---|" * len(HEADS)]
    table = "\n".join([*lines, *("| " + " | ".join(cells) + " |" for cells in rows)])
    print(table)
    if options.readme:
        readme = ROOT / "README.md"
        text = readme.read_text(encoding="utf-8")
        block = f"{MARKS[0]}\n{table}\n{MARKS[1]}"
        readme.write_text(
            re.sub(f"{MARKS[0]}.*{MARKS[1]}", lambda _: block, text, flags=re.DOTALL), encoding="utf-8"
        )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
