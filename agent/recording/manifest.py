"""The folder of a recorded run: its name, and its manifest, which is read strictly."""

import os
import re
import secrets
import time
from pathlib import Path
from typing import Final

from pydantic import BaseModel, StrictInt, ValidationError

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.agent.recording.files import read_whole, reason
from qvl_agent.agent.recording.format import FORMAT, Manifest
from qvl_agent.agent.recording.steps import first_complaint

__all__ = ["new_folder", "read_manifest"]

_MAX_MANIFEST: Final = 2**20
_NAME_ONE: Final = "name a run's folder, as each run says it: record: FOLDER"


class _Version(BaseModel):
    format: StrictInt


def read_manifest(path: str | os.PathLike[str]) -> tuple[Path, Manifest]:
    """Find a run's folder and read its manifest.

    Returns:
        The folder, resolved, and the manifest.

    Raises:
        RecordingError: there is no such folder, or its manifest is broken or of another version.
    """
    try:
        folder = Path(path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise RecordingError(f"can't open {path}: {reason(error)}; {_NAME_ONE}") from error
    file = folder / "manifest.json"
    if not os.path.lexists(file):
        raise RecordingError(f"{folder} is no recorded run, it has no manifest.json; {_NAME_ONE}")
    data = read_whole(file, _MAX_MANIFEST)
    try:
        version = _Version.model_validate_json(data).format
        if version != FORMAT:
            raise RecordingError(
                f"{folder} is in version {version} of the format; this program reads version {FORMAT}"
            )
        return folder, Manifest.model_validate_json(data)
    except ValidationError as error:
        raise RecordingError(f"{file}: {first_complaint(error)}") from error


def new_folder(root: Path, task: str) -> Path:
    """Make a run's folder, with a name that no other run has, even one that began in the same second."""
    slug = re.sub(r"[\W_]+", "-", task.lower())[:40].strip("-") or "task"
    while True:
        folder = root / f"{time.strftime('%Y%m%d-%H%M%S')}-{slug}-{secrets.token_hex(2)}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
