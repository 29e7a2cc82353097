"""The typed stream of a run's events, and how it reaches its subscribers.

A run publishes what happens; the terminal, `--json`, the report and the log subscribe, each by itself. Every
subscriber is called on a thread of its own, one event after the other in their order, so one that is slow or
fails neither holds up nor breaks the run or the others.

`Decided` and `Acted` are published after their lines are on the disk: who sees them can rely on the record.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

from qvl_agent.actions.core.frame import Frame
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.execution.person import Consent, Person, Question
from qvl_agent.actions.secrets.redactor import NOTHING, Redactor
from qvl_agent.agent.recording.format import (
    Manifest,
    RunResult,
    RunResumed,
    StepIntent,
    StepOutcome,
    VerifiedBy,
)

__all__ = [
    "Acted",
    "AnnouncedPerson",
    "Asked",
    "Decided",
    "Ended",
    "EventStream",
    "ItemFinished",
    "ItemStarted",
    "Loading",
    "Looked",
    "Paused",
    "Resumed",
    "RunEvent",
    "ScriptStep",
    "Started",
    "Subscriber",
    "TextReceived",
    "Thinking",
    "Verified",
    "Verifying",
    "Warned",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Started:
    """A run began; its record grows in `folder`."""

    manifest: Manifest
    folder: Path


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that had ended goes on; its record grows on in `folder`."""

    resumed: RunResumed
    folder: Path


@dataclass(frozen=True, slots=True)
class Looked:
    """The screen was captured, and is what the model sees next; secrets are covered in it."""

    step: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model was asked."""

    step: int


@dataclass(frozen=True, slots=True)
class Loading:
    """The model that was asked can't answer yet.

    Attributes:
        share: how much of it is loaded, from 0 to 1.
    """

    share: float


@dataclass(frozen=True, slots=True)
class TextReceived:
    """A piece of the model's reply arrived; a thinking model's thoughts come before its answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Decided:
    """The reply was read and judged, and the intent is recorded; nothing is sent yet."""

    intent: StepIntent


@dataclass(frozen=True, slots=True)
class Asked:
    """A person is about to be asked, or notified; nothing is sent before they answer."""

    question: Question


@dataclass(frozen=True, slots=True)
class Acted:
    """The action was done, or wasn't; its outcome is recorded."""

    outcome: StepOutcome


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the person should know, in one sentence."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The run can't go on as it is; the person is told why, and decides whether it does."""

    reason: str


@dataclass(frozen=True, slots=True)
class Verifying:
    """The model claims that the task is done, and is asked about that over a fresh screen."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A claim was checked.

    Attributes:
        holds: None if nothing could tell.
        reason: why, in one sentence.
        by: who says so: "checker", "model", or "" if nobody was asked.
    """

    holds: bool | None
    reason: str
    by: VerifiedBy


@dataclass(frozen=True, slots=True)
class ItemStarted:
    """A flow begins an item of its data, or the only one of a flow without data, whose key is ""."""

    key: str
    number: int


@dataclass(frozen=True, slots=True)
class ScriptStep:
    """A step of a flow is over.

    Attributes:
        path: its place in the flow: "steps[1].steps[0]".
        words: what it does.
        status: "done", "failed", or "noted" for a soft check that doesn't hold.
        message: what went wrong; "" if nothing did.
        seconds: how long it took.
    """

    path: str
    words: str
    status: str
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ItemFinished:
    """An item of a flow is over; `path` is the step at which it failed, "" if it didn't."""

    key: str
    status: str
    message: str
    path: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The run is over, and its end is recorded."""

    result: RunResult


RunEvent: TypeAlias = (
    Started
    | Resumed
    | Looked
    | Thinking
    | Loading
    | TextReceived
    | Decided
    | Asked
    | Acted
    | Warned
    | Paused
    | Verifying
    | Verified
    | ItemStarted
    | ScriptStep
    | ItemFinished
    | Ended
)
Subscriber: TypeAlias = Callable[[RunEvent], None]
"""Called with each event, on the subscriber's own thread. What it raises is logged, and the run goes on.

