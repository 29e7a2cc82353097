"""Pictures from files: as they are meant to be seen, and never more than was allowed."""

import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.ask.pictures import FORMATS, MAX_PIXELS, is_still, read_picture

RED = (200, 30, 40)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claiming(path: Path, width: int, height: int) -> Path:
    """A PNG of a hundred bytes that says it is huge."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(64)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_named_is_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture"  # by its content, whatever its name
    Image.new("RGB", (40, 30), RED).save(path, kind)
    assert is_still(path)
    frame = read_picture(path)
    assert frame.size == (40, 30)
    assert (frame.monitor.width, frame.monitor.height, frame.scale) == (40, 30, 1.0)
    assert np.abs(frame.pixels.astype(int) - RED).max() < 30


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (0, 0, 0, 0))
    image.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels.tolist() == [[list(RED), [255, 255, 255]]]
    palette = Image.new("P", (1, 1))
    palette.putpalette([0, 0, 0])
    palette.save(tmp_path / "b.png", transparency=0)
    assert read_picture(tmp_path / "b.png").pixels.tolist() == [[[255, 255, 255]]]


def test_a_photo_stands_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_picture(tmp_path / "a.jpg").size == (20, 30)


def test_sixteen_bits_of_grey_become_eight(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0x8000, 0xFFFF]], np.uint16)).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels[0, :, 0].tolist() == [0, 0x80, 0xFF]


@pytest.mark.parametrize("size", [(8192, 8193), (12000, 12000), (60000, 60000)])
def test_what_claims_too_much_is_refused_by_its_header(tmp_path: Path, size: tuple[int, int]) -> None:
    path = claiming(tmp_path / "bomb.png", *size)
    for read in (is_still, read_picture):
        with pytest.raises(SettingsError, match=r"claims|damaged|exceeds") as caught:
            read(path)
        assert "\n" not in str(caught.value)
    assert MAX_PIXELS == 8192**2


def test_what_is_no_whole_picture_is_one_clear_line(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    assert not is_still(text)
    whole = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 90).save(whole)
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:2000])
    for path, why in ((text, "no picture"), (cut, "damaged"), (tmp_path / "none.png", "No such file")):
        with pytest.raises(SettingsError, match=why) as caught:
            read_picture(path)
        assert re.search(re.escape(str(path)), str(caught.value))
        assert "\n" not in str(caught.value)


def test_an_animation_is_not_still(tmp_path: Path) -> None:
    first, second = (Image.new("L", (8, 8), grey) for grey in (0, 200))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert not is_still(tmp_path / "a.gif")
