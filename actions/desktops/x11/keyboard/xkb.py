"""Requests of the XKB extension that we need and python-xlib lacks.

They read the keyboard's state, lock CapsLock and the layout group, and read and write the symbols of keys.
The core protocol can write symbols too, but then each run of neighbouring keycodes sends a notice of its own
to every client, and libX11 loses notices that come in while it is reading the map.

Source: https://www.x.org/releases/current/doc/kbproto/xkbproto.html, and XKBproto.h for the layout.
"""

import struct
from dataclasses import dataclass
from typing import Any, Final

from Xlib import X
from Xlib.error import CatchError
from Xlib.protocol import rq

from qvl_agent.actions.core.errors import DesktopError, NoScreenError

__all__ = [
    "NO_SYMBOLS",
    "KeyboardState",
    "Symbols",
    "empty",
    "lent",
    "lock",
    "one_symbol",
    "read_symbols",
    "state",
    "write_symbols",
]

Symbols = bytes
"""One key's symbols in the protocol's form: a type for each of 4 groups, the group count, the levels in a
group, the number of keysyms, and the keysyms."""

NO_SYMBOLS: Final[Symbols] = bytes(8)
"""The symbols of a key without a meaning."""

_CORE_KEYBOARD: Final = 0x100
_VERSION: Final = (1, 0)
_KEY_SYMBOLS: Final = 1 << 1
"""The part of the map that GetMap and SetMap are to handle: XkbKeySymsMask."""
_HEAD: Final = struct.Struct("=4sBBH")
_ONE_LEVEL: Final = bytes(4)
"""Type 0, for all groups: no modifier changes the symbol."""
_MARKED_GROUP: Final = 0x41
"""The group count 1, with group numbers out of range clamped to it. For one group this means the same as the
usual value 1 (wrapped); layouts don't have it, so it marks the keys that we lent."""


@dataclass(frozen=True, slots=True)
class KeyboardState:
    """The keyboard's modifiers and layout group.

    Attributes:
        held: a mask of the modifiers that are physically down (`X.ShiftMask` and so on).
        locked: a mask of the modifiers that are locked, CapsLock and NumLock among them.
        group: the locked layout group, from 0.
    """

    held: int
    locked: int
    group: int

    @property
    def caps(self) -> bool:
        return bool(self.locked & X.LockMask)


class _UseExtension(rq.ReplyRequest):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(
        rq.Card8("opcode"), rq.Opcode(0), rq.RequestLength(), rq.Card16("major"), rq.Card16("minor")
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("supported"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card16("major"),
        rq.Card16("minor"),
        rq.Pad(20),
    )


class _GetState(rq.ReplyRequest):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(4), rq.RequestLength(), rq.Card16("device"), rq.Pad(2))
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("device"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card8("mods"),
        rq.Card8("base_mods"),
        rq.Card8("latched_mods"),
        rq.Card8("locked_mods"),
        rq.Card8("group"),
        rq.Card8("locked_group"),
        rq.Int16("base_group"),
        rq.Int16("latched_group"),
        rq.Pad(14),
    )


class _LatchLockState(rq.Request):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(5),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Card8("affect_mod_locks"),
        rq.Card8("mod_locks"),
        rq.Card8("lock_group"),
        rq.Card8("group_lock"),
        rq.Pad(6),
    )


class _GetMap(rq.ReplyRequest):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(8),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Card16("full"),
        rq.Pad(20),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("device"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Pad(2),
        rq.Card8("min_keycode"),
        rq.Card8("max_keycode"),
        rq.Card16("present"),
        rq.Pad(3),
        rq.Card8("first"),
        rq.Card16("total"),
        rq.Card8("count"),
        rq.Pad(19),
        rq.Binary("symbols", pad=0),
    )


