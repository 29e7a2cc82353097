"""A picture's numbers as the eye is meant to see them: RGB of 8 bits, in sRGB, transparent parts on white.

Grey of more than 8 bits has no one meaning. `_grey_range` decides which number is black and which is white.
"""

import io
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

__all__ = ["on_white", "whole"]

_TOPS: Final = (1, 255, 65535)
"""The whites that are common in grey pictures of 32 bits."""
_DARK: Final = 0.05
"""A picture that would stay below this part of a white isn't meant for that white."""
_BITS, _PHOTOMETRIC, _LOWEST, _HIGHEST = 258, 262, 340, 341
"""Tags of TIFF 6.0: BitsPerSample, PhotometricInterpretation, SMinSampleValue, SMaxSampleValue."""
_WHITE_IS_ZERO: Final = 0
"""A value of PhotometricInterpretation."""


def on_white(image: Image.Image) -> tuple[Image.Image, str]:
    """Return a loaded picture as RGB of 8 bits, and what a person should know about it, or "".

    Raises:
        ValueError: the mode can't be shown as RGB.
    """
    image, note = _grey(image) if image.mode.startswith(("I", "F")) else (image, "")
    if image.mode in ("RGBa", "La"):  # colours that were multiplied with their opacity
        image = image.convert(image.mode.upper())
    if image.mode in ("P", "PA", "1", "LA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = _in_srgb(image)
    if not image.has_transparency_data:
        return image.convert("RGB"), note
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    return white.convert("RGB"), note


def whole(value: Any) -> int | None:
    """Return the whole number that a tag holds, whatever kind of number or text the tag has; else None."""
    if isinstance(value, tuple):
        value = value[0] if value else None
    if isinstance(value, bytes) and len(value) == 1:
        return value[0]
    try:
        return int(value)
    except (TypeError, ValueError, ArithmeticError):
        return None


def _grey(image: Image.Image) -> tuple[Image.Image, str]:
    """Scale grey of 16 or 32 bits to 8; Pillow itself would clip it."""
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    if values.dtype == np.uint16:
        lowest, highest, note = 0.0, 4095.0 if whole(tags.get(_BITS)) == 12 else 65535.0, ""
    else:
        lowest, highest, note = _grey_range(values, tags)
    scaled = values.astype(np.float32)
    scaled -= lowest
    scaled *= 255 / (highest - lowest)
    eight = (
        np.nan_to_num(scaled, copy=False, nan=0, posinf=255, neginf=0).clip(0, 255).round().astype(np.uint8)
    )
    if whole(tags.get(_PHOTOMETRIC)) == _WHITE_IS_ZERO:
        eight = 255 - eight
    if (clear := whole(image.info.get("transparency"))) is None:
        return Image.fromarray(eight), note
    opaque = np.where(values == clear, 0, 255).astype(np.uint8)
    return Image.fromarray(np.dstack((eight, opaque)), "LA"), note


def _grey_range(values: npt.NDArray[Any], tags: Mapping[int, Any]) -> tuple[float, float, str]:
    """Return the numbers that are black and white in grey of 32 bits, and a note if nothing says which.

    - What the file declares as its lowest and highest number (TIFF's SMinSampleValue and SMaxSampleValue), if
      no number lies outside.
    - Else 0 and the smallest of 1, 255 and 65535 that no number exceeds.
    - Else, and if almost nothing would be seen that way, the picture's own lowest and highest number.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return 0.0, 1.0, ""
    low, high = float(finite.min()), float(finite.max())
    first, last = _number(tags.get(_LOWEST)), _number(tags.get(_HIGHEST))
    if first is not None and last is not None and first <= low <= high <= last and first < last:
        return first, last, ""
    top = next((top for top in _TOPS if high <= top), None)
    if low >= 0 and top is not None and (high >= _DARK * top or top == _TOPS[0]):
        return 0.0, float(top), ""
    if low == high:
        return low - 1, high, ""
    return low, high, f"its grey from {low:g} to {high:g} is shown as black to white"


def _number(value: Any) -> float | None:
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return number if np.isfinite(number) else None


def _in_srgb(image: Image.Image) -> Image.Image:
    """Apply the colour profile that the file brings; one that is broken or of another kind is ignored."""
    profile = image.info.get("icc_profile")
    try:
        if image.mode == "LAB":
            source = ImageCms.createProfile("LAB")
        elif profile:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
        else:
            return image
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        shown = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, ImportError, OSError, TypeError, ValueError):
        return image
    return shown or image
