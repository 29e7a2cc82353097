"""Ask a model one question about pictures: nothing is clicked or recorded, and no display is locked."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import ModelError, ParseError, SettingsError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Part, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.agent.ask.clips import Clip, TimeStyle, as_parts, read_run
from qvl_agent.agent.ask.pictures import is_still, read_picture
from qvl_agent.agent.ask.videos import read_video
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.answer_schema import AnswerSchema
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.run.context import Constrain
from qvl_agent.prompts import render

__all__ = ["AskResult", "VideoSampling", "ask", "look_at", "region_of"]


@dataclass(frozen=True, slots=True)
class AskResult:
    """The answer to a question.

    Attributes:
        reply: the model's last reply.
        value: the JSON value in that reply; None without a schema.
    """

    reply: Reply
    value: Any = None


@dataclass(frozen=True, slots=True)
class VideoSampling:
    """The settings by which a video is shown to a model.

    Attributes:
        fps: frames to take a second; see `read_video`.
        max_frames: the most frames in all.
        times: how the frames' times are written.
        max_picture_tokens: the most image tokens that a frame may cost.
    """

    fps: float = 2.0
    max_frames: int = 32
    times: TimeStyle = "seconds"
    max_picture_tokens: int = limits.PICTURE_TOKENS


def ask(
    model: Model,
    question: str,
    looked_at: Sequence[Part],
    *,
    schema: AnswerSchema | None = None,
    constrain: Constrain = "auto",
    stop: StopCheck = lambda: False,
    on_text: OnText | None = None,
) -> AskResult:
    """Put a question to a model.

    Args:
        model: the model that answers.
        question: in the person's words; it is sent as it is.
        looked_at: the pictures, as `look_at` lays them out; they stand before the question.
        schema: the schema that the answer must fit; if it doesn't, the model is told why and may try once
            more.
        constrain: "auto" keeps the model to the schema while it writes, where the model can; "never" doesn't.
        stop: returns True once the person wants to stop.
        on_text: called with each piece of the answer as it arrives.

    Raises:
        ModelError: the model failed, or its second answer doesn't fit the schema either.
        Stopped: `stop` returned True.
    """
    if schema is None:
        return AskResult(model.reply([Message("user", (*looked_at, question))], stop=stop, on_text=on_text))
    wanted = render("ask_schema", question=question, schema=json.dumps(schema.schema, ensure_ascii=False))
    messages = [Message("user", (*looked_at, wanted))]
    if constrain == "auto":
        model = model.with_format(ReplyFormat(schema.schema))
    reply = model.reply(messages, stop=stop, on_text=on_text)
    try:
        return AskResult(reply, _fitting(reply, schema))
    except ParseError as error:
        messages += [
            Message("assistant", (reply.text,)),
            Message("user", (render("mend_schema", error=str(error)),)),
        ]
    reply = model.reply(messages, stop=stop, on_text=on_text)
    try:
        return AskResult(reply, _fitting(reply, schema))
    except ParseError as error:
        raise ModelError(
            f"two answers in a row don't fit the schema; the last: {error} It began {reply.text[:200]!r}; "
            "try a simpler schema or a larger model"
        ) from error


def _fitting(reply: Reply, schema: AnswerSchema) -> Any:
    if reply.finish == "length":
        raise ParseError("it was cut off before it ended; answer shorter.")
    return schema.read(reply.text)


def look_at(paths: Sequence[Path], sampling: VideoSampling) -> tuple[tuple[Part, ...], tuple[Clip, ...]]:
    """Read pictures, videos and recorded runs, and lay them out for a message, in their order.

    Several files are numbered as Qwen's own template does with `add_vision_id`: "Picture 1: ", "Video 1: ".

    Returns:
        The message's parts, and the clips among them.

    Raises:
        SettingsError: a file is neither a picture nor a video.
        RecordingError: a folder isn't an intact recording.
        DesktopError: a video needs PyAV, and it isn't installed.
    """
    parts: list[Part] = []
    clips: list[Clip] = []
    pictures = 0
    for path in paths:
        seen = _read(path, sampling)
        if isinstance(seen, Clip):
            clips.append(seen)
            name, shown = f"Video {len(clips)}: ", as_parts(seen, sampling.times)
        else:
            pictures += 1
            name, shown = f"Picture {pictures}: ", (seen,)
        parts += (name, *shown) if len(paths) > 1 else shown
    return tuple(parts), tuple(clips)


def _read(path: Path, sampling: VideoSampling) -> Frame | Clip:
    if path.is_dir():
        return read_run(
            Recording.open(path),
            max_frames=sampling.max_frames,
            max_picture_tokens=sampling.max_picture_tokens,
        )
    if not path.exists():
        raise SettingsError(f"there is no {path}; name pictures, a video or a recorded run's folder")
    if is_still(path):
        return read_picture(path)
    return read_video(
        path,
        fps=sampling.fps,
        max_frames=sampling.max_frames,
        max_picture_tokens=sampling.max_picture_tokens,
    )


def region_of(text: str) -> Rect:
    """Read a region "X,Y,W,H" in logical pixels of the desktop.

    Raises:
        SettingsError: the text is anything else.
    """
    try:
        left, top, width, height = (int(part) for part in text.split(","))
        return Rect(left, top, width, height)
    except ValueError as error:  # pydantic's ValidationError is one too
        raise SettingsError(f"expected a region as X,Y,W,H with a size, got {text!r}") from error
