"""The X server's input devices that our events come from, and how their buttons are mapped.

XTEST has a pointer and a keyboard of its own, beside the person's. Each device has its own map of buttons and
its own keyboard layout; the server shows those of whichever was used last, and uses ours for our events. So
ours are asked for by their devices' numbers.

Source: https://www.x.org/releases/X11R7.7/doc/inputproto/XI2proto.txt, "XIQueryDevice", and XIproto.txt,
"GetDeviceButtonMapping".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from Xlib import error as xerror
from Xlib.ext import xinput
from Xlib.protocol import rq

__all__ = ["Devices", "button_sources", "find_devices", "is_by_program", "xinput_version"]

_VERSION: Final = (2, 2)
_CORE_KEYBOARD: Final = 0x100
"""The keyboard that XKB's requests mean by default: the one that was used last."""


@dataclass(frozen=True, slots=True)
class Devices:
    """The numbers of the devices that our events go through.

    Attributes:
        pointer: XTEST's pointer; None if the server has no XInput 2.
        keyboards: the keyboards in whose maps our keys are looked up, ours first; XKB's core keyboard alone
            if the server has no XInput 2.
    """

    pointer: int | None
    keyboards: tuple[int, ...]


class _QueryVersion(rq.ReplyRequest):  # type: ignore[misc]  # python-xlib has no types, and asks for 2.0
    _request = rq.Struct(
        rq.Card8("opcode"), rq.Opcode(47), rq.RequestLength(), rq.Card16("major"), rq.Card16("minor")
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card16("major"),
        rq.Card16("minor"),
        rq.Pad(20),
    )


class _GetDeviceButtonMapping(rq.ReplyRequest):  # type: ignore[misc]  # python-xlib has no types
    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(28), rq.RequestLength(), rq.Card8("device"), rq.Pad(3))
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card8("count"),
        rq.Pad(23),
        rq.Binary("buttons", pad=0),
    )


def xinput_version(display: Any) -> tuple[int, int]:
    """Tell the server that we know XInput 2.2, and return the version that it has; (0, 0) for none."""
    opcode = _opcode(display)
    if opcode is None:
        return (0, 0)
    major, minor = _VERSION
    try:
        known = _QueryVersion(display=display.display, opcode=opcode, major=major, minor=minor)
    except xerror.XError:  # a server with XInput 1 doesn't know the request
        return (1, 0)
    return int(known.major), int(known.minor)


def find_devices(display: Any) -> Devices:
    """Find the devices of XTEST; they are asked for once on a connection."""
    if not hasattr(display, "qvl_devices"):
        display.qvl_devices = _find(display)
    found: Devices = display.qvl_devices
    return found


def is_by_program(device: Any) -> bool:
    """Return whether a device of XInput 2 has the events that programs make by XTEST."""
    name = device.name if isinstance(device.name, str) else device.name.decode(errors="replace")
    return "XTEST" in name


def button_sources(display: Any) -> dict[int, int]:
    """Return which button of XTEST's pointer an application takes for each button, by the latter's number.

    A left-handed person's map exchanges 1 and 3, and natural scrolling 4 and 5. Two maps apply one after the
    other: that of the device, and that of all pointers together. A button that no other is mapped to is
    missing.
    """
    core: Sequence[int] = display.get_pointer_mapping()
    device = find_devices(display).pointer
    own = _device_map(display, device) if device is not None else range(1, len(core) + 1)
    sources: dict[int, int] = {}
    for number, mapped in enumerate(own, 1):
        if 1 <= mapped <= len(core) and core[mapped - 1]:
            sources.setdefault(core[mapped - 1], number)
    return sources


def _opcode(display: Any) -> int | None:
    found = display.query_extension(xinput.extname)
    return int(found.major_opcode) if found and found.present else None


def _find(display: Any) -> Devices:
    if xinput_version(display) < (2, 0):
        return Devices(None, (_CORE_KEYBOARD,))
    there = display.xinput_query_device(xinput.AllDevices).devices
    pointer, keyboard = _ours(there, xinput.SlavePointer), _ours(there, xinput.SlaveKeyboard)
    return Devices(pointer[0] if pointer else None, keyboard or (_CORE_KEYBOARD,))


def _ours(there: Sequence[Any], use: int) -> tuple[int, ...]:
    """Return the numbers of XTEST's device and of the master that it belongs to; () if there is none."""
    pairs = [(int(one.attachment), int(one.deviceid)) for one in there if one.use == use]
    by_program = {int(one.deviceid) for one in there if is_by_program(one)}
    return next(((device, master) for master, device in sorted(pairs) if device in by_program), ())


def _device_map(display: Any, device: int) -> list[int]:
    opcode = _opcode(display)
    reply = _GetDeviceButtonMapping(display=display.display, opcode=opcode, device=device)
    return list(bytes(reply.buttons)[: reply.count])
