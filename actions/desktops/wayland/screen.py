"""The monitors of a compositor, and captures of them by the protocol wlr-screencopy."""

import mmap
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.desktops.wayland.wire import Connection, Thing

__all__ = ["Output", "Screen"]

_CURRENT: Final = 1
"""The flag of the mode that an output has now."""
_UPSIDE_DOWN: Final = 1
"""The flag of a capture whose first row is the lowest."""
_BGR: Final = frozenset({0, 1})
"""Formats whose bytes are blue, green, red and another: wl_shm's ARGB8888 and XRGB8888."""
_RGB: Final = frozenset({0x34324241, 0x34324258})
"""... red, green, blue and another: ABGR8888 and XBGR8888."""
_QUARTERS: Final = 4
"""From this number on, an output's transform is mirrored too."""


@dataclass(slots=True)
class Output:
    """A monitor.

    Attributes:
        thing: its object.
        place: where it is, in logical pixels.
        mode: its width and height in its own pixels, as it is built in.
        transform: how it is turned: quarters counterclockwise, and 4 more if it is mirrored.
        name: what the compositor calls it: "eDP-1".
    """

    thing: Thing
    place: Rect
    mode: tuple[int, int]
    transform: int
    name: str


class _Told:
    """What the compositor says of one output, as it says it."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {"transform": 0, "scale": 1, "name": ""}
        self.thing: Thing | None = None

    def of_output(self, event: str, *values: Any) -> None:
        match event:
            case "geometry":
                self.facts["corner"], self.facts["transform"] = values[:2], values[7]
            case "mode" if values[0] & _CURRENT:
                self.facts["mode"] = values[1:3]
            case "scale" | "name":
                self.facts[event] = values[0]
            case "logical_position" | "logical_size":
                self.facts[event] = values

    def output(self) -> Output | None:
        """Return the output; None if not enough is known: it is just being plugged in or out."""
        facts, thing = self.facts, self.thing
        if thing is None or "mode" not in facts or "corner" not in facts:
            return None
        size = facts.get("logical_size")
        if size is None:
            wide, high = facts["mode"][:: -1 if facts["transform"] % 2 else 1]
            size = (wide // facts["scale"], high // facts["scale"])
        place = Rect(*facts.get("logical_position", facts["corner"]), *size)
        return Output(thing, place, facts["mode"], facts["transform"], facts["name"])


@dataclass(slots=True)
class _Buffer:
    """Memory that is shared with the compositor."""

    shape: tuple[int, int, int, int]
    memory: mmap.mmap
    thing: Thing
    pool: Thing


class Screen:
    """The outputs of a compositor, and their pixels.

    Args:
        connection: to the compositor.

    Raises:
        DesktopError: it lets no program capture the screen.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told: dict[int, _Told] = {}
        self._buffer: _Buffer | None = None
        with connection:
            self._copier = connection.bind("zwlr_screencopy_manager_v1")
            self._shm = connection.bind("wl_shm")
            self._places = (
                connection.bind("zxdg_output_manager_v1")
                if connection.globals.get("zxdg_output_manager_v1")
                else None
            )
            self._find()

    def outputs(self) -> tuple[Output, ...]:
        """Return the outputs as they are now."""
        with self._connection as connection:
            connection.roundtrip()
            if set(self._told) != set(connection.globals.get("wl_output", {})):
                self._find()
            there = [told.output() for _, told in sorted(self._told.items())]
        return tuple(each for each in there if each is not None)

    def _find(self) -> None:
        offered = self._connection.globals.get("wl_output", {})
        self._told = {number: told for number, told in self._told.items() if number in offered}
        for at, number in enumerate(offered):
            if number in self._told:
                continue
            told = self._told[number] = _Told()
            told.thing = self._connection.bind("wl_output", told.of_output, at=at)
            if self._places is not None:
                self._places.make("get_xdg_output", "zxdg_output_v1", told.thing, handler=told.of_output)
        self._connection.roundtrip()

    def capture(self, output: Output) -> Pixels:
        """Capture an output as a person sees it, without the pointer where the compositor can leave that out.

        Returns:
            RGB of shape (height, width, 3), in the output's own pixels, turned as it is shown.

        Raises:
            DesktopError: it can't be captured.
        """
        with self._connection as connection:
            said: dict[str, tuple[Any, ...]] = {}

            def note(event: str, *values: Any) -> None:
                said.setdefault(event, values)

            last = "buffer_done" if self._version >= 3 else "buffer"
            frame = self._copier.make(
                "capture_output", "zwlr_screencopy_frame_v1", 0, output.thing, handler=note
            )
            try:
                connection.wait(lambda: last in said or "failed" in said, "no capture")
                if "buffer" not in said:
                    raise DesktopError(f"the monitor {output.name} can't be captured; is it switched off?")
                buffer = self._shared(*said["buffer"])
                frame.send("copy", buffer.thing)
                connection.wait(lambda: "ready" in said or "failed" in said, "no capture")
                if "failed" in said:
                    raise DesktopError(f"the monitor {output.name} couldn't be captured; it may have changed")
                return _read(buffer, said.get("flags", (0,))[0], output.transform)
            finally:
                if not connection.lost:
                    frame.send("destroy")
                    with suppress(DesktopError):
                        connection.flush()

    @property
    def _version(self) -> int:
        return next(iter(self._connection.globals["zwlr_screencopy_manager_v1"].values()))

    def _shared(self, form: int, width: int, height: int, stride: int) -> _Buffer:
        """Return memory for a capture of this form, the last one's if it fits."""
        if form not in _BGR | _RGB:
            raise DesktopError(f"the compositor's pixels have the form {form:#x}, which isn't known")
        shape = (form, width, height, stride)
        if self._buffer is not None and self._buffer.shape == shape:
            return self._buffer
        if self._buffer is not None:
            self._buffer.thing.send("destroy")
            self._buffer.pool.send("destroy")
            self._buffer.memory.close()
            self._buffer = None
        size = stride * height
        fd = os.memfd_create("qvl-agent capture", os.MFD_CLOEXEC)
        try:
            os.ftruncate(fd, size)
            memory = mmap.mmap(fd, size)
            pool = self._shm.make("create_pool", "wl_shm_pool", fd, size)
        finally:
            os.close(fd)
        thing = pool.make("create_buffer", "wl_buffer", 0, width, height, stride, form)
        self._buffer = _Buffer(shape, memory, thing, pool)
        return self._buffer


def _read(buffer: _Buffer, flags: int, transform: int) -> Pixels:
    """Copy a capture out of the shared memory, the right way up."""
    form, width, height, stride = buffer.shape
    whole = np.frombuffer(buffer.memory, np.uint8).reshape(height, stride // 4, 4)[:, :width]
    pixels = whole[..., 2::-1] if form in _BGR else whole[..., :3]
    if flags & _UPSIDE_DOWN:
        pixels = pixels[::-1]
    turned = np.rot90(pixels, -transform % _QUARTERS)
    return (turned[:, ::-1] if transform >= _QUARTERS else turned).copy()
