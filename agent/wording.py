"""Actions in words, a model's text made safe to show to a person, and words for a command line."""

import shlex
import subprocess
import sys
import unicodedata
from typing import Final, assert_never

from qvl_agent.actions.planning.action import (
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

__all__ = ["MAX_SHOWN", "action_words", "quoted", "shortened", "visible"]

MAX_SHOWN: Final = 20_000
"""The most characters of one text that are shown; the journal has them all."""
_CLICKS: Final = {1: "Click", 2: "Double-click", 3: "Triple-click"}
_KEPT: Final = "\n\t"
"""Control characters that are shown as they are."""
_HIDDEN: Final = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
"""Unicode's categories of characters that hide, move or reorder others."""


def quoted(word: str) -> str:
    """Write a word for a command line that is shown, as this system's shell takes it."""
    return subprocess.list2cmdline([word]) if sys.platform == "win32" else shlex.quote(word)


def visible(text: str) -> str:
    """Cut a text to `MAX_SHOWN` characters, and write characters that hide or reorder others as their codes.

    A reply may hold control characters, bidirectional overrides or lone surrogates; on a page or in
    a terminal they could hide text, move it, or forge what the program itself says.
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
    """Return a text on one line, cut to `length` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1]}…"


def action_words(action: Action) -> str:
    """Describe an action in a person's words."""
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


def _with(modifiers: tuple[str, ...]) -> str:
    return "".join(f"{key}+" for key in modifiers)


def _way(action: Scroll) -> str:
    ways = []
    if action.dy:
        ways.append(f"{'down' if action.dy > 0 else 'up'} {abs(action.dy)}")
    if action.dx:
        ways.append(f"{'right' if action.dx > 0 else 'left'} {abs(action.dx)}")
    return " and ".join(ways) or "by nothing"
