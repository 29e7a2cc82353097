"""A keyboard map: the person's, with spare keys for characters that it lacks.

Maps are read, and the changed one is compiled and tried, by libxkbcommon, which every Wayland compositor and
toolkit uses: https://xkbcommon.org/doc/current/.
"""

import ctypes
import re
from collections.abc import Iterable
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_uint32, c_void_p
from ctypes.util import find_library
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from qvl_agent.actions.core.errors import DesktopError, NoScreenError, TypingError
from qvl_agent.actions.desktops.keysyms import of_key
from qvl_agent.actions.planning.keys import KEYS

__all__ = ["KeyState", "Keymap", "Place"]

_TEXT_V1: Final = 1
_CRITICAL: Final = 10
_DOWN, _UP = 1, 0
_DEPRESSED: Final = 1
"""The component of a state that is held down."""
_EVDEV: Final = 8
"""The map's numbers of keys are the kernel's plus this."""
_SPARE: Final = range(9, 768 + _EVDEV)
"""The keys that may be lent: X programs know those up to 255, others know all of the kernel's."""
_LEVELS: Final = 2
"""Levels of a key that text is typed by: without Shift, and with it."""
_MAXIMUM: Final = re.compile(r"maximum = (\d+);")
_LONGEST: Final = 64
_NEVER_USED: Final = range(0x1008_0000, 0x1009_0000)
"""The keysyms of keys that start programs, change the brightness and the like."""
_KEYS: Final = frozenset(map(of_key, KEYS))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a keysym is on the map.

    Attributes:
        key: the key, by the kernel's number.
        shift: whether Shift has to be held.
    """

    key: int
    shift: bool = False


@lru_cache(maxsize=1)
def _xkb() -> tuple[Any, Any]:
    """Load libxkbcommon, and make its context.

    Raises:
        NoScreenError: it isn't here.
    """
    try:
        library = ctypes.CDLL(find_library("xkbcommon") or "libxkbcommon.so.0")
    except OSError:
        raise NoScreenError(
            "libxkbcommon isn't here, which knows keyboards: sudo apt install libxkbcommon0"
        ) from None
    for name, result, arguments in (
        ("xkb_context_new", c_void_p, (c_int,)),
        ("xkb_context_set_log_level", None, (c_void_p, c_int)),
        ("xkb_keymap_new_from_names", c_void_p, (c_void_p, c_void_p, c_int)),
        ("xkb_keymap_new_from_string", c_void_p, (c_void_p, c_char_p, c_int, c_int)),
        ("xkb_keymap_get_as_string", c_void_p, (c_void_p, c_int)),
        ("xkb_keymap_unref", None, (c_void_p,)),
        ("xkb_keymap_min_keycode", c_uint32, (c_void_p,)),
        ("xkb_keymap_max_keycode", c_uint32, (c_void_p,)),
        ("xkb_keymap_key_get_name", c_char_p, (c_void_p, c_uint32)),
        ("xkb_keymap_num_layouts", c_uint32, (c_void_p,)),
        ("xkb_keymap_num_layouts_for_key", c_uint32, (c_void_p, c_uint32)),
        ("xkb_keymap_num_levels_for_key", c_uint32, (c_void_p, c_uint32, c_uint32)),
        (
            "xkb_keymap_key_get_syms_by_level",
            c_int,
            (c_void_p, c_uint32, c_uint32, c_uint32, POINTER(POINTER(c_uint32))),
        ),
        ("xkb_keysym_get_name", c_int, (c_uint32, c_char_p, c_size_t)),
        ("xkb_state_new", c_void_p, (c_void_p,)),
        ("xkb_state_unref", None, (c_void_p,)),
        ("xkb_state_update_key", c_int, (c_void_p, c_uint32, c_int)),
        ("xkb_state_update_mask", c_int, (c_void_p, *(c_uint32,) * 6)),
        ("xkb_state_serialize_mods", c_uint32, (c_void_p, c_int)),
        ("xkb_state_key_get_utf8", c_int, (c_void_p, c_uint32, c_char_p, c_size_t)),
        ("xkb_state_key_get_one_sym", c_uint32, (c_void_p, c_uint32)),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    context = library.xkb_context_new(0)
    if not context:
        raise NoScreenError("libxkbcommon finds no keyboard maps: sudo apt install xkb-data")
    library.xkb_context_set_log_level(context, _CRITICAL)
    return library, context


class Keymap:
    """A compiled keyboard map, in which some keys may be lent.

    Args:
        text: the map, in XKB's text format; "" for the system's own default.

    Attributes:
        text: the map with what is lent.

    Raises:
        DesktopError: it can't be compiled.
        NoScreenError: libxkbcommon, or the maps that it needs, aren't here.
    """

    def __init__(self, text: str = "") -> None:
        self._library, context = _xkb()
        self._map = (
            self._library.xkb_keymap_new_from_string(context, text.encode(), _TEXT_V1, 0)
            if text
            else self._library.xkb_keymap_new_from_names(context, None, 0)
        )
        if not self._map:
            raise DesktopError("the keyboard's map can't be read by libxkbcommon")
        self.text = self._written()
        self._base = self.text
        self._places, self._spares = self._read()
        self._names = {code: self._library.xkb_keymap_key_get_name(self._map, code) for code in self._spares}
        self._lent: dict[int, int] = {}
        """The keys that are lent, by keysym, the one that was asked for last at the end."""

    def __del__(self) -> None:
        if getattr(self, "_map", None):
            self._library.xkb_keymap_unref(self._map)

    def _written(self) -> str:
        pointer = self._library.xkb_keymap_get_as_string(self._map, _TEXT_V1)
        text = ctypes.string_at(pointer).decode()
        libc = ctypes.CDLL(None)
        libc.free.argtypes = (c_void_p,)
        libc.free(pointer)
        return text

    def _read(self) -> tuple[dict[int, Place], list[int]]:
        """Find each keysym's place in the first group, and the keys that mean nothing."""
        places: dict[int, Place] = {}
        spares: list[int] = []
        for code in _SPARE:
            meant = [self._keysym(code, level) for level in range(_LEVELS)]
            if not any(meant) or (meant[0] in _NEVER_USED and meant[0] not in _KEYS):
                spares.append(code)
                continue
            for level, keysym in enumerate(meant):
                if keysym:
                    found = Place(code - _EVDEV, shift=bool(level))
                    if keysym not in places or (places[keysym].shift and not found.shift):
                        places[keysym] = found
        return places, spares

    def _keysym(self, code: int, level: int, group: int = 0) -> int:
        """Return what a key of a group means; 0 if nothing, or several keysyms at once."""
        if level >= self._library.xkb_keymap_num_levels_for_key(self._map, code, group):
            return 0
        keysyms = POINTER(c_uint32)()
        count = self._library.xkb_keymap_key_get_syms_by_level(self._map, code, group, level, byref(keysyms))
        return int(keysyms[0]) if count == 1 else 0

    def everywhere(self) -> frozenset[int]:
        """Return the keysyms that every layout of the map has, without a modifier or with Shift."""
        meant: list[set[int]] = []
        for group in range(self._library.xkb_keymap_num_layouts(self._map)):
            codes = [code for code in _SPARE if self._groups(code)]
            meant.append(
                {
                    self._keysym(code, level, min(group, self._groups(code) - 1))
                    for code in codes
                    for level in range(_LEVELS)
                }
            )
        return frozenset(set.intersection(*meant) - {0}) if meant else frozenset()

    def _groups(self, code: int) -> int:
        return int(self._library.xkb_keymap_num_layouts_for_key(self._map, code))

    def place(self, keysym: int) -> Place:
        """Return where a keysym is; `lend` has seen to it that it is somewhere.

        Raises:
            TypingError: it is nowhere.
        """
        if found := self._places.get(keysym):
            return found
        if keysym in self._lent:
            return Place(self._lent[keysym] - _EVDEV)
        raise TypingError("a character has no key; nothing was typed")

    def lend(self, keysyms: Iterable[int]) -> bool:
        """Give each keysym a key, at the cost of those that weren't asked for for longest.

        Returns:
            Whether the map has changed.

        Raises:
            TypingError: there are too many, or one that a key can't mean; nothing is changed.
        """
        wanted = [each for each in dict.fromkeys(keysyms) if each not in self._places]
        lent = {keysym: code for keysym, code in self._lent.items() if keysym not in wanted}
        lent |= {keysym: self._lent[keysym] for keysym in wanted if keysym in self._lent}
        new = [keysym for keysym in wanted if keysym not in self._lent]
        if not new:
            self._lent = lent
            return False
        free = [code for code in self._spares if code not in lent.values()]
        for keysym in new:
            if not free or (free[0] > 255 and len(lent) > len(wanted)):
                oldest = next((each for each in lent if each not in wanted), None)
                if oldest is not None:
                    free.insert(0, lent.pop(oldest))
            if not free:
                raise TypingError(
                    f"more than {len(self._spares)} different characters that the keyboard lacks; "
                    "nothing was typed; type it in parts"
                )
            lent[keysym] = free.pop(0)
        self._try(self._with(lent), lent)
        self._lent = lent
        return True

    def _with(self, lent: dict[int, int]) -> str:
        """Write the map with lent keys."""
        named, meanings = [], []
        for number, (keysym, code) in enumerate(lent.items()):
            known = self._names[code]
            name = known.decode() if known else f"Q{number:03d}"
            if not known:
                named.append(f"<{name}> = {code};")
            spelled = ctypes.create_string_buffer(_LONGEST)
            self._library.xkb_keysym_get_name(keysym, spelled, _LONGEST)
            meanings.append(f"replace key <{name}> {{ [ {spelled.value.decode()} ] }};")
        most = max((int(_MAXIMUM.search(self._base)[1]), *lent.values()))  # type: ignore[index]
        keycodes = _MAXIMUM.sub(f"maximum = {most};\n" + "\n".join(named), self._base, count=1)
        symbols, close, end = keycodes.rpartition("};\n\n")
        return "".join((symbols, "\n".join(meanings), "\n", close, end))

    def _try(self, text: str, lent: dict[int, int]) -> None:
        """Compile a changed map, and see that each lent key means what it should; take it."""
        changed = self._library.xkb_keymap_new_from_string(_xkb()[1], text.encode(), _TEXT_V1, 0)
        if not changed:
            raise TypingError("the keyboard's map takes no more characters; nothing was typed")
        state = self._library.xkb_state_new(changed)
        wrong = [
            keysym
            for keysym, code in lent.items()
            if self._library.xkb_state_key_get_one_sym(state, code) != keysym
        ]
        self._library.xkb_state_unref(state)
        if wrong:
            self._library.xkb_keymap_unref(changed)
            raise TypingError("the keyboard's map mixes up some of these characters; nothing was typed")
        self._library.xkb_keymap_unref(self._map)
        self._map, self.text = changed, text

    def state(self) -> "KeyState":
        """Return a state of this map in which nothing is pressed."""
        return KeyState(self._library, self._map)


