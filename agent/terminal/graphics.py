"""Pictures in a terminal: by the terminal's own graphics where it has any, else by coloured half blocks.

Sources: kitty's protocol https://sw.kovidgoyal.net/kitty/graphics-protocol/, iTerm2's
https://iterm2.com/documentation-images.html, sixels https://vt100.net/docs/vt3xx-gp/chapter14.html.
"""

import base64
import io
import os
import re
import struct
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from PIL import Image
from rich.console import Console

from qvl_agent.agent.terminal.keyboard import TerminalKeys

__all__ = ["Graphics", "Way", "graphics_of", "show"]

Way = Literal["kitty", "iterm2", "sixel", "blocks"]

_ASK: Final = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\\x1b[c"
"""Asks for kitty's protocol, then for the terminal's attributes; every terminal answers the second."""
_ATTRIBUTES: Final = re.compile(rb"\x1b\[\?([\d;]*)c")
_ASK_S: Final = 0.5
_SILENT: Final = frozenset({"", "dumb", "unknown", "linux", "cons25"})
"""Values of TERM for terminals that aren't asked, as they would show the question as text."""
_NO_COLOURS: Final = frozenset({"", "dumb", "unknown"})
_CELL: Final = (8, 16)
_CHUNK: Final = 4096
_COLOURS: Final = 255


@dataclass(frozen=True, slots=True)
class Graphics:
    """The way in which a terminal shows pictures.

    Attributes:
        way: the protocol.
        cell: a character's width and height in pixels.
    """

    way: Way
    cell: tuple[int, int] = _CELL


def graphics_of(
    keyboard: TerminalKeys, console: Console, environment: Mapping[str, str] = os.environ
) -> Graphics | None:
    """Find out how the terminal shows pictures; None if it can't, has few colours, or the person wants none.

    The terminal itself may be asked, and keys that are typed meanwhile (at most half a second) are lost.
    """
    term = environment.get("TERM", "")
    if not console.is_terminal or console.no_color or environment.get("NO_COLOR") or term in _NO_COLOURS:
        return None
    cell = _cell(keyboard)
    named = environment.get("LC_TERMINAL", "") or environment.get("TERM_PROGRAM", "")
    said = b"" if term in _SILENT or not keyboard.in_front else _answer(keyboard)
    attributes = _ATTRIBUTES.search(said)
    if b"_Gi=31;OK" in said:
        return Graphics("kitty", cell)
    if named in {"iTerm2", "iTerm.app"}:
        return Graphics("iterm2", cell)
    if attributes and b"4" in attributes[1].split(b";"):
        return Graphics("sixel", cell)
    few = console.color_system in {None, "standard", "windows"}
    return None if few else Graphics("blocks", cell)


def _answer(keyboard: TerminalKeys) -> bytes:
    said = b""
    with keyboard.reading():
        keyboard.screen.write(_ASK)
        keyboard.screen.flush()
        end = time.monotonic() + _ASK_S
        while not _ATTRIBUTES.search(said) and (left := end - time.monotonic()) > 0:
            said += keyboard.read(left)
    return said


def _cell(keyboard: TerminalKeys) -> tuple[int, int]:
    """Return a character's width and height in pixels, if the system knows them, else a usual size."""
    if sys.platform == "win32":
        return _CELL
    import fcntl  # noqa: PLC0415 - POSIX
    import termios  # noqa: PLC0415 - POSIX

    try:
        size = fcntl.ioctl(keyboard.screen.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
    except OSError:
        return _CELL
    rows, columns, width, height = struct.unpack("4H", size)
    return (width // columns, height // rows) if rows and columns and width and height else _CELL


def show(picture: Image.Image, columns: int, rows: int, graphics: Graphics, console: Console) -> None:
    """Draw a picture, at most `columns` wide and `rows` high, and leave the cursor below it."""
    cell_width, cell_height = graphics.cell
    room = (columns * cell_width, rows * cell_height)
    scale = min(room[0] / picture.width, room[1] / picture.height, 2.0)
    width, height = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    across, down = -(-width // cell_width), -(-height // cell_height)
    if graphics.way == "blocks":
        _blocks(picture, across, down, console)
        return
    drawn = picture.resize((width, height), Image.Resampling.LANCZOS)
    match graphics.way:
        case "kitty":
            control = "".join(_kitty(drawn, across, down))
        case "iterm2":
            control = _iterm2(drawn, across, down)
        case "sixel":
            control = _sixel(drawn)
    console.file.write(control + "\n")
    console.file.flush()


def _blocks(picture: Image.Image, columns: int, rows: int, console: Console) -> None:
    from rich_pixels import Pixels  # noqa: PLC0415 - only where there is nothing better

    small = picture.resize((columns, 2 * rows), Image.Resampling.LANCZOS)
    console.print(Pixels.from_image(small), end="")


def _kitty(picture: Image.Image, columns: int, rows: int) -> Iterator[str]:
    data = _png(picture)
    first = f"a=T,f=100,q=2,c={columns},r={rows},"
    for start in range(0, len(data), _CHUNK):
        more = int(start + _CHUNK < len(data))
        yield f"\x1b_G{first}m={more};{data[start : start + _CHUNK]}\x1b\\"
        first = ""


def _iterm2(picture: Image.Image, columns: int, rows: int) -> str:
    return f"\x1b]1337;File=inline=1;width={columns};height={rows}:{_png(picture)}\a"


def _png(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _sixel(picture: Image.Image) -> str:
    """Encode a picture as sixels, six rows at a time.

    For each colour in six rows there is one character for each column, whose bits are the rows.
    """
    reduced = picture.convert("RGB").quantize(_COLOURS)
    palette = np.array(reduced.getpalette(), dtype=np.uint8).reshape(-1, 3)
    pixels = np.asarray(reduced)
    pixels = np.pad(pixels, ((0, -pixels.shape[0] % 6), (0, 0)), constant_values=_COLOURS)
    bits = (1 << np.arange(6, dtype=np.uint8))[:, None]
    parts = [f'\x1bP0;1q"1;1;{picture.width};{picture.height}']
    for number, (red, green, blue) in enumerate((palette.astype(int) * 100 + 127) // 255):
        parts.append(f"#{number};2;{red};{green};{blue}")
    for band in pixels.reshape(-1, 6, pixels.shape[1]):
        for colour in np.unique(band[band != _COLOURS]):
            row = ((band == colour) * bits).sum(axis=0, dtype=np.uint8) + ord("?")
            parts.append(f"#{colour}{_runs(row.tobytes().decode())}$")
        parts.append("-")
    return "".join([*parts, "\x1b\\"])


def _runs(row: str) -> str:
    """Shorten repeated characters: twelve of ~ become !12~."""
    return re.sub(r"(.)\1{3,}", lambda found: f"!{len(found[0])}{found[1]}", row)
