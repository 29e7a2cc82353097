"""Videos and recorded runs as a model is shown them: frames, and before each frame its time in words.

`read_video` takes frames from a video file with PyAV, `read_run` the screens of a recorded run; both make
a `Clip`, which `as_parts` lays out for a message.

The layout is that of transformers' `Qwen3VLProcessor.replace_video_token` (models/qwen3_vl/
processing_qwen3_vl.py, 5.23): `<3.0 seconds>`, vision start, the tokens of a temporal patch, vision end.
A patch holds two frames, and its time is the middle between theirs; here both are the same frame,
as for any image that the model is given, so the time is exactly that frame's. The technical report says that
times in hours, minutes and seconds were trained too, without giving the form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Part
from qvl_agent.agent.ask.pictures import MAX_PIXELS
from qvl_agent.agent.models.pictures import fit, resized
from qvl_agent.agent.recording.format import FrameRef
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import screen_of

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = [
    "MOST_PER_FRAME",
    "TOTAL_TOKENS",
    "Clip",
    "Moment",
    "TimeStyle",
    "as_parts",
    "frame_tokens",
    "marker",
    "read_run",
    "read_video",
]

TimeStyle = Literal["seconds", "hms"]
"""How a time is written: <75.5 seconds>, or <00:01:15.5>."""
TOTAL_TOKENS: Final = 16_384
"""The image tokens that all frames of a video may cost together: half of the context of 32,768 tokens that
docs/servers.md gives a server."""
MOST_PER_FRAME: Final = 768
"""The most image tokens that qwen-vl-utils gives a frame of a video."""
_CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    *("avi", "gif", "apng", "flv", "mpegts", "mpeg", "asf", "ogg"),
)
"""The containers, by FFmpeg's names for them, that are opened."""
_SEEK_S: Final = 10.0
"""Over this many seconds or more, jumping to a key frame is quicker than decoding up to it."""


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


