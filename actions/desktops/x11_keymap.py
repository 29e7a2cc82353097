"""The keyboard map: where a character or key is on it, and spare keycodes that can be lent to others."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from Xlib import XK

from qvl_agent.actions.errors import DesktopError, KeyNameError

__all__ = ["Keymap", "Place", "character_keysym", "key_keysym"]

_NO_SYMBOL: Final = 0
_UNICODE: Final = 0x01000000
"""Keysyms for U+0100 and above are this plus the code point (X protocol, appendix A)."""

_KEYSYM_NAMES: Final = {
    "ctrl": "Control_L",
    "shift": "Shift_L",
    "alt": "Alt_L",
    "altgr": "ISO_Level3_Shift",
    "meta": "Super_L",
    "enter": "Return",
    "tab": "Tab",
    "esc": "Escape",
    "space": "space",
    "backspace": "BackSpace",
    "delete": "Delete",
    "insert": "Insert",
    "home": "Home",
    "end": "End",
    "pageup": "Prior",
    "pagedown": "Next",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "capslock": "Caps_Lock",
    "numlock": "Num_Lock",
    "scrolllock": "Scroll_Lock",
    "printscreen": "Print",
    "pause": "Pause",
    "menu": "Menu",
}
_XF86: Final = {  # XF86keysym.h; python-xlib loads these names only when asked to
    "volumedown": 0x1008FF11,
    "volumemute": 0x1008FF12,
    "volumeup": 0x1008FF13,
    "playpause": 0x1008FF14,
    "prevtrack": 0x1008FF16,
    "nexttrack": 0x1008FF17,
}
_LEVEL3: Final = 0xFE03
"""XK_ISO_Level3_Shift, of a group that python-xlib doesn't load by itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a keysym is: a keycode, and whether Shift must be down with it."""

    keycode: int
    shift: bool = False


def character_keysym(character: str) -> int:
    """Give the keysym that types a character.

    Raises:
        DesktopError: it is a control character or half a surrogate pair, which no key types.
    """
    code = ord(character)
    if 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xFF:
        return code
    if code < 0x100 or 0xD800 <= code <= 0xDFFF:
        raise DesktopError(f"U+{code:04X} is no character that can be typed; newline and tab are keys")
    return _UNICODE + code


def key_keysym(name: str) -> int:
    """Give the keysym of a canonical key name of `keys.py`.

    Raises:
        KeyNameError: it is no such name.
    """
    if len(name) == 1 and name in string.ascii_lowercase + string.digits + string.punctuation:
        return ord(name)
    if name == "altgr":
        return _LEVEL3
    if name in _XF86:
        return _XF86[name]
    if name[:1] == "f" and name[1:].isdecimal() and 1 <= int(name[1:]) <= 24:
        return int(XK.XK_F1) + int(name[1:]) - 1
    if name in _KEYSYM_NAMES:
        return int(XK.string_to_keysym(_KEYSYM_NAMES[name]))
    raise KeyNameError(f"There is no key {name!r}; expected a canonical name of keys.py")


class Keymap:
    """The core keyboard map of a display, as it is when this is made.

    A keysym that isn't on the map (or only at a level or group that isn't plain or Shift) is lent a
    keycode that has no meaning. `restore` empties those again; nothing else is ever changed.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._first = display.display.info.min_keycode
        count = display.display.info.max_keycode - self._first + 1
        rows = display.get_keyboard_mapping(self._first, count)
        self._places = self._find_places(rows)
        self._lent: dict[int, int] = {}
        modifiers = {code for row in display.get_modifier_mapping() for code in row}
        self._leftover = [self._first + at for at, row in enumerate(rows) if _is_leftover(row)]
        self._free = [
            self._first + at
            for at, row in enumerate(rows)
            if (not any(row) or _is_leftover(row)) and self._first + at not in modifiers
        ]

    def _find_places(self, rows: Sequence[Sequence[int]]) -> dict[int, Place]:
        """Index the first group's plain and Shift levels; the lowest keycode wins."""
        places: dict[int, Place] = {}
        for at, row in enumerate(rows):
            if _is_leftover(row):
                continue
            for level, keysym in enumerate(row[:2]):
                if keysym != _NO_SYMBOL:
                    places.setdefault(keysym, Place(self._first + at, shift=level == 1))
        return places

    def find(self, keysym: int) -> Place | None:
        """Say where a keysym is now, lent keycodes included."""
        if keysym in self._lent:
            return Place(self._lent[keysym])
        return self._places.get(keysym)

    @property
    def spare(self) -> int:
        """How many keysyms can be lent a keycode at the same time."""
        return len(self._free) + len(self._lent)

    @property
    def borrowed(self) -> bool:
        """Whether the server's map differs from what it should be."""
        return bool(self._lent or self._leftover)

    def fixed(self, keysym: int) -> bool:
        """Say whether the layout itself has a keysym."""
        return keysym in self._places

    def lent(self, keysym: int) -> bool:
        return keysym in self._lent

    def takes_back(self, wanted: Sequence[int]) -> bool:
        """Say whether lending to all of these must take a keycode from another keysym."""
        return sum(keysym not in self._lent for keysym in wanted) > len(self._free)

    def lend(self, wanted: Sequence[int]) -> None:
        """Give each of these a keycode, at most `spare` of them, taking from others what is needed.

        A keycode that is taken must not be in any client's queue any more: see `x11_barrier.py`.
        """
        missing = [keysym for keysym in wanted if keysym not in self._lent]
        idle = [keysym for keysym in self._lent if keysym not in wanted]
        while len(self._free) < len(missing):
            self._free.append(self._lent.pop(idle.pop(0)))
        changes = {self._free.pop(0): keysym for keysym in missing}
        self._lent.update({keysym: code for code, keysym in changes.items()})
        self._change(changes)

    def restore(self) -> None:
        """Make the map what it was; also what another run left behind when it was killed."""
        codes = {*self._lent.values(), *self._leftover}
        self._change(dict.fromkeys(codes, _NO_SYMBOL))
        self._free += self._lent.values()
        self._lent.clear()
        self._leftover.clear()

    def _change(self, changes: dict[int, int]) -> None:
        """Set keycodes, neighbours in one request: each request makes every client read its map again.

        Both levels are the same keysym: a lone capital would stand for its small letter (X protocol,
        "Keyboards": a single alphabetic keysym is completed to the pair).
        """
        for run in _neighbours(sorted(changes)):
            self._display.change_keyboard_mapping(run[0], [(changes[code],) * 2 for code in run])


def _is_leftover(row: Sequence[int]) -> bool:
    """Tell a keycode that a killed run lent: one printable keysym on each of its levels."""
    filled = set(row) - {_NO_SYMBOL}
    return (
        len(filled) == 1
        and min(filled) >= _UNICODE
        and min(filled) < _UNICODE + 0x110000
        and len(set(row[:2])) == 1
    )


def _neighbours(codes: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for code in codes:
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return runs
