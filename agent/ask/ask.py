"""Ask a model one question about pictures: nothing is clicked or recorded, and no display is locked."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qvl_agent.actions.core import limits
from qvl_agent.actions.core.coordinates import Rect
from qvl_agent.actions.core.errors import ModelError, ParseError, SettingsError
from qvl_agent.actions.core.messages import Message, Part, Reply
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.agent.ask.clips import Clip, TimeStyle, as_parts, read_run, shrunk
from qvl_agent.agent.ask.pictures import MAX_PAGES, Pages, is_animation, is_still, read_animation, read_pages
from qvl_agent.agent.ask.videos import read_video
from qvl_agent.agent.models import Model, OnText
from qvl_agent.agent.models.answer_schema import AnswerSchema
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.run.modes import Constrain
from qvl_agent.prompts import render

__all__ = ["AskResult", "LookedAt", "VideoSampling", "ask", "look_at", "pages_of", "region_of"]


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


@dataclass(frozen=True, slots=True)
class LookedAt:
    """What a question is about.

    Attributes:
        parts: the parts of the message.
        clips: the videos among them.
        notes: what a person should know: which pages of a file aren't shown, and the like.
    """

    parts: tuple[Part, ...]
    clips: tuple[Clip, ...] = ()
    notes: tuple[str, ...] = ()


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
        began = (reply.text or reply.reasoning)[:200]
        raise ModelError(
            f"two answers in a row don't fit the schema; the last: {error} It began {began!r}; "
            "try a simpler schema or a larger model"
        ) from error


def _fitting(reply: Reply, schema: AnswerSchema) -> Any:
    if reply.finish == "length":
        raise ParseError("it was cut off before it ended; answer shorter.")
    if reply.only_thoughts:
        raise ParseError("there are only thoughts, and no answer; answer with the JSON value.")
    return schema.read(reply.text)


def look_at(paths: Sequence[Path], sampling: VideoSampling, pages: Sequence[int] = ()) -> LookedAt:
    """Read pictures, videos and recorded runs, and lay them out for a message, in their order.

    Several files are numbered as Qwen's own template does with `add_vision_id`: "Picture 1: ", "Video 1: ".
    Of a file with several pages each stands behind its number: "Page 1: ", or "Picture 1, page 1: ".

    Args:
        paths: the files, and folders of runs.
        sampling: how videos and animations are shown.
        pages: the pages to show, counted from 1; see `read_pages` for what is shown without.

    Raises:
        SettingsError: a file is neither a picture nor a video, or has no such page.
        RecordingError: a folder isn't an intact recording.
        DesktopError: a file needs a library that isn't installed.
    """
    parts: list[Part] = []
    clips: list[Clip] = []
    notes: list[str] = []
    pictures = 0
    for path in paths:
        seen = _read(path, sampling, pages)
        if isinstance(seen, Clip):
            clips.append(seen)
            parts += [f"Video {len(clips)}: "] if len(paths) > 1 else []
            parts += as_parts(seen, sampling.times)
            continue
        pictures += 1
        notes += seen.notes
        for page in seen.shown:
            name = [f"Picture {pictures}"] if len(paths) > 1 else []
            name += [f"page {page.number}"] if seen.count > 1 and (pages or len(seen.shown) > 1) else []
            if said := ", ".join(name):
                parts.append(f"{said[0].upper()}{said[1:]}: ")
            parts.append(
                page.frame if len(seen.shown) == 1 else shrunk(page.frame, sampling.max_picture_tokens)
            )
    return LookedAt(tuple(parts), tuple(clips), tuple(notes))


def _read(path: Path, sampling: VideoSampling, pages: Sequence[int]) -> Pages | Clip:
    """Read a picture, with its pages, or anything that moves."""
    if path.is_dir():
        recording = Recording.open(path)
        _refuse_pages(path, "a recorded run", pages)
        return read_run(
            recording, max_frames=sampling.max_frames, max_picture_tokens=sampling.max_picture_tokens
        )
    if not path.exists():
        raise SettingsError(f"there is no {path}; name pictures, a video or a recorded run's folder")
    if is_still(path):
        return read_pages(path, pages)
    read = read_animation if is_animation(path) else read_video
    _refuse_pages(path, "a video", pages)
    return read(
        path,
        fps=sampling.fps,
        max_frames=sampling.max_frames,
        max_picture_tokens=sampling.max_picture_tokens,
    )


def _refuse_pages(path: Path, kind: str, pages: Sequence[int]) -> None:
    if pages:
        raise SettingsError(f"--pages is for pictures with several pages, and {path} is {kind}; leave it out")


def pages_of(text: str) -> tuple[int, ...]:
    """Read page numbers like "2", "1-3" or "1,4-5", at most `MAX_PAGES` of them.

    Raises:
        SettingsError: the text is anything else.
    """
    pages: list[int] = []
    for part in text.split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        numbers = (first, last) if dash else (first, first)
        if not all(re.fullmatch(r"[1-9][0-9]{0,5}", number) for number in numbers):
            raise SettingsError(f"expected pages like 2 or 1-3,5, got {text!r}")
        pages += range(int(numbers[0]), int(numbers[1]) + 1)
    unique = tuple(dict.fromkeys(pages))
    if not 1 <= len(unique) <= MAX_PAGES:
        raise SettingsError(f"expected 1 to {MAX_PAGES} pages at once, got {len(unique)} in {text!r}")
    return unique


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
