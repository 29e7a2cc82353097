"""The three requests of the XKB extension that python-xlib lacks: what is locked, and to lock it.

Source: https://www.x.org/releases/current/doc/kbproto/xkbproto.html, and XKBproto.h for the layout.
"""

from dataclasses import dataclass
from typing import Any, Final

from Xlib import X
from Xlib.protocol import rq

__all__ = ["KeyboardState", "lock", "state"]

_NAME: Final = "XKEYBOARD"
_CORE_KEYBOARD: Final = 0x100
_VERSION: Final = (1, 0)


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


def _opcode(display: Any) -> int | None:
    """Find the extension's opcode and introduce ourselves to it, once a connection."""
    core = display.display
    if _NAME not in core.extension_major_opcodes:
        found = display.query_extension(_NAME)
        if not found or not found.present:
            return None
        reply = _UseExtension(display=core, opcode=found.major_opcode, major=_VERSION[0], minor=_VERSION[1])
        if not reply.supported:
            return None
        core.set_extension_major(_NAME, found.major_opcode)
    return int(core.get_extension_major(_NAME))


def state(display: Any) -> KeyboardState:
    """Ask for the state; all zero on a server without XKB."""
    opcode = _opcode(display)
    if opcode is None:
        return KeyboardState(0, 0, 0)
    reply = _GetState(display=display.display, opcode=opcode, device=_CORE_KEYBOARD)
    return KeyboardState(reply.base_mods, reply.locked_mods, reply.locked_group)


def lock(display: Any, *, caps: bool, group: int) -> None:
    """Set whether CapsLock is on, and the layout group; nothing else changes, no key is pressed."""
    opcode = _opcode(display)
    if opcode is not None:
        _LatchLockState(
            display=display.display,
            opcode=opcode,
            device=_CORE_KEYBOARD,
            affect_mod_locks=X.LockMask,
            mod_locks=X.LockMask if caps else 0,
            lock_group=1,
            group_lock=group,
        )
