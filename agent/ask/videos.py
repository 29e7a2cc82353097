"""Videos from files that aren't trusted, read with PyAV: frames as a player shows them, at given times."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import DesktopError, QvlError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.agent.ask.clips import Clip, frame_tokens, moments_at, spread
from qvl_agent.agent.ask.pictures import MAX_PIXELS
from qvl_agent.agent.models.pictures import fit

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["read_video"]

_CONTAINERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    *("avi", "flv", "mpegts", "mpeg", "asf", "ogg"),
)
"""The containers, by FFmpeg's names for them, that are opened."""
_FROM_ZERO: Final = ("matroska,webm", "flv")
"""The containers whose length may count from zero on the clock, instead of from the first picture."""
_SEEK_S: Final = 10.0
"""Over this many seconds or more, jumping to a key frame is quicker than decoding up to it."""
_LAST_S: Final = 0.1
"""The longest that a last frame is taken to stay, in seconds, where no length is known that reaches it."""


def read_video(path: Path, *, fps: float, max_frames: int, max_picture_tokens: int) -> Clip:
    """Take frames out of a video, evenly spread over all of it, the last one among them.

    Each frame is upright and in its right shape, as the file says that it is to be shown. Times count from
    the start of the file; the last frame stays until the end.

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
    with _reading(path):
        span = _span(path)
        times = spread(span.begin, span.seconds, fps, max_frames)
        with _opened(path) as (container, stream):
            reader = _Reader(container, stream, span.origin, frame_tokens(len(times), max_picture_tokens))
            return Clip(moments_at(times, reader.at(times)), span.seconds)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what a broken file makes PyAV raise, which may be anything, into one line."""
    try:
        import av  # noqa: F401, PLC0415 - an extra, and a large library
    except ImportError as error:
        raise DesktopError("videos need PyAV: pip install 'qvl-agent[video]'") from error
    try:
        yield
    except QvlError:
        raise
    except Exception as error:
        why = getattr(error, "strerror", "") or str(error) or type(error).__name__
        raise SettingsError(
            f"{path} is neither a picture nor a video that can be read: {' '.join(why.split())}; "
            "name one, or save it anew with another program"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple["InputContainer", "VideoStream"]]:
    import av  # noqa: PLC0415 - see `_reading`

    allowed = {"format_whitelist": ",".join(_CONTAINERS), "protocol_whitelist": "file"}
    # Without the prefix FFmpeg would take a name like "concat:a|b" for a protocol.
    with av.open(f"file:{path}", options=allowed, metadata_errors="replace") as container:
        yield container, _video_stream(container, path)