class KeyState:
    """Which modifiers are on while keys go up and down, and what they type."""

    def __init__(self, library: Any, keymap: Any) -> None:
        self._library = library
        self._state = library.xkb_state_new(keymap)

    def __del__(self) -> None:
        self._library.xkb_state_unref(self._state)

    def update(self, key: int, *, down: bool) -> tuple[int, int, int, int]:
        """Press or release a key, and return the modifiers' masks (held, latched, locked) and the group.

        Nothing is ever locked or latched, nor is another layout chosen: each key has its plain meaning, also
        after Caps Lock or a key that switches layouts.
        """
        self._library.xkb_state_update_key(self._state, key + _EVDEV, _DOWN if down else _UP)
        held = self._library.xkb_state_serialize_mods(self._state, _DEPRESSED)
        self.set(held, 0, 0, 0)
        return held, 0, 0, 0

    def set(self, held: int, latched: int, locked: int, group: int) -> None:
        """Take over the modifiers and the group that a compositor tells."""
        self._library.xkb_state_update_mask(self._state, held, latched, locked, 0, 0, group)

    def text(self, key: int) -> str:
        """Return what a key types now."""
        typed = ctypes.create_string_buffer(_LONGEST)
        self._library.xkb_state_key_get_utf8(self._state, key + _EVDEV, typed, _LONGEST)
        return typed.value.decode(errors="replace")