def read_video(path: Path, *, fps: float, max_frames: int, max_picture_tokens: int) -> Clip:
    """Take frames out of a video, evenly spread.

    Args:
        path: a video file; a variable frame rate is fine, as each moment has the picture shown at its time.
        fps: frames to take a second, if that makes at most `max_frames` in all; else `max_frames` are spread
            over the video.
        max_frames: the most frames to take.
        max_picture_tokens: the most image tokens that a frame may cost; see `frame_tokens`.

    Raises:
        SettingsError: the file isn't a video that can be read, or is damaged.
        DesktopError: PyAV isn't installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra, and a large library
    except ImportError as error:
        raise DesktopError("videos need PyAV: pip install 'qvl-agent[video]'") from error
    allowed = {"format_whitelist": ",".join(_CONTAINERS), "protocol_whitelist": "file"}
    try:
        # Without the prefix FFmpeg would take a name like "concat:a|b" for a protocol.
        with av.open(f"file:{path}", options=allowed, metadata_errors="replace") as container:
            stream = _video_stream(container, path)
            seconds, end = _length(container, stream)
            times = _times(seconds, end, fps, max_frames)
            return Clip(_Reader(container, stream, len(times), max_picture_tokens).at(times), seconds)
    except (av.FFmpegError, OSError) as error:
        why = error.strerror or str(error)
        raise SettingsError(f"{path} is neither a picture nor a video that can be read: {why}") from error


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
    moments = tuple(Moment(max(0.0, ref.time), _shrunk(recording.frame(ref), tokens)) for ref in screens)
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


def _video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """Return the stream of pictures; refuse pictures that are too large before anything is decoded.

    Raises:
        SettingsError: there are no pictures, or they claim no pixels or more than `MAX_PIXELS`.
    """
    from av.stream import Disposition  # noqa: PLC0415 - see `read_video`

    # The cover of a song counts as a stream of pictures.
    streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not streams:
        raise SettingsError(f"{path} has sound and no pictures; name a video")
    stream = streams[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    if not 0 < width * height <= MAX_PIXELS:
        raise SettingsError(f"{path} claims {width}x{height} pixels; 1 to {MAX_PIXELS} are allowed")
    stream.thread_type = "AUTO"
    return stream


def _length(container: "InputContainer", stream: "VideoStream") -> tuple[float, float]:
    """Return a video's length, and when its last frame begins, both in seconds.

    Where neither the stream nor the container says its length, all packets are read to find it.
    """
    base = stream.time_base or 0
    rate = stream.average_rate or stream.guessed_rate
    if stream.duration:
        seconds = float(stream.duration * base)
    elif container.duration:
        seconds = container.duration / 1_000_000
    else:
        first = stream.start_time or 0
        ends = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
        container.seek(0)
        return (last := float((max(ends, default=first) - first) * base)), last
    return seconds, max(0.0, seconds - (float(1 / rate) if rate else 0.0))


def _times(seconds: float, end: float, fps: float, max_frames: int) -> list[float]:
    """Choose the times in seconds: every 1/fps from the start, or, if those are too many, evenly spread."""
    count = int(seconds * fps) + 1
    if count <= max_frames:
        return [step / fps for step in range(count) if step / fps <= end] or [0.0]
    return [float(at) for at in np.linspace(0.0, end, max_frames)] if max_frames > 1 else [0.0]


class _Reader:
    """A reader that goes forward through a video, and makes the frames that are shown at given times."""

    def __init__(
        self, container: "InputContainer", stream: "VideoStream", count: int, max_picture_tokens: int
    ) -> None:
        self._container, self._stream = container, stream
        self._tokens = frame_tokens(count, max_picture_tokens)
        self._start = float((stream.start_time or 0) * (stream.time_base or 0))
        self._may_jump = True
        self._begin()
        if self._shown is None:
            raise SettingsError(f"{container.name.removeprefix('file:')} holds no frame with a time")

    def at(self, times: Sequence[float]) -> tuple[Moment, ...]:
        """Return the moments at these ascending times; while the picture stays, so does the frame object."""
        moments: list[Moment] = []
        made: tuple[float, Frame] | None = None
        for seconds in times:
            self._go_to(seconds)
            shown, picture = self._shown or (0.0, None)
            if made is None or made[0] != shown:
                made = (shown, self._frame(picture))
            moments.append(Moment(max(seconds, shown), made[1]))
        return tuple(moments)

    def _begin(self) -> None:
        self._decoded = self._frames()
        self._shown = next(self._decoded, None)
        self._next = next(self._decoded, None)

    def _frames(self) -> Iterator[tuple[float, Any]]:
        for frame in self._container.decode(self._stream):
            if frame.time is not None:
                yield max(0.0, frame.time - self._start), frame

    def _go_to(self, seconds: float) -> None:
        here = self._next[0] if self._next else seconds
        if self._may_jump and seconds - here > _SEEK_S:
            self._jump(seconds, here)
        while self._next is not None and self._next[0] <= seconds:
            self._shown, self._next = self._next, next(self._decoded, None)

    def _jump(self, seconds: float, here: float) -> None:
        """Jump to the key frame before a time; if that lies behind this place, jump no more in this video."""
        base = self._stream.time_base or 1
        self._container.seek(int((seconds + self._start) / base), stream=self._stream)
        self._begin()
        self._may_jump = self._shown is not None and self._shown[0] >= here
        if self._shown is None or self._shown[0] > seconds:
            self._container.seek(0)
            self._may_jump = False
            self._begin()

    def _frame(self, picture: Any) -> Frame:
        if picture.width * picture.height > MAX_PIXELS:
            raise SettingsError(f"a frame claims {picture.width}x{picture.height} pixels; it is refused")
        width, height = fit((picture.width, picture.height), self._tokens)
        pixels = picture.to_ndarray(width=width, height=height, format="rgb24", interpolation="BICUBIC")
        return Frame(np.ascontiguousarray(pixels), Rect(0, 0, width, height))


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


def _shrunk(frame: Frame, tokens: int) -> Frame:
    pixels = np.asarray(resized(frame, tokens)).copy()
    return replace(frame, pixels=pixels, monitor=Rect(0, 0, pixels.shape[1], pixels.shape[0]), scale=1.0)
