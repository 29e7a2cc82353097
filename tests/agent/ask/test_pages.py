"""Files with more than one picture: documents, photos with others inside, animations, and HEIC."""

import os
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.ask.ask import LookedAt, VideoSampling, look_at, pages_of
from qvl_agent.agent.ask.clips import Clip
from qvl_agent.agent.ask.pictures import (
    MAX_PAGES,
    is_animation,
    is_still,
    read_animation,
    read_pages,
    read_picture,
)
from qvl_agent.agent.ask.videos import read_video

pillow_heif.register_heif_opener()  # to write HEIC

RED, GREEN = (200, 30, 40), (0, 200, 0)


def document(path: Path, pages: int) -> Path:
    """A scan whose page `n` has the grey 10 * n."""
    first, *rest = (Image.new("L", (96, 128), 10 * number) for number in range(1, pages + 1))
    first.save(path, "TIFF", save_all=True, append_images=rest)
    return path


def greys(seen: LookedAt) -> list[int]:
    return [round(part.pixels.mean()) for part in seen.parts if isinstance(part, Frame)]


def texts(seen: LookedAt) -> list[str]:
    return [part for part in seen.parts if isinstance(part, str)]


def looked(*paths: Path, pages: tuple[int, ...] = ()) -> LookedAt:
    return look_at(paths, VideoSampling(), pages)


# --- documents


def test_every_page_of_a_document_is_shown_behind_its_number(tmp_path: Path) -> None:
    seen = looked(document(tmp_path / "scan.tif", 3))
    assert (texts(seen), greys(seen), seen.notes) == (["Page 1: ", "Page 2: ", "Page 3: "], [10, 20, 30], ())
    assert read_picture(tmp_path / "scan.tif").size == (96, 128)
    Image.new("L", (96, 128), 90).save(tmp_path / "one.png")
    both = looked(tmp_path / "scan.tif", tmp_path / "one.png")
    assert texts(both) == ["Picture 1, page 1: ", "Picture 1, page 2: ", "Picture 1, page 3: ", "Picture 2: "]


def test_of_a_long_document_the_first_pages_are_shown_and_that_is_said(tmp_path: Path) -> None:
    path = document(tmp_path / "scan.tif", 12)
    seen = looked(path)
    assert greys(seen) == [10 * number for number in range(1, MAX_PAGES + 1)]
    assert seen.notes == ("scan.tif: pages 1 to 8 of 12 are shown; --pages names others",)
    others = looked(path, pages=(12, 9))
    assert (texts(others), greys(others), others.notes) == (["Page 12: ", "Page 9: "], [120, 90], ())
    with pytest.raises(SettingsError, match="has 12 pages; --pages names 13"):
        looked(path, pages=(1, 13))


def test_pages_of_a_document_have_their_own_size_and_depth(tmp_path: Path) -> None:
    one = Image.new("1", (64, 96), 1)
    colour = Image.new("RGB", (96, 64), RED)
    wide = Image.fromarray(np.full((32, 32), 1.0, np.float32))
    one.save(tmp_path / "a.tif", save_all=True, append_images=[colour, wide])
    shown = read_pages(tmp_path / "a.tif").shown
    assert [page.frame.size for page in shown] == [(64, 96), (96, 64), (32, 32)]
    assert [page.frame.pixels[0, 0].tolist() for page in shown] == [[255] * 3, list(RED), [255] * 3]


def test_smaller_copies_and_masks_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    whole, small = Image.new("L", (96, 128), 100), Image.new("L", (24, 32), 200)
    whole.save(path, save_all=True, append_images=[small], tiffinfo={254: 0})
    data = bytearray(path.read_bytes())
    second = struct.unpack_from("<I", data, next_page(data, struct.unpack_from("<I", data, 4)[0]))[0]
    assert struct.unpack_from("<HHII", data, second + 2)[::3] == (254, 0), (
        "the first of the second page's tags"
    )
    for kind, count in ((1, 1), (4, 1), (5, 1), (2, 2), (0, 2)):
        struct.pack_into("<I", data, second + 2 + 8, kind)
        path.write_bytes(data)
        assert read_pages(path).count == count, kind


