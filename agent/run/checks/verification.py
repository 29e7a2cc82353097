"""The check of a claim of "done": by a checker where there is one, else by the model over a fresh screen.

The model is asked in a conversation of its own, without the run's history, so that what it saw or said
before doesn't influence its answer. The result says who judged: the model, or a checker.
"""

import time
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from qvl_agent.actions.core.errors import DesktopError, ModelError, ParseError
from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.core.messages import Message, Reply
from qvl_agent.actions.core.validation import first_error
from qvl_agent.actions.parsing.dialects.reply_format import ReplyFormat
from qvl_agent.actions.parsing.strict_json import Flaw, read_all, shown
from qvl_agent.actions.screen.settle import settle
from qvl_agent.actions.screen.watch import LIMITS, SettleLimits
from qvl_agent.agent.models.answer_schema import code_in
from qvl_agent.agent.recording.format import Verification, VerifiedBy
from qvl_agent.agent.recording.recording import Recorder, turns
from qvl_agent.agent.run.context import Setup
from qvl_agent.agent.run.events import EventStream, Verifying
from qvl_agent.prompts import render

__all__ = ["FORMAT", "Claim", "Judgement", "VerificationResult", "question", "read_judgement", "verify"]

_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"evidence": {"type": "string", "maxLength": 400}, "done": {"type": "boolean"}},
    "required": ["evidence", "done"],
    "additionalProperties": False,
}
FORMAT: Final = ReplyFormat(_SCHEMA)
"""The format of the answer. The evidence comes first: a model that judges first only defends that after."""
_LOOK: Final = SettleLimits(idle_s=LIMITS.react_s)
"""The limits for the fresh screen. No input was sent since the last screen, so no reaction to it is awaited;
only the end of what still moves is."""


class Judgement(BaseModel):
    """The model's answer to whether the task is done."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    evidence: str
    done: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim to verify: the model says that a task is done.

    Attributes:
        task: the task, in the person's words.
        words: the model's summary or answer.
        answer: the model's answer; None if the task was no question.
    """

    task: str
    words: str
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result of verifying a claim.

    Attributes:
        holds: whether the claim holds; None if that couldn't be told.
        found: why, in a sentence.
        by: who judged; "model" also if it was asked and gave no usable answer, "" if nobody was asked.
        asked: the question to the model and its reply, for the record.
        frame: the fresh screen, if one was captured.
    """

    holds: bool | None = None
    found: str = ""
    by: VerifiedBy = ""
    asked: Verification | None = None
    frame: Frame | None = None


def verify(
    setup: Setup, claim: Claim, screen: Frame, recorder: Recorder, events: EventStream
) -> VerificationResult:
    """Check a claim in the way that `setup.verify` names.

    Args:
        setup: has desktop and model; if the desktop has a checker for the task, the model isn't asked.
        claim: the model's claim.
        screen: the screen that the model saw when it made the claim.
        recorder: stores the fresh screen.
        events: publishes that the model is about to be asked.

    Raises:
        Stopped: the person stopped the run meanwhile.
        RecordingError: the screen can't be stored.
    """
    if setup.verify == "never":
        return VerificationResult()
    check = setup.desktop.check(claim.task, claim.answer)
    if check is not None:
        return VerificationResult(check.passed, check.reason, "checker")
    if setup.verify == "checker":
        return VerificationResult()
    events.publish(Verifying())
    try:
        fresh = _fresh(setup, screen)
    except DesktopError as error:
        return VerificationResult(None, f"the screen can't be seen any more: {error}", "model")
    return _ask(setup, claim, fresh, recorder)


def question(claim: Claim, screen: Frame) -> tuple[Message, ...]:
    """Make the question whether a task is done, over the present screen."""
    words = render("verify", task=claim.task, claim=claim.words, answer=claim.answer or "")
    return (Message("user", (screen, words)),)


def read_judgement(reply: Reply) -> Judgement:
    """Read the model's judgement strictly.

    Raises:
        ParseError: the reply is cut off, or anything but the one JSON object.
    """
    if reply.finish == "length":
        raise ParseError("its answer was cut off")
    if reply.only_thoughts:
        raise ParseError(f"it wrote only its thoughts, and no answer ({shown(reply.reasoning)})")
    found = read_all(code_in(reply.text))
    if isinstance(found, Flaw):
        raise ParseError(f"its answer isn't JSON: {found.reason}")
    try:
        return Judgement.model_validate(found.value)
    except ValidationError as error:
        wrong = first_error(error)
        where = wrong.where or "the whole"
        raise ParseError(f"its answer doesn't fit: {where}: {wrong.message.lower()}") from error


def _fresh(setup: Setup, screen: Frame) -> Frame:
    return settle(
        setup.desktop.grab,
        screen,
        target=None,
        stop=setup.stop,
        clock=time.monotonic,
        sleep=time.sleep,
        limits=_LOOK,
        damage=setup.desktop.damage(),
    ).frame


def _ask(setup: Setup, claim: Claim, fresh: Frame, recorder: Recorder) -> VerificationResult:
    model = setup.model.with_format(FORMAT) if setup.constrain == "auto" else setup.model
    messages = question(claim, fresh)
    start = time.monotonic()
    reply, judgement, error = None, None, ""
    try:
        reply = model.reply(messages, stop=setup.stop)
        judgement = read_judgement(reply)
    except ModelError as failed:
        error = f"the model couldn't be asked: {failed}"
    except ParseError as unread:
        error = str(unread)
    asked = Verification(
        frame=recorder.ref(fresh),
        said=turns(messages, recorder),
        reply=reply,
        error=error,
        seconds=time.monotonic() - start,
    )
    if judgement is None:
        return VerificationResult(None, error, "model", asked, fresh)
    return VerificationResult(judgement.done, judgement.evidence, "model", asked, fresh)