class _SetMap(rq.Request):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(9),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Card16("present"),
        rq.Card16("flags"),
        rq.Card8("min_keycode"),
        rq.Card8("max_keycode"),
        rq.Pad(2),
        rq.Card8("first"),
        rq.Card8("count"),
        rq.Card16("total"),
        rq.Pad(18),
        rq.Binary("symbols", pad=0),
    )


def _opcode(display: Any) -> int:
    """Return the extension's opcode; the first call on a connection initialises the extension."""
    if not hasattr(display, "qvl_xkb_opcode"):
        display.qvl_xkb_opcode = _introduce(display)
    return int(display.qvl_xkb_opcode)


def _introduce(display: Any) -> int:
    found = display.query_extension("XKEYBOARD")
    if found and found.present:
        opcode = int(found.major_opcode)
        reply = _UseExtension(display=display.display, opcode=opcode, major=_VERSION[0], minor=_VERSION[1])
        if reply.supported:
            return opcode
    raise NoScreenError("this X server has no XKEYBOARD extension, so its keyboard can't be used exactly")


def state(display: Any) -> KeyboardState:
    """Return the state of the keyboard.

    Raises:
        NoScreenError: the server has no XKB.
    """
    reply = _GetState(display=display.display, opcode=_opcode(display), device=_CORE_KEYBOARD)
    return KeyboardState(reply.base_mods, reply.locked_mods, reply.locked_group)


def lock(display: Any, *, caps: bool, group: int) -> None:
    """Set whether CapsLock is on, and the layout group (from 0), without pressing any key."""
    _LatchLockState(
        display=display.display,
        opcode=_opcode(display),
        device=_CORE_KEYBOARD,
        affect_mod_locks=X.LockMask,
        mod_locks=X.LockMask if caps else 0,
        lock_group=1,
        group_lock=group,
    )


def read_symbols(display: Any) -> dict[int, Symbols]:
    """Read the symbols of every keycode, by keycode."""
    reply = _GetMap(
        display=display.display, opcode=_opcode(display), device=_CORE_KEYBOARD, full=_KEY_SYMBOLS
    )
    data, at = bytes(reply.symbols), 0
    symbols = {}
    for keycode in range(reply.first, reply.first + reply.count):
        end = at + _HEAD.size + 4 * _HEAD.unpack_from(data, at)[3]
        symbols[keycode] = data[at:end]
        at = end
    return symbols


def write_symbols(display: Any, symbols: dict[int, Symbols]) -> None:
    """Write the symbols of a range of keycodes without gaps, in one request.

    Raises:
        DesktopError: the server refused.
    """
    info = display.display.info
    ordered = [symbols[keycode] for keycode in sorted(symbols)]
    refused = CatchError()
    _SetMap(
        display=display.display,
        onerror=refused,
        opcode=_opcode(display),
        device=_CORE_KEYBOARD,
        present=_KEY_SYMBOLS,
        flags=0,
        min_keycode=info.min_keycode,
        max_keycode=info.max_keycode,
        first=min(symbols),
        count=len(symbols),
        total=sum(_HEAD.unpack_from(each)[3] for each in ordered),
        symbols=b"".join(ordered),
    )
    display.sync()
    if refused.get_error():
        raise DesktopError(f"the X server refused a change of the keyboard map: {refused.get_error()}")


def one_symbol(keysym: int) -> Symbols:
    """Return the symbols of a lent key, which has this keysym with any modifier; `lent` recognises them."""
    return _HEAD.pack(_ONE_LEVEL, _MARKED_GROUP, 1, 1) + struct.pack("=I", keysym)


def lent(symbols: Symbols) -> bool:
    """Return whether a key's symbols were made by `one_symbol`."""
    types, groups, _, count = _HEAD.unpack_from(symbols)
    return bool(count == 1 and types == _ONE_LEVEL and groups == _MARKED_GROUP)


def empty(symbols: Symbols) -> bool:
    """Return whether a key has no meaning."""
    return not any(memoryview(symbols)[_HEAD.size :])
