"""Pictures from files, as they are meant to be seen: one, the pages of a document, or an animation."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.ask.clips import Clip, frame_tokens, moments_at, shrunk, spread
from qvl_agent.agent.ask.colours import on_white, whole
from qvl_agent.agent.ask.picture_files import (
    FORMATS,
    MAX_PIXELS,
    check_size,
    is_heif_sequence,
    opened,
    reading,
)

__all__ = [
    "FORMATS",
    "MAX_PAGES",
    "MAX_PIXELS",
    "Page",
    "Pages",
    "is_animation",
    "is_still",
    "read_animation",
    "read_pages",
    "read_picture",
]

MAX_PAGES: Final = 8
"""The most pages of a file that are shown at once: of 2048 tokens each, they are half a context of 32,768."""
_ANIMATED: Final = ("PNG", "WEBP", "GIF", "AVIF")
"""The formats in which further pictures are moments; in others they are pages, or pictures of their own."""
_TIFF_KIND: Final = 254
"""TIFF 6.0's NewSubfileType: bit 0 is a smaller copy of another page, bit 2 a mask."""
_TIFF_NO_PAGE: Final = 0b101
_BROWSERS_MS: Final = 100
"""How long browsers show a frame that says 10 ms or less."""
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture of an EXIF orientation upright. ImageOps.exif_transpose writes all other tags anew
too, and fails at one that is odd."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a file, or one of the pictures in it; pages count from 1."""

    number: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Pages:
    """The pages that are shown, how many the file has, and what a person should know about them."""

    shown: tuple[Page, ...]
    count: int
    notes: tuple[str, ...]


def is_still(path: Path) -> bool:
    """Return whether a file is a picture that doesn't move, by its header alone; nothing is decoded.

    Raises:
        SettingsError: the file can't be read, or claims more pixels than allowed.
        DesktopError: it is a HEIC picture, and pillow-heif isn't installed.
    """
    return _moves(path) is False


def is_animation(path: Path) -> bool:
    """Return whether a file is a picture that moves; errors are those of `is_still`."""
    return _moves(path) is True


def read_picture(path: Path) -> Frame:
    """Read a picture as it is meant to be seen: turned as its EXIF says, transparent parts on white.

    Of several in a file it is the one that the file calls its main one, else the first.

    Raises:
        SettingsError: the file isn't one of `FORMATS`, is damaged, or has more than `MAX_PIXELS`.
        DesktopError: it is a HEIC picture, and pillow-heif isn't installed.
    """
    return read_pages(path, most=1).shown[0].frame


def read_pages(path: Path, wanted: Sequence[int] = (), *, most: int = MAX_PAGES) -> Pages:
    """Read a picture, or the pages of one that has several.

    Args:
        path: a picture file. A TIFF of several pages is a document; another file may hold several pictures.
        wanted: the pages to read; by default a document's first `most`, and another file's main picture.
        most: the most pages to read by default.

    Raises:
        SettingsError: see `read_picture`; or the file has no such page.
        DesktopError: see `read_picture`.
    """
    try:
        with reading(path), opened(path) as image:
            main, (places, notes) = image.tell(), _places(image)
            numbers, note = _chosen(path, places, wanted, main if image.format != "TIFF" else None, most)
            pages = []
            for number in numbers:
                image.seek(places[number - 1])
                check_size(path, image)
                frame, odd = _frame(image)
                pages.append(Page(number, frame))
                notes += [odd]
    except UnidentifiedImageError as error:
        raise SettingsError(f"{path} is no picture; expected one of {', '.join(FORMATS)}") from error
    said = dict.fromkeys(f"{path.name}: {each}" for each in (note, *notes) if each)
    return Pages(tuple(pages), len(places), tuple(said))


