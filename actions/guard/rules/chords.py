"""A rule about chords that lock, log out, leave the desktop, close or delete.

They are found in the events, whatever action sends them. A chord counts if at least its modifiers
are held, so that an extra Shift doesn't hide it; AltGr counts as Alt.
"""

from collections.abc import Iterator
from typing import Final

from qvl_agent.actions.core.outcome import Level, Verdict
from qvl_agent.actions.guard.rules import Case
from qvl_agent.actions.planning.events import KeyEvent, Plan
from qvl_agent.actions.planning.keys import MODIFIERS, chord

__all__ = ["dangerous_chord"]

_Chord = tuple[frozenset[str], str]


def _chords(level: Level, reason: str, *names: str) -> dict[_Chord, tuple[Level, str]]:
    keys = [chord(name) for name in names]
    return {(frozenset(held), key): (level, reason) for *held, key in keys}


_DANGEROUS: Final = {
    **_chords(Level.DENY, "leaves or ends the session", "ctrl+alt+delete", "ctrl+alt+backspace"),
    **_chords(Level.DENY, "shuts down or restarts on some desktops", "ctrl+alt+pagedown", "ctrl+alt+pageup"),
    **_chords(Level.DENY, "talks to the kernel (SysRq)", "alt+printscreen"),
    **_chords(Level.DENY, "switches to a text console", *(f"ctrl+alt+f{n}" for n in range(1, 13))),
    **_chords(Level.DENY, "locks the screen", "meta+l", "ctrl+alt+l", "ctrl+meta+q"),
    **_chords(Level.DENY, "logs out", "shift+meta+q", "shift+meta+e"),
    **_chords(
        Level.ASK_EVERY, "deletes for good", "shift+delete", "meta+alt+backspace", "shift+meta+backspace"
    ),
    **_chords(Level.ASK_ONCE, "closes the window", "alt+f4", "ctrl+w", "meta+w", "ctrl+f4"),
    **_chords(Level.ASK_ONCE, "quits the application", "ctrl+q", "meta+q", "meta+alt+esc"),
    **_chords(Level.ASK_ONCE, "opens a place to run commands", "meta+r", "alt+f2", "ctrl+alt+t", "meta+x"),
    **_chords(Level.ASK_ONCE, "opens the task manager", "ctrl+shift+esc"),
}

_COMMAND: Final = frozenset({"meta"})
_HARMLESS: Final = {"darwin": frozenset({(_COMMAND, "l"), (_COMMAND, "r"), (_COMMAND, "x")})}
"""Chords that are harmless on a system: on macOS these mean the address bar, reload and cut."""


def dangerous_chord(case: Case) -> Verdict | None:
    """Ask about, or refuse, the worst dangerous chord that the plan presses."""
    harmless = _HARMLESS.get(case.scene.platform, frozenset())
    found = [
        (level, "+".join(chord((*needed, key))), reason)
        for held, pressed in dict.fromkeys(_pressed(case.plan))
        for (needed, key), (level, reason) in _DANGEROUS.items()
        if pressed == key and needed <= held and (needed, key) not in harmless
    ]
    if not found:
        return None
    level, name, reason = max(found, key=lambda entry: entry[0])
    return Verdict(level, f"chord-{name}", f"{name} {reason}")


def _pressed(plan: Plan) -> Iterator[_Chord]:
    """List each other key that is pressed, with the modifiers that are held at that moment."""
    held: set[str] = set()
    for event in plan:
        if not isinstance(event, KeyEvent):
            continue
        if event.key not in MODIFIERS:
            if event.down:
                yield frozenset("alt" if key == "altgr" else key for key in held), event.key
        elif event.down:
            held.add(event.key)
        else:
            held.discard(event.key)
