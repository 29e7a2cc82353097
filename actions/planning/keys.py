"""The names of keys: one canonical name for each key, and the other names that models and libraries use.

A name means a key of the keyboard, not a character, so case doesn't matter: "A" is the key `a`,
and a capital is typed as text or pressed as shift+a. The ASCII punctuation characters are keys by
themselves; a desktop finds out what its layout must hold down for them.

Aliases come from the X keysym names (Control_L, Prior), pyautogui (winleft, prtsc), the browsers'
`key` and `code` (ArrowUp, KeyA) and the words Qwen's models use (ctrl, page_down, cmd).
"""

import difflib
import re
import string
from collections.abc import Iterable, Sequence
from typing import Final

from qvl_agent.actions.core.errors import KeyNameError

__all__ = ["KEYS", "MODIFIERS", "canonical", "chord", "modifiers"]

_MODIFIER_ORDER: Final = ("ctrl", "shift", "alt", "altgr", "meta")

MODIFIERS: Final[frozenset[str]] = frozenset(_MODIFIER_ORDER)
"""The keys that are held while another is pressed; `meta` is Super, Windows or Command."""

_NAMED: Final = (
    "enter tab esc space backspace delete insert home end pageup pagedown up down left right "
    "capslock numlock scrolllock printscreen pause menu "
    "volumeup volumedown volumemute playpause nexttrack prevtrack"
)

KEYS: Final[frozenset[str]] = MODIFIERS.union(
    string.ascii_lowercase,
    string.digits,
    string.punctuation,
    (f"f{number}" for number in range(1, 25)),
    _NAMED.split(),
)
"""Every canonical name. Power, sleep and SysRq are left out on purpose."""

_ALIASES: Final = {
    "ctrl": "control ctl control_l control_r ctrl_l ctrl_r ctrl_left ctrl_right control_left control_right",
    "shift": "shift_l shift_r shift_left shift_right",
    "alt": "alt_l alt_r alt_left alt_right option opt option_left option_right",
    "altgr": "alt_gr alt_graph iso_level3_shift",
    "meta": "win windows win_left win_right lwin rwin windows_key win_key super super_l super_r super_left "
    "super_right meta_l meta_r meta_left meta_right cmd command cmd_l cmd_r command_left command_right os",
    "enter": "return ret kp_enter num_enter numpad_enter",
    "tab": "kp_tab",
    "esc": "escape",
    "space": "spacebar space_bar kp_space",
    "backspace": "back_space bksp bs",
    "delete": "del forward_delete kp_delete",
    "insert": "ins kp_insert",
    "home": "kp_home",
    "end": "kp_end",
    "pageup": "pgup page_up prior kp_page_up kp_prior",
    "pagedown": "pgdn pgdown page_down next kp_page_down kp_next",
    "up": "arrow_up up_arrow kp_up",
    "down": "arrow_down down_arrow kp_down",
    "left": "arrow_left left_arrow kp_left",
    "right": "arrow_right right_arrow kp_right",
    "capslock": "caps caps_lock",
    "numlock": "num_lock",
    "scrolllock": "scroll_lock",
    "printscreen": "print print_screen prtsc prtscr prtscn prntscrn snapshot",
    "pause": "break pause_break",
    "menu": "apps app application context_menu",
    "volumeup": "audio_volume_up xf86_audio_raise_volume",
    "volumedown": "audio_volume_down xf86_audio_lower_volume",
    "volumemute": "mute audio_volume_mute xf86_audio_mute",
    "playpause": "play_pause media_play_pause xf86_audio_play",
    "nexttrack": "next_track media_track_next media_next xf86_audio_next",
    "prevtrack": "prev_track media_track_previous media_previous xf86_audio_prev",
    "!": "exclam exclamation",
    '"': "quotedbl double_quote",
    "#": "numbersign hash",
    "$": "dollar",
    "%": "percent",
    "&": "ampersand",
    "'": "apostrophe quote single_quote quoteright",
    "(": "parenleft",
    ")": "parenright",
    "*": "asterisk star multiply kp_multiply numpad_multiply",
    "+": "plus add kp_add numpad_add",
    ",": "comma",
    "-": "minus dash hyphen subtract kp_subtract numpad_subtract",
    ".": "period dot full_stop decimal kp_decimal numpad_decimal",
    "/": "slash divide kp_divide numpad_divide",
    ":": "colon",
    ";": "semicolon",
    "<": "less",
    "=": "equal equals",
    ">": "greater",
    "?": "question",
    "@": "at",
    "[": "bracketleft left_bracket",
    "\\": "backslash",
    "]": "bracketright right_bracket",
    "^": "asciicircum caret",
    "_": "underscore",
    "`": "grave backtick backquote quoteleft",
    "{": "braceleft",
    "|": "bar pipe",
    "}": "braceright",
    "~": "asciitilde tilde",
}


def _squeezed(name: str, separators: str = "-_ ") -> str:
    """Fold case, and drop the separators inside a name: "Page_Down" and "page-down" are one."""
    bare = name.strip().lower()
    inside = re.compile(f"(?<=[a-z0-9])[{separators}](?=[a-z0-9])")
    return inside.sub("", bare)


