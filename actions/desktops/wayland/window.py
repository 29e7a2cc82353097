# ruff: noqa: T201 - a program that answers by print
"""The window that a desktop's input is tried in, on Wayland: `python -m … SOCKET`, until its input ends."""

import json
import mmap
import os
import select
import sys
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.desktops.trial import MARK, MARK_PX, TITLE
from qvl_agent.actions.desktops.wayland.keymap import Keymap, KeyState
from qvl_agent.actions.desktops.wayland.wire import Connection, Thing, socket_path

__all__ = ["main"]

_SIZE: Final = (360, 200)
_PAPER: Final = (0xF4, 0xF4, 0xF4)
_INK: Final = (0x30, 0x30, 0x30)
_POINTER, _KEYBOARD = 1, 2
"""What a seat can do."""
_PRESSED: Final = 1
_XRGB: Final = 1


class TrialWindow:
    """A window with a mark in its middle, which tells of each press, text and notch by a line of JSON."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._size = (0, 0)
        self._at = (0.0, 0.0)
        self._keys: KeyState | None = None
        self._devices: dict[int, Thing] = {}
        self._wanted = _SIZE
        self._focused = self._drawn = self._told = False
        self._shm = connection.bind("wl_shm")
        self._seat = connection.bind("wl_seat", self._of_seat)
        self._base = connection.bind("xdg_wm_base", self._of_base)
        self._surface = connection.bind("wl_compositor").make("create_surface", "wl_surface")
        self._shell = self._base.make("get_xdg_surface", "xdg_surface", self._surface, handler=self._of_shell)
        top = self._shell.make("get_toplevel", "xdg_toplevel", handler=self._of_top)
        top.send("set_title", TITLE)
        top.send("set_app_id", "qvl-agent-trial")
        top.send("set_min_size", *_SIZE)
        top.send("set_max_size", *_SIZE)
        self._surface.send("commit")

    def run(self) -> None:
        """Handle events until standard input ends.

        Raises:
            DesktopError: the session has ended.
        """
        while True:
            self._connection.drain()
            if self._focused and self._drawn and not self._told:
                self._told = True
                _say(shown=True)
            ready, _, _ = select.select([self._connection, sys.stdin], [], [])
            if sys.stdin in ready and not sys.stdin.read(1):
                return

    def _of_base(self, event: str, serial: int) -> None:
        if event == "ping":
            self._base.send("pong", serial)

    def _of_top(self, event: str, *values: Any) -> None:
        if event == "configure":
            self._wanted = (values[0] or _SIZE[0], values[1] or _SIZE[1])

    def _of_shell(self, event: str, serial: int) -> None:
        if event != "configure":
            return
        self._shell.send("ack_configure", serial)
        if self._wanted != self._size:
            self._size = self._wanted
            self._draw()
        self._surface.send("commit")

    def _draw(self) -> None:
        width, height = self._size
        picture = Image.new("RGB", self._size, _PAPER)
        pen = ImageDraw.Draw(picture)
        pen.text((12, 12), TITLE, fill=_INK)
        left, top = (width - MARK_PX) // 2, (height - MARK_PX) // 2
        pen.rectangle((left, top, left + MARK_PX - 1, top + MARK_PX - 1), fill=MARK)
        pixels = np.zeros((height, width, 4), np.uint8)
        pixels[..., 2::-1] = np.asarray(picture)
        fd = os.memfd_create("qvl-agent window", os.MFD_CLOEXEC)
        try:
            os.ftruncate(fd, pixels.nbytes)
            with mmap.mmap(fd, pixels.nbytes) as memory:
                memory[:] = pixels.tobytes()
            pool = self._shm.make("create_pool", "wl_shm_pool", fd, pixels.nbytes)
        finally:
            os.close(fd)
        buffer = pool.make("create_buffer", "wl_buffer", 0, width, height, width * 4, _XRGB)
        pool.send("destroy")
        self._surface.send("attach", buffer, 0, 0)
        self._surface.send("damage", 0, 0, width, height)
        self._drawn = True

    def _of_seat(self, event: str, able: Any) -> None:
        if event != "capabilities":
            return
        for bit, request, kind, handler in (
            (_POINTER, "get_pointer", "wl_pointer", self._of_pointer),
            (_KEYBOARD, "get_keyboard", "wl_keyboard", self._of_keyboard),
        ):
            if able & bit and bit not in self._devices:
                self._devices[bit] = self._seat.make(request, kind, handler=handler)
            elif not able & bit and bit in self._devices:  # a device that comes again is another one
                self._devices.pop(bit).send("release")

    def _of_pointer(self, event: str, *values: Any) -> None:
        match event:
            case "enter" | "motion":
                self._at = values[-2:]
            case "button" if values[3] == _PRESSED:
                middle = [(side - MARK_PX) // 2 + MARK_PX / 2 for side in self._size]
                _say(press=[at - mid for at, mid in zip(self._at, middle, strict=True)])
            case "axis_discrete" if values[0] == 0:
                _say(notches=values[1])

    def _of_keyboard(self, event: str, *values: Any) -> None:
        match event:
            case "keymap":
                _, fd, size = values
                self._keys = Keymap(os.pread(fd, size, 0).rstrip(b"\0").decode()).state()
                os.close(fd)
            case "enter":
                self._focused = True
            case "modifiers" if self._keys is not None:
                _, held, latched, locked, group = values
                self._keys.set(held, latched, locked, group)
            case "key" if self._keys is not None and values[3] == _PRESSED:
                text = self._keys.text(values[2])
                if text.isprintable():
                    _say(text=text)


def _say(**told: object) -> None:
    print(json.dumps(told), flush=True)


def main() -> int:
    """Show the window on the display that the command line names; return the exit status."""
    try:
        connection = Connection(socket_path(sys.argv[1]))
        with connection:
            TrialWindow(connection).run()
    except DesktopError as error:
        print(error, flush=True)
        return 1
    connection.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
