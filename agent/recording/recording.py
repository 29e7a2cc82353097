"""The writer and the reader of a run on disk: what was acknowledged survives a crash, reading is strict.

`Recorder` writes a new run's folder (mode 0700, its files 0600); `Recording` reads one. Nothing is
ever rewritten: the manifest is written once, each frame once, the journal only at its end. `continuing.py`
opens the record of a run that goes on.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import numpy as np
from pydantic import BaseModel

from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor
from qvl_agent.agent.recording.files import make_private, read_whole, sync_folder, write_new
from qvl_agent.agent.recording.format import (
    FrameRef,
    Manifest,
    RunResult,
    RunResumed,
    StepIntent,
    StepOutcome,
    Turn,
)
from qvl_agent.agent.recording.journal import Journal, read_journal
from qvl_agent.agent.recording.manifest import new_folder, read_manifest
from qvl_agent.agent.recording.png import decode, encode
from qvl_agent.agent.recording.steps import RecordedStep, paired

__all__ = ["RecordedStep", "Recorder", "Recording", "turns"]

_MAX_PNG: Final = 256 * 2**20


class Recorder:
    """The writer of one run. It is used by one thread, and encodes pictures in a thread of its own."""

    def __init__(
        self,
        folder: Path,
        journal: Journal | None = None,
        *,
        seconds: float = 0.0,
        count: int = 0,
        redactor: Redactor = NOTHING,
    ) -> None:
        """Begin to write into a run's folder; `create` makes a new one, `continuing.py` goes on with one.

        Args:
            folder: the run's folder, which exists and has its manifest.
            journal: the journal to go on with; None for a new one.
            seconds: seconds since the run began.
            count: the highest number among the frames' files that are there.
            redactor: hides the secrets that may stand in no record.
        """
        self.folder = folder
        self._redactor = redactor
        self._began = time.monotonic() - seconds
        self._journal = journal or Journal(folder / "journal.jsonl")
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recorder")
        self._refs: dict[str, Future[FrameRef]] = {}
        self._files: dict[str, str] = {}  # checksum -> file; only the worker uses it and the next two
        self._latest: tuple[Frame, FrameRef] | None = None
        self._count = count

    @classmethod
    def create(cls, root: Path, manifest: Manifest, redactor: Redactor = NOTHING) -> Self:
        """Make the run's folder `<date>-<time>-<task>-<4 hex digits>` under `root`, with its manifest.

        Secrets that `redactor` knows stand in no record and in no file's name.

        Raises:
            RecordingError: the disk is full, or `root` can't be written.
        """
        try:
            make_private(root)
            manifest = redactor.record(manifest)
            folder = new_folder(root, manifest.task)
            (folder / "frames").mkdir(mode=0o700)
            write_new(folder / "manifest.json.new", _to_json(manifest, indent=2) + b"\n")
            (folder / "manifest.json.new").rename(folder / "manifest.json")
            recorder = cls(folder, redactor=redactor)
            sync_folder(folder)
            sync_folder(root)
        except OSError as error:
            raise RecordingError(f"can't record in {root}: {error}; name another folder") from error
        return recorder

    def keep(self, frame: Frame) -> None:
        """Begin to store a frame, without waiting."""
        if frame.id in self._refs:
            return
        try:
            self._refs[frame.id] = self._worker.submit(self._store, frame)
        except RuntimeError as error:
            raise RecordingError(f"the recording {self.folder} is closed") from error

    def ref(self, frame: Frame) -> FrameRef:
        """Wait until a frame is on the disk, and return a reference to it; begin to store it if nobody did.

        Raises:
            RecordingError: it couldn't be stored. Another call tries again.
        """
        self.keep(frame)
        try:
            return self._refs[frame.id].result()
        except OSError as error:
            del self._refs[frame.id]
            raise RecordingError(f"can't store a frame in {self.folder}: {error}") from error
        except RecordingError:
            del self._refs[frame.id]
            raise

    def _store(self, frame: Frame) -> FrameRef:
        latest = self._latest
        if latest and np.array_equal(latest[0].pixels, frame.pixels):
            file, digest = latest[1].file, latest[1].sha256
        else:
            png = encode(frame.pixels)
            digest = hashlib.sha256(png).hexdigest()
            file = self._files.get(digest) or self._write(png)
            self._files[digest] = file
        ref = FrameRef(
            id=frame.id, file=file, sha256=digest, view=frame.view, time=round(frame.time - self._began, 6)
        )
        self._latest = (frame, ref)
        return ref

    def _write(self, png: bytes) -> str:
        self._count += 1
        file = f"frames/{self._count:04}.png"
        write_new(self.folder / file, png)
        sync_folder(self.folder / "frames")
        return file

    def intent(self, intent: StepIntent) -> None:
        """Append what is about to happen, and return when it is on the disk.

        Raises:
            RecordingError: it isn't on the disk, so nothing may be sent.
        """
        self._journal.append(_to_json(self._redactor.record(intent)))

    def outcome(self, outcome: StepOutcome) -> None:
        """Append a step's outcome; raises as `intent` does."""
        self._journal.append(_to_json(self._redactor.record(outcome)))

    def result(self, result: RunResult) -> None:
        """Append the run's end; raises as `intent` does."""
        self._journal.append(_to_json(self._redactor.record(result)))

    def resumed(self, resumed: RunResumed) -> None:
        """Append that the run goes on; raises as `intent` does."""
        self._journal.append(_to_json(self._redactor.record(resumed)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait until the frames that were begun are stored, and close the files. May be called twice."""
        self._worker.shutdown()
        self._journal.close()


def turns(messages: Sequence[Message], recorder: Recorder) -> tuple[Turn, ...]:
    """Turn messages into the journal's form, with their pictures stored; raises as `Recorder.ref` does."""
    return tuple(
        Turn(
            role=message.role,
            parts=tuple(recorder.ref(part) if isinstance(part, Frame) else part for part in message.parts),
        )
        for message in messages
    )


def _to_json(record: BaseModel, indent: int | None = None) -> bytes:
    """Write a record as UTF-8 JSON. A lone surrogate, which no UTF-8 file can hold, becomes "?".

    Raises:
        RecordingError: a number in it is not finite.
    """
    try:
        text = json.dumps(record.model_dump(mode="json"), ensure_ascii=False, allow_nan=False, indent=indent)
    except ValueError as error:
        raise RecordingError(f"can't record a {type(record).__name__}: {error}") from error
    return text.encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded run as it was read.

    Attributes:
        folder: the run's folder, resolved.
        manifest: what was run, where and with what, when the run began.
        steps: in order; at least one, unless `open` was told otherwise.
        result: how the run ended; None if it was cut off.
        torn: a sentence on a last line that a crash cut off; "" if there is none.
        resumed: the places where it went on after an end.
    """

    folder: Path
    manifest: Manifest
    steps: tuple[RecordedStep, ...]
    result: RunResult | None
    torn: str = ""
    resumed: tuple[RunResumed, ...] = ()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, stepless: bool = False) -> Self:
        """Read and check a run's folder, without the pictures, which are checked as they are read.

        Args:
            path: the run's folder.
            stepless: also a run that ended before its first step: a flow whose first target wasn't found.

        Raises:
            RecordingError: the record is broken, empty, or of another version of the format.
        """
        folder, manifest = read_manifest(path)
        bodies, torn = read_journal(folder / "journal.jsonl")
        run = paired(bodies, folder / "journal.jsonl")
        if not run.steps and not (stepless or manifest.flow):  # a flow's run says much without an input
            raise RecordingError(f"{folder} holds no step: there is nothing to replay; record the run again")
        return cls(folder, manifest, run.steps, run.result, torn, run.resumed)

    def manifest_at(self, step: int) -> Manifest:
        """Return the manifest that held at a step: a run may go on with another policy or model."""
        return next((part.manifest for part in reversed(self.resumed) if part.after < step), self.manifest)

    def frame(self, ref: FrameRef) -> Frame:
        """Read a stored frame; its time is in seconds since the run began.

        Raises:
            RecordingError: the file is missing, changed, cut off or another picture.
        """
        path = self.folder / ref.file
        png = read_whole(path, _MAX_PNG)
        if hashlib.sha256(png).hexdigest() != ref.sha256:
            raise RecordingError(f"{path} isn't the picture that was recorded: its checksum doesn't fit")
        view = ref.view
        try:
            pixels = decode(png, (view.width, view.height))
        except RecordingError as error:
            raise RecordingError(f"{path}: {error}") from error
        return Frame(pixels, view.monitor, view.scale, view.origin, ref.time, ref.id)

    def check_frames(self) -> None:
        """Read each frame to which the record refers, to check it; raises as `frame` does."""
        seen: set[str] = set()
        for ref in self._refs():
            if ref.sha256 not in seen:
                self.frame(ref)
                seen.add(ref.sha256)

    def _refs(self) -> list[FrameRef]:
        refs: list[FrameRef] = []
        for step in self.steps:
            closer = step.intent.closer
            spoken = (*step.intent.said, *(closer.said if closer else ()))
            said = (part for turn in spoken for part in turn.parts if isinstance(part, FrameRef))
            refs += [step.intent.frame, *said, *([closer.frame] if closer else [])]
            if step.outcome.frame is not None:
                refs.append(step.outcome.frame)
        if self.result and self.result.frame:
            refs.append(self.result.frame)
        if self.result and self.result.verification:
            asked = self.result.verification
            refs += [part for turn in asked.said for part in turn.parts if isinstance(part, FrameRef)]
            refs.append(asked.frame)
        return refs

    def messages(self, step: RecordedStep) -> tuple[Message, ...]:
        """Return the whole conversation that a step's reply answered, with the unchanged replies before it.

        Raises:
            RecordingError: as `frame` does.
        """
        messages: list[Message] = []
        for each in self.steps:
            for turn in each.intent.said:
                parts = tuple(self.frame(part) if isinstance(part, FrameRef) else part for part in turn.parts)
                messages.append(Message(turn.role, parts))
            if each is step:
                break
            messages.append(Message("assistant", (each.intent.reply.text,)))
        return tuple(messages)
