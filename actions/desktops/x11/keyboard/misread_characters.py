"""Characters that an application takes for something else, though a key says exactly them.

libX11 and xkbcommon make two letters of four Arabic ligatures (their Compose files say so), Qt drops the byte
order mark, and GTK 3 keeps only 16 bits of what a key means when it looks for accents and the Compose key:
so ＠ and the small forms vanish there, along with what is typed next. Found by typing random Unicode into
real fields: benchmarks/typing_exact.py.
"""

from pathlib import Path
from typing import Any, Final

from qvl_agent.actions.core.errors import TypingError
from qvl_agent.actions.desktops.x11.windows.tree import focused_window, process_of

__all__ = ["refuse_taken"]

_EVERYWHERE: Final = frozenset("\ufef5\ufef7\ufef9\ufefb\ufeff")
_BY_GTK: Final = frozenset(map(chr, [*range(0xFE50, 0xFE94), 0xFF20]))
"""As 16 bits: the dead keys, and Multi_key."""
_OTHER_METHODS: Final = ("/im-ibus.so", "/im-fcitx", "/im-xim.so", "/im-uim.so", "/im-scim.so")
"""GTK's modules for input methods, which don't have that fault."""


def refuse_taken(display: Any, text: str) -> None:
    """Refuse a text that wouldn't arrive as it is where the keys go.

    Raises:
        TypingError: it names the first such character.
    """
    for character in text:
        if character in _EVERYWHERE or (character in _BY_GTK and _is_gtk(display)):
            code = f"U+{ord(character):04X}"
            raise TypingError(
                f"nothing was typed: the application would take {code} for something else; leave it out"
            )


def _is_gtk(display: Any) -> bool:
    """Say whether the application with the focus uses GTK 3's own input method."""
    window = focused_window(display)
    process = None if window is None else process_of(display, window)
    try:
        loaded = Path(f"/proc/{process}/maps").read_text(errors="replace") if process else ""
    except OSError:
        return False
    return "/libgtk-3.so" in loaded and not any(each in loaded for each in _OTHER_METHODS)