def next_page(data: bytes, page: int) -> int:
    """Where a page's table of a TIFF says where the next one is."""
    return page + 2 + 12 * int(struct.unpack_from("<H", data, page)[0])


def test_a_list_of_pages_that_breaks_off_hides_no_first_page(tmp_path: Path) -> None:
    data = bytearray(document(tmp_path / "a.tif", 2).read_bytes())
    first = struct.unpack_from("<I", data, 4)[0]
    after = next_page(data, first)
    for place in (len(data) + 1000, len(data) - 1, 3, 0xFFFFFFFF):
        struct.pack_into("<I", data, after, place)
        (tmp_path / "a.tif").write_bytes(data)
        pages = read_pages(tmp_path / "a.tif")
        assert pages.shown[0].frame.pixels.mean() == 10
        assert pages.count == 1
        assert pages.notes == ("a.tif: its further pages can't be read",)
    struct.pack_into("<I", data, after, first)  # a circle
    (tmp_path / "a.tif").write_bytes(data)
    assert read_pages(tmp_path / "a.tif").count == 1


@pytest.mark.parametrize(
    ("text", "pages"), [("2", (2,)), ("1-3", (1, 2, 3)), ("7, 1-2,7", (7, 1, 2)), ("3-3", (3,))]
)
def test_pages_are_named_by_number(text: str, pages: tuple[int, ...]) -> None:
    assert pages_of(text) == pages


@pytest.mark.parametrize(
    "text", ["", "0", "a", "1-", "-2", "3-1", "1,,2", "1-9", "1-999999", "9999999", "²", "1.5"]
)
def test_what_names_no_pages_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="expected"):
        pages_of(text)


# --- photos with others inside


def test_of_a_photo_with_others_inside_the_first_is_shown(tmp_path: Path) -> None:
    """A phone's JPEG with a second picture (MPO): a preview, the other eye's view, or a gain map."""
    first, second = Image.new("RGB", (64, 48), RED), Image.new("RGB", (32, 24), GREEN)
    first.save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[second])
    assert is_still(tmp_path / "phone.jpg")
    seen = looked(tmp_path / "phone.jpg")
    assert [part.size for part in seen.parts] == [(64, 48)], "and no word of ours comes before it"
    assert seen.notes == ("phone.jpg: picture 1 of the 2 in it is shown; --pages names others",)
    other = looked(tmp_path / "phone.jpg", pages=(2,))
    assert np.abs(other.parts[1].pixels.astype(int) - GREEN).max() < 30


def test_grey_of_no_known_range_is_said(tmp_path: Path) -> None:
    Image.fromarray(np.linspace(-2, 3, 64).reshape(8, 8).astype(np.float32)).save(tmp_path / "a.tif")
    assert looked(tmp_path / "a.tif").notes == ("a.tif: its grey from -2 to 3 is shown as black to white",)


# --- animations


def moving(path: Path, durations: list[int], **more: object) -> Path:
    """An animation whose frame `n` has the grey 8 * n."""
    first, *rest = (Image.new("RGB", (320, 256), (8 * at,) * 3) for at in range(len(durations)))
    first.save(path, save_all=True, append_images=rest, duration=durations, **more)
    return path


def animation(path: Path, fps: float = 2.0, max_frames: int = 32) -> Clip:
    return read_animation(path, fps=fps, max_frames=max_frames, max_picture_tokens=2048)


def places(clip: Clip) -> list[int]:
    return [round(float(moment.frame.pixels.mean()) / 8) for moment in clip.moments]


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_an_animated_picture_is_a_video(tmp_path: Path, name: str) -> None:
    path = moving(tmp_path / name, [500] * 6)
    assert is_animation(path)
    assert not is_still(path)
    clip = animation(path)
    assert clip.seconds == pytest.approx(3)
    assert [moment.seconds for moment in clip.moments] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5])
    assert places(clip) == [0, 1, 2, 3, 4, 5]
    (shown,) = looked(path).clips
    assert shown.seconds == pytest.approx(3)
    with pytest.raises(SettingsError, match=r"--pages is for .* is a video"):
        looked(path, pages=(1,))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_frames_of_an_animation_stay_as_long_as_they_say(tmp_path: Path, name: str) -> None:
    clip = animation(moving(tmp_path / name, [2000, 500, 3000, 100]))
    assert clip.seconds == pytest.approx(5.6)
    assert places(clip) == [0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 3]
    few = animation(tmp_path / name, max_frames=3)
    assert [moment.seconds for moment in few.moments] == pytest.approx([0, 2.8, 5.5])
    assert places(few) == [0, 2, 3], "the last frame is always among them"
    assert places(animation(tmp_path / name, max_frames=1)) == [0]


