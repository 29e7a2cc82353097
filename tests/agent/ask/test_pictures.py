"""Pictures from files: as they are meant to be seen, and never more than was allowed."""

import io
import random
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.agent.ask.pictures import FORMATS, MAX_PIXELS, is_still, read_picture

pillow_heif.register_heif_opener()  # to write HEIC

RED = (200, 30, 40)
RAMP = np.linspace(0, 1, 4096).reshape(64, 64)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claiming(path: Path, width: int, height: int) -> Path:
    """A PNG of a hundred bytes that says it is huge."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(bytes(64)))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + data + chunk(b"IEND", b""))
    return path


def png(path: Path, pixels: np.ndarray, kind: int, transparent: bytes = b"") -> Path:
    """A PNG of 16 bits a sample, which Pillow doesn't write: `kind` is its colour type."""
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    clear = chunk(b"tRNS", transparent) if transparent else b""
    body = header + clear + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
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


# --- orientation, and metadata that is broken


def tags(*entries: tuple[int, int, int, bytes]) -> bytes:
    """EXIF of tags as (number, type, count, value), in the order of their numbers."""
    rows, body = b"", b""
    for number, kind, count, value in sorted(entries):
        where = struct.pack("<I", 8 + 2 + 12 * len(entries) + 4 + len(body))
        rows += struct.pack("<HHI", number, kind, count) + (
            value.ljust(4, b"\0") if len(value) <= 4 else where
        )
        body += value if len(value) > 4 else b""
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + rows + bytes(4) + body


TURN = (0x112, 3, 1, struct.pack("<H", 6))
ODD = {
    "a width in words": (0x100, 2, 5, b"4000\0\0"),
    "a resolution in words": (0x11A, 2, 3, b"72\0"),
    "a resolution of -1/0": (0x11A, 10, 1, struct.pack("<ii", -1, 0)),
    "a resolution that is no number": (0x11A, 11, 1, struct.pack("<f", float("nan"))),
    "a unit in words": (0x128, 2, 2, b"2\0"),
    "a place beyond the file": (0x8825, 4, 1, struct.pack("<I", 9_999_999)),
    "a table in words": (0x8769, 2, 6, b"abcde\0"),
    "a value larger than the file": (0x110, 2, 0x7FFFFFFF, bytes(4)),
    "a kind that doesn't exist": (0x110, 99, 1, b"abcd"),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_tag_takes_nothing_from_a_sound_picture(
    tmp_path: Path, kind: str, odd: tuple[int, int, int, bytes]
) -> None:
    Image.new("RGB", (64, 48), RED).save(tmp_path / "a", kind, exif=tags(TURN, odd))
    assert is_still(tmp_path / "a")
    frame = read_picture(tmp_path / "a")
    assert frame.size == (48, 64), "and it stands upright"
    assert np.abs(frame.pixels.astype(int) - RED).max() < 30


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_stands_upright(tmp_path: Path, orientation: int) -> None:
    """The stored picture is turned so that the upright one has its dark corner at the top left."""
    upright = np.full((40, 64), 255, np.uint8)
    upright[:16, :16] = 0
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = tags((0x112, 3, 1, struct.pack("<H", orientation)))
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF"):
        image = Image.fromarray(np.ascontiguousarray(stored))
        if kind == "TIFF":
            image.save(tmp_path / "a", kind, tiffinfo={0x112: orientation})
        else:
            image.convert("RGB").save(tmp_path / "a", kind, exif=exif)
        pixels = read_picture(tmp_path / "a").pixels
        assert pixels.shape == (40, 64, 3)
        assert pixels[8, 8].max() < 60, kind
        assert min(pixels[8, -8].min(), pixels[-8, 8].min(), pixels[-8, -8].min()) > 200, kind


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        ((0x112, 2, 2, b"6\0"), True),
        ((0x112, 1, 1, b"\x06"), True),
        ((0x112, 4, 1, struct.pack("<I", 6)), True),
        ((0x112, 5, 1, struct.pack("<II", 6, 1)), True),
        ((0x112, 3, 2, struct.pack("<HH", 6, 6)), True),
        ((0x112, 3, 1, struct.pack("<H", 9)), False),
        ((0x112, 3, 1, struct.pack("<H", 0)), False),
        ((0x112, 5, 1, struct.pack("<II", 0, 0)), False),
        ((0x112, 2, 5, b"left\0"), False),
        ((0x112, 11, 1, struct.pack("<f", float("inf"))), False),
    ],
)
def test_an_orientation_counts_where_it_can_be_read(
    tmp_path: Path, orientation: tuple[int, int, int, bytes], turned: bool
) -> None:
    Image.new("RGB", (64, 48), RED).save(tmp_path / "a.jpg", exif=tags(orientation))
    assert read_picture(tmp_path / "a.jpg").size == ((48, 64) if turned else (64, 48))


