"""Typing is exact: random Unicode strings, over layouts and toolkits, and the keyboard map as it was.

    .venv/bin/python benchmarks/typing_exact.py [--strings 2000] [--switches 40] [--seed 0]

Strings of random characters of Unicode's assigned ones are typed into real fields (Tk, GTK, Qt, xterm) by
the real desktop, with CapsLock on or off and the layout changed every few strings. What arrives must be the
string, and the keyboard map and its state byte for byte what they were. A string that the desktop refuses, as
the application would take one of its characters for something else, must leave the field empty; it is
counted apart, and another is typed in its place. With Shift held by somebody else nothing may be typed, and
their Shift stays down. Last, the layout is switched in the middle of a string: what arrives must be exact,
or the desktop must say that it isn't sure. Exits 1 if any of it isn't so.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
import unicodedata
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parent.parent / "tests/support"))
from text_fields import KINDS, TextField
from Xlib import XK, X
from Xlib.display import Display

from qvl_agent.actions.core.errors import DesktopError, TypingError
from qvl_agent.actions.desktops import Desktop, open_local
from qvl_agent.actions.desktops.x11.connection import Connection
from qvl_agent.actions.desktops.x11.keyboard import xkb
from qvl_agent.actions.planning.approval import Approved
from qvl_agent.actions.planning.events import TextEvent
from qvl_agent.sandbox.display import VirtualDisplay

LAYOUTS: Final = ("us", "de", "fr", "ru", "us,ru")
"""The last is used with its second group in force."""
BLOCK: Final = 20
"""Strings typed on one layout before the next."""
LONGEST: Final = 40
_COMMON: Final = (
    (0x20, 0x7E),
    (0xC0, 0xFF),
    (0x100, 0x17F),
    (0x3B1, 0x3C9),
    (0x410, 0x44F),
    (0x4E00, 0x9FA5),
)
_NOT_TEXT: Final = frozenset({"Cc", "Cs", "Cn", "Co", "Zl", "Zp"})
"""Controls, half pairs, what isn't assigned, private use, and the separators of lines, which are no key."""


def alphabet() -> str:
    """All assigned characters that are text, as this Python knows them."""
    every = map(chr, range(0x110000))
    return "".join(character for character in every if unicodedata.category(character) not in _NOT_TEXT)


def random_text(dice: random.Random, letters: str) -> str:
    """Return a string: half of it from the scripts in daily use, half from all of some letters."""
    return "".join(
        chr(dice.randint(*dice.choice(_COMMON))) if dice.random() < 0.5 else dice.choice(letters)
        for _ in range(dice.randint(1, LONGEST))
    )


@dataclass(slots=True)
class Figures:
    """By toolkit and layout: strings typed, and those that arrived exactly."""

    typed: Counter[tuple[str, str]] = field(default_factory=Counter)
    exact: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    maps_compared: int = 0
    maps_changed: list[str] = field(default_factory=list)
    shifted: int = 0
    shift_wrong: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """By toolkit: strings that wouldn't have arrived as they are."""
    switched: Counter[str] = field(default_factory=Counter)
    silently_wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.wrong or self.maps_changed or self.shift_wrong or self.silently_wrong)


class Board:
    """The keyboard of a display: how it is, and somebody else's hands on it."""

    def __init__(self, display: VirtualDisplay) -> None:
        self._display = display
        self._hands = Display(display.name)
        self._connection = Connection(display.name)

    def close(self) -> None:
        self._hands.close()
        self._connection.close()

    def lay(self, layout: str) -> None:
        subprocess.run(["setxkbmap", layout], env=self._display.environment(), check=True)

    def lock(self, *, caps: bool, group: int) -> None:
        with self._connection as server:
            xkb.lock(server, X.LockMask * caps, group)
            server.sync()

    def described(self) -> bytes:
        """The whole XKB map, as the server describes it."""
        command = ["xkbcomp", "-w0", self._display.name, "-"]
        return subprocess.run(command, capture_output=True, check=True).stdout

    def now(self) -> tuple[Any, Any, xkb.KeyboardState]:
        """The core map, XKB's symbols and the state; quicker than the description."""
        with self._connection as server:
            core = server.get_keyboard_mapping(8, 248)
            return [list(row) for row in core], xkb.read_symbols(server), xkb.state(server)

    def hold_shift(self, *, down: bool) -> None:
        keycode = self._hands.keysym_to_keycode(XK.XK_Shift_L)
        self._hands.xtest_fake_input(X.KeyPress if down else X.KeyRelease, keycode)
        self._hands.sync()