def test_frames_that_say_no_time_are_shown_as_browsers_do(tmp_path: Path) -> None:
    assert animation(moving(tmp_path / "a.gif", [0] * 10)).seconds == pytest.approx(1)
    assert animation(moving(tmp_path / "b.webp", [10] * 10)).seconds == pytest.approx(1)


def test_the_cover_of_an_animated_png_is_no_part_of_it(tmp_path: Path) -> None:
    clip = animation(moving(tmp_path / "a.png", [500, 500, 500], default_image=True))
    assert places(clip) == [1, 2]
    assert clip.seconds == pytest.approx(1)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_transparent_parts_of_an_animation_are_white(tmp_path: Path, name: str) -> None:
    frames = []
    for colour in (RED, GREEN):
        frame = Image.new("RGBA", (64, 64), (*colour, 255))
        frame.paste((0, 0, 0, 0), (16, 16, 48, 48))
        frames.append(frame)
    more = {} if name.endswith("webp") else {"disposal": 2}
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=500, **more)
    clip = animation(tmp_path / name)
    for moment, colour in zip(clip.moments, (RED, GREEN), strict=True):
        pixels = moment.frame.pixels.astype(int)
        assert np.abs(pixels[16, 16] - colour).max() < 30
        assert pixels[128, 128].min() > 240