def read_animation(path: Path, *, fps: float, max_frames: int, max_picture_tokens: int) -> Clip:
    """Read a picture that moves as a clip of one round; the arguments are those of `videos.read_video`.

    Raises:
        SettingsError: the file is damaged, or no picture that moves.
    """
    try:
        with reading(path), opened(path) as image:
            places = range(1 if getattr(image, "default_image", False) else 0, getattr(image, "n_frames", 1))
            ends = list(itertools.accumulate(_seconds(image, place) for place in places))
            times = spread(0.0, ends[-1], fps, max_frames)
            tokens = frame_tokens(len(times), max_picture_tokens)
            moments = moments_at(times, _at(image, times, list(places), ends, tokens))
    except UnidentifiedImageError as error:
        raise SettingsError(f"{path} is no picture; expected one of {', '.join(_ANIMATED)}") from error
    return Clip(moments, ends[-1])


def _moves(path: Path) -> bool | None:
    """Return whether a picture moves; None if the file is no picture, or a video in a picture's clothes."""
    try:
        with reading(path):
            if path.is_file():
                with path.open("rb") as file:
                    if is_heif_sequence(file):
                        return None
            with opened(path) as image:
                return image.format in _ANIMATED and bool(getattr(image, "is_animated", False))
    except UnidentifiedImageError:
        return None


def _places(image: Image.Image) -> tuple[list[int], list[str]]:
    """Return where a file's pages or pictures lie, and a note if not all can be found."""
    places: list[int] = []
    try:
        for place in range(getattr(image, "n_frames", 1)):
            if image.format == "TIFF":
                image.seek(place)
                kind = whole(image.tag_v2.get(_TIFF_KIND)) or 0  # type: ignore[attr-defined]
                if kind & _TIFF_NO_PAGE:
                    continue
            places.append(place)
    except Exception:  # noqa: BLE001 - a broken list of pages may raise anything, and the first is sound
        return places or [0], ["its further pages can't be read"]
    return places or [0], []


def _chosen(
    path: Path, places: list[int], wanted: Sequence[int], main: int | None, most: int
) -> tuple[list[int], str]:
    """Return the numbers of the pages to show, and a note if others are left out that nobody left out."""
    count = len(places)
    if wanted:
        if missing := [number for number in wanted if not 1 <= number <= count]:
            raise SettingsError(f"{path} has {count} page{'s' * (count > 1)}; --pages names {missing[0]}")
        return list(wanted), ""
    if main is not None:
        number = places.index(main) + 1
        note = f"picture {number} of the {count} in it is shown; --pages names others"
        return [number], note if count > 1 else ""
    note = f"pages 1 to {most} of {count} are shown; --pages names others"
    return list(range(1, min(count, most) + 1)), note if count > most else ""


def _frame(image: Image.Image) -> tuple[Frame, str]:
    image.load()
    shown, note = on_white(_upright(image))
    return Frame(np.array(shown), Rect(0, 0, *shown.size)), note


def _seconds(image: Image.Image, place: int) -> float:
    """Decode a frame of an animation, and return how long it is shown."""
    image.seek(place)
    image.load()
    shown_ms = float(image.info.get("duration") or 0)
    return (shown_ms if shown_ms > _BROWSERS_MS / 10 else _BROWSERS_MS) / 1000


def _at(
    image: Image.Image, times: Sequence[float], places: list[int], ends: list[float], tokens: int
) -> Iterator[tuple[float, Frame]]:
    """Yield since when the frame of an animation at each of these times is there, and the frame."""
    begins = [0.0, *ends[:-1]]
    made: tuple[float, Frame] | None = None
    for seconds in times:
        at = max(0, int(np.searchsorted(begins, seconds, side="right")) - 1)
        if made is None or made[0] != begins[at]:
            image.seek(places[at])
            made = begins[at], shrunk(_frame(image)[0], tokens)
        yield made


def _upright(image: Image.Image) -> Image.Image:
    """Turn a loaded picture as its EXIF says, if that can be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - EXIF that can't be read may raise anything, and is no part of the picture
        return image
    turn = _TURNS.get(whole(orientation) or 0)
    return image if turn is None else image.transpose(turn)
