"""The person at the terminal: their approvals, their answers to the model, and their pauses of a run.

A question shows what would happen, where, why it is asked, and how long there is to answer. Keys that come
before the question has been shown for a moment can't answer it: they were meant for something else, or no
person typed them. A yes takes its word and Enter.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from rich.console import Console

from qvl_agent.actions.core.outcome import Level
from qvl_agent.actions.desktops import StopCheck
from qvl_agent.actions.execution.person import QUESTION_S, Consent, Nobody, Person, Question, Said
from qvl_agent.agent.terminal.graphics import Graphics, graphics_of, show
from qvl_agent.agent.terminal.keyboard import TerminalKeys, open_keyboard
from qvl_agent.agent.terminal.question_picture import question_picture
from qvl_agent.agent.terminal.question_words import choices, noticed, print_question, safe

__all__ = ["NOTICE_S", "UNREAD_S", "TerminalPerson"]

NOTICE_S: Final = 1.5
"""Seconds in which a notice can be cancelled."""
UNREAD_S: Final = 0.5
"""Seconds in which nobody can have read a question; keys that come sooner were meant for something else."""
_POLL_S: Final = 0.1
_PAUSE_POLL_S: Final = 0.05
_LONGEST: Final = 16
"""The most characters of an answer."""
_AROUND: Final = (640, 320)
"""The least width and height of a question's picture, in pixels of the screen."""
_AROUND_IN_BLOCKS: Final = (240, 120)
_PICTURE: Final = frozenset({"p", "picture"})
_ANSWERS: Final[dict[str, Said]] = {
    "y": "yes",
    "yes": "yes",
    "r": "yes-for-run",
    "run": "yes-for-run",
    "n": "no",
    "no": "no",
    "s": "stop",
    "stop": "stop",
}
_ANSWERS_IN_WORDS: Final[dict[Said, str]] = {
    "yes": "yes, this once",
    "yes-for-run": "yes, for this whole run",
    "no": "no",
    "stop": "stop the run",
    "late": "none in time",
    "absent": "nobody",
}
_ENTER, _ERASE, _END, _ESCAPE = frozenset({10, 13}), frozenset({8, 127}), 4, 27
_GO_ON_KEYS, _QUIT_KEYS = frozenset(b"\r\n"), frozenset(b"qQ\x04")