def test_an_animation_that_is_cut_off_is_one_clear_line(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp", "a.png", "a.avif"):
        path = tmp_path / name
        noise = [Image.effect_noise((64, 64), 90).convert("RGB") for _ in range(4)]
        noise[0].save(path, save_all=True, append_images=noise[1:], duration=500)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        try:
            seen = looked(path)
        except SettingsError as error:
            why = str(error)
        else:
            why = ""
            assert seen.clips or seen.parts
        assert "\n" not in why


# --- HEIC


def corners(width: int, height: int) -> np.ndarray:
    """White at the top left, mid-grey at the top right, else black."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = 255
    pixels[: height // 2, width // 2 :] = 128
    return pixels


def heic(path: Path, pixels: np.ndarray, **more: object) -> Path:
    Image.fromarray(pixels).save(path, "HEIF", quality=80, **more)
    return path


@pytest.mark.parametrize(("width", "height", "tile"), [(640, 480, 256), (512, 512, 512), (300, 700, 64)])
def test_a_phones_photo_in_tiles_is_whole(tmp_path: Path, width: int, height: int, tile: int) -> None:
    path = heic(tmp_path / "IMG.HEIC", corners(width, height), tile_size=tile)
    assert (path.read_bytes().count(b"grid") > 0) == (tile < max(width, height))
    assert is_still(path)
    frame = read_picture(path)
    assert frame.size == (width, height)
    assert np.abs(frame.pixels.astype(int) - corners(width, height)).mean() < 4
    assert looked(path).notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("tile", [64, 1024])
def test_a_heic_photo_stands_upright(tmp_path: Path, orientation: int, tile: int) -> None:
    """Its turn is in the file's own properties (irot, imir); EXIF repeats it, and mustn't turn it again."""
    exif = Image.Exif()
    exif[0x112] = orientation
    path = heic(tmp_path / "a.heic", corners(320, 256), exif=exif.tobytes(), tile_size=tile)
    assert (b"irot" in path.read_bytes() or b"imir" in path.read_bytes()) == (orientation > 1)
    right = {
        1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud,
        5: lambda p: p.swapaxes(0, 1), 6: lambda p: np.rot90(p, -1),
        7: lambda p: np.rot90(p, 2).swapaxes(0, 1), 8: np.rot90,
    }[orientation](corners(320, 256))  # fmt: skip
    assert np.abs(read_picture(path).pixels.astype(int) - right).mean() < 4


def test_of_several_photos_in_a_heic_the_main_one_is_shown(tmp_path: Path) -> None:
    red, green = Image.new("RGB", (128, 96), RED), Image.new("RGB", (96, 128), GREEN)
    red.save(tmp_path / "a.heic", "HEIF", save_all=True, append_images=[green], primary_index=1)
    seen = looked(tmp_path / "a.heic")
    assert seen.parts[0].size == (96, 128)
    assert seen.notes == ("a.heic: picture 2 of the 2 in it is shown; --pages names others",)
    both = looked(tmp_path / "a.heic", pages=(1, 2))
    assert texts(both) == ["Page 1: ", "Page 2: "]
    assert np.abs(both.parts[1].pixels.astype(int) - RED).max() < 30


def test_transparent_parts_of_a_heic_are_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (128, 96), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 64, 96))
    image.save(tmp_path / "a.heic", "HEIF")
    pixels = read_picture(tmp_path / "a.heic").pixels.astype(int)
    assert np.abs(pixels[48, 16] - RED).max() < 30
    assert pixels[48, -16].min() > 240


def test_a_heic_that_is_damaged_is_one_clear_line(tmp_path: Path) -> None:
    whole = heic(tmp_path / "a.heic", corners(320, 256), tile_size=64).read_bytes()
    for end in (20, 200, 700, len(whole) // 2):
        (tmp_path / "a.heic").write_bytes(whole[:end])
        with pytest.raises(SettingsError, match=r"a\.heic") as caught:
            looked(tmp_path / "a.heic")
        assert "\n" not in str(caught.value)


def test_a_tile_is_never_shown_as_if_it_was_the_photo(tmp_path: Path) -> None:
    """FFmpeg makes a stream of each tile. A file that hides what it is isn't shown by its first."""
    path = heic(tmp_path / "a.heic", corners(640, 480), tile_size=256)
    with pytest.raises(SettingsError, match="in tiles"):
        read_video(path, fps=1, max_frames=1, max_picture_tokens=2048)
    data = path.read_bytes()
    for brand in (b"isom", b"mp42", b"qt  "):
        path.write_bytes(data[:8] + brand + data[12:])
        with pytest.raises(SettingsError, match="in tiles"):
            looked(path)


def sequence(path: Path, brand: bytes) -> Path:
    """A HEIC sequence: a track of pictures in HEVC. An MP4 differs in its brand and in the track's name."""
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=Fraction(10), options={"x265-params": "log-level=none"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for at in range(20):
            pixels = np.full((96, 128, 3), 8 * at, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    data[8:12] = brand
    handler = data.index(b"vide", data.index(b"hdlr"))
    data[handler : handler + 4] = b"pict"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("brand", [b"hevc", b"msf1"])
def test_a_heic_sequence_is_a_video(tmp_path: Path, brand: bytes) -> None:
    path = sequence(tmp_path / "a.heics", brand)
    assert not is_still(path)
    (clip,) = looked(path).clips
    assert clip.seconds == pytest.approx(2, abs=0.1)
    assert [moment.seconds for moment in clip.moments] == pytest.approx([0, 0.5, 1, 1.5, 1.9])
    assert places(clip) == pytest.approx([0, 5, 10, 15, 19], abs=1)


def test_without_pillow_heif_the_remedy_is_named(tmp_path: Path) -> None:
    path = heic(tmp_path / "IMG.HEIC", corners(320, 256))
    script = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from pathlib import Path\n"
        "from qvl_agent.agent.ask.ask import VideoSampling, look_at\n"
        "from qvl_agent.actions.core.errors import DesktopError\n"
        f"try: look_at([Path({str(path)!r})], VideoSampling())\n"
        "except DesktopError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.stdout == f"{path} is a HEIC picture; for those: pip install 'qvl-agent[heic]'\n"
