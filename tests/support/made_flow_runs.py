"""Runs of flows, written by the real recorder and the real log, without a screen."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from made_runs import Writer, grounded, manifest

from qvl_agent.actions.core.coordinates import FrameBox, ModelBox, Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Reply
from qvl_agent.actions.core.outcome import Outcome
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor
from qvl_agent.agent.flows.run.record import (
    CandidateSeen,
    FlowBegan,
    FlowEnded,
    FlowLine,
    FlowLog,
    FoundSeen,
    ItemBegan,
    ItemEnded,
    StepEnded,
)
from qvl_agent.agent.recording.format import RunResult
from qvl_agent.agent.recording.recording import Recorder


def screen(seed: int, width: int = 320, height: int = 200) -> Frame:
    """A screen that no other seed gives, of coloured tiles."""
    tiles = np.random.default_rng(seed).integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
    return Frame(tiles.repeat(20, axis=0).repeat(20, axis=1).copy(), Rect(0, 0, width, height))


def noise(seed: int, width: int = 320, height: int = 200) -> Frame:
    """A screen that no encoder makes small."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Frame(pixels, Rect(0, 0, width, height))


def not_found(clue: str = "words: no, “Safe” is on it (0.31)", number: int = 2) -> FoundSeen:
    """A search that ended with so many candidates."""
    candidates = tuple(
        CandidateSeen(
            box=FrameBox(20 + 90 * each, 40, 80 + 90 * each, 60), clues=(clue,), score=0.5 - 0.1 * each
        )
        for each in range(number)
    )
    return FoundSeen(box=None, reason=f"{number} places may be “Save”", candidates=candidates)


def flow_run(
    root: Path,
    lines: Iterable[FlowLine],
    frames: Mapping[int, Frame] | None = None,
    *,
    task: str = "Enter invoices",
    file: str = "/nowhere/x.flow.yaml",
    digest: str = "",
    status: str = "failed",
    message: str = "",
    redactor: Redactor = NOTHING,
    ended: bool = True,
    refused: Frame | None = None,
) -> Path:
    """Record a run, and return its folder.

    `frames` has the screens of steps by their place in `lines`; on `refused` the guard refuses a last click.
    """
    with (
        Recorder.create(root, manifest(task, model="none", flow=file), redactor) as recorder,
        FlowLog(recorder.folder, redactor) as log,
    ):
        log.write(FlowBegan(flow=task, file=file, digest=digest, lock="", variables={"limit": 10_000}))
        for place, line in enumerate(lines):
            frame = (frames or {}).get(place)
            log.write(line.model_copy(update={"frame": recorder.ref(frame)}) if frame else line)
        if refused is not None:
            reply = Reply(grounded("click", ModelBox.of(100, 100, 300, 200), label="Clear"))
            Writer(recorder).play(refused, reply, Outcome("refused", "this may delete something"))
        if ended:
            log.write(FlowEnded(status=status, message=message, seconds=4.2))
            recorder.result(
                RunResult.model_validate({"status": status, "message": message, "steps": 0, "seconds": 4.2})
            )
    return recorder.folder


def item(key: str, number: int, status: str = "done", message: str = "", *steps: StepEnded) -> list[FlowLine]:
    """The lines of one item."""
    ended = ItemEnded(key=key, status=status, message=message, seconds=1.5)
    return [ItemBegan(key=key, number=number), *steps, ended]