class Typing:
    """Types strings and keeps count."""

    def __init__(self, desktop: Desktop, board: Board, figures: Figures, dice: random.Random) -> None:
        self._desktop, self._board, self._figures, self._dice = desktop, board, figures, dice
        self._alphabet = alphabet()

    def block(self, typed: TextField, layout: str, strings: int) -> None:
        """Type some strings on one layout."""
        self._board.lay(layout)
        caps, group = self._dice.random() < 0.4, int("," in layout)
        self._board.lock(caps=caps, group=group)
        described, before = self._board.described(), self._board.now()
        for number in range(strings):
            self._one(typed, layout)
            if number == strings // 2:
                self._with_shift(typed)
            self._compare(before == self._board.now(), f"{typed.kind} on {layout}")
        self._compare(described == self._board.described(), f"{typed.kind} on {layout}, described")
        self._board.lock(caps=False, group=0)

    def _one(self, typed: TextField, layout: str) -> None:
        text = random_text(self._dice, self._alphabet)
        typed.clear()
        try:
            self.type(text)
        except TypingError as error:
            self._figures.refused[typed.kind] += 1
            if typed.settled("", 0.05) or not any(f"U+{ord(each):04X}" in str(error) for each in text):
                self._figures.wrong.append(f"{typed.kind} on {layout}: refused, but something came: {error}")
            self._one(typed, layout)
            return
        arrived = typed.settled(text)
        self._figures.typed[typed.kind, layout] += 1
        if arrived == text:
            self._figures.exact[typed.kind, layout] += 1
        else:
            self._figures.wrong.append(f"{typed.kind} on {layout}: {differing(text, arrived)}")

    def type(self, text: str) -> None:
        approved = Approved((TextEvent(text),), "frame", self._desktop.geometry())
        self._desktop.perform(approved, lambda: False)

    def _compare(self, same: bool, where: str) -> None:
        self._figures.maps_compared += 1
        if not same:
            self._figures.maps_changed.append(where)

    def _with_shift(self, typed: TextField) -> None:
        """While somebody holds Shift nothing is typed, and they go on holding it."""
        typed.clear()
        self._board.hold_shift(down=True)
        try:
            self.type("abc")
            said = ""
        except DesktopError as error:
            said = str(error)
        held = bool(self._board.now()[2].held & X.ShiftMask)
        self._board.hold_shift(down=False)
        self._figures.shifted += 1
        if "held down by someone else" not in said or not held or typed.settled("", 0.05):
            self._figures.shift_wrong.append(f"{typed.kind}: said {said!r}, still held: {held}")

    def switch(self, typed: TextField) -> None:
        """Switch the layout at some moment of a string."""
        layout, other = self._dice.sample(LAYOUTS, 2)
        self._board.lay(layout)
        text = "".join(self._dice.choice("yzYZqwa;,.-/é中") for _ in range(300))
        typed.clear()
        timer = threading.Timer(self._dice.uniform(0.0, 0.25), self._board.lay, [other])
        timer.start()
        try:
            self.type(text)
            said = "exact"
        except TypingError:
            said = "said so"
        timer.join()
        arrived = typed.settled(text, 1.0)
        if said == "exact" and arrived != text:
            said = "silently wrong"
            where = f"{typed.kind}, from {layout} to {other}"
            self._figures.silently_wrong.append(f"{where}: {differing(text, arrived)}")
        self._figures.switched[said] += 1


def differing(text: str, arrived: str) -> str:
    """Say where two strings part."""
    at = next(
        (at for at, (one, two) in enumerate(zip(text, arrived, strict=False)) if one != two), len(arrived)
    )
    wanted, came = (" ".join(f"U+{ord(each):04X}" for each in part[at : at + 3]) for part in (text, arrived))
    return f"at {at} of {len(text)}: {wanted or '-'} came as {came or '-'} ({len(arrived)} came)"


def measure(strings: int, switches: int, seed: int) -> Figures:
    """Type so many strings in all, the same share into each toolkit, on each layout."""
    figures, dice = Figures(), random.Random(seed)
    with ExitStack() as stack:
        display = stack.enter_context(VirtualDisplay((900, 300)))
        desktop = stack.enter_context(closing(open_local(display.name)))
        board = stack.enter_context(closing(Board(display)))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        typing = Typing(desktop, board, figures, dice)
        shares = _shares(strings, len(KINDS))
        for kind, share in zip(KINDS, shares, strict=True):
            with TextField(kind, display.environment(), folder) as typed:
                for layout, count in _blocks(share, dice):
                    typing.block(typed, layout, count)
                for _ in range(switches // len(KINDS)):
                    typing.switch(typed)
    return figures


def _shares(whole: int, parts: int) -> list[int]:
    return [whole * (part + 1) // parts - whole * part // parts for part in range(parts)]


def _blocks(strings: int, dice: random.Random) -> list[tuple[str, int]]:
    """The same share on each layout, in blocks that come in a random order."""
    blocks = [
        (layout, min(BLOCK, share - begun))
        for layout, share in zip(LAYOUTS, _shares(strings, len(LAYOUTS)), strict=True)
        for begun in range(0, share, BLOCK)
    ]
    dice.shuffle(blocks)
    return blocks


def show(figures: Figures, seconds: float) -> None:
    for kind in KINDS:
        cells = (
            f"{layout} {figures.exact[kind, layout]}/{figures.typed[kind, layout]}" for layout in LAYOUTS
        )
        print(f"  {kind:<6} {'   '.join(cells)}")
    for each in (*figures.wrong, *figures.maps_changed, *figures.shift_wrong, *figures.silently_wrong)[:30]:
        print(f"  {each}")
    if figures.refused:
        print(f"  refused, as the application takes a character for another: {dict(figures.refused)}")
    print(f"exact: {figures.exact.total()} of {figures.typed.total()} strings, in {seconds:.0f} s")
    print(
        f"keyboard map and state compared {figures.maps_compared} times, changed {len(figures.maps_changed)}"
    )
    print(f"with somebody's Shift down: {figures.shifted} tries, wrong {len(figures.shift_wrong)}")
    print(f"layout switched in the middle of a string: {dict(figures.switched)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strings", type=int, default=2000)
    parser.add_argument("--switches", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.monotonic()
    figures = measure(options.strings, options.switches, options.seed)
    show(figures, time.monotonic() - start)
    sys.exit(not figures.good)


if __name__ == "__main__":
    main()