def test_metadata_that_is_rubbish_is_ignored(tmp_path: Path) -> None:
    image = Image.new("RGB", (64, 48), RED)
    for place, exif in enumerate(
        (b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0" + b"\xff" * 64, b"no exif at all")
    ):
        image.save(tmp_path / f"{place}.jpg", exif=exif, icc_profile=b"no profile at all")
        assert read_picture(tmp_path / f"{place}.jpg").size == (64, 48)


def with_marker(jpeg: bytes, data: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


@pytest.mark.parametrize(
    "list_of_pictures",
    [b"", b"II*\0", b"MM\0*\0\0\0\x08\0\x01", b"II*\0\x08\0\0\0\x01\0\x01\xb0\x04\0\x01\0\0\0\xff"],
)
def test_a_broken_list_of_further_pictures_hides_no_photo(tmp_path: Path, list_of_pictures: bytes) -> None:
    whole = io.BytesIO()
    Image.new("RGB", (64, 48), RED).save(whole, "JPEG", exif=tags(TURN))
    (tmp_path / "a.jpg").write_bytes(with_marker(whole.getvalue(), b"MPF\0" + list_of_pictures))
    assert is_still(tmp_path / "a.jpg")
    assert read_picture(tmp_path / "a.jpg").size == (48, 64)


def refusal(read: Callable[[Path], object], path: Path) -> str | None:
    """Why a file is refused; None if it is read."""
    try:
        read(path)
    except SettingsError as error:
        return str(error)
    return None


def samples() -> dict[str, bytes]:
    """A small file of each kind with metadata in it."""
    noise = Image.effect_noise((24, 16), 90).convert("RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = {}
    for kind in FORMATS:
        out = io.BytesIO()
        more: dict[str, Any] = {} if kind in ("BMP", "GIF") else {"exif": tags(TURN), "icc_profile": profile}
        noise.save(out, kind, **more)
        made[kind] = out.getvalue()
    for kind in ("MPO", "TIFF", "GIF", "WEBP", "PNG"):
        out = io.BytesIO()
        noise.save(out, kind, save_all=True, append_images=[noise.rotate(90)])
        made[f"two in a {kind}"] = out.getvalue()
    return made


@pytest.mark.parametrize("name", samples())
def test_a_damaged_file_is_read_or_refused_in_one_line(tmp_path: Path, name: str) -> None:
    whole, chance = samples()[name], random.Random(name)
    path = tmp_path / "a"
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 1, 4, 32))):
            damaged[chance.randrange(min(len(damaged), 800))] = chance.choice(
                (0, 1, 0x7F, 0xFF, chance.randrange(256))
            )
        path.write_bytes(
            damaged[: chance.choice((len(damaged), len(damaged), chance.randrange(len(damaged))))]
        )
        for read in (is_still, read_picture):
            why = refusal(read, path)
            assert why is None or ("\n" not in why and str(path) in why)


# --- depths and colours


@pytest.mark.parametrize(
    ("values", "lowest", "highest"),
    [
        (RAMP.astype(np.float32), 0, 255),
        ((RAMP * 255).astype(np.float32), 0, 255),
        ((RAMP * 65535).astype(np.float32), 0, 255),
        ((RAMP * 65535).astype(np.int32), 0, 255),
        ((RAMP * 255).astype(np.int32), 0, 255),
        ((RAMP * 65535).astype(np.uint16), 0, 255),
        ((0.25 + RAMP / 2).astype(np.float32), 64, 191),
        ((RAMP * 16384).astype(np.uint16), 0, 64),
        ((RAMP * 100).astype(np.int32), 0, 100),
    ],
)
def test_wide_grey_is_scaled_to_what_its_numbers_mean(
    tmp_path: Path, values: np.ndarray, lowest: int, highest: int
) -> None:
    Image.fromarray(values).save(tmp_path / "a.tif")
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert (pixels.min(), pixels.max()) == (lowest, highest)
    assert pixels.mean() == pytest.approx((lowest + highest) / 2, abs=1)
    assert (np.diff(pixels[..., 0].ravel().astype(int)) >= 0).all()