class TerminalPerson:
    """A `Person` who is asked in the terminal that the program was started from; only its keys answer."""

    def __init__(self, keyboard: TerminalKeys, console: Console | None = None) -> None:
        self._keyboard = keyboard
        self._console = console or Console(file=keyboard.screen, highlight=False)
        self._live = self._console.is_terminal and os.environ.get("TERM", "") not in {"", "dumb"}
        self._graphics: Graphics | None = None
        self._looked = False

    @classmethod
    @contextmanager
    def here(cls, *, as_json: bool) -> Iterator[Person]:
        """Open the person at this terminal; yields `Nobody` without one on standard error, or for JSON."""
        keyboard = open_keyboard() if sys.stderr.isatty() and not as_json else None
        if keyboard is None:
            yield Nobody()
            return
        try:
            yield cls(keyboard)
        finally:
            keyboard.close()

    def approve(self, question: Question) -> Consent:
        if question.verdict.level <= Level.NOTICE:
            return self._notice(question)
        with ExitStack() as stack:
            self._find_graphics()
            stack.enter_context(self._keyboard.reading())
            self._console.print()
            self._console.bell()
            self._picture(question)
            print_question(question, self._console)
            said = self._wait(question, stack)
            self._prompt_over(f"your answer: [bold]{_ANSWERS_IN_WORDS[said]}[/]")
        return Consent(said)

    def answer(self, question: str, *, stop: StopCheck = lambda: False) -> str | None:
        self._keyboard.forget()
        self._console.bell()
        self._console.print(f"[yellow]The model asks:[/] {safe(question)}", soft_wrap=True)
        self._console.print("your answer: ", end="")
        self._keyboard.screen.flush()
        line = self._keyboard.line(QUESTION_S, stop)
        if line is None:
            self._console.print(_ANSWERS_IN_WORDS["late"])
        return line or None

    def pause(self, why: str, stop: StopCheck) -> bool:
        return wait_for_key(self._keyboard, self._console, why, stop)

    def _notice(self, question: Question) -> Consent:
        """Print a notice, and wait a moment for a key that cancels it; a background job doesn't wait."""
        line = noticed(question, NOTICE_S)
        if not self._keyboard.in_front:
            self._console.print(line, soft_wrap=True)
            return Consent("yes")
        with self._keyboard.reading():
            self._console.print(line, soft_wrap=True)
            end = time.monotonic() + NOTICE_S
            while (left := end - time.monotonic()) > 0:
                if question.stop():
                    return Consent("stop")
                if self._keyboard.read(min(left, _POLL_S)):
                    self._console.print("     [red]cancelled[/]")
                    return Consent("no")
        return Consent("yes")

    def _find_graphics(self) -> None:
        if not self._looked:
            self._looked = True
            self._graphics = graphics_of(self._keyboard, self._console)

    def _picture(self, question: Question) -> None:
        if self._graphics is None:
            return
        columns, rows = min(self._console.width, 100), min(24, max(6, self._console.height - 16))
        blocks = self._graphics.way == "blocks"
        picture = question_picture(question, _AROUND_IN_BLOCKS if blocks else _AROUND, 4 if blocks else 2)
        show(picture, columns, rows, self._graphics, self._console)

    def _wait(self, question: Question, stack: ExitStack) -> Said:
        """Read keys until there is an answer, the time is over, or the run was stopped."""
        shown, typed, drawn = time.monotonic(), _Typed(), ""
        while (left := question.limit_s - (time.monotonic() - shown)) > 0:
            if question.stop():
                return "stop"
            if (prompt := self._prompt(left, typed.text)) != drawn:
                self._draw(prompt, drawn)
                drawn = prompt
            data = self._keyboard.read(_POLL_S)
            if time.monotonic() - shown < UNREAD_S:
                continue
            word = typed.take(data)
            if word in _PICTURE:
                self._prompt_over(f"picture: {_save(question, stack)} (it is gone when you have answered)")
                drawn = ""
            elif word is not None:
                said = _ANSWERS.get(word)
                if said is not None and (said != "yes-for-run" or question.verdict.level is Level.ASK_ONCE):
                    return said
                self._prompt_over(f"“{safe(word)}” is no answer; type {choices(question)}, then Enter")
                drawn = ""
        return "late"

    def _prompt(self, left_s: float, typed: str) -> str:
        minutes, seconds = divmod(int(left_s), 60)
        clock = f" ({minutes}:{seconds:02} left)" if self._live else ""
        return f"your answer{clock}: {typed}"

    def _draw(self, prompt: str, before: str) -> None:
        """Rewrite the prompt's line; on a terminal without that ability write only what was added to it."""
        if self._live:
            self._keyboard.screen.write(f"\r\x1b[K{prompt}")
        elif prompt.startswith(before):
            self._keyboard.screen.write(prompt.removeprefix(before))
        else:
            self._keyboard.screen.write(f"\n{prompt}")
        self._keyboard.screen.flush()

    def _prompt_over(self, text: str) -> None:
        """Print a line in the prompt's place, or below it where lines can't be rewritten."""
        self._keyboard.screen.write("\r\x1b[K" if self._live else "\n")
        self._console.print(text, soft_wrap=True)


def wait_for_key(keyboard: TerminalKeys, console: Console, why: str, stop: StopCheck) -> bool:
    """Print why a run pauses, wait as long as it takes, and return whether the run goes on.

    Args:
        keyboard: the keys that are waited for.
        console: the place to print.
        why: the reason, as a sentence.
        stop: returns True to end the waiting, and the run.
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


class _Typed:
    """The characters that were typed since the last Enter."""

    def __init__(self) -> None:
        self.text = ""

    def take(self, data: bytes) -> str | None:
        """Add keys; at Enter return the word before it. Keys that send an escape sequence are ignored."""
        if data.startswith(b"\x1b"):
            return None
        for byte in data:
            if byte in _ENTER:
                word, self.text = self.text.strip().lower(), ""
                if word:
                    return word
            elif byte == _END:
                return "no"
            elif byte in _ERASE:
                self.text = self.text[:-1]
            elif 32 <= byte < 127 and len(self.text) < _LONGEST:
                self.text += chr(byte)
        return None


def _save(question: Question, stack: ExitStack) -> Path:
    """Save the whole screen with its marks, readable only by this user, until the question ends."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="qvl-agent-"))
    path = Path(folder) / "question.png"
    question_picture(question, question.frame.size).save(path)
    return path


def _key(keyboard: TerminalKeys, stop: StopCheck) -> bool:
    shown = time.monotonic()
    while not stop():
        try:
            data = keyboard.read(_PAUSE_POLL_S)
        except OSError:
            return False  # the terminal is gone
        early = time.monotonic() - shown < UNREAD_S
        if not data or early or data[0] == _ESCAPE:  # Escape begins the sequence of a key without character
            continue
        if _QUIT_KEYS & set(data):
            return False
        if _GO_ON_KEYS & set(data):
            return True
    return False
