"""Frames out of video files, decoded by FFmpeg through PyAV within what is allowed here.

Only ordinary containers are read, nothing that a file names is opened, and what a file claims is checked
before anything is decoded.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.ask.pictures import MAX_PIXELS
from qvl_agent.agent.ask.videos import Clip, Moment, frame_tokens
from qvl_agent.agent.models.pictures import fit

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["read_video"]

_CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    *("avi", "gif", "apng", "flv", "mpegts", "mpeg", "asf", "ogg"),
)
_SEEK_S: Final = 10.0
"""From so far ahead on, jumping to the next key frame is quicker than decoding up to it."""


def read_video(path: Path, *, fps: float, max_frames: int, max_picture_tokens: int) -> Clip:
    """Take frames out of a video, evenly.

    Args:
        path: a file; a variable frame rate is fine, a moment shows what was on the screen then.
        fps: frames to take a second, if that is at most `max_frames` in all; else they are spread.
        max_frames: how many at most.
        max_picture_tokens: image tokens that a frame may cost; see `frame_tokens`.

    Raises:
        SettingsError: it isn't a video that can be read, or is damaged.
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


def _video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """Find the pictures, and refuse what is too large before anything is decoded."""
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
    """Say how many seconds a video has, and when its last frame begins; some must be read to know."""
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
    """Choose the moments: every 1/fps from the start, or, if those are too many, evenly to the last frame."""
    count = int(seconds * fps) + 1
    if count <= max_frames:
        return [step / fps for step in range(count) if step / fps <= end] or [0.0]
    return [float(at) for at in np.linspace(0.0, end, max_frames)] if max_frames > 1 else [0.0]


class _Reader:
    """Goes forward through a video, and makes frames of what is shown at given times."""

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
        """Take what is shown at each of these ascending times; a frame that stays is the same object."""
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
        """Go to the key frame before a time; once that turns out to lie behind us, never again."""
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