@pytest.mark.parametrize(
    "values",
    [
        (RAMP * 1.3).astype(np.float32),
        (RAMP * 2 - 1).astype(np.float32),
        (RAMP * 1e9).astype(np.float32),
        (RAMP * 400 - 100).astype(np.int32),
        (RAMP * 2e9).astype(np.int32),
        (RAMP * 2000 - 1000).astype(np.int16),
        (RAMP * 900).astype(np.int32),
    ],
)
def test_numbers_of_no_known_range_go_from_black_to_white(tmp_path: Path, values: np.ndarray) -> None:
    write_grey(tmp_path / "a.tif", values)
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert pixels.mean() == pytest.approx(127, abs=2)


def write_grey(path: Path, values: np.ndarray, **more: float) -> None:
    """A grey TIFF of any type of number, in one strip; `more` are tags by their number, as t262=0."""
    height, width = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    fields: dict[int, int | float] = {
        256: width, 257: height, 258: values.dtype.itemsize * 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: height,
        279: values.nbytes, 339: kind,
    }  # fmt: skip
    fields |= {int(name[1:]): value for name, value in more.items()}
    rows = b"".join(
        struct.pack("<HHI", tag, 11, 1) + struct.pack("<f", value)
        if isinstance(value, float)
        else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in sorted(fields.items())
    )
    data = values.tobytes()
    path.write_bytes(
        b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(fields)) + rows + bytes(4)
    )


def test_a_range_that_the_file_declares_counts(tmp_path: Path) -> None:
    write_grey(tmp_path / "a.tif", (RAMP * 500).astype(np.float32), t340=0.0, t341=1000.0)
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert (pixels.min(), pixels.max()) == (0, 128)
    write_grey(tmp_path / "b.tif", (RAMP * 255).astype(np.float32), t340=float("nan"), t341=1.0)
    assert read_picture(tmp_path / "b.tif").pixels.mean() == pytest.approx(127, abs=1), (
        "one that can't be is ignored"
    )


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_white_may_be_zero(tmp_path: Path, kind: type) -> None:
    top = {np.uint8: 255, np.uint16: 65535, np.float32: 1}[kind]
    write_grey(tmp_path / "a.tif", (RAMP * top).astype(kind), t262=0)
    pixels = read_picture(tmp_path / "a.tif").pixels
    assert pixels[0, 0, 0] == 255
    assert pixels[-1, -1, 0] == 0


def test_twelve_bits_are_the_whole_range(tmp_path: Path) -> None:
    packed = b"".join(struct.pack(">I", a << 12 | b)[1:] for a, b in ((0, 4095), (2048, 4095)))
    fields = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(packed)}
    rows = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields.items())
    (tmp_path / "a.tif").write_bytes(
        b"II*\0"
        + struct.pack("<I", 8 + len(packed))
        + packed
        + struct.pack("<H", len(fields))
        + rows
        + bytes(4)
    )
    assert read_picture(tmp_path / "a.tif").pixels[0, :, 0].tolist() == [0, 255, 128, 255]


