"""Keys and characters as X keysyms, by which RFB names them.

Source: https://www.x.org/releases/X11R7.7/doc/xproto/x11protocol.html#keysym_encoding.
"""

from collections.abc import Iterable
from typing import Final

from qvl_agent.actions.core.errors import KeyNameError, TypingError

__all__ = ["MISREAD", "MISREAD_BY_GTK", "of_character", "of_key", "refuse_misread"]

_UNICODE: Final = 0x0100_0000
_LATIN_1: Final = (range(0x20, 0x7F), range(0xA0, 0x100))
_F1: Final = 0xFFBE
_NAMED: Final = {
    "backspace": 0xFF08,
    "tab": 0xFF09,
    "enter": 0xFF0D,
    "pause": 0xFF13,
    "scrolllock": 0xFF14,
    "esc": 0xFF1B,
    "home": 0xFF50,
    "left": 0xFF51,
    "up": 0xFF52,
    "right": 0xFF53,
    "down": 0xFF54,
    "pageup": 0xFF55,
    "pagedown": 0xFF56,
    "end": 0xFF57,
    "printscreen": 0xFF61,
    "insert": 0xFF63,
    "menu": 0xFF67,
    "numlock": 0xFF7F,
    "shift": 0xFFE1,
    "ctrl": 0xFFE3,
    "capslock": 0xFFE5,
    "alt": 0xFFE9,
    "meta": 0xFFEB,
    "altgr": 0xFE03,
    "delete": 0xFFFF,
    "space": 0x20,
    "volumedown": 0x1008FF11,
    "volumemute": 0x1008FF12,
    "volumeup": 0x1008FF13,
    "playpause": 0x1008FF14,
    "prevtrack": 0x1008FF16,
    "nexttrack": 0x1008FF17,
}
MISREAD: Final = frozenset("\ufef5\ufef7\ufef9\ufefb\ufeff")
"""The four Arabic ligatures and the byte order mark, which some toolkit or other makes something else of."""
MISREAD_BY_GTK: Final = frozenset(map(chr, [*range(0xFE50, 0xFE94), 0xFF20]))
"""Characters that GTK 3 makes something else of: their 16 bits are keysyms of dead keys, and of Multi_key."""


def refuse_misread(texts: Iterable[str]) -> None:
    """Refuse texts with a character that a toolkit would take for something else.

    Raises:
        TypingError: there is one, which the message names.
    """
    for character in (character for text in texts for character in text):
        if character in MISREAD or character in MISREAD_BY_GTK:
            code = f"U+{ord(character):04X}"
            raise TypingError(
                f"nothing was typed: some applications would take {code} for something else; leave it out"
            )


def of_character(character: str) -> int:
    """Return a character's keysym."""
    code = ord(character)
    return code if any(code in part for part in _LATIN_1) else _UNICODE + code


def of_key(name: str) -> int:
    """Return the keysym of a key, by its canonical name.

    Raises:
        KeyNameError: there is none.
    """
    if len(name) == 1:
        return of_character(name)
    if name in _NAMED:
        return _NAMED[name]
    if name.startswith("f") and name[1:].isdecimal():
        return _F1 + int(name[1:]) - 1
    raise KeyNameError(f"VNC has no key {name!r}")
