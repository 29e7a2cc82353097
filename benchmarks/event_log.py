"""An X client of its own that logs every input event the server delivers. Run as a program: it is the client.

A window over the whole screen with the keyboard's focus logs the core events that an application gets; beside
them come XInput's raw events, which the server sends whatever window or grab an event goes to. What a key
means is looked up when the press is read, as applications do. It shares no code with what sends the events.
"""

import json
import os
import select
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from Xlib import X, Xatom
from Xlib.display import Display
from Xlib.ext import ge, xinput
from Xlib.protocol import event as xevent
from Xlib.protocol import rq

_CORE: Final = {
    X.KeyPress: ("key", True),
    X.KeyRelease: ("key", False),
    X.ButtonPress: ("button", True),
    X.ButtonRelease: ("button", False),
    X.MotionNotify: ("motion", False),
}
_RAW: Final = {
    xinput.RawKeyPress: ("key", True),
    xinput.RawKeyRelease: ("key", False),
    xinput.RawButtonPress: ("button", True),
    xinput.RawButtonRelease: ("button", False),
    xinput.RawMotion: ("motion", False),
}
_RAW_HEAD: Final = struct.Struct("=HII")
"""Of a raw event's 11th byte on: device, time in ms, detail. XI2proto.txt, "RawEvent"."""
_BUTTONS: Final = X.Button1Mask | X.Button2Mask | X.Button3Mask | X.Button4Mask | X.Button5Mask


@dataclass(frozen=True, slots=True)
class Seen:
    """One event, as a client got it.

    Attributes:
        kind: "key", "button" or "motion".
        code: the keycode, or the button's number; 0 for a motion.
        keysym: what the key meant when it was read; 0 otherwise, and for raw events.
        plain: what it would have meant without Shift.
        x, y: where the pointer was, on the root window; 0 for raw events.
        time_ms: on the server's clock.
    """

    kind: str
    down: bool
    code: int
    keysym: int = 0
    plain: int = 0
    x: int = 0
    y: int = 0
    time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """What came since the last look: the window's events, the raw ones, and what is down now."""

    core: list[Seen]
    raw: list[Seen]
    keys_down: list[int]
    buttons_down: int

    @property
    def nothing(self) -> bool:
        return not (self.core or self.raw or self.keys_down or self.buttons_down)


class EventLog:
    """Starts the client and asks it; a context manager."""

    def __init__(self, display: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), display],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self._ask("batch")
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def batch(self) -> Batch:
        """Take all that the server has delivered by now."""
        core, raw, keys, buttons = json.loads(self._ask("batch"))
        return Batch([Seen(*each) for each in core], [Seen(*each) for each in raw], keys, buttons)

    def paint(self, x: int, y: int, width: int, height: int) -> None:
        """Show a grey rectangle in the window, and wait until it stands."""
        self._ask(f"paint {x} {y} {width} {height}")

    def clear(self) -> None:
        self._ask("clear")

    def _ask(self, what: str) -> str:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class _QueryVersion(rq.ReplyRequest):
    """XIQueryVersion; python-xlib's own asks for 2.0, which hides raw events from others during a grab."""

    _request = rq.Struct(
        rq.Card8("opcode"), rq.Opcode(47), rq.RequestLength(), rq.Card16("major"), rq.Card16("minor")
    )
    _reply = rq.Struct(
        *(rq.ReplyCode(), rq.Pad(1), rq.Card16("sequence_number"), rq.ReplyLength()),
        *(rq.Card16("major"), rq.Card16("minor"), rq.Pad(20)),
    )


