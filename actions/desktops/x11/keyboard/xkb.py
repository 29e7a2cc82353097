"""Requests of the XKB extension that we need and python-xlib lacks.

They read the keyboard's state, put aside what changes a key's meaning (locked modifiers, the layout group,
sticky, slow and bounce keys), and read and write the symbols of keys.
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
from qvl_agent.actions.desktops.x11.devices import find_devices

__all__ = [
    "NO_SYMBOLS",
    "NUM_LOCK",
    "KeyboardState",
    "Symbols",
    "empty",
    "group_count",
    "groups",
    "latin_letter",
    "lent",
    "lock",
    "one_symbol",
    "read_symbols",
    "restore",
    "set_plain",
    "state",
    "symbols_in",
    "write_symbols",
]

Symbols = bytes
"""One key's symbols in the protocol's form: a type for each of 4 groups, the group count, the levels in a
group, the number of keysyms, and the keysyms."""

NO_SYMBOLS: Final[Symbols] = bytes(8)
"""The symbols of a key without a meaning."""

NUM_LOCK: Final = X.Mod2Mask
"""NumLock's modifier in all of xkeyboard-config's layouts; it is left as it is, as no key that we press
depends on it."""
_CORE_KEYBOARD: Final = 0x100
_ALL_MODIFIERS: Final = 0xFF
_FILTERS: Final = 0b1110
"""The controls that delay, drop or change keys: slow keys, bounce keys and sticky keys."""
_VERSION: Final = (1, 0)
_KEY_SYMBOLS: Final = 1 << 1
"""The part of the map that GetMap and SetMap are to handle: XkbKeySymsMask."""
_HEAD: Final = struct.Struct("=4sBBH")
_ONE_LEVEL: Final = bytes(4)
"""Type 0, for all groups: no modifier changes the symbol."""
_ALPHABETIC: Final = bytes((2, 0, 0, 0))
"""Type 2, for the first group: Shift or CapsLock gives the second symbol."""
_MARKED_GROUP: Final = 0x41
"""The group count 1, with group numbers out of range clamped to it. For one group this means the same as the
usual value 1 (wrapped); layouts don't have it, so it marks the keys that we lent."""


@dataclass(frozen=True, slots=True)
class KeyboardState:
    """What a key's meaning depends on, beside the keyboard's layout.

    Attributes:
        held: a mask of the modifiers that are physically down (`X.ShiftMask` and so on).
        locked: a mask of the modifiers that are locked, CapsLock and NumLock among them.
        group: the locked layout group, from 0.
        latched: a mask of the modifiers that count for the next key, as sticky keys make them.
        filters: a mask of the accessibility controls that are on: slow, bounce and sticky keys.
    """

    held: int
    locked: int
    group: int
    latched: int = 0
    filters: int = 0

    @property
    def caps(self) -> bool:
        return bool(self.locked & X.LockMask)

    @property
    def plain(self) -> bool:
        """Whether a key has its first meaning now, and a click is a click without modifiers."""
        return not (self.locked & ~NUM_LOCK or self.group or self.latched or self.filters)


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
        rq.Card8("affect_mod_latches"),
        rq.Card8("mod_latches"),
        rq.Pad(1),
        rq.Card8("latch_group"),
        rq.Int16("group_latch"),
    )


class _GetControls(rq.ReplyRequest):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(6), rq.RequestLength(), rq.Card16("device"), rq.Pad(2))
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("device"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Pad(48),
        rq.Card32("enabled"),
        rq.Pad(32),
    )


class _SetControls(rq.Request):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(7),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Pad(18),
        rq.Card32("affect_enabled"),
        rq.Card32("enabled"),
        rq.Pad(68),
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
    opcode = _opcode(display)
    reply = _GetState(display=display.display, opcode=opcode, device=_CORE_KEYBOARD)
    controls = _GetControls(display=display.display, opcode=opcode, device=_CORE_KEYBOARD)
    return KeyboardState(
        reply.base_mods,
        reply.locked_mods,
        reply.locked_group,
        reply.latched_mods,
        controls.enabled & _FILTERS,
    )


