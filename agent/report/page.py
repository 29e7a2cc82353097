"""The report of a recorded run: one self-contained HTML page, without scripts and external resources.

`ReportWriter` writes it when a run ends, `write_report` at any time. The page states how the run ended
(`ending`), and shows each step with its pictures and times.

All that a model said is hostile input: the template escapes it, hidden characters are shown by their
codes, and the page's own policy forbids scripts and every load.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final, assert_never

from qvl_agent.actions.core.coordinates import GRID, ModelBox
from qvl_agent.actions.core.errors import RecordingError
from qvl_agent.actions.planning.action import Action
from qvl_agent.actions.planning.events import (
    ButtonEvent,
    Event,
    KeyEvent,
    MoveEvent,
    SecretEvent,
    TextEvent,
    WheelEvent,
)
from qvl_agent.agent.recording.format import RunResult
from qvl_agent.agent.recording.recording import Recording
from qvl_agent.agent.recording.steps import RecordedStep
from qvl_agent.agent.registry.lookup import about_model
from qvl_agent.agent.report.html import render, write_page
from qvl_agent.agent.report.pictures import Pictures, pictures, screen_alone
from qvl_agent.agent.run.events import Ended, Resumed, RunEvent, Started
from qvl_agent.agent.wording import action_words

__all__ = ["ReportWriter", "ending", "render_report", "write_report"]

_PARTS: Final = (
    "model",
    "capture",
    "encode",
    "prompt",
    "parse",
    "guard",
    "freshness",
    "input",
    "settle",
    "record",
)
"""The parts of a step in the order of the bars, which is the order of their colours."""
_TONES: Final = {"done": "good", "refused": "bad", "stale": "claim", "stopped": "bad", "failed": "bad"}
"""The tone of a step by its outcome's status; "claim" for any other."""
_ENDINGS: Final = {
    "failed": ("Failed", "The model gave up."),
    "refused": ("Refused", "The guard or the person stopped it."),
    "stuck": ("Stuck", "It did the same again and again, or nothing that changed anything."),
    "parked": ("Parked", "Nobody answered a question in time, so it wasn't done; the run can go on."),
    "budget": ("Out of budget", "The run used up its steps, time, tokens or questions."),
    "stopped": ("Stopped", "The person stopped it."),
    "dry-run": ("Dry run", "It ended where input would have been sent."),
    "model-error": ("Model error", "The model or its server failed."),
    "desktop-error": ("Desktop error", "The screen or the input side failed."),
    "crashed": ("Crashed", "The program failed; this is a bug."),
}
"""A headline and an explanation for each way in which a run ends without being done."""
_ASKED_AGAIN: Final = {
    True: ("claim", "Claimed twice", "The model says it is done, also when asked over a fresh screen."),
    False: (
        "bad",
        "Claimed, not verified",
        "The model said it is done; asked over a fresh screen, it says it isn't.",
    ),
    None: (
        "bad",
        "Claimed, not verified",
        "The model said it is done; asked over a fresh screen, it gave no usable answer.",
    ),
}
"""The tone, headline and explanation of a claim that the model itself was asked about, by its answer."""


@dataclass(frozen=True, slots=True)
class PagePart:
    """A part of a step's time.

    Attributes:
        share: the part's bar: per cent of the whole step, or, in the medians, of the longest part.
        colour: the number of the page's colour for this part.
    """

    name: str
    seconds: float
    share: float
    colour: int


@dataclass(frozen=True, slots=True)
class Shown:
    """A step as the page shows it."""

    step: RecordedStep
    title: str
    tone: str
    pictures: Pictures
    parts: tuple[PagePart, ...]

    @property
    def total(self) -> float:
        return sum(part.seconds for part in self.parts)

    @property
    def beside(self) -> float:
        """Return the seconds that the step took without the model's."""
        return sum(part.seconds for part in self.parts if part.name not in ("model", "closer"))


class ReportWriter:
    """A subscriber of a run's events that writes its page into its folder when it ends."""

    def __init__(self) -> None:
        self._folder = Path()
        self._page: Future[Path] = Future()

    def __call__(self, event: RunEvent) -> None:
        """Write the page at the run's end, from the record."""
        match event:
            case Started(folder=folder) | Resumed(folder=folder):
                self._folder = folder
            case Ended():
                page = self._folder / "report.html"
                try:
                    write_report(Recording.open(self._folder), page)
                except RecordingError as error:
                    self._page.set_exception(error)
                else:
                    self._page.set_result(page)
            case _:
                pass

    def page(self) -> Path:
        """Wait until the page of a run that has ended is written, and return its path.

        Raises:
            RecordingError: the run ended before its first step, or the page can't be written.
        """
        return self._page.result()


def write_report(recording: Recording, path: Path) -> None:
    """Write the page, readable by its owner alone; a file at `path` is replaced in one go.

    Raises:
        RecordingError: the page can't be written there.
    """
    write_page(path, render_report(recording))


