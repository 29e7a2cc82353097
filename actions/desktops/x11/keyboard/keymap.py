"""The keyboard map: find a character's or key's place on it, and lend spare keycodes to other characters.

A keycode is the number of a key; a keysym is the number of what a key means: a character, or a key's name.
"""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from Xlib import XK

from qvl_agent.actions.core.errors import DesktopError, KeyNameError
from qvl_agent.actions.desktops.x11.devices import find_devices
from qvl_agent.actions.desktops.x11.keyboard import xkb

__all__ = ["Keymap", "Place", "character_keysym", "key_keysym"]

_NO_SYMBOL: Final = 0
_FIRST_SPARE: Final = 9
"""The first keycode that is lent. Keycode 8 is the kernel's "no key"; some applications drop it."""
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
_LETTER_PLACES: Final = {
    ord(letter): keycode
    for first, row in ((24, "qwertyuiop"), (38, "asdfghjkl"), (52, "zxcvbnm"))
    for keycode, letter in enumerate(row, first)
}
"""The keycodes that letters have on a US keyboard, by keysym, in all of xkeyboard-config's models."""
_LEVEL3: Final = 0xFE03
"""XK_ISO_Level3_Shift, of a group that python-xlib doesn't load by itself."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a keysym on the map: a keycode, its group, and whether Shift must be held with it."""

    keycode: int
    shift: bool = False
    group: int = 0


def character_keysym(character: str) -> int:
    """Return the keysym that types a character.

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
    """Return the keysym of a key, by its canonical name in `keys.py`.

    Raises:
        KeyNameError: it is no canonical name.
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
    """The map of our own keyboard on a display, as it was when this object was made.

    A keysym that isn't on the map (or only at another level than plain or Shift, or in another group) is
    lent a keycode without a meaning. `restore` takes the meaning away again; nothing else is changed.

    The person's keyboards may have other layouts; their maps are neither read nor changed. The map that
    applications see is a copy of that of the keyboard that was used last. While that is ours, the server
    makes each change to the copy too.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._symbols = symbols = xkb.read_symbols(display)
        modifiers = {code for row in display.get_modifier_mapping() for code in row}
        self._leftover = {code for code, each in symbols.items() if xkb.lent(each)}
        self._free = [
            code
            for code, each in symbols.items()
            if code >= _FIRST_SPARE and code not in modifiers and (xkb.empty(each) or code in self._leftover)
        ]
        self._lent: dict[int, int] = {}
        self._replaced: dict[int, int] = {}
        self._places = self._find_places(range(1))
        self._chord_places = self._find_places(range(max(map(xkb.groups, symbols.values()), default=1)))

    def _find_places(self, groups: range) -> dict[int, Place]:
        """Find each keysym's place, plain or with Shift; the first group and the lowest keycode win."""
        places: dict[int, Place] = {}
        for group in groups:
            for keycode, each in self._symbols.items():
                if keycode in self._leftover:
                    continue
                for level, keysym in enumerate(xkb.symbols_in(each, group)[:2]):
                    if keysym != _NO_SYMBOL:
                        places.setdefault(keysym, Place(keycode, shift=level == 1, group=group))
        return places

    def find_key(self, keysym: int) -> Place | None:
        """Return the place of a key of a chord in any group of the layout, or None."""
        return self._chord_places.get(keysym) or self.find(keysym)

    def lend_letter(self, keysym: int) -> Place | None:
        """Give a letter that isn't on the layout its place on a US keyboard; None if that can't be.

        Shortcuts have Latin letters, whatever the layout. Most toolkits look for the letter on the map, but
        Chromium, for a layout without Latin letters, at the key's position. Only the map of our own keyboard
        is changed so; without one of our own, the person's would be.
        """
        keycode = _LETTER_PLACES.get(keysym)
        if keycode not in self._symbols or len(find_devices(self._display).keyboards) < 2:
            return None
        self._replaced[keysym] = keycode
        self._change({keycode: xkb.latin_letter(keysym)})
        return Place(keycode)

    def find(self, keysym: int) -> Place | None:
        """Return the place where a keysym is now, lent keycodes included, or None."""
        if keysym in self._lent:
            return Place(self._lent[keysym])
        if keysym in self._replaced:
            return Place(self._replaced[keysym])
        return self._places.get(keysym)

    @property
    def spare(self) -> int:
        """The number of keysyms that can be lent a keycode at the same time."""
        return len(self._free) + len(self._lent)

    def fixed(self, keysym: int) -> bool:
        """Return whether the layout itself has a keysym."""
        return keysym in self._places

    def lent(self, keysym: int) -> bool:
        return keysym in self._lent or keysym in self._replaced

    def changed(self) -> bool:
        """Return whether somebody else has changed the map since then, for example by another layout."""
        now = xkb.read_symbols(self._display)
        lent = {code: xkb.one_symbol(keysym) for keysym, code in self._lent.items()}
        lent |= {code: xkb.latin_letter(keysym) for keysym, code in self._replaced.items()}
        spare = {*self._free, *self._leftover} - set(lent)
        expected = {code: each for code, each in self._symbols.items() if code not in spare} | lent
        return any(now.get(code) != each for code, each in expected.items())

    def takes_back(self, wanted: Sequence[int]) -> bool:
        """Return whether lending keycodes to all these keysyms takes some from other keysyms."""
        return sum(keysym not in self._lent for keysym in wanted) > len(self._free)

    def lend(self, wanted: Sequence[int]) -> None:
        """Lend a keycode to each of these keysyms, at most `spare` of them; take some from others if needed.

        A keycode that is taken must not be in any client's queue any more: see `barrier.py`.
        """
        missing = [keysym for keysym in wanted if keysym not in self._lent]
        idle = [keysym for keysym in self._lent if keysym not in wanted]
        while len(self._free) < len(missing):
            self._free.append(self._lent.pop(idle.pop(0)))
        changes = {self._free.pop(0): keysym for keysym in missing}
        self._lent.update({keysym: code for code, keysym in changes.items()})
        self._change({code: xkb.one_symbol(keysym) for code, keysym in changes.items()})

    def restore(self) -> None:
        """Restore the map, also from changes that another run left behind when it was killed."""
        changes = dict.fromkeys({*self._lent.values(), *self._leftover}, xkb.NO_SYMBOLS)
        self._change(changes | {code: self._symbols[code] for code in self._replaced.values()})
        self._free += self._lent.values()
        self._lent.clear()
        self._replaced.clear()
        self._leftover.clear()

    def _change(self, changes: dict[int, xkb.Symbols]) -> None:
        """Write these keys' symbols, and the present ones of the keys between them, in one request.

        The server serves no other client meanwhile. A key that has got other symbols since (a new layout was
        set) isn't changed.
        """
        if not changes:
            return
        self._display.grab_server()
        try:
            now = xkb.read_symbols(self._display)
            ours = {
                code: each
                for code, each in changes.items()
                if code in now and self._may_change(code, now[code])
            }
            if ours:
                span = {code: now[code] for code in range(min(ours), max(ours) + 1)}
                xkb.write_symbols(self._display, span | ours)
        finally:
            self._display.ungrab_server()
            self._display.flush()

    def _may_change(self, keycode: int, now: xkb.Symbols) -> bool:
        """Return whether a key has no meaning, is lent by us, or is as it was where a letter replaces it."""
        replaced = keycode in self._replaced.values() and now == self._symbols[keycode]
        return replaced or xkb.empty(now) or xkb.lent(now)