class _Client:
    def __init__(self, name: str) -> None:
        self.display = Display(name)
        self._core: list[tuple[Any, ...]] = []
        self._raw: list[tuple[Any, ...]] = []
        self._protocols = self.display.intern_atom("WM_PROTOCOLS")
        self._ping = self.display.intern_atom("_NET_WM_PING")
        self._xinput = self.display.query_extension(xinput.extname).major_opcode
        _QueryVersion(display=self.display.display, opcode=self._xinput, major=2, minor=2)
        self._screen = self.display.screen()
        self._window = self._make_window()
        mask = sum(1 << kind for kind in _RAW)
        self._screen.root.xinput_select_events([(xinput.AllMasterDevices, mask)])
        self._context = self._window.create_gc(foreground=0x00808080)
        self.display.sync()
        self.read()
        self._core.clear()
        self._raw.clear()

    def _make_window(self) -> Any:
        screen = self._screen
        window = screen.root.create_window(
            *(0, 0, screen.width_in_pixels, screen.height_in_pixels, 0, X.CopyFromParent),
            override_redirect=True,
            background_pixel=screen.white_pixel,
            event_mask=X.KeyPressMask
            | X.KeyReleaseMask
            | X.ButtonPressMask
            | X.ButtonReleaseMask
            | X.PointerMotionMask
            | X.StructureNotifyMask,
        )
        window.set_wm_class("event-log", "EventLog")
        window.change_property(self._protocols, Xatom.ATOM, 32, [self._ping])
        state = self.display.intern_atom("WM_STATE")
        window.change_property(state, state, 32, [1, 0])  # as a window manager marks an application's window
        window.map()
        while self.display.next_event().type != X.MapNotify:
            pass
        window.set_input_focus(X.RevertToParent, X.CurrentTime)
        return window

    def read(self) -> None:
        while self.display.pending_events():
            event = self.display.next_event()
            kind = event.type & 0x7F
            if kind in _CORE:
                self._log(event, kind)
            elif kind == ge.GenericEventCode and event.extension == self._xinput and event.evtype in _RAW:
                what, down = _RAW[event.evtype]
                _, time_ms, detail = _RAW_HEAD.unpack_from(event.data)
                code = 0 if what == "motion" else detail
                self._raw.append((what, down, code, 0, 0, 0, 0, time_ms))
            elif kind == X.ClientMessage and event.client_type == self._protocols:
                self._answer(event)

    def _log(self, event: Any, kind: int) -> None:
        what, down = _CORE[kind]
        code, keysym, plain = (0 if what == "motion" else event.detail), 0, 0
        if what == "key":
            plain, shifted, *_ = self.display.get_keyboard_mapping(code, 1)[0]
            keysym = shifted if event.state & X.ShiftMask and shifted else plain
        self._core.append((what, down, code, keysym, plain, event.root_x, event.root_y, event.time))

    def _answer(self, event: Any) -> None:
        """Answer a window manager's ping: send it back, to the root window."""
        _, data = event.data
        if data[0] != self._ping:
            return
        root = self._screen.root
        back = xevent.ClientMessage(
            window=root.id, client_type=self._protocols, data=(32, [int(each) for each in data])
        )
        root.send_event(back, event_mask=X.SubstructureNotifyMask | X.SubstructureRedirectMask)
        self.display.flush()

    def batch(self) -> str:
        """Let the server finish what it has, then hand over everything that came."""
        self.display.sync()
        self.read()
        keys = self.display.query_keymap()
        down = [8 * at + bit for at, byte in enumerate(keys) for bit in range(8) if byte >> bit & 1]
        buttons = self._screen.root.query_pointer().mask & _BUTTONS
        answer = json.dumps([self._core, self._raw, down, buttons])
        self._core, self._raw = [], []
        return answer

    def do(self, line: str) -> str:
        match line.split():
            case ["batch"]:
                return self.batch()
            case ["paint", *numbers]:
                self._window.fill_rectangle(self._context, *map(int, numbers))
            case ["clear"]:
                self._window.clear_area()
        self.display.sync()
        return ""


def _main(name: str) -> None:
    client = _Client(name)
    rest = b""
    while True:
        client.read()
        ready, _, _ = select.select([client.display.fileno(), 0], [], [])
        if 0 not in ready:
            continue
        data = os.read(0, 4096)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            print(client.do(line.decode()), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
