"""Picture files that aren't trusted: a file's size and claims are checked before anything is decoded."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, UnidentifiedImageError
from PIL.JpegImagePlugin import JpegImageFile

from qvl_agent.actions.core.errors import DesktopError, QvlError, SettingsError

__all__ = ["FORMATS", "MAX_PIXELS", "check_size", "is_heif_sequence", "opened", "reading"]

_PLAIN: Final = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
FORMATS: Final = (*_PLAIN, "HEIF")
MAX_PIXELS: Final = 8192 * 8192
"""The most pixels that a picture may have: twice an 8K screen, as for recorded frames."""
_MAX_BYTES: Final = 256 * 2**20
_JPEG: Final = b"\xff\xd8\xff"
_HEIF: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1"})
_HEIF_SEQUENCES: Final = frozenset({b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"})
_AVIF: Final = frozenset({b"avif", b"avis"})
"""Brands, by which a file in the ISO base media format says what it is (ISO/IEC 23008-12, annex B)."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn what a broken file makes Pillow raise, which may be anything, into one line.

    Pillow warns of odd metadata and of pictures over a limit that lies above ours; neither is worth a line.

    Raises:
        SettingsError: the file is damaged or can't be read.
        UnidentifiedImageError: it is no picture.
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
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture and read its header; the pixels are decoded later.

    Raises:
        SettingsError: it isn't a plain file, or claims more pixels than `MAX_PIXELS`.
        DesktopError: it is a HEIC picture, and pillow-heif isn't installed.
        UnidentifiedImageError: it is no picture of `FORMATS`.
    """
    size = path.stat().st_size
    if not path.is_file():  # a pipe would be waited for, and a device may never end
        raise SettingsError(f"{path} is not a plain file")
    if size > _MAX_BYTES:
        raise SettingsError(f"{path} has {size / 2**20:.0f} MiB; a picture may have {_MAX_BYTES // 2**20}")
    # Given a path, Pillow would map some files into memory, and get the size of a turned TIFF wrong.
    with path.open("rb") as file, _image(file, path) as image:
        check_size(path, image)
        yield image


def check_size(path: Path, image: Image.Image) -> None:
    """Refuse a picture, or a page of it, that is too large.

    Raises:
        SettingsError: it claims more than `MAX_PIXELS`.
    """
    if image.width * image.height > MAX_PIXELS:
        raise SettingsError(
            f"{path} claims {image.width}x{image.height} pixels; at most {MAX_PIXELS} are allowed: "
            "make it smaller first"
        )


def is_heif_sequence(file: BinaryIO) -> bool:
    """Return whether an open file, read from its start, says that it is a HEIF sequence, which is a video."""
    brand, others = _brands(file)
    return brand in _HEIF_SEQUENCES and not _AVIF & others


def _image(file: BinaryIO, path: Path) -> Image.Image:
    brand, others = _brands(file)
    heif = brand in _HEIF and not _AVIF & others
    if heif:
        _register_heif(path)
    try:
        return Image.open(file, formats=["HEIF"] if heif else _PLAIN)
    except UnidentifiedImageError as error:
        if heif:
            raise SettingsError(
                f"{path} is a HEIC picture that is damaged or of an unknown kind; save it as JPEG or PNG"
            ) from error
        file.seek(0)
        if file.read(len(_JPEG)) != _JPEG:
            raise
        file.seek(0)
        return JpegImageFile(file)  # a broken list of further pictures (MPF) hides the JPEG from Pillow


def _brands(file: BinaryIO) -> tuple[bytes, frozenset[bytes]]:
    """Return the brand of a file in the ISO base media format, and all that it is compatible with."""
    start = file.read(512)
    file.seek(0)
    if start[4:8] != b"ftyp":
        return b"", frozenset()
    start = start[: int.from_bytes(start[:4], "big")]
    return start[8:12], frozenset(start[at : at + 4] for at in range(8, len(start), 4) if at != 12)


def _register_heif(path: Path) -> None:
    """Let Pillow read HEIC, tiles, turns and all; FFmpeg would hand out single tiles."""
    try:
        import pillow_heif  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise DesktopError(f"{path} is a HEIC picture; for those: pip install 'qvl-agent[heic]'") from error
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
