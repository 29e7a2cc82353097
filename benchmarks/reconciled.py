"""Whether the events that a client got are exactly those of an approved plan, in order. Pure.

Written from what a plan means to a client, not from the code that sends it.
"""

import math
from typing import Final, assert_never

from event_log import Batch, Seen
from Xlib import XK

from qvl_agent.actions.core.coordinates import DesktopPoint
from qvl_agent.actions.planning.events import ButtonEvent, KeyEvent, MoveEvent, Plan, TextEvent, WheelEvent

_BUTTONS: Final = {"left": 1, "middle": 2, "right": 3}
_NAMED: Final = {
    "ctrl": "Control_L",
    "shift": "Shift_L",
    "alt": "Alt_L",
    "meta": "Super_L",
    "enter": "Return",
    "tab": "Tab",
    "esc": "Escape",
    "backspace": "BackSpace",
    "delete": "Delete",
    "home": "Home",
    "end": "End",
    "pageup": "Prior",
    "pagedown": "Next",
    "up": "Up",
    "down": "Down",
    "left": "Left",
    "right": "Right",
    "space": "space",
    **{f"f{number}": f"F{number}" for number in range(1, 13)},
}
_SHIFT: Final = int(XK.XK_Shift_L)
_MOST_MOTIONS: Final = 40
"""The most steps that one drag is made of."""


class MismatchError(Exception):
    """What a client got is not what was approved."""


def keysym_of(key: str) -> int:
    """Say what a key of a plan means to a client."""
    return ord(key) if len(key) == 1 else int(XK.string_to_keysym(_NAMED[key]))


def mismatch(plan: Plan, batch: Batch, pointer: DesktopPoint, *, stopped: bool = False) -> str:
    """Say how what a client got differs from a plan; "" if it is exactly that.

    Args:
        plan: what was approved; () if nothing was.
        batch: all that came, and what is down after it.
        pointer: where the pointer was before.
        stopped: it was stopped somewhere: a beginning of the plan, and what it had pressed is released.
    """
    try:
        _held(batch)
        _raw(plan, batch)
        reader = _Reader(batch.core, pointer)
        if stopped:
            reader.read_beginning(plan)
        else:
            reader.read(plan)
    except MismatchError as error:
        return str(error)
    return ""


def _held(batch: Batch) -> None:
    if batch.keys_down or batch.buttons_down:
        raise MismatchError(f"still down: keys {batch.keys_down}, buttons {batch.buttons_down:#x}")


def _raw(plan: Plan, batch: Batch) -> None:
    """The raw events are the window's, so nothing went anywhere else, and nothing came from anywhere else."""
    core, raw = (
        [_pressed(each) for each in events if each.kind != "motion"] for events in batch_parts(batch)
    )
    if core != raw:
        raise MismatchError(f"the window got {len(core)} presses and releases, the server made {len(raw)}")
    motions = [sum(each.kind == "motion" for each in events) for events in batch_parts(batch)]
    if motions[0] > motions[1] or (motions[1] and not any(isinstance(each, MoveEvent) for each in plan)):
        raise MismatchError(f"the window got {motions[0]} motions, the server made {motions[1]}")


def batch_parts(batch: Batch) -> tuple[list[Seen], list[Seen]]:
    return batch.core, batch.raw


def _pressed(seen: Seen) -> tuple[str, bool, int]:
    return seen.kind, seen.down, seen.code


