"""The opening of a recorded run that goes on: one process reads it, and writes on at its journal's end."""

import os
import re
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor
from qvl_agent.agent.recording.files import reason
from qvl_agent.agent.recording.journal import Journal, Lines
from qvl_agent.agent.recording.manifest import read_manifest
from qvl_agent.agent.recording.recording import Recorder, Recording
from qvl_agent.agent.recording.steps import paired
from qvl_agent.agent.wording import quoted

__all__ = ["go_on_with", "seconds_used"]

_FRAME: Final = re.compile(r"([0-9]{1,9})\.png")


def go_on_with(path: str | os.PathLike[str], redactor: Redactor = NOTHING) -> tuple[Recorder, Recording]:
    """Lock a run for this process, read it, and open it for writing where it ended.

    Nothing is changed until the first line is appended, which cuts off what a crash left of a torn line.

    Args:
        path: the run's folder.
        redactor: hides the secrets that may stand in no record.

    Returns:
        The recorder, to be closed by the caller, and the recording, which has no steps if the run was cut off
        before its first.

    Raises:
        RunBusyError: another process is writing the run.
        RecordingError: the record is broken, or the folder is no run's.
    """
    folder, manifest = read_manifest(path)
    if manifest.flow:
        raise RecordingError(
            "this run did a flow, and a flow goes on by its rows: qvl-agent flow run "
            f"{quoted(manifest.flow)} --resume; one without rows is run anew, without --resume"
        )
    journal, lines = _journal(folder / "journal.jsonl")
    try:
        run = paired(lines.bodies, folder / "journal.jsonl")
        recording = Recording(folder, manifest, run.steps, run.result, lines.torn, run.resumed)
        recorder = Recorder(
            folder,
            journal,
            seconds=seconds_used(recording),
            count=_highest_frame_number(folder),
            redactor=redactor,
        )
    except BaseException:
        journal.close()
        raise
    return recorder, recording


def seconds_used(recording: Recording) -> float:
    """Return the seconds that a run has taken, as far as its record shows, without pauses between parts."""
    known = [0.0, recording.result.seconds if recording.result else 0.0]
    for step in recording.steps:
        began = step.intent.scene.elapsed_s if step.intent.scene else 0.0
        known.append(began + sum(step.outcome.outcome.times.values()))
        known.append(step.intent.frame.time)
    return max(known)


def _journal(path: Path) -> tuple[Journal, Lines]:
    """Open the journal; make one for a run that was killed before it had any."""
    if path.exists() or path.is_symlink():
        return Journal.again(path)
    try:
        return Journal(path), Lines((), "", (0, 0))
    except OSError as error:
        raise RecordingError(f"can't go on with {path.parent}: {error}") from error


def _highest_frame_number(folder: Path) -> int:
    """Return the highest number among the frames' files, even those to which no line refers."""
    try:
        found = [_FRAME.fullmatch(entry.name) for entry in (folder / "frames").iterdir()]
    except OSError as error:
        raise RecordingError(f"can't read {folder / 'frames'}: {reason(error)}") from error
    return max((int(match[1]) for match in found if match), default=0)
