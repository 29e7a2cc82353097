"""A paused run, in the terminal: why it pauses, and the key that lets it go on or ends it."""

import time
from typing import Final

from rich.console import Console

from qvl_agent.actions.desktops import StopCheck
from qvl_agent.agent.terminal.keyboard import Keyboard
from qvl_agent.agent.terminal.question_words import safe

__all__ = ["UNREAD_S", "wait_for_key"]

UNREAD_S: Final = 0.5
"""Nobody has read the question sooner; a key that is pressed before was meant for something else."""
_POLL_S: Final = 0.05
_GO_ON, _END = frozenset(b"\r\n"), frozenset(b"qQ\x04")
_ESCAPE: Final = 27


def wait_for_key(keyboard: Keyboard, console: Console, why: str, stop: StopCheck) -> bool:
    """Say why a run pauses, and wait as long as it takes; say whether it goes on.

    Args:
        keyboard: where the key comes from.
        console: where it is said.
        why: a sentence.
        stop: ends the waiting, and the run.
    """
    with keyboard.reading():
        console.bell()
        console.print(f"[yellow]Paused:[/] {safe(why)}", soft_wrap=True)
        console.print("Nothing is held down, and nothing is watched: the computer is yours.", soft_wrap=True)
        console.print("Enter goes on from the screen as it is then; q ends the run: ", end="")
        keyboard.screen.flush()
        going_on = _key(keyboard, stop)
        console.print("going on" if going_on else "ended")
    return going_on


def _key(keyboard: Keyboard, stop: StopCheck) -> bool:
    shown = time.monotonic()
    while not stop():
        try:
            data = keyboard.read(_POLL_S)
        except OSError:
            return False  # the terminal is gone
        early = time.monotonic() - shown < UNREAD_S
        if not data or early or data[0] == _ESCAPE:  # what begins so is a key without a character
            continue
        if _END & set(data):
            return False
        if _GO_ON & set(data):
            return True
    return False