class _Reader:
    """Reads events one after the other, against a plan."""

    def __init__(self, events: list[Seen], pointer: DesktopPoint) -> None:
        self._events = events
        self._at = 0
        self._pointer = pointer
        self._down: set[tuple[str, int]] = set()
        self._shifted: set[int] = set()
        """Keys that brought a Shift of their own along."""

    def read(self, plan: Plan) -> None:
        for event in plan:
            match event:
                case MoveEvent(point):
                    self._move(point)
                case ButtonEvent(button, down):
                    self._button(_BUTTONS[button], down)
                case WheelEvent(dx, dy):
                    for button, notches in ((5 if dy > 0 else 4, abs(dy)), (7 if dx > 0 else 6, abs(dx))):
                        for _ in range(notches):
                            self._button(button, down=True)
                            self._button(button, down=False)
                case KeyEvent(key, down):
                    self._key(keysym_of(key), down)
                case TextEvent(text):
                    self._text(text)
                case _:
                    assert_never(event)
        if self._at < len(self._events):
            raise MismatchError(f"more than was approved: {self._events[self._at]}")

    def read_beginning(self, plan: Plan) -> None:
        """Read as far as the events follow the plan; after that only what is down may be let go."""
        try:
            self.read(plan)
        except MismatchError as parted:
            for seen in self._events[self._at :]:
                if seen.down or (seen.kind, seen.code) not in self._down:
                    raise MismatchError(f"stopped, and then {seen}") from parted
                self._down.remove((seen.kind, seen.code))

    def _peek(self) -> Seen | None:
        return self._events[self._at] if self._at < len(self._events) else None

    def _next(self, kind: str, wanted: str) -> Seen:
        seen = self._peek()
        if seen is None or seen.kind != kind:
            raise MismatchError(f"expected {wanted}, came {seen}")
        return seen

    def _take(self, seen: Seen) -> None:
        """Count an event as the one expected."""
        self._at += 1
        if seen.kind != "motion":
            (self._down.add if seen.down else self._down.discard)((seen.kind, seen.code))

    def _move(self, point: DesktopPoint) -> None:
        """One motion to the point, or with a button down some along the line to it."""
        start, part = self._pointer, 0.0
        dragging = any(kind == "button" for kind, _ in self._down)
        for _ in range(_MOST_MOTIONS if dragging else 1):
            if self._pointer == point and (seen := self._peek()) is not None and seen.kind != "motion":
                break
            if self._pointer == point and self._peek() is None:
                break
            seen = self._next("motion", f"a motion to {point}")
            self._pointer = DesktopPoint(seen.x, seen.y)
            now = _along(start, point, self._pointer)
            if now < part:
                raise MismatchError(f"a motion off the way from {start} to {point}: {seen}")
            self._take(seen)
            part = now
        if self._pointer != point:
            raise MismatchError(f"the pointer went to {self._pointer}, not to {point}")

    def _button(self, number: int, down: bool) -> None:
        seen = self._next("button", f"button {number}")
        if (seen.code, seen.down) != (number, down) or DesktopPoint(seen.x, seen.y) != self._pointer:
            raise MismatchError(f"expected button {number}, down {down}, at {self._pointer}; came {seen}")
        self._take(seen)

    def _key(self, keysym: int, down: bool) -> None:
        if down and keysym != _SHIFT and self._shift(down=True):
            self._shifted.add(keysym)
        self._one_key(keysym, down)
        if not down and keysym in self._shifted:
            self._shifted.remove(keysym)
            self._one_key(_SHIFT, down=False)

    def _one_key(self, keysym: int, down: bool) -> None:
        seen = self._next("key", f"key {keysym:#x}")
        if seen.down != down or keysym not in (seen.keysym, seen.plain):  # plain: the plan itself holds Shift
            raise MismatchError(f"expected key {keysym:#x}, down {down}; came {seen}")
        self._take(seen)

    def _shift(self, *, down: bool) -> bool:
        seen = self._peek()
        if seen is None or (seen.kind, seen.keysym, seen.down) != ("key", _SHIFT, down):
            return False
        self._take(seen)
        return True

    def _text(self, text: str) -> None:
        """Each character's key down and up, with Shift in between as needed, and up at the end."""
        shifted = False
        for character in text:
            keysym = ord(character) if ord(character) < 0x100 else 0x01000000 + ord(character)
            if self._shift(down=not shifted):
                shifted = not shifted
            for down in (True, False):
                seen = self._next("key", f"{character!r}")
                if (seen.down, seen.keysym) != (down, keysym):
                    raise MismatchError(f"expected {character!r} ({keysym:#x}), down {down}; came {seen}")
                self._take(seen)
        if shifted and not self._shift(down=False):
            raise MismatchError(f"Shift stays down after {text!r}")


def _along(start: DesktopPoint, end: DesktopPoint, at: DesktopPoint) -> float:
    """Say how far on the way from start to end a point is, 0-1; -1 if it is off the way."""
    dx, dy = end.x - start.x, end.y - start.y
    length = math.hypot(dx, dy)
    if not length:
        return 0.0 if at == start else -1.0
    off = abs((at.x - start.x) * dy - (at.y - start.y) * dx) / length
    part = ((at.x - start.x) * dx + (at.y - start.y) * dy) / length**2
    return part if off <= 1 and -0.01 <= part <= 1.01 else -1.0
