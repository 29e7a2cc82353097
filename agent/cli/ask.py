"""The work of `qvl-agent ask`: ask a model, and print its answer. Only the command line uses this module."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self, TextIO

import click
from rich.console import Console

from qvl_agent.actions.core.errors import ModelError, SettingsError
from qvl_agent.actions.core.messages import Reply
from qvl_agent.agent.ask.ask import AskResult, LookedAt, VideoSampling, ask, look_at, pages_of, region_of
from qvl_agent.agent.ask.clips import TimeStyle
from qvl_agent.agent.cli.signals import stop_on_signals
from qvl_agent.agent.models.answer_schema import AnswerSchema, code_in
from qvl_agent.agent.opening import look_at_desktop, open_model_for
from qvl_agent.agent.registry.lookup import model_kind
from qvl_agent.agent.settings import Settings
from qvl_agent.agent.terminal.chooser import TerminalChooser
from qvl_agent.agent.wording import visible

__all__ = ["AskOptions", "ask_in_terminal"]

REPLY_TOKENS: Final = 8192
"""The most tokens of an answer where the person sets none: enough for a page of HTML or a long table with
a model's thoughts. The setting's default is for an action, which needs far fewer."""
TIMEOUT_S: Final = 600.0
"""Seconds that an answer may take where the person sets none."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """The command line's options that aren't settings; see `qvl-agent ask --help`."""

    region: str | None
    pages: str | None
    schema: Path | None
    code: bool
    fps: float
    max_frames: int
    times: TimeStyle

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))


def ask_in_terminal(
    question: str, files: Sequence[Path], options: AskOptions, settings: Settings, *, as_json: bool
) -> int:
    """Ask a question, print the answer as it arrives, and return the exit code.

    Args:
        question: in the person's words.
        files: pictures, videos or recorded runs; the screen if there are none.
        options: the command's options that aren't settings.
        settings: the desktop and the model.
        as_json: print one JSON object, for a program.

    Raises:
        QvlError: as the parts raise it; the command line prints it and exits with its code.
    """
    _check(question, files, options, settings)
    if place := model_kind(settings).sent_to(settings):
        click.echo(f"note: these pictures leave this machine: they go to {visible(place)}", err=True)
    settings = _with_room(settings)
    pages = pages_of(options.pages) if options.pages else ()
    schema = AnswerSchema.load(options.schema) if options.schema else None
    sampling = VideoSampling(options.fps, options.max_frames, options.times, settings.max_picture_tokens)
    with stop_on_signals() as stop:
        seen = look_at(files, sampling, pages) if files else _screen(settings, options.region)
        chooser = TerminalChooser(as_json=as_json)
        with open_model_for(settings, chooser=chooser) as model, AnswerPrinter(quiet=as_json) as printer:
            printer.notes(seen)
            whole = schema is not None or options.code or as_json
            on_text = None if whole else printer.piece
            answered = ask(
                model,
                question,
                seen.parts,
                schema=schema,
                constrain=settings.constrain,
                stop=stop,
                on_text=on_text,
            )
            printer.answer(answered, _printed(answered, options, schema), seen.notes, as_json=as_json)
    return 0


def _check(question: str, files: Sequence[Path], options: AskOptions, settings: Settings) -> None:
    if not question.strip():
        raise SettingsError('say what to ask: qvl-agent ask "What is the total?"')
    if why := model_kind(settings).refuses_questions:
        raise SettingsError(why)
    if options.region and files:
        raise SettingsError("--region is a part of the screen; with files, leave it out")
    if options.pages and not files:
        raise SettingsError("--pages is for a picture with several pages; name one, or leave it out")


def _with_room(settings: Settings) -> Settings:
    """Allow an answer more tokens and time than an action needs, where the person set none."""
    room = {"max_reply_tokens": REPLY_TOKENS, "timeout": TIMEOUT_S}
    missing = {name: value for name, value in room.items() if name not in settings.model_fields_set}
    return settings.model_copy(update=missing)


def _screen(settings: Settings, region: str | None) -> LookedAt:
    """Capture the screen, or a part of it.

    Call it before the model is opened: opening may take a minute, and the question is about the screen now.
    """
    part = region_of(region) if region else None
    with look_at_desktop(settings.desktop, monitor=settings.monitor) as desktop:
        return LookedAt((desktop.grab(part),))


def _printed(answered: AskResult, options: AskOptions, schema: AnswerSchema | None) -> str:
    if schema is not None:
        return json.dumps(answered.value, ensure_ascii=False, indent=2)
    text = answered.reply.text
    return code_in(text).rstrip() if options.code else text.strip()


class AnswerPrinter:
    """A printer of answers: on a terminal piece by piece, elsewhere only the answer's words, in one piece."""

    def __init__(self, *, quiet: bool, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._notes = Console(stderr=True, highlight=False, quiet=quiet)
        self._live = self._out.isatty()
        self._streamed: list[str] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        if self._notes.is_terminal:
            self._stack.enter_context(self._notes.status("the model is looking …"))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def notes(self, seen: LookedAt) -> None:
        """Print how many frames of each video are shown to the model, and what else a person should know."""
        for note in seen.notes:
            self._notes.print(visible(note), style="dim", markup=False, soft_wrap=True)
        for clip in seen.clips:
            size = "x".join(map(str, clip.moments[0].frame.size))
            count = len(clip.moments)
            self._notes.print(f"video: {count} frames of {clip.seconds:.1f} s, {size} each", style="dim")

    def piece(self, text: str) -> None:
        """Print a piece of the model's text; a thinking model's thoughts come before its answer."""
        self._stack.close()
        if self._live:
            self._streamed.append(text)
            # The model may repeat words from the screen: none of them may control the terminal.
            self._out.write(visible(text))
            self._out.flush()

    def answer(self, answered: AskResult, text: str, notes: Sequence[str], *, as_json: bool) -> None:
        """Print the answer, unless `piece` has printed it.

        Raises:
            ModelError: the answer is empty, was cut off, or there are only thoughts, which are shown then.
        """
        self._stack.close()
        streamed = "".join(self._streamed)
        if as_json:
            self._out.write(json.dumps(_facts(answered, notes)) + "\n")
        elif answered.reply.only_thoughts:  # no answer, so they mustn't land where an answer is read
            if not streamed:
                self._notes.print(
                    visible(answered.reply.reasoning), style="dim", markup=False, soft_wrap=True
                )
        elif not text or not streamed.rstrip().endswith(text):
            self._out.write(("\n\n" if streamed else "") + (visible(text) if self._live else text) + "\n")
        else:
            self._out.write("\n")
        self._out.flush()
        _check_whole(answered.reply)


def _facts(answered: AskResult, notes: Sequence[str]) -> dict[str, object]:
    reply = answered.reply
    return {
        "event": "answer",
        "text": reply.text,
        "reasoning": reply.reasoning,
        "value": answered.value,
        "finish": reply.finish,
        "prompt_tokens": reply.prompt_tokens,
        "reply_tokens": reply.reply_tokens,
        "notes": list(notes),
        "times": reply.times,
    }


def _check_whole(reply: Reply) -> None:
    if reply.finish == "length":
        raise ModelError("the answer was cut off there; give it more room with --max-reply-tokens")
    if reply.only_thoughts:
        raise ModelError(
            "the model wrote only its thoughts, and no answer; start the server without a reasoning parser, "
            "or take an Instruct model"
        )
    if not reply.text.strip():
        raise ModelError("the model answered nothing; ask otherwise, or lower --max-picture-tokens")
