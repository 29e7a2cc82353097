"""What a report says in words: fields, events, endings, seconds. Plain text; the template escapes it."""

from typing import Final, assert_never

from qvl_agent.actions.core.coordinates import GRID, ModelBox
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

__all__ = ["action_fields", "ending", "event_words", "seconds"]


def seconds(value: float) -> str:
    """A duration in the unit a person would use."""
    if value < 0.000_05:
        return "< 0.1 ms"
    if value < 0.000_95:
        return f"{value * 1000:.1f} ms"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.95 else f"{value:.1f} s"


def action_fields(action: Action) -> list[tuple[str, str]]:
    """An action's fields as names and texts, without those that say nothing; the model's words last."""
    fields = [(name, value) for name, value in action if value not in ("", None, False, ())]
    fields.sort(key=lambda field: field[0] in ("label", "intent"))
    return [(name, _field(value)) for name, value in fields]


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


def event_words(event: Event) -> str:
    """One planned event."""
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


_MODELS_WORD: Final = {
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


def ending(result: RunResult | None) -> tuple[str, str, str]:
    """How a run ended: a tone ("good", "claim", "bad"), a headline, and what it is worth.

    Only a checker's word makes it "verified"; the model's is a claim, also when it was asked again.
    """
    if result is None:
        return "bad", "Cut off", "The journal has no last line: the program was killed or the power failed."
    if result.status != "done":
        return "bad", *_ENDINGS[result.status]
    if result.verified_by == "model":
        return _MODELS_WORD[result.verified]
    match result.verified:
        case True:
            return "good", "Done, verified", "The model says it is done, and the checker confirmed it."
        case False:
            return "bad", "Claimed, not verified", "The model says it is done; the checker says it isn't."
        case None:
            return "claim", "Claimed", "The model says it is done. Nothing has checked that."