def _video_stream(container: "InputContainer", path: Path) -> "VideoStream":
    """Return the stream of pictures; refuse pictures that are too large before anything is decoded.

    Raises:
        SettingsError: there are no pictures, they claim no pixels or more than `MAX_PIXELS`, or they are the
            tiles of one picture.
    """
    from av.stream import Disposition  # noqa: PLC0415 - see `_reading`

    # The cover of a song counts as a stream of pictures.
    streams = [each for each in container.streams.video if not each.disposition & Disposition.attached_pic]
    if not streams:
        kind = "has sound and no pictures" if container.streams.audio else "has no pictures in it"
        raise SettingsError(f"{path} {kind}; name a video")
    if any(each.disposition & Disposition.dependent for each in streams):
        raise SettingsError(
            f"{path} is a picture in tiles that can't be put together; save it as JPEG or PNG"
        )
    stream = max(streams, key=lambda each: bool(each.duration)) if len(streams) > 1 else streams[0]
    if stream.codec_context is None:
        raise SettingsError(f"{path} is in a codec that FFmpeg doesn't know; save it as an MP4 in H.264")
    width, height = stream.codec_context.width, stream.codec_context.height
    if not 0 < width * height <= MAX_PIXELS:
        raise SettingsError(f"{path} claims {width}x{height} pixels; 1 to {MAX_PIXELS} are allowed")
    stream.thread_type = "AUTO"
    return stream


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a video lies on its stream's clock, in seconds.

    Attributes:
        origin: what the clock shows when the file starts; sound may start before the first picture.
        begin: when the first picture comes, counted from `origin`.
        seconds: until when the last picture stays, counted from `origin`.
    """

    origin: float
    begin: float
    seconds: float


def _span(path: Path) -> _Span:
    """Find when a video begins and ends.

    What a file says of its length is checked by its last picture, as some say too little or nothing.
    """
    with _opened(path) as (container, stream):
        base = float(stream.time_base or 0)
        first = (stream.start_time or 0) * base
        started = container.start_time / 1_000_000 if container.start_time is not None else first
        length = stream.duration * base if stream.duration else (container.duration or 0) / 1_000_000
        ends = [first + length, *((length,) if container.format.name in _FROM_ZERO else ())]
    last, stays = _last_picture(path, first + length)
    end = min((end for end in ends if end >= last), default=last + min(stays, _LAST_S))
    origin = started if 0 <= first - started <= last - started else first
    return _Span(origin, first - origin, end - origin)


def _last_picture(path: Path, near: float) -> tuple[float, float]:
    """Return when the last picture begins, and how long it stays, in seconds on the clock.

    Packets are read from a place near the end; if none is there, from the start.
    """
    import av  # noqa: PLC0415 - see `_reading`

    for place in (near, None):
        with _opened(path) as (container, stream):
            base = stream.time_base or 0
            last: tuple[float, float] | None = None
            with suppress(av.FFmpegError, OverflowError):  # nothing is there, or the file is cut off
                if place is not None:
                    container.seek(int(place / (base or 1)), stream=stream)
                for packet in container.demux(stream):
                    if packet.pts is not None and not packet.is_discard:
                        at = float(packet.pts * base), float((packet.duration or 0) * base)
                        last = max(last or at, at)
            if last:
                return last
    raise SettingsError(f"{path} holds no frame with a time")


class _Reader:
    """A reader that goes forward through a video, and makes the frames that are shown at given times."""

    def __init__(
        self, container: "InputContainer", stream: "VideoStream", origin: float, tokens: int
    ) -> None:
        self._container, self._stream = container, stream
        self._origin, self._tokens = origin, tokens
        self._may_jump = True
        self._begin()
        if self._shown is None:
            raise SettingsError(f"{container.name.removeprefix('file:')} holds no frame with a time")

    def at(self, times: Sequence[float]) -> Iterator[tuple[float, Frame]]:
        """Yield since when the frame at each of these ascending times is there, and the frame.

        While the picture stays, so does the frame object. The last time stands for the last frame.
        """
        made: tuple[float, Frame] | None = None
        for place, seconds in enumerate(times):
            self._go_to(seconds, last=0 < place == len(times) - 1)
            shown, picture = self._shown or (0.0, None)
            if made is None or made[0] != shown:
                made = (shown, self._frame(picture))
            yield made

    def _begin(self) -> None:
        self._decoded = self._frames()
        self._shown = next(self._decoded, None)
        self._next = next(self._decoded, None)

    def _frames(self) -> Iterator[tuple[float, Any]]:
        for frame in self._container.decode(self._stream):
            if frame.time is not None:
                yield max(0.0, frame.time - self._origin), frame

    def _go_to(self, seconds: float, *, last: bool) -> None:
        here = self._next[0] if self._next else seconds
        if self._may_jump and seconds - here > _SEEK_S:
            self._jump(seconds, here)
        while self._next is not None and (last or self._next[0] <= seconds):
            self._shown, self._next = self._next, next(self._decoded, None)

    def _jump(self, seconds: float, here: float) -> None:
        """Jump to the key frame before a time; if that lies behind this place, jump no more in this video."""
        base = self._stream.time_base or 1
        self._container.seek(int((seconds + self._origin) / base), stream=self._stream)
        self._begin()
        self._may_jump = self._shown is not None and self._shown[0] >= here
        if self._shown is None or self._shown[0] > seconds:
            self._container.seek(0)
            self._may_jump = False
            self._begin()

    def _frame(self, picture: Any) -> Frame:
        if picture.width * picture.height > MAX_PIXELS:
            raise SettingsError(f"a frame claims {picture.width}x{picture.height} pixels; it is refused")
        matrix = _display_matrix(picture)
        aspect = float(self._stream.sample_aspect_ratio or 1)  # a pixel's width over its height
        shape = (round(picture.width * max(1.0, aspect)), round(picture.height / min(1.0, aspect)))
        on_its_side = _on_its_side(matrix)
        width, height = fit(shape[::-1] if on_its_side else shape, self._tokens)
        size = {"width": height, "height": width} if on_its_side else {"width": width, "height": height}
        pixels = picture.to_ndarray(**size, format="rgb24", interpolation="BICUBIC")
        return Frame(np.ascontiguousarray(_turned(pixels, matrix)), Rect(0, 0, width, height))


def _display_matrix(picture: Any) -> list[int]:
    """Return [a, b, c, d], by which a frame is to be shown: (x, y) goes to (ax + cy, bx + dy).

    They are of ISO/IEC 14496-12's matrix, which FFmpeg hands on from any container or codec.
    """
    data = picture.side_data.get("DISPLAYMATRIX")
    if data is None:
        return [1, 0, 0, 1]
    return [int(value) for value in np.frombuffer(bytes(data), np.int32)[[0, 1, 3, 4]]]


def _on_its_side(matrix: list[int]) -> bool:
    a, b, *_ = matrix
    return abs(b) > abs(a)


def _turned(pixels: npt.NDArray[np.uint8], matrix: list[int]) -> npt.NDArray[np.uint8]:
    """Turn and mirror a frame by the quarter turns that come closest to its display matrix."""
    across, down = matrix[0], matrix[3]
    if _on_its_side(matrix):
        pixels = pixels.swapaxes(0, 1)
        across, down = matrix[2], matrix[1]
    return pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