def _names() -> dict[str, str]:
    names = {key: key for key in KEYS}
    for key, aliases in _ALIASES.items():
        names.update((_squeezed(alias), key) for alias in aliases.split())
    names.update((f"key{letter}", letter) for letter in string.ascii_lowercase)
    for digit in string.digits:
        names.update((f"{prefix}{digit}", digit) for prefix in ("digit", "num", "numpad", "kp"))
    return names


_NAMES: Final = _names()
_CHARACTERS: Final = {" ": "space", "\n": "enter", "\r": "enter", "\t": "tab"}
"""Keys named by the character they type, which stripping would lose."""
_SHOWN: Final = 32
"""Characters of an unknown name that a message repeats and that are compared with known names."""


def _find(name: str) -> str | None:
    """Find a key's canonical name, or None. "ctrl-l" and "win left" are chords, not Control_L and winleft."""
    exact = _CHARACTERS.get(name) or _NAMES.get(_squeezed(name, "_"))
    return exact or (None if _joined(name) else _NAMES.get(_squeezed(name)))


def canonical(name: str) -> str:
    """Return a key's canonical name.

    Raises:
        KeyNameError: the key is unknown; the message suggests names that look like it.
    """
    key = _find(name)
    if key is not None:
        return key
    if not name.strip():
        raise KeyNameError("A key's name is empty, as in 'ctrl+'; say which key, like ctrl+c.")
    near = dict.fromkeys(
        _NAMES[match]
        for match in difflib.get_close_matches(_squeezed(name[:_SHOWN]), _NAMES, n=3, cutoff=0.75)
    )
    hint = (
        f"did you mean {' or '.join(near)}?" if near else "use names like enter, esc, pagedown, f5 or ctrl."
    )
    if len(name) == 1:
        hint = "use the action that types text for characters like this."
    raise KeyNameError(f"There is no key {name[:_SHOWN]!r}; {hint}")


def chord(names: str | Sequence[str]) -> tuple[str, ...]:
    """Read a chord, and return its modifiers in a fixed order, then at most one other key.

    Takes a list of names, or one string of names joined by "+" ("ctrl+shift+t", "ctrl++"); after
    modifiers "-" and a space join too ("Ctrl-C", "alt F4"). A list's items may be such strings too.

    Raises:
        KeyNameError: a key is unknown, missing or there twice, or two are no modifiers; the whole chord
            is refused then.
    """
    keys = _read(names)
    if not keys:
        raise KeyNameError("A chord needs at least one key, like enter or ctrl+c; it has none.")
    repeated = [key for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if repeated:
        raise KeyNameError(f"The chord has {repeated[0]} twice; name a key once, and press again by count.")
    others = [key for key in keys if key not in MODIFIERS]
    if len(others) > 1:
        raise KeyNameError(
            f"A chord holds modifiers and one other key, not {' and '.join(others[:4])}; "
            "press them one after the other, each in its own action."
        )
    return (*_ordered(keys), *others)


def modifiers(names: str | Sequence[str]) -> tuple[str, ...]:
    """Read the modifiers held during a click, drag or scroll, perhaps none; return them in a fixed order.

    Raises:
        KeyNameError: a key is unknown or no modifier.
    """
    keys = _read(names)
    for key in keys:
        if key not in MODIFIERS:
            raise KeyNameError(f"Only {', '.join(_MODIFIER_ORDER)} can be held here, not {key}.")
    return _ordered(keys)


def _ordered(keys: Iterable[str]) -> tuple[str, ...]:
    held = set(keys)
    return tuple(key for key in _MODIFIER_ORDER if key in held)


def _read(names: str | Sequence[str]) -> list[str]:
    if isinstance(names, str):
        return [canonical(part) for part in _split(names)] if names else []
    for name in names:
        if not isinstance(name, str):
            raise KeyNameError(f"Key names are strings, like 'ctrl'; got {type(name).__name__}.")
    return [canonical(part) for name in names for part in _split(name)]


def _split(text: str) -> list[str]:
    """Split a string into key names, unless the whole string is one."""
    if _find(text) is not None:
        return [text]
    if "+" in text:
        return _cut(text, "+")
    return _joined(text) or [text]


def _joined(text: str) -> list[str]:
    """Split at "-" or spaces if they join modifiers and one more key; return [] otherwise."""
    for parts in (_cut(text, "-"), text.split()):
        if len(parts) > 1:
            keys = [_NAMES.get(_squeezed(part, "_")) for part in parts]
            if keys[-1] is not None and MODIFIERS.issuperset(keys[:-1]):
                return parts
    return []


def _cut(text: str, separator: str) -> list[str]:
    """Split at a separator that may be the last key itself, as in "ctrl++"."""
    parts = [part.strip() for part in text.split(separator)]
    if len(parts) > 2 and parts[-2:] == ["", ""]:
        return [*parts[:-2], separator]
    return parts
