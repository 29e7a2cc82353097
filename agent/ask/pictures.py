"""Pictures from files that aren't trusted: a file's size and claims are checked before it is decoded."""

import warnings
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import SettingsError
from qvl_agent.actions.core.frame import Frame

__all__ = ["FORMATS", "MAX_PIXELS", "is_still", "read_picture"]

FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS: Final = 8192 * 8192
"""The most pixels that a picture may have: twice an 8K screen, as for recorded frames."""
_MAX_BYTES: Final = 256 * 2**20
_BROKEN: Final = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


def is_still(path: Path) -> bool:
    """Return whether a file is a picture that doesn't move, by its header alone; nothing is decoded.

    Raises:
        SettingsError: the file can't be read, or claims more pixels than allowed.
    """
    try:
        with _opened(path) as image:
            return not getattr(image, "is_animated", False)
    except UnidentifiedImageError:
        return False
    except _BROKEN as error:
        raise SettingsError(_complaint(path, error)) from error


def read_picture(path: Path) -> Frame:
    """Read a picture as it is meant to be seen: turned as its EXIF says, transparent parts on white.

    Raises:
        SettingsError: the file isn't one of `FORMATS`, is damaged, or has more than `MAX_PIXELS`.
    """
    try:
        with _opened(path) as image:
            upright = ImageOps.exif_transpose(image)
            pixels = np.array(_on_white(upright))
    except UnidentifiedImageError as error:
        raise SettingsError(f"{path} is no picture; expected one of {', '.join(FORMATS)}") from error
    except _BROKEN as error:
        raise SettingsError(_complaint(path, error)) from error
    height, width = pixels.shape[:2]
    return Frame(pixels, Rect(0, 0, width, height))


def _opened(path: Path) -> Image.Image:
    """Read a picture's header, and refuse a picture that is too large. The pixels are decoded later."""
    size = path.stat().st_size
    if not path.is_file():  # a pipe would be waited for, and a device may never end
        raise SettingsError(f"{path} is not a plain file")
    if size > _MAX_BYTES:
        raise SettingsError(f"{path} has {size / 2**20:.0f} MiB; a picture may have {_MAX_BYTES // 2**20}")
    with warnings.catch_warnings():
        # Pillow's own limit, which lies above ours, is a warning first.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(path, formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise SettingsError(
            f"{path} claims {image.width}x{image.height} pixels; at most {MAX_PIXELS} are allowed: "
            "make it smaller first"
        )
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # 16 bits of grey, which Pillow would clip to white
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB")


def _complaint(path: Path, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"can't read {path}: {error.strerror}"
    return f"{path} is a damaged picture: {error}"