If it has a method `close`, that is called there too after the last event, also where a run ended by an error.
"""

_MAY_BE_SKIPPED: Final = (Looked, Loading, TextReceived)
"""Left out for a subscriber that is far behind: they show progress and are large or many."""
_FAR_BEHIND: Final = 64
_ASK_WAIT_S: Final = 1.0
"""How long a question waits for subscribers to finish what they show."""
_END_WAIT_S: Final = 2.0
"""How long the end of a run waits for subscribers that are behind."""


class EventStream:
    """The events of one run. A context manager; leaving it ends the subscribers' threads.

    Args:
        subscribers: who gets the events.
        redactor: takes the secrets' values out of every event.
    """

    def __init__(self, subscribers: Iterable[Subscriber] = (), redactor: Redactor = NOTHING) -> None:
        self._redactor = redactor
        self._feeds = [_Feed(subscriber) for subscriber in subscribers]

    def publish(self, event: RunEvent) -> None:
        """Queue an event for every subscriber; never blocks and never raises for one of theirs."""
        if not self._feeds:
            return
        clean = _redacted(event, self._redactor) if self._redactor else event
        for feed in self._feeds:
            feed.put(clean)

    def flush(self, timeout_s: float = _ASK_WAIT_S) -> bool:
        """Wait until the subscribers have handled what was published so far.

        Returns:
            Whether they have; False if one of them took longer than `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        return all(feed.wait(deadline) for feed in self._feeds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + _END_WAIT_S
        for feed in self._feeds:
            feed.close(deadline)


class _Feed:
    """One subscriber's queue, and the thread that calls it."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        self._name = getattr(subscriber, "__qualname__", type(subscriber).__qualname__)
        self._events: deque[RunEvent] = deque()
        self._changed = threading.Condition()
        self._busy = self._closed = self._skipped = False
        self._thread = threading.Thread(target=self._run, name=f"events for {self._name}", daemon=True)
        self._thread.start()

    def put(self, event: RunEvent) -> None:
        with self._changed:
            if len(self._events) >= _FAR_BEHIND and isinstance(event, _MAY_BE_SKIPPED):
                if not self._skipped:
                    _log.warning("the subscriber %s is far behind; it misses progress events", self._name)
                self._skipped = True
                return
            self._events.append(event)
            self._changed.notify_all()

    def wait(self, deadline: float) -> bool:
        with self._changed:
            return self._changed.wait_for(self._is_idle, max(0.0, deadline - time.monotonic()))

    def close(self, deadline: float) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(max(0.0, deadline - time.monotonic()))
        if self._thread.is_alive():
            _log.warning("the subscriber %s is still busy, and is left behind", self._name)

    def _is_idle(self) -> bool:
        return not self._events and not self._busy

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._events or self._closed)
                if not self._events:
                    break
                event, self._busy = self._events.popleft(), True
            try:
                self._subscriber(event)
            except BaseException:  # noqa: BLE001 - a subscriber never breaks the run, nor ends its thread
                _log.exception("the subscriber %s failed at %s", self._name, type(event).__name__)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
        close = getattr(self._subscriber, "close", None)
        try:
            if close is not None:
                close()
        except BaseException:  # noqa: BLE001 - as above
            _log.exception("the subscriber %s failed at the end", self._name)


def _redacted(event: RunEvent, redactor: Redactor) -> RunEvent:
    """Take the values out of an event. Frames and pieces of text come without them."""
    match event:
        case Started():
            return replace(event, manifest=redactor.record(event.manifest))
        case Resumed():
            return replace(event, resumed=redactor.record(event.resumed))
        case Decided():
            return replace(event, intent=redactor.record(event.intent))
        case Acted():
            return replace(event, outcome=redactor.record(event.outcome))
        case Ended():
            return replace(event, result=redactor.record(event.result))
        case Warned():
            return replace(event, sentence=redactor.text(event.sentence))
        case Paused():
            return replace(event, reason=redactor.text(event.reason))
        case Verified():
            return replace(event, reason=redactor.text(event.reason))
        case ScriptStep():
            words, message = redactor.text(event.words), redactor.text(event.message)
            return replace(event, words=words, message=message)
        case ItemFinished():
            return replace(event, key=redactor.text(event.key), message=redactor.text(event.message))
        case ItemStarted():
            return replace(event, key=redactor.text(event.key))
        case Asked(question):  # its reason may quote the screen
            reason = redactor.text(question.verdict.reason)
            if window := question.window:
                window = replace(window, app=redactor.text(window.app), title=redactor.text(window.title))
            return Asked(replace(question, verdict=replace(question.verdict, reason=reason), window=window))
        case Looked() | Thinking() | Loading() | TextReceived() | Verifying():
            return event


class AnnouncedPerson:
    """Another person; each question and pause is an event first, so that a terminal ends what it draws."""

    def __init__(self, person: Person, events: EventStream) -> None:
        self._person, self._events = person, events

    def approve(self, question: Question) -> Consent:
        self._announce(Asked(question))
        return self._person.approve(question)

    def answer(self, question: str, *, stop: StopCheck) -> str | None:
        self._events.flush()
        return self._person.answer(question, stop=stop)

    def pause(self, why: str, stop: StopCheck) -> bool:
        self._announce(Paused(why))
        return self._person.pause(why, stop)

    def _announce(self, event: RunEvent) -> None:
        self._events.publish(event)
        self._events.flush()