def test_what_is_no_number_is_black(tmp_path: Path) -> None:
    values = np.array([[0.0, 0.5, 1.0, np.nan, np.inf, -np.inf]], np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert read_picture(tmp_path / "a.tif").pixels[0, :, 0].tolist() == [0, 128, 255, 0, 255, 0]
    for flat in (np.nan, 0.0):
        Image.fromarray(np.full((4, 4), flat, np.float32)).save(tmp_path / "b.tif")
        assert not read_picture(tmp_path / "b.tif").pixels.any()


def test_sixteen_bits_become_eight(tmp_path: Path) -> None:
    wide = np.array([[0, 0x8000, 0xFFFF]], np.uint16)
    Image.fromarray(wide).save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png").pixels[0, :, 0].tolist() == [0, 0x80, 0xFF]
    clear = read_picture(png(tmp_path / "clear.png", wide, 0, struct.pack(">H", 0x8000)))
    assert clear.pixels[0, :, 0].tolist() == [0, 255, 255], "the grey that is named transparent is white"
    colour = np.array([[[0x1000, 0x8000, 0xF0FF]]], np.uint16)
    assert read_picture(png(tmp_path / "b.png", colour, 2)).pixels.tolist() == [[[0x10, 0x80, 0xF0]]]
    see_through = np.array([[[0x1000, 0x8000, 0xF0FF, 0], [0x1000, 0x8000, 0xF0FF, 0xFFFF]]], np.uint16)
    shown = read_picture(png(tmp_path / "c.png", see_through, 6)).pixels.tolist()
    assert shown == [[[255, 255, 255], [0x10, 0x80, 0xF0]]]
    grey = np.array([[[0x4000, 0], [0x4000, 0xFFFF]]], np.uint16)
    assert read_picture(png(tmp_path / "d.png", grey, 4)).pixels[0, :, 0].tolist() == [255, 0x40]


def test_other_modes_have_their_colours(tmp_path: Path) -> None:
    one = Image.new("1", (2, 1))
    one.putpixel((1, 0), 1)
    one.save(tmp_path / "one.png")
    assert read_picture(tmp_path / "one.png").pixels[0, :, 0].tolist() == [0, 255]
    one.save(tmp_path / "clear.png", transparency=0)
    assert read_picture(tmp_path / "clear.png").pixels[0, :, 0].tolist() == [255, 255]
    ink = Image.new("CMYK", (32, 32), (0, 255, 255, 0))
    for name in ("ink.jpg", "ink.tif"):
        ink.save(tmp_path / name)
        assert np.abs(read_picture(tmp_path / name).pixels.astype(int) - (255, 0, 0)).max() < 40, name
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    turned = ImageCms.profileToProfile(Image.new("RGB", (8, 8), RED), srgb, lab, outputMode="LAB")
    turned.save(tmp_path / "lab.tif")
    assert np.abs(read_picture(tmp_path / "lab.tif").pixels.astype(int) - RED).max() < 4
    half = Image.new("RGBA", (1, 1), (255, 0, 0, 128))
    half.convert("RGBa").convert("RGBA").save(tmp_path / "half.tif")
    assert np.abs(read_picture(tmp_path / "half.tif").pixels[0, 0].astype(int) - (255, 127, 127)).max() < 3
    grey = Image.new("LA", (1, 1), (0, 0))
    grey.save(tmp_path / "grey.png")
    assert read_picture(tmp_path / "grey.png").pixels.tolist() == [[[255, 255, 255]]]


def test_a_colour_profile_is_honoured(tmp_path: Path) -> None:
    """A picture in linear light: half as much light is a lighter grey than half the number."""
    linear = linear_profile()
    Image.new("RGB", (8, 8), (55, 55, 55)).save(tmp_path / "a.png", icc_profile=linear)
    assert abs(int(read_picture(tmp_path / "a.png").pixels[0, 0, 0]) - 128) < 4
    see_through = Image.new("RGBA", (1, 2), (55, 55, 55, 255))
    see_through.putpixel((0, 1), (55, 55, 55, 0))
    see_through.save(tmp_path / "b.png", icc_profile=linear)
    top, bottom = read_picture(tmp_path / "b.png").pixels[:, 0, 0].tolist()
    assert abs(top - 128) < 4
    assert bottom == 255
    Image.new("L", (8, 8), 55).save(tmp_path / "c.png", icc_profile=linear)
    assert read_picture(tmp_path / "c.png").pixels[0, 0].tolist() == [55] * 3, (
        "a profile of another kind is ignored"
    )


def linear_profile() -> bytes:
    """The sRGB profile with straight tone curves."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for place in range(struct.unpack_from(">I", data, 128)[0]):
        name, where, _ = struct.unpack_from(">4sII", data, 132 + 12 * place)
        if name.endswith(b"TRC"):
            data[where : where + 12] = b"curv" + bytes(8)  # no points: a straight line
    return bytes(data)


# --- what is refused


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
