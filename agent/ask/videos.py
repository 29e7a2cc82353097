"""Videos and recorded runs as Qwen3-VL is shown them: frames, and before each its time in words.

The layout is the one of transformers' `Qwen3VLProcessor.replace_video_token` (models/qwen3_vl/
processing_qwen3_vl.py, 5.23): `<3.0 seconds>`, vision start, the tokens of a temporal patch, vision end.
A patch holds two frames, and its time is the middle between theirs; here both are the same frame,
which is what an image is to the model, so the time is exactly that frame's. The technical report says that
times in hours, minutes and seconds were trained too, without giving the form.
"""

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Part
from qvl_agent.agent.models.pictures import resized
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import screen_of

__all__ = ["Clip", "Moment", "TimeStyle", "as_parts", "frame_tokens", "marker", "read_run"]

TimeStyle = Literal["seconds", "hms"]

TOTAL_TOKENS: Final = 16_384
"""Image tokens that all frames of a video may cost together; half of the context that servers are
told to hold in the README."""
MOST_PER_FRAME: Final = 768
"""The most that qwen-vl-utils gives a frame of a video."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was to be seen at a time, in seconds from the start."""

    seconds: float
    frame: Frame


@dataclass(frozen=True, slots=True)
class Clip:
    """Some moments of a video, and how long all of it is, in seconds."""

    moments: tuple[Moment, ...]
    seconds: float


def marker(seconds: float, style: TimeStyle = "seconds") -> str:
    """Write a time as the model reads it: <75.5 seconds>, or <00:01:15.5>."""
    if style == "seconds":
        return f"<{seconds:.1f} seconds>"
    tenths = round(seconds * 10)
    return f"<{tenths // 36000:02}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}>"


def as_parts(clip: Clip, style: TimeStyle = "seconds") -> tuple[Part, ...]:
    """Lay a clip out for a message: each frame behind its time."""
    return tuple(part for moment in clip.moments for part in (marker(moment.seconds, style), moment.frame))


def frame_tokens(count: int, most: int) -> int:
    """Say how many image tokens each of `count` frames may cost, and no more than `most`."""
    return min(MOST_PER_FRAME, max(1, TOTAL_TOKENS // max(1, count)), most)


def read_run(recording: Recording, *, max_frames: int, max_picture_tokens: int) -> Clip:
    """Take the screens of a recorded run, with the times at which they were captured.

    Screens that are as the one before are left out; of the others `max_frames`, evenly, if they are more.

    Raises:
        RecordingError: a frame is missing or damaged.
    """
    screens = _screens(recording)
    if len(screens) > max_frames:
        kept = np.linspace(0, len(screens) - 1, max_frames).round().astype(int)
        screens = [screens[index] for index in dict.fromkeys(kept.tolist())]
    tokens = frame_tokens(len(screens), max_picture_tokens)
    moments = tuple(Moment(max(0.0, ref.time), _shrunk(recording.frame(ref), tokens)) for ref in screens)
    seconds = recording.result.seconds if recording.result else moments[-1].seconds
    return Clip(moments, seconds)


def _screens(recording: Recording) -> list[FrameRef]:
    """Every whole screen of a run in the order of time, without those that repeat the one before."""
    refs: dict[str, FrameRef] = {}
    for index, step in enumerate(recording.steps):
        for ref in (screen_of(recording.steps, index), step.outcome.frame):
            if ref is not None:
                refs.setdefault(ref.id, ref)
    if recording.result and recording.result.frame:
        refs.setdefault(recording.result.frame.id, recording.result.frame)
    ordered = sorted(refs.values(), key=lambda ref: ref.time)
    return [ref for at, ref in enumerate(ordered) if at == 0 or ref.sha256 != ordered[at - 1].sha256]


def _shrunk(frame: Frame, tokens: int) -> Frame:
    pixels = np.asarray(resized(frame, tokens)).copy()
    return replace(frame, pixels=pixels, monitor=Rect(0, 0, pixels.shape[1], pixels.shape[0]), scale=1.0)
