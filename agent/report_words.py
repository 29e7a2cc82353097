"""What a report says in words: actions, events, endings, seconds. Plain text; the template escapes it."""

import unicodedata
from typing import Final, assert_never

from qvl_agent.actions.coordinates import GRID, ModelBox
from qvl_agent.actions.events import ButtonEvent, Event, KeyEvent, MoveEvent, TextEvent, WheelEvent
from qvl_agent.actions.schema import (
    Action,
    Answer,
    Ask,
    Click,
    Done,
    Drag,
    Fail,
    Move,
    Press,
    Scroll,
    Type,
    Wait,
    Zoom,
)
from qvl_agent.sandbox.record import RunResult

__all__ = [
    "MAX_SHOWN",
    "action_fields",
    "action_words",
    "ending",
    "event_words",
    "seconds",
    "shortened",
    "visible",
]

MAX_SHOWN: Final = 20_000
"""Characters of one text that a page shows; the journal has them all."""
_CLICKS: Final = {1: "Click", 2: "Double-click", 3: "Triple-click"}
_KEPT: Final = "\n\t"
_HIDDEN: Final = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def visible(text: str) -> str:
    """Cut a text that is too long, and show the characters that hide or reorder others by their codes.

    A reply may hold control characters, bidirectional overrides or lone surrogates; on a page they
    could hide text, move it, or keep the page from being written.
    """
    if len(text) > MAX_SHOWN:
        text = f"{text[:MAX_SHOWN]}\n… and {len(text) - MAX_SHOWN:,} more characters, in the journal"
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _KEPT or unicodedata.category(character) not in _HIDDEN:
        return character
    return f"⟨U+{ord(character):04X}⟩"


def shortened(text: str, length: int) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def seconds(value: float) -> str:
    """A duration in the unit a person would use."""
    if value < 0.000_05:
        return "< 0.1 ms"
    if value < 0.000_95:
        return f"{value * 1000:.1f} ms"
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    return f"{value:.2f} s" if value < 9.95 else f"{value:.1f} s"


def action_words(action: Action) -> str:
    """An action as a person would say it."""
    on = f" “{shortened(action.label, 60)}”" if action.label else ""
    match action:
        case Click():
            which = "" if action.button == "left" else f" with the {action.button} button"
            return f"{_with(action.modifiers)}{_CLICKS[action.count]}{on}{which}"
        case Move():
            return f"Move to{on or ' a point'}"
        case Drag():
            return f"{_with(action.modifiers)}Drag{on}"
        case Scroll():
            return f"{_with(action.modifiers)}Scroll {_way(action)}{' over' + on if on else ''}"
        case Type():
            return f"Type “{shortened(action.text, 60)}”{' into' + on if on else ''}"
        case Press():
            times = f" {action.count} times" if action.count > 1 else ""
            return f"Press {'+'.join(action.keys)}{times}"
        case Wait():
            return f"Wait {action.seconds:g} s"
        case Zoom():
            return f"Look closer at{on or ' a region'}"
        case Ask():
            return f"Ask: {shortened(action.question, 80)}"
        case Answer():
            return f"Answer: {shortened(action.text, 80)}"
        case Done():
            return "Claim that the task is done"
        case Fail():
            return "Give up"
        case _:
            assert_never(action)


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


def _with(modifiers: tuple[str, ...]) -> str:
    return "".join(f"{key}+" for key in modifiers)


def _way(action: Scroll) -> str:
    ways = []
    if action.dy:
        ways.append(f"{'down' if action.dy > 0 else 'up'} {abs(action.dy)}")
    if action.dx:
        ways.append(f"{'right' if action.dx > 0 else 'left'} {abs(action.dx)}")
    return " and ".join(ways) or "by nothing"


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
        case _:
            assert_never(event)


_ENDINGS: Final = {
    "failed": ("Failed", "The model gave up."),
    "refused": ("Refused", "The guard or the person stopped it."),
    "stuck": ("Stuck", "It did the same again and again, or nothing that changed anything."),
    "budget": ("Out of budget", "The run used up its steps, time or tokens."),
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
