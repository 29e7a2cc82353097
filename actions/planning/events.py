"""Input events: the smallest steps of input that a desktop is sent, in logical pixels.

A plan is the exact list of events that carry out an action. The guard judges it, the approval is bound
to it, and the desktop sends it and nothing else.
"""

from dataclasses import dataclass
from typing import Final, Literal

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.planning.action import Button

__all__ = [
    "TYPED",
    "ButtonEvent",
    "Event",
    "KeyEvent",
    "MoveEvent",
    "Plan",
    "SecretEvent",
    "TextEvent",
    "WheelEvent",
]


@dataclass(frozen=True, slots=True)
class MoveEvent:
    """Put the pointer at a point."""

    point: DesktopPoint
    kind: Literal["move"] = "move"


@dataclass(frozen=True, slots=True)
class ButtonEvent:
    """Press or release a mouse button."""

    button: Button
    down: bool
    kind: Literal["button"] = "button"


@dataclass(frozen=True, slots=True)
class WheelEvent:
    """Turn the wheel, in notches: `dy` > 0 downwards, `dx` > 0 to the right."""

    dx: int
    dy: int
    kind: Literal["wheel"] = "wheel"


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """Press or release a key, by its canonical name in `keys.py`."""

    key: str
    down: bool
    kind: Literal["key"] = "key"


@dataclass(frozen=True, slots=True)
class TextEvent:
    """Type text exactly, whatever the keyboard layout; holds no newline and no control character."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class SecretEvent:
    """Type a secret's value, which only the desktop gets, and only while it types."""

    name: str
    kind: Literal["secret"] = "secret"


Event = MoveEvent | ButtonEvent | WheelEvent | KeyEvent | TextEvent | SecretEvent
Plan = tuple[Event, ...]

TYPED: Final = (KeyEvent, TextEvent, SecretEvent)
"""The events that go to the window with the focus."""
