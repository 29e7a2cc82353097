"""The lock: what a flow's targets looked like when it was recorded, in a folder beside the flow.

`x.lock/lock.json` has an `Evidence` for each target, by the target's `key`; `x.lock/pictures/` has pictures
of whole windows, each once, named by their checksum. It is generated, committed with the flow, and never
edited by hand. Secrets are covered in its pictures, as in every record.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Final, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.frame import Pixels
from qvl_agent.actions.core.validation import first_error
from qvl_agent.agent.recording.png import decode, encode

__all__ = [
    "Evidence",
    "Lock",
    "Picture",
    "Seen",
    "WindowSeen",
    "load_picture",
    "lock_folder",
    "picture_of",
    "replace_file",
]

_FORMAT: Final = 1
_MAX_PNG: Final = 64 * 2**20


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Picture(_Record):
    """A picture in the lock: its file's checksum, its size, and the scale that it was captured at."""

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]
    scale: Annotated[float, Field(gt=0)] = 1.0
    """Frame pixels for one logical pixel."""

    @property
    def file(self) -> str:
        return f"pictures/{self.sha256[:16]}.png"


class WindowSeen(_Record):
    """The window that a target was in, as far as it was known."""

    app: str = ""
    program: str = ""
    title: str = ""


class Seen(_Record):
    """A text that was read on a picture, and where, in its pixels."""

    text: str
    box: FrameBox


class Evidence(_Record):
    """What one target looked like.

    All boxes are in pixels of `picture`, which shows the whole window, or the screen if no window was known.
    """

    picture: Picture
    window: WindowSeen = WindowSeen()
    box: FrameBox
    """The target's control: a button with its edges, a check box, a field."""
    text: str = ""
    """What was read on it; "" for an icon, a check box, an empty field."""
    texts: tuple[Seen, ...] = ()
    """All that was read in the picture: the landmarks that the target is found by, and its row's words."""
    row: str = ""
    """The words that named its row, with the values of then; "" if it is in no list or table."""
    text_varies: bool = False
    """The words on it are another item's each time, so its looks prove nothing."""
    pitch: Annotated[float, Field(ge=0)] | None = None
    """Pixels to the next thing above or below that looks like it; 0 if none does, None if nobody looked."""


class Lock(_Record):
    """All evidence of one flow."""

    format: Annotated[int, Field(ge=_FORMAT, le=_FORMAT)] = _FORMAT
    program: str = ""
    """The version of qvl-agent that made it."""
    made_from: str = ""
    """The recorded run that it was made from."""
    reader: str = ""
    """What read the texts, with its version."""
    targets: dict[str, Evidence] = Field(default_factory=dict)
    """By the target's `key`."""
    frames: dict[str, tuple[Picture, ...]] = Field(default_factory=dict)
    """By a step's path in the flow: the window before it and after it, for a run without a screen."""
    texts: dict[str, tuple[Seen, ...]] = Field(default_factory=dict)
    """What was read in a picture, by the picture's checksum."""
    verdicts: dict[str, str] = Field(default_factory=dict)
    """By a step's path: how the guard judged it, as "level by rule"."""
    platform: str = "linux"

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a lock; its pictures are read, and checked, when they are asked for.

        Raises:
            RecordingError: it isn't there, or is broken.
        """
        try:
            return cls.model_validate_json((folder / "lock.json").read_bytes())
        except OSError as error:
            raise RecordingError(
                f"can't read the lock {folder}: {error.strerror}; compile the flow again"
            ) from error
        except ValidationError as error:
            raise RecordingError(
                f"{folder / 'lock.json'}: {first_error(error)}; compile the flow again"
            ) from error

    def save(self, folder: Path, pictures: Mapping[str, bytes]) -> None:
        """Write the lock and its pictures; a reader sees the old lock or the new one, never half of one.

        Args:
            folder: it is made if it isn't there.
            pictures: PNG files by their checksum; those that the lock doesn't name are left out, and files
                that it no longer names are removed.

        Raises:
            RecordingError: it can't be written; the old lock still holds.
        """
        named = {picture.sha256: picture for picture in self.pictures()}
        try:
            (folder / "pictures").mkdir(parents=True, exist_ok=True)
            for digest, picture in named.items():
                if digest in pictures and not (folder / picture.file).exists():
                    replace_file(folder / picture.file, pictures[digest])
            text = self.model_dump_json(indent=1, exclude_defaults=True).encode()
            replace_file(folder / "lock.json", text + b"\n")
            kept = {Path(picture.file).name for picture in named.values()}
            for file in (folder / "pictures").iterdir():
                if file.name not in kept:
                    file.unlink()
        except OSError as error:
            raise RecordingError(f"can't write the lock {folder}: {error.strerror}") from error

    def pictures(self) -> tuple[Picture, ...]:
        """Return every picture that it names, each once."""
        named = [evidence.picture for evidence in self.targets.values()]
        named += [picture for frames in self.frames.values() for picture in frames]
        return tuple({picture.sha256: picture for picture in named}.values())

    def digest(self) -> str:
        """Return a checksum of all that it says; its pictures are in it by theirs."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def picture_of(pixels: Pixels, scale: float) -> tuple[Picture, bytes]:
    """Encode a picture for a lock; return its entry and its PNG file."""
    png = encode(np.ascontiguousarray(pixels))
    height, width = pixels.shape[:2]
    return Picture(sha256=hashlib.sha256(png).hexdigest(), width=width, height=height, scale=scale), png


def load_picture(folder: Path, picture: Picture) -> Pixels:
    """Read one of a lock's pictures as RGB of shape (height, width, 3).

    Raises:
        RecordingError: it is missing or was changed.
    """
    path = folder / picture.file
    try:
        if path.stat().st_size > _MAX_PNG:
            raise RecordingError(f"{path} is too large for a picture; compile the flow again")
        png = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"can't read {path}: {error.strerror}; compile the flow again") from error
    if hashlib.sha256(png).hexdigest() != picture.sha256:
        raise RecordingError(f"{path} was changed after it was recorded; compile the flow again")
    return decode(png, (picture.width, picture.height))


def lock_folder(flow: Path) -> Path:
    """Return where a flow's lock lies: `x.lock` beside `x.flow.yaml`."""
    name = flow.name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".flow")
    return flow.with_name(f"{name}.lock")


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader, and a crash, see the old one or the new one as a whole."""
    with NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
