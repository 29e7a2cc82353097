"""Read every press and motion on an X display, by a person or a program, as XInput's raw events.

Every client that asks gets them, also while another program has grabbed the keyboard. They name the device
that they come from: real devices are used by people, the XTEST devices by programs. When a program warps the
pointer, or the server repeats a held key, there is no raw event.

Source: https://www.x.org/releases/current/doc/inputproto/XI2proto.txt, "RawEvent"; `sourceid`, and
raw events during a grab, from version 2.1 on.
"""

import struct
from typing import Any, Final, Literal, NamedTuple

from Xlib.ext import ge, xinput

from qvl_agent.actions.core.errors import NoScreenError
from qvl_agent.actions.desktops.x11.devices import is_by_program, xinput_version

__all__ = ["RawEvent", "RawInput"]

_VERSION: Final = (2, 2)
_RAW_TOUCH_BEGIN: Final = 22
_RAW: Final = struct.Struct("=HIIHHI")
"""The event's fields from its 11th byte on: device, time in ms, detail, source, and two unused ones."""
_KINDS: Final[dict[int, Literal["key", "button", "motion"]]] = {
    xinput.RawKeyPress: "key",
    xinput.RawButtonPress: "button",
    _RAW_TOUCH_BEGIN: "button",
    xinput.RawMotion: "motion",
}


class RawEvent(NamedTuple):
    """A press of a key or button, or a motion.

    Attributes:
        kind: "key", "button" (a touch too) or "motion".
        code: the keycode or the button's number; 0 for a motion.
        by_program: whether a program sent it by XTEST.
        time_s: its time in seconds on the server's clock.
    """

    kind: Literal["key", "button", "motion"]
    code: int
    by_program: bool
    time_s: float


class RawInput:
    """The raw events of one display, over a connection of its own."""

    def __init__(self, display: Any) -> None:
        """Ask the server for the events.

        Raises:
            NoScreenError: the server's XInput is older than 2.2 (2012), or absent.
        """
        self._display = display
        found = display.query_extension(xinput.extname)
        if not found or not found.present:
            raise NoScreenError("this X server has no XInput, so nobody can be seen to take over")
        self._opcode = int(found.major_opcode)
        version = xinput_version(display)
        if version < _VERSION:
            raise NoScreenError(f"this X server has XInput {version[0]}.{version[1]}, not 2.2")
        devices = display.xinput_query_device(xinput.AllDevices).devices
        self._programs = {device.deviceid for device in devices if is_by_program(device)}
        mask = sum(1 << kind for kind in _KINDS)
        display.screen().root.xinput_select_events([(xinput.AllMasterDevices, mask)])
        display.sync()

    def pending(self) -> list[RawEvent]:
        """Return the events that have come so far, without waiting."""
        events = []
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == ge.GenericEventCode and event.extension == self._opcode:
                events += self._read(event)
        return events

    def _read(self, event: Any) -> list[RawEvent]:
        kind = _KINDS.get(event.evtype)
        if kind is None:
            return []
        _, time_ms, detail, source, _, _ = _RAW.unpack_from(event.data)
        code = 0 if kind == "motion" else detail
        return [RawEvent(kind, code, source in self._programs, time_ms / 1000)]