def lock(display: Any, locked: int, group: int) -> None:
    """Lock exactly these modifiers, but leave NumLock as it is, and the layout group (from 0), by no key.

    No modifier is latched any more then.
    """
    _LatchLockState(
        display=display.display,
        opcode=_opcode(display),
        device=_CORE_KEYBOARD,
        affect_mod_locks=_ALL_MODIFIERS & ~NUM_LOCK,
        mod_locks=locked & ~NUM_LOCK,
        lock_group=1,
        group_lock=group,
        affect_mod_latches=_ALL_MODIFIERS,
        mod_latches=0,
        latch_group=1,
        group_latch=0,
    )


def set_plain(display: Any, group: int = 0) -> None:
    """Give each key its first meaning in a group: no locked or latched modifier, and no filter of keys."""
    lock(display, 0, group)
    _set_filters(display, 0)


def restore(display: Any, before: KeyboardState) -> None:
    """Restore the locks, the group and the filters; a latch is gone, as our input was what it waited for."""
    lock(display, before.locked, before.group)
    if before.filters:
        _set_filters(display, before.filters)


def _set_filters(display: Any, filters: int) -> None:
    """Set slow, bounce and sticky keys for our own keyboard, and for the one that is in use."""
    for device in find_devices(display).keyboards:
        _SetControls(
            display=display.display,
            opcode=_opcode(display),
            device=device,
            affect_enabled=_FILTERS,
            enabled=filters,
        )


def read_symbols(display: Any) -> dict[int, Symbols]:
    """Read the symbols of every keycode of our own keyboard, by keycode."""
    device = find_devices(display).keyboards[0]
    reply = _GetMap(display=display.display, opcode=_opcode(display), device=device, full=_KEY_SYMBOLS)
    data, at = bytes(reply.symbols), 0
    symbols = {}
    for keycode in range(reply.first, reply.first + reply.count):
        end = at + _HEAD.size + 4 * _HEAD.unpack_from(data, at)[3]
        symbols[keycode] = data[at:end]
        at = end
    return symbols


def write_symbols(display: Any, symbols: dict[int, Symbols]) -> None:
    """Write the symbols of a range of keycodes without gaps into our own keyboard's map, in one request.

    If that keyboard was used last, the server changes the map that applications see as well. A request for
    the latter would change those of all keyboards (ProcXkbSetMap in the X.Org server's xkb/xkb.c).

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
        device=find_devices(display).keyboards[0],
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


def group_count(display: Any) -> int:
    """Return how many groups, the layouts that the person can switch between, our own keyboard has."""
    return max(map(groups, read_symbols(display).values()), default=1)


def groups(symbols: Symbols) -> int:
    """Return how many layout groups a key has symbols for."""
    return int(_HEAD.unpack_from(symbols)[1]) & 0x0F


def symbols_in(symbols: Symbols, group: int) -> tuple[int, ...]:
    """List a key's keysyms by their level in one group, from 0; () if it has none in this group."""
    _, _, width, count = _HEAD.unpack_from(symbols)
    if group >= groups(symbols):
        return ()
    found = struct.unpack_from(f"={count}I", symbols, _HEAD.size)
    return tuple(found[group * width : (group + 1) * width])


def one_symbol(keysym: int) -> Symbols:
    """Return the symbols of a lent key, which has this keysym with any modifier; `lent` recognises them."""
    return _HEAD.pack(_ONE_LEVEL, _MARKED_GROUP, 1, 1) + struct.pack("=I", keysym)


def latin_letter(keysym: int) -> Symbols:
    """Return the symbols of a key that is lent to a small letter of a to z; with Shift it's the capital."""
    return _HEAD.pack(_ALPHABETIC, _MARKED_GROUP, 2, 2) + struct.pack("=2I", keysym, keysym - 0x20)


def lent(symbols: Symbols) -> bool:
    """Return whether a key's symbols were made by `one_symbol` or `latin_letter`."""
    return bool(_HEAD.unpack_from(symbols)[1] == _MARKED_GROUP)


def empty(symbols: Symbols) -> bool:
    """Return whether a key has no meaning."""
    return not any(memoryview(symbols)[_HEAD.size :])