def render_report(recording: Recording) -> str:
    """Make the page's HTML. In the place of a missing or damaged picture stands what is wrong with it."""
    shown = [_shown(recording, index) for index in range(len(recording.steps))]
    tone, headline, worth = ending(recording.result)
    return render(
        "report.html.j2",
        action_fields=action_fields,
        event_words=event_words,
        run=recording,
        manifest=recording.manifest,
        result=recording.result,
        steps=shown,
        tone=tone,
        headline=headline,
        worth=worth,
        typical=_typical(shown),
        beside=median([step.beside for step in _acting(shown)] or [0.0]),
        tokens=_tokens(recording),
        verification=_verification(recording),
        about_model=about_model(recording.manifest.model),
    )


def ending(result: RunResult | None) -> tuple[str, str, str]:
    """Return how a run ended: a tone ("good", "claim" or "bad"), a headline, and an explanation.

    Only a checker makes a run "verified"; what the model says is a claim, also when it was asked again.
    """
    if result is None:
        return "bad", "Cut off", "The journal has no last line: the program was killed or the power failed."
    if result.status != "done":
        return "bad", *_ENDINGS[result.status]
    if result.verified_by == "model":
        return _ASKED_AGAIN[result.verified]
    match result.verified:
        case True:
            return "good", "Done, verified", "The model says it is done, and the checker confirmed it."
        case False:
            return "bad", "Claimed, not verified", "The model says it is done; the checker says it isn't."
        case None:
            return "claim", "Claimed", "The model says it is done. Nothing has checked that."


def action_fields(action: Action) -> list[tuple[str, str]]:
    """Return an action's fields as names and texts, without empty ones; the model's own words come last."""
    fields = [(name, value) for name, value in action if value not in ("", None, False, ())]
    fields.sort(key=lambda field: field[0] in ("label", "intent"))
    return [(name, _field(value)) for name, value in fields]


def event_words(event: Event) -> str:
    """Describe a planned event in words."""
    match event:
        case MoveEvent():
            return f"move to ({event.point.x}, {event.point.y})"
        case ButtonEvent():
            return f"{event.button} button {'down' if event.down else 'up'}"
        case WheelEvent():
            return f"wheel dx {event.dx:+d}, dy {event.dy:+d}"
        case KeyEvent():
            return f"{event.key} {'down' if event.down else 'up'}"
        case TextEvent():
            return f"type “{event.text}”"
        case SecretEvent():
            return f"type the secret “{event.name}”"
        case _:
            assert_never(event)


def _field(value: object) -> str:
    match value:
        case ModelBox():
            return f"[{value.x1:g}, {value.y1:g}, {value.x2:g}, {value.y2:g}] of {GRID}"
        case tuple():
            return " + ".join(map(str, value))
        case True:
            return "yes"
        case _:
            return str(value)


def _shown(recording: Recording, index: int) -> Shown:
    step = recording.steps[index]
    action = step.intent.action
    title = action_words(action) if action else "No action: the reply couldn't be used"
    tone = "bad" if action is None else _TONES.get(step.outcome.outcome.status, "claim")
    times: dict[str, float] = {}
    for name, value in (*step.intent.times.items(), *step.outcome.outcome.times.items()):
        times[name] = times.get(name, 0.0) + max(0.0, value)
    return Shown(step, title, tone, pictures(recording, index), _parts(times))


def _verification(recording: Recording) -> Pictures | None:
    """Return the screen over which the model was asked whether the task is done; None if it wasn't."""
    asked = recording.result.verification if recording.result else None
    if asked is None:
        return None
    return screen_alone(recording, asked.frame, "The screen after the claim, captured anew.")


def _parts(times: dict[str, float]) -> tuple[PagePart, ...]:
    whole = sum(times.values()) or 1.0
    names = sorted(times, key=lambda name: _PARTS.index(name) if name in _PARTS else len(_PARTS))
    return tuple(PagePart(name, times[name], 100 * times[name] / whole, _colour(name)) for name in names)


def _colour(name: str) -> int:
    return _PARTS.index(name) if name in _PARTS else len(_PARTS)


def _acting(steps: Sequence[Shown]) -> list[Shown]:
    """Return the steps that sent input, or all if none did.

    The step that ends a run takes little time, and would make the median look too good.
    """
    return [step for step in steps if any(part.name == "input" for part in step.parts)] or list(steps)


def _typical(steps: Sequence[Shown]) -> tuple[PagePart, ...]:
    """Return the median of each part over the steps that have it; its share is of the largest median."""
    values: dict[str, list[float]] = {}
    for step in steps:
        for part in step.parts:
            values.setdefault(part.name, []).append(part.seconds)
    medians = {name: median(each) for name, each in values.items()}
    largest = max(medians.values(), default=0.0) or 1.0
    return tuple(
        PagePart(name, value, 100 * value / largest, _colour(name))
        for name, value in sorted(medians.items(), key=lambda item: _colour(item[0]))
    )


def _tokens(recording: Recording) -> tuple[int, int] | None:
    """Return the tokens of all prompts and of all replies; None if no reply's tokens were counted."""
    steps = recording.steps
    beside = [step.intent.closer.reply for step in steps if step.intent.closer]
    if recording.result and recording.result.verification:
        beside.append(recording.result.verification.reply)
    replies = [*(step.intent.reply for step in steps), *(reply for reply in beside if reply)]
    if all(reply.reply_tokens is None for reply in replies):
        return None
    return sum(reply.prompt_tokens or 0 for reply in replies), sum(
        reply.reply_tokens or 0 for reply in replies
    )
