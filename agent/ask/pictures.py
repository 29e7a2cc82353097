"""Pictures from files that aren't trusted: a file's size and claims are checked before it is decoded."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import QvlError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.ask.colours import on_white, whole

__all__ = ["FORMATS", "MAX_PIXELS", "is_still", "read_picture"]

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
MAX_PIXELS: Final = 8192 * 8192
"""The most pixels that a picture may have: twice an 8K screen, as for recorded frames."""
_MAX_BYTES: Final = 256 * 2**20
_JPEG: Final = b"\xff\xd8\xff"
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


def is_still(path: Path) -> bool:
    """Return whether a file is a picture that doesn't move, by its header alone; nothing is decoded.

    Raises:
        SettingsError: the file can't be read, or claims more pixels than allowed.
    """
    try:
        with _reading(path), _opened(path) as image:
            return not getattr(image, "is_animated", False)
    except UnidentifiedImageError:
        return False


def read_picture(path: Path) -> Frame:
    """Read a picture as it is meant to be seen: turned as its EXIF says, transparent parts on white.

    Raises:
        SettingsError: the file isn't one of `FORMATS`, is damaged, or has more than `MAX_PIXELS`.
    """
    try:
        with _reading(path), _opened(path) as image:
            image.load()
            shown, _ = on_white(_upright(image))
            pixels = np.array(shown)
    except UnidentifiedImageError as error:
        raise SettingsError(f"{path} is no picture; expected one of {', '.join(FORMATS)}") from error
    height, width = pixels.shape[:2]
    return Frame(pixels, Rect(0, 0, width, height))


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what a broken file makes Pillow raise, which may be anything, into one line.

    Pillow warns of odd metadata and of pictures over a limit that lies above ours; neither is worth a line.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (QvlError, UnidentifiedImageError):
        raise
    except OSError as error:
        why = f"can't read {path}: {error.strerror}" if error.strerror else _damaged(path, error)
        raise SettingsError(why) from error
    except Exception as error:
        raise SettingsError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    why = " ".join(str(error).split()) or type(error).__name__
    return f"{path} is a damaged picture: {why}; save it anew with another program"


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Read a picture's header, and refuse a picture that is too large. The pixels are decoded later."""
    size = path.stat().st_size
    if not path.is_file():  # a pipe would be waited for, and a device may never end
        raise SettingsError(f"{path} is not a plain file")
    if size > _MAX_BYTES:
        raise SettingsError(f"{path} has {size / 2**20:.0f} MiB; a picture may have {_MAX_BYTES // 2**20}")
    # Given a path, Pillow would map some files into memory, and get the size of a turned TIFF wrong.
    with path.open("rb") as file, _image(file) as image:
        _check_size(path, image)
        yield image


def _image(file: BinaryIO) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        if file.read(len(_JPEG)) != _JPEG:
            raise
        file.seek(0)
        return JpegImageFile(file)  # a broken list of further pictures (MPF) hides the JPEG from Pillow


def _check_size(path: Path, image: Image.Image) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise SettingsError(
            f"{path} claims {image.width}x{image.height} pixels; at most {MAX_PIXELS} are allowed: "
            "make it smaller first"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Turn a loaded picture as its EXIF says, if that can be read."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # noqa: BLE001 - EXIF that can't be read may raise anything, and is no part of the picture
        return image
    turn = _TURNS.get(whole(orientation) or 0)
    return image if turn is None else image.transpose(turn)
