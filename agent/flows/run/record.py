"""What a flow did, step by step and item by item: `flow.jsonl` in the run's folder, beside the journal.

The journal has each input with its picture, verdict and outcome. These lines say which step of which item it
belonged to, how its target was found, and what was expected afterwards. A queue's file, not this one, decides
what is done again.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from qvl_agent.actions.core.coordinates import FrameBox
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor
from qvl_agent.agent.flows.finding.wanted import Finding
from qvl_agent.agent.recording.files import create, write_all
from qvl_agent.agent.recording.format import FrameRef

__all__ = [
    "FILE",
    "CandidateSeen",
    "FlowBegan",
    "FlowEnded",
    "FlowLine",
    "FlowLog",
    "FoundSeen",
    "ItemBegan",
    "ItemEnded",
    "StepEnded",
    "read_lines",
    "seen_in",
]

FILE: Final = "flow.jsonl"
_MOST_CANDIDATES: Final = 6


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CandidateSeen(_Line):
    """A place that might have been the target: its box in the frame's pixels, and what each evidence said."""

    box: FrameBox
    clues: tuple[str, ...]
    score: float


class FoundSeen(_Line):
    """How a target was searched, and what came of it."""

    box: FrameBox | None
    reason: str = ""
    moved: str = ""
    scale: float = 1.0
    seconds: float = 0.0
    candidates: tuple[CandidateSeen, ...] = ()


class FlowBegan(_Line):
    """The first line: which flow, with which lock, variables and data."""

    type: Literal["flow"] = "flow"
    flow: str
    file: str
    digest: str
    lock: str
    """The checksum of the lock's content."""
    variables: dict[str, Any] = Field(default_factory=dict)


class ItemBegan(_Line):
    """An item begins, or goes on after its step `after`."""

    type: Literal["item"] = "item"
    key: str
    number: int
    after: str = ""


class StepEnded(_Line):
    """A step is over.

    `action` is its number in the journal, 0 if it sent nothing; `frame` is the screen where it failed.
    """

    type: Literal["step"] = "step"
    key: str = ""
    path: str
    words: str
    status: Literal["done", "failed", "noted"]
    """noted: a soft check that doesn't hold."""
    message: str = ""
    action: int = 0
    attempt: int = 1
    found: tuple[FoundSeen, ...] = ()
    frame: FrameRef | None = None
    seconds: float = 0.0


class ItemEnded(_Line):
    """An item is over."""

    type: Literal["item-ended"] = "item-ended"
    key: str
    status: str
    message: str = ""
    path: str = ""
    """The step at which it failed."""
    values: dict[str, Any] = Field(default_factory=dict)
    seconds: float = 0.0


class FlowEnded(_Line):
    """The last line: how many items ended how."""

    type: Literal["flow-ended"] = "flow-ended"
    status: str
    message: str = ""
    counts: dict[str, int] = Field(default_factory=dict)
    seconds: float = 0.0


FlowLine: TypeAlias = FlowBegan | ItemBegan | StepEnded | ItemEnded | FlowEnded
_LINE: Final[TypeAdapter[FlowLine]] = TypeAdapter(Annotated[FlowLine, Field(discriminator="type")])


class FlowLog:
    """The writer of one run's lines; a context manager."""

    def __init__(self, folder: Path, redactor: Redactor = NOTHING) -> None:
        """Make the file.

        Raises:
            RecordingError: it can't be made.
        """
        self._redactor = redactor
        try:
            self._file = create(folder / FILE)
        except OSError as error:
            raise RecordingError(f"can't record in {folder}: {error.strerror}") from error

    def write(self, line: FlowLine) -> None:
        """Append a line.

        Raises:
            RecordingError: the disk is full, for example.
        """
        clean: FlowLine = self._redactor.record(line)
        try:
            write_all(self._file, clean.model_dump_json(exclude_defaults=False).encode() + b"\n")
        except OSError as error:
            raise RecordingError(f"can't write {FILE}: {error.strerror}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def read_lines(folder: Path) -> tuple[FlowLine, ...]:
    """Read a run's lines; a last line that a crash cut off is left out.

    Raises:
        RecordingError: the folder is no flow's run, or a line is broken.
    """
    try:
        text = (folder / FILE).read_bytes()
    except OSError as error:
        raise RecordingError(f"{folder} is no run of a flow: it has no {FILE}") from error
    lines = text.split(b"\n")
    whole = lines[:-1]
    try:
        return tuple(_LINE.validate_json(line) for line in whole)
    except ValidationError as error:
        raise RecordingError(f"{folder / FILE}: {first_error(error)}") from error


def seen_in(finding: Finding) -> FoundSeen:
    """Return what the record keeps of a search: the place, and the likeliest candidates with their clues."""
    candidates = tuple(
        CandidateSeen(
            box=each.box,
            clues=tuple(
                f"{clue.kind}: {'yes' if clue.says else 'no' if clue.says is False else 'can’t tell'}, "
                f"{clue.why} ({clue.score:.2f})"
                for clue in each.clues
            ),
            score=round(each.score, 3),
        )
        for each in finding.candidates[:_MOST_CANDIDATES]
    )
    return FoundSeen(
        box=finding.box,
        reason=finding.reason,
        moved=finding.moved,
        scale=finding.scale,
        seconds=round(finding.seconds, 4),
        candidates=candidates,
    )
