"""A clip as a model is shown it: frames, and before each frame its time in words.

`read_run` makes a `Clip` of the screens of a recorded run; `videos.py` makes one of a video file, and
`animations.py` of a picture that moves. `as_parts` lays a clip out for a message.

The layout is that of transformers' `Qwen3VLProcessor.replace_video_token` (models/qwen3_vl/
processing_qwen3_vl.py, 5.23): `<3.0 seconds>`, vision start, the tokens of a temporal patch, vision end.
A patch holds two frames, and its time is the middle between theirs; here both are the same frame,
as for any image that the model is given, so the time is exactly that frame's. The technical report says that
times in hours, minutes and seconds were trained too, without giving the form.
"""

import math
from collections.abc import Iterable, Sequence
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

__all__ = [
    "MOST_PER_FRAME",
    "TOTAL_TOKENS",
    "Clip",
    "Moment",
    "TimeStyle",
    "as_parts",
    "frame_tokens",
    "marker",
    "moments_at",
    "read_run",
    "shrunk",
    "spread",
]

TimeStyle = Literal["seconds", "hms"]
"""How a time is written: <75.5 seconds>, or <00:01:15.5>."""
TOTAL_TOKENS: Final = 16_384
"""The image tokens that all frames of a video may cost together: half of the context of 32,768 tokens that
docs/servers.md gives a server."""
MOST_PER_FRAME: Final = 768
"""The most image tokens that qwen-vl-utils gives a frame of a video."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The frame that is shown at a time, in seconds from the start."""

    seconds: float
    frame: Frame


@dataclass(frozen=True, slots=True)
class Clip:
    """Some moments of a video, and the length of the whole video in seconds."""

    moments: tuple[Moment, ...]
    seconds: float


def read_run(recording: Recording, *, max_frames: int, max_picture_tokens: int) -> Clip:
    """Take the screens of a recorded run, with the times at which they were captured.

    Screens that equal the one before are left out; of the rest at most `max_frames` are taken, evenly spread.

    Raises:
        RecordingError: a frame is missing or damaged.
    """
    screens = _screens(recording)
    if len(screens) > max_frames:
        kept = np.linspace(0, len(screens) - 1, max_frames).round().astype(int)
        screens = [screens[index] for index in dict.fromkeys(kept.tolist())]
    tokens = frame_tokens(len(screens), max_picture_tokens)
    moments = tuple(Moment(max(0.0, ref.time), shrunk(recording.frame(ref), tokens)) for ref in screens)
    seconds = recording.result.seconds if recording.result else moments[-1].seconds
    return Clip(moments, seconds)


def as_parts(clip: Clip, style: TimeStyle = "seconds") -> tuple[Part, ...]:
    """Lay a clip out for a message: each frame after its time."""
    return tuple(part for moment in clip.moments for part in (marker(moment.seconds, style), moment.frame))


def marker(seconds: float, style: TimeStyle = "seconds") -> str:
    """Write a time, in seconds, as the model reads it: <75.5 seconds>, or <00:01:15.5>."""
    if style == "seconds":
        return f"<{seconds:.1f} seconds>"
    tenths = round(seconds * 10)
    return f"<{tenths // 36000:02}:{tenths // 600 % 60:02}:{tenths // 10 % 60:02}.{tenths % 10}>"


def frame_tokens(count: int, most: int) -> int:
    """Return how many image tokens each of `count` frames may cost, at most `most`."""
    return min(MOST_PER_FRAME, max(1, TOTAL_TOKENS // max(1, count)), most)


def spread(begin: float, end: float, fps: float, max_frames: int) -> list[float]:
    """Choose times in seconds, from the first picture's to the end of the last.

    Args:
        begin: when the first picture comes.
        end: until when the last picture stays.
        fps: times a second, if that makes at most `max_frames` with the end; else they are spread evenly.
        max_frames: the most times in all; a single one is the beginning.
    """
    count = math.ceil(max(0.0, end - begin) * fps)
    if max_frames == 1 or end <= begin:
        return [begin]
    if count < max_frames:
        return [*(begin + step / fps for step in range(count)), end]
    return [float(at) for at in np.linspace(begin, end, max_frames)]


def moments_at(times: Sequence[float], shown: Iterable[tuple[float, Frame]]) -> tuple[Moment, ...]:
    """Return the moments at ascending times, given since when each shown frame is there, and the frame.

    The last time is the end of the clip: nothing begins there, so its frame is shown with the time since when
    it is there, and only if the moment before shows another.
    """
    moments: list[Moment] = []
    for place, (seconds, (since, frame)) in enumerate(zip(times, shown, strict=True)):
        if not moments or place < len(times) - 1:
            moments.append(Moment(max(seconds, since), frame))
        elif moments[-1].frame is not frame:
            moments.append(Moment(max(moments[-1].seconds, since), frame))
    return tuple(moments)


def shrunk(frame: Frame, tokens: int) -> Frame:
    """Return a frame of at most so many image tokens; at scale 1, with its own size as its monitor."""
    pixels = np.asarray(resized(frame, tokens)).copy()
    return replace(frame, pixels=pixels, monitor=Rect(0, 0, pixels.shape[1], pixels.shape[0]), scale=1.0)


def _screens(recording: Recording) -> list[FrameRef]:
    """Return every whole screen of a run in the order of time, without those that repeat the one before."""
    refs: dict[str, FrameRef] = {}
    for index, step in enumerate(recording.steps):
        for ref in (screen_of(recording.steps, index), step.outcome.frame):
            if ref is not None:
                refs.setdefault(ref.id, ref)
    if recording.result and recording.result.frame:
        refs.setdefault(recording.result.frame.id, recording.result.frame)
    ordered = sorted(refs.values(), key=lambda ref: ref.time)
    return [ref for at, ref in enumerate(ordered) if at == 0 or ref.sha256 != ordered[at - 1].sha256]
