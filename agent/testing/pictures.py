"""Pictures of what was looked for and where: the candidates on the screen, numbered as in the message."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from qvl_agent.agent.flows.run.record import FoundSeen

__all__ = ["draw_failure"]

_FOUND, _CANDIDATE = "#1a9c4a", "#d2352b"


def draw_failure(picture: Path, found: Sequence[FoundSeen], to: Path) -> str:
    """Draw what was found, and the candidates of what wasn't, on a picture; return the new file's path."""
    with Image.open(picture) as opened:
        image = opened.convert("RGB")
    draw = ImageDraw.Draw(image)
    for each in found:
        if each.box is not None:
            draw.rectangle(
                (each.box.left, each.box.top, each.box.right, each.box.bottom), outline=_FOUND, width=2
            )
            continue
        for number, candidate in enumerate(each.candidates, 1):
            box = candidate.box
            draw.rectangle((box.left, box.top, box.right, box.bottom), outline=_CANDIDATE, width=2)
            draw.text((box.left + 3, max(0, box.top - 12)), str(number), fill=_CANDIDATE)
    to.parent.mkdir(parents=True, exist_ok=True)
    image.save(to)
    return str(to)
